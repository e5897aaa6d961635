"""ControlNets of a stage: how a step borrows them, and their arguments for diffusers' call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphflow.values.control import Control


def role(number: int) -> str:
    """The name of a stage's ControlNet in a step's `uses`, counted from 0."""
    return f"controlnet_{number}"


def steering(controls: Sequence[Control] | None, argument: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call with ControlNets; empty if there are none.

    Args:
        controls: one for each ControlNet.
        argument: the class's argument for the pictures.
        settings: the call's other arguments; `controlnet_conditioning_scale` is for controls without a scale.
    """
    if not controls:
        return {}
    usual = settings["controlnet_conditioning_scale"]
    pictures = [_picture(control) for control in controls]
    scales = [usual if control.scale is None else control.scale for control in controls]
    single = len(controls) == 1
    return {
        argument: pictures[0] if single else pictures,
        # Of full length, since controls beyond the end of a shorter list would silently not steer.
        "controlnet_conditioning_scale": scales[0] if single else scales,
        "control_guidance_start": [control.start for control in controls],
        "control_guidance_end": [control.end for control in controls],
    }


def _picture(control: Control) -> Any:
    """A Pillow picture; (1, 3, H, W) from 0 to 1 if pixels are hidden, which are -1."""
    if control.mask is None:
        return control.picture.pil()
    import numpy as np
    import torch

    pixels = control.picture.array.astype(np.float32) / 255
    pixels[control.hidden] = -1.0
    return torch.from_numpy(pixels[None].transpose(0, 3, 1, 2))
