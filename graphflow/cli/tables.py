"""Tables of plain text: columns side by side, cells wrapped so that a line fits a terminal."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from graphflow.cli.streams import escaped

WIDTH = 100
"""Letters of a line if no terminal says how many it has."""
GAP = "  "
_ASCII = str.maketrans({"×": "x", "–": "-", "—": "-", "−": "-", "≥": ">=", "≤": "<=", "→": "->", "…": "..."})


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: above it.
        cells: one a row, each in lines.
        least: how narrow it may become before others have to; None if its cells are never wrapped.
        right: whether cells end at its right edge.
    """

    title: str
    cells: Sequence[tuple[str, ...]]
    least: int | None = None
    right: bool = False

    @property
    def natural(self) -> int:
        """How wide it is without wrapped cells."""
        return max(width_of(line) for cell in ((self.title,), *self.cells) for line in cell)

    def lines(self, cell: tuple[str, ...], width: int) -> list[str]:
        """The lines of a cell, each padded to `width`."""
        lines = [part for line in cell for part in wrapped(line, width)]
        blanks = [" " * (width - width_of(line)) for line in lines]
        return [blank + line if self.right else line + blank for line, blank in zip(lines, blanks, strict=True)]


def table(columns: Sequence[Column], width: int) -> list[str]:
    """The lines of a table: titles, a rule, the rows; without columns that have nothing in any row.

    It is wider than `width` if all its columns are as narrow as they may be.
    """
    shown = [column for column in columns if any(map(any, column.cells))]
    widths = _widths(shown, width)
    rule = [("-" * one,) for one in widths]
    rows = [[(column.title,) for column in shown], rule, *zip(*(column.cells for column in shown), strict=True)]
    lines = []
    for row in rows:
        cells = [column.lines(cell, one) for column, cell, one in zip(shown, row, widths, strict=True)]
        for number in range(max(map(len, cells), default=0)):
            parts = [cell[number] if number < len(cell) else " " * one for cell, one in zip(cells, widths, strict=True)]
            lines.append(GAP.join(parts).rstrip())
    return lines


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """The widths of columns: the one that can give most gives way first."""
    widths = [column.natural for column in columns]
    least = [
        one if column.least is None else min(column.least, one) for column, one in zip(columns, widths, strict=True)
    ]
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    for _ in range(excess):
        widest = max(range(len(widths)), key=lambda i: widths[i] - least[i])
        if widths[widest] == least[widest]:
            break
        widths[widest] -= 1
    return widths


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of `width` at most, broken at spaces; a longer word is broken anywhere."""
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
    """How many letters of a text fit, one at least."""
    used = 0
    for number, letter in enumerate(text):
        used += width_of(letter)
        if used > width:
            return max(number, 1)
    return len(text)


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def shortened(text: str, most: int) -> str:
    """A text of `most` letters at most; of a longer one the beginning and the end."""
    if len(text) <= most:
        return text
    ahead = (most - 3) // 2
    return f"{text[:ahead]}...{text[len(text) - (most - 3 - ahead) :]}"


def encodable(text: str, encoding: str) -> str:
    """A text that `encoding` has bytes for: usual signs in ASCII, all other letters as escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return escaped(text.translate(_ASCII), encoding)
    return text


def terminal_width() -> int:
    """Letters of a line on the terminal that is written to."""
    return shutil.get_terminal_size((WIDTH, 24)).columns
