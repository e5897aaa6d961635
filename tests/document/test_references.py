"""References inside text: what names a value, and which dollars are plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphflow.document.text import Reference, escape, read_text, write_text, written

A, AB = Reference("a"), Reference("a", "b")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("$a", (A,)),
        ("${a}", (A,)),
        ("$a.b", (AB,)),
        ("${a.b}", (AB,)),
        ("$a.b[3]", (Reference("a", "b", 3),)),
        ("${a[0]}", (Reference("a", None, 0),)),
        ("$a.b.c", (AB, ".c")),
        ("a photo of $a.", ("a photo of ", A, ".")),
        ("$a. Then", (A, ". Then")),
        ("${a}.b", (A, ".b")),
        ("$a$a", (A, A)),
        ("$a-b", (A, "-b")),
        ("$a[b]", (A, "[b]")),
        ("$a[-1]", (A, "[-1]")),
        ("$$a", ("$a",)),
        ("$$$a", ("$", A)),
        ("$$$$a", ("$$a",)),
        ("$${a}", ("${a}",)),
        ("$5", ("$5",)),
        ("$", ("$",)),
        ("$$", ("$$",)),
        ("100$", ("100$",)),
        ("$A", ("$A",)),
        ("$_a", ("$_a",)),
        ("${a", ("${a",)),
        ("${ a }", ("${ a }",)),
        ("${}", ("${}",)),
        ("$é", ("$é",)),
    ],
)
def test_text_is_cut_into_plain_pieces_and_references(text: str, parts: tuple) -> None:
    assert read_text(text) == parts


nasty = st.text(st.sampled_from("$${}[].ab_0 é\n"), max_size=12)
names = st.from_regex("[a-z][a-z0-9_]{0,3}", fullmatch=True)
references = st.builds(Reference, names, st.none() | names, st.none() | st.integers(0, 99))


@given(nasty | st.text())
def test_escaped_text_is_read_as_itself(text: str) -> None:
    assert read_text(escape(text)) == ((text,) if text else ())


@given(st.lists(nasty | references, max_size=6))
def test_written_text_is_read_as_the_pieces_that_it_was_made_of(pieces: list[str | Reference]) -> None:
    expected: list[str | Reference] = []
    for piece in pieces:
        if isinstance(piece, str) and expected and isinstance(expected[-1], str):
            expected[-1] += piece
        elif piece != "":
            expected.append(piece)
    assert list(read_text(write_text(pieces))) == expected


@pytest.mark.parametrize(
    ("reference", "after", "text"),
    [(A, "", "$a"), (A, " b", "$a"), (A, ".", "$a"), (A, ".b", "${a}"), (A, "b", "${a}"), (AB, "[0]", "${a.b}")],
)
def test_reference_is_written_in_braces_only_where_it_must(reference: Reference, after: str, text: str) -> None:
    assert written(reference, after=after) == text
