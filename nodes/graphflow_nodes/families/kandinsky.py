"""Kandinsky 2.2: a decoder that paints what an image embedding says, and the prior that makes one from a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.family import Family, LatentRules, StageSpec
from graphflow.problems import Fault
from graphflow.text_helpers.words import counted
from graphflow.values.embedding_space import EmbeddingSpace
from graphflow.values.latent_space import LatentSpace
from graphflow_nodes.families.unet_rules import misfit, own_size, tokenizer_faults
from graphflow_nodes.models import vae
from graphflow_nodes.models.clip import CLIP_TEXT_WITH_PROJECTION, CLIP_TOKENIZER, CLIP_TOKENIZER_FAST
from graphflow_nodes.models.clip_vision import CLIP_IMAGE_PROCESSORS, CLIP_VISION_WITH_PROJECTION
from graphflow_nodes.models.prior_transformer import PRIOR_TRANSFORMER
from graphflow_nodes.models.samplers import SCHEDULERS, UNCLIP
from graphflow_nodes.models.unet import UNET
from graphflow_nodes.models.vq_model import VQ_MODEL
from graphflow_nodes.planning.checkpoint_rules import faults_of_parts
from graphflow_nodes.planning.image_prior import prior_step, space_of_prior
from graphflow_nodes.planning.request import Request
from graphflow_nodes.planning.sampler_settings import least_steps
from graphflow_nodes.planning.texts import Texts, beside_encoded
from graphflow_nodes.steps.image_prior import embed
from graphflow_nodes.steps.kandinsky import decode_movq, encode_movq, sample_embedded

Parts = Mapping[str, ComponentFiles]

_DECODES = {"num_inference_steps": 100, "guidance_scale": 4.0}
_READS = {"prior_num_inference_steps": 25, "prior_guidance_scale": 4.0}
_DDPM = {"DDPMScheduler": {"variance_type": ("learned", "learned_range")}}
"""The decoder predicts a variance, which no other sampler reads."""


def _space(parts: Parts) -> LatentSpace:
    """MoVQ's latents; the classes of Kandinsky don't scale them, although its config has a scaling factor."""
    return replace(vae.latent_space(parts["movq"]), scaling_factor=1.0)


# What doesn't fit.


def _decoder_rules(name: str, parts: Parts) -> Iterator[Fault]:
    unet, movq = parts["unet"].full_config, parts["movq"].full_config
    cells = movq["latent_channels"]
    if (unet["encoder_hid_dim_type"], unet["addition_embed_type"]) != ("image_proj", "image"):
        yield misfit(name, "the unet reads something other than, or beside, image embeddings")
    if unet["out_channels"] != 2 * cells:
        why = f"the unet gives {unet['out_channels']} channels, but the movq needs {cells} and a variance of each"
        yield misfit(name, why)


def _prior_rules(name: str, parts: Parts) -> Iterator[Fault]:
    prior, text = parts["prior"].full_config, parts["text_encoder"].full_config
    width = prior["embedding_dim"]
    for given, what in (
        (text["projection_dim"], "the text_encoder gives texts {} wide, but the prior reads {}"),
        (text["hidden_size"], "the text_encoder gives words {} wide, but the prior reads {}"),
        (
            parts["image_encoder"].full_config["projection_dim"],
            "the image_encoder gives embeddings {} wide, but the prior {}",
        ),
    ):
        if given != width:
            yield misfit(name, what.format(given, width))
    tokenizer = parts["tokenizer"].tokenizer
    if tokenizer is not None and tokenizer.length != prior["num_embeddings"]:
        why = f"the tokenizer gives {tokenizer.length} tokens, but the prior reads {prior['num_embeddings']}"
        yield misfit(name, why)
    yield from tokenizer_faults(name, parts, "text_encoder", "tokenizer")


def _alone(request: Request) -> Iterator[Fault]:
    """A decoder that reads more than latents."""
    yield from _channel_faults(request, request.space.channels, "use inpaint, or name another checkpoint")


def _with_mask(request: Request) -> Iterator[Fault]:
    """A decoder that does not read a mask and masked latents too."""
    yield from _channel_faults(request, 2 * request.space.channels + 1, "name a decoder for inpainting")


def _channel_faults(request: Request, wanted: int, fix: str) -> Iterator[Fault]:
    found = request.checkpoint.components["unet"].full_config["in_channels"]
    if found != wanted:
        why = f"its unet has {found} channels, but {request.spec.pipeline} gives it {wanted}"
        yield Fault(f"{request.checkpoint.name} cannot run {request.node}", why, fix, "checkpoint")


def _lacking(request: Request) -> Iterator[Fault]:
    """Params that stages have for every family, but these classes lack."""
    for name in ("clip_skip", "padding_mask_crop"):
        if request.given(name):
            why = f"{request.spec.pipeline}, which runs {request.node} for it, has no such param"
            yield Fault(f"{name} cannot be used with {request.family.name}", why, f"remove {name}", name)


# Texts.


def _read_prompt(request: Request) -> Texts:
    """The step of the prior, with whose generator the decoder continues; no step if the prompt is an embedding."""
    if request.prompt == "image_embedding":
        faults = [*beside_encoded(request, ("negative_prompt", *_READS)), *_embedding_faults(request)]
        return Texts((), {"embedding": "prompt"}, tuple(faults))
    if request.prompt == "conditioning":
        why = f"{request.checkpoint.name} is {request.family.name}, which reads image embeddings"
        fix = "give prompt as text, or use an image_prior"
        return Texts((), {}, (Fault("prompt cannot take {sender}", why, fix, "prompt", "type-mismatch"),))
    prior = request.checkpoint.prior
    if prior is None or prior.family is None:
        why = (
            f"{request.checkpoint.name} reads image embeddings, and no checkpoint is known that makes them from a text"
        )
        fix = "write prior: ./other beside its source under checkpoints, or give prompt as an image_embedding"
        return Texts(
            (), {}, (Fault(f"{request.checkpoint.name} has no prior that reads the prompt", why, fix, "checkpoint"),)
        )
    if misfits := tuple(faults_of_parts(prior, prior.family)):
        return Texts((), {}, misfits)
    reading = _reading(request, prior, prior.family)
    step = prior_step(reading, goes_on=True)
    return Texts((step,), {"embedding": "prior.image_embedding"}, tuple(_faults_of_reading(request, reading)))


def _reading(request: Request, prior: Checkpoint, family: Family) -> Request:
    """The request of a stage to its prior."""
    facts = {name: request.facts[name] for name in ("prompt", "negative_prompt") if name in request.facts}
    params = {name: request.value(f"prior_{name}") for name in ("num_inference_steps", "guidance_scale")}
    return Request("image_prior", facts, {**params, "seed": request.params["seed"]}, prior, family)


def _faults_of_reading(request: Request, reading: Request) -> Iterator[Fault]:
    sampler = reading.sampler
    if sampler is None:
        return
    if faults := list(sampler.faults()):
        yield from faults
        return
    param, steps = "prior_num_inference_steps", reading.value("num_inference_steps")
    least, most = least_steps(sampler.class_name, sampler.config), sampler.most_steps(steps, moved=False, whole=True)
    if not least <= steps <= most:
        why = f"its sampler, {sampler.class_name}, can run from {least} to {sampler.config['num_train_timesteps']}"
        yield Fault(f"the prior cannot run {counted(steps, 'step')}", why, f"write {param}: {max(least, most)}", param)
    yield from _width_faults(request, space_of_prior(reading), "checkpoint", "{name} reads embeddings of another prior")


def _embedding_faults(request: Request) -> Iterator[Fault]:
    """An image embedding that the decoder cannot read, or one of another encoder than that of its own prior."""
    space, prior = request.facts["prompt"].space, request.checkpoint.prior
    if not isinstance(space, EmbeddingSpace):
        return
    yield from _width_faults(request, space, "prompt", "prompt cannot take {{sender}}")
    own = prior.components.get("image_encoder") if prior is not None else None
    if own is not None and own.identity != space.encoder:
        why = f"the prior of {request.checkpoint.name} has an image encoder with other weights or another config"
        fix = "if the picture looks wrong, use an image_prior with the prior of this checkpoint"
        yield Fault("{sender} was made for another image encoder", why, fix, "prompt", "latent-sibling")


def _width_faults(request: Request, space: EmbeddingSpace, about: str, message: str) -> Iterator[Fault]:
    reads, name = request.checkpoint.components["unet"].full_config["encoder_hid_dim"], request.checkpoint.name
    if reads != space.width:
        why = f"the unet of {name} reads embeddings of {reads} numbers, but these have {space.width}"
        yield Fault(message.format(name=name), why, "use the prior that belongs to it", about, "wrong-part")


# The families.


def _stage(pipeline: str, *rules: Any, defaults: Mapping[str, Any] | None = None, **more: Any) -> StageSpec:
    return StageSpec(
        defaults={**_DECODES, **_READS, **(defaults or {})},
        sample=sample_embedded,
        pipeline=pipeline,
        # The constructor reads a setting of MoVQ.
        reads_vae=True,
        samplers=_DDPM,
        before=tuple(_READS),
        sized=True,
        alone="diffusers uses the first picture and mask of a Kandinsky batch for all of it",
        rules=(*rules, _lacking),
        **more,
    )


PRIOR = Family(
    name="Kandinsky 2.2 prior",
    pipelines=("KandinskyV22PriorPipeline", "KandinskyV22PriorEmb2EmbPipeline"),
    parts={
        "prior": (PRIOR_TRANSFORMER,),
        "image_encoder": (CLIP_VISION_WITH_PROJECTION,),
        "text_encoder": (CLIP_TEXT_WITH_PROJECTION,),
        "tokenizer": (CLIP_TOKENIZER, CLIP_TOKENIZER_FAST),
        "scheduler": (UNCLIP,),
        "image_processor": CLIP_IMAGE_PROCESSORS,
    },
    denoiser="prior",
    texts=(),
    latents=None,
    stages={
        "image_prior": StageSpec(
            defaults={"num_inference_steps": 25, "guidance_scale": 4.0},
            sample=embed,
            pipeline="KandinskyV22PriorPipeline",
            samplers={UNCLIP.name: {}},
        )
    },
    own_size=lambda _: None,
    rules=_prior_rules,
)

KANDINSKY = Family(
    name="Kandinsky 2.2",
    pipelines=(
        "KandinskyV22CombinedPipeline",
        "KandinskyV22Img2ImgCombinedPipeline",
        "KandinskyV22Img2ImgPipeline",
        "KandinskyV22InpaintCombinedPipeline",
        "KandinskyV22InpaintPipeline",
        "KandinskyV22Pipeline",
    ),
    parts={"unet": (UNET,), "movq": (VQ_MODEL,), "scheduler": SCHEDULERS},
    denoiser="unet",
    texts=(),
    # The classes round sides up to it silently.
    latents=LatentRules(_space, encode_movq, decode_movq, vae="movq", multiple=64),
    stages={
        "text2img": _stage("KandinskyV22Pipeline", _alone),
        "img2img": _stage("KandinskyV22Img2ImgPipeline", _alone, defaults={"strength": 0.3}),
        "inpaint": _stage("KandinskyV22InpaintPipeline", _with_mask),
    },
    own_size=partial(own_size, vae_role="movq"),
    rules=_decoder_rules,
    prior=PRIOR,
    read_prompt=_read_prompt,
)
