"""The parameters of a picture as the web UI A1111 writes them, for programs that read those: text in a fixed form.

```text
a red heart, sea
Negative prompt: blurry
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: v1-5-pruned
```

They are those of the stage that is nearest to the output, counted in steps; of several, the first. Prompts are written
as they are, as in A1111; other values are quoted if they contain a comma, a colon or a line break.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from graphflow.check.checked import ExpandedNode
from graphflow.check.sources import NodeOutput, NodeSource
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.file_digest import file_digest
from graphflow.plan.plan import Plan
from graphflow.plan.sources import StepSource, step_outputs
from graphflow.plan.step import PlannedStep
from graphflow.values.sampling import Sampling, SchedulerChoice
from graphflow.values.sources import Format, Gather, ItemOf, Value

SAMPLERS: Mapping[str, str] = {
    "DDIMParallelScheduler": "DDIM",
    "DDIMScheduler": "DDIM",
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "EulerAncestralDiscreteScheduler": "Euler a",
    "EulerDiscreteScheduler": "Euler",
    "HeunDiscreteScheduler": "Heun",
    "KDPM2AncestralDiscreteScheduler": "DPM2 a",
    "KDPM2DiscreteScheduler": "DPM2",
    "LCMScheduler": "LCM",
    "LMSDiscreteScheduler": "LMS",
    "PNDMScheduler": "PLMS",
    "UniPCMultistepScheduler": "UniPC",
}
"""Class of diffusers → A1111's name of the sampler; any other class is written without the word Scheduler."""

_SDE = "DPM++ 2M SDE"
_COMMIT = re.compile(r"@[0-9a-f]{40}\Z")


def parameters_text(plan: Plan, output: str, item: int | None, size: tuple[int, int]) -> str:
    """The parameters of an output's picture; empty if no step that samples leads to it.

    Args:
        plan: the plan of the run.
        output: name of the output.
        item: index of the picture in it, if the output is a list.
        size: (width, height) of the picture, used if the size of the stage is not known before the run.
    """
    source: StepSource = plan.outputs[output]
    if isinstance(source, Gather) and item is not None:
        source = source.items[item]
    found = next(_sampling_steps(source, plan.steps), None)
    if found is None:
        return ""
    step, sampling = found
    nodes = plan.checked.nodes
    node = next(node for node in nodes if node.path == step.node.path)
    lines = [_port_text(node, "prompt", nodes)]
    if negative := _port_text(node, "negative_prompt", nodes) or _beside_prompt(node, nodes):
        lines.append(f"Negative prompt: {negative}")
    fields = _fields(sampling, node, size)
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in fields.items() if value))
    # Text of a graph built in Python may have halves of characters, which no file can hold.
    return "\n".join(lines).strip().replace("\0", "").encode("utf-8", "replace").decode()


def _sampling_steps(source: StepSource, steps: tuple[PlannedStep, ...]) -> Iterator[tuple[PlannedStep, Sampling]]:
    """The steps upstream of `source` that sample, the nearest first."""
    near = list(dict.fromkeys(read.step for read in step_outputs(source)))
    seen = set(near)
    while near:
        further: list[int] = []
        for number in near:
            step = steps[number]
            for value in step.params.values():
                if isinstance(value, Sampling):
                    yield step, value
            further += [read.step for given in step.inputs.values() for read in step_outputs(given)]
        near = [number for number in dict.fromkeys(further) if number not in seen]
        seen.update(near)


def _fields(sampling: Sampling, node: ExpandedNode, size: tuple[int, int]) -> dict[str, str]:
    settings = sampling.settings
    facts = next((fact for fact in node.facts.values() if fact.width and fact.height), None)
    width, height = size if facts is None else (facts.width, facts.height)
    name, schedule = _sampler(sampling.scheduler)
    model = next((value for value in node.params.values() if isinstance(value, Checkpoint)), None)
    return {
        "Steps": _number(settings.get("num_inference_steps")),
        "Sampler": name,
        "Schedule type": schedule,
        "CFG scale": _number(settings.get("guidance_scale")),
        "Seed": str(sampling.seed),
        "Size": f"{width}x{height}",
        "Model hash": _model_hash(model),
        "Model": "" if model is None else _model_name(model),
        "Denoising strength": _number(settings.get("strength")),
        "Clip skip": _number(node.params.get("clip_skip")),
    }


def _sampler(choice: SchedulerChoice | None) -> tuple[str, str]:
    """A1111's names of the sampler and of its schedule; empty for none, and for the usual schedule."""
    if choice is None:
        return "", ""
    class_name = choice.class_name or choice.own
    settings = {**choice.config, **choice.changes}
    name = SAMPLERS.get(class_name, class_name.removesuffix("Scheduler"))
    if class_name == "DPMSolverMultistepScheduler" and str(settings.get("algorithm_type", "")).startswith("sde-"):
        name = _SDE
    schedules = {"use_karras_sigmas": "Karras", "use_exponential_sigmas": "Exponential", "use_beta_sigmas": "Beta"}
    return name, next((word for key, word in schedules.items() if settings.get(key)), "")


def _model_name(model: Checkpoint) -> str:
    """The name of a checkpoint; of a path only the last part, since folders may say whose it is."""
    name = _COMMIT.sub("", model.source or model.name).rstrip("/")
    is_path = name.startswith((".", "/", "~")) or str(model.path).endswith(f"/{name}")
    return name.rpartition("/")[2].removesuffix(".safetensors") if is_path else name


def _model_hash(model: Checkpoint | None) -> str:
    """The first ten digits of the file's sha256; empty for a folder, which A1111 has no hash for."""
    if model is not None and model.kind == "file" and model.path is not None:
        with suppress(OSError):
            return file_digest(model.path)[:10]
    return ""


def _port_text(node: ExpandedNode, port: str, nodes: tuple[ExpandedNode, ...]) -> str:
    """The text that a port of a node receives, directly or encoded; empty if it is not known before the run."""
    if port in node.sources:
        return _text(node.sources[port], port, nodes)
    value = node.params.get(port)
    return value if isinstance(value, str) else ""


def _beside_prompt(node: ExpandedNode, nodes: tuple[ExpandedNode, ...]) -> str:
    """The negative text of the node that encodes the stage's prompt."""
    source = node.sources.get("prompt")
    encoder = source.source if isinstance(source, ItemOf) else source
    return _port_text(nodes[encoder.node], "negative_prompt", nodes) if isinstance(encoder, NodeOutput) else ""


def _text(source: NodeSource, port: str, nodes: tuple[ExpandedNode, ...]) -> str:
    if isinstance(source, Value):
        return source.value if isinstance(source.value, str) else ""
    if isinstance(source, Format):
        parts = [part if isinstance(part, str) else _known(part) for part in source.parts]
        return "" if None in parts else "".join(part for part in parts if part is not None)
    if isinstance(source, ItemOf):
        source = source.source
    return _port_text(nodes[source.node], port, nodes) if isinstance(source, NodeOutput) else ""


def _known(source: NodeSource) -> str | None:
    return str(source.value) if isinstance(source, Value) else None


def _number(value: Any) -> str:
    # A family may have other settings by these names, such as a list.
    return f"{value:g}" if isinstance(value, (int, float)) else ""


def _quoted(text: str) -> str:
    """A value as A1111 quotes it."""
    return json.dumps(text, ensure_ascii=False) if any(sign in text for sign in ",\n:") else text
