"""How long `check` and `plan` of a 30-node document take in a fresh process, torch and diffusers refused.

Run it on a quiet machine: `python tests/benchmarks/startup.py`. Prints medians of seven processes
each, alternating: CPU seconds, which other programs disturb less, and wall seconds.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GUARD = """
import sys, importlib.abc
class Guard(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'diffusers', 'transformers'):
            raise RuntimeError(name + ' was imported')
sys.meta_path.insert(0, Guard())
from graphflow.cli import main
sys.exit(main(sys.argv[1:]))
"""


def document(photograph: Path) -> str:
    """Thirty nodes of ten types on one photograph: six chains of five."""
    nodes = []
    for number in range(6):
        nodes += [
            f"  shape_{number}: {{type: mask_shape, like: $photo, shape: ellipse, box: [0, 0, 0.{number + 3}, 1]}}",
            f"  grown_{number}: {{type: mask_grow, mask: $shape_{number}, pixels: {number}}}",
            f"  soft_{number}: {{type: mask_blur, mask: $grown_{number}, blur_factor: {number + 2}}}",
            f"  small_{number}: {{type: resize, image: $photo, like: $soft_{number}}}",
            f"  final_{number}: {{type: overlay, image: $photo, mask: $soft_{number}, generated: $small_{number}}}",
        ]
    shown = ", ".join(f"o{number}: $final_{number}" for number in range(6))
    head = ["graphflow: 1", f"inputs: {{photo: {{type: image, default: {photograph}}}}}", "nodes:"]
    return "\n".join([*head, *nodes, f"outputs: {{{shown}}}"])


def seconds(command: str, graph: Path) -> tuple[float, float]:
    """CPU and wall time of one process, from its start to its end."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", GUARD, command, str(graph)], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start


def main() -> None:
    """Print the medians of both commands with the load beside them."""
    photograph = Path(__file__).parents[2] / "graphs" / "assets" / "coffee.jpg"
    print(f"load average {os.getloadavg()[0]:.2f} at the start, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "thirty.yaml"
        graph.write_text(document(photograph))
        rounds = [{command: seconds(command, graph) for command in ("check", "plan")} for _ in range(7)]
    for command in rounds[0]:
        for number, what in enumerate(("CPU", "wall")):
            times = [one[command][number] for one in rounds]
            shown = " ".join(f"{one:.3f}" for one in times)
            print(f"{command:<6}{what:<5} median {statistics.median(times):.3f} s of {shown}")
    print(f"load average {os.getloadavg()[0]:.2f} at the end")


if __name__ == "__main__":
    main()
