"""A drawing as Mermaid text, which many sites render inside Markdown.

Renderers draw at most a few hundred lines (GitHub: 500) and 50,000 characters; use SVG for larger graphs.
"""

from __future__ import annotations

from graphflow.draw.box_styles import BOX_STYLES, DASHES, TEXT
from graphflow.draw.drawing import Box, Drawing, Line
from graphflow.draw.edge_styles import style_of
from graphflow.draw.faces import shown

_SHAPES = {
    "input": ("([", "])"),
    "picture": ("([", "])"),
    "node": ("[", "]"),
    "template": ("[[", "]]"),
    "output": ("([", "])"),
}
_ARROWS = {"latents": "==>", "mask": "-.->", "control": "-.->"}
"""Kinds of lines besides the plain one; labels show the other types."""
_PLAIN = set(" _.,:()[]/+-*=…→×|")


def mermaid(drawing: Drawing) -> str:
    """The drawing as a `flowchart LR`."""
    text = ["flowchart LR"]
    inside: dict[int | None, list[str]] = {}
    for number, box in enumerate(drawing.boxes):
        inside.setdefault(box.frame, []).append(_box(number, box))
    text += [f"  {box}" for box in inside.get(None, ())]
    text += _frames(drawing, inside)
    text += [f"  {_line(drawing, line)}" for line in drawing.lines]
    dashed = [f"n{number}" for number, box in enumerate(drawing.boxes) if box.dashed]
    if dashed:
        text += [f"  classDef maybe stroke-dasharray: {DASHES}", f"  class {','.join(dashed)} maybe"]
    for kind, style in BOX_STYLES.items():
        boxes = [f"n{number}" for number, box in enumerate(drawing.boxes) if box.kind == kind != "node"]
        if boxes:
            text += [
                f"  classDef {kind} fill:{style.fill},stroke:{BOX_STYLES['node'].border},color:{TEXT}",
                f"  class {','.join(boxes)} {kind}",
            ]
    return "\n".join([*text, *_line_styles(drawing)]) + "\n"


def _frames(drawing: Drawing, inside: dict[int | None, list[str]]) -> list[str]:
    """Nested frames, written with a stack of open ones."""
    children: dict[int | None, list[int]] = {}
    for number, frame in enumerate(drawing.frames):
        children.setdefault(frame.parent, []).append(number)
    text: list[str] = []
    waiting: list[tuple[int, int, bool]] = [(number, 1, True) for number in reversed(children.get(None, []))]
    while waiting:
        number, depth, opens = waiting.pop()
        indent = "  " * depth
        if not opens:
            text.append(f"{indent}end")
            continue
        text.append(f'{indent}subgraph f{number}["{_escaped(drawing.frames[number].title)}"]')
        text += [f"{indent}  {box}" for box in inside.get(number, ())]
        waiting.append((number, depth, False))
        waiting += [(child, depth + 1, True) for child in reversed(children.get(number, []))]
    return text


def _box(number: int, box: Box) -> str:
    opening, closing = _SHAPES[box.kind]
    words = [box.title, f"{box.kind} {box.subtitle}" if box.kind in ("input", "output", "template") else box.subtitle]
    if box.stacked:
        words.append("for each item")
    label = "<br/>".join(_escaped(word) for word in words if word)
    return f'n{number}{opening}"{label}"{closing}'


def _line(drawing: Drawing, line: Line) -> str:
    source, target = drawing.boxes[line.source], drawing.boxes[line.target]
    output, port = source.outputs[line.output], target.inputs[line.input]
    ends = [name for name in (output.name, port.name) if name]
    arrow = _ARROWS.get(style_of(output.type).word.removeprefix("list of "), "-->")
    label = " → ".join(dict.fromkeys(ends))
    if output.type and output.type not in ends:
        label = f"{label}: {output.type}" if label else output.type
    return f'n{line.source} {arrow}|"{_escaped(label)}"| n{line.target}'


def _line_styles(drawing: Drawing) -> list[str]:
    colors: dict[str, list[str]] = {}
    for number, line in enumerate(drawing.lines):
        colors.setdefault(style_of(drawing.type_of(line)).color, []).append(str(number))
    return [f"  linkStyle {','.join(numbers)} stroke:{color}" for color, numbers in colors.items()]


def _escaped(text: str) -> str:
    """Text for a quoted label, with every character special to Mermaid or HTML as its number."""
    return "".join(letter if letter.isalnum() or letter in _PLAIN else f"#{ord(letter)};" for letter in shown(text))
