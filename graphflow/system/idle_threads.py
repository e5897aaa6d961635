"""How threads of torch wait for their next share of work: asleep instead of in a loop.

On Linux, torch's threads are those of libgomp. By default, a thread that has nothing to do first asks in a loop for its
next work, some milliseconds long, and so do those that wait for a slower one. If another program uses the same cores,
these loops take the time that the slower threads need.
"""

from __future__ import annotations

import sys
from collections.abc import Container, MutableMapping

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Environment variables that say how threads wait; none changes results."""


def let_idle_threads_sleep(variables: MutableMapping[str, str], modules: Container[str] = sys.modules) -> None:
    """Have the threads that torch will start sleep while they wait, unless a variable of the user says how they wait.

    Args:
        variables: of the environment; `OMP_WAIT_POLICY` is set there.
        modules: names of those that are imported. Once torch is among them, its threads have read the variables.
    """
    if sys.platform == "linux" and "torch" not in modules and not any(name in variables for name in WAITING):
        variables["OMP_WAIT_POLICY"] = "PASSIVE"
