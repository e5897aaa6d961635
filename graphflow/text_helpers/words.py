"""Words of messages: counts, and text that is safe on a screen."""

from __future__ import annotations

import json
import re
from typing import Any

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that a terminal or an editor obeys instead of showing: C0 and C1 controls except tab and line feed,
marks of the writing direction (Unicode Standard Annex 9), line and paragraph separators; and lone surrogates."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A count in words: `1 node`, `2 nodes`; `plural` if it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def with_article(noun: str) -> str:
    """The noun with its article: `a mask`, `an int`; `latents` and `conditioning` take none."""
    if noun in ("latents", "conditioning"):
        return noun
    return f"{'an' if noun.startswith(('a', 'e', 'i', 'o', 'u')) else 'a'} {noun}"


def size_text(nbytes: int) -> str:
    """A number of bytes for a person: `0 B`, `31.2 MiB`, `6.9 GiB`."""
    size, units = float(nbytes), ["B", "KiB", "MiB", "GiB", "TiB"]
    # From 999.95 on, one decimal would be written as four digits.
    while size >= 999.95 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{nbytes} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def printable(text: str) -> str:
    r"""Text for a screen or a page: control characters as the escapes of a Python string, such as `\x1b`.

    Line feeds and tabs stay. Text that is printable already is returned unchanged, so it may pass more than once.
    """
    return text if text.isascii() and text.isprintable() else _CONTROLS.sub(_escape, text)


def one_line(text: str) -> str:
    """Printable text with line feeds and tabs escaped, for places where a new line would look like our own message."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def json_text(data: Any, *, indent: int | None = None) -> str:
    """Data as JSON for a screen: the same data, with control characters as JSON escapes."""
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
