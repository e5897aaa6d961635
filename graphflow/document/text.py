"""References inside text: `$name`, `$node.port`, `$node.port[0]`, each also in braces.

Dollars directly before a reference are read in pairs, each pair as one plain dollar: `$$name` is the text "$name",
`$$$name` is a dollar and the value of `name`. Every other dollar is a plain one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_PATH = r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?(?:\[[0-9]{1,9}\])?"
# Dollars match only from the first of a row, since trying each of a million takes forever.
_DOLLARS = re.compile(rf"(?<!\$)(\$+)(?:\{{({_PATH})\}}|({_PATH}))")
_PARTS = re.compile(r"([a-z0-9_]+)(?:\.([a-z0-9_]+))?(?:\[([0-9]+)\])?\Z")


class Reference(NamedTuple):
    """A reference to an input or a node, to one of the node's outputs, or to an item of a list."""

    name: str
    port: str | None = None
    item: int | None = None

    def __str__(self) -> str:
        port = f".{self.port}" if self.port is not None else ""
        item = f"[{self.item}]" if self.item is not None else ""
        return f"{self.name}{port}{item}"


Part: TypeAlias = str | Reference


def read_text(text: str) -> tuple[Part, ...]:
    """Split text into plain pieces and references; text without references is one piece, empty text none."""
    if "$" not in text:
        return (text,) if text else ()
    parts: list[Part] = []
    end = 0
    for match in _DOLLARS.finditer(text):
        dollars, path = len(match[1]), match[2] or match[3]
        plain = text[end : match.start()] + "$" * (dollars // 2)
        if dollars % 2:
            parts += [plain, _reference(path)] if plain else [_reference(path)]
            end = match.end()
        else:
            parts.append(plain)
            end = match.start() + dollars
    if end < len(text):
        parts.append(text[end:])
    return _joined(parts) if len(parts) > 1 else tuple(parts)


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)


def _reference(path: str) -> Reference:
    match = _PARTS.match(path)
    if match is None:
        raise ValueError(f"{path!r} is not a reference")
    return Reference(match[1], match[2], int(match[3]) if match[3] is not None else None)


def write_text(parts: Iterable[Part]) -> str:
    """The text that `read_text` splits into these parts."""
    merged = _joined(list(parts))
    text = ""
    for number, part in enumerate(merged):
        if isinstance(part, Reference):
            following = merged[number + 1] if number + 1 < len(merged) else ""
            text += written(part, after=following if isinstance(following, str) else "")
        else:
            text += escape(part)
            if number + 1 < len(merged):
                # Dollars directly before a reference are read in pairs.
                text += "$" * (len(part) - len(part.rstrip("$")))
    return text


def escape(text: str) -> str:
    """Text that `read_text` reads as exactly `text`, without references."""
    return _DOLLARS.sub(lambda match: match[1] + match[0], text) if "$" in text else text


def written(reference: Reference, *, after: str = "") -> str:
    """A reference as a document writes it; in braces if `after` would otherwise be read as part of it."""
    plain = f"${reference}"
    alone = _DOLLARS.match(plain + after)
    return plain if alone is not None and alone.end() == len(plain) else f"${{{reference}}}"
