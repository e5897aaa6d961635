"""The model families that a call may use, and the classes of their components."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from graphflow.checkpoints.embedding import EmbeddingTarget
from graphflow.checkpoints.family import Family
from graphflow.checkpoints.lora import LoraTarget
from graphflow.checkpoints.model_class import ModelClass
from graphflow.checkpoints.single_file import SingleFiles


@dataclass(frozen=True, eq=False)
class Families:
    """Families, in the order in which they are tried for a checkpoint.

    Attributes:
        known: the families; their names differ.
        others: classes of models that are checkpoints of their own without a family, such as depth estimators.
    """

    known: tuple[Family, ...] = ()
    others: tuple[ModelClass, ...] = ()

    def __iter__(self) -> Iterator[Family]:
        return iter(self.known)

    @cached_property
    def classes(self) -> Mapping[str, ModelClass]:
        """Name → class, for all components that can be read; read-only."""
        of_families = (class_ for family in self.known for class_ in family.classes)
        return MappingProxyType({class_.name: class_ for class_ in (*of_families, *self.others)})

    @property
    def single_files(self) -> tuple[SingleFiles, ...]:
        """The readers of single files, without duplicates."""
        return tuple(dict.fromkeys(family.single_files for family in self.known if family.single_files is not None))

    @property
    def lora_targets(self) -> tuple[LoraTarget, ...]:
        """The components that LoRA files may change, of all families; LoRA files are recognised by them."""
        return tuple(target for family in self.known for target in family.loras)

    @property
    def embedding_targets(self) -> tuple[EmbeddingTarget, ...]:
        """The text encoders to which embeddings may add words, of all families; embeddings are recognised by them."""
        return tuple(target for family in self.known for target in family.embeddings)

    def of(self, pipeline: str, roles: Iterable[str]) -> Family | None:
        """The family of a checkpoint with this pipeline class and these roles; None if no family recognises it."""
        known = frozenset(roles)
        return next((family for family in self.known if family.recognises(pipeline, known)), None)
