"""Scalars are read from their source text by the type that their key declares."""

from typing import Any

import pytest

from graphflow.document.model import Document
from graphflow.document.parse import parse
from graphflow.document.scalars import read_scalar, write_scalar
from graphflow.document.tree import Scalar
from graphflow.errors import InvalidValue

REFUSED = "refused"

TABLE = [
    # written      string        int        float          bool
    ("no", "no", REFUSED, REFUSED, REFUSED),
    ("Yes", "Yes", REFUSED, REFUSED, REFUSED),
    ("true", "true", REFUSED, REFUSED, True),
    ("FALSE", "FALSE", REFUSED, REFUSED, False),
    ("tRUE", "tRUE", REFUSED, REFUSED, REFUSED),
    ("4:3", "4:3", REFUSED, REFUSED, REFUSED),
    ("1e-3", "1e-3", REFUSED, 0.001, REFUSED),
    ("1E3", "1E3", REFUSED, 1000.0, REFUSED),
    ("12", "12", 12, 12.0, REFUSED),
    ("-0", "-0", 0, 0.0, REFUSED),
    ("+7", "+7", 7, 7.0, REFUSED),
    ("007", "007", 7, 7.0, REFUSED),
    ("0x1F", "0x1F", 31, 31.0, REFUSED),
    ("-0x1F", "-0x1F", REFUSED, REFUSED, REFUSED),
    ("0o17", "0o17", 15, 15.0, REFUSED),
    ("0b11", "0b11", REFUSED, REFUSED, REFUSED),
    ("1_000", "1_000", REFUSED, REFUSED, REFUSED),
    ("3.0", "3.0", REFUSED, 3.0, REFUSED),
    ("3.", "3.", REFUSED, 3.0, REFUSED),
    (".5", ".5", REFUSED, 0.5, REFUSED),
    (".", ".", REFUSED, REFUSED, REFUSED),
    ("1e999", "1e999", REFUSED, REFUSED, REFUSED),
    (".inf", ".inf", REFUSED, REFUSED, REFUSED),
    ("-.INF", "-.INF", REFUSED, REFUSED, REFUSED),
    (".nan", ".nan", REFUSED, REFUSED, REFUSED),
    ("inf", "inf", REFUSED, REFUSED, REFUSED),
    ("nan", "nan", REFUSED, REFUSED, REFUSED),
    ("null", "null", REFUSED, REFUSED, REFUSED),
    ("~", "~", REFUSED, REFUSED, REFUSED),
    ("1" * 101, "1" * 101, REFUSED, 1e100, REFUSED),
    ("٣", "٣", REFUSED, REFUSED, REFUSED),
    ("12\n", "12\n", REFUSED, REFUSED, REFUSED),
    (" 12", " 12", REFUSED, REFUSED, REFUSED),
    ("2024-01-01", "2024-01-01", REFUSED, REFUSED, REFUSED),
]
CASES = [
    (text, word, value)
    for text, *values in TABLE
    for word, value in zip(("string", "int", "float", "bool"), values, strict=True)
]


@pytest.mark.parametrize(("text", "word", "value"), CASES)
def test_scalar_is_read_by_its_declared_type(text: str, word: str, value: Any) -> None:
    if value is REFUSED:
        with pytest.raises(InvalidValue):
            read_scalar(Scalar(text), word)
    else:
        read = read_scalar(Scalar(text), word)
        assert read == pytest.approx(value, rel=0.12) if word == "float" and len(text) > 100 else read == value
        assert type(read) is {"string": str, "int": int, "float": float, "bool": bool}[word]


@pytest.mark.parametrize("value", [0, -3, 2**80, 0.1, 1e-300, 1e22, -0.0, True, False, "no", ""])
def test_written_value_is_read_back(value: Any) -> None:
    word = {str: "string", int: "int", float: "float", bool: "bool"}[type(value)]
    read = read_scalar(Scalar(write_scalar(value)), word)
    assert (read, str(read)) == (value, str(value))


def default_of(written: str) -> tuple[Document, list[str]]:
    document, problems = parse(f"graphflow: 1\ninputs:\n  a: {{type: string, default: {written}}}\nnodes: {{}}\n")
    assert document is not None
    return document, [problem.code for problem in problems]


@pytest.mark.parametrize(
    ("written", "text"),
    [("no", "no"), ("4:3", "4:3"), ("1e-3", "1e-3"), ("'$5 # off'", "$5 # off"), ('"a\\tb"', "a\tb"), ("''", "")],
)
def test_text_stays_what_is_written(written: str, text: str) -> None:
    document, problems = default_of(written)
    assert document.inputs["a"].default == Scalar(text)
    assert not problems


@pytest.mark.parametrize(("written", "problems"), [("", ["empty-value"]), ("''", []), ("[]", []), ('[""]', [])])
def test_nothing_is_a_problem_and_quoted_nothing_is_text(written: str, problems: list[str]) -> None:
    assert default_of(written)[1] == problems
