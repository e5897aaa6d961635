"""What graphflow costs over plain diffusers, as ratios and differences within one run.

Run it on a quiet machine: `python -m tests.benchmarks.stages overhead` (a warm engine, one tiny stage) or `cold` (the
command line on the embedded checkpoint, with its own share by a profile). Whole flows, each in processes of their own:
`python -m tests.benchmarks.ways`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PAIRS = 20


def overhead() -> None:
    """A warm `engine.run` against the plain call on the same components, alternating; nothing is reused."""
    import torch
    from diffusers import StableDiffusionPipeline

    import graphflow as gf
    from tests.tiny import make

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch, gf.Engine() as engine:
        folder = make("sd", Path(scratch))
        graph = gf.Graph()
        given = {name: graph.input(name, "string") for name in ("prompt", "negative_prompt")}
        seed = graph.input("seed", "int")
        stage = graph.add("text2img", checkpoint=str(folder), seed=seed, num_inference_steps=2, **given)
        graph.output(image=stage.image)

        def ours(number: int) -> float:
            start = time.perf_counter()
            engine.run(graph, inputs={**_texts(number), "seed": number})
            return time.perf_counter() - start

        ours(0)
        parts = {component.spec.files.role: module for component, module in engine.pool.loaded}
        scheduler = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None).scheduler
        pipe = StableDiffusionPipeline(
            **parts, scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
        pipe.set_progress_bar_config(disable=True)

        def plain(number: int) -> float:
            start = time.perf_counter()
            generator = torch.Generator("cpu").manual_seed(number)
            pipe(**_texts(number), num_inference_steps=2, height=64, width=64, generator=generator)
            return time.perf_counter() - start

        plain(0)
        pairs = [(ours(2 * number), plain(2 * number + 1)) for number in range(1, PAIRS + 1)]
    more = statistics.median(one - other for one, other in pairs)
    print(f"plain {1e3 * statistics.median(other for _, other in pairs):.1f} ms, graphflow {1e3 * more:+.1f} ms")
    print(f"medians of {PAIRS} alternating pairs; load {os.getloadavg()[0]:.1f}")


def _texts(number: int) -> dict[str, str]:
    return {"prompt": f"a red circle, number {number}", "negative_prompt": f"blue, number {number}"}


def cold() -> None:
    """`graphflow run text2img` and the plain script in fresh processes, alternating; then the time by package.

    Nothing is kept between runs. Threads of both sleep while they wait, since graphflow lets them, and spinning threads
    would count as work of the script.
    """
    pairs: list[tuple[Spent, Spent]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = str(Path(scratch) / "sd")
        subprocess.run([sys.executable, "-c", _EXPORT, folder], check=True)
        ours = [sys.executable, "-m", "graphflow", "run", "text2img", "--no-cache", "--out", str(Path(scratch) / "run")]
        for _ in range(COLD_PAIRS + 1):
            pairs.append((spent(ours), spent([sys.executable, "-c", _SCRIPT, folder])))
            print(f"load {os.getloadavg()[0]:.1f}, {pairs[-1]}")
        told = subprocess.run(
            [sys.executable, "-c", _PROFILED, str(Path(scratch) / "profiled")],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    warm = pairs[1:]  # the first reads the packages from the disk
    for number, what in enumerate(("wall", "CPU")):
        ratio = statistics.median(one[number] / other[number] for one, other in warm)
        shown = [statistics.median(pair[side][number] for pair in warm) for side in (0, 1)]
        print(f"{what}: graphflow {shown[0]:.2f} s, the plain script {shown[1]:.2f} s, median ratio {ratio:.2f}")
    print("by package, under the profiler: " + told.stdout.strip().splitlines()[-1])


COLD_PAIRS = 7


class Spent(NamedTuple):
    """Seconds of one process."""

    wall: float
    cpu: float


def spent(command: list[str]) -> Spent:
    """What a process takes from its start to its end, its threads sleeping while they wait."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(time.perf_counter() - start, cpu)


_EXPORT = """
import sys
from pathlib import Path
from graphflow_embedded.export import export
export("sd", Path(sys.argv[1]))
"""

_SCRIPT = """
import sys, torch
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained(sys.argv[1], dtype=torch.float32, safety_checker=None)
generator = torch.Generator("cpu").manual_seed(7)
call = {"num_inference_steps": 20, "guidance_scale": 5.0, "generator": generator}
pipe("a yellow circle, night sky", **call).images[0].save(sys.argv[1] + ".png")
"""

# Built-in functions count for the package that calls them.
_PROFILED = """
import cProfile, pstats, sys
from collections import Counter
from pathlib import Path
from graphflow.cli import main
import graphflow, graphflow_nodes
own = {str(Path(one.__file__).parent): one.__name__ for one in (graphflow, graphflow_nodes)}
profile = cProfile.Profile()
profile.runcall(main, ["run", "text2img", "--no-cache", "--out", sys.argv[1]])

def package(file):
    for folder, name in own.items():
        if file.startswith(folder):
            return name
    return file.partition("site-packages/")[2].partition("/")[0] or "Python itself"

times = Counter()
for (file, _, _), (_, _, spent, _, callers) in pstats.Stats(profile).stats.items():
    if file != "~":
        times[package(file)] += spent
    else:
        for (caller, _, _), (_, _, share, _) in callers.items():
            times[package(caller)] += share
share = sum(times[name] for name in own.values()) / times.total()
shown = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in times.most_common() if seconds >= 0.005)
print(f"own modules {share:.1%}; {shown}")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parts = {"overhead": overhead, "cold": cold}
    parser.add_argument("what", choices=parts)
    parts[parser.parse_args().what]()


if __name__ == "__main__":
    main()
