"""The most bytes of tensors that exist at a time during a call, as counted by torch's own allocator."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any


def peak_bytes(call: Callable[[], Any]) -> int:
    """Call a function; returns the most bytes that torch had allocated on the CPU meanwhile, above those before."""
    from torch.profiler import ProfilerActivity, profile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as found:
            result = call()
        events = found.profiler.kineto_results.events()
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    del result
    return most
