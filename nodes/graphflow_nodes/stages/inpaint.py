"""inpaint: repaint the white part of a mask under a text."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Planned, SameSize, Step, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.tensor_values import Latents
from graphflow.values.value import Image, Mask
from graphflow_nodes.families import usual
from graphflow_nodes.planning.control_rules import check_control, check_scaling
from graphflow_nodes.planning.stage import Stage
from graphflow_nodes.planning.stage_params import (
    ClipSkip,
    Control,
    Corner,
    Eta,
    Guidance,
    NegativePrompt,
    Painted,
    Prompt,
    Rescale,
    Scheduler,
    Score,
    Seed,
    Sides,
    Steps,
    Strength,
)
from graphflow_nodes.steps.control import named, nets
from graphflow_nodes.steps.sample import paint_crop


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    stage = Stage(named("inpaint", facts), facts, params, checkpoints["checkpoint"])
    if not stage.known():
        return stage.refused()
    stage.check_channels(mask=True)
    image = facts["image"]
    if image.word == "latents":
        _check_latents(stage, image)
    if facts["mask"].soft:
        why, fix = "inpainting takes a mask as black or white", "let an overlay read the soft mask, after this"
        message = "mask is hardened at one half"
        stage.faults.append(Fault(message, why, fix, "mask", "node-hint", unless_read_by="overlay"))
    stage.check_strength()
    check_control(stage, image.width, image.height, crop=params["padding_mask_crop"] is not None)
    check_scaling(stage)
    if params["padding_mask_crop"] is not None:
        return _cropped(stage, wanted)
    for side in ("width", "height"):
        if params[side] is not None:
            why = f"without padding_mask_crop the stage works at the picture's own {side}"
            stage.refuse(f"{side} has no meaning here", why, "put a resize before image", side)
    if image.word != "latents":
        stage.check_size(image.width, image.height, ("image", "image"))
        if stage.channels == 4:
            stage.advise_latents(image)
    texts = stage.texts()
    sample = stage.sampling(texts, {"image": "image", "mask": "mask"}, ("vae",))
    return stage.planned([*texts[0], sample], image.width, image.height)


def _check_latents(stage: Stage, image: Facts) -> None:
    name = stage.checkpoint.name
    if stage.channels != 4:
        why = f"the UNet of {name} has {stage.channels} channels and reads the masked picture's pixels"
        stage.refuse("image cannot take {sender}", why, "use the sender's .image", "image", "latents-to-picture")
    elif not stage.entry.latents:
        why = f"{stage.entry.pipeline}, which inpaints with ControlNets, reads pixels"
        stage.refuse("image cannot take {sender}", why, "use the sender's .image", "image", "latents-to-picture")
    elif stage.guides_decoding:
        why = f"the vae of {name} decodes with the picture around the mask, which latents are not"
        stage.refuse("image cannot take {sender}", why, "use the sender's .image", "image", "latents-to-picture")
    elif stage.params["padding_mask_crop"] is not None:
        why = "padding_mask_crop cuts the part to repaint out of pixels"
        stage.refuse("image cannot take {sender}", why, "use the sender's .image", "image", "latents-to-picture")
    else:
        stage.check_latents(image, "image")


def _cropped(stage: Stage, wanted: frozenset[str]) -> Planned:
    """The answer where the surroundings of the mask are painted at the model's size and pasted back."""
    if "latents" in wanted:
        why = "with padding_mask_crop the result is pasted into the picture, which has no latents"
        stage.refuse(
            "the output latents is not there", why, "read .image, or leave padding_mask_crop out", "padding_mask_crop"
        )
    mask = stage.facts["mask"].content
    if mask is not None and mask().pil().getbbox() is None:
        why = "padding_mask_crop cuts out its white part"
        stage.refuse("the mask is black everywhere", why, "paint white what is to be repainted", "mask")
    if (size := stage.painted_size()) is None:
        return stage.refused()
    width, height = size
    stage.check_size(width, height, ("width", "height"))
    steps, inputs = stage.texts()
    inputs |= {"image": "image", "mask": "mask"}
    settings = stage.common(width=width, height=height, padding_mask_crop=stage.params["padding_mask_crop"])
    if stage.entry.control:
        inputs["control"] = "control"
    paint = Step(
        "paint",
        paint_crop,
        inputs,
        settings,
        ("image",),
        stage.use("unet", "vae") | nets(stage.checkpoint, stage.facts),
    )
    image = stage.facts["image"]
    outputs = {"image": Facts(image.width, image.height)}
    return Planned(outputs, problems=tuple(stage.faults), steps=(*steps, paint), verify=mask is None)


@node(version=1, environment="torch", plan=_plan, usual=usual("inpaint"))
def inpaint(
    image: Annotated[Image | Latents, Doc("What to repaint; latents only where the checkpoint's UNet has 4 channels.")],
    mask: Annotated[Mask, SameSize("image"), Doc("White = repaint; grey is hardened at one half.")],
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    control: Control = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("The model: trained for inpainting (9 channels), or a regular one (4).")],
    strength: Strength = None,
    padding_mask_crop: Annotated[
        int | None, Ge(0), Doc("Paint only the mask's surroundings, with this margin in pixels, and paste them back.")
    ] = None,
    width: Annotated[int | None, Ge(8), Doc("With padding_mask_crop: pixels at which the crop is painted.")] = None,
    height: Annotated[int | None, Ge(8), Doc("With padding_mask_crop: pixels at which the crop is painted.")] = None,
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
    guidance_rescale: Rescale = None,
    eta: Eta = None,
    original_size: Sides = None,
    crops_coords_top_left: Corner = None,
    target_size: Sides = None,
    negative_original_size: Sides = None,
    negative_crops_coords_top_left: Corner = None,
    negative_target_size: Sides = None,
    aesthetic_score: Score = None,
    negative_aesthetic_score: Score = None,
    clip_skip: ClipSkip = None,
    scheduler: Scheduler = None,
    seed: Seed,
) -> Painted:
    """Repaint the white part of a mask, at the picture's own size.

    Without padding_mask_crop the kept part passes through the VAE and changes a little; follow with `overlay` to
    keep it. With it, what the mask keeps is untouched. Equal, byte for byte, to diffusers' inpainting pipeline of
    the checkpoint's family (with `control`, to that for ControlNets, which takes no latents) with the same components,
    parameters, size and CPU generator, without safety checker.
    """
    raise AssertionError("a stage runs as its steps")
