"""The model families that a call may use, and the classes of components that they bring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from graphflow.checkpoints.family import Family
from graphflow.checkpoints.lora import LoraTarget
from graphflow.checkpoints.model_class import ModelClass
from graphflow.checkpoints.single_file import SingleFiles


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
        of_families = (one for family in self.known for one in family.classes)
        return MappingProxyType({one.name: one for one in (*of_families, *self.others)})

    @property
    def single_files(self) -> tuple[SingleFiles, ...]:
        """Who reads single files, each once."""
        return tuple(dict.fromkeys(one.single_files for one in self.known if one.single_files is not None))

    @property
    def lora_targets(self) -> tuple[LoraTarget, ...]:
        """What LoRA files may change, of all families; by it a file is recognised."""
        return tuple(target for family in self.known for target in family.loras)

    def of(self, pipeline: str, roles: Iterable[str]) -> Family | None:
        """The family of a checkpoint of this pipeline class, with these roles; None if it is of none of them."""
        known = frozenset(roles)
        return next((family for family in self.known if family.recognises(pipeline, known)), None)
