"""What the plan functions of stages share: family, defaults, texts, sizes, latent spaces."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from graphflow.catalog.authoring import Planned, Step
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.problems import Fault
from graphflow.values.component import Component
from graphflow.values.facts import Facts
from graphflow.values.latent_space import LatentSpace, Match, Noise
from graphflow_nodes.families import FAMILIES, SD, Entry, Family, Reading, family_of, supported
from graphflow_nodes.planning.sampler import Sampler
from graphflow_nodes.planning.sampler_settings import least_steps
from graphflow_nodes.planning.samplers import TAKING_ETA
from graphflow_nodes.steps.control import nets
from graphflow_nodes.steps.encode_text import encode_text
from graphflow_nodes.steps.sample import missing, sample
from graphflow_nodes.steps.vae import decode, decode_around

_EARLY_SIZE = 64
"""The sample_size that Stable Diffusion's constructors give a UNet with a smaller one from before diffusers 0.9."""
_KINDS = {
    5: "a depth-to-image model, which reads a depth map beside latents",
    7: "an upscaler, which reads a small picture beside latents",
    8: "InstructPix2Pix, which reads the picture to edit beside latents",
    9: "an inpainting model, which reads a mask and the masked picture beside latents",
}
"""Channels that a UNet takes → what a model with so many is."""
_OTHER = "take the part of a checkpoint of the same family"


@dataclass
class Stage:
    """A stage while it is planned.

    Attributes:
        name: a key of the family's stages, such as `text2img`.
        facts, params: as the plan function gets them.
        wanted: outputs that somebody reads, for a stage that may leave them noisy.
        faults: what the stage refuses or advises so far.
    """

    name: str
    facts: Mapping[str, Facts]
    params: Mapping[str, Any]
    checkpoint: Checkpoint
    wanted: frozenset[str] = frozenset()
    faults: list[Fault] = field(default_factory=list)

    @cached_property
    def family(self) -> Family | None:
        return family_of(self.checkpoint)

    @property
    def known_family(self) -> Family:
        """The family, after `known` has said that there is one."""
        if self.family is None:
            raise ValueError(f"the checkpoint {self.checkpoint.name} is of no family that is known")
        return self.family

    @property
    def entry(self) -> Entry:
        return self.known_family.stages[self.name]

    # What can be planned at all

    def known(self) -> bool:
        """Whether the checkpoint's files are here and of a family that has this stage; a fault where not."""
        if self.checkpoint.kind == "hub":
            self.faults += not_here(self.checkpoint).problems
            return False
        stage = self.name.replace("+", " with ")
        if self.family is None or self.name not in (*self.family.stages, "vae_encode", "vae_decode"):
            what = self.checkpoint.class_name or f"a {self.checkpoint.kind}"
            why = f"it is {what}; supported are: {supported()}"
            if self.family is not None:
                able = ", ".join(name.replace("+", " with ") for name in self.family.stages)
                why = f"it is {self.family.name}, which has the stages {able}"
            self.refuse(f"{self.checkpoint.name} cannot run {stage}", why, "name another checkpoint", "checkpoint")
            return False
        if not self._fitting_parts(self.family):
            return False
        if self.name in self.family.stages:
            self._check_params(self.family)
            self._check_sampler()
            self._advise_params()
        return True

    def _check_sampler(self) -> None:
        """Refuse a sampler that cannot be made, or cannot do what the stage asks of it."""
        if found := list(self.sampler.faults()):
            self.faults += found
            return
        name, steps = self.sampler.class_name, self.value("num_inference_steps")
        about = "scheduler" if self.params.get("scheduler") is not None else "checkpoint"
        if "image" in self.facts and self.params.get("denoising_start") is None and self.sampler.from_noise_only:
            why = f"{name} cannot add noise to a picture, so it only starts from noise"
            self.refuse(f"{name} cannot run {self.name}", why, "use scheduler: euler, or another", about)
        if steps < (least := least_steps(name, self.sampler.config)):
            why, fix = (
                f"{name} with these settings has {least} at least",
                f"write num_inference_steps: {least}, or more",
            )
            self.refuse(f"{steps} steps are fewer than its sampler can run", why, fix, "num_inference_steps")
        # The classes of Stable Diffusion without ControlNets rewrite the scheduler that they get.
        moved = self.family is SD and not self.entry.control
        strength = self.value("strength") if "strength" in self.entry.defaults else 1.0
        whole = int(steps * strength) >= steps and self.params.get("denoising_start") is None
        most = self.sampler.most_steps(steps, moved=moved, whole=whole)
        if steps > most:
            why = f"{name} with these settings has {most} at most"
            told = "num_inference_steps" if self.params.get("num_inference_steps") is not None else about
            fix = f"write num_inference_steps: {most}, or less"
            self.refuse(f"{steps} steps are more than its sampler can run", why, fix, told)

    def _check_params(self, family: Family) -> None:
        """Refuse params that the family's class has not."""
        for name in _FAMILY_PARAMS:
            read = name in self.entry.defaults and (self.scored or "aesthetic_score" not in name)
            if self.params.get(name) is not None and not read:
                why = f"{self.entry.pipeline}, which runs {self.name.partition('+')[0]} for it, has no such param"
                self.refuse(f"{name} has no meaning for {family.name}", why, "leave it out", name)

    def _advise_params(self) -> None:
        """Hints at params that change nothing, given the others."""
        guidance = self.value("guidance_scale")
        if guidance <= 1:
            for name in ("negative_prompt", "guidance_rescale"):
                if name in self.facts or self.params.get(name):
                    why = f"guidance_scale is {guidance:g}, and only above 1 is the picture led away from anything"
                    fix = "raise guidance_scale, or leave it out"
                    self.refuse(f"{name} has no effect", why, fix, name, "node-hint")
        if self.params.get("eta") and self.sampler.class_name not in TAKING_ETA:
            why = f"{self.sampler.class_name} takes none"
            self.refuse("eta has no effect", why, "use scheduler: ddim, or leave it out", "eta", "node-hint")

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
                message = f"the {role} of {self.checkpoint.name} is of another class"
                self.refuse(message, why, _OTHER, "checkpoint", "wrong-part")
        if self.faults:
            return False
        unet = parts["unet"].full_config
        width = sum(int(parts[reading.text_encoder].full_config["hidden_size"]) for reading in family.readings)
        cells = parts["vae"].full_config["latent_channels"]
        for one, other, why in (
            (unet["cross_attention_dim"], width, "the unet reads texts {} wide, and they are {}"),
            (unet["out_channels"], cells, "the unet gives {} latent channels, and the vae reads {}"),
        ):
            if one != other:
                message = f"the parts of {self.checkpoint.name} do not fit"
                self.refuse(message, why.format(one, other), _OTHER, "checkpoint", "wrong-part")
        for reading in family.readings:
            self._check_reading(reading)
        return not self.faults

    def _check_reading(self, reading: Reading) -> None:
        """Refuse a tokenizer that gives a text encoder numbers, or more of them, than it has embeddings for."""
        parts = self.checkpoint.components
        encoder, tokenizer = parts[reading.text_encoder].full_config, parts[reading.tokenizer].tokenizer
        for most, given, what in (
            (encoder["vocab_size"], tokenizer.size, "tokens"),
            (encoder["max_position_embeddings"], tokenizer.length, "places of a text"),
        ):
            if given > most:
                why = f"the {reading.tokenizer} has {given:,} {what}, and the {reading.text_encoder} knows {most:,}"
                message = f"the parts of {self.checkpoint.name} do not fit"
                self.refuse(message, why, _OTHER, "checkpoint", "wrong-part")

    def refuse(self, message: str, why: str, fix: str, about: str, code: str = "node") -> None:
        """Add a fault."""
        self.faults.append(Fault(message, why, fix, about, code))

    # Facts of the checkpoint

    def use(self, *roles: str) -> dict[str, Component]:
        """Components by role, for a step's `uses`."""
        return {role: self.checkpoint.component(role) for role in roles}

    def value(self, name: str) -> Any:
        """A param, or the default of the diffusers class that will run."""
        given = self.params.get(name)
        return self.entry.defaults[name] if given is None else given

    @property
    def scored(self) -> bool:
        """Whether the UNet is told how pleasing the picture is to be."""
        return bool(self._flag("requires_aesthetics_score"))

    @property
    def channels(self) -> int:
        """Channels that the UNet takes: 4, or 9 where it was trained for inpainting."""
        return int(self.checkpoint.components["unet"].full_config["in_channels"])

    def own_size(self) -> tuple[int, int] | None:
        """(width, height) that the model was trained for, in pixels; None where its config does not say."""
        unet = self.checkpoint.components["unet"]
        own = unet.full_config["sample_size"]
        height, width = own if isinstance(own, list) and len(own) == 2 else (own, own)
        if not all(type(side) is int and side > 0 for side in (height, width)):
            return None
        if self.family is SD and isinstance(own, int) and own < _EARLY_SIZE and _is_early(unet.config):
            # Such configs of fine-tunes are known to be wrong; the constructors correct them.
            height = width = _EARLY_SIZE
        return width * self.space.factor, height * self.space.factor

    def painted_size(self) -> tuple[int, int] | None:
        """(width, height) by the params, and where they say nothing the model's own; None and a fault if unknown."""
        width, height = self.params["width"], self.params["height"]
        own = self.own_size()
        if own is not None:
            return width or own[0], height or own[1]
        if width and height:
            return width, height
        why = f"the config of its unet has no sample_size, the size for which it was trained: {self._told_size()}"
        fix = "write width and height"
        self.refuse(f"the size of {self.checkpoint.name} is not known", why, fix, "height" if width else "width")
        return None

    def _told_size(self) -> str:
        return json.dumps(self.checkpoint.components["unet"].config.get("sample_size"))

    @cached_property
    def space(self) -> LatentSpace:
        return self.checkpoint.components["vae"].latent_space

    @property
    def made(self) -> LatentSpace:
        """The space of the latents that the stage gives; some classes know no mean and deviation."""
        return replace(self.space, mean=None, std=None) if self.entry.decode == "xl_control" else self.space

    # The sampler

    @cached_property
    def sampler(self) -> Sampler:
        return Sampler(self.checkpoint, self.params.get("scheduler"))

    def noise(self, fraction: float) -> Noise:
        """What is known of latents that this stage leaves, or takes, noisy at `fraction`."""
        return self.sampler.noise(fraction, self.value("num_inference_steps"))

    def check_resuming(self, about: str) -> None:
        """Refuse a sampler that does not go on exactly where another stage stopped, and a part without a step."""
        self._check_parts(about)
        if not self.sampler.resumes(self.value("eta")):
            able = "EulerDiscreteScheduler, DDIMScheduler with eta 0, DPMSolverMultistepScheduler with solver_order 1"
            why = f"{self.sampler.class_name} does not go on exactly where another stage stopped; these do: {able}"
            where = "scheduler" if self.params.get("scheduler") is not None else about
            self.refuse("denoising cannot be split with this sampler", why, "use scheduler: euler", where)

    def _check_parts(self, about: str) -> None:
        """Refuse a split that leaves one side without a step; with a strength, the steps before it don't run."""
        steps, split = self.value("num_inference_steps"), self.params[about]
        first, skipped = round(split * steps), 0
        if about == "denoising_end" and "strength" in self.entry.defaults:
            skipped = steps - min(int(steps * self.value("strength")), steps)
        if not skipped < first < steps:
            why = f"of {steps} steps it is the end of {first}, and the first {skipped} are not run"
            self.refuse(f"{about} leaves one side without a step", why, "choose another share, or more steps", about)

    # Texts

    def guided(self) -> bool:
        """Whether a negative text is needed: guidance above 1 and a UNet that takes none as an embedding."""
        unet = self.checkpoint.components["unet"].full_config
        return bool(self.value("guidance_scale") > 1 and unet.get("time_cond_proj_dim") is None)

    def zeros(self) -> bool:
        """Whether the class takes zeros for a negative text that is not given."""
        return (
            self.guided() and "negative_prompt" not in self.facts and bool(self._flag("force_zeros_for_empty_prompt"))
        )

    def _flag(self, name: str) -> Any:
        return self.checkpoint.flags.get(name, self.known_family.flags.get(name))

    def texts(self) -> tuple[list[Step], dict[str, str]]:
        """The encoding steps, and where `sample` finds what they give."""
        if self.facts.get("prompt", Facts()).word == "conditioning":
            for name in ("negative_prompt", "clip_skip"):
                if name in self.facts or self.params.get(name) is not None:
                    why = "prompt is given as a conditioning, which holds what is encoded already"
                    self.refuse(f"{name} has no meaning here", why, "leave it out, or give prompt as text", name)
            return [], {"positive": "prompt"}
        steps: list[Step] = []
        inputs = {}
        for number, reading in enumerate(self.known_family.readings):
            end = f"_{number + 1}" if number else ""
            positive = self._text(f"encode_prompt{end}", reading, "prompt", self.params.get("clip_skip"))
            steps.append(positive)
            inputs[f"positive{end}"] = f"{positive.name}.conditioning"
            if self.guided() and not self.zeros():
                negative = self._text(f"encode_negative{end}", reading, "negative_prompt", None)
                steps.append(negative)
                inputs[f"negative{end}"] = f"{negative.name}.conditioning"
        return steps, inputs

    def _text(self, name: str, reading: Reading, port: str, clip_skip: int | None) -> Step:
        uses = {
            "tokenizer": self.checkpoint.component(reading.tokenizer),
            "text_encoder": self.checkpoint.component(reading.text_encoder),
        }
        params = {"readout": reading.readout, "encoder": uses["text_encoder"].identity, "clip_skip": clip_skip}
        if port not in self.facts:
            return Step(name, encode_text, {}, {**params, "text": ""}, ("conditioning",), uses)
        return Step(name, encode_text, {"text": port}, params, ("conditioning",), uses)

    # Rules

    def check_size(self, width: int | None, height: int | None, about: tuple[str, str]) -> None:
        """Refuse a size that is no multiple of the VAE's factor (8 at least, as the classes ask)."""
        factor = max(8, self.space.factor)
        for side, value, name in (("width", width, about[0]), ("height", height, about[1])):
            if value is not None and value % factor:
                near = sorted({max(factor, value // factor * factor), (value // factor + 1) * factor})
                fix = f"use {' or '.join(map(str, near))}"
                if name == "image":
                    fix = f"put a resize with multiple_of: {factor} before it, or {fix} pixels"
                self.refuse(
                    f"the {side} {value} is no multiple of {factor}",
                    f"{self.checkpoint.name} works in cells of {factor} pixels",
                    fix,
                    name,
                )

    def check_channels(self, *, mask: bool = False) -> None:
        """Refuse a UNet that reads something other than latents, and with a `mask` the mask and the masked picture."""
        latents = self.space.channels
        if self.channels == latents or (mask and self.channels == 2 * latents + 1):
            return
        what = _KINDS.get(self.channels, f"made for something other than the {latents} channels of latents")
        fix = (
            "use inpaint, or name another checkpoint" if self.channels == 9 and not mask else "name another checkpoint"
        )
        stage = self.name.partition("+")[0]
        why = f"its unet has {self.channels} channels: it is {what}"
        self.refuse(f"{self.checkpoint.name} cannot run {stage}", why, fix, "checkpoint")

    def check_strength(self) -> None:
        """Refuse a strength that leaves no step to run: some samplers would give nothing, others something odd."""
        strength, steps = self.value("strength"), self.value("num_inference_steps")
        if int(steps * strength) < 1:
            why = f"strength {strength} of {steps} steps is less than one"
            about = "strength" if self.params.get("strength") is not None else "num_inference_steps"
            least = math.ceil(10_000 / steps) / 10_000  # rounded up: what is told has to run a step
            self.refuse("no step would run", why, f"raise strength to {least:g} or more", about)

    def check_latents(self, facts: Facts, port: str) -> None:
        """Refuse latents of another space, and noisy ones where clean ones are read; warn of a sibling's."""
        space = facts.space
        if not isinstance(space, LatentSpace):
            return
        match = self.space.match(space)
        if match is Match.OTHER:
            why = f"{{sender}} is of {space}; {self.checkpoint.name} reads {self.space}"
            self.refuse(f"{port} cannot take {{sender}}", why, "use the sender's .image", port, "latent-space")
        elif match is Match.SIBLING:
            why = f"the VAE of {self.checkpoint.name} has other weights than theirs, though all else is equal"
            fix = "use the sender's .image where the picture looks wrong"
            self.refuse("{sender} is of a sibling VAE", why, fix, port, "latent-sibling")
        self._check_noise(facts, port)

    def _check_noise(self, facts: Facts, port: str) -> None:
        """Refuse noisy latents where clean ones are read, clean ones where noisy ones are, and what does not go on."""
        start, noise = self.params.get("denoising_start"), facts.noise
        if noise is None and start is not None and facts.word == "latents":
            why = "they come from a stage without denoising_end"
            fix = f"add denoising_end: {start:g} to the stage before, or leave denoising_start out"
            self.refuse("denoising_start needs noisy latents", why, fix, "denoising_start", "latent-noise")
        elif noise is not None and start is None:
            why = f"its denoising ended at {noise.fraction:g}"
            fix = f"read them with refiner and denoising_start: {noise.fraction:g}"
            self.refuse(f"{{sender}} is noisy, and {port} takes what is not", why, fix, port, "latent-noise")
        elif noise is not None and start is not None:
            own = self.noise(start)
            for what, about, theirs, mine in (
                ("denoising_end", "denoising_start", f"{noise.fraction:g}", f"{own.fraction:g}"),
                ("num_inference_steps", "num_inference_steps", str(noise.steps), str(own.steps)),
                ("sampler", "scheduler", noise.sampler, own.sampler),
                ("settings of the sampler", "scheduler", noise.config, own.config),
            ):
                if theirs != mine:
                    told = "" if theirs == noise.config else f" {theirs}, and here it is {mine}"
                    why = f"the stage before has the {what}{told or ' that differ from those here'}"
                    fix = f"use {about}: {theirs}" if about != "scheduler" else "name the same scheduler in both stages"
                    self.refuse("denoising does not go on where it stopped", why, fix, about, "latent-noise")
                    break

    def advise_latents(self, facts: Facts) -> None:
        """A hint where a picture comes out of the latent space into which it goes."""
        if facts.word != "image" or not isinstance(facts.space, LatentSpace) or not self.entry.latents:
            return
        if self.space.match(facts.space) is Match.SAME:
            why = "the picture was decoded from latents of this checkpoint's VAE, and is encoded again"
            fix = "use the sender's .latents, which saves both"
            self.refuse("image could stay in latent space", why, fix, "image", "node-hint")

    # The answer

    def sampling(
        self, texts: tuple[list[Step], dict[str, str]], ports: Mapping[str, str], roles: tuple[str, ...], **size: int
    ) -> Step:
        """The step that samples.

        Args:
            texts: what `texts` gives.
            ports: further arguments of `sample` → port.
            roles: the components that it borrows beside the UNet.
            size: width and height, where no picture says them.
        """
        _, inputs = texts
        latents = self.facts.get("image", Facts()).word == "latents"
        if self.entry.reads_vae and "vae" not in roles:
            roles = (*roles, "vae")
        how = {
            "sized": self.entry.sized and "image" in ports,
            "beside": self.entry.beside and latents,
            "vae": "vae" in roles,
        }
        end = self.params.get("denoising_end")
        params = {**self.common(**size), **{name: True for name, said in how.items() if said}}
        if end is not None:
            params["noise"] = self.noise(end).to_json()
        if self.entry.control:
            inputs = {**inputs, "control": "control"}
        uses = self.use("unet", *roles) | nets(self.checkpoint, self.facts)
        return Step("sample", sample, {**inputs, **ports}, params, ("latents",), uses)

    def common(self, **more: Any) -> dict[str, Any]:
        """The params of a sampling step that every stage has; `more` are further settings of the call."""
        settings = {name: self.value(name) for name in self.entry.defaults}
        params = {
            "guided": self.guided(),
            "readout": self.known_family.readout,
            "pipeline": self.entry.pipeline,
            "space": self.made.to_json(),
            "scheduler": self.sampler.to_json(),
            "seed": self.params["seed"],
            "settings": json.dumps({**settings, **more}, sort_keys=True),
            "flags": json.dumps(self._flags(), sort_keys=True),
        }
        if self.entry.control:
            params["steered"] = self.entry.control
        return params | ({"zeros": True} if self.zeros() else {})

    def _flags(self) -> dict[str, Any]:
        """Arguments of the class beside its components."""
        if self.known_family is SD:
            return {"requires_safety_checker": False}
        scores = {"requires_aesthetics_score": self.scored}
        return {"add_watermarker": False, **(scores if "aesthetic_score" in self.entry.defaults else {})}

    def rule(self) -> dict[str, str]:
        """How the family encodes and decodes, as a param of those steps; nothing where it is the usual way."""
        rule = self.known_family.decode
        return {} if rule == "sd" else {"rule": rule}

    def planned(self, steps: list[Step], width: int | None, height: int | None) -> Planned:
        """The answer: `sample` and what comes before it, then `decode`."""
        end = self.params.get("denoising_end")
        noise = self.noise(end) if end is not None else None
        picture = Facts(width, height, self.made if noise is None else None)
        if noise is not None and "image" in self.wanted:
            why = f"denoising ends at {noise.fraction:g} of the steps"
            fix = "read .latents with a refiner, or leave denoising_end out"
            self.refuse("the picture is noisy", why, fix, "denoising_end", "noisy-picture")
        last = self._decoding()
        outputs = {"image": picture, "latents": Facts(width, height, self.made, word="latents", noise=noise)}
        return Planned(outputs, problems=tuple(self.faults), steps=(*steps, last))

    def _decoding(self) -> Step:
        """The step that decodes what `sample` gives."""
        inputs = {"latents": "sample.latents"}
        if self.guides_decoding:
            return Step(
                "decode", decode_around, inputs | {"image": "image", "mask": "mask"}, {}, ("image",), self.use("vae")
            )
        rule = {} if self.entry.decode == "sd" else {"rule": self.entry.decode}
        return Step("decode", decode, inputs, rule, ("image",), self.use("vae"))

    @property
    def guides_decoding(self) -> bool:
        """Whether the class decodes with the picture and the mask beside the latents, in this stage alone."""
        asymmetric = self.checkpoint.components["vae"].class_name == "AsymmetricAutoencoderKL"
        return asymmetric and self.entry.pipeline == "StableDiffusionInpaintPipeline"

    def refused(self) -> Planned:
        """The answer where there is nothing to plan; a checkpoint that is not here is told again when it is run."""
        steps = not_here(self.checkpoint).steps if self.checkpoint.kind == "hub" else ()
        return Planned(problems=tuple(self.faults), steps=steps)


def not_here(checkpoint: Checkpoint, outputs: tuple[str, ...] = ("image", "latents")) -> Planned:
    """The answer for a checkpoint that is not on this machine: a hint now, and a step that ends a run with it."""
    name, _, revision = checkpoint.source.partition("@")
    fix = f"get it with: hf download {name}" + (f" --revision {revision}" if revision else "")
    message, why = (
        f"{checkpoint.source} is not on this machine",
        "so nothing is known of it, and a run would end at once",
    )
    told = {"name": checkpoint.source, "fix": fix}
    step = Step("checkpoint", missing, {}, told, dict.fromkeys(outputs, "image"))
    return Planned(problems=(Fault(message, why, fix, "checkpoint", "node-hint"),), steps=(step,))


_FAMILY_PARAMS = sorted({name for one in FAMILIES for entry in one.stages.values() for name in entry.defaults})
"""Params that not every class has: all that some class has a default for."""


def _is_early(config: Mapping[str, Any]) -> bool:
    """Whether a config was written before diffusers 0.9."""
    written = re.match(r"v?(\d+)\.(\d+)", str(config.get("_diffusers_version", "")))
    return written is not None and (int(written[1]), int(written[2])) < (0, 9)
