"""The record in the pictures of a repeated run: that of the first run, as far as it applies to both.

Paths may differ although the files are equal, and a repeated run may make only one of the outputs. With the record of
the first run, its pictures have equal bytes.
"""

from __future__ import annotations

from typing import Any

from graphflow.record.record_parts import EnvironmentRecord, NodeRecord
from graphflow.record.run_record import RunRecord


def same_recipe(now: RunRecord, before: RunRecord) -> RunRecord:
    """The record `now` with the entries of `before` wherever both mean the same.

    Args:
        now: of a run of the document in `before`.
        before: of the run that it repeats.
    """
    environment = _environment(now.environment, before.environment)
    same_environment = environment is before.environment
    return now.model_copy(
        update={
            "name": before.name,
            "description": before.description,
            "document": before.document,
            "only": before.only,
            "inputs": {name: merged(value, before.inputs.get(name)) for name, value in now.inputs.items()},
            "nodes": _nodes(now.nodes, before.nodes),
            "compute": before.compute if same_environment and _same_compute(now, before) else now.compute,
            "components": _whole(now.components, before.components),
            "functions": before.functions if now.functions.items() <= before.functions.items() else now.functions,
            "repositories": _whole(now.repositories, before.repositories),
            "environment": environment,
        }
    )


def merged(now: Any, before: Any) -> Any:
    """A recorded value; a file with the same bytes and a checkpoint of the same name have the path of `before`."""
    if isinstance(now, list) and isinstance(before, list) and len(now) == len(before):
        return [merged(*pair) for pair in zip(now, before, strict=True)]
    if not isinstance(now, dict) or not isinstance(before, dict) or now.get("kind") != before.get("kind"):
        return now
    if now.get("kind") == "file":
        return before if now.get("sha256") == before.get("sha256") else now
    if now.get("kind") == "checkpoint":
        # Its weights are compared as components.
        names = [str(one.get("name")).partition("@")[0] for one in (now, before)]
        return before if names[0] == names[1] and now.get("details") == before.get("details") else now
    return {key: merged(value, before.get(key)) for key, value in now.items()}


def _nodes(now: list[NodeRecord], before: list[NodeRecord]) -> list[NodeRecord]:
    if [(node.path, node.type) for node in now] != [(node.path, node.type) for node in before]:
        return now
    return [
        new.model_copy(
            update={
                "params": {name: merged(value, old.params.get(name)) for name, value in new.params.items()},
                "inputs": {name: merged(value, old.inputs.get(name)) for name, value in new.inputs.items()},
                "place": old.place,
                "used": old.used,
            }
        )
        for new, old in zip(now, before, strict=True)
    ]


def _whole(now: list[Any], before: list[Any]) -> list[Any]:
    """The parts of both runs, if the repeated run has no other parts than the first."""
    known = [part.model_dump(exclude={"label"}) for part in before]
    return before if all(part.model_dump(exclude={"label"}) in known for part in now) else now


def _environment(now: EnvironmentRecord, before: EnvironmentRecord) -> EnvironmentRecord:
    """The facts of both runs, if the repeated run has no other facts than the first."""
    old = before.model_dump()
    for name, value in now.model_dump().items():
        known = old[name]
        if isinstance(value, dict):
            same = value.items() <= known.items()
        elif isinstance(value, list):
            same = set(value) <= set(known)
        else:
            same = not value or value == known
        if not same:
            return now
    return before


def _same_compute(now: RunRecord, before: RunRecord) -> bool:
    """Whether both runs computed in the same way, whether or not their calls said so."""
    if now.compute is None or before.compute is None:
        return now.compute is None
    # Threads are those of the environment, and `options` are those that were used.
    skipped = {"threads", "replaced"}
    return now.compute.model_dump(exclude=skipped) == before.compute.model_dump(exclude=skipped)
