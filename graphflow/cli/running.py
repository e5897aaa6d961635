"""A run of the command line: its display while it runs, Ctrl-C, and its files."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from graphflow.cli.codes import INTERRUPTED
from graphflow.cli.screens import echo, echo_json
from graphflow.engine import Engine
from graphflow.execute.events import to_json
from graphflow.execute.result import Cancelled, Result
from graphflow.plan.plan import Plan
from graphflow.store.store import Store

if TYPE_CHECKING:
    from graphflow.cli.progress import Display
    from graphflow.record.recorder import Recorder


def run_recorded(
    arguments: argparse.Namespace,
    planned: Plan,
    recorder: Recorder,
    memory_budget: int | None,
    store: Store | None = None,
) -> tuple[Result, list[Path]]:
    """Run a plan until it ends, fails or is cancelled; returns its result and its files, and reports those that failed.

    Args:
        arguments: `json` and `offline` of the command.
        planned: the plan; its components are on this machine.
        recorder: writes the files.
        memory_budget: most bytes of components that are loaded at a time; None = no limit.
        store: of results, which the engine closes; None keeps no results.
    """
    with (
        Engine(memory_budget=memory_budget, store=store, keep=False, offline=arguments.offline) as engine,
        display_of(arguments, len(planned.steps)) as display,
        interrupts(engine, display),
    ):
        try:
            result = engine.execute(planned, display.show, recorder)
        except Cancelled as error:
            result = error.result or Result(state="cancelled")
        except BaseException:
            # Not only Exception: a node may call a program that raises SystemExit.
            if recorder.result is None or recorder.result.state != "error":
                raise
            result = recorder.result
        written = recorder.close(result)
    for problem in recorder.problems:
        echo(f"graphflow: {problem}", error=True)
    return result, written


@contextlib.contextmanager
def display_of(arguments: argparse.Namespace, count: int, noun: str = "step") -> Iterator[Display]:
    """The display of a call: JSON lines, a live display on a terminal, or plain lines; counts `count` of `noun`."""
    from graphflow.cli.progress import Display, live, plain, say

    if arguments.json:
        yield Display(lambda event: echo_json(to_json(event)), say)
        return

    with live(count, noun) if sys.stderr.isatty() else plain(count) as display:
        yield display


@contextlib.contextmanager
def interrupts(engine: Engine, display: Display) -> Iterator[None]:
    """The first Ctrl-C cancels at the next opportunity, the second one ends the process immediately.

    Python's own handlers wait for the running C call to return, so a thread reads the signals from the
    interpreter's wake-up file descriptor.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.signal(signal.SIGINT, lambda *_: None)
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reader, engine.cancel, display), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, before)
        os.close(writer)
        watcher.join()
        os.close(reader)


def _watch(reader: int, cancel: Callable[[], None], display: Display) -> None:
    seen = 0
    while byte := os.read(reader, 1):
        if byte[0] != signal.SIGINT:
            continue
        seen += 1
        if seen > 1:
            # The live display may have hidden the cursor, and nothing else would show it again.
            if sys.stderr.isatty():
                with contextlib.suppress(OSError):
                    os.write(2, b"\x1b[?25h\n")
            os._exit(INTERRUPTED)
        display.note("cancelling; press Ctrl-C again to quit immediately")
        cancel()


def print_no_run(arguments: argparse.Namespace, sentence: str, code: int) -> int:
    """Print why nothing was run; returns the exit code."""
    echo(sentence, error=True)
    if arguments.json:
        echo_json({"event": "not_run", "why": sentence, "exit": code})
    return code
