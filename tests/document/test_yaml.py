"""What YAML a document may be: places, anchors, encodings, and everything that is refused."""

import time
from pathlib import Path

import pytest

from graphflow.document.parse import parse, read_file
from graphflow.document.tree import Scalar, Sequence
from graphflow.errors import FileProblem

SMALL = "graphflow: 1\nname: small\nnodes:\n  a: {type: mask_blur, mask: m.png}\n"


def found(text: str) -> list[tuple[str, int, int]]:
    return [(one.code, one.place.line, one.place.column) for one in parse(text, "g.yaml")[1]]


def test_every_key_and_value_knows_its_place() -> None:
    document, _ = parse(SMALL)
    assert document is not None
    node = document.nodes["a"]
    entry = node.values["mask"]
    places = [node.place, node.ref.place, entry.place, entry.value.place]
    assert [(place.line, place.column) for place in places] == [(4, 3), (4, 13), (4, 24), (4, 30)]


def test_places_count_characters_and_not_bytes() -> None:
    document, _ = parse("graphflow: 1\nnodes:\n  a: {type: héß😀, mask: m.png}\n")
    assert document is not None
    assert document.nodes["a"].values["mask"].value.place.column == 25


def test_anchor_is_allowed_and_its_alias_has_the_same_value() -> None:
    document, problems = parse(
        "graphflow: 1\nnodes:\n  a: {type: t, sizes: &s [1, 2]}\n  b: {type: t, sizes: *s}\n  c: {type: t, n: &e ''}\n"
    )
    assert document is not None
    assert not problems
    assert document.nodes["b"].values["sizes"].value == Sequence((Scalar("1"), Scalar("2")))


def test_aliases_of_aliases_do_not_explode() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 25)]
    assert [problem[:2] for problem in found("graphflow: 1\nnodes: {}\n" + "\n".join(lines))] == [("over-limit", 8)]


def test_alias_inside_its_own_anchor_names_nothing() -> None:
    assert found("graphflow: 1\nnodes: {}\nname: &n [*n]\n")[0][0] == "yaml-syntax"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_mark_change_nothing(newline: str, mark: str, tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_bytes((mark + SMALL.replace("\n", newline)).encode())
    document, problems = read_file(path)
    assert not problems
    assert document == parse(SMALL)[0]
    assert document is not None
    assert (document.nodes["a"].place.line, document.nodes["a"].place.column) == (4, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("graphflow: 1\nname: !!str x\nnodes: {}\n", ("yaml-feature", 2, 7)),
        ("graphflow: 1\nname: !x y\nnodes: {}\n", ("yaml-feature", 2, 7)),
        ("graphflow: 1\nnodes: !!map {}\n", ("yaml-feature", 2, 8)),
        ("graphflow: 1\nnodes:\n  a: {type: t, x: !!python/object/apply:os.system [ls]}\n", ("yaml-feature", 3, 19)),
        ("graphflow: 1\nnodes:\n  a: &a {type: t}\n  b: {<<: *a}\n", ("yaml-feature", 4, 7)),
        ("graphflow: 1\nname: a\nname: b\nnodes: {}\n", ("repeated-key", 3, 1)),
        ("graphflow: 1\nnodes:\n\ta: {type: t}\n", ("yaml-syntax", 3, 1)),
        ("graphflow: 1\nnodes:\n  a:\n    type: t\n   x: 1\n", ("yaml-syntax", 5, 4)),
        ("graphflow: 1\nname: a: b\nnodes: {}\n", ("yaml-syntax", 2, 8)),
        ("graphflow: 1\nnodes: {}\n---\ngraphflow: 1\nnodes: {}\n", ("wrong-shape", 3, 1)),
        ("graphflow: 1\nnodes: {}\nname: a\x00b\n", ("yaml-syntax", 1, 1)),
        ("", ("version-missing", 1, 1)),
        ("---\n", ("wrong-shape", 1, 4)),
        ("just text\n", ("wrong-shape", 1, 1)),
    ],
)
def test_refused_yaml_is_one_problem_at_its_place(text: str, problem: tuple[str, int, int]) -> None:
    codes = [one for one in found(text) if one[0] != "type-and-template"]
    assert [codes[0][0], len(codes)] == [problem[0], 1]
    assert codes == [problem] or "\x00" in text or text == "---\n"


@pytest.mark.parametrize(
    "content", [b"graphflow: 1\nname: caf\xe9\n", b"graphflow: 1\nname: caf\xe9", b"\xff\xfeg\x00"]
)
def test_other_encodings_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_bytes(content)
    document, problems = read_file(path)
    assert document is None
    assert [problem.code for problem in problems] == ["yaml-syntax"]
    assert "UTF-8" in problems[0].fix


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_deep_nesting_is_refused_without_recursion(opened: str, closed: str) -> None:
    text = "graphflow: 1\nnodes: {}\nname:\n  " + opened * 5000 + closed * 5000 + "\n"
    assert [problem.code for problem in parse(text)[1]] == ["over-limit"]


def test_large_document_is_read_in_seconds() -> None:
    text = "graphflow: 1\nnodes:\n" + "".join(
        f"  n{number}: {{type: mask_blur, mask: $n{number - 1}, blur_factor: 2}}\n" for number in range(10_000)
    )
    start = time.perf_counter()
    document, problems = parse(text)
    assert document is not None
    assert not problems
    assert len(document.nodes) == 10_000
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("name", ["missing.yaml", ".", "nowhere/g.yaml"])
def test_file_that_cannot_be_read_is_an_error_of_ours(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"does not exist|is a folder"):
        read_file(tmp_path / name)
