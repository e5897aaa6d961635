"""ControlNets of a stage: which ones it borrows, and what the call of diffusers gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ComponentFiles
from graphflow.values.component import Component
from graphflow.values.control import Control
from graphflow.values.facts import UNKNOWN, Facts


def named(stage: str, facts: Mapping[str, Facts]) -> str:
    """The stage's name in the family table: with `+control` where there are control signals."""
    return f"{stage}+control" if "control" in facts and facts["control"].items != () else stage


def roles(controls: Collection[Any] | None) -> tuple[str, ...]:
    """What the components of these ControlNets are called in a step's `uses`."""
    return tuple(f"controlnet_{number}" for number in range(len(controls or ())))


def signals(facts: Mapping[str, Facts]) -> tuple[Facts, ...]:
    """The facts of each control signal of a stage; empty where it has none, or where they are known only later."""
    return facts.get("control", UNKNOWN).items or ()


def nets(checkpoint: Checkpoint, facts: Mapping[str, Facts]) -> dict[str, Component]:
    """Role → ControlNet of a stage, in the precision of its checkpoint's other components."""
    given = signals(facts)
    return {
        role: checkpoint.placed(signal.net)
        for role, signal in zip(roles(given), given, strict=True)
        if isinstance(signal.net, ComponentFiles)
    }


def steering(controls: Sequence[Control] | None, argument: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call with ControlNets; empty where there are none.

    Args:
        controls: one for each ControlNet.
        argument: of the class that takes the pictures.
        settings: the call's others; its `controlnet_conditioning_scale` is for controls without a scale.
    """
    if not controls:
        return {}
    usual = settings["controlnet_conditioning_scale"]
    pictures = [_picture(control) for control in controls]
    scales = [usual if control.scale is None else control.scale for control in controls]
    one = len(controls) == 1
    return {
        argument: pictures[0] if one else pictures,
        # Of full length: what a shorter list leaves out does not steer, without a word.
        "controlnet_conditioning_scale": scales[0] if one else scales,
        "control_guidance_start": [control.start for control in controls],
        "control_guidance_end": [control.end for control in controls],
    }


def _picture(control: Control) -> Any:
    """A Pillow picture; (1, 3, H, W) from 0 to 1 where pixels are hidden, which are -1."""
    if control.mask is None:
        return control.picture.pil()
    import numpy as np
    import torch

    pixels = control.picture.array.astype(np.float32) / 255
    pixels[control.hidden] = -1.0
    return torch.from_numpy(pixels[None].transpose(0, 3, 1, 2))
