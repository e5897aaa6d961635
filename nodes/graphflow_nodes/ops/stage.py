"""What the plan functions of stages share: family, defaults, texts, sizes, latent spaces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphflow.check.checkpoints import Checkpoint
from graphflow.facts import Facts
from graphflow.latent_space import LatentSpace, Match
from graphflow.marker import Component, Fault, Planned, Step
from graphflow_nodes.families import SCHEDULERS, Entry, Family, family_of, supported
from graphflow_nodes.ops.steps import decode, encode_text

_ROLES = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


@dataclass
class Stage:
    """A stage while it is planned.

    Attributes:
        name: `text2img`, …
        facts, params: as the plan function gets them.
        faults: what the stage refuses or advises so far.
    """

    name: str
    facts: Mapping[str, Facts]
    params: Mapping[str, Any]
    checkpoint: Checkpoint
    faults: list[Fault] = field(default_factory=list)

    @property
    def family(self) -> Family | None:
        return family_of(self.checkpoint)

    @property
    def entry(self) -> Entry:
        assert self.family is not None
        return self.family.stages[self.name]

    def known(self) -> bool:
        """Whether the checkpoint's files are here and of a known family; a fault where they cannot be used."""
        if self.checkpoint.kind == "hub":
            why = "a repository's files are not read from the hub yet"
            self.refuse(f"{self.checkpoint.name} is not on this machine", why, "name a folder", "checkpoint")
            return False
        if self.family is None or self.name not in (*self.family.stages, "vae_encode", "vae_decode"):
            what = self.checkpoint.class_name or f"a {self.checkpoint.kind}"
            why = f"it is {what}; supported are: {supported()}"
            self.refuse(f"{self.checkpoint.name} cannot run {self.name}", why, "name another checkpoint", "checkpoint")
            return False
        missing = [role for role in _ROLES if role not in self.checkpoint.components]
        if missing:
            why = f"it has no {', '.join(missing)}"
            self.refuse(f"{self.checkpoint.name} is not whole", why, "get the whole checkpoint", "checkpoint")
            return False
        return True

    def refuse(self, message: str, why: str, fix: str, about: str, code: str = "node") -> None:
        """Add a fault."""
        self.faults.append(Fault(message, why, fix, about, code))

    def use(self, *roles: str) -> dict[str, Component]:
        """Components by role, for a step's `uses`."""
        return {role: self.checkpoint.component(role) for role in roles}

    def value(self, name: str) -> Any:
        """A param, or the default of the diffusers class that will run."""
        given = self.params.get(name)
        return self.entry.defaults[name] if given is None else given

    @property
    def channels(self) -> int:
        """Channels that the UNet takes: 4, or 9 where it was trained for inpainting."""
        return int(self.checkpoint.components["unet"].full_config["in_channels"])

    def own_size(self) -> tuple[int, int]:
        """(width, height) that the model was trained for, in pixels."""
        own = self.checkpoint.components["unet"].full_config["sample_size"]
        height, width = own if isinstance(own, list) else (own, own)
        return width * self.space.factor, height * self.space.factor

    @property
    def space(self) -> LatentSpace:
        return self.checkpoint.components["vae"].latent_space

    def scheduler(self) -> str:
        """The scheduler as JSON: class, the checkpoint's config, and what a short name changes in it."""
        config = self.checkpoint.components["scheduler"].config
        name = self.params.get("scheduler")
        class_name, changes = SCHEDULERS[name] if name is not None else (None, {})
        described = {"own": config["_class_name"], "config": config, "class": class_name, "changes": dict(changes)}
        return json.dumps(described, sort_keys=True)

    def guided(self) -> bool:
        """Whether a negative text is needed: guidance above 1 and a UNet that takes none as an embedding."""
        unet = self.checkpoint.components["unet"].full_config
        return bool(self.value("guidance_scale") > 1 and unet.get("time_cond_proj_dim") is None)

    def texts(self) -> tuple[list[Step], dict[str, str]]:
        """The encoding steps, and where `sample` finds what they give."""
        assert self.family is not None
        uses = self.use("tokenizer", "text_encoder")
        common = {"readout": self.family.readout, "encoder": uses["text_encoder"].identity}
        if self.facts.get("prompt", Facts()).word == "conditioning":
            return [], {"positive": "prompt"}
        skip = {"clip_skip": self.params.get("clip_skip")}
        steps = [Step("encode_prompt", encode_text, {"text": "prompt"}, {**common, **skip}, ("conditioning",), uses)]
        inputs = {"positive": "encode_prompt.conditioning"}
        if self.guided():
            given = "negative_prompt" in self.facts
            text, params = ({"text": "negative_prompt"}, common) if given else ({}, {**common, "text": ""})
            steps.append(
                Step("encode_negative", encode_text, text, {**params, "clip_skip": None}, ("conditioning",), uses)
            )
            inputs["negative"] = "encode_negative.conditioning"
        return steps, inputs

    def check_size(self, width: int | None, height: int | None, about: tuple[str, str]) -> None:
        """Refuse a size that is no multiple of the VAE's factor (8 at least, as the classes ask)."""
        factor = max(8, self.space.factor)
        for side, value, name in (("width", width, about[0]), ("height", height, about[1])):
            if value is not None and value % factor:
                near = sorted({max(factor, value // factor * factor), (value // factor + 1) * factor})
                fix = f"use {' or '.join(map(str, near))}"
                self.refuse(
                    f"the {side} {value} is no multiple of {factor}",
                    f"{self.checkpoint.name} works in cells of {factor} pixels",
                    fix,
                    name,
                )

    def check_strength(self) -> None:
        """Refuse a strength that leaves no step to run: some samplers would give nothing, others something odd."""
        strength, steps = self.value("strength"), self.value("num_inference_steps")
        if int(steps * strength) < 1:
            why = f"strength {strength} of {steps} steps is less than one"
            about = "strength" if self.params.get("strength") is not None else "num_inference_steps"
            self.refuse("no step would run", why, f"raise strength to {1 / steps:g} or more", about)

    def check_latents(self, facts: Facts, port: str) -> None:
        """Refuse latents of another space, and warn of a sibling's."""
        space = facts.space
        if not isinstance(space, LatentSpace):
            return
        match = self.space.match(space)
        if match is Match.OTHER:
            why = f"they are of {space}; {self.checkpoint.name} reads {self.space}"
            self.refuse(f"{port} cannot take these latents", why, "use the sender's .image", port, "latent-space")
        elif match is Match.SIBLING:
            why = f"the VAE of {self.checkpoint.name} has other weights than theirs, though all else is equal"
            fix = "use the sender's .image where the picture looks wrong"
            self.refuse(f"the latents of {port} are of a sibling VAE", why, fix, port, "latent-sibling")

    def planned(self, steps: list[Step], width: int | None, height: int | None) -> Planned:
        """The answer: `sample` and what comes before it, then `decode`."""
        size = Facts(width, height)
        last = Step("decode", decode, {"latents": "sample.latents"}, {}, ("image",), self.use("vae"))
        outputs = {"image": size, "latents": Facts(width, height, self.space, word="latents")}
        return Planned(outputs, problems=tuple(self.faults), steps=(*steps, last))

    def refused(self) -> Planned:
        """The answer where there is nothing to plan."""
        return Planned(problems=tuple(self.faults))
