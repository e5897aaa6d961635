"""The steps that encode a stage's texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphflow.catalog.authoring import Step
from graphflow.checkpoints.family import TextReader
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow_nodes.planning.request import Request


@dataclass(frozen=True)
class Texts:
    """The encoding of a stage's texts.

    Attributes:
        steps: one for each text and text encoder.
        inputs: argument of the sampling step → its source.
        faults: refusals.
    """

    steps: tuple[Step, ...]
    inputs: dict[str, tuple[str, ...]]
    faults: tuple[Fault, ...] = ()


def texts_of(request: Request) -> Texts:
    """The encoding steps of a stage, and the sources of its sampling step's texts."""
    if request.facts.get("prompt", Facts()).word == "conditioning":
        return Texts((), {"positive": ("prompt",)}, tuple(_beside_conditioning(request)))
    readers = list(enumerate(request.family.texts))
    steps, inputs = [], {}
    prompts = [_step(request, "encode_prompt", number, reader, "prompt") for number, reader in readers]
    inputs["positive"] = _outputs(prompts)
    negatives: list[Step] = []
    if request.guided and not request.zeros:
        negatives = [_step(request, "encode_negative", number, reader, "negative_prompt") for number, reader in readers]
        inputs["negative"] = _outputs(negatives)
    for number, _ in readers:
        steps += [prompts[number], *negatives[number : number + 1]]
    return Texts(tuple(steps), inputs)


def _outputs(steps: list[Step]) -> tuple[str, ...]:
    return tuple(f"{step.name}.conditioning" for step in steps)


def _step(request: Request, name: str, number: int, reader: TextReader, port: str) -> Step:
    """The step that reads one text with one text encoder; an empty text if the port is not given."""
    roles = {"tokenizer": reader.tokenizer, "text_encoder": reader.text_encoder}
    uses = {role: request.checkpoint.component(own) for role, own in roles.items() if own}
    params = {
        "readout": reader.readout,
        "encoder": uses["text_encoder"].identity if "text_encoder" in uses else "",
        "clip_skip": request.params.get("clip_skip") if port == "prompt" else None,
    }
    inputs = {"text": port} if port in request.facts else {}
    if not inputs:
        params["text"] = ""
    return Step(f"{name}_{number + 1}" if number else name, reader.encode, inputs, params, ("conditioning",), uses)


def _beside_conditioning(request: Request) -> Iterator[Fault]:
    for name in ("negative_prompt", "clip_skip"):
        if name in request.facts or request.given(name):
            why = "prompt is given as a conditioning, which is already encoded"
            message = f"{name} cannot be used with a conditioning"
            yield Fault(message, why, f"remove {name}, or give prompt as text", name)
