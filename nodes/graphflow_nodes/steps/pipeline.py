"""Pipelines of diffusers, assembled from borrowed components for one call.

A pipeline is made by `Class(**components)` with a scheduler of its own and never changes borrowed components.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.catalog.authoring import Context
from graphflow.errors import DefinitionError, FileProblem
from graphflow.execute.loader import quiet
from graphflow.system.gc_pause import importing
from graphflow.system.warning_filters import filtered
from graphflow.values.sampling import Sampling, SchedulerChoice
from graphflow_nodes.models.samplers import OWN, REPLACED, UNCLIP
from graphflow_nodes.steps.broken_numbers import watched
from graphflow_nodes.steps.control import role


def call(
    sampling: Sampling,
    context: Context,
    *,
    nets: int = 0,
    generator: Any | None = None,
    parts: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Any:
    """Call the pipeline of a stage, and return its `images`.

    Args:
        sampling: the class and its settings.
        context: lends the components.
        nets: how many ControlNets it has; their roles are those of `graphflow_nodes.steps.control.role`.
        generator: draws the noise, or a list with one for each picture; None for a new one with the stage's seed.
        parts: further arguments of the class's constructor, in place of borrowed components or beside them.
        arguments: of the call.
    """
    with _sized(context.borrow(sampling.denoiser)):
        pipe = _pipeline(sampling, context, nets, parts or {})
        vae = context.borrow("vae") if sampling.vae else None
        with _unchanged(vae), watched(vae, context):
            drawing = context.generator(sampling.seed) if generator is None else generator
            return pipe(generator=drawing, **_progress(pipe, context), **arguments).images


def _progress(pipe: Any, context: Context) -> dict[str, Any]:
    """The argument of a call that reports its steps."""

    def reported(pipe: Any, index: int, _: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        context.progress(index + 1, pipe.num_timesteps)
        return kwargs

    def reported_early(index: int, _time: Any, _latents: Any) -> None:
        scheduler = pipe.scheduler
        context.progress(index + 1, -(-len(scheduler.timesteps) // scheduler.order))

    # Some classes have only the callback of early versions.
    if "callback_on_step_end" in inspect.signature(type(pipe).__call__).parameters:
        return {"callback_on_step_end": reported}
    return {"callback": reported_early}


def _pipeline(sampling: Sampling, context: Context, nets: int, further: Mapping[str, Any]) -> Any:
    """The pipeline with a scheduler of its own; components that the call does not need are None."""
    class_, scheduler = class_named(sampling.pipeline), sampling.scheduler
    if scheduler is None:
        raise DefinitionError(f"{sampling.pipeline} needs a scheduler, but the family has no such part")
    parts: dict[str, Any] = dict.fromkeys(_required(class_))
    parts |= {
        sampling.denoiser: context.borrow(sampling.denoiser),
        sampling.vae_argument: context.borrow("vae") if sampling.vae else None,
    }
    if nets:
        borrowed = [context.borrow(role(number)) for number in range(nets)]
        parts["controlnet"] = borrowed if nets > 1 else borrowed[0]
    parts |= {"scheduler": new_scheduler(scheduler), **further}
    # The constructors' notes about outdated settings of a checkpoint are for its author.
    with filtered("ignore", FutureWarning):
        pipe = class_(**parts, **sampling.flags)
    _set_scheduler(pipe, scheduler)
    if getattr(pipe, sampling.vae_argument) is None:
        # The constructor reads the factor from the VAE, which sampling from latents or noise does not need.
        factor = pipe.vae_scale_factor = sampling.space.factor
        for name in ("image_processor", "control_image_processor"):
            if hasattr(pipe, name):
                getattr(pipe, name).register_to_config(vae_scale_factor=factor)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@contextlib.contextmanager
def _sized(unet: Any) -> Iterator[None]:
    """Inside the block, the UNet's config has a size, since constructors fail without; afterwards it is restored.

    The size is not used otherwise, since every call has its own. Constructors change that of early checkpoints.
    """
    own = unet._internal_dict
    if type(own.get("sample_size")) is not int:
        unet._internal_dict = type(own)({**own, "sample_size": 64})
    try:
        yield
    finally:
        unet._internal_dict = own


@contextlib.contextmanager
def _unchanged(vae: Any) -> Iterator[None]:
    """Restore the VAE's precision after a call, since SDXL's inpainting with ControlNets leaves it in float32."""
    own = precision(vae) if vae is not None else None
    try:
        # The deprecation of upcast_vae concerns the class that calls it.
        with filtered("ignore", FutureWarning, message="`upcast_vae` is deprecated"):
            yield
    finally:
        if vae is not None and precision(vae) != own:
            vae.to(dtype=own)


def precision(model: Any) -> Any:
    """The dtype of a model whose weights all have the same; its own `dtype` would iterate over all of them."""
    return next(model.parameters()).dtype


def class_named(name: str) -> Any:
    """A class of diffusers."""
    import diffusers

    found = vars(diffusers).get(name)
    if found is None:
        # The first import prints notes about optional packages.
        with quiet(), importing():
            found = getattr(diffusers, name)
    return found


@functools.cache
def _required(class_: type) -> tuple[str, ...]:
    """The components that must be passed to a pipeline, even if None: a call with embeddings doesn't need most."""
    arguments = inspect.signature(class_).parameters.values()
    return tuple(argument.name for argument in arguments if argument.default is argument.empty)


def new_scheduler(choice: SchedulerChoice) -> Any:
    """The checkpoint's own scheduler, which nobody else uses."""
    return copy.deepcopy(_scheduler(choice.own, json.dumps(choice.config)))


@functools.lru_cache(maxsize=64)
def _scheduler(class_name: str, config: str) -> Any:
    """A scheduler that is only copied, which takes a fraction of the time of making one."""
    class_ = _scheduler_class(class_name)
    with quiet():
        # Notes about settings that this class doesn't have are for the checkpoint's author.
        return class_.from_config(json.loads(config))


def _scheduler_class(name: str) -> Any:
    """A scheduler's class, by the name in a checkpoint's file, which may be anything.

    Raises:
        FileProblem: the class is not known.
    """
    if name not in (*OWN, *REPLACED, UNCLIP.name):
        raise FileProblem(f"the scheduler has the class {name}; known classes: {', '.join(OWN)}")
    return class_named(name)


def _set_scheduler(pipe: Any, scheduler: SchedulerChoice) -> None:
    """Give the pipeline the requested sampler, made from the checkpoint's config as the class left it.

    Constructors rewrite settings of their scheduler (steps_offset, clip_sample), and different ones in every class; a
    script that assigns `X.from_config(pipe.scheduler.config)` starts from the rewritten settings.
    """
    if scheduler.class_name is not None:
        class_ = _scheduler_class(scheduler.class_name)
        pipe.scheduler = class_.from_config(pipe.scheduler.config, **scheduler.changes)
