"""The face of a box: its size, the positions of its pins, and its text, shortened to fit in any common font."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from math import ceil

from graphflow.draw.columns import Size
from graphflow.draw.drawing import Box, Status

TITLE_SIZE, TEXT_SIZE = 13.0, 11.0
HEADER, ROW, FOOTER, PILL = 40.0, 18.0, 19.0, 38.0
SIDE = 12.0
NARROWEST, WIDEST = 120.0, 250.0
PICTURE = 84.0
"""Height of the thumbnail in a box."""
SHEET = 4.0
"""Offset of each sheet of a stack from the one in front of it."""

_NARROW = set("ijlI.,:;|!'`()[]/ ft-")
_WIDE = set("mwMW@%…→✓✗↻")


_STATES = {
    "waiting": "· waiting",
    "running": "› running",
    "done": "✓ done",
    "cached": "↻ cached",
    "failed": "✗ failed",
    "skipped": "– not run",
}


@dataclass(frozen=True, slots=True)
class Face:
    """The measures and texts of a box.

    Attributes:
        width, height: of the front, without the sheets behind it.
        sheets: offset of the whole stack behind it, to the right and up.
        title, subtitle: shortened to fit.
        in_rows, out_rows: distance of each pin from the top of the front.
        in_names, out_names: the pins' names, shortened to fit.
        body: distance of the part below header and pins from the top.
    """

    width: float
    height: float
    sheets: float
    title: str
    subtitle: str
    in_rows: tuple[float, ...]
    out_rows: tuple[float, ...]
    in_names: tuple[str, ...]
    out_names: tuple[str, ...]
    body: float

    @property
    def size(self) -> Size:
        """The size that the layout reserves."""
        return Size(self.width + self.sheets, self.height + self.sheets)


def face_of(box: Box) -> Face:
    """Measure a box."""
    title, subtitle = shown(box.title), shown(box.subtitle)
    ins, outs = [shown(pin.name) for pin in box.inputs], [shown(pin.name) for pin in box.outputs]
    pill = box.kind != "node" and box.kind != "template" and not any((*ins, *outs)) and len(ins) < 2 and len(outs) < 2
    rows = 0 if pill else max(len(ins), len(outs))
    widest = [text_width(title, TITLE_SIZE, bold=True), text_width(subtitle, TEXT_SIZE)]
    for row in range(rows):
        names = [names[row] for names in (ins, outs) if row < len(names)]
        widest.append(sum(text_width(name, TEXT_SIZE) for name in names) + (SIDE if len(names) == 2 else 0.0))
    if box.status is not None:
        widest.append(sum(text_width(words, TEXT_SIZE) for words in status_words(box.status)) + SIDE)
    # Rounded to few widths, so that columns look even.
    width = min(max(ceil((max(widest) + 2 * SIDE) / 20) * 20.0, NARROWEST), WIDEST)
    room = width - 2 * SIDE
    body = PILL if pill else HEADER + rows * ROW + (6 if rows else 0)
    status = box.status
    below = ((PICTURE + 8 if status.picture else 0.0) + FOOTER) if status is not None else 0.0
    in_rows = tuple(PILL / 2 if pill else HEADER + (row + 0.5) * ROW for row in range(len(ins)))
    out_rows = tuple(PILL / 2 if pill else HEADER + (row + 0.5) * ROW for row in range(len(outs)))
    pairs = [_names(ins, outs, row, room) for row in range(rows)]
    return Face(
        width,
        body + below,
        2 * SHEET if box.stacked else 0.0,
        fitted(title, room, TITLE_SIZE, bold=True),
        fitted(subtitle, room, TEXT_SIZE),
        in_rows,
        out_rows,
        tuple(left for left, _ in pairs)[: len(ins)],
        tuple(right for _, right in pairs)[: len(outs)],
        body,
    )


def status_words(status: Status) -> tuple[str, str]:
    """The texts at the bottom of a box: its state and its time."""
    return _STATES[status.state], "" if status.seconds is None else _time(status.seconds)


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _names(ins: list[str], outs: list[str], row: int, room: float) -> tuple[str, str]:
    """The two names of a row; the longer one is shortened first."""
    left, right = ins[row] if row < len(ins) else "", outs[row] if row < len(outs) else ""
    if not left or not right:
        return fitted(left, room, TEXT_SIZE), fitted(right, room, TEXT_SIZE)
    room -= SIDE
    shorter = min(text_width(left, TEXT_SIZE), text_width(right, TEXT_SIZE), room / 2)
    longer = room - shorter
    first_longer = text_width(left, TEXT_SIZE) >= text_width(right, TEXT_SIZE)
    return (
        fitted(left, longer if first_longer else shorter, TEXT_SIZE),
        fitted(right, shorter if first_longer else longer, TEXT_SIZE),
    )


def shown(text: str) -> str:
    """Text on one line, without characters that XML forbids or that change the writing direction."""
    unsafe = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")
    return "".join("�" if unicodedata.category(letter) in unsafe else letter for letter in text)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """The greatest width of a text in common sans-serif fonts."""
    return sum(map(_em, text)) * size * (1.08 if bold else 1.0)


def _em(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if letter in _NARROW:
        return 0.42
    if letter in _WIDE:
        return 1.0
    if letter.islower() or letter.isdigit() or letter == "_":
        return 0.63
    return 0.78 if ord(letter) < 0x500 else 1.0


def fitted(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """The text, shortened with an ellipsis if it is wider than `room`."""
    if text_width(text, size, bold=bold) <= room:
        return text
    kept, left = [], room - text_width("…", size, bold=bold)
    for letter in text:
        left -= text_width(letter, size, bold=bold)
        if left < 0:
            break
        kept.append(letter)
    return "".join(kept).rstrip() + "…" if kept else ""
