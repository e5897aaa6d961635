"""How this process allocates memory and lets threads wait: part of run.json, and of no picture."""

from __future__ import annotations

import os

from graphflow.record.record_parts import ProcessRecord
from graphflow.system.device import Compute
from graphflow.system.idle_threads import WAITING
from graphflow.system.malloc import is_about_malloc, malloc_parameters, why_not_tuned


def process_record(compute: Compute) -> ProcessRecord:
    """The present settings of the process, to be read while a run is not over.

    Args:
        compute: the run's settings.
    """
    wanted = compute.malloc_tuning and compute.device == "cpu"
    return ProcessRecord(
        malloc=dict(malloc_parameters()) if wanted else {},
        malloc_untuned=why_not_tuned(os.environ) if wanted else "",
        variables={
            name: value for name, value in sorted(os.environ.items()) if name in WAITING or is_about_malloc(name, value)
        },
    )
