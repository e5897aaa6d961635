"""Nobody is told to install the package `graphflow`: that name belongs to somebody else."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from graphflow.system.distribution import DISTRIBUTION, install_command, shipped_version

ROOT = Path(__file__).parents[2]
FOREIGN = re.compile(r"\bgraphflow\[|install\b[^\n`]*?[\s'\"]graphflow(?![\w.-])", re.IGNORECASE)
"""An extra of `graphflow`, or `install … graphflow` with nothing behind the name."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def texts() -> list[Path]:
    """Code, pages and documents of the tree, this file left out."""
    folders = [path for name in ("graphflow", "nodes", "docs", "graphs", "tests") for path in (ROOT / name).rglob("*")]
    kinds = (".py", ".md", ".toml", ".txt", ".yaml", ".jinja")
    return [path for path in (*ROOT.iterdir(), *folders) if path.suffix in kinds and path != Path(__file__)]


@pytest.mark.parametrize(
    "text", ["pip install graphflow", "pip install 'graphflow[canny]'", "uv pip install -U graphflow\n"]
)
def test_pattern_finds_commands_that_would_install_a_strangers_package(text):
    assert FOREIGN.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "pip install 'graphflow-diffusion[canny]'",
        "python -m graphflow run text2img",
        "pip install -c constraints.txt .",
    ],
)
def test_pattern_leaves_our_own_name_and_sentences_alone(text):
    assert FOREIGN.search(text.replace("python -m graphflow run text2img", "it is graphflow that you install")) is None


def test_no_message_and_no_page_names_the_foreign_package():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


def test_installed_distribution_has_the_name_that_messages_use():
    assert PROJECT["name"] == DISTRIBUTION
    assert metadata.metadata(DISTRIBUTION)["Name"] == DISTRIBUTION
    assert shipped_version() == PROJECT["version"]


def test_every_extra_that_a_message_names_is_declared():
    sources = [path for folder in ("graphflow", "nodes") for path in (ROOT / folder).rglob("*.py")]
    named = {extra for path in sources for extra in re.findall(r"install_command\(['\"](\w+)", path.read_text("utf-8"))}
    assert named
    assert named <= PROJECT["optional-dependencies"].keys()
    assert install_command("canny") == "pip install 'graphflow-diffusion[canny]'"
