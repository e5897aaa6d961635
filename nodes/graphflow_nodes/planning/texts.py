"""The steps that encode a stage's texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphflow.catalog.authoring import Step
from graphflow.checkpoints.family import TextReader
from graphflow.problems import Fault
from graphflow.text_helpers.words import with_article
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
    inputs: dict[str, str | tuple[str, ...]]
    faults: tuple[Fault, ...] = ()


def texts_of(request: Request) -> Texts:
    """The encoding steps of a stage, and the sources of its sampling step's texts."""
    if request.family.read_prompt is not None:
        read: Texts = request.family.read_prompt(request)
        return read
    if request.prompt == "image_embedding":
        return Texts((), {}, (_strange_prompt(request),))
    if request.prompt == "conditioning":
        return Texts((), {"positive": ("prompt",)}, tuple(beside_encoded(request, ("negative_prompt", "clip_skip"))))
    readers = list(enumerate(request.family.texts))
    steps: list[Step] = []
    inputs: dict[str, str | tuple[str, ...]] = {}
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


def _strange_prompt(request: Request) -> Fault:
    why = f"{request.checkpoint.name} is {request.family.name}, which reads texts"
    return Fault("prompt cannot take {sender}", why, "give prompt as text", "prompt", "type-mismatch")


def beside_encoded(request: Request, names: tuple[str, ...]) -> Iterator[Fault]:
    """Params and ports that cannot be used with a prompt that is already encoded."""
    for name in names:
        if name in request.facts or request.given(name):
            given = with_article((request.prompt or "").replace("_", " "))
            why = f"prompt is given as {given}, which is already encoded"
            message = f"{name} cannot be used with {given}"
            yield Fault(message, why, f"remove {name}, or give prompt as text", name)
