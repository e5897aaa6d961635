"""What a record says of the machine and the libraries, and what it keeps to itself."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import graphflow as gf
from graphflow.catalog.catalog import default_catalog
from graphflow.check.check import check
from graphflow.document.parse import parse, read_file
from graphflow.plan.plan import Plan, plan
from graphflow.record.run_record import RunRecord
from graphflow.system.device import Compute

PURE = """
graphflow: 1
inputs: {photo: {type: image, default: photo.png}}
nodes: {small: {type: resize, image: $photo, width: 30}}
"""


@gf.node(environment="torch")
def computed(image: gf.Image) -> gf.Image:
    """Use torch a little."""
    import torch

    assert torch.ones(1).item() == 1
    return image


def _torch_plan(folder: Path, compute: Compute) -> Plan:
    text = PURE.replace("width: 30}", "width: 30}, made: {type: computed, image: $small}")
    document, _ = parse(text, "graph.yaml", folder)
    assert document is not None
    return plan(check(document, default_catalog().extended(computed), compute=compute))


def test_a_run_without_torch_tells_of_what_it_used_only(recorded: Callable[..., Any]) -> None:
    import torch  # noqa: F401 — another run's libraries must not stand in this one's record

    environment = RunRecord.load(recorded(PURE).folder / "small.png").environment
    assert environment.versions["Pillow"] == metadata.version("Pillow")
    assert environment.platform
    assert "torch" not in environment.versions
    assert environment.threads is None


@pytest.mark.parametrize("threads", [1, 3])
def test_a_run_with_torch_tells_what_decides_its_bytes(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    gf.run(_torch_plan(photo.parent, Compute("cpu", None, threads)), record=tmp_path / "run")
    whole = RunRecord.load(tmp_path / "run").environment
    assert whole == RunRecord.load(tmp_path / "run" / "made.png").environment
    names = ("torch", "diffusers", "transformers", "accelerate", "safetensors")
    assert {name: whole.versions[name] for name in names} == {name: metadata.version(name) for name in names}
    assert (whole.device, whole.threads) == ("cpu", threads)
    assert whole.device_name
    assert whole.cpu_capability
    assert whole.variables["OMP_NUM_THREADS"] == "1"
    assert whole.settings["deterministic_algorithms"] is False
    assert "hush" not in (tmp_path / "run" / "run.json").read_text()


def test_the_threads_that_a_variable_sets_are_told_though_the_call_says_nothing(photo: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import graphflow as gf\n"
        "import test_environment as t; from graphflow.system.device import Compute\n"
        "made = t._torch_plan(Path(sys.argv[2]), Compute()); assert 'torch' not in sys.modules\n"
        "gf.run(made, record=Path(sys.argv[2]) / 'run')\n"
    )
    more = {**os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", code, here, str(photo.parent)], env=more, check=True)
    record = RunRecord.load(photo.parent / "run")
    assert record.compute is not None
    assert (record.compute.threads, record.environment.threads) == (None, 2)


def test_the_precision_in_force_is_told(tmp_path: Path) -> None:
    from graphflow.record.describe import describe

    made = gf.load("text2img").plan(compute=Compute("cpu", "bfloat16"))
    assert describe(made).environment.dtypes == ["bfloat16"]
    assert describe(gf.load("text2img").plan(compute=Compute())).environment.dtypes == ["float32"]


@pytest.mark.parametrize("linked", [False, True], ids=["home", "home behind a link"])
def test_a_picture_tells_neither_the_home_folder_nor_its_owner(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    real = tmp_path / "homes" / "eve-adams"
    real.mkdir(parents=True)
    home = real
    if linked:
        home = tmp_path / "eve-adams"
        home.symlink_to(real)
    monkeypatch.setenv("HOME", str(home))
    photo.rename(real / "photo.png")
    template = "graphflow: 1\ninputs: {image: {type: image}}\nnodes: {small: {type: resize, image: $image, width: 9}}\n"
    (real / "t.yaml").write_text(template + "outputs: {image: $small}\n")
    text = f"graphflow: 1\ninputs: {{photo: {{type: image, default: {home}/photo.png}}}}\n"
    text += f"nodes: {{a: {{template: {real}/t.yaml, image: $photo}}}}\noutputs: {{image: $a}}\n"
    (real / "g.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    gf.run(home / "g.yaml", record=tmp_path / "run")
    from graphflow.record.png import read_text

    carried = read_text(tmp_path / "run" / "image.png")
    assert carried is not None
    assert "eve-adams" not in carried
    record = RunRecord.load(tmp_path / "run" / "image.png")
    assert (record.document.file, record.document.folder) == ("g.yaml", "~")
    assert {node.place.partition(":")[0] for node in record.nodes if node.place} == {"t.yaml"}
    assert [used for node in record.nodes for used in node.used] == ["g.yaml:3:23 as a"]
    # It is still the same document.
    (tmp_path / "again.yaml").write_text(record.document.text)
    document, problems = read_file(tmp_path / "again.yaml")
    assert document is not None
    assert not problems
    assert check(document, default_catalog()).ok
