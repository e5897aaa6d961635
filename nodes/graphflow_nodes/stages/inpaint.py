"""inpaint: repaint the white part of a mask according to a text."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Planned, SameSize, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.raster import Image, Mask
from graphflow.values.tensor_values import Latents
from graphflow_nodes.families.default_texts import usual
from graphflow_nodes.planning.checkpoint_rules import refused, requested
from graphflow_nodes.planning.control_rules import control_faults, named
from graphflow_nodes.planning.latent_rules import latents_faults, latents_hints, pixels_needed
from graphflow_nodes.planning.request import Request
from graphflow_nodes.planning.stage_params import (
    ClipSkip,
    Control,
    Corner,
    Eta,
    Guidance,
    NegativePrompt,
    Painted,
    PriorGuidance,
    PriorSteps,
    Prompt,
    Rescale,
    Scheduler,
    Score,
    Seed,
    Sides,
    Steps,
    Strength,
)
from graphflow_nodes.planning.stage_rules import (
    painted_size,
    request_size_faults,
    request_size_warnings,
    stage_faults,
    strength_faults,
)
from graphflow_nodes.planning.stage_steps import answer, crop_step, sample_step
from graphflow_nodes.planning.texts import texts_of


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    request = requested(named("inpaint", facts), facts, params, checkpoints["checkpoint"], wanted)
    if isinstance(request, Planned):
        return request
    image, crop = facts["image"], request.given("padding_mask_crop")
    faults = [*stage_faults(request)]
    if image.word == "latents":
        faults += _latents_faults(request, image)
    faults += _soft_mask_hints(facts["mask"])
    faults += strength_faults(request)
    faults += control_faults(request, image.width, image.height, crop=crop)
    if crop:
        return _cropped(request, faults)
    for side in ("width", "height"):
        if request.given(side):
            why = f"without padding_mask_crop the stage works at the picture's own {side}"
            message = f"{side} cannot be used without padding_mask_crop"
            faults.append(Fault(message, why, "put a resize before image", side))
    if image.word != "latents":
        faults += request_size_faults(request, image.width, image.height, ("image", "image"))
        faults += request_size_warnings(request, image.width, image.height, ("image", "image"))
        if not request.reads_pixels:
            faults += latents_hints(request)
    texts = texts_of(request)
    sample = sample_step(request, texts, ("image", "mask"), encodes=True)
    return answer(request, texts, sample, (image.width, image.height), faults)


def _soft_mask_hints(mask: Facts) -> Iterator[Fault]:
    if mask.soft:
        why, fix = "inpainting takes a black and white mask", "use an overlay with the soft mask afterwards"
        yield Fault("the mask is binarised at one half", why, fix, "mask", "node-hint", unless_read_by="overlay")


def _latents_faults(request: Request, image: Facts) -> Iterator[Fault]:
    """Latents if the class reads the picture's pixels, and latents that don't fit."""
    name, spec = request.checkpoint.name, request.spec
    if request.reads_pixels:
        yield pixels_needed(f"the {request.family.denoiser} of {name} reads the masked picture's pixels")
    elif not spec.latents:
        yield pixels_needed(f"{spec.pipeline} reads pixels")
    elif request.guides_decoding:
        yield pixels_needed(f"the vae of {name} also uses the pixels around the mask to decode")
    elif request.given("padding_mask_crop"):
        yield pixels_needed("padding_mask_crop crops pixels")
    else:
        yield from latents_faults(request, image, "image")


def _cropped(request: Request, faults: list[Fault]) -> Planned:
    """The result if the surroundings of the mask are painted at the model's size and pasted back."""
    image, mask = request.image, request.facts["mask"].content
    if "latents" in request.wanted:
        why = "with padding_mask_crop the result is pasted into the picture, which has no latents"
        fix = "read .image, or remove padding_mask_crop"
        faults.append(Fault("the output latents is not available", why, fix, "padding_mask_crop"))
    if mask is not None and mask().pil().getbbox() is None:
        why = "padding_mask_crop crops around its white part"
        faults.append(Fault("the mask is completely black", why, "make the part to repaint white", "mask"))
    size = painted_size(request)
    if isinstance(size, Fault):
        return refused(request.checkpoint, (*faults, size))
    width, height = size
    faults += request_size_faults(request, width, height, ("width", "height"))
    faults += request_size_warnings(request, width, height, ("width", "height"))
    texts = texts_of(request)
    crop = request.params["padding_mask_crop"]
    paint = crop_step(request, texts, width=width, height=height, padding_mask_crop=crop)
    outputs = {"image": Facts(image.width, image.height)}
    return Planned(outputs, problems=(*faults, *texts.faults), steps=(*texts.steps, paint), verify=mask is None)


@node(version=2, environment="torch", plan=_plan, usual=usual("inpaint"))
def inpaint(
    image: Annotated[Image | Latents, Doc("What to repaint; latents only if the checkpoint's UNet has 4 channels.")],
    mask: Annotated[Mask, SameSize("image"), Doc("White = repaint; grey is binarised at one half.")],
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
    prior_num_inference_steps: PriorSteps = None,
    prior_guidance_scale: PriorGuidance = None,
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

    Without padding_mask_crop, the kept part passes through the VAE and changes slightly; add `overlay` to keep it
    exactly. With it, the kept part is untouched. Equal, byte for byte, to diffusers' inpainting pipeline of
    the checkpoint's family (with `control`, to that for ControlNets, which takes no latents) with the same components,
    parameters, size and CPU generator, without safety checker.
    """
    raise AssertionError("a stage runs as its steps")
