"""Whether a checkpoint can run a stage: its files exist, its family has the stage, and its parts fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.catalog.authoring import Planned, Step
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.family import Family, LatentRules
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow_nodes.planning.request import Request
from graphflow_nodes.steps.missing import missing

_OTHER = "take the part of a checkpoint of the same family"


def requested(
    stage: str,
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoint: Checkpoint,
    wanted: frozenset[str] = frozenset(),
) -> Request | Planned:
    """The stage's request, or the result of its plan function if the checkpoint cannot run it."""
    family, faults = usable(stage, checkpoint)
    if family is None:
        return refused(checkpoint, faults)
    request = Request(stage, facts, params, checkpoint, family, wanted)
    return request if request.absent is None else not_here(request.absent)


def usable(node: str, checkpoint: Checkpoint, *, stage: bool = True) -> tuple[Family | None, tuple[Fault, ...]]:
    """The family of a checkpoint that can run a node; None and the reasons if it cannot.

    Args:
        node: a key of the family's stages, or the name of another node type.
        checkpoint: of any kind.
        stage: whether the node is a stage, which the family must have; other nodes need its latents.
    """
    if checkpoint.kind == "hub":
        return None, not_here(checkpoint).problems
    family = checkpoint.family
    if family is None or (node not in family.stages if stage else family.latents is None):
        return None, (_unable(node, checkpoint, family),)
    faults = tuple(faults_of_parts(checkpoint, family))
    return (None if faults else family), faults


def codec_of(node: str, checkpoint: Checkpoint) -> tuple[LatentRules | None, Planned]:
    """How a checkpoint turns pictures into latents and back; None and the answer of the plan function if it cannot."""
    family, faults = usable(node, checkpoint, stage=False)
    return (None if family is None else family.latents), refused(checkpoint, faults)


def _unable(node: str, checkpoint: Checkpoint, family: Family | None) -> Fault:
    if family is None:
        kind = checkpoint.class_name or f"a {checkpoint.kind}"
        why = f"it is {kind}; supported are: {', '.join(checkpoint.known_families)}"
    else:
        stages = [name.replace("+", " with ") for name in family.stages]
        why = f"it is {family.name}, which has the {'stage' if len(stages) == 1 else 'stages'} {', '.join(stages)}"
    message = f"{checkpoint.name} cannot run {node.replace('+', ' with ')}"
    return Fault(message, why, "name another checkpoint", "checkpoint")


def faults_of_parts(checkpoint: Checkpoint, family: Family) -> Iterator[Fault]:
    """Parts that are missing, have another class, or don't fit together; diffusers itself does not check this."""
    parts = checkpoint.components
    if absent := [role for role in family.parts if role not in parts]:
        why = f"it has no {', '.join(absent)}"
        fix = f"get the whole checkpoint, or write components: {{{absent[0]}: ./other}} beside its source"
        yield Fault(f"{checkpoint.name} is incomplete", why, fix, "checkpoint")
        return
    strange = list(_strange_parts(checkpoint, family))
    yield from strange or family.rules(checkpoint.name, parts)


def _strange_parts(checkpoint: Checkpoint, family: Family) -> Iterator[Fault]:
    for role, classes in family.parts.items():
        if any(one.kind == "scheduler" for one in classes):
            continue  # checked by the rules of samplers
        part, known = checkpoint.components[role], {one.name for one in classes}
        named = {part.class_name, str(part.config.get("_class_name", part.class_name))}
        if not named <= known:
            other = min(named - known)
            why = f"it is {other}, but {family.name} takes {' or '.join(one.name for one in classes)}"
            message = f"the {role} of {checkpoint.name} has another class"
            yield Fault(message, why, _OTHER, "checkpoint", "wrong-part")


def refused(checkpoint: Checkpoint, faults: tuple[Fault, ...]) -> Planned:
    """The result if there is nothing to plan; a run reports a checkpoint that is not on this machine again."""
    steps = not_here(checkpoint).steps if checkpoint.kind == "hub" else ()
    return Planned(problems=faults, steps=steps)


def not_here(checkpoint: Checkpoint, outputs: tuple[str, ...] = ("image", "latents")) -> Planned:
    """The result for a checkpoint of which nothing is known: a warning now, and a step that ends a run."""
    fix = checkpoint.remedy
    message = f"{checkpoint.source} is not on this machine"
    why = f"{checkpoint.unknown}, so it cannot be checked, and a run would end immediately"
    params = {"name": checkpoint.source, "why": checkpoint.unknown, "fix": fix}
    step = Step("checkpoint", missing, {}, params, dict.fromkeys(outputs, "image"))
    return Planned(problems=(Fault(message, why, fix, "checkpoint", "checkpoint-absent"),), steps=(step,))
