"""The style of each edge type: a colour, and a dash and a mark that distinguish it without colour."""

from __future__ import annotations

from typing import NamedTuple

from graphflow.values.types import ATOMS

LIST = "list of "
SEVERAL = "several types"


class Style(NamedTuple):
    """The look of a type.

    Attributes:
        word: its name in the legend.
        color: dark enough for text on white.
        dash: lengths of dash and gap in SVG's form; empty for a solid line.
        mark: shape of the mark at both ends of a line.
        width: of the line.
        list: whether the line has two strands.
    """

    word: str
    color: str
    dash: str
    mark: str
    width: float = 2.0
    list: bool = False


_VALUE = Style("string, number or bool", "#6b7280", "1.5 3.5", "dot", 1.5)
_STYLES = {
    **dict.fromkeys(("string", "int", "float", "bool"), _VALUE),
    "file": Style("file", "#6b7280", "6 2 1 2", "dot", 1.5),
    "image": Style("image", "#1d6fd1", "", "circle"),
    "mask": Style("mask", "#374151", "6 4", "half"),
    "latents": Style("latents", "#c2500a", "13 4", "diamond", 2.4),
    "conditioning": Style("conditioning", "#7c3aed", "9 3 2 3", "triangle"),
    "image_embedding": Style("image_embedding", "#b0268a", "9 3 2 3 2 3", "triangle"),
    "control": Style("control", "#0a7d4b", "3 3", "square"),
    "checkpoint": Style("checkpoint", "#8a5a12", "2 2 8 2", "square", 1.5),
    "animation": Style("animation", "#0b7285", "18 3 3 3", "circle"),
}
_OTHER = Style(SEVERAL, "#111827", "1.5 5", "diamond")


def style_of(type_: str) -> Style:
    """The style of a type, written as in documents; for a list, the style of its items with two strands."""
    listed = type_.startswith(LIST)
    style = _STYLES.get(type_.removeprefix(LIST), _OTHER)
    return style._replace(word=f"list of {style.word}", list=True) if listed else style


def in_legend_order(types: set[str]) -> list[Style]:
    """The distinct styles of these types in the order of `graphflow.values.types`, lists after single values."""
    rank = {word: number for number, word in enumerate(ATOMS)}
    known = sorted(types, key=lambda t: (t.startswith(LIST), rank.get(t.removeprefix(LIST), len(rank)), t))
    return list(dict.fromkeys(style_of(type_) for type_ in known))
