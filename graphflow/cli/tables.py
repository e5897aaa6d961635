"""Tables of plain text: columns side by side, cells wrapped so that a line fits a terminal."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from graphflow.cli.streams import escaped

WIDTH = 100
"""Columns of a line without a terminal."""
GAP = "  "
_ASCII = str.maketrans({"×": "x", "–": "-", "—": "-", "−": "-", "≥": ">=", "≤": "<=", "→": "->", "…": "..."})


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        cells: one per row, each as lines.
        least: its smallest width; None if its cells are never wrapped.
        right: whether cells are aligned to the right.
    """

    title: str
    cells: Sequence[tuple[str, ...]]
    least: int | None = None
    right: bool = False

    @property
    def natural(self) -> int:
        """Its width without wrapping."""
        return max(width_of(line) for cell in ((self.title,), *self.cells) for line in cell)

    def lines(self, cell: tuple[str, ...], width: int) -> list[str]:
        """The lines of a cell, each padded to `width`."""
        lines = [part for line in cell for part in wrapped(line, width)]
        blanks = [" " * (width - width_of(line)) for line in lines]
        return [blank + line if self.right else line + blank for line, blank in zip(lines, blanks, strict=True)]


def table(columns: Sequence[Column], width: int) -> list[str]:
    """The lines of a table: titles, a rule, the rows; columns without any text are left out.

    It is wider than `width` only if all columns have their smallest width.
    """
    shown = [column for column in columns if any(map(any, column.cells))]
    widths = _widths(shown, width)
    rule = [("-" * wide,) for wide in widths]
    rows = [[(column.title,) for column in shown], rule, *zip(*(column.cells for column in shown), strict=True)]
    lines = []
    for row in rows:
        cells = [column.lines(cell, wide) for column, cell, wide in zip(shown, row, widths, strict=True)]
        for i in range(max(map(len, cells), default=0)):
            parts = [cell[i] if i < len(cell) else " " * wide for cell, wide in zip(cells, widths, strict=True)]
            lines.append(GAP.join(parts).rstrip())
    return lines


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """The widths of columns; the column with the most space above its smallest width shrinks first."""
    widths = [column.natural for column in columns]
    least = [
        wide if column.least is None else min(column.least, wide) for column, wide in zip(columns, widths, strict=True)
    ]
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    for _ in range(excess):
        widest = max(range(len(widths)), key=lambda i: widths[i] - least[i])
        if widths[widest] == least[widest]:
            break
        widths[widest] -= 1
    return widths


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` columns, broken at spaces; a longer word is broken anywhere."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if width_of(joined) <= width:
            lines[-1] = joined
            continue
        lines += [word] if lines[-1] else []
        lines[-1] = lines[-1] or word
        while width_of(lines[-1]) > width:
            kept = _fitting(lines[-1], width)
            lines[-1:] = [lines[-1][:kept], lines[-1][kept:]]
    return lines


def _fitting(text: str, width: int) -> int:
    """The number of letters that fit, at least one."""
    used = 0
    for number, letter in enumerate(text):
        used += width_of(letter)
        if used > width:
            return max(number, 1)
    return len(text)


def width_of(text: str) -> int:
    """The number of a terminal's columns that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def shortened(text: str, most: int) -> str:
    """A text of at most `most` letters; of a longer text the beginning and the end."""
    if len(text) <= most:
        return text
    ahead = (most - 3) // 2
    return f"{text[:ahead]}...{text[len(text) - (most - 3 - ahead) :]}"


def encodable(text: str, encoding: str) -> str:
    """A text that `encoding` can encode: common signs in ASCII, other characters as escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return escaped(text.translate(_ASCII), encoding)
    return text


def terminal_width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size((WIDTH, 24)).columns
