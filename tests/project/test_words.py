"""Counts and nouns in messages have the right plural and article."""

import re
from pathlib import Path

from graphflow.text_helpers.words import counted, with_article

ROOT = Path(__file__).parents[2]
_COUNT_IN_TEXT = re.compile(r"\{len\([^{}]*\)\} [a-z]+s\b|\{count\} [a-z]+s\b|'s' if |\| length \}\} [a-z]+s\b")


def test_one_is_singular_and_all_else_is_plural() -> None:
    assert [counted(number, "node") for number in (0, 1, 2)] == ["0 nodes", "1 node", "2 nodes"]
    assert [counted(number, "box", "boxes") for number in (0, 1, 2)] == ["0 boxes", "1 box", "2 boxes"]


def test_article_fits_the_noun_and_plurals_take_none() -> None:
    nouns = ("mask", "int", "image | mask", "list of int", "latents")
    assert [with_article(noun) for noun in nouns] == ["a mask", "an int", "an image | mask", "a list of int", "latents"]


def test_no_message_makes_a_plural_of_its_own() -> None:
    files = [path for folder in ("graphflow", "nodes") for path in (ROOT / folder).rglob("*.py")]
    files += (ROOT / "graphflow").rglob("*.jinja")
    wrong = [f"{path.name}: {found}" for path in files for found in _COUNT_IN_TEXT.findall(path.read_text())]
    assert len(files) > 100
    assert wrong == []
