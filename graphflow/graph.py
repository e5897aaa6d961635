"""Graphs built in Python: the same documents as YAML files, refused at once where they are wrong."""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphflow import library
from graphflow.catalog.catalog import Catalog, default_catalog
from graphflow.check.check import check
from graphflow.check.checked import Checked
from graphflow.check.literals import Literals
from graphflow.check.nodes import NodeReader
from graphflow.check.producers import producers_first
from graphflow.check.rebase import absolute, rebase
from graphflow.check.templates import Templates
from graphflow.checkpoints.reader import CheckpointReader
from graphflow.document.model import RESERVED, CheckpointDecl, Document, InputDecl, NodeDecl, OutputDecl
from graphflow.document.parse import CHECKPOINT_KEYS, read_file
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import write_scalar
from graphflow.document.text import NAME, Reference, escape, write_text, written
from graphflow.document.tree import Entry, Scalar, Tree
from graphflow.document.tree import Mapping as MapTree
from graphflow.document.tree import Sequence as ListTree
from graphflow.document.write import write
from graphflow.errors import FileProblem, GraphflowError, InvalidGraph, UnknownOutput
from graphflow.plan.plan import Plan, plan
from graphflow.problems import Level, Place, Problem, did_you_mean
from graphflow.system.compute import CPU, Compute
from graphflow.system.files import write_atomically
from graphflow.values.types import ATOMS, parse_type
from graphflow.values.value import describe
from graphflow.wording.words import counted, one_line

_SHOWN = re.compile(r"<(?:Node)?Handle \$")
"""A handle in text that `str()` made of it."""

_NAMES = "use small letters, digits and _, starting with a letter"


class Handle:
    """Stands for a value that exists in a run: an input, a node's output, or an item of one.

    It can be printed, but not formatted: text with a value in it is made by `gf.text("a photo of {}", handle)`.
    """

    __slots__ = ("_graph", "_reference")

    def __init__(self, graph: Graph, reference: Reference) -> None:
        self._graph, self._reference = graph, reference

    def __getitem__(self, item: Any) -> Handle:
        """One item of a list, counted from 0."""
        if type(item) is not int or item < 0:
            raise GraphflowError(f"{self!r}[{item!r}]: an item is counted from 0")
        return Handle(self._graph, self._reference._replace(item=item))

    def __iter__(self) -> Any:
        raise GraphflowError(f"{self!r} has no items before the run; give the handle itself to a list port or for_each")

    def __bool__(self) -> bool:
        raise GraphflowError(f"{self!r} is no value before the run; use when= or a switch")

    def __format__(self, spec: str) -> str:
        raise GraphflowError(f'{self!r} has no text before the run; write gf.text("… {{}} …", handle)')

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {written(self._reference)}>"


class NodeHandle(Handle):
    """A node: itself is its first output, its attributes are its outputs by name."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Handle:
        if name.startswith("_"):
            raise AttributeError(name)
        known = self._graph._outputs_of(self._reference.name)
        if known is not None and name not in known:
            fix = did_you_mean(name, known, else_="its outputs are")
            raise UnknownOutput(f"{self._reference.name} has no output {name}; {fix}")
        return Handle(self._graph, Reference(self._reference.name, name))


@dataclasses.dataclass(frozen=True)
class Text:
    """Text with handles in it, made by `text`."""

    pieces: tuple[str | Handle, ...]


def text(template: str, *values: Handle | str | int | float, **named: Handle | str | int | float) -> Text:
    """Text with values in it, in the manner of `str.format`: `text("a photo of {}", prompt)`.

    Raises:
        GraphflowError: a place has no value, a value has no place, or a place has a format.
    """
    pieces: list[str | Handle] = []
    used: set[str | int] = set()
    if not isinstance(template, str):
        raise GraphflowError(f"text() makes text of a template such as 'a photo of {{}}', not of {describe(template)}")
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise GraphflowError(f"text() cannot read {template!r}: {error}; write {{{{ for a brace") from error
    for plain, name, spec, conversion in parsed:
        pieces.append(plain)
        if name is None:
            continue
        if spec or conversion:
            raise GraphflowError(f"{{{name}}} of text() takes no format: floats are written by repr")
        key: str | int = (
            len([u for u in used if isinstance(u, int)]) if name == "" else int(name) if name.isdigit() else name
        )
        if (isinstance(key, int) and key >= len(values)) or (isinstance(key, str) and key not in named):
            raise GraphflowError(f"text() has no value for {{{name}}}")
        used.add(key)
        value = values[key] if isinstance(key, int) else named[key]
        if not isinstance(value, (Handle, str, int, float)):
            raise GraphflowError(f"text() cannot hold {describe(value)}: give a handle, a string or a number")
        pieces.append(value if isinstance(value, Handle) else write_scalar(value))
    unused = [*range(len(values)), *named]
    if left := [key for key in unused if key not in used]:
        raise GraphflowError(f"text() has no place for value {left[0]}")
    return Text(tuple(pieces))


class Graph:
    """A graph: load one, or build one node by node.

    Args:
        name, description: as in a document.
        catalog: the node types that it may use; graphflow's own where it is not given.
    """

    def __init__(self, name: str = "", description: str = "", *, catalog: Catalog | None = None) -> None:
        self._start(Document(name, description, folder=Path.cwd()), catalog)

    @classmethod
    def of(cls, document: Document, *, catalog: Catalog | None = None) -> Graph:
        """The graph of a parsed document; nothing of it is checked yet."""
        graph = cls.__new__(cls)
        graph._start(document, catalog)
        return graph

    def _start(self, document: Document, catalog: Catalog | None) -> None:
        self.catalog = catalog if catalog is not None else default_catalog()
        self.document = document
        self._resolver: NodeReader | None = None
        self._templates: Templates | None = None
        self._numbers: dict[str, int] = {}
        """Base of ids → the number from which on one may be free."""

    # Building

    def input(
        self,
        name: str,
        type: str,
        *,
        default: Any = None,
        min: float | None = None,
        max: float | None = None,
        description: str = "",
    ) -> Handle:
        """Declare an input that the graph's caller can set.

        Args:
            name: small letters, digits and _.
            type: as in a document, such as `string` or `list of image`.
            default: a plain value, or the path of a file from the current folder; None = must be given.
            min, max: inclusive limits of a number.

        Raises:
            InvalidGraph: the name is taken, the type is not one, or the default is not of it; the graph is unchanged.
        """
        self._free_name(name, "an input")
        try:
            type_ = parse_type(str(type))
        except ValueError as error:
            raise _refused(
                "unknown-value-type", f"{error} is no type", did_you_mean(str(error), ATOMS, else_="the types are")
            ) from error
        limits = [None if limit is None else self._tree(limit) for limit in (min, max)]
        decl = InputDecl(
            name=name,
            type=type_,
            default=None if default is None else self._default(default),
            minimum=limits[0],  # type: ignore[arg-type]
            maximum=limits[1],  # type: ignore[arg-type]
            description=description,
        )
        alone = dataclasses.replace(self.document, inputs={name: decl}, nodes={}, outputs={})
        checked = check(alone, self.catalog, complete=False, library=library.templates)
        if not checked.ok:
            raise InvalidGraph([problem for problem in checked.problems if problem.level is Level.PROBLEM])
        self.document.inputs[name] = decl
        return Handle(self, Reference(name))

    def checkpoint(self, name: str, source: str, **details: Any) -> str:
        """Give a checkpoint a short name, with details (`dtype`, `components`, `loras`, …); returns the name.

        Raises:
            InvalidGraph: the name is none, a detail is unknown or wrong, or there is no such checkpoint; the graph is
                unchanged.
        """
        if not NAME.match(name):
            raise _refused("bad-name", f"{name!r} cannot name a checkpoint", _NAMES)
        for key in details:
            if key not in CHECKPOINT_KEYS:
                fix = did_you_mean(key, CHECKPOINT_KEYS, else_="its keys are")
                raise _refused("unknown-key", f"the checkpoint {name} has no key {key}", fix)
        scalar = self._plain(source)
        entries = {"source": Entry(scalar), **{key: Entry(self._tree(value)) for key, value in details.items()}}
        decl = CheckpointDecl(name, scalar, MapTree(entries))
        try:
            CheckpointReader(CPU, self.catalog.families).declared(decl, self.document)
        except Refusal as refusal:
            raise InvalidGraph(refusal.problems(Place())) from refusal
        self.document.checkpoints[name] = decl
        return name

    def add(
        self,
        type: str | None = None,
        *,
        template: str | None = None,
        id: str | None = None,
        for_each: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        when: Any = None,
        cache: Any = None,
        **values: Any,
    ) -> NodeHandle:
        """Add a node; exactly one of `type` and `template` is given.

        Args:
            type: a node type's name.
            template: a template's name or path.
            id: the node's id; made from the type where it is not given.
            for_each, when, cache: as in a document.
            values: ports and params: handles, `text(…)`, plain values; strings are literal.

        Raises:
            InvalidGraph: something is wrong with the node; the graph is unchanged.
        """
        if (type is None) == (template is None):
            raise _refused("type-and-template", "add() takes exactly one of type and template", "give one of the two")
        ref = type if type is not None else template
        if not isinstance(ref, (str, Path)):
            raise _refused("wrong-shape", f"add() takes a name, not {describe(ref)}", "give the name of a node type")
        ref = str(ref)
        id_ = id if id is not None else self._new_id(Path(ref).stem if template is not None else ref)
        self._free_name(id_, "a node")
        decl = NodeDecl(
            id=id_,
            kind="type" if type is not None else "template",
            ref=Scalar(ref, folder=Path.cwd()),
            values={key: Entry(self._tree(value)) for key, value in values.items()},
            for_each=None if for_each is None else self._tree(for_each),
            when=None if when is None else self._tree(when),
            cache=None if cache is None else self._tree(cache),
        )
        resolver = self._ready()
        resolved = resolver.resolved
        before = len(resolved.problems)
        resolver.node(decl)
        wrong = [problem for problem in resolved.problems[before:] if problem.level is Level.PROBLEM]
        if wrong:
            del resolved.problems[before:]
            del resolved.nodes[id_]
            raise InvalidGraph(wrong)
        self.document.nodes[id_] = decl
        return NodeHandle(self, Reference(id_))

    def output(self, **outputs: Any) -> None:
        """Declare graph outputs by name.

        Raises:
            InvalidGraph: a value is no handle of this graph; the graph is unchanged.
        """
        made = {}
        for name, handle in outputs.items():
            if not NAME.match(name):
                fix = "use small letters, digits and _, starting with a letter"
                raise _refused("bad-name", f"{name!r} cannot name an output", fix)
            if not isinstance(handle, Handle):
                raise _refused(
                    "wrong-shape", f"the output {name} is {describe(handle)}", "give a handle, such as node.image"
                )
            made[name] = OutputDecl(name, self._tree(handle))  # type: ignore[arg-type]
        self.document = dataclasses.replace(self.document, outputs={**(self.document.outputs or {}), **made})
        if self._resolver is not None:
            self._resolver.resolved.document = self.document

    def save(self, path: str | Path) -> Path:
        """Write the graph as a YAML document; paths of files are written from its folder. Returns the path.

        Raises:
            FileProblem: it cannot be written there.
        """
        target = Path(path)
        written_there = rebase(self.document, target.absolute().parent, self.catalog, library.templates)
        write_atomically(target, write(written_there).encode())
        return target

    # Using

    def check(
        self, inputs: Mapping[str, Any] | None = None, *, seed: int | None = None, compute: Compute = CPU
    ) -> Checked:
        """Check the whole graph; problems are in the result, nothing is raised for them."""
        return check(self.document, self.catalog, inputs=inputs, seed=seed, library=library.templates, compute=compute)

    def plan(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        seed: int | None = None,
        only: Sequence[str] = (),
        compute: Compute = CPU,
    ) -> Plan:
        """What a run would do, on the CPU where `compute` does not say otherwise.

        Raises:
            InvalidGraph: the graph has problems.
        """
        return plan(self.check(inputs, seed=seed, compute=compute), only=only)

    def __eq__(self, other: object) -> bool:
        """Whether two graphs say the same, wherever their files are."""
        if not isinstance(other, Graph):
            return NotImplemented
        return self._anywhere() == other._anywhere()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"<Graph {one_line(self.document.name) or 'without a name'}: {counted(len(self.document.nodes), 'node')}>"
        )

    def _anywhere(self) -> Document:
        return absolute(self.document, self.catalog, library.templates)

    # Inside

    def _ready(self) -> NodeReader:
        if self._resolver is None:
            literals = Literals(self.catalog)
            self._templates = Templates(self.catalog, literals, library.templates)
            self._templates.prepare(self.document)
            self._resolver = NodeReader(self.document, self.catalog, self._templates.find, literals)
            for id_ in producers_first(self.document)[0]:
                self._resolver.node(self.document.nodes[id_])
        return self._resolver

    def _outputs_of(self, id_: str) -> list[str] | None:
        outputs = self._ready().resolved.nodes[id_].outputs
        return None if outputs is None else list(outputs)

    def _new_id(self, base: str) -> str:
        base = base if NAME.match(base) else "node"
        if not self._taken(base):
            return base
        # Names never become free again, so the search goes on where the last one ended.
        number = self._numbers.get(base, 2)
        while self._taken(f"{base}_{number}"):
            number += 1
        self._numbers[base] = number
        return f"{base}_{number}"

    def _taken(self, name: str) -> bool:
        return name in self.document.inputs or name in self.document.nodes or name in RESERVED

    def _free_name(self, name: object, what: str) -> None:
        if not isinstance(name, str) or not NAME.match(name) or name in RESERVED:
            raise _refused("bad-name", f"{name!r} cannot name {what}", _NAMES)
        if name in self.document.inputs or name in self.document.nodes:
            raise _refused(
                "name-taken", f"the name {name} is taken", "choose another one; inputs and nodes share one namespace"
            )

    def _plain(self, value: str | Path) -> Scalar:
        return Scalar(str(value), kind=str, folder=Path.cwd())

    def _default(self, value: Any) -> Tree:
        """The default of an input, in which a dollar is a plain one."""
        if isinstance(value, (Handle, Text)):
            fix = "write a plain value; nothing exists yet that a default could be made of"
            raise _refused("wrong-shape", f"a default cannot be {describe(value)}", fix)
        if isinstance(value, (list, tuple)):
            return ListTree(tuple(self._default(item) for item in value))
        return self._plain(value) if isinstance(value, (str, Path)) else self._tree(value)

    def _tree(self, value: Any) -> Tree:
        if isinstance(value, Handle):
            if value._graph is not self:
                raise _refused(
                    "unknown-name", f"{value!r} belongs to another graph", "use handles of this graph, or a template"
                )
            return Scalar(written(value._reference), kind=None)
        if isinstance(value, Text):
            return Scalar(self._text(value))
        if isinstance(value, (str, Path)):
            return Scalar(escape(_without_handles(str(value))), kind=str, folder=Path.cwd())
        if isinstance(value, (bool, int, float)):
            return Scalar(write_scalar(value), kind=type(value))
        if isinstance(value, (list, tuple)):
            return ListTree(tuple(self._tree(item) for item in value))
        if isinstance(value, Mapping):
            return MapTree({str(key): Entry(self._tree(item)) for key, item in value.items()})
        fix = "declare an input with g.input(…) and pass it to run(inputs={…})"
        raise _refused("wrong-shape", f"{describe(value)} cannot be written into a graph", fix)

    def _text(self, value: Text) -> str:
        for piece in value.pieces:
            if isinstance(piece, Handle):
                self._tree(piece)
            else:
                _without_handles(piece)
        return write_text(piece if isinstance(piece, str) else piece._reference for piece in value.pieces)


def load(graph: str | Path, *, catalog: Catalog | None = None) -> Graph:
    """Load a graph from a file, or from the library by name.

    Raises:
        FileProblem: there is none.
        InvalidGraph: the document cannot be parsed; `Graph.check` finds what else is wrong.
    """
    path = library.locate(str(graph))
    try:
        document, problems = read_file(path, shown=str(graph) if Path(graph) == path else str(path))
    except OSError as error:
        raise FileProblem(f"{graph} cannot be read: {error}") from error
    wrong = [problem for problem in problems if problem.level is Level.PROBLEM]
    if document is None or wrong:
        raise InvalidGraph(wrong)
    return Graph.of(document, catalog=catalog)


def _without_handles(text: str) -> str:
    """The text; refused where `str()` made it of a handle, whose value it then would not hold."""
    if _SHOWN.search(text):
        fix = 'write gf.text("… {} …", handle)'
        raise _refused("bad-value", f"{text!r} holds a handle's name instead of its value", fix)
    return text


def _refused(code: str, message: str, fix: str) -> InvalidGraph:
    return InvalidGraph([Problem(code, message, "", fix)])
