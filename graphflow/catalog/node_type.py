"""A node type as data: its ports, params and outputs, and the function that implements it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphflow.catalog.authoring import (
    Ge,
    Gt,
    Le,
    Lt,
    MultipleOf,
    PlanFunction,
    SelectFunction,
)
from graphflow.errors import InvalidValue
from graphflow.text_helpers.words import counted
from graphflow.values import types as gt
from graphflow.values.coerce import coerce

LABELS = "labels"
"""Name of the output that `for_each` adds."""


class Missing:
    """The type of `MISSING`, the default of a param that must be given."""

    def __repr__(self) -> str:
        return "required"


MISSING = Missing()


@dataclass(frozen=True)
class Port:
    """An argument that takes another node's value, an input or a literal."""

    name: str
    type: gt.Type
    optional: bool
    doc: str = ""
    same_size: str | None = None


@dataclass(frozen=True)
class Param:
    """An argument that takes a value known before the run.

    Attributes:
        annotation: the Python annotation, with its constraints.
        default: `MISSING` if it must be given; None means that the node decides what to use.
        choices: the allowed values of a `Literal`.
        usual: description of the value that is used if it is not given; empty if the default already shows it.
        derived_seed: whether the default is a seed derived from the run's seed and the node's path.
    """

    name: str
    type: gt.Type
    annotation: Any
    default: Any
    doc: str = ""
    choices: tuple[Any, ...] = ()
    constraints: tuple[Any, ...] = ()
    derived_seed: bool = False
    usual: str = ""

    @property
    def required(self) -> bool:
        return self.default is MISSING and not self.derived_seed

    def accept(self, value: Any) -> Any:
        """`value` converted to this param's type.

        Raises:
            InvalidValue: it has another type, or is not allowed by the annotation; the message names allowed values.
        """
        value = coerce(value, self.type)
        if self.choices and value not in self.choices:
            raise InvalidValue(f"{self.name} must be one of {', '.join(map(str, self.choices))}")
        if self.constraints and not _within(value, self.constraints):
            self._constrain(value)
        return value

    def _constrain(self, value: Any) -> None:
        from pydantic import ValidationError

        try:
            self.adapter.validate_python(list(value) if isinstance(value, tuple) else value)
        except ValidationError as error:
            reasons = "; ".join(str(detail["msg"]) for detail in error.errors(include_url=False))
            reasons = reasons.replace("Input should", "it must").replace("Value error, ", "")
            reasons = re.sub(
                r"(?:List|Tuple|String) should (have .*?)(?: after validation)?(, not|$)", r"it must \1\2", reasons
            )
            raise InvalidValue(reasons) from error

    @cached_property
    def adapter(self) -> Any:
        """The pydantic adapter of the annotation, which checks its constraints."""
        from pydantic import ConfigDict, TypeAdapter

        try:
            return TypeAdapter(self.annotation, config=ConfigDict(arbitrary_types_allowed=True))
        except TypeError:
            return TypeAdapter(self.annotation)

    def allowed(self) -> str:
        """The allowed values as text: `float ≥ 0`, `soft | binary`."""
        if self.choices:
            return " | ".join(map(str, self.choices))
        signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}
        limits = [
            f"{sign} {getattr(limit, attribute)}"
            for limit in self.constraints
            for attribute, sign in signs.items()
            if getattr(limit, attribute, None) is not None and not self.derived_seed
        ]
        lengths = [text for limit in self.constraints if (text := _length(limit))]
        return ", ".join([" ".join([str(self.type), ", ".join(limits)]).strip(), *lengths])


def _within(value: Any, limits: Iterable[Any]) -> bool:
    """Whether a value is a number that these limits allow; False if only pydantic can decide it.

    Most params are such numbers, and importing pydantic takes longer than checking a small graph.
    """
    return type(value) in (int, float) and all(_allows(limit, value) for limit in limits)


_COMPARISONS: dict[type, tuple[str, Callable[[Any, Any], bool]]] = {
    Ge: ("ge", operator.ge),
    Gt: ("gt", operator.gt),
    Le: ("le", operator.le),
    Lt: ("lt", operator.lt),
}


def _allows(limit: Any, value: float) -> bool:
    if comparison := _COMPARISONS.get(type(limit)):
        attribute, holds = comparison
        return holds(value, getattr(limit, attribute))
    return (
        type(limit) is MultipleOf and type(value) is type(limit.multiple_of) is int and value % limit.multiple_of == 0
    )


def _length(limit: Any) -> str:
    """A limit on a list's length as text; empty for any other constraint."""
    least, most = getattr(limit, "min_length", None), getattr(limit, "max_length", None)
    if most and least != most:
        return (f"at least {least}, " if least else "") + f"at most {counted(most, 'item')}"
    return ("" if most else "at least ") + counted(least, "item") if least else ""


@dataclass(frozen=True)
class Output:
    """An output of a node; a reference to the node without a name of an output means the first one."""

    name: str
    type: gt.Type
    doc: str = ""
    size_of: str | None = None
    space_of: str | None = None


@dataclass(frozen=True)
class StepFunction:
    """A function that the engine can call: that of a node that is a single step, or that of one of a node's steps.

    Attributes:
        identity: its qualified name, version and source, which determine its results for given arguments.
        environment: `pure` or `torch`.
        arguments: all arguments except the context.
        context: name of the argument annotated `Context`; None if there is none.
        outputs: output names, in the order of the returned tuple.
        types: types of the outputs.
        optional: arguments with a default.
        summary: the first line of its docstring without the full stop; empty if it has no docstring.
        batched: computes several steps in one call; None if the function has no such form.
        batched_identity: its qualified name, version and source; empty if there is none.
    """

    call: Callable[..., Any]
    identity: str
    environment: str
    deterministic: bool
    arguments: tuple[str, ...]
    argument_types: dict[str, gt.Type]
    context: str | None
    outputs: tuple[str, ...]
    types: tuple[gt.Type, ...]
    optional: frozenset[str] = frozenset()
    summary: str = ""
    batched: Callable[..., Any] | None = None
    batched_identity: str = ""


@dataclass(frozen=True)
class NodeType:
    """A node type: its name, ports, params and outputs, and the function that implements it."""

    name: str
    summary: str
    doc: str
    ports: dict[str, Port]
    params: dict[str, Param]
    outputs: dict[str, Output]
    function: StepFunction
    plan: PlanFunction | None
    select: SelectFunction | None = None
    shipped_version: str | None = None
    group: str = field(default="", compare=False)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Names of its ports and params."""
        return *self.ports, *self.params

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of the ports and params that must be given."""
        return *self.required_ports, *[param.name for param in self.params.values() if param.required]

    @cached_property
    def required_ports(self) -> tuple[str, ...]:
        """Names of the ports that must be given."""
        return tuple([port.name for port in self.ports.values() if not port.optional])

    @cached_property
    def plain(self) -> bool:
        """Whether facts of its outputs are always unknown: it has no plan function and no size or space annotation."""
        outputs = self.outputs.values()
        ports = self.ports.values()
        return (
            self.plan is None
            and not any(o.size_of or o.space_of for o in outputs)
            and not any(p.same_size for p in ports)
        )
