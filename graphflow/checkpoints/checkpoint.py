"""A checkpoint that a document names, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from graphflow.checkpoints.added_fit import widths_of
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.details import NO_DETAILS, Details
from graphflow.checkpoints.family import Family
from graphflow.checkpoints.placed import AddedWords, Placed
from graphflow.system.device import CPU, Compute
from graphflow.system.run_options import NO_OPTIONS
from graphflow.values.component import Component


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that a document names, with the facts about it.

    Attributes:
        name: the name as written.
        kind: `pipeline` (folder with model_index.json), `component` (a single model: a folder with config.json, or a
            .safetensors file), `file` (a whole checkpoint in one .safetensors file), or `hub` (a repository of which
            nothing is known now).
        path: the folder or file; None for `hub`.
        class_name: class of the pipeline or component; empty if unknown.
        components: role → component; that of a checkpoint of the kind `component` has the role "".
        missing: roles of the family's components that a single file does not have.
        family: its family; None for a single model or a `hub`, or if no family of the call recognises it.
        prior: the checkpoint that reads texts for this one, if its family needs one; None if it is not known.
        known_families: names of the families of the call.
        flags: settings of the pipeline in model_index.json, such as force_zeros_for_empty_prompt.
        details: its details in a document, besides the source.
        compute: the call's device, precision, threads and options.
        source: the path or name for which `name` stands, as written, if a `CheckpointReader` located it.
        unknown: why nothing is known of a `hub`.
        remedy: what to do about that.
    """

    name: str
    kind: str
    path: Path | None = None
    class_name: str = ""
    components: Mapping[str, ComponentFiles] = field(default_factory=dict, compare=False)
    missing: tuple[str, ...] = ()
    flags: Mapping[str, bool] = field(default_factory=dict, compare=False)
    family: Family | None = field(default=None, compare=False)
    prior: Checkpoint | None = field(default=None, compare=False)
    known_families: tuple[str, ...] = field(default=(), compare=False)
    details: Details = NO_DETAILS
    compute: Compute = CPU
    source: str = ""
    unknown: str = field(default="", compare=False)
    remedy: str = field(default="", compare=False)

    word = "checkpoint"

    def __post_init__(self) -> None:
        # Facts about a checkpoint are shared by all callers, so they are read-only.
        object.__setattr__(self, "components", MappingProxyType(dict(self.components)))
        object.__setattr__(self, "flags", MappingProxyType(dict(self.flags)))

    def component(self, role: str) -> Component:
        """The component with this role as used by a step: in the stage's precision, on its device, with what is added.

        LoRAs and the words of embeddings are added to it.
        """
        loras = tuple(lora for lora in self.details.loras if role in lora.roles)
        targets = () if self.family is None else self.family.loras
        target = next((target for target in targets if target.role == role), None)
        return self._placed(self.components[role], loras=loras, target=target, words=self._words(role))

    def _words(self, role: str) -> AddedWords | None:
        """The words that embeddings add to a text encoder or to its tokenizer."""
        targets = self.family.embeddings if self.details.embeddings and self.family is not None else ()
        widths = widths_of(targets, self.components)
        target = next((target for target in widths if role in (target.role, target.tokenizer)), None)
        if target is None:
            return None
        found = [one.words(widths).get(target.role) for one in self.details.embeddings]
        words = tuple(one for one in found if one is not None)
        return AddedWords(words, target, self.components[target.tokenizer]) if words else None

    @property
    def only(self) -> ComponentFiles | None:
        """The component of a checkpoint that is a single model, such as a ControlNet."""
        return next(iter(self.components.values())) if len(self.components) == 1 else None

    def placed(self, files: ComponentFiles) -> Component:
        """Another component as used by a stage of this checkpoint: in the stage's precision, on its device."""
        return self._placed(files)

    def _placed(self, files: ComponentFiles, **added: Any) -> Component:
        dtype, device = self.compute.dtype_of(self.details.dtype), self.compute.device
        options = NO_OPTIONS if files.model is None else files.model.options_of(self.compute.options)
        return Placed(files, dtype, device, options=options, **added).component

    @property
    def digest(self) -> str:
        """The text that stands for it in keys of results: the identity of a single model, otherwise the path.

        Components of other checkpoints are in such keys with their own identities.
        """
        subject = self.only.identity if self.only is not None else self.path or self.name
        compute = self.compute
        return f"checkpoint {subject} {self.details} {compute.device} {compute.dtype} {compute.threads}"
