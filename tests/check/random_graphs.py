"""Random documents for tests: junk ones that may be wrong in any way, and right ones."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from graphflow.catalog.catalog import Catalog, default_catalog, loose_catalog
from graphflow.document.known_keys import NODE_KEYS
from graphflow.document.model import Document, InputDecl, NodeDecl, OutputDecl
from graphflow.document.tree import Entry, Mapping, Scalar, Sequence, Tree
from graphflow.values.types import ATOMS, Atom, ListOf, Type, fits, item_of, list_of, member_for

ERRORS = Path(__file__).parents[1] / "errors"
CATALOG: Catalog = default_catalog().joined(loose_catalog(ERRORS / "toys.py"))
PHOTO = str(ERRORS.parents[1] / "graphs" / "assets" / "cat.jpg")

IDS = tuple("abcdefgh")
JUNK = (
    *("", " ", "~", "$", "$$", "$a", "$b.image", "${c.mask}", "$d[0]", "$e.labels", "$a.b[9]", "a $a b", "$$a and $b"),
    *("no", "true", "-1", "1e9", ".nan", "0x1F", "9" * 200, "x" * 400, ".", "..", "/", "*", "?.png", "[", "~nobody/x"),
    *("a\0b", "é", "\u2028", "embedded/x", "owner/name", "owner/name@v1", "./x.safetensors", PHOTO, "soft.yaml"),
    *(str(ERRORS / "templates/soft.yaml"), str(ERRORS / "templates/round.yaml"), str(ERRORS / "files"), "red", "disc"),
)
scalars = st.sampled_from(JUNK).map(Scalar)
junk: st.SearchStrategy[Tree] = st.recursive(
    scalars,
    lambda inner: (
        st.builds(Sequence, st.lists(inner, max_size=3).map(tuple))
        | st.builds(
            Mapping, st.dictionaries(st.sampled_from([*JUNK[:8], "pixels"]), st.builds(Entry, inner), max_size=2)
        )
    ),
    max_leaves=4,
)
_LITERALS = {"string": "red", "int": "3", "float": "0.5", "bool": "true", "image": PHOTO, "mask": PHOTO, "file": PHOTO}


@st.composite
def _value(draw: st.DrawFn, type_: Type, known: dict[str, Type], chaos: int) -> Tree:
    """A value for a key of this type: a fitting literal, a reference, a list, or junk; all right without chaos."""
    if draw(st.integers(0, 9)) < chaos:
        return draw(junk)
    fitting = [id_ for id_, source in known.items() if draw(st.integers(0, 9)) < chaos or fits(source, type_)]
    if fitting and draw(st.integers(0, 3)):
        port = (
            draw(st.sampled_from(["", ".image", ".mask", "[0]", ".labels"])) if draw(st.integers(0, 9)) < chaos else ""
        )
        return Scalar(f"${draw(st.sampled_from(fitting))}{port}")
    if isinstance(type_, ListOf) or draw(st.integers(0, 9)) < chaos:
        return Sequence(tuple(draw(st.lists(_value(item_of(type_), known, chaos), min_size=1, max_size=3))))
    word = member_for(type_, tuple(_LITERALS))
    return Scalar(_LITERALS[word.word] if word is not None else "red")


@st.composite
def _node(draw: st.DrawFn, id_: str, known: dict[str, Type], chaos: int) -> NodeDecl:
    if draw(st.integers(0, 19)) < chaos:
        values = draw(st.dictionaries(st.sampled_from(["mask", "blur", "image"]), junk.map(Entry), max_size=2))
        return NodeDecl(id_, draw(st.sampled_from(["type", "template"])), draw(scalars), values)
    type_ = CATALOG[draw(st.sampled_from(list(CATALOG)))]
    keys = {**type_.ports, **type_.params}
    static = {name for name, param in type_.params.items() if chaos < 5 or param.choices}
    needed = {name for name, port in type_.ports.items() if not port.optional}
    needed |= {name for name, param in type_.params.items() if param.required}

    def value(name: str) -> Tree:
        return draw(_value(keys[name].type, {} if name in static else known, chaos))

    values = {
        name: Entry(value(name))
        for name in keys
        if (draw(st.integers(0, 29)) >= chaos if name in needed else draw(st.integers(0, 9)) < chaos)
    }
    each: Tree | None = None
    if draw(st.integers(0, 3)) == 0 and values:
        name = draw(st.sampled_from(list(values)))
        items = Sequence((value(name), value(name))[: draw(st.integers(0, 2))])
        if draw(st.integers(0, 9)) >= chaos:
            del values[name]
        each = Mapping({name: Entry(items)}) if draw(st.integers(0, 9)) >= chaos else draw(junk)
    flags = [
        draw(st.sampled_from(["true", "false"]).map(Scalar) if draw(st.integers(0, 9)) >= chaos else junk)
        for _ in range(2)
    ]
    chosen = [flag if draw(st.integers(0, 5)) == 0 else None for flag in flags]
    return NodeDecl(id_, "type", Scalar(type_.name), values, each, *chosen)


@st.composite
def junk_documents(draw: st.DrawFn) -> Document:
    """Documents of every chaos: right ones, ones with a fault or two, and nonsense."""
    chaos = draw(st.sampled_from([0, 0, 0, 1, 1, 3, 9]))
    ids = draw(st.permutations(IDS))[: draw(st.integers(1, 7))]
    cut = draw(st.integers(0, min(2, len(ids))))
    inputs, known = {}, dict.fromkeys(IDS, Atom("image")) if chaos > 5 else {}
    for id_ in ids[:cut]:
        type_: Type = Atom(draw(st.sampled_from(ATOMS if chaos else tuple(_LITERALS))))
        type_ = ListOf(type_) if draw(st.booleans()) else type_
        limit = draw(scalars) if draw(st.integers(0, 9)) < chaos else None
        default = None if draw(st.integers(0, 9)) < chaos else draw(_value(type_, {}, chaos))
        inputs[id_] = InputDecl(id_, type_, default, limit, None)
        known[id_] = type_
    nodes = {}
    for id_ in ids[cut:]:
        nodes[id_] = decl = draw(_node(id_, known, chaos))
        if decl.kind == "type" and decl.ref.text in CATALOG:
            given: Type = next(iter(CATALOG[decl.ref.text].outputs.values())).type
            known[id_] = (list_of(given) or given) if decl.for_each is not None else given
    names = ids[cut:] if chaos < 5 else list(IDS)
    shown = draw(st.none() | st.lists(st.sampled_from(names), max_size=3, unique=True)) if names else None
    outputs = None if shown is None else {id_: OutputDecl(id_, Scalar(f"${id_}")) for id_ in shown}
    return Document("random", inputs=inputs, nodes=nodes, outputs=outputs)


@st.composite
def right_graphs(draw: st.DrawFn) -> list[tuple[str, dict[str, Tree | int | list[int]]]]:
    """Nodes as (type, values); an int stands for a reference to the node of this number, written before or after."""
    nodes: list[tuple[str, dict[str, Tree | int | list[int]]]] = [("photo", {"seed": Scalar("1")})]
    for number in range(1, draw(st.integers(1, 12))):
        reads = st.integers(0, number - 1)
        type_ = draw(st.sampled_from(["photo", "mask_blur", "mask_invert", "mask_combine", "mask_grow", "overlay"]))
        if type_ == "photo":
            nodes.append((type_, {"seed": Scalar(str(draw(st.integers(0, 2))))}))
        elif type_ == "mask_combine":
            nodes.append((type_, {"mask": draw(reads), "other": draw(reads)}))
        elif type_ == "overlay":
            nodes.append((type_, {"image": draw(reads), "mask": draw(reads), "generated": draw(reads)}))
        elif type_ == "mask_grow":
            nodes.append((type_, {"mask": draw(reads), "pixels": Scalar(str(draw(st.integers(0, 2))))}))
        else:
            nodes.append((type_, {"mask": draw(reads)}))
    nodes.append(("image_grid", {"images": draw(st.lists(st.integers(0, len(nodes) - 1), min_size=1, max_size=4))}))
    return nodes


def document_of(
    nodes: list[tuple[str, dict[str, Tree | int | list[int]]]], names: list[str], order: list[int]
) -> Document:
    """The document of a right graph, its nodes named so and written in this order."""

    def tree(value: Tree | int | list[int]) -> Tree:
        if isinstance(value, list):
            return Sequence(tuple(tree(one) for one in value))
        return Scalar(f"${names[value]}") if isinstance(value, int) else value

    decls = {}
    for number in order:
        type_, values = nodes[number]
        entries = {key: Entry(tree(value)) for key, value in values.items()}
        decls[names[number]] = NodeDecl(names[number], "type", Scalar(type_), entries)
    outputs = {"grid": OutputDecl("grid", Scalar(f"${names[-1]}"))}
    return Document("right", nodes=decls, outputs=outputs)


node_names = st.from_regex("[a-z][a-z0-9_]{0,4}", fullmatch=True).filter(lambda name: name not in NODE_KEYS)
