"""A checkpoint that a document names, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from graphflow.checkpoints.components import ComponentFiles, Placed
from graphflow.checkpoints.details import NO_DETAILS, Details
from graphflow.checkpoints.family import Family
from graphflow.checkpoints.lora import Lora, LoraTarget
from graphflow.system.device import CPU, Compute
from graphflow.values.component import Component


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that a document names.

    Attributes:
        name: as written.
        kind: `pipeline` (folder with model_index.json), `component` (folder with config.json),
            `file` (one .safetensors file), or `hub` (a repository of which nothing is known now).
        path: the folder or file; None for `hub`.
        class_name: of the pipeline or the component; empty where unknown.
        components: role → files of it; the one of a `component` has the role "".
        missing: roles that a file's family has and the file has not.
        family: None if it is a single model, on the hub, or of no family of the call.
        prior: the checkpoint that reads texts for this one, if its family needs one; None if it is not known.
        known_families: names of the families of the call.
        flags: what model_index.json says of the pipeline itself, such as force_zeros_for_empty_prompt.
        details: what a document says of it beside its source.
        compute: what the call says about computing.
        source: what it is made from, as written, where a `CheckpointReader` found it: the path or name behind `name`.
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
        # The facts of one checkpoint are shared by all who read it.
        object.__setattr__(self, "components", MappingProxyType(dict(self.components)))
        object.__setattr__(self, "flags", MappingProxyType(dict(self.flags)))

    def component(self, role: str) -> Component:
        """The component of this role as a step uses it: in the stage's precision, with its LoRAs, on the device."""
        loras = tuple(lora for lora in self.details.loras if role in lora.roles)
        targets = () if self.family is None else self.family.loras
        return self.placed(self.components[role], loras, next((one for one in targets if one.role == role), None))

    @property
    def only(self) -> ComponentFiles | None:
        """The component of a checkpoint that is a single model, such as a ControlNet."""
        return next(iter(self.components.values())) if len(self.components) == 1 else None

    def placed(
        self, files: ComponentFiles, loras: tuple[Lora, ...] = (), target: LoraTarget | None = None
    ) -> Component:
        """Any component as a stage of this checkpoint uses it: in the stage's precision, on its device."""
        return Placed(files, self.compute.dtype_of(self.details.dtype), self.compute.device, loras, target).component

    @property
    def digest(self) -> str:
        """What it is named by in keys of values: what it holds where it is one model, else where it is.

        Components have identities of their own.
        """
        named = self.only.identity if self.only is not None else self.path or self.name
        return f"checkpoint {named} {self.details} {self.compute}"
