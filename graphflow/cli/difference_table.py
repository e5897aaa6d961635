"""The differences between a recorded run and this machine, as a table and as a sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from graphflow.cli.tables import Column, table
from graphflow.compare.differences import Difference
from graphflow.text_helpers.words import counted, one_line


def lines(differences: Sequence[Difference], width: int) -> list[str]:
    """The lines of a table of differences and a sentence below it; only the sentence if there are none."""
    if not differences:
        return ["nothing differs"]
    return [*table(_columns(differences), width), sentence(differences)]


def sentence(differences: Sequence[Difference]) -> str:
    """How many of the differences can change bytes."""
    matter = sum(difference.matters for difference in differences)
    if matter:
        return f"{counted(matter, 'difference')} can change the bytes of results"
    return "no difference can change the bytes of results"


def as_json(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """The differences as plain JSON data."""
    return [dataclasses.asdict(difference) for difference in differences]


def _columns(differences: Sequence[Difference]) -> list[Column]:
    changes = ["yes" if one.matters else f"no: {one.why}" if one.why else "no" for one in differences]
    return [
        Column("differs", [(one_line(one.cause),) for one in differences], least=16),
        Column("recorded", [(one_line(one.before),) for one in differences], least=12),
        Column("here", [(one_line(one.now),) for one in differences], least=12),
        Column("can change bytes", [(change,) for change in changes], least=12),
    ]
