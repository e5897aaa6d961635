"""The size of batches that a run chooses itself, by `--batch auto`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphflow.plan.savings import USABLE
from graphflow.system.device import gpu_memory

if TYPE_CHECKING:
    from graphflow.plan.lower import Draft

MOST_ON_CPU = 16
"""Most steps in a call on a CPU, which is as fast per picture with this many as with more."""
SMALL = 8 * 2**20
"""On a CPU, a batch is faster only if a step needs at most this many bytes: more exceeds the processor's caches."""
MOST_ON_GPU = 64
"""Most steps in a call on a GPU, which is busy with fewer."""


def automatic_size(step: Draft, components: int, device: str, budget: int | None) -> int:
    """The most steps like this one in a call: a power of two, so that a small difference in memory changes nothing.

    Args:
        step: one of the steps.
        components: bytes of all components of the plan that stay on the device.
        device: as torch names it.
        budget: bytes for components and batches together; None for the memory of the device.
    """
    each = step.batch.item_bytes if step.batch is not None else 0
    if each <= 0:
        return 1
    own = sum({part.identity: part.nbytes_in_use for part in step.uses.values()}.values())
    if device == "cpu":
        most = MOST_ON_CPU if each <= SMALL else 1
        room = None if budget is None else budget - own
    elif budget is not None:
        most, room = MOST_ON_GPU, budget - own
    else:
        # Without a budget, all components may stay loaded.
        most, room = MOST_ON_GPU, int(USABLE * gpu_memory(device)) - max(components, own)
    if room is not None:
        most = min(most, room // each)
    return 1 << (most.bit_length() - 1) if most >= 1 else 1
