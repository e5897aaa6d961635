"""Rules that the families with a UNet share, also for their ControlNets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.family import TextReader
from graphflow.problems import Fault
from graphflow.values.latent_space import LatentSpace
from graphflow_nodes.models import vae
from graphflow_nodes.planning.control_rules import signals
from graphflow_nodes.planning.request import Request

Parts = Mapping[str, ComponentFiles]

_OTHER = "take the part of a checkpoint of the same family"
_KINDS = {
    5: "a depth-to-image model, which also reads a depth map",
    7: "an upscaler, which also reads a small picture",
    8: "InstructPix2Pix, which also reads the picture to edit",
    9: "an inpainting model, which also reads a mask and the masked picture",
}
"""Input channels of a UNet → the kind of model."""
_SHARED = ("block_out_channels", "layers_per_block")
"""Settings that a ControlNet shares with the UNet, since their layers are added."""


def latent_space(parts: Parts) -> LatentSpace:
    """The latent space of a VAE, from its config and its weights."""
    return vae.latent_space(parts["vae"])


def distilled(parts: Parts) -> bool:
    """Whether the UNet takes the guidance scale as an input."""
    return parts["unet"].full_config.get("time_cond_proj_dim") is not None


def channels(parts: Parts) -> int:
    """Channels that the UNet takes: those of latents, or 2 × latents + 1 if it was trained for inpainting."""
    return int(parts["unet"].full_config["in_channels"])


def reads_pixels(parts: Parts) -> bool:
    """Whether the UNet also reads a masked picture."""
    return channels(parts) != int(parts["vae"].full_config["latent_channels"])


def own_size(parts: Parts, *, vae_role: str = "vae") -> tuple[int, int] | None:
    """(width, height) in pixels for which the UNet was trained; None if its config does not say.

    Args:
        parts: of the checkpoint.
        vae_role: of the VAE.
    """
    size = parts["unet"].full_config["sample_size"]
    height, width = size if isinstance(size, list) and len(size) == 2 else (size, size)
    if not all(type(side) is int and side > 0 for side in (height, width)):
        return None
    factor = vae.latent_space(parts[vae_role]).factor
    return width * factor, height * factor


def part_faults(name: str, parts: Parts, texts: tuple[TextReader, ...]) -> Iterator[Fault]:
    """Parts of a checkpoint that don't fit each other.

    Args:
        name: of the checkpoint.
        parts: of the right classes.
        texts: the text encoders of its family, whose outputs the UNet reads side by side.
    """
    unet = parts["unet"].full_config
    width = sum(int(parts[reader.text_encoder].full_config["hidden_size"]) for reader in texts)
    cells = parts["vae"].full_config["latent_channels"]
    for reads, given, why in (
        (unet["cross_attention_dim"], width, "the unet reads texts {} wide, but they are {} wide"),
        (unet["out_channels"], cells, "the unet returns {} latent channels, but the vae reads {}"),
    ):
        if reads != given:
            yield misfit(name, why.format(reads, given))
    for reader in texts:
        yield from tokenizer_faults(name, parts, reader.text_encoder, reader.tokenizer)


def tokenizer_faults(name: str, parts: Parts, encoder_role: str, tokenizer_role: str) -> Iterator[Fault]:
    """A tokenizer with larger token numbers, or longer texts, than the text encoder has embeddings for."""
    encoder, tokenizer = parts[encoder_role].full_config, parts[tokenizer_role].tokenizer
    if tokenizer is None:
        return
    for most, given, what in (
        (encoder["vocab_size"], tokenizer.size, "tokens"),
        (encoder["max_position_embeddings"], tokenizer.length, "places of a text"),
    ):
        if given > most:
            yield misfit(name, f"the {tokenizer_role} has {given:,} {what}, but the {encoder_role} knows {most:,}")


def misfit(name: str, why: str) -> Fault:
    """The fault of parts of the checkpoint `name` that do not fit together."""
    return Fault(f"the parts of {name} do not fit together", why, _OTHER, "checkpoint", "wrong-part")


def latents_alone(request: Request) -> Iterator[Fault]:
    """A UNet that also reads something other than latents."""
    yield from _channel_faults(request, masked=False)


def latents_and_mask(request: Request) -> Iterator[Fault]:
    """A UNet that also reads something other than latents, a mask and the masked picture."""
    yield from _channel_faults(request, masked=True)


def _channel_faults(request: Request, *, masked: bool) -> Iterator[Fault]:
    found, latents = channels(request.checkpoint.components), request.space.channels
    if found == latents or (masked and found == 2 * latents + 1):
        return
    kind = _KINDS.get(found, f"made for something other than the {latents} channels of latents")
    fix = "use inpaint, or name another checkpoint" if found == 9 and not masked else "name another checkpoint"
    why = f"its unet has {found} channels: it is {kind}"
    yield Fault(f"{request.checkpoint.name} cannot run {request.node}", why, fix, "checkpoint")


def control_fits(request: Request) -> Iterator[Fault]:
    """ControlNets of another structure than the UNet's: their layers are added to each other."""
    for signal in signals(request.facts):
        if signal.net is not None and signal.net.class_name == "ControlNetModel":
            why = _control_misfit(request, signal.net.full_config)
            if why:
                fix = f"name a ControlNet that was trained for {request.family.name}"
                message = f"{signal.net.label} does not fit {request.checkpoint.name}"
                yield Fault(message, why, fix, "control")


def _control_misfit(request: Request, theirs: Mapping[str, Any]) -> str:
    """Why a ControlNet with this config doesn't fit; empty if it does."""
    parts, name = request.checkpoint.components, request.checkpoint.name
    mine, cells = parts["unet"].full_config, parts["vae"].full_config["latent_channels"]
    if mine["addition_embed_type"] != theirs["addition_embed_type"]:
        kind = "SDXL" if theirs["addition_embed_type"] else "Stable Diffusion"
        return f"it is for {kind}, but {name} is {request.family.name}"
    if mine["cross_attention_dim"] != theirs["cross_attention_dim"]:
        widths = theirs["cross_attention_dim"], mine["cross_attention_dim"]
        return f"it reads texts {widths[0]} wide, but the unet of {name} reads texts {widths[1]} wide"
    if theirs["in_channels"] != cells:
        return f"it reads {theirs['in_channels']} latent channels, but {name} has {cells}"
    if any(mine[key] != theirs[key] for key in _SHARED):
        return f"its layers have other sizes than the unet of {name}"
    return ""
