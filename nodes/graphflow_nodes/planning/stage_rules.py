"""Rules of all stages for their params, sampler and size, and hints about params without effect."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from graphflow.problems import Fault
from graphflow_nodes.models.samplers import TAKING_ETA
from graphflow_nodes.planning.request import Request
from graphflow_nodes.planning.sampler_settings import least_steps
from graphflow_nodes.planning.size_rules import size_faults, size_warnings

_OF_EVERY_STAGE = ("checkpoint", "clip_skip", "height", "padding_mask_crop", "scheduler", "seed", "width")
"""Params that don't depend on the class; each has a rule of its own."""


def stage_faults(request: Request) -> Iterator[Fault]:
    """The faults by the rules of all stages, and by the family's rules for this stage."""
    yield from _params_of_other_classes(request)
    yield from _sampler_faults(request)
    yield from _without_effect(request)
    for rule in request.spec.rules:
        yield from rule(request)


def _params_of_other_classes(request: Request) -> Iterator[Fault]:
    """Params that the family's class doesn't have."""
    spec = request.spec
    for name in sorted(request.params):
        flag = spec.if_flag.get(name)
        read = name in spec.defaults and (flag is None or request.flag(flag))
        if request.given(name) and not read and name not in _OF_EVERY_STAGE:
            runs = spec.pipeline or request.family.name
            why = f"{runs}, which runs {request.node} for it, has no such param"
            yield Fault(f"{name} cannot be used with {request.family.name}", why, f"remove {name}", name)


def _sampler_faults(request: Request) -> Iterator[Fault]:
    """A sampler that cannot be made, or cannot run the stage."""
    sampler, steps = request.sampler, request.value("num_inference_steps")
    if sampler is None:
        if request.given("scheduler"):
            why = f"{request.family.name} samples in its own way"
            yield Fault(f"scheduler cannot be used with {request.family.name}", why, "remove scheduler", "scheduler")
        return
    if faults := list(sampler.faults()):
        yield from faults
        return
    name = sampler.class_name
    about = "scheduler" if request.given("scheduler") else "checkpoint"
    if "strength" in request.spec.defaults and not request.given("denoising_start") and sampler.from_noise_only:
        why = f"{name} cannot add noise to a picture, so it only starts from noise"
        yield Fault(f"{name} cannot run {request.stage}", why, "use scheduler: euler, or another", about)
    if steps < (least := least_steps(name, sampler.config)):
        why = f"{name} with these settings needs at least {least}"
        fix = f"write num_inference_steps: {least}, or more"
        yield Fault(f"{steps} steps are fewer than its sampler can run", why, fix, "num_inference_steps")
    strength = request.value("strength") if "strength" in request.spec.defaults else 1.0
    whole = int(steps * strength) >= steps and not request.given("denoising_start")
    most = sampler.most_steps(steps, moved=request.spec.moves_steps, whole=whole)
    if steps > most:
        why = f"{name} with these settings runs at most {most}"
        place = "num_inference_steps" if request.given("num_inference_steps") else about
        fix = f"write num_inference_steps: {most}, or less"
        yield Fault(f"{steps} steps are more than its sampler can run", why, fix, place)


def _without_effect(request: Request) -> Iterator[Fault]:
    """Hints about params that have no effect, given the others."""
    guidance = request.value("guidance_scale") if "guidance_scale" in request.spec.defaults else None
    if guidance is not None and guidance <= 1:
        # A prior reads the negative text at any guidance of the decoder.
        for name in ("negative_prompt", "guidance_rescale") if request.family.prior is None else ():
            if name in request.facts or request.params.get(name):
                why = f"guidance_scale is {guidance:g}, and there is no guidance unless it is above 1"
                fix = f"raise guidance_scale, or remove {name}"
                yield Fault(f"{name} has no effect", why, fix, name, "node-hint")
    eta = request.params.get("eta") if "eta" in request.spec.defaults else None
    if eta and request.sampler and request.sampler.class_name not in TAKING_ETA:
        why = f"{request.sampler.class_name} does not use it"
        yield Fault("eta has no effect", why, "use scheduler: ddim, or remove eta", "eta", "node-hint")


def strength_faults(request: Request) -> Iterator[Fault]:
    """A strength that leaves no step to run: samplers would return nothing, or something wrong."""
    if "strength" not in request.spec.defaults:
        return
    strength, steps = request.value("strength"), request.value("num_inference_steps")
    if int(steps * strength) < 1:
        why = f"strength {strength} of {steps} steps is less than one"
        about = "strength" if request.given("strength") else "num_inference_steps"
        least = math.ceil(10_000 / steps) / 10_000  # rounded up, so that the suggested strength runs a step
        yield Fault("no step would run", why, f"raise strength to {least:g} or more", about)


def split_faults(request: Request, about: str) -> Iterator[Fault]:
    """A sampler that can't continue exactly where another stage stopped, and a part without a step.

    Args:
        request: of a stage.
        about: `denoising_end` or `denoising_start`.
    """
    split, sampler = request.split(about), request.sampler
    if split is None or sampler is None:
        return
    steps = request.value("num_inference_steps")
    first, skipped = round(split * steps), 0
    if about == "denoising_end" and "strength" in request.spec.defaults:
        # With a strength, the steps before it are not run.
        skipped = steps - min(int(steps * request.value("strength")), steps)
    if not skipped < first < steps:
        why = f"of {steps} steps it ends after {first}, and the first {skipped} are not run"
        yield Fault(f"{about} leaves one side without a step", why, "choose another share, or more steps", about)
    if not sampler.resumes(request.value("eta")):
        able = "EulerDiscreteScheduler, DDIMScheduler with eta 0, DPMSolverMultistepScheduler with solver_order 1"
        why = f"{sampler.class_name} cannot continue exactly where another stage stopped; these can: {able}"
        where = "scheduler" if request.given("scheduler") else about
        yield Fault("denoising cannot be split with this sampler", why, "use scheduler: euler", where)


def request_size_faults(
    request: Request, width: int | None, height: int | None, about: tuple[str, str]
) -> Iterator[Fault]:
    """A size that the checkpoint of a stage does not support; see `size_faults`."""
    yield from size_faults(request.latents, request.space, request.checkpoint.name, (width, height), about)


def request_size_warnings(
    request: Request, width: int | None, height: int | None, about: tuple[str, str]
) -> Iterator[Fault]:
    """A warning if a size is far from the one for which a stage's model was trained; see `size_warnings`."""
    own = request.family.own_size(request.checkpoint.components)
    factor = math.lcm(request.latents.multiple, request.space.factor)
    yield from size_warnings(own, factor, request.checkpoint.name, (width, height), about)


def painted_size(request: Request) -> tuple[int, int] | Fault:
    """(width, height) from the params, else the model's own; a fault if both are missing."""
    width, height = request.params["width"], request.params["height"]
    own = request.family.own_size(request.checkpoint.components)
    if own is not None:
        return width or own[0], height or own[1]
    if width and height:
        return width, height
    denoiser = request.family.denoiser
    size = json.dumps(request.checkpoint.components[denoiser].config.get("sample_size"))
    why = f"the config of its {denoiser} has no valid sample_size, the size for which it was trained: {size}"
    message = f"the size of {request.checkpoint.name} is not known"
    return Fault(message, why, "write width and height", "height" if width else "width")
