"""Warnings about checkpoints of the model hub that are known but not on this machine, for `check --strict`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphflow.check.checked import ExpandedNode
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.remote import Lacking, lacking
from graphflow.problems import Problem
from graphflow.text_helpers.words import counted, size_text


def absent_checkpoints(nodes: Sequence[ExpandedNode]) -> Iterator[Problem]:
    """A warning for each repository of the hub whose files a run would download first.

    Repositories of which nothing is known are reported by `check` in any case, so they are not among these.
    """
    reported: set[tuple[str, str]] = set()
    for node in nodes:
        planned = node.planned
        if planned is None:
            continue
        uses = [planned.uses, *(step.uses for step in planned.steps)]
        files = lacking(component for one in uses for component in one.values())
        new: dict[str, list[Lacking]] = {}
        for one in files:
            if (key := (one.repository.name, one.file.path)) not in reported:
                reported.add(key)
                new.setdefault(one.repository.name, []).append(one)
        for repository, absent in new.items():
            yield _absent(node, repository, absent)


def _absent(node: ExpandedNode, repository: str, files: Sequence[Lacking]) -> Problem:
    size = size_text(sum(one.file.size for one in files))
    param = next((name for name, value in node.params.items() if isinstance(value, Checkpoint)), "")
    return Problem(
        "checkpoint-absent",
        f"{node.path}: {repository} is not on this machine",
        f"a run would first download {counted(len(files), 'file')} of it, {size}",
        f"get it with: graphflow checkpoints pull {repository}",
        node.place_of(param),
        node.used,
    )
