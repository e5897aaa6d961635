"""A program: three stages of the checkpoints in its arguments under a budget; prints what the process took at most.

    python -m tests.stages.chain_in_memory TINY BUDGET SIZE FOLDER FOLDER FOLDER

A run of TINY, a tiny checkpoint, comes first, so that all libraries are imported before the memory is measured.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path

import graphflow as gf
from graphflow.execute.events import ComponentDropped, ComponentLoaded


def chain(folders: list[str], size: int) -> gf.Graph:
    """text2img, then img2img twice, in latents; one decode."""
    graph = gf.Graph()
    call = {"prompt": "a red circle", "num_inference_steps": 2, "seed": 1}
    made = graph.add("text2img", checkpoint=folders[0], width=size, height=size, **call)
    for folder in folders[1:]:
        made = graph.add("img2img", checkpoint=folder, image=made.latents, strength=0.9, **call)
    graph.output(image=made.image)
    return graph


def resident(what: str = "VmRSS") -> int:
    """Bytes of this process that are in memory now; with `VmHWM`, that ever were.

    Unlike `ru_maxrss`, the latter does not count what the parent process had.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(what)).split()[1])


def main() -> None:
    tiny, budget, size, *folders = sys.argv[1:]
    gf.run(chain([tiny] * 3, 64), dtype="bfloat16")
    gc.collect()
    before, events = resident(), []

    def listen(event: object) -> None:
        if isinstance(event, (ComponentLoaded, ComponentDropped)):
            events.append(f"{type(event).__name__} {event.component}")
        if os.environ.get("SHOW"):
            print(f"{resident() - before:>14,} {str(event)[:150]}", file=sys.stderr)

    with gf.Engine(memory_budget=int(budget), keep=False, dtype="bfloat16") as engine:
        picture = engine.run(chain(folders, int(size)), on_event=listen)["image"]
    peak = resident("VmHWM")
    print(json.dumps({"before": before, "peak": peak, "events": events, "size": [picture.width, picture.height]}))


if __name__ == "__main__":
    main()
