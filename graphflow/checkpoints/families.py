"""The model families that a call may use, and the classes of components that they bring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from graphflow.checkpoints.family import Family
from graphflow.checkpoints.model_class import ModelClass


@dataclass(frozen=True, eq=False)
class Families:
    """Families, in the order in which a checkpoint is offered to them.

    Attributes:
        known: with different names.
        others: classes of models that are checkpoints of their own and belong to no family, such as depth estimators.
    """

    known: tuple[Family, ...] = ()
    others: tuple[ModelClass, ...] = ()

    def __iter__(self) -> Iterator[Family]:
        return iter(self.known)

    @cached_property
    def classes(self) -> Mapping[str, ModelClass]:
        """Name → class, of all components that can be read; cannot be changed."""
        return MappingProxyType({one.name: one for family in self.known for one in family.classes} | self._others)

    @property
    def _others(self) -> dict[str, ModelClass]:
        return {one.name: one for one in self.others}

    def of(self, pipeline: str, roles: Iterable[str]) -> Family | None:
        """The family of a checkpoint of this pipeline class, with these roles; None if it is of none of them."""
        known = frozenset(roles)
        return next((family for family in self.known if family.recognises(pipeline, known)), None)
