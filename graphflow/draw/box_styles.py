"""The look of the boxes of a drawing: colours by kind of box, and by what became of its steps."""

from __future__ import annotations

from typing import NamedTuple

from graphflow.draw.drawing import BoxKind, State


class BoxStyle(NamedTuple):
    """Colours of a box: its face, light enough for dark text, and its border."""

    fill: str
    border: str


_GIVEN = BoxStyle("#eef4ff", "#7f9bc8")
BOX_STYLES: dict[BoxKind, BoxStyle] = {
    "node": BoxStyle("#ffffff", "#8b95a5"),
    "input": _GIVEN,
    "picture": _GIVEN,
    "output": BoxStyle("#eefaf1", "#6fa883"),
    "template": BoxStyle("#faf6ff", "#8f7bb8"),
}
TEXT = "#111827"
"""Colour of a box's title."""

MUTED = "#5b6472"
"""Colour of what is less important."""

DASHES = "5 4"
"""Lengths of dash and gap, as in SVG, in the border of a box that may not run."""

STATE_COLORS: dict[State, str] = {
    "done": "#1a7f3c",
    "cached": "#0b6ea8",
    "failed": "#b42318",
    "running": "#8a5a12",
    "waiting": MUTED,
    "skipped": MUTED,
}
