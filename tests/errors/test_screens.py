"""Every code has a document, and every document has exactly the screen that is stored beside it."""

import os

import pytest

from graphflow.problems import CODES
from tests.errors.make_table import TARGET, table
from tests.errors.screens import FOLDER, NAMES, code_of, screen_of

UPDATE = "UPDATE_SCREENS"
"""Environment variable: write the screens anew instead of comparing them; read them before you commit them."""


@pytest.mark.parametrize("name", NAMES)
def test_document_has_exactly_the_stored_screen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    screen, stored = screen_of(name), FOLDER / f"{name}.txt"
    if os.environ.get(UPDATE):
        stored.write_text(screen, encoding="utf-8")
    assert screen == stored.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_document_whose_screen_shows_it(code: str) -> None:
    screens = [(FOLDER / f"{name}.txt").read_text(encoding="utf-8") for name in NAMES if code_of(name) == code]
    assert screens
    assert all(f" {code}: " in screen for screen in screens)


def test_no_screen_is_without_its_document() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(NAMES)


def test_every_document_is_named_after_a_code() -> None:
    assert [name for name in NAMES if code_of(name) not in CODES] == ["ten_faults"]


def test_table_of_codes_is_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == table(), "run: python -m tests.errors.make_table"


def test_ten_faults_are_ten_problems_each_with_its_line_and_column() -> None:
    screen = (FOLDER / "ten_faults.txt").read_text(encoding="utf-8")
    places = [
        line.split(": ")[0] for line in screen.splitlines() if line.startswith("ten_faults.yaml:") and ":" in line
    ]
    found = [place.removeprefix("ten_faults.yaml:") for place in places[:-1]]
    assert found == ["4:33", "5:16", "6:32", "13:13", "15:11", "20:12", "24:11", "30:5", "31:10", "36:12"]
    assert "ten_faults.yaml: 10 problems\n" in screen
