"""upscale_model: enlarge a picture with a model such as ESRGAN."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Planned, Step, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.problems import Fault
from graphflow.system.distribution import install_command
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow_nodes.models.upscaling_model import UPSCALING_MODEL
from graphflow_nodes.planning.checkpoint_rules import not_here
from graphflow_nodes.planning.pixel_limit import enlarged
from graphflow_nodes.steps.upscale_model import enlarge


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    checkpoint = checkpoints["checkpoint"]
    problems = tuple(_of_installation())
    if checkpoint.kind == "hub":
        missing = not_here(checkpoint, ("image",))
        return Planned(problems=(*missing.problems, *problems), steps=missing.steps)
    model = checkpoint.only
    if model is None or model.class_name != UPSCALING_MODEL.name:
        why = f"it is {checkpoint.class_name or f'a {checkpoint.kind}'}"
        fix = (
            "name the .safetensors file of a model such as ESRGAN; for diffusion models use upscale or super_resolution"
        )
        fault = Fault(f"{checkpoint.name} is not a model that enlarges pictures", why, fix, "checkpoint")
        return Planned(problems=(*problems, fault))
    if checkpoint.details.scheduler:
        message, why = f"the scheduler of {checkpoint.name} cannot be used", "such a model does not sample"
        problems += (Fault(message, why, "remove scheduler", "checkpoint"),)
    output, scale = Facts(), model.config["scale"]
    if scale is not None:
        size, faults = enlarged(facts["image"], scale)
        output, problems = Facts(*size), (*problems, *faults)
    uses = {"upscaling_model": checkpoint.placed(model)}
    step = Step("enlarge", enlarge, {"image": "image"}, {"tile": params["tile"]}, ("image",), uses)
    return Planned({"image": output}, problems=problems, steps=(step,))


def _of_installation() -> Iterator[Fault]:
    """The fault that spandrel, or a package without which it cannot be imported, is not installed."""
    for package in ("spandrel", "torchvision"):
        if find_spec(package) is None:
            why = f"it needs {package}, which is not installed"
            yield Fault("upscale_model is not available", why, f"install it: {install_command('upscale')}")
            return


@node(version=1, environment="torch", plan=_plan)
def upscale_model(
    image: Annotated[Image, Doc("Of any size.")],
    *,
    checkpoint: Annotated[
        Checkpoint, Doc("The model: a .safetensors file, by its path or its name in a folder of GRAPHFLOW_MODELS.")
    ],
    tile: Annotated[
        int, Ge(64), Doc("Pixels; a larger picture is enlarged in parts of this side, which takes less memory.")
    ] = 512,
) -> Annotated[Image, Doc("The picture, as many times as large as the model makes it.")]:
    """Enlarge a picture with a model such as ESRGAN.

    Such a model sharpens what is there and reads no text. The package spandrel loads it: ESRGAN, Real-ESRGAN, Compact,
    SwinIR, HAT, DAT, SPAN and others. Neighbouring parts see 32 pixels of each other, so seams do not show, but the
    result can differ slightly from that of the whole picture.
    """
    raise AssertionError("it runs as its step")
