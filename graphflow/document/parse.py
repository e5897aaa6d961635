"""From text to a `Document`: structure, known keys and names; values are read later, when their types are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from graphflow.document.foreign import foreign_file
from graphflow.document.known_keys import (
    CHECKPOINT_KEYS,
    INPUT_KEYS,
    NODE_KEYS,
    NODE_KINDS,
    NODE_OPTIONS,
    OUTPUT_KEYS,
    TEMPLATE_KEYS,
    TOP_KEYS,
)
from graphflow.document.model import (
    FORMAT_VERSION,
    CheckpointDecl,
    Document,
    InputDecl,
    NodeDecl,
    OutputDecl,
)
from graphflow.document.references import is_reference
from graphflow.document.shorthand import declaration, flow_text, looks_like
from graphflow.document.text import NAME
from graphflow.document.tree import Entry, Mapping, Scalar, Sequence, Tree, read_tree, word_of
from graphflow.limits import DOCUMENT_BYTES
from graphflow.limits import NAME as LONGEST_NAME
from graphflow.problems import NOWHERE, Place, Problem, did_you_mean, nearest
from graphflow.system.distribution import DISTRIBUTION
from graphflow.system.files import read_start
from graphflow.system.gc_pause import paused
from graphflow.text_helpers.spelling import few_suggestions
from graphflow.values.types import ATOMS, FLOAT, INT, Type, item_of, member_for, parse_type

D = TypeVar("D", InputDecl, CheckpointDecl, NodeDecl, OutputDecl, Document)


def read_file(path: Path, *, shown: str | None = None) -> tuple[Document | None, list[Problem]]:
    """Parse the document at `path`; `shown` is its name in messages.

    Raises:
        FileProblem: the file does not exist or cannot be read.
    """
    content = read_start(path, DOCUMENT_BYTES + 1)
    foreign = foreign_file(content, shown or str(path))
    if foreign is not None:
        return None, [foreign]
    if len(content) > DOCUMENT_BYTES:
        return None, [_too_long(shown or str(path))]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        start = content.rfind(b"\n", 0, error.start) + 1
        column = len(content[start : error.start].decode("utf-8", "replace")) + 1
        place = Place(shown or str(path), line, column)
        return None, [Problem("yaml-syntax", "this is not UTF-8 text", "", "save the file as UTF-8 text", place)]
    return parse(text, shown or str(path), path.absolute().parent)


def _too_long(file: str) -> Problem:
    fix = "move a part of it into a template"
    return Problem("over-limit", f"the document has more than {DOCUMENT_BYTES:,} bytes", "", fix, Place(file, 1, 1))


@paused
@few_suggestions
def parse(text: str, file: str = "", folder: Path | None = None) -> tuple[Document | None, list[Problem]]:
    """Parse a document.

    Args:
        text: the YAML.
        file: its name, as messages show it.
        folder: the folder to which its paths are relative; by default the current folder.

    Returns:
        The document and all problems. The document is None only if nothing below the top level can be trusted;
        otherwise it has everything that could be read, so that later checks find the other problems too.
    """
    if len(text) > DOCUMENT_BYTES:
        return None, [_too_long(file)]
    tree, problems = read_tree(text, file)
    if tree is None and not problems:
        problems = [
            Problem("version-missing", "the document is empty", fix="start with: graphflow: 1", place=Place(file, 1, 1))
        ]
    if tree is None:
        return None, problems
    if not isinstance(tree, Mapping):
        fix = "start with: graphflow: 1"
        return None, [
            *problems,
            Problem("wrong-shape", f"the document must be a map, not {word_of(tree)}", "", fix, tree.place),
        ]
    parser = _Parser(problems, file, folder or Path.cwd())
    return parser.document(tree), parser.problems


@dataclass
class _Parser:
    """Reads the tree top down and collects problems."""

    problems: list[Problem]
    file: str
    folder: Path
    taken: dict[str, Place] = field(default_factory=dict)

    def document(self, tree: Mapping) -> Document:
        self._known_keys(tree, TOP_KEYS, "a document")
        self._version(tree)
        return self._graph(tree, "the document")

    def _graph(self, tree: Mapping, what: str) -> Document:
        get = tree.entries.get
        inputs = self._declared("inputs", get("inputs"), self._input)
        checkpoints = self._declared("checkpoints", get("checkpoints"), self._checkpoint)
        templates = self._declared("templates", get("templates"), self._template)
        nodes = self._declared("nodes", get("nodes"), self._node)
        if "nodes" not in tree.entries:
            fix = "add a map of nodes under the key nodes"
            self._say("missing-key", f"{what} has no nodes", tree.place, fix=fix)
        outputs = self._declared("outputs", get("outputs"), self._output) if "outputs" in tree.entries else None
        return Document(
            name=self._words(get("name"), "name"),
            description=self._words(get("description"), "description"),
            inputs=inputs,
            checkpoints=checkpoints,
            templates=templates,
            nodes=nodes,
            outputs=outputs,
            file=self.file,
            folder=self.folder,
        )

    def _say(self, code: str, message: str, place: Place, *, why: str = "", fix: str = "") -> None:
        self.problems.append(Problem(code, message, why, fix, place))

    def _known_keys(self, tree: Mapping, known: tuple[str, ...], owner: str) -> None:
        for key, entry in tree.entries.items():
            if key not in known:
                fix = did_you_mean(key, known, else_="the keys are")
                self._say("unknown-key", f"{owner} has no key {key}", entry.place, fix=fix)

    def _version(self, tree: Mapping) -> None:
        entry = tree.entries.get("graphflow")
        if entry is None:
            fix = f"start with: graphflow: {FORMAT_VERSION}"
            self._say("version-missing", "the document does not state its format version", tree.place, fix=fix)
        elif not isinstance(entry.value, Scalar) or entry.value.text != str(FORMAT_VERSION):
            shown = entry.value.text if isinstance(entry.value, Scalar) else word_of(entry.value)
            fix = f"write graphflow: {FORMAT_VERSION}, or upgrade: pip install -U {DISTRIBUTION}"
            self._say("version-unknown", f"unknown format version {shown or '(empty)'}", entry.value.place, fix=fix)

    def _filled(self, value: Tree, key: str) -> bool:
        if isinstance(value, Scalar) and value.empty:
            fix = 'write a value, or remove the key; text that contains " #" needs quotes, since # starts a comment'
            self._say("empty-value", f"{key} has no value", value.place, fix=fix)
            return False
        return True

    def _all_filled(self, value: Tree, key: str) -> bool:
        """Whether no scalar inside is empty; each empty one gets a problem."""
        pending, filled = [(value, key)], True
        while pending:
            tree, name = pending.pop()
            if isinstance(tree, Scalar):
                filled = self._filled(tree, name) and filled
            elif isinstance(tree, Sequence):
                pending += [(item, f"an item of {key}") for item in reversed(tree.items)]
            else:
                pending += [(entry.value, inner) for inner, entry in reversed(tree.entries.items())]
        return filled

    def _words(self, entry: Entry | None, key: str) -> str:
        """The text of a key such as `description`, or the empty string."""
        scalar = self._scalar(entry.value, key) if entry is not None else None
        return scalar.text if scalar is not None else ""

    def _scalar(self, value: Tree, key: str) -> Scalar | None:
        if not isinstance(value, Scalar):
            fix = "write text, in quotes if it begins with [ or {"
            self._say("wrong-shape", f"{key} must be text, not {word_of(value)}", value.place, fix=fix)
            return None
        return value if self._filled(value, key) else None

    def _declared(self, key: str, entry: Entry | None, read: Callable[[str, Entry], D | None]) -> dict[str, D]:
        """The declarations of a section, by name; those that cannot be read at all are left out."""
        declarations = ((name, read(name, item)) for name, item in self._section(entry, key))
        return {name: decl for name, decl in declarations if decl is not None}

    def _section(self, entry: Entry | None, key: str) -> list[tuple[str, Entry]]:
        if entry is None or (isinstance(entry.value, Scalar) and not self._filled(entry.value, key)):
            return []
        if not isinstance(entry.value, Mapping):
            self._say(
                "wrong-shape",
                f"{key} must be a map, not {word_of(entry.value)}",
                entry.value.place,
                fix="write NAME: … below it",
            )
            return []
        return list(entry.value.entries.items())

    def _name(self, name: str, place: Place, what: str, *, reserved: tuple[str, ...] = ()) -> bool:
        if not NAME.match(name):
            fix = "use lowercase letters, digits and _, starting with a letter"
            self._say("bad-name", f"{name!r} is not a valid name for {what}", place, fix=fix)
            return False
        if len(name) > LONGEST_NAME:
            message = f"{name[:20]}… has {len(name):,} characters; a name can have at most {LONGEST_NAME}"
            self._say("over-limit", message, place, fix="choose a shorter name")
            return False
        if name in reserved:
            fix = "choose another name"
            message = f"{name} is not a valid name for {what}: it is a key of every node"
            self._say("bad-name", message, place, fix=fix)
            return False
        return True

    def _once(self, name: str, place: Place, what: str) -> bool:
        first = self.taken.setdefault(name, place)
        if first is not place:
            why = f"inputs and nodes share one namespace; line {first.line} uses the name first"
            self._say("name-taken", f"the name of {what} {name} is taken", place, why=why, fix="rename one of them")
            return False
        return True

    def _map(self, value: Tree, what: str, fix: str) -> Mapping | None:
        if isinstance(value, Scalar) and not self._filled(value, what):
            return None
        if not isinstance(value, Mapping):
            self._say("wrong-shape", f"{what} must be a map, not {looks_like(value)}", value.place, fix=fix)
            return None
        return value

    def _input(self, name: str, entry: Entry) -> InputDecl | None:
        if not self._name(name, entry.place, "an input", reserved=NODE_KEYS) or not self._once(
            name, entry.place, "the input"
        ):
            return None
        tree = self._map(entry.value, f"the input {name}", f"write {name}: {declaration(entry.value)}")
        if tree is None:
            return InputDecl(name, None, place=entry.place)
        self._known_keys(tree, INPUT_KEYS, f"the input {name}")
        type_ = self._type(name, tree)
        limits = [self._limit(name, key, tree.entries.get(key), type_) for key in ("min", "max")]
        return InputDecl(
            name=name,
            type=type_,
            default=self._default(name, tree.entries.get("default")),
            minimum=limits[0],
            maximum=limits[1],
            description=self._words(tree.entries.get("description"), f"the description of {name}"),
            place=entry.place,
        )

    def _default(self, name: str, entry: Entry | None) -> Tree | None:
        if entry is None:
            return None
        return entry.value if self._all_filled(entry.value, f"the default of {name}") else BROKEN

    def _type(self, name: str, tree: Mapping) -> Type | None:
        entry = tree.entries.get("type")
        if entry is None:
            self._say(
                "missing-key", f"the input {name} has no type", tree.place, fix=f"add type: one of {', '.join(ATOMS)}"
            )
            return None
        scalar = self._scalar(entry.value, f"the type of {name}")
        if scalar is None:
            return None
        try:
            return parse_type(scalar.text)
        except ValueError as error:
            close = nearest(str(error), ATOMS)
            fix = f"did you mean {close}?" if close else f"write {', '.join(ATOMS)}, list of T or A | B"
            self._say("unknown-value-type", f"{str(error) or '(nothing)'} is not a type", scalar.place, fix=fix)
            return None

    def _limit(self, name: str, key: str, entry: Entry | None, type_: Type | None) -> Scalar | None:
        if entry is None:
            return None
        scalar = self._scalar(entry.value, f"{key} of {name}")
        if scalar is not None and type_ is not None and member_for(item_of(type_), (INT.word, FLOAT.word)) is None:
            self._say(
                "no-effect",
                f"{key} has no effect on the input {name}",
                scalar.place,
                why=f"its type is {type_}",
                fix=f"remove {key}",
            )
            return None
        return scalar

    def _checkpoint(self, name: str, entry: Entry) -> CheckpointDecl | None:
        if not self._name(name, entry.place, "a checkpoint"):
            return None
        value = entry.value
        source_text = flow_text(value.text) if isinstance(value, Scalar) else "…"
        tree = self._map(value, f"the checkpoint {name}", f"write {name}: {{source: {source_text}}}")
        if tree is None and isinstance(value, Scalar) and not value.empty:
            # The intention is clear, so nodes that name the checkpoint get no further problem.
            return CheckpointDecl(name, value, Mapping({"source": Entry(value, value.place)}, value.place), entry.place)
        if tree is None:
            return None
        self._known_keys(tree, CHECKPOINT_KEYS, f"the checkpoint {name}")
        if not self._all_filled(tree, f"the checkpoint {name}"):
            return None
        source = tree.entries.get("source")
        if source is None:
            fix = "add source: embedded/NAME, ./folder, ./file.safetensors or owner/name"
            self._say("missing-key", f"the checkpoint {name} has no source", tree.place, fix=fix)
            return None
        scalar = self._scalar(source.value, f"the source of {name}")
        return CheckpointDecl(name, scalar, tree, entry.place) if scalar is not None else None

    def _template(self, name: str, entry: Entry) -> Document | None:
        what = f"the template {name}"
        if not self._name(name, entry.place, "a template"):
            return None
        tree = self._map(entry.value, what, f"write {name}: and nodes: … below it")
        if tree is None:
            return None
        self._known_keys(tree, TEMPLATE_KEYS, what)
        # Its inputs and nodes have a namespace of their own.
        return _Parser(self.problems, self.file, self.folder)._graph(tree, what)

    def _node(self, name: str, entry: Entry) -> NodeDecl | None:
        if not self._name(name, entry.place, "a node") or not self._once(name, entry.place, "the node"):
            return None
        tree = self._map(entry.value, f"the node {name}", f"write {name}: and type: … on the next line")
        if tree is None:
            return NodeDecl(name, "type", BROKEN, {}, place=entry.place)
        entries = tree.entries
        kinds = [key for key in NODE_KINDS if key in entries]
        if len(kinds) != 1:
            has = "both type and template" if kinds else "neither type nor template"
            place = entries["template"].place if kinds else entry.place
            self._say("type-and-template", f"the node {name} has {has}", place, fix="write exactly one of the two")
        ref = self._scalar(entries[kinds[0]].value, f"{name}.{kinds[0]}") if len(kinds) == 1 else None
        filled = {key: self._all_filled(e.value, f"{name}.{key}") for key, e in entries.items() if key not in kinds}
        values = {
            key: e if filled[key] else Entry(BROKEN, e.place) for key, e in entries.items() if key not in NODE_KEYS
        }
        options = {key: entries[key].value for key in NODE_OPTIONS if filled.get(key)}
        return NodeDecl(
            id=name,
            kind=kinds[0] if kinds else "type",
            # An empty ref keeps the node's name known, so references to it cause no further problem.
            ref=ref or BROKEN,
            values=values,
            place=entry.place,
            **options,
        )

    def _output(self, name: str, entry: Entry) -> OutputDecl | None:
        if not self._name(name, entry.place, "an output"):
            return None
        value, format_, quality = entry.value, None, None
        if isinstance(value, Mapping):
            format_, quality = (self._detail(name, key, value.entries.get(key)) for key in ("format", "quality"))
            if "value" not in value.entries:
                fix = "add value: $NODE or $NODE.PORT"
                self._say("missing-key", f"the output {name} has no value", value.place, fix=fix)
                return None
            self._known_keys(value, OUTPUT_KEYS, f"the output {name}")
            value = value.entries["value"].value
        scalar = self._scalar(value, f"the output {name}")
        if scalar is None:
            return None
        if not is_reference(scalar):
            fix = "write $NODE or $NODE.PORT"
            self._say("wrong-shape", f"the output {name} is not a reference", scalar.place, fix=fix)
            return None
        return OutputDecl(name, scalar, format_, quality, entry.place)

    def _detail(self, name: str, key: str, entry: Entry | None) -> Scalar | None:
        return None if entry is None else self._scalar(entry.value, f"the {key} of the output {name}")


BROKEN = Scalar("", NOWHERE, empty=True)
"""Stands for a value whose problem was already reported; every check accepts it."""
