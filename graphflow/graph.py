"""Graphs built in Python: they are the same documents as YAML files; mistakes raise an error at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphflow import library
from graphflow.catalog.catalog import Catalog, default_catalog
from graphflow.check.check import check
from graphflow.check.checked import Checked
from graphflow.check.read.growing import GrowingDocument
from graphflow.check.rebase import absolute, rebase
from graphflow.checkpoints.checkpoint_reader import CheckpointReader
from graphflow.checkpoints.hub import Hub
from graphflow.document.known_keys import CHECKPOINT_KEYS, NODE_KEYS, OUTPUT_KEYS
from graphflow.document.model import CheckpointDecl, Document, InputDecl, NodeDecl, OutputDecl
from graphflow.document.refusal import Refusal
from graphflow.document.text import NAME, Reference
from graphflow.document.tree import Entry, Scalar
from graphflow.document.tree import Mapping as MapTree
from graphflow.document.write import write
from graphflow.errors import FileProblem, InvalidGraph, InvalidValue
from graphflow.handles import Handle, NodeHandle, plain_scalar, plain_tree_of, refused, tree_of
from graphflow.plan.last_plan import LastPlan
from graphflow.plan.plan import Plan, plan
from graphflow.plan.savings import memory_limit
from graphflow.problems import Level, Place, did_you_mean
from graphflow.record.recorded_graph import read_graph
from graphflow.system.device import CPU, Compute
from graphflow.system.files import write_atomically
from graphflow.text_helpers.words import counted, one_line
from graphflow.values.any_value import describe
from graphflow.values.picture_format import PictureFormat
from graphflow.values.types import ATOMS, parse_type

_NAMES = "use lowercase letters, digits and _, starting with a letter"


class Graph:
    """A graph: load one, or build one node by node.

    Args:
        name, description: as in a document.
        catalog: the node types that it may use; by default those of graphflow.
    """

    def __init__(self, name: str = "", description: str = "", *, catalog: Catalog | None = None) -> None:
        self._start(Document(name, description, folder=Path.cwd()), catalog)

    @classmethod
    def of(cls, document: Document, *, catalog: Catalog | None = None) -> Graph:
        """The graph of a parsed document, which is not checked yet."""
        graph = cls.__new__(cls)
        graph._start(document, catalog)
        return graph

    def _start(self, document: Document, catalog: Catalog | None) -> None:
        self.catalog = catalog if catalog is not None else default_catalog()
        self.document = document
        self._growing = GrowingDocument(document, self.catalog, library.templates)
        self._last_plan = LastPlan()
        self._numbers: dict[str, int] = {}
        """Base of ids → the lowest number whose id may still be free."""

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
            name: lowercase letters, digits and _.
            type: as in a document, such as `string` or `list of image`.
            default: a plain value, or the path of a file from the current folder; None = must be given.
            min, max: inclusive limits of a number.

        Raises:
            InvalidGraph: the name is taken, or the type or default is not valid; the graph is unchanged.
        """
        self._free_name(name, "an input")
        try:
            type_ = parse_type(str(type))
        except ValueError as error:
            raise refused(
                "unknown-value-type", f"{error} is not a type", did_you_mean(str(error), ATOMS, else_="the types are")
            ) from error
        limits = [None if limit is None else tree_of(limit, self) for limit in (min, max)]
        decl = InputDecl(
            name=name,
            type=type_,
            default=None if default is None else plain_tree_of(default, self),
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
        """Give a checkpoint a short name, with details (`dtype`, `loras`, `embeddings`, …); returns the name.

        Raises:
            InvalidGraph: the name or a detail is not valid, or there is no such checkpoint; the graph is unchanged.
        """
        if not NAME.match(name):
            raise refused("bad-name", f"{name!r} is not a valid name for a checkpoint", _NAMES)
        for key in details:
            if key not in CHECKPOINT_KEYS:
                fix = did_you_mean(key, CHECKPOINT_KEYS, else_="its keys are")
                raise refused("unknown-key", f"the checkpoint {name} has no key {key}", fix)
        scalar = plain_scalar(source)
        entries = {"source": Entry(scalar), **{key: Entry(tree_of(value, self)) for key, value in details.items()}}
        decl = CheckpointDecl(name, scalar, MapTree(entries))
        try:
            CheckpointReader(CPU, self.catalog.families, Hub(asks_later=True)).declared(decl, self.document)
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
        run_seed: Any = None,
        **values: Any,
    ) -> NodeHandle:
        """Add a node; exactly one of `type` and `template` is given.

        Args:
            type: a node type's name.
            template: a template's name or path.
            id: the node's id; by default it is derived from the type.
            for_each, when, cache, run_seed: as in a document.
            values: ports and params: handles, `text(…)`, plain values; strings are literal.

        Raises:
            InvalidGraph: the node has problems; the graph is unchanged.
        """
        ref = _inserted(type, template)
        id_ = id if id is not None else self._new_id(Path(ref).stem if template is not None else ref)
        self._free_name(id_, "a node")
        decl = NodeDecl(
            id=id_,
            kind="type" if type is not None else "template",
            ref=Scalar(ref, folder=Path.cwd()),
            values={key: Entry(tree_of(value, self)) for key, value in values.items()},
            for_each=None if for_each is None else tree_of(for_each, self),
            when=None if when is None else tree_of(when, self),
            cache=None if cache is None else tree_of(cache, self),
            run_seed=None if run_seed is None else tree_of(run_seed, self),
        )
        wrong = self._growing.read(decl)
        if wrong:
            raise InvalidGraph(wrong)
        self.document.nodes[id_] = decl
        return NodeHandle(self, Reference(id_), self._growing.outputs_of)

    def output(self, **outputs: Any) -> None:
        """Declare graph outputs by name.

        Args:
            outputs: handles, or as in a document, maps with a handle as `value` and the `format` and `quality` of its
                pictures: `g.output(image={"value": final, "format": "jpeg"})`.

        Raises:
            InvalidGraph: a value is not a handle of this graph, or a format or quality is not valid; the graph is
                unchanged.
        """
        decls = {name: self._output(name, value) for name, value in outputs.items()}
        self.document = dataclasses.replace(self.document, outputs={**(self.document.outputs or {}), **decls})

    def save(self, path: str | Path) -> Path:
        """Write the graph as a YAML document, with paths of files relative to its folder; returns the path.

        Raises:
            FileProblem: the file cannot be written.
        """
        target = Path(path)
        written_there = rebase(self.document, target.absolute().parent, self.catalog, library.templates)
        write_atomically(target, write(written_there).encode())
        return target

    # Using

    def check(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        seed: int | None = None,
        compute: Compute = CPU,
        hub: Hub | None = None,
    ) -> Checked:
        """Check the whole graph; problems are in the result, and no error is raised for them.

        A checkpoint of the model hub that is not on this machine is looked up there, without its weights;
        `gf.Hub(asks_nothing=True)` prevents that.
        """
        return check(
            self.document, self.catalog, inputs=inputs, seed=seed, library=library.templates, compute=compute, hub=hub
        )

    def plan(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        seed: int | None = None,
        only: Sequence[str] = (),
        compute: Compute = CPU,
        hub: Hub | None = None,
        memory_budget: int | None = None,
    ) -> Plan:
        """The plan of a run; by default it runs on the CPU. See `check` for `hub`.

        Args:
            inputs, seed: as for a run.
            only: names of outputs, or results of any node (`fill`, `fill.image`); empty for all outputs.
            compute: device, precision and run options of models.
            memory_budget: most bytes of components that the run may hold, and of `auto` batches; None = no limit.

        Raises:
            InvalidGraph: the graph has problems, or not the output or node that `only` names.
        """
        only = (only,) if isinstance(only, str) else tuple(only)

        def make() -> Plan:
            checked = check(
                self.document,
                self.catalog,
                inputs=inputs,
                seed=seed,
                library=library.templates,
                compute=compute,
                hub=hub,
                only=only,
            )
            return plan(checked, only=only, memory_budget=memory_budget)

        limit = memory_limit(compute, memory_budget)
        settings = (type(seed), seed, only, compute, memory_budget, limit, self.catalog)
        return self._last_plan.plan(self.document, inputs, *settings, make=make)

    def __getitem__(self, name: str) -> Any:
        """The handle of a node or an input, with which a loaded graph can be extended.

        A node's is a `NodeHandle`, which has the node's outputs as attributes; an input's is a `Handle`.

        Raises:
            InvalidGraph: it has neither.
        """
        if name in self.document.nodes:
            return NodeHandle(self, Reference(name), self._growing.outputs_of)
        if name in self.document.inputs:
            return Handle(self, Reference(name))
        known = [*self.document.nodes, *self.document.inputs]
        fix = did_you_mean(str(name), known, else_="it has")
        raise refused("unknown-name", f"the graph has no node and no input {name}", fix)

    def __contains__(self, name: object) -> bool:
        """Whether it has a node or an input of this name."""
        return name in self.document.nodes or name in self.document.inputs

    # Otherwise Python would iterate by calling graph[0], graph[1], …
    __iter__ = None

    def __eq__(self, other: object) -> bool:
        """Whether two graphs are equal as documents; their paths are compared as absolute paths."""
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

    def _output(self, name: str, value: Any) -> OutputDecl:
        if not NAME.match(name):
            raise refused("bad-name", f"{name!r} is not a valid name for an output", _NAMES)
        given = dict(value) if isinstance(value, Mapping) else {"value": value}
        for key in given:
            if key not in OUTPUT_KEYS:
                fix = did_you_mean(str(key), OUTPUT_KEYS, else_="its keys are")
                raise refused("unknown-key", f"the output {name} has no key {key}", fix)
        handle = given.pop("value", None)
        if not isinstance(handle, Handle):
            raise refused(
                "wrong-shape", f"the output {name} is {describe(handle)}", "give a handle, such as node.image"
            )
        try:
            PictureFormat.of(given.get("format"), given.get("quality"))
        except InvalidValue as error:
            message, _, fix = str(error).partition("; ")
            raise refused("bad-value", f"the output {name}: {message}", fix) from error
        details = {key: plain_tree_of(detail, self) for key, detail in given.items() if detail is not None}
        return OutputDecl(name, tree_of(handle, self), **details)  # type: ignore[arg-type]

    def _new_id(self, base: str) -> str:
        base = base if NAME.match(base) else "node"
        if not self._taken(base):
            return base
        # Names never become free again, so the search starts where the last one ended.
        number = self._numbers.get(base, 2)
        while self._taken(f"{base}_{number}"):
            number += 1
        self._numbers[base] = number
        return f"{base}_{number}"

    def _taken(self, name: str) -> bool:
        return name in self.document.inputs or name in self.document.nodes or name in NODE_KEYS

    def _free_name(self, name: object, what: str) -> None:
        if not isinstance(name, str) or not NAME.match(name) or name in NODE_KEYS:
            raise refused("bad-name", f"{name!r} is not a valid name for {what}", _NAMES)
        if name in self.document.inputs or name in self.document.nodes:
            raise refused(
                "name-taken", f"the name {name} is taken", "choose another one; inputs and nodes share one namespace"
            )


def load(graph: str | Path, *, catalog: Catalog | None = None) -> Graph:
    """Load a graph from a file, or from the library by name.

    Raises:
        FileProblem: there is no such file or graph, or it cannot be read.
        InvalidGraph: the document cannot be parsed; all other problems are found by `Graph.check`.
    """
    try:
        _, document, problems = read_graph(graph)
    except OSError as error:
        raise FileProblem(f"{graph} cannot be read: {error}") from error
    wrong = [problem for problem in problems if problem.level is Level.PROBLEM]
    if document is None or wrong:
        raise InvalidGraph(wrong)
    return Graph.of(document, catalog=catalog)


def _inserted(type: str | None, template: str | None) -> str:
    """The name of a node type or template, exactly one of which is given.

    Raises:
        InvalidGraph: both or neither of them are given, or the value is not a name.
    """
    if (type is None) == (template is None):
        raise refused("type-and-template", "add() takes exactly one of type and template", "give one of the two")
    name = type if type is not None else template
    if not isinstance(name, (str, Path)):
        raise refused("wrong-shape", f"add() takes a name, not {describe(name)}", "give the name of a node type")
    return str(name)
