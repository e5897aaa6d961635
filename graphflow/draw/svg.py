"""A drawing as self-contained SVG text, without scripts or external addresses, for a file or inside a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import NamedTuple

from graphflow.draw.columns import Link, Point
from graphflow.draw.drawing import Box, Drawing, Frame, Pin, Status
from graphflow.draw.edge_styles import SEVERAL, Style, in_legend_order, style_of
from graphflow.draw.faces import (
    FOOTER,
    HEADER,
    PICTURE,
    PILL,
    SHEET,
    SIDE,
    TEXT_SIZE,
    TITLE_SIZE,
    Face,
    face_of,
    fitted,
    shown,
    status_words,
    text_width,
)
from graphflow.draw.layout import PADDING, Layout, Rect, Shape, lay_out
from graphflow.draw.svg_style_sheet import BACKGROUND, ROOT, style_sheet
from graphflow.text_helpers.words import counted

MARGIN = 24.0
LEGEND_ROW = 24.0
NARROWEST_LEGEND = 560.0


def svg(drawing: Drawing, *, status: Mapping[str, Status] | None = None) -> str:
    """The drawing as SVG.

    Args:
        drawing: the drawing to render.
        status: status of each box, by its key.

    Raises:
        ValueError: the drawing's lines form a cycle.
    """
    if status:
        drawing = drawing.with_status(status)
    faces = [face_of(box) for box in drawing.boxes]
    layout = _laid_out(drawing, faces)
    heading = 30.0 if drawing.name else 0.0
    legend = _legend(drawing, max(layout.size.width, NARROWEST_LEGEND))
    width = max(layout.size.width, legend.width, _heading_width(drawing)) + 2 * MARGIN
    top = MARGIN + heading
    legend_top = top + layout.size.height + (MARGIN if drawing.boxes else 0.0)
    height = legend_top + legend.height + MARGIN
    extent = f'width="{_n(width)}" height="{_n(height)}"'
    about = f'class="{ROOT}" role="img" aria-label="{_attribute(_label(drawing))}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {about} {extent} viewBox="0 0 {_n(width)} {_n(height)}">',
        f"<style>{style_sheet()}</style>",
        f'<rect {extent} rx="8" fill="{BACKGROUND}"/>',
    ]
    if drawing.name:
        room = width - 2 * MARGIN
        parts.append(_text(fitted(shown(drawing.name), room, 15, bold=True), MARGIN, MARGIN + 12, "heading", 15))
    parts.append(f'<g transform="translate({_n(MARGIN)} {_n(top)})">')
    parts += _frames(drawing, layout)
    parts += _lines(drawing, layout)
    arriving = _arriving(drawing)
    for number, (box, face, place) in enumerate(zip(drawing.boxes, faces, layout.boxes, strict=True)):
        parts += _box(box, face, place, arriving[number])
    parts += ["</g>", f'<g transform="translate({_n(MARGIN)} {_n(legend_top)})">', *legend.parts, "</g>", "</svg>"]
    return "\n".join(parts) + "\n"


def _laid_out(drawing: Drawing, faces: list[Face]) -> Layout:
    shapes = [Shape(face.size, box.frame) for box, face in zip(drawing.boxes, faces, strict=True)]
    links = [
        Link(
            line.source,
            faces[line.source].out_rows[line.output] + faces[line.source].sheets,
            line.target,
            faces[line.target].in_rows[line.input] + faces[line.target].sheets,
        )
        for line in drawing.lines
    ]
    titles = [text_width(shown(frame.title), TITLE_SIZE, bold=True) + 2 * PADDING for frame in drawing.frames]
    return lay_out(shapes, links, [frame.parent for frame in drawing.frames], titles)


def _label(drawing: Drawing) -> str:
    name = f"Graph {drawing.name}" if drawing.name else "Graph"
    return f"{name}: {counted(len(drawing.boxes), 'box', 'boxes')}, {counted(len(drawing.lines), 'line')}"


def _heading_width(drawing: Drawing) -> float:
    return min(text_width(shown(drawing.name), 15, bold=True), 900.0)


# Frames and lines


def _frames(drawing: Drawing, layout: Layout) -> Iterator[str]:
    for frame, place in zip(drawing.frames, layout.frames, strict=True):
        name = "frame" if _depth(drawing.frames, frame) % 2 == 0 else "frame deep"
        yield f'<g><rect class="{name}" {_rect(place)} rx="10"/>'
        title = fitted(shown(frame.title), place.width - 2 * PADDING, TITLE_SIZE, bold=True)
        yield _text(title, place.x + PADDING, place.y + 20, "title", TITLE_SIZE) + f"{_title(frame.title)}</g>"


def _depth(frames: tuple[Frame, ...], frame: Frame) -> int:
    depth = 0
    while frame.parent is not None:
        frame, depth = frames[frame.parent], depth + 1
    return depth


def _lines(drawing: Drawing, layout: Layout) -> Iterator[str]:
    """All lines; those from one pin are drawn together, so that their halos do not cut each other."""
    trunks: dict[tuple[int, int], list[int]] = {}
    for number, line in enumerate(drawing.lines):
        trunks.setdefault((line.source, line.output), []).append(number)
    for numbers in trunks.values():
        paths = [_path(layout.routes[number]) for number in numbers]
        for path in paths:
            yield f'<path class="halo" stroke-width="6" d="{path}"/>'
        for number, path in zip(numbers, paths, strict=True):
            line = drawing.lines[number]
            source, target = drawing.boxes[line.source], drawing.boxes[line.target]
            type_ = drawing.type_of(line)
            tooltip = (
                f"{_end(source, source.outputs[line.output])} → {_end(target, target.inputs[line.input])}: {type_}"
            )
            yield f'<g class="line">{_strands(style_of(type_), path)}{_title(tooltip)}</g>'


def _arriving(drawing: Drawing) -> list[list[str]]:
    """The type of the value that arrives at each input pin; the pin's own type if types are mixed."""
    types: list[list[set[str]]] = [[set() for _ in box.inputs] for box in drawing.boxes]
    for line in drawing.lines:
        types[line.target][line.input].add(drawing.type_of(line))
    return [
        [next(iter(kinds)) if len(kinds) == 1 else pin.type for pin, kinds in zip(box.inputs, of_box, strict=True)]
        for box, of_box in zip(drawing.boxes, types, strict=True)
    ]


def _end(box: Box, pin: Pin) -> str:
    return f"{box.key}.{pin.name}" if pin.name else box.key


def _path(route: list[Point]) -> str:
    words = [f"M{_n(route[0].x)} {_n(route[0].y)}"]
    last = route[0]
    for point in route[1:]:
        if abs(point.y - last.y) < 0.05:
            words.append(f"H{_n(point.x)}")
        else:
            middle = (last.x + point.x) / 2
            words.append(f"C{_n(middle)} {_n(last.y)} {_n(middle)} {_n(point.y)} {_n(point.x)} {_n(point.y)}")
        last = point
    return "".join(words)


def _strands(style: Style, path: str) -> str:
    dash = f' stroke-dasharray="{style.dash}"' if style.dash else ""
    width = style.width + 2.2 if style.list else style.width
    strand = f'<path class="strand" stroke="{style.color}" stroke-width="{_n(width)}"{dash} d="{path}"/>'
    return strand + (f'<path class="core" stroke-width="1.4" d="{path}"/>' if style.list else "")


def _mark(style: Style, x: float, y: float) -> str:
    """The mark of a type, at the end of a line."""
    fill = f'fill="{style.color}" stroke="#ffffff" stroke-width="1"'
    if style.mark == "half":
        return (
            f'<circle cx="{_n(x)}" cy="{_n(y)}" r="4.5" fill="#ffffff" stroke="{style.color}" stroke-width="1.6"/>'
            f'<path d="M{_n(x)} {_n(y - 4.5)}A4.5 4.5 0 0 1 {_n(x)} {_n(y + 4.5)}Z" fill="{style.color}"/>'
        )
    outlines = {
        "diamond": ((0, -6), (6, 0), (0, 6), (-6, 0)),
        "triangle": ((-4.5, -5.5), (5.5, 0), (-4.5, 5.5)),
        "square": ((-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)),
    }
    if style.mark in outlines:
        points = " ".join(f"{_n(x + right)},{_n(y + down)}" for right, down in outlines[style.mark])
        return f'<polygon points="{points}" {fill}/>'
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{"3.2" if style.mark == "dot" else "5"}" {fill}/>'


# Boxes


def _box(box: Box, face: Face, place: Rect, arriving: list[str]) -> Iterator[str]:
    x, y = place.x, place.y + face.sheets
    names = [box.kind, *(["dashed"] if box.dashed else []), *([f"{box.status.state}-box"] if box.status else [])]
    link = box.status.link if box.status is not None else ""
    yield f'<a href="{_attribute(link)}">' if link else ""
    yield f'<g class="{" ".join(names)}">{_title(box.note or box.key)}'
    yield from _fronts(box, face, x, y)
    yield _text(face.title, x + SIDE, y + 16, "title", TITLE_SIZE)
    yield _text(face.subtitle, x + SIDE, y + 30, "muted", TEXT_SIZE)
    if face.body > PILL and (box.inputs or box.outputs):
        yield f'<path class="rule" d="M{_n(x + 1)} {_n(y + HEADER - 4)}H{_n(x + face.width - 1)}"/>'
    right, left = place.x + place.width, [style_of(type_) for type_ in arriving]
    yield from _pins(box.inputs, left, face.in_rows, face.in_names, x, x + SIDE, y, "")
    out = [style_of(pin.type) for pin in box.outputs]
    yield from _pins(box.outputs, out, face.out_rows, face.out_names, right, x + face.width - SIDE, y, "end")
    if box.status is not None:
        yield from _status(box.status, face, x, y)
    yield "</g>"
    yield "</a>" if link else ""


def _fronts(box: Box, face: Face, x: float, y: float) -> Iterator[str]:
    """The front of a box and the sheets behind it."""
    radius = min(face.height / 2, 19.0) if box.kind in ("input", "output", "picture") else 6.0
    for sheet in (2, 1, 0) if box.stacked else (0,):
        shift = sheet * SHEET
        place = Rect(x + shift, y - shift, face.width, face.height)
        yield f'<rect class="front" {_rect(place)} rx="{_n(radius)}"/>'
    if box.kind == "template":
        place = Rect(x + 3, y + 3, face.width - 6, face.height - 6)
        yield f'<rect class="inner" {_rect(place)} rx="4"/>'


def _pins(
    pins: tuple[Pin, ...],
    styles: list[Style],
    rows: tuple[float, ...],
    names: tuple[str, ...],
    mark_x: float,
    text_x: float,
    y: float,
    anchor: str,
) -> Iterator[str]:
    for number, (pin, row) in enumerate(zip(pins, rows, strict=True)):
        tooltip = f"{pin.name}: {pin.type}" if pin.name else pin.type
        mark = _mark(styles[number], mark_x, y + row)
        name = _text(names[number], text_x, y + row + 4, anchor, TEXT_SIZE) if number < len(names) else ""
        yield f"<g>{mark}{name}{_title(tooltip)}</g>"


def _status(status: Status, face: Face, x: float, y: float) -> Iterator[str]:
    bottom = y + face.height
    if status.picture:
        place = Rect(x + SIDE, y + face.body, face.width - 2 * SIDE, PICTURE)
        yield f'<image {_rect(place)} href="{_attribute(status.picture)}"/>'
    yield f'<path class="rule" d="M{_n(x + 1)} {_n(bottom - FOOTER)}H{_n(x + face.width - 1)}"/>'
    state, time = status_words(status)
    yield _text(state, x + SIDE, bottom - 6, status.state, TEXT_SIZE)
    yield _text(time, x + face.width - SIDE, bottom - 6, "muted end", TEXT_SIZE)


# Legend


class _Legend(NamedTuple):
    parts: list[str]
    width: float
    height: float


def _legend(drawing: Drawing, room: float) -> _Legend:
    """Samples of the kinds of lines and boxes that the drawing has, in as many rows as needed."""
    types = {drawing.type_of(line) for line in drawing.lines}
    types |= {type_ for box in _arriving(drawing) for type_ in box}
    entries = [(_line_sample(style), style.word) for style in in_legend_order({type_ or SEVERAL for type_ in types})]
    kinds = {box.kind for box in drawing.boxes}
    if "template" in kinds:
        entries.append((_box_sample("template"), "template"))
    if any(box.stacked for box in drawing.boxes):
        entries.append((_box_sample("stack"), "for_each: once for each item"))
    if any(box.dashed for box in drawing.boxes):
        entries.append((_box_sample("dashed"), "only under a condition, or not at all"))
    parts, x, y, width = [], 0.0, 0.0, 0.0
    for sample, word in entries:
        wide = 48.0 + text_width(word, TEXT_SIZE) + 20.0
        if x and x + wide > room:
            x, y = 0.0, y + LEGEND_ROW
        text = _text(word, 46, 16, "", TEXT_SIZE)
        parts.append(f'<g transform="translate({_n(x)} {_n(y)})">{sample}{text}</g>')
        x += wide
        width = max(width, x)
    return _Legend(parts, width, y + LEGEND_ROW if entries else 0.0)


def _line_sample(style: Style) -> str:
    return _strands(style, "M0 12H36") + _mark(style, 36, 12)


def _box_sample(kind: str) -> str:
    front = '<rect class="front" x="6" y="5" width="26" height="15" rx="3"/>'
    if kind == "stack":
        sheets = "".join(f'<rect class="front" x="{6 + s}" y="{5 - s}" width="26" height="15" rx="3"/>' for s in (6, 3))
        return f"<g>{sheets}{front}</g>"
    inner = '<rect class="inner" x="8.5" y="7.5" width="21" height="10" rx="2"/>' if kind == "template" else ""
    return f'<g class="{kind}">{front}{inner}</g>'


# Text


def _text(text: str, x: float, y: float, classes: str, size: float) -> str:
    if not text:
        return ""
    # Letters whose width is only estimated are stretched or squeezed to the estimate.
    bold = "title" in classes or "heading" in classes
    length = ""
    if not all(letter.isascii() or letter in "…→✓✗↻–·›×" for letter in text):
        length = f' textLength="{_n(text_width(text, size, bold=bold))}" lengthAdjust="spacingAndGlyphs"'
    name = f' class="{classes}"' if classes else ""
    return f'<text x="{_n(x)}" y="{_n(y)}"{name}{length}>{escape(text, quote=False)}</text>'


def _title(text: str) -> str:
    return f"<title>{escape(shown(text), quote=False)}</title>"


def _attribute(text: str) -> str:
    return escape(shown(text), quote=True)


def _rect(place: Rect) -> str:
    return f'x="{_n(place.x)}" y="{_n(place.y)}" width="{_n(place.width)}" height="{_n(place.height)}"'


def _n(number: float) -> str:
    """A number in its shortest form, rounded to a tenth of a pixel."""
    return f"{round(number, 1):g}" if abs(number) < 100_000 else f"{number:.1f}"
