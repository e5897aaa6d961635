"""The speed of `--batch auto` against one batched call of diffusers by hand, as a ratio within one process.

Run it on a quiet machine, with the number of threads that matters to you:
`OMP_NUM_THREADS=1 python -m tests.benchmarks.batches [PAIRS]`. Both paint 16 seeds of the embedded checkpoint by 20
steps, on the same components, warm and alternating; nothing is reused.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SEEDS = list(range(16))
STEPS = 20
GUIDANCE = 5.0


def compare(pairs: int) -> None:
    """Print the times of both, and the ratio of speeds: above 1 if the run is faster than the call by hand."""
    import numpy as np

    import graphflow as gf

    with gf.Engine(device="cpu") as engine:
        graph = _graph()

        def ours(number: int) -> Any:
            return engine.run(graph, inputs={"prompt": _text(number)}, batch="auto")

        first = ours(0)["image"]
        parts = {component.spec.files.role: module for component, module in engine.pool.loaded}
        by_hand = _by_hand(parts)
        most = max(
            abs(one.array.astype(int) - np.asarray(two)).max() for one, two in zip(first, by_hand(0), strict=True)
        )
        print(f"pixels of the two differ by {most} at most")
        rows = []
        for number in range(1, pairs + 1):
            rows.append((_timed(ours, 2 * number), _timed(by_hand, 2 * number + 1)))
            print(f"graphflow {_shown(rows[-1][0])}; by hand {_shown(rows[-1][1])}", flush=True)
    for place, kind in enumerate(("wall time", "CPU time")):
        ratios = [hand[place] / own[place] for own, hand in rows]
        print(f"speed by {kind}: {statistics.median(ratios):.2f} of the call by hand, {min(ratios):.2f} at least")
    print(f"{pairs} pairs; load {os.getloadavg()[0]:.1f}")


def _graph() -> Any:
    import graphflow as gf

    graph = gf.Graph()
    prompt = graph.input("prompt", "string")
    stage = graph.add(
        "text2img",
        checkpoint="embedded/sd",
        prompt=prompt,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        for_each={"seed": SEEDS},
    )
    graph.output(image=stage.image)
    return graph


def _by_hand(parts: dict[str, Any]) -> Callable[[int], Any]:
    """One call of diffusers for all seeds."""
    import torch
    from diffusers import StableDiffusionPipeline

    from graphflow_embedded.export import export

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "sd"
        export("sd", folder)
        scheduler = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None).scheduler
    pipe = StableDiffusionPipeline(
        **parts,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)

    def call(number: int) -> Any:
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
        return pipe(
            _text(number),
            num_images_per_prompt=len(SEEDS),
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=generators,
        ).images

    return call


def _text(number: int) -> str:
    return f"a red heart, plain background, number {number}"


def _timed(function: Callable[[int], Any], number: int) -> tuple[float, float]:
    """Seconds by the clock, and of the process's CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    function(number)
    return time.perf_counter() - wall, time.process_time() - cpu


def _shown(times: tuple[float, float]) -> str:
    return f"{times[0]:.1f} s, CPU {times[1]:.1f} s"


if __name__ == "__main__":
    compare(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
