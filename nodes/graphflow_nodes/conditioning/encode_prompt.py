"""encode_prompt: encode a text whose words have weights."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Planned, Step, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.family import Family
from graphflow.problems import Fault
from graphflow.system.distribution import install_command
from graphflow.values.facts import UNKNOWN, Facts
from graphflow.values.tensor_values import Conditioning
from graphflow_nodes.planning.checkpoint_rules import not_here, usable
from graphflow_nodes.planning.prompt_syntax import mistakes, windows_may_differ
from graphflow_nodes.planning.texts import encoding_of, text_step
from graphflow_nodes.steps.weighted_text import Joining, join_texts

_TEXTS = ("prompt", "negative_prompt", "prompt_2", "negative_prompt_2")


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    checkpoint = checkpoints["checkpoint"]
    syntax = tuple(_of_syntax(facts))
    if checkpoint.kind == "hub":
        missing = not_here(checkpoint, ("conditioning",))
        return Planned(problems=(*missing.problems, *syntax), steps=missing.steps)
    family, faults = usable("encode_prompt", checkpoint, stage=False)
    faults = (*faults, *_of_installation(), *syntax)
    if family is None:
        return Planned(problems=faults)
    if not family.texts or not all(reader.weighted for reader in family.texts):
        why = f"it is {family.name}, whose texts have no weights"
        unable = Fault(f"{checkpoint.name} cannot run encode_prompt", why, "give the stage plain text", "checkpoint")
        return Planned(problems=(*faults, unable))
    faults += tuple(_of_second_texts(checkpoint.name, family, facts))
    encoding = encoding_of(family, checkpoint.components, negative="negative_prompt" in facts)
    outputs = {"conditioning": Facts(word="conditioning", encoding=encoding)}
    # A text that is not known yet is checked when it is.
    verify = any(facts[port].text is None for port in facts)
    return Planned(outputs, problems=faults, steps=tuple(_steps(checkpoint, family, facts)), verify=verify)


def _steps(checkpoint: Checkpoint, family: Family, facts: Mapping[str, Facts]) -> Iterator[Step]:
    """One step for each text and text encoder, then the one that joins them."""
    inputs: dict[str, tuple[str, ...]] = {}
    for argument, port in (("positive", "prompt"), ("negative", "negative_prompt")):
        for number, reader in enumerate(family.texts, 1):
            own = f"{port}_2" if number == 2 and f"{port}_2" in facts else port
            if own in facts and reader.weighted is not None:
                step = text_step(checkpoint, reader, reader.weighted, f"encode_{argument}_{number}", own)
                inputs[argument] = (*inputs.get(argument, ()), f"{step.name}.conditioning")
                yield step
    known = [checkpoint.components[reader.tokenizer].tokenizer for reader in family.texts]
    # Each window has a start and an end. One of an unknown length may be too short for any text.
    window = min(0 if one is None else one.length for one in known) - 2
    # A word of an embedding may be many tokens.
    if checkpoint.details.embeddings or windows_may_differ(tuple(facts[port].text for port in facts), window):
        for number, reader in enumerate(family.texts, 1):
            step = text_step(checkpoint, reader, reader.encode, f"encode_padding_{number}", "", clip_skip=None)
            inputs["padding"] = (*inputs.get("padding", ()), f"{step.name}.conditioning")
            yield step
    settings = {"joining": Joining(family.readout, dict(family.joined))}
    yield Step("join", join_texts, dict(inputs), settings, ("conditioning",))


def _of_installation() -> Iterator[Fault]:
    if find_spec("compel") is None:
        yield Fault(
            "encode_prompt is not available", "it needs compel, which is not installed", install_command("compel")
        )


def _of_syntax(facts: Mapping[str, Facts]) -> Iterator[Fault]:
    for port in _TEXTS:
        text = facts.get(port, UNKNOWN).text
        for one in mistakes(text) if text is not None else ():
            yield Fault(f"{port}: {one.message}", one.why, one.fix, port, "no-effect" if one.harmless else "node")


def _of_second_texts(name: str, family: Family, facts: Mapping[str, Facts]) -> Iterator[Fault]:
    """Faults of the texts for a second text encoder."""
    for port in ("prompt_2", "negative_prompt_2"):
        if port in facts and len(family.texts) != 2:
            why = f"{name} is {family.name}, which has one text encoder"
            yield Fault(f"{port} cannot be used with {family.name}", why, f"remove {port}", port)
    if "negative_prompt_2" in facts and "negative_prompt" not in facts:
        why = "the first text encoder has no negative text"
        yield Fault("negative_prompt_2 needs a negative_prompt", why, "add negative_prompt", "negative_prompt_2")


@node(version=1, environment="torch", plan=_plan)
def encode_prompt(
    prompt: Annotated[str, Doc("What to paint, with weights.")],
    negative_prompt: Annotated[
        str | None, Doc('What not to paint, with weights; guidance needs one, at least "".')
    ] = None,
    prompt_2: Annotated[str | None, Doc("For the second text encoder, if it reads another text; SDXL.")] = None,
    negative_prompt_2: Annotated[
        str | None, Doc("For the second text encoder, if it reads another negative text; SDXL.")
    ] = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("Whose text encoders are used; that of the stage, or one with equal ones.")],
) -> Annotated[Conditioning, Doc("For the port prompt of a stage.")]:
    r"""Encode a text with weights, or one that is longer than a window.

    The syntax is compel's: `(a cat)1.5` or `cat++` for more, `(a cat)0.5` or `cat--` for less,
    `("a cat", "a dog").blend(1, 0.5)` for a mixture, `("a cat", "a house").and()` for texts that are read one by one.
    `\(` is a parenthesis of the text. A text that is longer than the encoder reads at once (75 tokens) is read in
    several windows. The result equals, byte for byte, that of compel's CompelForSD or CompelForSDXL; without weights
    and in one window, it equals what a stage encodes itself.
    """
    raise AssertionError("it runs as its steps")
