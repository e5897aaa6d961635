"""The style sheet of a drawing as SVG: CSS rules with the colours of `box_styles` in them."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

from graphflow.draw.box_styles import BOX_STYLES, DASHES, MUTED, STATE_COLORS, TEXT

ROOT = "graphflow-drawing"
"""Class of a drawing; every rule begins with it, since a page may contain other things."""

BACKGROUND = "#fbfbfd"

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_RULES = Template("""
.R text { font-family: $font; font-size: 11px; fill: #374151; font-weight: 400; letter-spacing: normal; }
.R .title { font-size: 13px; font-weight: 600; fill: $text; }
.R .muted { fill: $muted; }
.R .heading { font-size: 15px; font-weight: 600; fill: $text; }
.R .end { text-anchor: end; }
.R .front { $node stroke-width: 1.2; }
$boxes
.R .inner { fill: none; stroke: $template; stroke-width: 0.8; }
.R .dashed .front { stroke-dasharray: $dashes; }
.R .rule { stroke: #e3e7ee; stroke-width: 1; }
.R .frame { fill: #f1f0f7; stroke: #a79fc4; stroke-width: 1.2; }
.R .deep { fill: #e9e7f3; }
.R .halo { fill: none; stroke: $background; stroke-opacity: 0.85; stroke-linecap: butt; }
.R .strand { fill: none; }
.R .core { fill: none; stroke: #ffffff; }
.R .line:hover .strand { stroke-width: 4; }
$states
.R .failed-box .front { stroke: $failed; stroke-width: 2.2; }
""")


def style_sheet() -> str:
    """The CSS rules of a drawing."""
    boxes: dict[str, str] = {kind: f"fill: {one.fill}; stroke: {one.border};" for kind, one in BOX_STYLES.items()}
    node = boxes.pop("node")
    rules = _RULES.substitute(
        font=_FONT,
        background=BACKGROUND,
        text=TEXT,
        muted=MUTED,
        node=node,
        boxes=_rules(boxes, " .front"),
        template=BOX_STYLES["template"].border,
        dashes=DASHES,
        states=_rules({state: f"fill: {color};" for state, color in STATE_COLORS.items()}),
        failed=STATE_COLORS["failed"],
    )
    return rules.replace(".R ", f".{ROOT} ")


def _rules(looks: Mapping[str, str], part: str = "") -> str:
    """CSS rules for the classes of `looks`; those that look the same share a rule."""
    sharing: dict[str, list[str]] = {}
    for name, look in looks.items():
        sharing.setdefault(look, []).append(f".R .{name}{part}")
    return "\n".join(f"{', '.join(selectors)} {{ {look} }}" for look, selectors in sharing.items())
