"""Progress: on a terminal a live tree with a bar for the running step, elsewhere plain lines."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from graphflow.cli import screens
from graphflow.execute.events import (
    ComponentLoaded,
    DownloadFinished,
    DownloadProgress,
    DownloadStarted,
    Event,
    Listener,
    MemorySaved,
    StepFailed,
    StepFinished,
    StepNotRun,
    StepProgress,
    StepStarted,
    StepWaiting,
)
from graphflow.text_helpers.words import counted, printable, size_text

LINES = 12
"""Most steps in the live tree; older ones scroll away."""
BETWEEN_LINES = 10.0
"""Seconds between two lines about one download, without a terminal."""


@dataclass(frozen=True)
class Display:
    """A display of progress.

    Attributes:
        show: takes events, in the thread of the run.
        note: shows a sentence; may be called from another thread.
    """

    show: Listener
    note: Callable[[str], None]


def say(sentence: str) -> None:
    """Write a line to standard error, from any thread."""
    with contextlib.suppress(OSError):
        os.write(2, f"{printable(sentence)}\n".encode())


@contextlib.contextmanager
def plain(count: int) -> Iterator[Display]:
    """One line per step or file on standard error, and one every ten seconds for a file that is being downloaded."""
    done, last = 0, time.monotonic()

    def show(event: Event) -> None:
        nonlocal done, last
        line = _line(event)
        if isinstance(event, DownloadProgress):
            late = time.monotonic() - last >= BETWEEN_LINES
            line = line if late else ""
        last = time.monotonic() if line else last
        if isinstance(event, (StepFinished, StepFailed, StepNotRun, DownloadFinished)):
            done += 1
            line = f"[{done}/{count}] {line}"
        if line:
            screens.echo(line, error=True)

    yield Display(show, say)


def _line(event: Event) -> str:
    if isinstance(event, StepFinished):
        also = f" (also {', '.join(event.also)})" if event.also else ""
        also += f" (one of {event.batch} in one call)" if event.batch > 1 and not event.cached else ""
        return f"{event.step}{also} {'cached' if event.cached else _seconds(event.seconds)}"
    if isinstance(event, StepFailed):
        return f"{event.step} failed after {_seconds(event.seconds)}"
    if isinstance(event, StepNotRun):
        return f"{event.step} not run: {event.why}"
    if isinstance(event, StepWaiting):
        return f"{event.step} waits for another process that is computing the same result"
    if isinstance(event, MemorySaved):
        return f"{event.step} saves memory by {event.measure}: {event.why}"
    if isinstance(event, ComponentLoaded):
        return f"loaded {event.component} {_seconds(event.seconds)}"
    if isinstance(event, DownloadStarted):
        return f"downloading {event.repository}/{event.file}, {size_text(event.nbytes)}"
    if isinstance(event, DownloadProgress):
        return f"{event.repository}/{event.file}: {size_text(event.done)} of {size_text(event.total)}"
    if isinstance(event, DownloadFinished):
        return f"downloaded {event.repository}/{event.file} {_seconds(event.seconds)}"
    return ""


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


@dataclass
class _State:
    """The content of the live tree."""

    count: int
    done: int = 0
    lines: list[tuple[str, str]] = field(default_factory=list)
    running: str = ""
    started: float = 0.0
    parts: tuple[int, int] = (0, 0)
    unit: Callable[[int], str] = str
    noun: str = "step"
    sentence: str = ""

    def note(self, sentence: str) -> None:
        self.sentence = printable(sentence)

    def take(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            if not event.batch or event.step == event.batch[0]:
                count = f" ({counted(len(event.batch), 'item')})" if event.batch else ""
                self.running, self.started, self.parts = printable(event.step) + count, time.monotonic(), (0, 0)
        elif isinstance(event, StepWaiting):
            self.running, self.started = f"{printable(event.step)} waits for another process", time.monotonic()
            self.parts = (0, 0)
        elif isinstance(event, DownloadStarted):
            self.running, self.started, self.parts = printable(event.file), time.monotonic(), (0, event.nbytes)
            self.unit = size_text
        elif isinstance(event, (StepProgress, DownloadProgress)):
            self.parts = (event.done, event.total)
        elif isinstance(event, MemorySaved):
            self._add("yellow", f"– {_line(event)}")
        elif isinstance(event, DownloadFinished):
            self.done, self.running = self.done + 1, ""
            self._add("green", f"✓ {_line(event)}")
        elif isinstance(event, (StepFinished, StepFailed, StepNotRun)):
            self.done += 1
            self.running = ""
            ended = not isinstance(event, StepNotRun)
            style = "red" if not isinstance(event, StepFinished) else "dim" if event.cached else "green"
            mark = "✓" if isinstance(event, StepFinished) else "✗" if ended else "–"
            self._add(style, f"{mark} {_line(event)}")

    def _add(self, style: str, line: str) -> None:
        self.lines.append((style, printable(line)))
        del self.lines[:-LINES]


@contextlib.contextmanager
def live(count: int, noun: str = "step") -> Iterator[Display]:
    """A tree on the terminal: the number of finished steps, their names, and the running step with a bar."""
    from rich.console import Console, Group, RenderableType
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text
    from rich.tree import Tree

    state = _State(count, noun=noun)

    def render() -> RenderableType:
        tree = Tree(Text(f"{state.done} of {counted(state.count, state.noun)}", style="bold"))
        for style, line in state.lines:
            tree.add(Text(line, style=style))
        if state.running:
            row = Table.grid(padding=(0, 1))
            row.add_column(no_wrap=True)
            row.add_column(width=24)
            row.add_column()
            total = state.parts[1]
            bar = ProgressBar(total=total or None, completed=state.parts[0], width=24, pulse=not total)
            shown = f"{state.unit(state.parts[0])}/{state.unit(total)} " if total else ""
            row.add_row(Text(state.running, style="cyan"), bar, f"{shown}{_seconds(time.monotonic() - state.started)}")
            tree.add(row)
        if state.sentence:
            tree.add(Text(state.sentence, style="yellow"))
        return Group(tree)

    console = Console(stderr=True)
    with Live(console=console, get_renderable=render, refresh_per_second=12, transient=False) as display:
        yield Display(state.take, state.note)
        state.running = ""
        display.refresh()
