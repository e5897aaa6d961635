"""Load → save → load gives an equal document, whatever the texts in it."""

import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as gf
from graphflow.document.known_keys import NODE_KEYS, NODE_OPTIONS
from graphflow.document.model import CheckpointDecl, Document, InputDecl, NodeDecl, OutputDecl
from graphflow.document.parse import parse
from graphflow.document.scalars import read_scalar, write_scalar
from graphflow.document.tree import Entry, Mapping, Scalar, Sequence
from graphflow.document.write import write
from graphflow.values.types import ATOMS, Atom, ListOf, Union

NASTY = [
    *(
        "no",
        "1e-3",
        "4:3",
        "0x1F",
        "~",
        "null",
        "",
        " ",
        "\n",
        "\t",
        "- a",
        "? a",
        "a: b",
        "a #b",
        "#b",
        "'",
        '"',
        "\\",
    ),
    *("|", ">", "%a", "@a", "`a", "!a", "&a", "*a", "<<", "=", "[", "]", "{", "}", ",", "---", "...", "--- a", "\n\n"),
    *("a\n", " a", "a ", "a\nb", "a\n\n  b\n", "\ta", "a\t", "é", "😀", "\u2028", "\u0085", "\xa0", "\ufeff", "\x7f"),
    *(
        "\r",
        "a\r\nb",
        "\x00",
        "\x1b[0m",
        "\ud800",
        "x" * 300,
        "a b " * 60,
        "$a",
        "$$a",
        "yes",
        "0o7",
        "1_000",
        "\ue000",
    ),
    *(":", "a:", ":a", "-", "--", "?", "a\n#b", "'a'", '"a"', "a\\n", "\u200b", "\ufffe", "\uffff", "\U0010ffff"),
]


def holds(text: str) -> bool:
    """Whether a YAML file in UTF-8 can hold the text."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


texts = (st.sampled_from(NASTY) | st.text(max_size=20) | st.text(string.printable, max_size=40)).filter(holds)
names = st.from_regex("[a-z][a-z0-9_]{0,6}", fullmatch=True)
free_names = names.filter(lambda name: name not in NODE_KEYS)
scalars = st.builds(Scalar, texts)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.builds(Sequence, st.lists(inner, max_size=3).map(tuple))
        | st.builds(
            Mapping, st.dictionaries(texts.filter(lambda key: key != "<<"), st.builds(Entry, inner), max_size=3)
        )
    ),
    max_leaves=6,
)
atoms = st.sampled_from(ATOMS).map(Atom)
types = atoms | st.builds(ListOf, atoms) | st.lists(atoms, min_size=2, max_size=3).map(lambda some: Union(tuple(some)))
numbers = st.none() | st.integers(-9, 9).map(lambda number: Scalar(str(number)))


@st.composite
def inputs(draw: st.DrawFn, name: str) -> InputDecl:
    type_ = draw(types)
    limits = [draw(numbers) if type_ in (Atom("int"), Atom("float")) else None for _ in range(2)]
    return InputDecl(name, type_, draw(st.none() | trees), limits[0], limits[1], draw(texts))


@st.composite
def nodes(draw: st.DrawFn, name: str) -> NodeDecl:
    values = draw(
        st.dictionaries(texts.filter(lambda key: key not in (*NODE_KEYS, "<<")), st.builds(Entry, trees), max_size=4)
    )
    kind = draw(st.sampled_from(["type", "template"]))
    extras = [draw(st.none() | trees) for _ in NODE_OPTIONS]
    return NodeDecl(name, kind, draw(scalars), values, *extras)


def checkpoint(name: str, source: Scalar, dtype: Scalar) -> CheckpointDecl:
    return CheckpointDecl(name, source, Mapping({"source": Entry(source), "dtype": Entry(dtype)}))


@st.composite
def documents(draw: st.DrawFn, depth: int = 2) -> Document:
    taken = draw(st.lists(free_names, unique=True, max_size=6))
    cut = draw(st.integers(0, len(taken)))
    reference = st.sampled_from([Scalar("$a"), Scalar("$a.b"), Scalar("${a.b[0]}")])
    details = st.none() | scalars.filter(lambda scalar: scalar.text)
    outputs = st.dictionaries(names, st.tuples(reference, details, details), max_size=3).map(
        lambda found: {name: OutputDecl(name, *parts) for name, parts in found.items()}
    )
    inner = st.dictionaries(names, documents(depth - 1), max_size=2) if depth and draw(st.booleans()) else st.just({})
    return Document(
        name=draw(texts),
        description=draw(texts),
        inputs={name: draw(inputs(name)) for name in taken[:cut]},
        checkpoints={name: checkpoint(name, draw(scalars), draw(scalars)) for name in draw(st.sets(names, max_size=2))},
        templates=draw(inner),
        nodes={name: draw(nodes(name)) for name in taken[cut:]},
        outputs=draw(st.none() | outputs),
    )


@settings(max_examples=150, deadline=None)
@given(documents())
def test_saved_document_is_loaded_equal(document: Document) -> None:
    text = write(document)
    loaded, problems = parse(text)
    assert not [problem for problem in problems if problem.code != "empty-value"], text
    assert loaded == document, text
    assert loaded is not None
    assert write(loaded) == text


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("kind", [None, str])
def test_every_text_survives_or_is_refused_clearly(text: str, kind: type | None) -> None:
    document = Document(nodes={"a": NodeDecl("a", "type", Scalar("t"), {"text": Entry(Scalar(text, kind=kind))})})
    try:
        written = write(document)
    except gf.GraphflowError:
        assert not holds(text)
        return
    loaded, problems = parse(written.encode().decode())
    assert not problems
    assert loaded == document


@settings(max_examples=40, deadline=None)
@given(documents())
def test_without_libyaml_saved_document_is_loaded_equal(document: Document) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphflow.document.write._Dumper", yaml.SafeDumper)
        patch.setattr("graphflow.document.tree._Loader", yaml.SafeLoader)
        text = write(document)
        assert parse(text)[0] == document, text


@pytest.mark.parametrize("text", [*filter(holds, NASTY), "${a}", "$a.b[0] $", "5 $ and $$a"])
def test_python_text_is_given_to_the_node_as_itself(text: str, tmp_path: Path) -> None:
    graph = gf.Graph("escapes")
    a = graph.input("a", "string", default="never seen")
    grid = graph.add("image_grid", images=[], captions=[text, gf.text("{}{}{}", text, a, text)])
    graph.output(image=grid)
    saved = gf.load(graph.save(tmp_path / "g.yaml"))
    assert saved == graph
    for one in (graph, saved):
        captions = one.check().nodes[-1].sources["captions"]
        assert [source.value for source in captions.items] == [text, f"{text}never seen{text}"]


@pytest.mark.parametrize("value", [True, False, 0, -3, 2**70, 2.5, 1e300, 1e-7, -0.0])
def test_python_number_is_read_back_as_itself(value: float) -> None:
    document = Document(
        nodes={"a": NodeDecl("a", "type", Scalar("t"), {"x": Entry(Scalar(write_scalar(value), kind=type(value)))})}
    )
    loaded, _ = parse(write(document))
    assert loaded is not None
    scalar = loaded.nodes["a"].values["x"].value
    assert isinstance(scalar, Scalar)
    assert repr(read_scalar(scalar, type(value).__name__)) == repr(value)
