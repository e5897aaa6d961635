"""A class of components: what its config may say, which tensors it has, and how one is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, Protocol, TypeAlias

from graphflow.checkpoints.tensor_names import in_folder

Shape: TypeAlias = tuple[int, ...]
Named: TypeAlias = tuple[str, Shape]
"""Name and shape of a tensor."""

Kind = Literal["model", "tokenizer", "scheduler", "processor"]
"""Only a model has weights."""


MOST = 50_000
"""Tensors that a config may describe; the largest UNets have a few thousand."""


class NotModelled(Exception):
    """A config uses an option whose tensors `ModelClass.layout` doesn't know."""


class Tokenizer(Protocol):
    """What a tokenizer's files say."""

    @property
    def identity(self) -> str:
        """A digest of all that changes the numbers of a text."""

    @property
    def size(self) -> int:
        """How many numbers there are: all that a text can get are below it."""

    @property
    def length(self) -> int:
        """Tokens that a text is cut or filled up to."""


@dataclass(frozen=True, eq=False)
class ModelClass:
    """A class of components that a checkpoint may hold.

    Attributes:
        name: as configs and model_index.json write it, such as `AutoencoderKL`.
        library: the module that has the class, `diffusers` or `transformers`; empty if `load` makes the component.
        kind: what a component of it is.
        defaults: returns setting → default of the class, with which a config is completed; None if they are unknown.
        wrong: returns what is wrong with the settings of a complete config, in words; asked before the layout.
        settings: key of a map in the config that holds its settings, if there is one; empty if they always stand at the
            top of the config.
        layout: returns name and shape of each tensor, from a complete config; None if tensors are not compared. Raises
            `NotModelled` if the config uses an option that it doesn't know, a `ValueError` and the like if no component
            can have such a config.
        own: regular expression for the beginning of its own tensors' names; other models' tensors may lie beside them.
        unread: regular expression for the beginning of the names of tensors that it has and never reads.
        renamed: returns the name in `layout` of a tensor, for names that only some files have; names of earlier
            versions of the libraries are known.
        tokenizer: `tokenizer(files)` returns what a tokenizer's files say, or raises a `Refusal`; without it tokenizers
            of equal files are one.
        load: `load(files, dtype)` returns the loaded component, for a class that `from_pretrained` of the library
            cannot load: `files` is its `ComponentFiles`, `dtype` one of torch. It imports torch inside; a model is then
            moved to its device.
    """

    name: str
    library: str = ""
    kind: Kind = "model"
    defaults: Callable[[], Mapping[str, Any]] | None = None
    wrong: Callable[[Mapping[str, Any]], list[str]] | None = None
    settings: str = ""
    layout: Callable[[Mapping[str, Any]], Iterator[Named]] | None = None
    own: str = ""
    unread: str = ""
    renamed: Callable[[str], str] | None = None
    tokenizer: Callable[[Any], Tokenizer] | None = None
    load: Callable[[Any, Any], Any] | None = None

    def tensors(self, config: Mapping[str, Any]) -> dict[str, Shape] | None:
        """Every tensor that a component with this config has.

        Args:
            config: complete, and with settings of the right types.

        Returns:
            Name → shape, at most `MOST` and one more; None if the class, or an option of the config, has no layout.
        """
        if self.layout is None:
            return None
        try:
            return dict(islice(self.layout(config), MOST + 1))
        except NotModelled:
            return None

    def canonical(self, name: str) -> str | None:
        """A tensor's name as the layout has it; None if models no longer have the tensor.

        Args:
            name: as a file in a folder has it.
        """
        return in_folder(self.renamed(name) if self.renamed is not None else name)

    def owns(self, name: str) -> bool:
        """Whether a tensor of this name, as a file in a folder has it, belongs to a component of this class itself."""
        return re.match(self.own, self.canonical(name) or "-") is not None

    def never_reads(self, name: str) -> bool:
        """Whether a component computes the same without this tensor."""
        return bool(self.unread) and re.match(self.unread, name) is not None
