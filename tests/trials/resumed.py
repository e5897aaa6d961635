"""Runs with a cache that are killed at any moment: the same command goes on from what was finished."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.trials import trial
from tests.trials.caches import executed, finished, left_over
from tests.trials.calls import GRAPHFLOW, broken_record, pictures
from tests.trials.trial import Limits, Outcome, chance

LIMITS = Limits(seconds=60, memory=16 << 30, wait=600)
"""Runs are processes of their own; what they use is not counted, but they must end."""

SETTINGS = {"steps": 4, "width": 64, "height": 64, "large_width": 80, "large_height": 80}


class Resumed:
    """By turns: SIGKILL at any moment of the process; SIGKILL soon after any event of the run."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder

    def start(self) -> None:
        """Make the checkpoints, and run the graph once without being disturbed."""
        from tests import tiny  # torch, which only workers import

        self.checkpoints = {
            "checkpoint": tiny.make("sd_inpaint", self.folder),
            "refiner": tiny.make("sdxl_refiner", self.folder),
        }
        target, begun = self.folder / "right", time.monotonic()
        subprocess.run(self._call(target, self.folder / "right-cache"), capture_output=True, check=True)
        self.seconds = time.monotonic() - begun
        self.right = pictures(target)
        self.events = len((target / "events.jsonl").read_text(encoding="utf-8").splitlines())

    def kind(self, number: int) -> str:
        return ("at a time", "at an event")[number % 2]

    def attempt(self, number: int) -> Outcome:
        one, kind = chance(self.seed, number), self.kind(number)
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            target, cache = Path(scratch) / "out", Path(scratch) / "cache"
            with subprocess.Popen(
                self._call(target, cache), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as process:
                if kind == "at a time":
                    time.sleep(one.uniform(0, 1.05 * self.seconds))
                else:
                    self._wait_for(process, target, one.randint(1, self.events))
                    time.sleep(one.uniform(0, 0.03))
                process.kill()
            before = Path(scratch) / "before"
            if target.is_dir():
                shutil.copytree(target, before)
            done = finished(before)
            fault, detail = self._again(target, cache, done)
            fault = fault or self._pruned(cache)
        end = "done before" if process.returncode == 0 else "killed" if done else "killed before a step"
        if process.returncode not in (0, -signal.SIGKILL):
            fault = fault or f"exit code {process.returncode}"
        return Outcome(kind, end, fault, detail)

    def _call(self, target: Path, cache: Path) -> list[str]:
        settings = [f"--set={key}={value}" for key, value in {**SETTINGS, **self.checkpoints}.items()]
        cached = ["--cache", str(cache), "--cache-size", "1GiB"]
        return [*GRAPHFLOW, "run", "inpaint_refine_img2img", *settings, "--threads", "1", *cached, "--out", str(target)]

    def _wait_for(self, process: subprocess.Popen[bytes], target: Path, events: int) -> None:
        path, end = target / "events.jsonl", time.monotonic() + 300
        while process.poll() is None and time.monotonic() < end:
            if path.exists() and path.read_bytes().count(b"\n") >= events:
                return
            time.sleep(0.005)

    def _again(self, target: Path, cache: Path, done: set[str]) -> tuple[str, str]:
        """What is wrong with the same command after a run that finished the steps `done`, and what it wrote."""
        again = subprocess.run(self._call(target, cache), capture_output=True, text=True, check=False)
        repeated = sorted(done & executed(target))
        if again.returncode != 0:
            return f"the next run fails with exit code {again.returncode}", again.stderr
        if pictures(target) != self.right:
            return "the next run paints other pictures", again.stderr
        if repeated:
            return "the next run repeats a step that was finished", f"{repeated} of {sorted(done)}"
        left = [path.name for path in target.glob(".*") if not path.name.endswith(".lock")]
        return ("the next run leaves temporary files" if left else broken_record(target)), again.stderr

    def _pruned(self, cache: Path) -> str:
        """What is wrong with the cache after `cache prune`."""
        pruned = subprocess.run(
            [*GRAPHFLOW, "cache", "prune", "--cache", str(cache)], capture_output=True, text=True, check=False
        )
        return left_over(cache) if pruned.returncode == 0 else f"cache prune fails: {pruned.stderr.strip()[-200:]}"


if __name__ == "__main__":
    raise SystemExit(trial.main("resumed", Resumed, count=50, limits=LIMITS))
