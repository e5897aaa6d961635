"""ControlNets of a stage: what its plan asks of them, and what the call of diffusers gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphflow.control import Control
from graphflow.facts import UNKNOWN, Facts
from graphflow.marker import Component

if TYPE_CHECKING:
    from graphflow_nodes.ops.stage import Stage

_SHARED = ("block_out_channels", "layers_per_block")


def named(stage: str, facts: Mapping[str, Facts]) -> str:
    """The stage's name in the family table: with `+control` where there are control signals."""
    return f"{stage}+control" if "control" in facts and facts["control"].items != () else stage


def roles(controls: Collection[Any] | None) -> tuple[str, ...]:
    """What the components of these ControlNets are called in a step's `uses`."""
    return tuple(f"controlnet_{number}" for number in range(len(controls or ())))


# What a plan asks


def nets(stage: Stage) -> dict[str, Component]:
    """Role → ControlNet of a stage, in the precision of its other components."""
    signals = _signals(stage)
    return {
        role: stage.checkpoint.placed(signal.net)
        for role, signal in zip(roles(signals), signals, strict=True)
        if signal.net is not None
    }


def check_control(stage: Stage, width: int | None, height: int | None, *, crop: bool = False) -> None:
    """Refuse control signals that don't fit a stage which paints at this size, or cuts it out of such a picture."""
    if not stage.entry.control:
        return
    if stage.facts["control"].items is None:
        why = "which ControlNets a stage loads is decided before the run"
        fix = "write the list out: [$a, $b]"
        stage.refuse("the items of control are not known before the run", why, fix, "control")
    for number, signal in enumerate(_signals(stage)):
        one = "control" if len(_signals(stage)) == 1 else f"control[{number}]"
        _check_size(stage, signal, one, (width, height), crop=crop)
        if signal.net is None:
            why = "which ControlNets a stage loads is decided before the run"
            stage.refuse(f"the ControlNet of {one} is not known", why, "use a controlnet_condition", "control")
        elif signal.net.class_name == "ControlNetModel":
            _check_fit(stage, signal)
        if crop and signal.masked:
            why = "padding_mask_crop cuts out of pictures, and a picture cannot say which of its pixels are hidden"
            fix = "leave padding_mask_crop out, or use another preprocess than inpaint"
            stage.refuse(f"{one} cannot be cut out", why, fix, "padding_mask_crop")


def check_score(stage: Stage) -> None:
    """Refuse what ends in a TypeError of diffusers: ControlNets, an aesthetic score and no size that is told."""
    if stage.name == "img2img+control" and stage.scored and stage.params.get("original_size") is None:
        why = f"{stage.entry.pipeline} fails where the checkpoint has an aesthetic score and no size is told"
        stage.refuse("original_size is needed here", why, "write original_size: [HEIGHT, WIDTH]", "control")


def check_scaling(stage: Stage) -> None:
    """Warn where the class reads the VAE's latents as if it had no mean and deviation."""
    if stage.entry.decode == "xl_control" and None not in (stage.space.mean, stage.space.std):
        why = f"{stage.entry.pipeline} encodes and decodes without them, so colours may be off"
        fix = "use another VAE, or inpaint without control"
        message = f"latents_mean and latents_std of {stage.checkpoint.name} have no effect here"
        stage.refuse(message, why, fix, "control", "no-effect")


def _signals(stage: Stage) -> tuple[Facts, ...]:
    return stage.facts.get("control", UNKNOWN).items or ()


def _check_size(stage: Stage, signal: Facts, one: str, size: tuple[int | None, int | None], *, crop: bool) -> None:
    if signal.size is None or None in size or signal.size == size:
        return
    theirs, mine = (f"{width}×{height}" for width, height in (signal.size, size))
    why = f"{one} is {theirs}, and {'image is' if crop else 'the stage paints'} {mine}"
    fix = f"put a resize to {mine} before its controlnet_condition"
    stage.refuse(f"{one} has another size", why, fix, "control", "size-mismatch")


def _check_fit(stage: Stage, signal: Facts) -> None:
    """Refuse a ControlNet of another structure than the UNet's: their layers are added to each other."""
    if signal.net is None:
        raise ValueError("a control has no ControlNet")
    mine, theirs = stage.checkpoint.components["unet"].full_config, signal.net.full_config
    cells = stage.checkpoint.components["vae"].full_config["latent_channels"]
    name = stage.checkpoint.name
    why = ""
    if mine["addition_embed_type"] != theirs["addition_embed_type"]:
        kind = "SDXL" if theirs["addition_embed_type"] else "Stable Diffusion"
        why = f"it is made for {kind}, and {name} is {stage.family.name if stage.family else 'not'}"
    elif mine["cross_attention_dim"] != theirs["cross_attention_dim"]:
        why = (
            f"it reads texts {theirs['cross_attention_dim']} wide, and the unet of {name} {mine['cross_attention_dim']}"
        )
    elif theirs["in_channels"] != cells:
        why = f"it reads {theirs['in_channels']} latent channels, and {name} has {cells}"
    elif any(mine[key] != theirs[key] for key in _SHARED):
        why = f"its layers have other sizes than those of the unet of {name}"
    if why:
        fix = f"name a ControlNet that was trained for {stage.family.name if stage.family else name}"
        stage.refuse(f"{signal.net.label} does not fit {name}", why, fix, "control")


# What the call gets


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
