"""Pictures that are no numbers: a decoder that gives some says so, since the picture is black there without a word."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from graphflow.catalog.authoring import Context


@contextlib.contextmanager
def watched(vae: Any, context: Context) -> Iterator[None]:
    """Warn of every value that is no number, or infinite, in what the VAE decodes meanwhile.

    Args:
        vae: of any class with a `decoder`; None where a call decodes nothing.
    """
    import numpy as np

    if vae is None:
        yield
        return
    watch = vae.decoder.register_forward_hook(lambda _, given, picture: _tell(given[0], picture, context))
    try:
        # Turning such values into pixels warns in words that no user of pictures knows.
        with np.errstate(invalid="ignore"):
            yield
    finally:
        watch.remove()


def _tell(latents: Any, picture: Any, context: Context) -> None:
    import torch

    if torch.isfinite(picture).all():
        return
    share = 1 - torch.isfinite(picture).float().mean().item()
    message = f"{share:.0%} of the picture's values are no numbers"
    if not torch.isfinite(latents).all():
        why = "the latents have such values already, so the unet overflowed in its precision, or its weights are broken"
    elif picture.dtype == torch.float16:
        why = "float16 ends at 65,504, and some VAEs exceed it; or the VAE's weights are broken"
    else:
        why = "the VAE's weights are broken"
    fix = "get the checkpoint again" if picture.dtype == torch.float32 else "run it with dtype: float32 or bfloat16"
    context.warn(message, why, fix)
