"""What the plan functions of stages share: family, defaults, texts, sizes, latent spaces."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphflow.check.checkpoints import Checkpoint
from graphflow.check.components import class_defaults
from graphflow.facts import Facts
from graphflow.latent_space import LatentSpace, Match
from graphflow.marker import Component, Fault, Planned, Step
from graphflow.problems import did_you_mean
from graphflow_nodes.families import SAMPLERS, Entry, Family, family_of, supported
from graphflow_nodes.ops.steps import decode, encode_text


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
        return self._fitting_parts(self.family)

    def _fitting_parts(self, family: Family) -> bool:
        """Whether the parts are there, of the family's classes, and fit each other; diffusers itself asks nothing."""
        parts = self.checkpoint.components
        missing = [role for role in family.parts if role not in parts]
        if missing:
            why = f"it has no {', '.join(missing)}"
            fix = f"get the whole checkpoint, or write components: {{{missing[0]}: ./other}} beside its source"
            self.refuse(f"{self.checkpoint.name} is not whole", why, fix, "checkpoint")
            return False
        for role, classes in family.parts.items():
            named = {parts[role].class_name, str(parts[role].config.get("_class_name", parts[role].class_name))}
            if role != "scheduler" and not named <= set(classes):
                (strange, *_) = sorted(named - set(classes))
                why = f"it is {strange}, and {family.name} takes {' or '.join(classes)}"
                self._refuse_part(f"the {role} of {self.checkpoint.name} is of another class", why)
        if self.faults:
            return False
        unet, text = parts["unet"].full_config, parts["text_encoder"].full_config
        told, width = unet["cross_attention_dim"], text["hidden_size"]
        if told != width:
            why = f"the unet reads texts {told} wide, and the text_encoder gives {width}"
            self._refuse_part(f"the parts of {self.checkpoint.name} do not fit", why)
        cells = parts["vae"].full_config["latent_channels"]
        if unet["out_channels"] != cells:
            why = f"the unet gives {unet['out_channels']} channels, and the vae reads {cells}"
            self._refuse_part(f"the parts of {self.checkpoint.name} do not fit", why)
        return not self.faults

    def _refuse_part(self, message: str, why: str) -> None:
        self.refuse(message, why, "take the part of a checkpoint of the same family", "checkpoint", "wrong-part")

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
        files = self.checkpoint.components["scheduler"]
        described = {"own": files.class_name, "config": files.config, **self._sampler(files.class_name)}
        return json.dumps(described, sort_keys=True)

    def _sampler(self, own: str) -> dict[str, Any]:
        """Class (None for the checkpoint's own object) and settings over its config: the param's, else the details'."""
        chosen = self.checkpoint.details.scheduler
        name = self.params.get("scheduler")
        changes: Mapping[str, Any] = {}
        if name is None and chosen is not None:
            name, changes = chosen.name or own, dict(chosen.changes)
        if name is None:
            return {"class": None, "changes": {}}
        if name not in SAMPLERS and name != own:
            fix = did_you_mean(name, list(SAMPLERS), else_="the samplers are")
            self.refuse(f"{self.checkpoint.name} names the scheduler {name}, which is not known", "", fix, "checkpoint")
            return {"class": None, "changes": {}}
        class_name, usual = SAMPLERS.get(name, (own, {}))
        known = class_defaults().get(class_name, {})
        for key in changes:
            if key not in known:
                fix = did_you_mean(key, list(known), else_="its settings are")
                self.refuse(f"{class_name} has no setting {key}", "", fix, "checkpoint")
        return {"class": class_name, "changes": {**usual, **changes}}

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
            least = math.ceil(10_000 / steps) / 10_000  # rounded up: what is told has to run a step
            self.refuse("no step would run", why, f"raise strength to {least:g} or more", about)

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

    def advise_latents(self, facts: Facts) -> None:
        """A hint where a picture comes out of the latent space into which it goes."""
        if facts.word != "image" or not isinstance(facts.space, LatentSpace) or not self.entry.latents:
            return
        if self.space.match(facts.space) is Match.SAME:
            why = "the picture was decoded from latents of this checkpoint's VAE, and is encoded again"
            fix = "use the sender's .latents, which saves both"
            self.refuse("image could stay in latent space", why, fix, "image", "node-hint")

    def planned(self, steps: list[Step], width: int | None, height: int | None) -> Planned:
        """The answer: `sample` and what comes before it, then `decode`."""
        size = Facts(width, height, self.space)
        last = Step("decode", decode, {"latents": "sample.latents"}, {}, ("image",), self.use("vae"))
        outputs = {"image": size, "latents": Facts(width, height, self.space, word="latents")}
        return Planned(outputs, problems=tuple(self.faults), steps=(*steps, last))

    def refused(self) -> Planned:
        """The answer where there is nothing to plan."""
        return Planned(problems=tuple(self.faults))
