"""The records of decisions are short, alike and listed, and name what exists."""

import re
from pathlib import Path

import pytest

import graphflow
from graphflow.cli import COMMANDS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "decisions"
INDEX = FOLDER / "README.md"
RECORDS = [path for path in sorted(FOLDER.glob("*.md")) if path != INDEX]


def test_the_index_lists_every_record_by_its_title():
    listed = re.findall(r"^\| \[(.+)\]\((.+)\) \|", INDEX.read_text(encoding="utf-8"), re.MULTILINE)
    assert {FOLDER / link: title for title, link in listed} == {
        path: path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ") for path in RECORDS
    }


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_context_decision_and_consequences_in_forty_lines(path: Path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 40


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_no_code_that_would_have_to_be_run(path: Path):
    assert "```" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_what_a_record_names_exists(path: Path):
    text = path.read_text(encoding="utf-8")
    files = re.findall(r"`((?:docs|graphflow|graphs|nodes|tests)/[\w/.-]+)`", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert set(re.findall(r"\bgf\.(\w+)", text)) <= set(graphflow.__all__)
    assert set(re.findall(r"`graphflow (\w+)[^`]*`", text)) <= set(COMMANDS)
