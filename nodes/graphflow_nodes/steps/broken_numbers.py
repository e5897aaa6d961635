"""NaN in decoded pictures: a step warns about them, since such pixels would silently become black."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from graphflow.catalog.authoring import Context


@contextlib.contextmanager
def watched(vae: Any, context: Context) -> Iterator[None]:
    """Inside the block, warn about NaN and infinity in pictures that the VAE decodes.

    Args:
        vae: of any class with a `decoder`; None if a call decodes nothing.
    """
    import numpy as np

    if vae is None:
        yield
        return
    watch = vae.decoder.register_forward_hook(lambda _, given, picture: _tell(given[0], picture, context))
    try:
        # Converting such values to pixels gives a warning that does not help users.
        with np.errstate(invalid="ignore"):
            yield
    finally:
        watch.remove()


def _tell(latents: Any, picture: Any, context: Context) -> None:
    import torch

    if torch.isfinite(picture).all():
        return
    share = 1 - torch.isfinite(picture).float().mean().item()
    message = f"{share:.0%} of the picture's values are NaN"
    if not torch.isfinite(latents).all():
        why = "the latents already have such values, so the unet overflowed in its precision, or its weights are broken"
    elif picture.dtype == torch.float16:
        why = "some VAEs exceed 65,504, the largest float16; or the VAE's weights are broken"
    else:
        why = "the VAE's weights are broken"
    fix = "get the checkpoint again" if picture.dtype == torch.float32 else "run it with dtype: float32 or bfloat16"
    context.warn(message, why, fix)
