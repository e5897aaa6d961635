"""Makes report.html, a page without scripts or external files, from a run's record and what `report_collector` has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphflow.record.thumbnails import Thumbnail, has_look, thumbnail
from graphflow.text_helpers.words import counted, printable

if TYPE_CHECKING:
    from graphflow.draw.drawing import State, Status
    from graphflow.record.record_parts import StepRecord
    from graphflow.record.run_record import RunRecord

EDGE = 480
"""Longest side, in pixels, of an output's thumbnail."""

MOST_ITEMS = 60
"""Most pictures of one output on the page."""

MOST_DRAWN = 400
"""Most nodes of a graph that is drawn; a larger drawing is not legible."""

MOST_ROWS = 1000
"""Most steps that the page lists."""

MOST_NAMED = 50
"""Most steps that a sentence names."""

MOST_TEXT = 4000
"""Most characters of one output on the page."""

TEMPLATE = Path(__file__).with_name("report.html.jinja")
STATES = {
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "error": "Error",
    "cached": "Cached",
    "not_run": "Not run",
    "waiting": "Not reached",
    "skipped": "Skipped",
}


_WORST_FIRST: tuple[State, ...] = ("failed", "skipped", "waiting", "running", "done", "cached")
_BOX_STATES: dict[str, State] = {
    "waiting": "waiting",
    "running": "running",
    "cancelled": "waiting",
    "done": "done",
    "cached": "cached",
    "failed": "failed",
    "not_run": "skipped",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One value of an output, or an input, as the page shows it.

    Attributes:
        file: name of the linked file in the run's folder.
        picture: its thumbnail.
        text: shown if there is no picture.
    """

    file: str = ""
    picture: Thumbnail | None = None
    text: str = ""


def shown(output: Any, files: Sequence[str]) -> list[Shown]:
    """An output's value and its files as the page shows them; at most `MOST_ITEMS` of a list."""
    if not isinstance(output, tuple):
        return [_shown(output, files[0] if files else "")]
    if any(map(has_look, output)):
        # If a file could not be written, no files are linked, since the links could be wrong.
        links = files if len(files) == len(output) else [""] * len(output)
        return [_shown(item, file) for item, file in zip(output[:MOST_ITEMS], links, strict=False)]
    return [Shown(files[0] if files else "", None, "\n".join(map(str, output))[:MOST_TEXT])] if output else []


def _shown(item: Any, file: str) -> Shown:
    picture = thumbnail(item, EDGE)
    return Shown(file, picture, "" if picture is not None else str(item)[:MOST_TEXT])


def report(
    record: RunRecord,
    drawing: str,
    inputs: Mapping[str, Thumbnail],
    outputs: Mapping[str, Sequence[Shown]],
    steps: Mapping[str, Thumbnail],
) -> str:
    """The page.

    Args:
        record: of the run.
        drawing: the graph as SVG; empty if it is too large.
        inputs: input name → thumbnail.
        outputs: output name → its values.
        steps: path → thumbnail of the step's result.
    """
    import jinja2
    from markupsafe import Markup

    # Only the drawing is not escaped, since graphflow.draw has already escaped it.
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
    )
    environment.filters.update(duration=duration, size=size, value=value, source=source, counted=counted)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    seconds = [step.seconds for step in record.steps]
    return template.render(
        record=record,
        states=STATES,
        drawing=Markup(drawing),
        natural=_width(drawing),
        inputs=inputs,
        outputs=outputs,
        pictures=steps,
        nodes={node.path: node for node in record.nodes},
        longest=max(seconds, default=0.0),
        rows=MOST_ROWS,
        named=MOST_NAMED,
        tally=tally(record.steps),
        failed=[step for step in record.steps if step.problem is not None],
        stopped=[step for step in record.steps if step.state == "not_run"],
    )


def _finalized(value: Any) -> Any:
    """Text without control characters; other values and markup unchanged."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _width(drawing: str) -> float:
    """The drawing's width in pixels."""
    match = re.match(r'<svg [^>]*?\bwidth="([0-9.]+)"', drawing)
    return float(match[1]) if match else 1000.0


def statuses(record: RunRecord, pictures: Mapping[str, Thumbnail]) -> dict[str, Status]:
    """The status in each node's box of the drawing: the worst state of its steps, their total time, a picture.

    Args:
        record: of the run.
        pictures: path of a step → thumbnail.
    """
    from graphflow.draw.drawing import Status

    known = {node.path for node in record.nodes}
    by_node: dict[str, Status] = {}
    for number, step in enumerate(record.steps, 1):
        state = _BOX_STATES[step.state]
        picture = pictures[step.path].uri if step.path in pictures else ""
        for path in (step.path, *step.also):
            node = path if path in known else path.rpartition("/")[0]
            seconds = step.seconds if path == step.path else 0.0
            before = by_node.get(node)
            if before is not None:
                state = min(state, before.state, key=_WORST_FIRST.index)
                seconds += before.seconds or 0.0
                picture = picture or before.picture
            by_node[node] = Status(state, seconds or None, f"#step-{number}", picture)
    skipped: dict[str, Status] = {path: Status("skipped") for path in record.skipped}
    return by_node | skipped


def tally(steps: Sequence[StepRecord]) -> str:
    """The number of steps by state: `10 executed, 2 cached, 1 failed`."""
    words = {
        "done": "executed",
        "cached": "cached",
        "failed": "failed",
        "not_run": "not run",
        "cancelled": "cancelled",
        "waiting": "not reached",
    }
    counts = Counter(step.state for step in steps)
    return ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])  # type: ignore[index]


def duration(seconds: float) -> str:
    """Seconds in readable units: `340 ms`, `2.5 s`, `3 min 05 s`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def size(nbytes: int) -> str:
    """Bytes in readable units: `340 MiB`, `2.5 GiB`."""
    return f"{nbytes / 2**30:.1f} GiB" if nbytes >= 2**30 else f"{nbytes / 2**20:.0f} MiB"


def value(data: Any) -> str:
    """A recorded value on one line."""
    if isinstance(data, bool):
        return str(data).lower()
    if isinstance(data, list):
        return "[" + ", ".join(map(value, data)) + "]"
    if isinstance(data, dict):
        return str(data.get("path") or data.get("name") or data.get("kind"))
    return str(data)


def source(data: Any) -> str:
    """The source of a port's value on one line."""
    if isinstance(data, list):
        return "[" + ", ".join(map(source, data)) + "]"
    if isinstance(data, dict):
        if data["kind"] == "output":
            return f"{data['node']}.{data['output']}" + (f"[{data['item']}]" if "item" in data else "")
        if data["kind"] == "text":
            return "".join(part if isinstance(part, str) else "{" + source(part) + "}" for part in data["parts"])
        if data["kind"] == "absent":
            return f"absent: {data['why']}"
    return value(data)
