"""Runs that are killed or interrupted at any moment: the record stays readable, and the next run works."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.trials import trial
from tests.trials.calls import GRAPHFLOW, GRAPHS, broken_record, graph, pictures
from tests.trials.trial import Limits, Outcome, chance

LIMITS = Limits(seconds=60, memory=16 << 30, wait=300)
"""Runs are processes of their own; what they use is not counted, but they must end."""


class Kills:
    """By turns: SIGKILL; one Ctrl-C; two."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder

    def start(self) -> None:
        """What each graph paints, and in which time, is found out when it is first asked for."""
        self.right: dict[str, dict[str, bytes]] = {}
        self.seconds: dict[str, float] = {}

    def kind(self, number: int) -> str:
        return ("killed", "Ctrl-C", "two Ctrl-C")[number % 3]

    def attempt(self, number: int) -> Outcome:
        one, kind = chance(self.seed, number), self.kind(number)
        name = GRAPHS[number // 3 % len(GRAPHS)]
        self._measure(name)
        moments = sorted(one.uniform(0, 1.05 * self.seconds[name]) for _ in range(2 if kind == "two Ctrl-C" else 1))
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            target = Path(scratch) / "out"
            code, screen = self._stopped(self._call(name, target), kind, moments)
            end, fault = wrong_end(kind, code, screen)
            fault = fault or (broken_record(target) if target.is_dir() else "") or self._again(name, target)
        shown = ", ".join(f"{moment:.2f} s" for moment in moments)
        return Outcome(
            kind, end, fault, f"{name}, after {shown} of {self.seconds[name]:.2f} s: exit code {code}\n{screen}"
        )

    def _measure(self, name: str) -> None:
        if name not in self.right:
            target = self.folder / f"right{len(self.right)}"
            call, begun = self._call(name, target), time.monotonic()
            subprocess.run(call, capture_output=True, check=True)
            self.right[name], self.seconds[name] = pictures(target), time.monotonic() - begun

    def _call(self, name: str, target: Path) -> list[str]:
        return [*GRAPHFLOW, "run", *graph(name, self.folder), "--out", str(target)]

    def _stopped(self, call: list[str], kind: str, moments: list[float]) -> tuple[int, str]:
        begun = time.monotonic()
        with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            for moment in moments:
                time.sleep(max(0.0, begun + moment - time.monotonic()))
                process.send_signal(signal.SIGKILL if kind == "killed" else signal.SIGINT)
            screen, _ = process.communicate(timeout=60)
        return process.returncode, screen

    def _again(self, name: str, target: Path) -> str:
        """What is wrong with a second run into the same folder."""
        done = subprocess.run(self._call(name, target), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"the next run into the folder fails: {done.stderr.strip().splitlines()[-1:]}"
        if pictures(target) != self.right[name]:
            return "the next run into the folder writes other pictures"
        left = [path.name for path in target.glob(".*") if not path.name.endswith(".lock")]
        return "the next run leaves temporary files" if left else broken_record(target)


def wrong_end(kind: str, code: int, screen: str) -> tuple[str, str]:
    """How a run ended, and what is wrong with that."""
    if code == -signal.SIGKILL:
        return "stopped", ""
    if code == 0:
        return "done before", ""
    if code == -signal.SIGINT or ("Traceback" in screen and "graphflow/" not in screen):
        return "before graphflow began", ""  # Python was still starting, or ending
    if "Traceback" in screen or "Exception ignored" in screen:
        return "", "a traceback"
    return "stopped", "" if code == 130 else f"exit code {code}"


if __name__ == "__main__":
    raise SystemExit(trial.main("kills", Kills, count=90, limits=LIMITS))
