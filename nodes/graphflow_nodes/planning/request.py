"""The request of a stage: its checkpoint's family, and its params with the defaults of the class that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.family import Family, LatentRules, StageSpec
from graphflow.errors import DefinitionError
from graphflow.values.component import Component
from graphflow.values.facts import Facts
from graphflow.values.latent_space import LatentSpace, Noise
from graphflow_nodes.planning.chosen_sampler import Sampler


@dataclass(frozen=True)
class Request:
    """A stage during planning.

    Attributes:
        stage: a key of the family's stages, such as `text2img+control`.
        facts, params: the arguments of the plan function.
        checkpoint: its family has the stage, and its parts fit together.
        family: of the checkpoint.
        wanted: outputs that are read.
    """

    stage: str
    facts: Mapping[str, Facts]
    params: Mapping[str, Any]
    checkpoint: Checkpoint
    family: Family
    wanted: frozenset[str] = frozenset()

    @property
    def spec(self) -> StageSpec:
        """How the family runs the stage."""
        return self.family.stages[self.stage]

    @property
    def node(self) -> str:
        """The stage's node type."""
        return self.stage.partition("+")[0]

    @property
    def image(self) -> Facts:
        """The facts of the picture or the latents from which the stage starts."""
        return self.facts.get("image", Facts())

    @property
    def prompt(self) -> str | None:
        """The name of the prompt's type; None if it is not known."""
        return self.facts.get("prompt", Facts()).word

    @property
    def absent(self) -> Checkpoint | None:
        """A further checkpoint that the stage needs and that is not on this machine."""
        prior = self.checkpoint.prior
        return prior if prior is not None and prior.kind == "hub" and self.prompt != "image_embedding" else None

    def given(self, name: str) -> bool:
        """Whether a param is written in the graph."""
        return self.params.get(name) is not None

    def value(self, name: str) -> Any:
        """A param, or the default of the class that runs."""
        return self.params[name] if self.given(name) else self.spec.defaults[name]

    def flag(self, name: str) -> bool:
        """A setting of the pipeline: the checkpoint's, else the family's default."""
        return bool(self.checkpoint.flags.get(name, self.family.flags.get(name)))

    def use(self, *roles: str) -> dict[str, Component]:
        """Components by role, for a step's `uses`."""
        return {role: self.checkpoint.component(role) for role in roles}

    @property
    def latents(self) -> LatentRules:
        """How pictures become latents in the checkpoint's family, and back.

        Raises:
            DefinitionError: the family has the stage and no latents.
        """
        if self.family.latents is None:
            raise DefinitionError(f"{self.family.name} has the stage {self.stage}, and says nothing of its latents")
        return self.family.latents

    @property
    def vae(self) -> dict[str, Component]:
        """The VAE, as steps borrow it."""
        return {"vae": self.checkpoint.component(self.latents.vae)}

    @property
    def guided(self) -> bool:
        """Whether a negative text is needed: with guidance above 1, unless the denoiser takes it as an input."""
        scale = self.value("guidance_scale") if "guidance_scale" in self.spec.defaults else 0
        return bool(scale > 1) and not self.family.distilled(self.checkpoint.components)

    @property
    def zeros(self) -> bool:
        """Whether the class uses zeros for a negative text that is not given."""
        return self.guided and "negative_prompt" not in self.facts and self.flag("force_zeros_for_empty_prompt")

    @property
    def reads_pixels(self) -> bool:
        """Whether the denoiser also reads a masked picture's pixels."""
        return self.family.reads_pixels(self.checkpoint.components)

    @cached_property
    def space(self) -> LatentSpace:
        """The latent space of the checkpoint."""
        return self.latents.space(self.checkpoint.components)

    @property
    def made(self) -> LatentSpace:
        """The space of the latents that the stage returns; some classes ignore mean and deviation."""
        return self.space if self.spec.normalised else replace(self.space, mean=None, std=None)

    @cached_property
    def sampler(self) -> Sampler | None:
        """The stage's sampler; None if the family has no schedulers of diffusers."""
        if "scheduler" not in self.family.parts:
            return None
        return Sampler(self.checkpoint, self.params.get("scheduler"), self.spec.samplers)

    def split(self, name: str) -> float | None:
        """The param `name`, a share of the steps; None if it is not given, or if the class does not have it."""
        return self.params.get(name) if name in self.spec.defaults else None

    def noise(self, fraction: float) -> Noise | None:
        """The facts of latents that this stage returns, or takes, noisy at `fraction`."""
        return self.sampler.noise(fraction, self.value("num_inference_steps")) if self.sampler else None

    @property
    def noise_left(self) -> Noise | None:
        """The noise of the latents that the stage returns; None if it denoises to the end."""
        end = self.split("denoising_end")
        return None if end is None else self.noise(end)

    @property
    def guides_decoding(self) -> bool:
        """Whether the class also uses the picture and the mask to decode."""
        return self.checkpoint.components[self.latents.vae].class_name in self.spec.decode_around
