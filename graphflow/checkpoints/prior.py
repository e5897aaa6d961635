"""Find the prior of a checkpoint that does not read texts itself: among its parts, or named in its model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphflow.checkpoints.components import ComponentFiles
    from graphflow.checkpoints.family import Family

PREFIX = "prior_"
"""Prefix of the roles of a prior's parts in the checkpoint that needs the prior."""
_CARD = "README.md"
_LONGEST = 64 * 2**10
"""Most bytes of a card that are read; the YAML is at the beginning."""


def parts_of_prior(components: Mapping[str, ComponentFiles], family: Family) -> dict[str, ComponentFiles]:
    """The parts of a prior of `family` among a checkpoint's components, by their roles in a prior."""
    return {role: components[PREFIX + role] for role in family.parts if PREFIX + role in components}


def named_by_card(folder: Path) -> str | None:
    """The folder or repository that the model card of a checkpoint names as its prior; None if there is none.

    Source: the `connected pipelines` of diffusers, which are keys of the YAML at the beginning of the card.
    """
    import yaml

    try:
        with (folder / _CARD).open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8", "replace")
    except OSError:
        return None
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in (ends := [line.strip() for line in lines[1:]]):
        return None
    try:
        data = yaml.safe_load("\n".join(lines[1 : ends.index("---") + 1]))
    except yaml.YAMLError:
        return None
    named = data.get("prior") if isinstance(data, dict) else None
    first = named[0] if isinstance(named, list) and named else named
    return first if isinstance(first, str) else None
