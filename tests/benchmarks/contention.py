"""How much longer `graphflow run text2img` takes beside one busy process on the same two cores.

Run it on a quiet machine: `python -m tests.benchmarks.contention`. Prints the seconds of each pair, and the median of
their ratios with its interval. `--variable NAME=VALUE` sets environment variables of the runs, `--threads N` their
threads.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PAIRS = 5
CORES = 2
BUSY = "while True: pass"


def seconds(options: Sequence[str], variables: dict[str, str], *, contended: bool) -> float:
    """The time of one run in a new process, alone or beside a busy one."""
    # The cache would answer from the second run on.
    environment = {**os.environ, "GRAPHFLOW_CACHE_SIZE": "0", **variables}
    busy = subprocess.Popen([sys.executable, "-c", BUSY]) if contended else None
    try:
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "graphflow", "run", "text2img", "--out", str(Path(scratch) / "run")]
            start = time.perf_counter()
            subprocess.run([*command, *options], check=True, capture_output=True, env=environment)
            return time.perf_counter() - start
    finally:
        if busy is not None:
            busy.kill()
            busy.wait()


def measure(options: Sequence[str] = (), variables: dict[str, str] | None = None, pairs: int = PAIRS) -> float:
    """Print the times of alternating pairs; returns the median of their ratios."""
    # On a larger machine, too, the busy process and the run share two cores.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    load = os.getloadavg()[0]
    seconds(options, variables or {}, contended=False)  # reads the files of the libraries into memory
    found = [[seconds(options, variables or {}, contended=busy) for busy in (False, True)] for _ in range(pairs)]
    for name, times in zip(("quiet", "contended"), zip(*found, strict=True), strict=True):
        print(f"{name}: median {statistics.median(times):.1f} s of " + ", ".join(f"{one:.1f}" for one in times))
    ratios = sorted(contended / quiet for quiet, contended in found)
    # The least and the greatest of five contain the median of all such pairs with 94 %.
    print(f"ratio: median {statistics.median(ratios):.2f}, from {ratios[0]:.2f} to {ratios[-1]:.2f}")
    print(f"{CORES} cores; load before: {load:.1f}")
    return statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variable", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--threads", metavar="N")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    given = parser.parse_args()
    variables = dict(one.split("=", 1) for one in given.variable)
    measure(["--threads", given.threads] if given.threads else [], variables, given.pairs)


if __name__ == "__main__":
    main()
