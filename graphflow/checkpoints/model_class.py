"""A class of components: what its config may say, which tensors it has, and how one is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Shape: TypeAlias = tuple[int, ...]
Named: TypeAlias = tuple[str, Shape]
"""Name and shape of a tensor."""

Kind = Literal["model", "tokenizer", "scheduler", "processor"]
"""Only a model has weights."""


class NotModelled(Exception):
    """A config uses an option whose tensors `ModelClass.layout` doesn't know."""


@dataclass(frozen=True, eq=False)
class ModelClass:
    """A class of components that a checkpoint may hold.

    Attributes:
        name: as configs and model_index.json write it, such as `AutoencoderKL`.
        library: the module that has the class, `diffusers` or `transformers`; empty if `load` makes the component.
        kind: what a component of it is.
        defaults: returns setting → default of the class, with which a config is completed; None if they are unknown.
        layout: returns name and shape of each tensor, from a complete config; None if tensors are not compared. Raises
            `NotModelled` if the config uses an option that it doesn't know.
        own: regular expression for the beginning of its own tensors' names; other models' tensors may lie beside them.
        unread: regular expression for tensors that it has and never reads.
        load: `load(files, dtype)` returns the loaded component, for a class that `from_pretrained` of the library
            cannot load: `files` is its `ComponentFiles`, `dtype` one
            of torch. It imports torch inside.
    """

    name: str
    library: str = ""
    kind: Kind = "model"
    defaults: Callable[[], Mapping[str, Any]] | None = None
    layout: Callable[[Mapping[str, Any]], Iterator[Named]] | None = None
    own: str = ""
    unread: str = ""
    load: Callable[[Any, Any], Any] | None = None
