"""What the wheel holds, and that it works without the source tree."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "graphflow": "graphflow",
    "graphflow_nodes": "nodes/graphflow_nodes",
    "graphflow_embedded": "nodes/graphflow_embedded",
    "graphflow_graphs": "graphs",
}
"""Package → its folder in the tree."""

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of a copy of the tree, built with the installed setuptools; nothing is fetched."""
    copy = tmp_path_factory.mktemp("tree")
    for folder in ("graphflow", "nodes", "graphs"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "setup.py", "LICENSE", "README.md"):
        if (ROOT / file).exists():
            shutil.copy(ROOT / file, copy)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", build, "dist"], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def files(wheel) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def in_tree(package: str, pattern: str) -> set[str]:
    """The files of a package that match `pattern`, named as the wheel should name them."""
    folder = ROOT / PACKAGES[package]
    found = (path.relative_to(folder) for path in folder.glob(pattern) if path.is_file())
    return {f"{package}/{path.as_posix()}" for path in found}


def test_wheel_puts_only_graphflow_names_at_the_top_of_site_packages(files):
    assert {file.split("/")[0] for file in files} == {*PACKAGES, "graphflow_diffusion-0.1.0.dist-info"}


@pytest.mark.parametrize("package", PACKAGES)
def test_wheel_holds_every_module(files, package):
    modules = {file for file in in_tree(package, "**/*.py") if not file.startswith("graphflow_embedded/make/")}
    assert modules
    assert modules - files == set()


@pytest.mark.parametrize(
    ("package", "pattern"),
    [
        ("graphflow", "py.typed"),
        ("graphflow_nodes", "models/*.json"),
        ("graphflow_nodes", "models/clip_merges.txt.gz"),
        ("graphflow_nodes", "single_files/configs/*"),
        ("graphflow", "record/*.jinja"),
        ("graphflow_embedded", "components/**/*"),
        ("graphflow_embedded", "checkpoints/*.json"),
        ("graphflow_embedded", "cards/*"),
        ("graphflow_graphs", "**/*.yaml"),
        ("graphflow_graphs", "assets/*"),
    ],
)
def test_wheel_holds_package_data(files, package, pattern):
    expected = in_tree(package, pattern)
    assert expected
    assert expected - files == set()


def test_wheel_holds_the_licence_and_the_sources_of_the_photographs(files):
    assert "graphflow_diffusion-0.1.0.dist-info/licenses/LICENSE" in files
    assert "graphflow_graphs/assets/SOURCES.md" in files


def test_wheel_leaves_out_training_tests_and_rubbish(files):
    wrong = ("/make/", "/tests/", "__pycache__", ".egg-info", "setup.py")
    assert [file for file in files if any(part in file for part in wrong)] == []


def test_wheel_names_the_command_and_the_shipped_nodes(wheel):
    text = zipfile.ZipFile(wheel).read("graphflow_diffusion-0.1.0.dist-info/entry_points.txt").decode()
    assert "graphflow = graphflow.__main__:main" in text
    assert "[graphflow.nodes]\nshipped = graphflow_nodes:NODES" in text


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Call Python with the unpacked wheel, from a folder that holds nothing else of ours."""
    site = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(site)

    def call(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path_factory.mktemp("elsewhere"),
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    call.site = site
    return call


@pytest.mark.parametrize("package", PACKAGES)
def test_unpacked_wheel_imports_each_package_from_itself(python, package):
    where = python("-c", f"import {package}; print({package}.__file__)")
    assert Path(where.strip()) == python.site / package / "__init__.py"


def test_unpacked_wheel_finds_the_library_from_another_folder(python):
    listed = [line.split()[0] for line in python("-m", "graphflow", "graphs").splitlines() if line.startswith("  ")]
    graphs = {graph.stem for folder in ("graphs", "graphs/templates") for graph in (ROOT / folder).glob("*.yaml")}
    assert graphs
    assert set(listed) == graphs
