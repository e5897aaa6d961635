"""The steps that encode a stage's texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphflow.catalog.authoring import Step
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.family import Family, StepRun, TextReader
from graphflow.problems import Fault
from graphflow.text_helpers.words import with_article
from graphflow.values.encoding import Encoding
from graphflow.values.facts import UNKNOWN
from graphflow_nodes.planning.prompt_syntax import lora_in, weight_in
from graphflow_nodes.planning.request import Request
from graphflow_nodes.planning.workspace import text_workspace


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
    return texts_by_readers(request)


def texts_by_readers(request: Request) -> Texts:
    """The encoding of a stage's texts by the text readers of its family; an empty prompt if there is none."""
    if request.prompt == "image_embedding":
        return Texts((), {}, (_strange_prompt(request),))
    if request.prompt == "conditioning":
        return Texts(
            (),
            {"positive": ("prompt",)},
            (*beside_encoded(request, ("negative_prompt", "clip_skip")), *_misfits(request)),
        )
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
    return Texts(tuple(steps), inputs, tuple(_unread_syntax(request)))


def _unread_syntax(request: Request) -> Iterator[Fault]:
    """Hints about weights and LoRAs in texts that a stage reads as plain text."""
    for port in ("prompt", "negative_prompt"):
        text = request.facts.get(port, UNKNOWN).text
        if text is None:
            continue
        fixes = {
            lora_in(text): "write it in loras of the checkpoint's entry in checkpoints",
            weight_in(text): "give the text to an encode_prompt, and its output to prompt",
        }
        for found, fix in fixes.items():
            if found:
                yield Fault(
                    f"{found} has no effect in {port}", "a stage reads it as plain text", fix, port, "node-hint"
                )


def _outputs(steps: list[Step]) -> tuple[str, ...]:
    return tuple(f"{step.name}.conditioning" for step in steps)


def _step(request: Request, name: str, number: int, reader: TextReader, port: str) -> Step:
    clip_skip = request.params.get("clip_skip") if port == "prompt" else None
    name = f"{name}_{number + 1}" if number else name
    given = port if port in request.facts else ""
    return text_step(request.checkpoint, reader, reader.encode, name, given, clip_skip=clip_skip)


def text_step(
    checkpoint: Checkpoint, reader: TextReader, run: StepRun, name: str, port: str, **params: int | None
) -> Step:
    """The step that reads one text with one text encoder.

    Args:
        checkpoint: whose text encoder it is.
        reader: of the checkpoint's family.
        run: `reader.encode` or `reader.weighted`.
        name: of the step.
        port: that gives the text; an empty text if it is empty.
        params: further ones of `run`.
    """
    roles = {"tokenizer": reader.tokenizer, "text_encoder": reader.text_encoder}
    uses = {role: checkpoint.component(own) for role, own in roles.items() if own}
    encoder = uses["text_encoder"].identity if "text_encoder" in uses else ""
    given: dict[str, Any] = {"readout": reader.readout, "encoder": encoder, **params}
    if not port:
        given["text"] = ""
    return Step(
        name,
        run,
        {"text": port} if port else {},
        given,
        ("conditioning",),
        uses,
        memory=text_workspace(checkpoint, reader.text_encoder),
    )


def encoding_of(family: Family, parts: Mapping[str, ComponentFiles], *, negative: bool) -> Encoding:
    """How texts are encoded for a checkpoint.

    Args:
        family: of the checkpoint.
        parts: of the checkpoint.
        negative: whether a negative text is encoded.
    """
    widths = [parts[one.text_encoder].full_config.get("hidden_size") for one in family.texts if one.text_encoder]
    known = [width for width in widths if isinstance(width, int)]
    width = None
    if widths and len(known) == len(widths):
        width = sum(known) if "prompt_embeds" in family.joined else known[-1]
    return Encoding(family.readout, width, negative)


def _misfits(request: Request) -> Iterator[Fault]:
    """A conditioning that the checkpoint cannot read."""
    given = request.facts["prompt"].encoding
    if given is None:
        return
    name, reads = request.checkpoint.name, encoding_of(request.family, request.checkpoint.components, negative=False)
    fix = f"encode the text with an encode_prompt whose checkpoint is {name}"
    if given.readout and reads.readout and given.readout not in (reads.readout, *reads.readout.split(" + ")):
        why = f"it is {given.readout} of a text encoder, but {name} reads {reads.readout}"
        yield Fault("{sender} was encoded for another family", why, fix, "prompt")
    elif None not in (given.width, reads.width) and given.width != reads.width:
        why = f"it has {given.width} numbers for each token, but {name} reads {reads.width}"
        yield Fault("{sender} was encoded with other text encoders", why, fix, "prompt")
    if request.guided and not request.zeros and not given.negative:
        why = f"guidance_scale is {request.value('guidance_scale'):g}, and guidance needs one if it is above 1"
        fix = 'give the encode_prompt a negative_prompt, which may be "", or write guidance_scale: 1'
        yield Fault("{sender} has no negative text", why, fix, "prompt")


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
