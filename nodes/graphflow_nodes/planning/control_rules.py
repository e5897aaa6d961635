"""What a stage refuses of its control signals before anything is loaded."""

from __future__ import annotations

from graphflow.values.facts import Facts
from graphflow_nodes.planning.stage import Stage
from graphflow_nodes.steps.control import signals

_SHARED = ("block_out_channels", "layers_per_block")


def check_control(stage: Stage, width: int | None, height: int | None, *, crop: bool = False) -> None:
    """Refuse control signals that don't fit a stage which paints at this size, or cuts it out of such a picture."""
    if not stage.entry.control:
        return
    if stage.facts["control"].items is None:
        why = "which ControlNets a stage loads is decided before the run"
        fix = "write the list out: [$a, $b]"
        stage.refuse("the items of control are not known before the run", why, fix, "control")
    for number, signal in enumerate(signals(stage.facts)):
        one = "control" if len(signals(stage.facts)) == 1 else f"control[{number}]"
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
