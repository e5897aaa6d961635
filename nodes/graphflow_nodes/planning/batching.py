"""Which steps of stages may be computed in one call, and the memory that each of them needs there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from graphflow.catalog.authoring import Batchable
from graphflow.system.device import DTYPES
from graphflow.values.sampling import Sampling
from graphflow_nodes.planning.control_rules import signals
from graphflow_nodes.planning.request import Request

_DENOISER_SHARE = 40
"""Measured: the memory of a UNet's call is that of about this many tensors of its first level."""
_DECODER_SHARE = 7
"""Measured: the memory of a VAE's decoder is that of about this many tensors of the picture's size, as wide as its
second level."""
_CONTROL_SHARE = 1.5
"""Factor for a call with a ControlNet, which is about half a UNet."""


def sample_batch(
    request: Request, sampling: Sampling, ports: Iterable[str], size: tuple[int | None, int | None]
) -> Batchable:
    """Whether the sampling step of a stage may be computed in one call with others.

    All but seeds, texts and pixels must be equal.

    Args:
        request: of the stage.
        sampling: the step's settings.
        ports: `image` and `mask`, if the step reads them.
        size: of the picture that the stage makes.
    """
    controls = signals(request.facts)
    if request.spec.alone:
        return Batchable(why_not=request.spec.alone)
    if len(controls) > 1:
        return Batchable(why_not="it has several ControlNets")
    width, height = size
    sizes = [facts.size for facts in (*(request.facts[port] for port in ports), *controls)]
    if width is None or height is None or None in sizes:
        return Batchable(why_not="the size of its picture is not known before the run")
    control = [signal.masked for signal in controls]
    key = f"{replace(sampling, seed=0).digest} {width} {height} {sizes} {request.image.word} {control}"
    tensors = _DENOISER_SHARE * (2 if request.guided else 1) * (_CONTROL_SHARE if control else 1)
    numbers = width * height // request.space.factor**2 * _width(request, request.family.denoiser, 0)
    return Batchable(key, int(tensors * numbers * _bytes_per_number(request)))


def decode_batch(request: Request, size: tuple[int | None, int | None]) -> Batchable:
    """Whether the decoding step of a stage may be computed in one call with others, of the same size."""
    width, height = size
    if width is None or height is None:
        return Batchable(why_not="the size of its picture is not known before the run")
    # Some VAEs decode in float32, whatever their precision.
    tensors = _DECODER_SHARE * DTYPES["float32"]
    return Batchable(f"{width} {height}", tensors * width * height * _width(request, request.latents.vae, 1))


def _width(request: Request, role: str, level: int) -> int:
    """The channels of a model's level; 0 if its config doesn't give them."""
    channels = request.checkpoint.components[role].full_config.get("block_out_channels")
    return int(channels[min(level, len(channels) - 1)]) if isinstance(channels, (list, tuple)) and channels else 0


def _bytes_per_number(request: Request) -> int:
    """Bytes of a number in the stage's precision."""
    checkpoint = request.checkpoint
    return DTYPES[checkpoint.compute.dtype_of(checkpoint.details.dtype)]
