"""Memory that a plan saves because a step would not fit otherwise: VAEs in tiles, then models moved off the GPU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from graphflow.catalog.authoring import Workspace
from graphflow.checkpoints.placed import Placed
from graphflow.system.device import Compute, gpu_memory
from graphflow.system.machine_memory import machine_memory
from graphflow.system.run_options import flag_of
from graphflow.text_helpers.words import size_text
from graphflow.values.component import Component

USABLE = 0.8
"""The share of a GPU's or machine's memory that a plan may use; the rest is for the system and for fragments."""
TILES = "vae_tiling"
"""The measure of a step whose VAE works in tiles, as with the run option of this name."""
MOVED = ("offload model", "offload group")
"""The measures that move models off the GPU, the cheaper one first."""


@dataclass(frozen=True, slots=True)
class Saving:
    """A measure that a plan takes for a step because it would not fit otherwise.

    Attributes:
        measure: a run option, with its value if it has several.
        why: the reason, as a clause.
    """

    measure: str
    why: str

    @classmethod
    def of(cls, measure: str, without: int, limit: int) -> Self:
        """The measure of a step that needs `without` bytes otherwise, more than `limit`."""
        return cls(measure, f"it would need {size_text(without)}, and {size_text(limit)} may be used")


RECORDED = Saving(TILES, "the recorded run did so")
"""Of a step that is repeated as it was run."""


def memory_limit(compute: Compute, budget: int | None) -> int | None:
    """The most bytes for components and what a step needs while it computes; None if nothing is known.

    Args:
        compute: the call's settings.
        budget: that of the call; None for a share of the memory of the GPU, or of the machine on a CPU.
    """
    if budget is not None:
        return budget
    whole = machine_memory() if compute.device == "cpu" else gpu_memory(compute.device)
    return int(USABLE * whole) or None


def own_bytes(uses: Mapping[str, Component]) -> int:
    """Bytes of a step's components while it runs; a component with several roles counts once."""
    return sum({part.identity: part.nbytes_in_use for part in uses.values()}.values())


def in_tiles(
    uses: Mapping[str, Component], memory: Workspace, limit: int | None, *, recorded: bool = False
) -> tuple[dict[str, Component], Workspace, tuple[Saving, ...]]:
    """The components and the memory of a step: with its VAE in tiles if it does not fit otherwise, and fits so.

    Also if it does not fit in tiles either but needs less, since a later measure may do the rest.

    Args:
        uses: role → component.
        memory: what it needs.
        limit: most bytes that it may need.
        recorded: whether it works in tiles in any case, since a run that is repeated did so.
    """
    if recorded:
        return tiled(uses), Workspace(memory.nbytes if memory.tiled is None else memory.tiled), (RECORDED,)
    without = own_bytes(uses) + memory.nbytes
    if limit is None or memory.tiled is None or memory.tiled >= memory.nbytes or without <= limit:
        return dict(uses), memory, ()
    return tiled(uses), Workspace(memory.tiled), (Saving.of(TILES, without, limit),)


def tiled(uses: Mapping[str, Component]) -> dict[str, Component]:
    """The same components, with those that can in tiles."""
    return {role: _in_tiles(part) for role, part in uses.items()}


def _in_tiles(part: Component) -> Component:
    placed = part.spec
    if not isinstance(placed, Placed) or placed.files.model is None or not placed.files.model.options.get(TILES):
        return part
    return replace(placed, options=replace(placed.options, vae_tiling=True)).component


def moved(uses: Mapping[str, Component], offload: str) -> dict[str, Component]:
    """The same components with this value of the run option `offload`, or what their classes have of it."""
    return {role: _moved(part, offload) for role, part in uses.items()}


def _moved(part: Component, offload: str) -> Component:
    placed = part.spec
    if not isinstance(placed, Placed) or placed.files.model is None or part.offload == "group":
        return part
    options = placed.files.model.options_of(replace(placed.options, offload=offload))
    return replace(placed, options=replace(placed.options, offload=options.offload)).component


def saving_lines(savings: Mapping[str, tuple[Saving, ...]]) -> Iterable[str]:
    """One line for each measure about the steps for which it is taken."""
    for measure in dict.fromkeys(saving.measure for own in savings.values() for saving in own):
        found = {path: one for path, own in savings.items() for one in own if one.measure == measure}
        path, first = next(iter(found.items()))
        others = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield f"{path}{others}: {flag_of(measure)} is used, since {first.why}"
