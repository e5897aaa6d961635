"""Runs of one graph in one or two threads of a fresh process; prints what each of them gave.

`python -m tests.stages.two_engines CHECKPOINT THREADS ROUNDS [COUNT …]`: COUNT is the number of computing threads
of each engine. A round is one run in every thread, all started at once; in the first one nothing is imported yet.
"""

from __future__ import annotations

import json
import sys
import threading
import warnings
from typing import Any

import graphflow as gf


def paint(checkpoint: str, count: int | None, barrier: threading.Barrier, told: list[Any]) -> None:
    graph = gf.Graph()
    call = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 3, "width": 64, "height": 64}
    graph.output(image=graph.add("text2img", checkpoint=checkpoint, **call).image)
    with gf.Engine(keep=False, device="cpu", threads=count) as engine:
        barrier.wait()
        try:
            told.append(engine.run(graph)["image"].digest)
        except gf.GraphflowError as error:
            told.append(f"{type(error).__name__}: {error}")


def main(checkpoint: str, threads: int, rounds: int, counts: list[int | None]) -> dict[str, Any]:
    told: list[Any] = []
    filters = list(warnings.filters)
    for _ in range(rounds):
        barrier = threading.Barrier(threads)
        workers = [
            threading.Thread(target=paint, args=(checkpoint, counts[number % len(counts)], barrier, told))
            for number in range(threads)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    import torch
    from transformers.utils import logging

    later: list[int] = []
    fresh = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    fresh.start()
    fresh.join()
    return {
        "told": told,
        "threads": [torch.get_num_threads(), *later],
        "filters": len(warnings.filters) - len(filters),
        "verbosity": logging.get_verbosity(),
        "meta": str(torch.nn.Linear(1, 1).weight.device),
        "dtype": str(torch.get_default_dtype()),
    }


if __name__ == "__main__":
    _, checkpoint, threads, rounds, *counts = sys.argv
    print(json.dumps(main(checkpoint, int(threads), int(rounds), [int(one) or None for one in counts or ["0"]])))
