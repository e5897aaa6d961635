"""A class of components: the settings in its config, its tensors, and how a component is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal, Protocol, TypeAlias

from graphflow.checkpoints.tensor_names import in_folder
from graphflow.system.run_options import RunOptions

Shape: TypeAlias = tuple[int, ...]
Named: TypeAlias = tuple[str, Shape]
"""Name and shape of a tensor."""

Kind = Literal["model", "tokenizer", "scheduler", "processor"]
"""The kind of a component; only models have weights."""


MOST = 50_000
"""Most tensors that a config may describe; the largest UNets have a few thousand."""


class NotModelled(Exception):
    """A config uses an option whose tensors `ModelClass.layout` doesn't know."""


class Tokenizer(Protocol):
    """Facts about a tokenizer, read from its files."""

    @property
    def identity(self) -> str:
        """A digest of everything that affects the tokens of a text."""

    @property
    def size(self) -> int:
        """Size of the vocabulary; all token ids are below it."""

    @property
    def length(self) -> int:
        """Number of tokens to which texts are truncated or padded."""

    def knows(self, token: str) -> bool:
        """Whether the vocabulary has a token with this text."""


@dataclass(frozen=True, eq=False)
class ModelClass:
    """A class of components that a checkpoint may hold.

    Attributes:
        name: name in configs and model_index.json, such as `AutoencoderKL`.
        library: the module of the class, `diffusers` or `transformers`; empty if `load` creates the component.
        kind: kind of its components.
        defaults: returns setting → default, for settings that a config does not have; None if they are unknown.
        wrong: returns messages about invalid settings of a complete config; called before `layout`.
        settings: key of the map in the config that may contain the settings; empty if they are always at the top level.
        layout: returns name and shape of each tensor for a complete config; None if tensors are not compared. Raises
            `NotModelled` if the config uses an option that it doesn't support, and `ValueError` or the like if the
            config is not valid.
        own: regular expression for the beginning of its tensors' names; files may also contain tensors of other models.
        unread: regular expression for the beginning of the names of tensors that it has but never uses.
        renamed: returns the name in `layout` for names of tensors that only some files have; names of earlier versions
            of the libraries are already translated.
        tokenizer: `tokenizer(files)` returns facts about a tokenizer, or raises a `Refusal`; without it, tokenizers are
            equal if their files are equal.
        load: `load(files, dtype)` returns the loaded component, for a class that cannot be loaded by `from_pretrained`
            of the library. `files` are its `ComponentFiles`, `dtype` is a dtype of torch. It imports torch inside the
            function; models are moved to their device afterwards.
        options: run option → whether the class has it; options that don't concern the class are missing. The option
            `offload` concerns all models; False means that groups of its layers cannot be moved.
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
    options: Mapping[str, bool] = field(default_factory=dict)

    def tensors(self, config: Mapping[str, Any]) -> dict[str, Shape] | None:
        """The tensors of a component with this config.

        Args:
            config: a complete config, with settings of the right types.

        Returns:
            Name → shape, at most `MOST` + 1 entries; None if the class, or an option of the config, has no layout.
        """
        if self.layout is None:
            return None
        try:
            return dict(islice(self.layout(config), MOST + 1))
        except NotModelled:
            return None

    def canonical(self, name: str) -> str | None:
        """The name of a tensor in the layout; None if models no longer have the tensor.

        Args:
            name: name in a file of a folder.
        """
        return in_folder(self.renamed(name) if self.renamed is not None else name)

    def owns(self, name: str) -> bool:
        """Whether a tensor with this name, in a file of a folder, belongs to components of this class."""
        return re.match(self.own, self.canonical(name) or "-") is not None

    def options_of(self, options: RunOptions) -> RunOptions:
        """The options that components of this class have, out of those of a run."""
        own = options.only(tuple(name for name, has in self.options.items() if has))
        if self.kind != "model":
            return own
        whole = options.offload == "group" and not self.options.get("offload", True)
        return replace(own, offload="model" if whole else options.offload)

    def never_reads(self, name: str) -> bool:
        """Whether the results of a component do not depend on this tensor."""
        return bool(self.unread) and re.match(self.unread, name) is not None
