"""controlnet_condition: steer a stage with a picture through a ControlNet."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from graphflow.catalog.authoring import Doc, Ge, Gt, Le, Lt, Planned, SameSize, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ComponentFiles
from graphflow.problems import Fault
from graphflow.system.distribution import install_command
from graphflow.values.control import Control
from graphflow.values.facts import Facts
from graphflow.values.raster import Image, Mask
from graphflow_nodes.planning.checkpoint_rules import not_here

_LOW, _HIGH = 100.0, 200.0


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    checkpoint, image = checkpoints["checkpoint"], facts["image"]
    problems = tuple(_of_params(params, masked="mask" in facts))
    net = checkpoint.only or ComponentFiles("", "", "", Path(checkpoint.name), checkpoint.name)
    control = Facts(image.width, image.height, net=net, masked=params["preprocess"] == "inpaint")
    if checkpoint.kind == "hub":
        missing = not_here(checkpoint, ("control",))
        return Planned({"control": control}, problems=(*missing.problems, *problems), steps=missing.steps)
    return Planned({"control": control}, problems=(*_of_checkpoint(checkpoint), *problems))


def _of_checkpoint(checkpoint: Checkpoint) -> Iterator[Fault]:
    """The faults of a ControlNet's checkpoint."""
    name, details = checkpoint.name, checkpoint.details
    if checkpoint.only is None or checkpoint.only.class_name != "ControlNetModel":
        why = f"it is {checkpoint.class_name or f'a {checkpoint.kind}'}, but this node takes a ControlNetModel"
        fix = "name the folder of a ControlNet, with config.json and safetensors, or its .safetensors file"
        yield Fault(f"{name} is not a ControlNet", why, fix, "checkpoint")
    elif key := next((key for key in ("loras", "embeddings", "scheduler") if getattr(details, key)), None):
        yield Fault(f"{key} of {name} cannot be used with a ControlNet", "", f"remove {key}", "checkpoint")
    elif details.dtype:
        why = "a ControlNet runs in the precision of the stage that it steers"
        fix = "give the dtype to the stage's checkpoint"
        yield Fault(f"the dtype of {name} has no effect", why, fix, "checkpoint", "no-effect")


def _of_params(params: Mapping[str, Any], *, masked: bool) -> Iterator[Fault]:
    """The faults of the node's own settings."""
    preprocess = params["preprocess"]
    if params["start"] >= params["end"]:
        why = f"it would steer from {params['start']:g} to {params['end']:g} of the steps"
        yield Fault("start is not before end", why, "make start smaller than end", "start")
    if masked != (preprocess == "inpaint"):
        why = "preprocess: inpaint hides the white part of a mask"
        fix = "write preprocess: inpaint, or remove mask" if masked else "add a mask; white pixels are hidden"
        message = f"mask cannot be used with preprocess: {preprocess}" if masked else "preprocess: inpaint needs a mask"
        yield Fault(message, why, fix, "mask" if masked else "preprocess")
    for name in ("low_threshold", "high_threshold"):
        if params[name] is not None and preprocess != "canny":
            message = f"{name} cannot be used with preprocess: {preprocess}"
            yield Fault(message, "only preprocess: canny has thresholds", f"remove {name}", name)
    if preprocess == "canny" and find_spec("cv2") is None:
        why, fix = "it needs OpenCV, which is not installed", install_command("canny")
        yield Fault("preprocess: canny is not available", why, fix, "preprocess")


@node(version=1, plan=_plan)
def controlnet_condition(
    image: Annotated[Image, Doc("The picture for the ControlNet; of the size of the stage that reads it.")],
    mask: Annotated[
        Mask | None,
        SameSize("image"),
        Doc("With preprocess: inpaint, pixels that are more than half white are hidden."),
    ] = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("The ControlNet: a folder with config.json, or a .safetensors file.")],
    preprocess: Annotated[
        Literal["none", "inpaint", "canny"],
        Doc("none: the picture unchanged; inpaint: hide the mask's pixels; canny: the picture's edges (OpenCV)."),
    ] = "none",
    low_threshold: Annotated[
        float | None, Ge(0), Doc("canny: slopes above it continue an edge; by default 100.")
    ] = None,
    high_threshold: Annotated[float | None, Ge(0), Doc("canny: slopes above it start an edge; by default 200.")] = None,
    scale: Annotated[
        float | None,
        Doc("Strength of the control; by default text2img 1, img2img 0.8, inpaint 0.5 (SDXL 1). 0 = none."),
    ] = None,
    start: Annotated[float, Ge(0), Lt(1), Doc("Share of the steps after which it starts to steer.")] = 0.0,
    end: Annotated[float, Gt(0), Le(1), Doc("Share of the steps after which it stops.")] = 1.0,
) -> Annotated[Control, Doc("For the port control of a stage; use a list for several.")]:
    """Steer a stage with a picture through a ControlNet: its edges, its depth, or its unmasked part.

    The stage loads the ControlNet in its own precision; all stages that name it share it. Source: diffusers' guide
    to ControlNets; `inpaint` is its `make_inpaint_condition`, `canny` is `cv2.Canny`.
    """
    low = _LOW if low_threshold is None else low_threshold
    high = _HIGH if high_threshold is None else high_threshold
    picture = _edges(image, low, high) if preprocess == "canny" else image
    net = checkpoint.only
    if net is None:
        raise ValueError(f"{checkpoint.name} is not a ControlNet")
    return Control(picture, net, mask if preprocess == "inpaint" else None, scale, start, end)


def _edges(image: Image, low: float, high: float) -> Image:
    """The picture's edges, white on black. Source: Canny, A Computational Approach to Edge Detection, 1986."""
    import cv2

    return Image.of(cv2.Canny(image.array, low, high))
