"""Axes: the inputs, values of nodes and seeds that a sweep sets, each with its list of values."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence as Listed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from graphflow.catalog.node_type import Param
from graphflow.check.input_values import outside_limits
from graphflow.check.literals import Literals, Picture
from graphflow.check.read.expressions import Const
from graphflow.check.read.params import accepted
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.check.seeds import SEED, SEEDS, is_run_seed
from graphflow.document.known_keys import NODE_KEYS, RUN_SEED
from graphflow.document.model import InputDecl
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import write_scalar
from graphflow.document.text import NAME, Reference, written
from graphflow.document.tree import Entry, Scalar, Sequence, Tree, word_of
from graphflow.limits import ITEMS
from graphflow.problems import Place, Problem, did_you_mean
from graphflow.values.file import File
from graphflow.values.types import INT, PICTURES, Type, Variable, list_of, member_for

_RANGE = re.compile(r"(-?[0-9]{1,20})\.\.(-?[0-9]{1,20})\Z")


class Over(NamedTuple):
    """The values that a call gives for one name.

    Attributes:
        name: of an input, `NODE.KEY`, or `seed`.
        values: a list; for pictures and files also the name of a folder or a pattern; for ints also a range.
        place: where the call gives them.
    """

    name: str
    values: Tree
    place: Place


@dataclass(frozen=True)
class Axis:
    """One list of values of a sweep.

    Attributes:
        name: as the call gives it.
        key: what the sweep sets in the graph: the name of an input, or `run_seed`.
        decl: the declaration of the values; None for seeds of a graph without an input `seed`.
        values: a list of scalars, or the name of a folder or a pattern.
        first: the first value.
        count: the number of values.
    """

    name: str
    key: str
    decl: InputDecl | None
    values: Tree
    first: Tree
    count: int


class Axes:
    """Reads the axes of a sweep of one graph, and makes inputs of the values of nodes that it sets.

    Args:
        resolved: the graph.
        literals: reads values.
        given: the inputs to which the call gives a single value.

    Attributes:
        document: the graph, with an input for each value of a node that the sweep sets.
        problems: of the call.
    """

    def __init__(self, resolved: Resolved, literals: Literals, given: Listed[str]) -> None:
        self.document = resolved.document
        self.problems: list[Problem] = []
        self._resolved = resolved
        self._literals = literals
        self._given = given
        self._taken: set[str] = set()

    def read(self, over: Listed[Over]) -> list[Axis]:
        """The axes of a call; those with problems are left out."""
        axes: list[Axis] = []
        for one in over:
            try:
                axis = self._axis(one)
            except Refusal as refusal:
                self.problems.append(refusal.at(one.place))
            else:
                axes += [axis] if axis is not None else []
        return axes

    def _axis(self, over: Over) -> Axis | None:
        if over.name in self._taken or over.name in self._given:
            why = "two --over options name it" if over.name in self._taken else "--set gives it a value"
            raise Refusal("name-taken", f"{over.name} is given twice", why, "remove one of the two")
        self._taken.add(over.name)
        decl = self.document.inputs.get(over.name)
        if over.name == SEED and (decl is None or is_run_seed(decl)):
            return self._with_values(over, RUN_SEED, decl, INT, "the input seed" if decl is not None else "the seed")
        if "." in over.name:
            return self._of_node(over)
        if decl is None:
            fix = did_you_mean(over.name, list(self.document.inputs), else_="its inputs are")
            raise Refusal("unknown-input", f"the graph has no input {over.name}", "", fix)
        return self._with_values(over, over.name, decl, decl.type, f"the input {over.name}")

    def _of_node(self, over: Over) -> Axis | None:
        """The axis of a value of a node, which becomes an input of the graph."""
        id_, _, key = over.name.partition(".")
        node = self._resolved.nodes.get(id_)
        if node is None:
            fix = did_you_mean(id_, list(self.document.nodes), else_="its nodes are")
            raise Refusal("unknown-name", f"the graph has no node {id_}", "", fix)
        types = _types(node)
        if types is None:
            return None  # the check of the graph says why
        if key not in types:
            kind = "node type" if node.type is not None else "template"
            fix = did_you_mean(key, list(types), else_="its keys are")
            raise Refusal("unknown-key", f"the {kind} {node.decl.ref.text} has no {key}", "", fix)
        type_ = types[key]
        name = self._free_name(id_, key)
        axis = self._with_values(over, name, InputDecl(name, type_), type_, over.name)
        if axis is not None and node.type is not None and key in node.type.params:
            self._allow(axis, node.type.params[key], id_)
        if axis is not None and axis.decl is not None:
            reference = Entry(Scalar(written(Reference(name)), over.place), over.place)
            decl = self.document.nodes[id_]
            changed = dataclasses.replace(decl, values={**decl.values, key: reference})
            self.document = dataclasses.replace(
                self.document,
                inputs={**self.document.inputs, name: axis.decl},
                nodes={**self.document.nodes, id_: changed},
            )
        return axis

    def _allow(self, axis: Axis, param: Param, id_: str) -> None:
        """Report the values of an axis that the param of a node does not allow."""
        found = Resolved(self.document)
        for item in axis.values.items if isinstance(axis.values, Sequence) else ():
            if isinstance(item, Scalar):
                value = self._literals.read(item, item.text, param.type, self.document)
                accepted(found, Const(value, param.type, item.place), param, id_)
        self.problems += found.problems

    def _free_name(self, id_: str, key: str) -> str:
        """A name for the input that stands for the value of a node."""
        taken = {*self.document.inputs, *self.document.nodes, *NODE_KEYS, SEED}
        names = [key, f"{id_}_{key}", *(f"{key}_{number}" for number in range(2, len(taken) + 3))]
        return next(name for name in names if NAME.match(name) and name not in taken)

    def _with_values(self, over: Over, key: str, decl: InputDecl | None, type_: Type | None, what: str) -> Axis | None:
        if type_ is None:
            return None  # a problem of its declaration says why
        listed = None if isinstance(type_, Variable) else list_of(type_)
        if listed is None:
            fix = "give the whole list with --set"
            raise Refusal("nested-list", f"a sweep cannot set {what}", f"it takes {type_}", fix)
        values = self._values(over, type_, what)
        before = len(self.problems)
        items: Listed[Tree]
        if isinstance(values, Sequence):
            items = values.items
            for item in items:
                self._check(item, type_, decl, what, is_seed=key == RUN_SEED)
        else:
            items = [Scalar(str(path), over.place) for path in self._files(values, listed, what)]
        return Axis(over.name, key, decl, values, items[0], len(items)) if len(self.problems) == before else None

    def _values(self, over: Over, type_: Type, what: str) -> Scalar | Sequence:
        """The list as written, with ranges of ints written out; for pictures perhaps the name of a folder."""
        values = over.values
        if isinstance(values, Scalar):
            if type_ == INT and _RANGE.match(values.text):
                values = Sequence((values,), values.place)
            elif member_for(type_, (*PICTURES, "file")) is not None:
                return values
        if not isinstance(values, Sequence):
            text = values.text if isinstance(values, Scalar) else "VALUE, VALUE"
            fix = f"write {over.name}=[{text}]" + (", or a range such as 0..7" if type_ == INT else "")
            message = f"the values of {what} must be a list, not {word_of(values)}"
            raise Refusal("wrong-shape", message, "", fix)
        items: list[Tree] = []
        for item in values.items:
            found = self._in_range(over, item) if type_ == INT else [item]
            if found is None or len(items) + len(found) > ITEMS:
                raise Refusal("over-limit", f"{what} has more than {ITEMS:,} values", "", "give fewer")
            items += found
        if not items:
            raise Refusal("wrong-shape", f"the list of values for {what} is empty", "", f"write {over.name}=[VALUE]")
        return Sequence(tuple(items), values.place)

    def _in_range(self, over: Over, item: Tree) -> list[Tree] | None:
        """The ints that `FIRST..LAST` means, the item itself if it is something else; None if they are too many."""
        match = _RANGE.match(item.text) if isinstance(item, Scalar) and item.kind is None else None
        if match is None:
            return [item]
        first, last = int(match[1]), int(match[2])
        if abs(last - first) >= ITEMS:
            return None
        step = 1 if last >= first else -1
        return [Scalar(str(number), over.place) for number in range(first, last + step, step)]

    def _check(self, item: Tree, type_: Type, decl: InputDecl | None, what: str, *, is_seed: bool) -> None:
        value = self._read(item, type_, what)
        if value is None:
            return
        refusal = outside_limits(decl, value) if decl is not None else None
        if refusal is None and is_seed and not 0 <= value < SEEDS:
            refusal = Refusal("bad-value", f"{value} is not a seed", "", f"write a whole number from 0 to {SEEDS - 1}")
        if refusal is not None:
            self.problems.append(refusal.at(item.place))

    def _files(self, values: Scalar, listed: Type, what: str) -> list[Path]:
        """The files of a folder or a pattern, or the one file that is named."""
        read = self._read(values, listed, what)
        files = [one.file if isinstance(one, Picture) else one for one in read or ()]
        return [one.path for one in files if isinstance(one, File)]

    def _read(self, item: Tree, type_: Type, what: str) -> Any:
        if not isinstance(item, Scalar):
            message = f"a value of {what} must be one value, not {word_of(item)}"
            self.problems.append(Problem("wrong-shape", message, "", "write a flat list", item.place))
            return None
        try:
            return self._literals.read(item, item.text, type_, self.document)
        except Refusal as refusal:
            self.problems += refusal.problems(item.place, about=what)
            return None


def seeds_from(first: int, count: int, place: Place) -> Over:
    """`count` seeds from `first` on, one after the other."""
    return Over(SEED, Sequence(tuple(Scalar(write_scalar(first + n), place) for n in range(count)), place), place)


def _types(node: ResolvedNode) -> dict[str, Type] | None:
    """The type of each key of a node; None if they are not known."""
    if node.type is not None:
        ports = {name: port.type for name, port in node.type.ports.items()}
        return ports | {name: param.type for name, param in node.type.params.items()}
    if node.template is not None:
        inputs = node.template.document.inputs
        return {name: decl.type for name, decl in inputs.items() if decl.type is not None}
    return None
