"""A document with all keys read: the result of `resolve`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphflow.catalog.node_type import NodeType
from graphflow.check.read.expressions import Expr
from graphflow.document.known_keys import RUN_SEED
from graphflow.document.model import Document, NodeDecl
from graphflow.problems import Place, Problem
from graphflow.values.picture_format import PictureFormat
from graphflow.values.types import Type


@dataclass(slots=True)
class ResolvedNode:
    """A node whose keys are read.

    Attributes:
        type: its node type; None for a template, or if the type is not known.
        template: the inserted document; None for a node type, or if the template is not known.
        params, ports: the given values, by name. The inputs of a template are all in `ports`.
        for_each: factors of the product; each maps names to expressions of list type.
        outputs: type of each output, a list with `for_each`; None if it is not known.
    """

    decl: NodeDecl
    type: NodeType | None = None
    template: Resolved | None = None
    params: dict[str, Expr] = field(default_factory=dict)
    ports: dict[str, Expr] = field(default_factory=dict)
    for_each: tuple[dict[str, Expr], ...] = ()
    when: Expr | None = None
    cache: Expr | None = None
    run_seed: Expr | None = None
    outputs: dict[str, Type | None] | None = None

    def place_of(self, key: str) -> Place:
        """The place of the value of `key`, or of the node if it is not given."""
        entry = self.decl.values.get(key)
        if entry is not None:
            return entry.value.place
        if key == RUN_SEED and self.decl.run_seed is not None:
            return self.decl.run_seed.place
        for factor in self.for_each:
            if key in factor:
                return factor[key].place
        return self.decl.place

    def gives(self, key: str) -> bool:
        """Whether a value is written for `key`, in the node or its `for_each`."""
        return (
            key in self.decl.values
            or any(key in factor for factor in self.for_each)
            or (key == RUN_SEED and self.decl.run_seed is not None)
        )

    def expressions(self) -> Iterator[Expr]:
        """Every expression of the node."""
        yield from self.params.values()
        yield from self.ports.values()
        for factor in self.for_each:
            yield from factor.values()
        yield from (expr for expr in (self.when, self.cache, self.run_seed) if expr is not None)


@dataclass
class Resolved:
    """A document with all keys read.

    Attributes:
        nodes: in the order of the document.
        order: their ids, producers first.
        outputs: by name; None if the document has no `outputs`.
        requested: results of nodes that the call asks for, by the names that it uses: `fill`, `fill.image`.
        formats: output name → how its pictures are written, for those for which the document chooses.
        static_inputs: inputs that params need, so they must be known before the run.
        problems: everything found in this document; those of its templates are theirs.
    """

    document: Document
    nodes: dict[str, ResolvedNode] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    outputs: dict[str, Expr] | None = None
    requested: dict[str, Expr] = field(default_factory=dict)
    formats: dict[str, PictureFormat] = field(default_factory=dict)
    static_inputs: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)

    def report(self, code: str, message: str, place: Place, *, why: str = "", fix: str = "") -> None:
        """Add a problem."""
        self.problems.append(Problem(code, message, why, fix, place))
