"""The README is true: its documents are checked, its Python and its commands are run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@dataclass(frozen=True)
class Block:
    language: str
    text: str


BLOCKS = [Block(*match) for match in re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]


def blocks(language: str) -> list[str]:
    return [block.text for block in BLOCKS if block.language == language]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the README's reader has it after saving what the README shows."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "graphs" / "assets", folder / "graphs" / "assets")
    keep, mine = blocks("yaml")
    (folder / "keep_the_cup.yaml").write_text(keep)
    (folder / "mine.yaml").write_text(mine)
    (nodes,) = [text for text in blocks("python") if text.startswith("# my_nodes.py")]
    (folder / "my_nodes.py").write_text(nodes)
    return folder


def graphflow(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "graphflow", *words]
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


COMMANDS = [line.split("#")[0].strip() for text in blocks("sh") for line in text.splitlines()]
CALLS = [line for line in COMMANDS if line.startswith("graphflow ")]
SPOKEN = re.findall(r"`graphflow ([^`]+)`", README)


@pytest.mark.parametrize("call", [call.removeprefix("graphflow ") for call in CALLS] + SPOKEN)
def test_every_command_of_the_readme_works(folder: Path, call: str):
    done = graphflow(folder, *call.split())
    assert done.returncode == 0, done.stderr


def test_the_commands_write_what_the_readme_says(folder: Path):
    graphflow(folder, "run", "mine.yaml", "--nodes", "my_nodes.py", "--out", "again")
    written = {path.name for path in (folder / "again").iterdir()}
    assert written == {"image.png", "mask.png", "run.json", "events.jsonl", "report.html"}


def test_the_three_nodes_tell_their_progress(folder: Path):
    done = graphflow(folder, "run", "mine.yaml", "--nodes", "my_nodes.py", "--out", "told", "--json")
    assert done.stdout.count('"step_progress"') == 20


def test_the_python_of_the_readme_runs(folder: Path):
    (api,) = [text for text in blocks("python") if not text.startswith("# my_nodes.py")]
    done = subprocess.run(
        [sys.executable, "-c", api], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "cup.png").is_file()
    assert (folder / "vignette.yaml").is_file()


def test_the_fault_that_the_readme_shows_is_the_one_that_check_shows(folder: Path):
    (screen,) = [text for text in blocks("") if "did you mean" in text]
    wrong = (folder / "keep_the_cup.yaml").read_text().replace("blur_factor:", "blur_facto:")
    (folder / "wrong").mkdir(exist_ok=True)
    (folder / "wrong" / "keep_the_cup.yaml").write_text(wrong.replace("graphs/", "../graphs/"))
    assert graphflow(folder / "wrong", "check", "keep_the_cup.yaml").stderr == screen


def test_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = [command.split()[1] for command in COMMANDS if command.startswith("make ")]
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_first_screen_shows_a_picture():
    head = "\n".join(README.splitlines()[:30])
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", head)
    assert (ROOT / picture).is_file()


def test_files_that_the_readme_links_to_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 3
    assert [link for link in links if not (ROOT / link).exists()] == []
