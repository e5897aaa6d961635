"""Captions under pictures in Pillow's own font, wrapped to a width, and equal on every machine."""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image
    import PIL.ImageFont

_PLAIN = str.maketrans(
    {"×": "x", "–": "-", "—": "-", "−": "-", "≥": ">=", "≤": "<=", "→": "->", "ß": "ss", "\u00a0": " "}
)
"""Replacements of signs that the font lacks."""


def band_height(font_size: int, lines: int) -> int:
    """Height in pixels of `lines` lines with some space above them, computed without drawing."""
    return font_size // 2 + lines * _line_height(font_size)


def _line_height(font_size: int) -> int:
    return font_size + font_size // 4 + 1


def caption(text: str, width: int, *, font_size: int, lines: int, background: str) -> "PIL.Image.Image":
    """`text`, centred in an RGB picture of `width` × `band_height` pixels, black or white on `background`.

    Long text is wrapped, and ends in … if `lines` lines are not enough.
    """
    import PIL.Image
    import PIL.ImageDraw

    font = _font(font_size)
    band = PIL.Image.new("RGB", (width, band_height(font_size, lines)), background)
    draw = PIL.ImageDraw.Draw(band)
    for number, line in enumerate(wrapped(drawable(text), width, lines, font.getlength)):
        y = font_size // 2 + number * _line_height(font_size)
        draw.text((width / 2, y), line, fill=readable_on(background), font=font, anchor="ma")
    return band


def _font(size: int) -> "PIL.ImageFont.FreeTypeFont":
    import PIL.ImageFont

    # The basic layout is always available; the default one depends on a library that some machines lack.
    return PIL.ImageFont.load_default(size).font_variant(layout_engine=PIL.ImageFont.Layout.BASIC)  # type: ignore[union-attr]


def drawable(text: str) -> str:
    """`text` on one line, in letters that the font has if possible: é becomes e, × becomes x."""
    letters = unicodedata.normalize("NFD", text.translate(_PLAIN))
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


def wrapped(text: str, width: int, lines: int, length: Callable[[str], float]) -> list[str]:
    """Split `text` into at most `lines` lines, each of `length` at most `width`, between words if possible.

    Text that doesn't fit is replaced by …; a line has at least one letter, however narrow.
    """
    result: list[str] = []
    while text:
        fits = bisect_right(range(1, len(text) + 1), width, key=lambda n: ceil(length(text[:n])))
        if fits == len(text):
            return [*result, text]
        if len(result) == lines - 1:
            fits = bisect_right(range(1, len(text) + 1), width, key=lambda n: ceil(length(text[:n].rstrip() + "…")))
            return [*result, text[:fits].rstrip() + "…"]
        space = text.rfind(" ", 0, fits + 1)
        cut = space if space > 0 else max(fits, 1)
        result.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return result


def readable_on(background: str) -> str:
    """Black or white, whichever has more contrast with the colour `background`."""
    from PIL import ImageColor

    return "black" if ImageColor.getcolor(background, "L") >= 128 else "white"  # type: ignore[operator]
