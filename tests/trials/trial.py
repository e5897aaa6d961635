"""What all trials share: workers with a time limit, outcomes, the closing table, the command line."""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import sys
import tempfile
import time
import traceback
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from graphflow.errors import DefinitionError, GraphflowError


@dataclass(frozen=True)
class Outcome:
    """How one trial ended.

    Attributes:
        kind: what was tried.
        end: how it ended, in a word or two.
        fault: what is wrong with that; empty where nothing is. Equal faults have equal texts.
        detail: more about it, for who looks for the cause.
    """

    kind: str
    end: str
    fault: str = ""
    detail: str = ""


class Trial(Protocol):
    """Trials of one program; made anew in each worker."""

    def start(self) -> None:
        """Get ready in the worker: folders, heavy imports."""

    def kind(self, number: int) -> str:
        """What the trial of this number tries; cheap."""

    def attempt(self, number: int) -> Outcome:
        """Make the trial; whatever escapes it is a fault."""


@dataclass
class Tally:
    """Outcomes, counted; `whole` prints all that is known of a fault when it is first met, and not its last line."""

    whole: bool = False
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: dict[str, list[tuple[int, Outcome]]] = field(default_factory=dict)

    def add(self, number: int, outcome: Outcome) -> None:
        """Count one; a fault that is the first of its text is printed at once."""
        self.counts[outcome.kind, "fault" if outcome.fault else outcome.end] += 1
        if outcome.fault:
            known = self.faults.setdefault(outcome.fault, [])
            known.append((number, outcome))
            if len(known) == 1 or self.whole:
                told = outcome.detail.strip() if self.whole else outcome.detail.strip().rpartition("\n")[2][:200]
                print(ascii_of(f"fault in {number} ({outcome.kind}): {outcome.fault}\n  {told}"), flush=True)

    def show(self, again: str) -> None:
        """Print the distinct faults, most frequent first, and numbers by kind and end; `again` repeats one."""
        for fault, found in sorted(self.faults.items(), key=lambda item: -len(item[1])):
            numbers = " ".join(str(number) for number, _ in found[:5])
            print(f"{len(found):6} × {fault}\n         {again} --only {numbers}")
        ends = sorted({end for _, end in self.counts} - {"fault"})
        width = max([len(kind) for kind, _ in self.counts] + [5])
        print(f"\n{'kind':{width}}  tried  " + "  ".join(ends) + "  faults")
        for kind in [*sorted({kind for kind, _ in self.counts}), "all"]:
            row = {end: count for (one, end), count in self.counts.items() if kind == one}
            if kind == "all":
                row = Counter(end for (_, end), count in self.counts.items() for _ in range(count))
            cells = [f"{row.get(end, 0):{len(end)}}" for end in ends]
            print(f"{kind:{width}}  {sum(row.values()):5}  " + "  ".join(cells) + f"  {row.get('fault', 0):6}")


@dataclass(frozen=True)
class Limits:
    """What one trial may use: seconds of processor time, bytes of memory, seconds in all."""

    seconds: float = 2.0
    memory: int = 4 << 30
    wait: float = 60.0


DEFAULT = Limits()


def tried(
    make: Callable[[int, Path], Trial], seed: int, numbers: Iterable[int], limits: Limits, *, whole: bool = False
) -> Iterator[Tally]:
    """Make the trials of these numbers in a worker; the tally is given after each, the same one always.

    Args:
        make: makes the trials from the seed and a folder that they may use; importable, as a worker imports it.
        seed, numbers: each pair of a seed and a number is one trial, today and later.
        limits: a trial that uses more is a fault.
        whole: as in `Tally`.
    """
    tally = Tally(whole)
    with tempfile.TemporaryDirectory(prefix="trials-") as scratch, _Worker(make, seed, Path(scratch), limits) as worker:
        trials = make(seed, Path(scratch))
        for number in numbers:
            tally.add(number, worker.ask(number, trials.kind(number)))
            yield tally


class _Worker:
    """A process that makes trials, one after the other, and is replaced where it hangs or dies."""

    def __init__(self, make: Callable[[int, Path], Trial], seed: int, scratch: Path, limits: Limits) -> None:
        self._arguments = (make, seed, scratch, limits)
        self._process: multiprocessing.process.BaseProcess | None = None

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._pipe.close()
            self._process.join(5)
        self._end()

    def ask(self, number: int, kind: str) -> Outcome:
        if self._process is None:
            self._start()
        self._pipe.send(number)
        limits: Limits = self._arguments[-1]
        begun, used = time.monotonic(), self._seconds()
        while not self._pipe.poll(0.1):
            spent = self._seconds() - used
            if spent > 3 * limits.seconds or time.monotonic() - begun > limits.wait:
                self._end()
                return Outcome(kind, "", f"given up after {'processor time' if spent > 1 else 'waiting'}")
        try:
            outcome: Outcome = self._pipe.recv()
        except EOFError:
            self._end()
            return Outcome(kind, "", "the process died")
        return outcome

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, other = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(other, *self._arguments), daemon=True)
        self._process.start()
        other.close()
        self._pipe.recv()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def _seconds(self) -> float:
        """Processor time of the worker; 0 where it has died."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, AttributeError):
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _serve(pipe: Connection, make: Callable[[int, Path], Trial], seed: int, scratch: Path, limits: Limits) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    log = os.open(scratch / "screen", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["GRAPHFLOW_CACHE"] = str(scratch / "cache")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    trials = make(seed, scratch)
    trials.start()
    pipe.send(None)
    with contextlib.suppress(EOFError):
        while True:
            pipe.send(attempted(trials, pipe.recv(), limits))


def attempted(trials: Trial, number: int, limits: Limits) -> Outcome:
    """One trial, whatever escapes it."""
    begun = time.process_time()
    try:
        outcome = trials.attempt(number)
    except BaseException as error:  # noqa: BLE001
        # What escapes is what is looked for, KeyboardInterrupt and SystemExit included.
        return Outcome(
            trials.kind(number), "", f"escaped: {signature(error)}", "".join(traceback.format_exception(error))
        )
    spent = time.process_time() - begun
    if spent > limits.seconds and not outcome.fault:
        return Outcome(outcome.kind, "", f"more than {limits.seconds:g} s", f"{spent:.1f} s; {outcome.end}")
    return outcome


def signature(error: BaseException) -> str:
    """An exception in a few words that are equal for equal causes: its type, and where in graphflow it arose."""
    while isinstance(error, DefinitionError) and error.__cause__ is not None:
        error = error.__cause__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "graphflow" in Path(frame.filename).parts]
    where = f" in {Path(frames[-1].filename).stem}.{frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{where}"


def is_clear(error: BaseException) -> bool:
    """Whether an exception is a message to the user: graphflow's own, and not of a node that is written wrongly."""
    return isinstance(error, GraphflowError) and not isinstance(error, DefinitionError)


def unshowable(screen: str) -> str:
    """The first character that no screen should get: control characters, halves of characters; empty without one."""
    for sign in screen:
        if sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cs"):
            return f"U+{ord(sign):04X}"
    return ""


def ascii_of(text: str) -> str:
    """The text with all that a terminal may not show spelled out."""
    return "\n".join(
        line.encode("ascii", "backslashreplace").decode().replace("\x1b", "\\x1b") for line in text.split("\n")
    )


def chance(seed: int, number: int) -> random.Random:
    """The random numbers of one trial."""
    return random.Random(f"{seed}/{number}")


def main(
    name: str,
    make: Callable[[int, Path], Trial],
    *,
    count: int,
    limits: Limits = DEFAULT,
    argv: Sequence[str] | None = None,
) -> int:
    """The command line of a program; the exit code is 1 where faults are left."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.trials.{name}")
    parser.add_argument("--count", type=int, default=count, metavar="N", help=f"how many trials ({count})")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the trials (0)")
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER", help="make these trials again")
    given = parser.parse_args(argv)
    tally, begun = Tally(), time.monotonic()
    numbers, whole = given.only or range(given.count), given.only is not None
    with contextlib.suppress(KeyboardInterrupt):  # what was tried until then is shown
        for tally in tried(make, given.seed, numbers, limits, whole=whole):
            done = sum(tally.counts.values())
            if done % 500 == 0:
                print(f"{done} tried, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    tally.show(f"python -m tests.trials.{name} --seed {given.seed}")
    return 1 if tally.faults else 0
