"""The memory that the steps of stages need while they compute, besides their components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphflow.catalog.authoring import NO_WORKSPACE, Workspace
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.family import LatentRules
from graphflow.system.device import DTYPES
from graphflow_nodes.planning.model_memory import (
    Area,
    decoder_numbers,
    encoder_numbers,
    prior_numbers,
    text_numbers,
    unet_numbers,
)
from graphflow_nodes.planning.request import Request

Size = tuple[int | None, int | None]
"""Width and height of a picture in pixels; None if unknown before the run."""


def text_workspace(checkpoint: Checkpoint, text_encoder: str) -> Workspace:
    """What a step needs that encodes one text with this text encoder."""
    files = checkpoint.components.get(text_encoder)
    if files is None:
        return NO_WORKSPACE
    tokens = files.full_config.get("max_position_embeddings") or 0
    return Workspace(text_numbers(files.full_config, int(tokens)) * _bytes_per_number(checkpoint))


def prior_workspace(request: Request) -> Workspace:
    """What the step of a prior needs."""
    checkpoint = request.checkpoint
    numbers = prior_numbers(checkpoint.components[request.family.denoiser].full_config)
    return most_of([
        Workspace(numbers * _bytes_per_number(checkpoint)), text_workspace(checkpoint, "text_encoder"),
    ])  # fmt: skip


def decode_workspace(checkpoint: Checkpoint, rules: LatentRules, size: Size) -> Workspace:
    """What a step needs that decodes latents into a picture of this size."""
    files, pixels = checkpoint.components[rules.vae], _area(size)
    if pixels is None:
        return NO_WORKSPACE
    dtype = _dtype(checkpoint)
    upcast = rules.upcasts and dtype == "float16" and bool(files.full_config.get("force_upcast"))
    each = DTYPES["float32" if upcast else dtype]
    weights = _upcast_weights(files) if upcast else 0
    return _vae_workspace(
        checkpoint, files,
        *(decoder_numbers(files.full_config, pixels, tiled=tiled) * each + weights for tiled in (False, True)),
    )  # fmt: skip


def encode_workspace(checkpoint: Checkpoint, rules: LatentRules, size: Size) -> Workspace:
    """What a step needs that encodes a picture of this size."""
    files, pixels = checkpoint.components[rules.vae], _area(size)
    if pixels is None:
        return NO_WORKSPACE
    dtype = _dtype(checkpoint)
    upcast = rules.upcasts and dtype != "float32" and bool(files.full_config.get("force_upcast"))
    each = DTYPES["float32" if upcast else dtype]
    weights = _upcast_weights(files) if upcast else 0
    return _vae_workspace(
        checkpoint, files,
        *(encoder_numbers(files.full_config, pixels, tiled=tiled) * each + weights for tiled in (False, True)),
    )  # fmt: skip


def sample_workspace(request: Request, size: Size, *, encoded: Size | None = None, nets: int = 0) -> Workspace:
    """What a step needs that samples latents of a picture.

    Args:
        request: of the stage.
        size: of the latents' picture.
        encoded: size of the picture that the step encodes first; None if it encodes none.
        nets: number of its ControlNets.
    """
    pixels = _area(size)
    if pixels is None:
        return NO_WORKSPACE
    factor, checkpoint = request.space.factor, request.checkpoint
    cells = Area(-(-pixels.width // factor), -(-pixels.height // factor))
    config = checkpoint.components[request.family.denoiser].full_config
    if not config.get("block_out_channels"):
        return NO_WORKSPACE
    eager = checkpoint.compute.options.attention == "eager"
    pictures = 2 if request.guided else 1
    denoising = pictures * unet_numbers(config, cells, nets=nets, eager=eager) * _bytes_per_number(checkpoint)
    if encoded is None:
        return Workspace(denoising)
    encoding = encode_workspace(checkpoint, request.latents, encoded)
    tiled = None if encoding.tiled is None else max(denoising, encoding.tiled)
    return Workspace(max(denoising, encoding.nbytes), tiled)


def most_of(spaces: Iterable[Workspace]) -> Workspace:
    """What a step needs that does all of these one after the other."""
    found = list(spaces)
    whole = max((space.nbytes for space in found), default=0)
    tiled = max((space.nbytes if space.tiled is None else space.tiled for space in found), default=0)
    return Workspace(whole, tiled if any(space.tiled is not None for space in found) else None)


def _vae_workspace(checkpoint: Checkpoint, files: ComponentFiles, whole: int, tiled: int) -> Workspace:
    options: Mapping[str, Any] = {} if files.model is None else files.model.options
    if not options.get("vae_tiling"):
        return Workspace(whole)
    # A call with the option leaves nothing to choose.
    return Workspace(tiled) if checkpoint.compute.options.vae_tiling else Workspace(whole, tiled)


def _upcast_weights(files: ComponentFiles) -> int:
    """Bytes of the weights in float32, which replace those in the stage's precision meanwhile."""
    return DTYPES["float32"] * sum(header.count for header in files.headers)


def _area(size: Size) -> Area | None:
    width, height = size
    return None if width is None or height is None else Area(width, height)


def _dtype(checkpoint: Checkpoint) -> str:
    return checkpoint.compute.dtype_of(checkpoint.details.dtype)


def _bytes_per_number(checkpoint: Checkpoint) -> int:
    return DTYPES[_dtype(checkpoint)]
