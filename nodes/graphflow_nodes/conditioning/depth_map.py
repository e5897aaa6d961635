"""depth_map: how near each pixel of a picture is."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.check.checkpoints import Checkpoint
from graphflow.check.components import ProcessorFiles
from graphflow.facts import Facts
from graphflow.marker import Doc, Fault, Planned, SizeOf, Step, node
from graphflow.values import Image
from graphflow_nodes.ops.depth import estimate
from graphflow_nodes.ops.stage import not_here


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    checkpoint = checkpoints["checkpoint"]
    files = checkpoint.only
    if checkpoint.kind == "hub":
        return not_here(checkpoint, ("image",))
    if files is None or files.class_name != "DPTForDepthEstimation":
        why = f"it is {checkpoint.class_name or f'a {checkpoint.kind}'}, and this node takes a DPTForDepthEstimation"
        fix = "name embedded/depth, or the folder of a DPT model"
        return Planned(problems=(Fault(f"{checkpoint.name} estimates no depth", why, fix, "checkpoint"),))
    if not (files.folder / "preprocessor_config.json").is_file():
        why, fix = "it has no preprocessor_config.json", "get the whole checkpoint"
        return Planned(problems=(Fault(f"{checkpoint.name} is not whole", why, fix, "checkpoint"),))
    processor = ProcessorFiles("image_processor", "transformers", "DPTImageProcessor", files.folder, checkpoint.name)
    uses = {"depth_estimator": checkpoint.placed(files), "image_processor": checkpoint.placed(processor)}
    step = Step("estimate", estimate, {"image": "image"}, {}, ("image",), uses)
    return Planned({"image": Facts(facts["image"].width, facts["image"].height)}, steps=(step,))


@node(version=1, environment="torch", plan=_plan)
def depth_map(
    image: Annotated[Image, Doc("Of any size.")],
    *,
    checkpoint: Annotated[Checkpoint, Doc("A depth estimator: embedded/depth, or the folder of a DPT model.")],
) -> Annotated[Image, SizeOf("image"), Doc("Grey; white = nearest, black = farthest.")]:
    """Estimate how near each pixel of a picture is, for a ControlNet that was trained on depth.

    The nearest pixel of a picture is white and the farthest black, whatever their distances. Equal, byte for byte,
    to transformers' depth-estimation pipeline with the same model.
    """
    raise AssertionError("it runs as its step")
