"""depth_map: estimate the depth of a picture."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Planned, SizeOf, Step, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ProcessorFiles
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow_nodes.models.dpt import DPT_PROCESSOR
from graphflow_nodes.planning.checkpoint_rules import not_here
from graphflow_nodes.steps.depth import estimate

_PROCESSOR = "DPTImageProcessor"
_OTHER = "name embedded/depth, or the folder of a DPT model"


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
        why = f"it is {checkpoint.class_name or f'a {checkpoint.kind}'}, but this node takes a DPTForDepthEstimation"
        return _refused(f"{checkpoint.name} is not a depth estimator", why, _OTHER)
    if not any((files.folder / name).is_file() for name in ("preprocessor_config.json", "processor_config.json")):
        why = "it has no preprocessor_config.json"
        return _refused(f"{checkpoint.name} is incomplete", why, "get the whole checkpoint")
    processor = ProcessorFiles(
        "image_processor", "transformers", _PROCESSOR, files.folder, checkpoint.name, model=DPT_PROCESSOR
    )
    if processor.named not in ("", _PROCESSOR):
        why = f"its image processor is {processor.named}, but this node takes a {_PROCESSOR}"
        return _refused(f"{checkpoint.name} has another image processor", why, _OTHER, "wrong-part")
    uses = {"depth_estimator": checkpoint.placed(files), "image_processor": checkpoint.placed(processor)}
    step = Step("estimate", estimate, {"image": "image"}, {}, ("image",), uses)
    return Planned({"image": Facts(facts["image"].width, facts["image"].height)}, steps=(step,))


def _refused(message: str, why: str, fix: str, code: str = "node") -> Planned:
    return Planned(problems=(Fault(message, why, fix, "checkpoint", code),))


@node(version=1, environment="torch", plan=_plan)
def depth_map(
    image: Annotated[Image, Doc("Of any size.")],
    *,
    checkpoint: Annotated[Checkpoint, Doc("A depth estimator: embedded/depth, or the folder of a DPT model.")],
) -> Annotated[Image, SizeOf("image"), Doc("Grey; white = nearest, black = farthest.")]:
    """Estimate the depth of each pixel of a picture, for a ControlNet that was trained on depth.

    The nearest pixel of a picture is white and the farthest black, whatever their distances. The result equals, byte
    for byte, that of transformers' depth-estimation pipeline with the same model.
    """
    raise AssertionError("it runs as its step")
