"""The record of a plan: the graph, its values and their sources, before anything has run."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from graphflow import library
from graphflow.catalog.signature import LOOSE
from graphflow.check.checked import Checked, ExpandedNode
from graphflow.check.sources import Absent, NodeOutput, NodeSource, Unknown
from graphflow.checkpoints.hub_cache import origin
from graphflow.checkpoints.placed import Placed
from graphflow.plan.plan import Plan
from graphflow.plan.savings import TILES
from graphflow.plan.step import PlannedStep
from graphflow.problems import Place
from graphflow.record.environment import environment
from graphflow.record.home_paths import home_relative, homeless, named
from graphflow.record.plain_values import plain
from graphflow.record.record_parts import (
    ComponentRecord,
    ComputeRecord,
    DocumentRecord,
    NodeRecord,
    OutputRecord,
    RepositoryRecord,
    StepRecord,
    UseRecord,
)
from graphflow.record.run_record import RunRecord
from graphflow.values.component import Component
from graphflow.values.sampling import Sampling
from graphflow.values.sources import Format, Gather, ItemOf, Value


def describe(plan: Plan, *, command: Sequence[str] | None = None) -> RunRecord:
    """The record of a run that has not started."""
    from graphflow.check.rebase import in_own_folder
    from graphflow.document.write import write
    from graphflow.system.distribution import shipped_version

    checked, document = plan.checked, plan.checked.document
    chosen = [*plan.outputs, *plan.absent]
    name_of = functools.cache(named)

    def short(place: Place) -> Place:
        return dataclasses.replace(place, file=name_of(place.file))

    return RunRecord(
        graphflow=shipped_version(),
        name=document.name or Path(document.file).stem,
        description=document.description,
        seed=checked.seed,
        command=None if command is None else list(command),
        document=DocumentRecord(
            text=homeless(write(in_own_folder(document, checked.catalog, library.templates))),
            file=named(document.file),
            folder=home_relative(Path(document.folder).absolute()),
        ),
        only=[] if len(chosen) == len(checked.outputs) and not checked.resolved.requested else chosen,
        inputs={name: plain(value) for name, value in checked.inputs.items()},
        outputs={name: OutputRecord(why=plan.absent.get(name, "")) for name in checked.outputs if name in chosen},
        steps=[_step(step) for step in plan.steps],
        nodes=[_node(node, checked, short) for node in checked.nodes],
        skipped=dict(plan.skipped),
        compute=_compute(plan) if plan.uses_torch else None,
        repositories=_repositories(plan),
        components=_components(plan),
        functions=_functions(plan),
        environment=environment(plan),
    )


def _compute(plan: Plan) -> ComputeRecord:
    compute = plan.checked.compute
    return ComputeRecord(
        device=compute.device,
        dtype=compute.dtype,
        threads=compute.threads,
        options=dataclasses.asdict(compute.options),
        replaced={substitute.asked: substitute.used for substitute in compute.substitutes},
        tiled=[path for path, own in plan.savings.items() if any(saving.measure == TILES for saving in own)],
    )


def _repositories(plan: Plan) -> list[RepositoryRecord]:
    """The repositories of the hub that have components of the plan, or files that are added to them."""
    paths: list[Path] = []
    for component in plan.components:
        if isinstance(placed := component.spec, Placed):
            paths += [placed.files.folder, *(file.path for file in placed.added)]
    found = {origin(path) for path in paths}
    return [RepositoryRecord(name=name, commit=commit) for name, commit in sorted(filter(None, found))]


def _components(plan: Plan) -> list[ComponentRecord]:
    found: dict[str, ComponentRecord] = {}
    for step in plan.steps:
        for component in step.uses.values():
            found.setdefault(component.identity, _component(component))
        for value in step.params.values():
            if isinstance(value, Sampling) and value.scheduler is not None:
                record = ComponentRecord(label=f"sampler of {step.node.path}", digest=value.scheduler.digest)
                found.setdefault(f"{record.label} {record.digest}", record)
    return list(found.values())


def _component(component: Component) -> ComponentRecord:
    placed = component.spec
    if not isinstance(placed, Placed):
        return ComponentRecord(label=component.label, digest=component.identity)
    # Its own identity includes precision and device, which are recorded as such.
    loras = [lora.identity for lora in placed.loras]
    embeddings = list(placed.embeddings)
    return ComponentRecord(label=component.label, digest=placed.files.identity, loras=loras, embeddings=embeddings)


def _functions(plan: Plan) -> dict[str, str]:
    found: dict[str, str] = {}
    for step in plan.steps:
        if getattr(step.function.call, "__closure__", None):
            continue  # Its identity is another one in each process.
        name, _, version = step.function.identity.partition(" version ")
        number, _, source = version.partition(" of ")
        # The name of a file of nodes depends on its folder.
        short = name.rpartition(".")[2] if name.startswith(LOOSE) else name
        found[short] = number if source.startswith("graphflow ") else f"{number}, source {source}"
    return found


def _step(step: PlannedStep) -> StepRecord:
    uses = [UseRecord(role=role, identity=part.identity, label=part.label) for role, part in step.uses.items()]
    return StepRecord(path=step.path, node=step.node.path, type=step.node.type.name, also=list(step.also), uses=uses)


def _node(node: ExpandedNode, checked: Checked, short: Callable[[Place], Place]) -> NodeRecord:
    place = node.places.decl.place if node.places is not None else None
    return NodeRecord(
        path=node.path,
        type=node.type.name,
        params={name: plain(value) for name, value in node.params.items()},
        inputs={name: _source(source, checked) for name, source in node.sources.items()},
        cache=node.cache,
        place="" if place is None else str(short(place)),
        used=[f"{short(where)} as {path}" for where, path in node.used],
    )


def _source(source: NodeSource, checked: Checked) -> Any:
    if isinstance(source, Value):
        return plain(source.value)
    if isinstance(source, NodeOutput):
        return {"kind": "output", "node": checked.nodes[source.node].path, "output": source.output}
    if isinstance(source, ItemOf):
        return {**_source(source.source, checked), "item": source.item}
    if isinstance(source, Gather):
        return [_source(item, checked) for item in source.items]
    if isinstance(source, Format):
        parts = [part if isinstance(part, str) else _source(part, checked) for part in source.parts]
        return {"kind": "text", "parts": parts}
    if isinstance(source, Absent):
        return {"kind": "absent", "why": source.reason}
    if isinstance(source, Unknown):
        return {"kind": "absent", "why": "not known"}
    raise TypeError(f"{source} is not a source")
