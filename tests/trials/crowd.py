"""Eight runs at once that use one cache, of graphs that have steps in common; in every second trial one is killed."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.trials import trial
from tests.trials.caches import events, left_over
from tests.trials.calls import GRAPHFLOW, broken_record, pictures
from tests.trials.trial import Limits, Outcome, chance

LIMITS = Limits(seconds=60, memory=16 << 30, wait=900)
"""Runs are processes of their own; what they use is not counted, but they must end."""

COMMON = ("--set=steps=3", "--set=guidance_scale=4", "--set=seed=3", "--set=prompt=a red circle", "--threads=1")
POLISH = ("a cat", "a dog", "a house")
"""What the second stage paints; the first stage is the same in all runs."""
RUNS = ("", *POLISH) * 2
"""The eight runs by the prompt of their second stage; without one, the first stage alone."""


class Crowd:
    """By turns: all run to their end; one is killed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder

    def start(self) -> None:
        """Make the checkpoints, and run each graph alone, without a cache."""
        from tests import tiny  # torch, which only workers import

        self.checkpoints = {name: tiny.make(name, self.folder) for name in ("sd", "sd_sibling")}
        self.right: dict[str, dict[str, bytes]] = {}
        for place, prompt in enumerate(dict.fromkeys(RUNS)):
            target, begun = self.folder / f"right{place}", time.monotonic()
            subprocess.run(self._call(prompt, target, "--no-cache"), capture_output=True, check=True)
            self.seconds = time.monotonic() - begun
            self.right[prompt] = pictures(target)

    def kind(self, number: int) -> str:
        return ("together", "one killed")[number % 2]

    def attempt(self, number: int) -> Outcome:
        one, kind = chance(self.seed, number), self.kind(number)
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            cache = Path(scratch) / "cache"
            targets = [Path(scratch) / f"out{place}" for place in range(len(RUNS))]
            processes = [
                subprocess.Popen(
                    self._call(prompt, target, f"--cache={cache}", "--cache-size=1GiB"),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
                for prompt, target in zip(RUNS, targets, strict=True)
            ]
            killed = one.randrange(len(RUNS)) if kind == "one killed" else None
            if killed is not None:
                time.sleep(one.uniform(0.3, 4) * self.seconds)
                processes[killed].kill()
            screens = [process.communicate()[1].decode(errors="replace") for process in processes]
            codes = [process.returncode for process in processes]
            fault = self._wrong(codes, targets, killed) or self._pruned(cache)
        return Outcome(kind, "done", fault, f"{codes}\n" + "\n".join(screen[-500:] for screen in screens))

    def _call(self, prompt: str, target: Path, *more: str) -> list[str]:
        words = ["text2img", f"--set=checkpoint={self.checkpoints['sd']}"]
        if prompt:
            words = ["text_to_img2img", words[1], f"--set=polish_checkpoint={self.checkpoints['sd_sibling']}"]
            words.append(f"--set=polish_prompt={prompt}")
        return [*GRAPHFLOW, "run", *words, *COMMON, *more, "--out", str(target)]

    def _wrong(self, codes: list[int], targets: list[Path], killed: int | None) -> str:
        for place, (code, target) in enumerate(zip(codes, targets, strict=True)):
            if place == killed:
                continue
            if code != 0:
                return f"exit code {code}"
            if pictures(target) != self.right[RUNS[place]]:
                return "other pictures than alone"
            if broken := broken_record(target):
                return broken
        return _too_often(targets, killed)

    def _pruned(self, cache: Path) -> str:
        subprocess.run([*GRAPHFLOW, "cache", "prune", "--cache", str(cache)], capture_output=True, check=True)
        return left_over(cache)


def _too_often(targets: list[Path], killed: int | None) -> str:
    """Which step was executed more than once, or more than twice if a process was killed in it."""
    counts: Counter[tuple[str, str]] = Counter()
    allowed: Counter[tuple[str, str]] = Counter()
    for place, (prompt, target) in enumerate(zip(RUNS, targets, strict=True)):
        counts.update(_key(event["step"], prompt) for event in events(target, "step_finished") if not event["cached"])
        if place == killed:
            begun = {event["step"] for event in events(target, "step_started")}
            allowed.update(_key(step, prompt) for step in begun)
    often = [f"{' of '.join(key)}: {count}" for key, count in counts.items() if count > 1 + allowed[key]]
    return f"steps executed too often: {', '.join(sorted(often))}" if often else ""


def _key(step: str, prompt: str) -> tuple[str, str]:
    """Steps that compute the same have the same.

    The second stage's depend on its prompt. The negative prompt of `text2img` is an empty text, that of the longer
    graph is not given, so these are two recipes. All other steps are equal in all runs.
    """
    if step == "paint/encode_negative":
        return step, "text2img" if not prompt else "all others"
    return step, prompt if step.startswith("polish") else "all"


if __name__ == "__main__":
    raise SystemExit(trial.main("crowd", Crowd, count=4, limits=LIMITS))
