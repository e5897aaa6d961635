"""report.html: one page that shows a run, without a script and without anything from elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphflow.record.thumbnails import Thumbnail, has_look, thumbnail
from graphflow.wording.words import counted, printable

if TYPE_CHECKING:
    from graphflow.draw.drawing import State, Status
    from graphflow.record.model import RunRecord, StepRecord

EDGE = 480
"""Pixels of an output's small picture."""

MOST_ITEMS = 60
"""Pictures of one output on the page."""

MOST_DRAWN = 400
"""Nodes of a graph that is drawn; nobody can read a picture of more."""

MOST_ROWS = 1000
"""Steps that the page lists."""

MOST_NAMED = 50
"""Steps that a sentence names."""

MOST_TEXT = 4000
"""Characters of one output on the page."""

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
        file: name in the run's folder, to link to.
        picture: a small one.
        text: what is shown where there is no picture.
    """

    file: str = ""
    picture: Thumbnail | None = None
    text: str = ""


def shown(output: Any, files: Sequence[str]) -> list[Shown]:
    """What the page shows of an output's value, whose files these are; `MOST_ITEMS` of a list at most."""
    if not isinstance(output, tuple):
        return [_shown(output, files[0] if files else "")]
    if any(map(has_look, output)):
        # Where a file could not be written, none is linked rather than a wrong one.
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
        drawing: the graph as SVG; empty where it is too large.
        inputs: input name → small picture.
        outputs: output name → its values.
        steps: path → small picture of what the step gave.
    """
    import jinja2
    from markupsafe import Markup

    # The drawing is the one thing that is not escaped here: graphflow.draw has done so.
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
    """What the page shows of a value: text without control characters; markup has none."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _width(drawing: str) -> float:
    """Pixels that the drawing is wide."""
    found = re.match(r'<svg [^>]*?\bwidth="([0-9.]+)"', drawing)
    return float(found[1]) if found else 1000.0


def statuses(record: RunRecord, pictures: Mapping[str, Thumbnail]) -> dict[str, Status]:
    """What the drawing shows in each node's box: the worst that became of its steps, all their time, a picture.

    Args:
        record: of the run.
        pictures: step's path → a small picture.
    """
    from graphflow.draw.drawing import Status

    known = {node.path for node in record.nodes}
    found: dict[str, Status] = {}
    for number, step in enumerate(record.steps, 1):
        state = _BOX_STATES[step.state]
        picture = pictures[step.path].uri if step.path in pictures else ""
        for path in (step.path, *step.also):
            node = path if path in known else path.rpartition("/")[0]
            seconds = step.seconds if path == step.path else 0.0
            before = found.get(node)
            if before is not None:
                state = min(state, before.state, key=_WORST_FIRST.index)
                seconds += before.seconds or 0.0
                picture = picture or before.picture
            found[node] = Status(state, seconds or None, f"#step-{number}", picture)
    skipped: dict[str, Status] = {path: Status("skipped") for path in record.skipped}
    return found | skipped


def tally(steps: Sequence[StepRecord]) -> str:
    """How many steps ended how: `10 executed, 2 cached, 1 failed`."""
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
    """Seconds as a person reads them: `340 ms`, `2.5 s`, `3 min 05 s`."""
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
    """Bytes as a person reads them."""
    return f"{nbytes / 2**30:.1f} GiB" if nbytes >= 2**30 else f"{nbytes / 2**20:.0f} MiB"


def value(data: Any) -> str:
    """A recorded value in a line."""
    if isinstance(data, bool):
        return str(data).lower()
    if isinstance(data, list):
        return "[" + ", ".join(map(value, data)) + "]"
    if isinstance(data, dict):
        return str(data.get("path") or data.get("name") or data.get("kind"))
    return str(data)


def source(data: Any) -> str:
    """Where a port's value is from, in a line."""
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
