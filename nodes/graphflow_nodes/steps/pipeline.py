"""Pipelines of diffusers, put together from borrowed components for one call.

A pipeline is made by `Class(**components)` with a scheduler of its own and never changes what it borrows.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphflow.catalog.authoring import Context
from graphflow.errors import FileProblem
from graphflow.execute.loader import quiet
from graphflow.system.warning_filters import filtered
from graphflow.values.latent_space import LatentSpace
from graphflow.values.tensor_values import Conditioning
from graphflow_nodes.planning.samplers import OWN, REPLACED
from graphflow_nodes.steps.broken_numbers import watched


@dataclass(frozen=True)
class Call:
    """One call of a diffusers class.

    Attributes:
        pipeline: the diffusers class.
        space: of the latents that come out.
        scheduler: see `_set_scheduler`, as JSON.
        seed: of the call's generator.
        flags: settings of the class, such as `requires_aesthetics_score`.
        vae: whether the class encodes something, or reads a setting off the VAE.
        nets: the roles of the ControlNets, in their order.
    """

    pipeline: str
    context: Context
    space: LatentSpace
    scheduler: str
    seed: int
    flags: Mapping[str, Any] = field(default_factory=dict)
    vae: bool = False
    nets: tuple[str, ...] = ()

    def images(self, positive: Conditioning, negative: Conditioning | None, **arguments: Any) -> Any:
        """What the call gives as its `images`."""
        given = {"prompt_embeds": positive.prompt_embeds}
        if positive.pooled_prompt_embeds is not None:
            given["pooled_prompt_embeds"] = positive.pooled_prompt_embeds
        if negative is not None:
            given["negative_prompt_embeds"] = negative.prompt_embeds
            if negative.pooled_prompt_embeds is not None:
                given["negative_pooled_prompt_embeds"] = negative.pooled_prompt_embeds
        with _sized(self.context.borrow("unet")):
            pipe = self._pipeline()
            with _unchanged(pipe.vae), watched(pipe.vae, self.context):
                return pipe(
                    **given,
                    generator=self.context.generator(self.seed),
                    callback_on_step_end=self._progress,
                    **arguments,
                ).images

    def _pipeline(self) -> Any:
        """The pipeline with a scheduler of its own; what the call does not need is None."""
        class_ = _class(self.pipeline)
        described = json.loads(self.scheduler)
        parts: dict[str, Any] = dict.fromkeys(_texts(class_))
        parts |= {"unet": self.context.borrow("unet"), "vae": self.context.borrow("vae") if self.vae else None}
        if self.nets:
            nets = [self.context.borrow(role) for role in self.nets]
            parts["controlnet"] = nets if len(nets) > 1 else nets[0]
        own = copy.deepcopy(_scheduler(described["own"], json.dumps(described["config"])))
        # The constructors' notes on outdated settings of a checkpoint are for its author.
        with filtered("ignore", FutureWarning):
            pipe = class_(**parts, scheduler=own, **self.flags)
        _set_scheduler(pipe, described)
        if pipe.vae is None:
            # The constructor reads the factor off the VAE, which sampling from latents or noise does not need.
            pipe.vae_scale_factor = self.space.factor
            for name in ("image_processor", "control_image_processor"):
                if hasattr(pipe, name):
                    getattr(pipe, name).register_to_config(vae_scale_factor=self.space.factor)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def _progress(self, pipe: Any, index: int, _: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        self.context.progress(index + 1, pipe.num_timesteps)
        return kwargs


@contextlib.contextmanager
def _sized(unet: Any) -> Iterator[None]:
    """The UNet with a size in its config meanwhile, since constructors fail without; afterwards its config as it was.

    The size is not read otherwise, since every call says its own. Constructors change that of early checkpoints.
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
    """Put the VAE back into its precision after a call: SDXL's inpainting with ControlNets leaves it in float32."""
    own = precision(vae) if vae is not None else None
    try:
        # That upcast_vae will go from diffusers is for the class that calls it.
        with filtered("ignore", FutureWarning, message="`upcast_vae` is deprecated"):
            yield
    finally:
        if vae is not None and precision(vae) != own:
            vae.to(dtype=own)


def precision(model: Any) -> Any:
    """The dtype of a model, all of whose weights have one; its own `dtype` goes through all of them each time."""
    return next(model.parameters()).dtype


def _class(name: str) -> Any:
    import diffusers

    found = vars(diffusers).get(name)
    if found is None:
        # The first time it is imported, with notes on optional packages.
        with quiet():
            found = getattr(diffusers, name)
    return found


@functools.cache
def _texts(class_: type) -> tuple[str, ...]:
    """The components that a call with embeddings does without."""
    import inspect

    arguments = inspect.signature(class_.__init__).parameters
    texts = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "safety_checker", "feature_extractor")
    return tuple(name for name in texts if name in arguments)


@functools.lru_cache(maxsize=64)
def _scheduler(class_name: str, config: str) -> Any:
    """A scheduler that nobody uses but to copy it, which takes a fraction of making one."""
    class_ = _scheduler_class(class_name)
    with quiet():
        # That some settings are none of this class is for the checkpoint's author.
        return class_.from_config(json.loads(config))


def _scheduler_class(name: str) -> Any:
    """A scheduler's class by the name that a checkpoint's file says, which may be anything.

    Raises:
        FileProblem: it is none of those that are known.
    """
    if name not in (*OWN, *REPLACED):
        raise FileProblem(f"the scheduler is of the class {name}; the classes known are {', '.join(OWN)}")
    return _class(name)


def _set_scheduler(pipe: Any, described: dict[str, Any]) -> None:
    """Give the pipeline the sampler that was asked for, made from the checkpoint's config as the class left it.

    Constructors rewrite settings of the scheduler they get (steps_offset, clip_sample), and not the same ones in
    every class; a script that assigns `X.from_config(pipe.scheduler.config)` starts from the rewritten ones.
    """
    if described["class"] is not None:
        class_ = _scheduler_class(described["class"])
        pipe.scheduler = class_.from_config(pipe.scheduler.config, **described["changes"])
