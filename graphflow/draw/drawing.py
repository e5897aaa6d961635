"""The content of a drawing as frozen data, of a graph as written or as expanded for a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from graphflow.check.checked import Checked, ExpandedNode
from graphflow.check.read.expressions import Expr, FromInput, FromNode, references
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.check.sources import Absent, NodeOutput, NodeSource
from graphflow.values.sources import Format, Gather, ItemOf
from graphflow.values.types import STRING, ListOf, Type, Variable, item_of, list_of

BoxKind = Literal["input", "picture", "node", "template", "output"]
State = Literal["waiting", "running", "done", "cached", "failed", "skipped"]

_PICTURE_LINK = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")
_LOCAL_LINK = re.compile(r"#[\w./\[\]-]*|(?!//)[\w./\[\]% -]+")


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a box in a run.

    Attributes:
        seconds: the time it took.
        link: target of a click: a place on the same page (`#…`) or a file beside it, never another host.
        picture: a thumbnail to show in the box, as a `data:` address.

    Raises:
        ValueError: `link` or `picture` has another form.
    """

    state: State
    seconds: float | None = None
    link: str = ""
    picture: str = ""

    def __post_init__(self) -> None:
        if self.link and not _LOCAL_LINK.fullmatch(self.link):
            raise ValueError(f"{self.link!r} is neither a place on the page nor a file beside it")
        if self.picture and not _PICTURE_LINK.fullmatch(self.picture):
            raise ValueError("a picture in a drawing must be a data: address of a PNG, JPEG, GIF or WebP file")


class Pin(NamedTuple):
    """The point where lines meet a box: the name of a port, an output or an item of an output, and its type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Attributes:
        key: its name in `status` and links: a node's id or path, `input NAME`, `output NAME`.
        title: the text in large letters.
        subtitle: the node type, or the type of an input or output.
        inputs, outputs: its connected pins on the left and the right.
        frame: number of the frame that it is in.
        stacked: whether it stands for the items of a `for_each`.
        dashed: whether it does not run, or may not.
        note: text of the tooltip.
    """

    key: str
    kind: BoxKind
    title: str
    subtitle: str = ""
    inputs: tuple[Pin, ...] = ()
    outputs: tuple[Pin, ...] = ()
    frame: int | None = None
    stacked: bool = False
    dashed: bool = False
    note: str = ""
    status: Status | None = None


class Line(NamedTuple):
    """A line from an output pin of one box to an input pin of another, all by number."""

    source: int
    output: int
    target: int
    input: int


class Frame(NamedTuple):
    """A titled frame around the nodes of a template; `parent` is the frame around it."""

    title: str
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes, the lines between them, and the frames around them.

    Attributes:
        frames: each after the frame around it.
    """

    name: str = ""
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    frames: tuple[Frame, ...] = ()

    def with_status(self, status: Mapping[str, Status]) -> Drawing:
        """The same drawing with the status of each box, by key; unknown keys are ignored."""
        return replace(self, boxes=tuple(replace(box, status=status.get(box.key, box.status)) for box in self.boxes))

    def type_of(self, line: Line) -> str:
        """The type of the value that a line carries."""
        return self.boxes[line.source].outputs[line.output].type


@dataclass
class _Sketch:
    """A drawing under construction: pins are added with the lines that need them."""

    boxes: list[Box] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    _inputs: list[dict[str, Pin]] = field(default_factory=list)
    _outputs: list[dict[str, Pin]] = field(default_factory=list)
    _lines: dict[tuple[int, str, int, str], None] = field(default_factory=dict)

    def add(self, box: Box) -> int:
        self.boxes.append(box)
        self._inputs.append({})
        self._outputs.append({})
        return len(self.boxes) - 1

    def connect(self, source: int, output: Pin, target: int, port: Pin) -> None:
        self._outputs[source].setdefault(output.name, output)
        self._inputs[target].setdefault(port.name, port)
        self._lines.setdefault((source, output.name, target, port.name))

    def finished(self, name: str) -> Drawing:
        self._outputs = [_items_last(pins) for pins in self._outputs]
        out_of = [{pin: number for number, pin in enumerate(pins)} for pins in self._outputs]
        into = [{pin: number for number, pin in enumerate(pins)} for pins in self._inputs]
        boxes = tuple(
            replace(box, inputs=tuple(inputs.values()), outputs=tuple(outputs.values()))
            for box, inputs, outputs in zip(self.boxes, self._inputs, self._outputs, strict=True)
        )
        lines = tuple(Line(a, out_of[a][output], b, into[b][port]) for a, output, b, port in self._lines)
        return Drawing(name, boxes, lines, tuple(self.frames))


def _items_last(pins: dict[str, Pin]) -> dict[str, Pin]:
    """The pins of a box, those of single items below that of their list."""
    bases = list(dict.fromkeys(name.partition("[")[0] for name in pins))
    return {name: pins[name] for name in sorted(pins, key=lambda n: (bases.index(n.partition("[")[0]), len(n), n))}


# The graph as written


def of_document(resolved: Resolved) -> Drawing:
    """The graph as written: a template is one box, a `for_each` one stack."""
    document, sketch = resolved.document, _Sketch()
    boxes: dict[str, int] = {}
    for name, decl in document.inputs.items():
        note = decl.description or f"input {name}"
        boxes[name] = sketch.add(Box(f"input {name}", "input", name, _word(decl.type), note=note))
    for id_, node in resolved.nodes.items():
        boxes[id_] = sketch.add(_written_box(id_, node))
    for id_, node in resolved.nodes.items():
        for port, expr in _given(node):
            _connect(sketch, boxes, expr, boxes[id_], Pin(port, _port_type(node, port)))
    for name, expr in _outputs(resolved).items():
        box = sketch.add(Box(f"output {name}", "output", name, _word(expr.type), note=f"output {name}"))
        _connect(sketch, boxes, expr, box, Pin("", _word(expr.type)))
    return sketch.finished(document.name)


def _written_box(id_: str, node: ResolvedNode) -> Box:
    decl = node.decl
    notes = [f"{id_}: {decl.kind} {decl.ref.text}"]
    if decl.for_each is not None:
        notes.append("for each " + ", ".join(name for factor in node.for_each for name in factor))
    if decl.when is not None:
        notes.append("runs only when its condition is true")
    return Box(
        id_,
        "template" if decl.kind == "template" else "node",
        id_,
        decl.ref.text,
        stacked=decl.for_each is not None,
        dashed=decl.when is not None,
        note="; ".join(notes),
    )


def _given(node: ResolvedNode) -> Iterable[tuple[str, Expr]]:
    """Every expression of a node with its key, in the order of the document."""
    keyed = {**node.ports, **node.params}
    yield from ((key, keyed[key]) for key in node.decl.values if key in keyed)
    for factor in node.for_each:
        yield from factor.items()
    for key, expr in (("when", node.when), ("cache", node.cache), ("run_seed", node.run_seed)):
        if expr is not None:
            yield key, expr


def _port_type(node: ResolvedNode, name: str) -> str:
    if node.type is not None:
        port = node.type.ports.get(name) or node.type.params.get(name)
        return _word(port.type) if port is not None else ""
    decl = node.template.document.inputs.get(name) if node.template is not None else None
    return _word(decl.type) if decl is not None else ""


def _connect(sketch: _Sketch, boxes: dict[str, int], expr: Expr, target: int, port: Pin) -> None:
    for reference in references(expr):
        name = reference.name if isinstance(reference, FromInput) else reference.node
        output = "" if isinstance(reference, FromInput) else reference.port or ""
        if reference.item is not None:
            output += f"[{reference.item}]"
        if name in boxes:
            sketch.connect(boxes[name], Pin(output, _word(reference.type)), target, port)


def _outputs(resolved: Resolved) -> dict[str, Expr]:
    """The outputs; if the document has none, the first output of every node that nothing reads."""
    if resolved.outputs is not None:
        return resolved.outputs
    exprs = [expr for node in resolved.nodes.values() for expr in node.expressions()]
    read = {ref.node for expr in exprs for ref in references(expr) if isinstance(ref, FromNode)}
    outputs: dict[str, Expr] = {}
    for id_, node in resolved.nodes.items():
        if id_ not in read and node.outputs:
            port, type_ = next(iter(node.outputs.items()))
            outputs[id_] = FromNode(id_, port, None, type_, node.decl.place)
    return outputs


# The expanded graph


def of_checked(checked: Checked) -> Drawing:
    """The expanded graph: the nodes of each template in a frame, and a box for every item of a `for_each`."""
    sketch, types = _Sketch(), _types(checked)
    frames: dict[str, int] = {}
    for node in checked.nodes:
        sketch.add(_expanded_box(sketch, frames, node))
    for path, reason in checked.skipped.items():
        frame, title = _frame(sketch, frames, path)
        sketch.add(Box(path, "node", title, "does not run", frame=frame, dashed=True, note=f"{path}: {reason}"))
    for node in checked.nodes:
        for port, source in node.sources.items():
            pin = Pin(port, _word(node.type.ports[port].type))
            _connect_source(sketch, types, source, node.index, pin)
    for name, source in checked.outputs.items():
        note = f"output {name}" + (f" is absent: {source.reason}" if isinstance(source, Absent) else "")
        type_ = _word(_source_type(types, source))
        box = Box(f"output {name}", "output", name, type_, dashed=isinstance(source, Absent), note=note)
        _connect_source(sketch, types, source, sketch.add(box), Pin("", type_))
    return sketch.finished(checked.document.name)


_Types = list[dict[str, Type]]
"""The types of the outputs of each node."""


def _types(checked: Checked) -> _Types:
    """The types of all outputs; variables have the type that their port takes."""
    types: _Types = []
    for node in checked.nodes:
        bound: dict[str, Type] = {}
        for port, source in node.sources.items():
            variable, given = item_of(node.type.ports[port].type), _source_type(types, source)
            if isinstance(variable, Variable) and given is not None:
                bound.setdefault(variable.name, item_of(given))
        types.append({name: _decided(output.type, bound) for name, output in node.type.outputs.items()})
    return types


def _decided(type_: Type, bound: Mapping[str, Type]) -> Type:
    variable = item_of(type_)
    chosen = bound.get(variable.name) if isinstance(variable, Variable) else None
    if chosen is None:
        return type_
    return (list_of(chosen) or chosen) if isinstance(type_, ListOf) else chosen


def _expanded_box(sketch: _Sketch, frames: dict[str, int], node: ExpandedNode) -> Box:
    kind, _, name = node.path.partition(":")
    if name:
        # Ids contain no colon: this is a file that is given for a picture.
        return Box(node.path, "picture", name, f"{kind} file", note=f"reads {name} as {kind}")
    frame, title = _frame(sketch, frames, node.path)
    return Box(node.path, "node", title, node.type.name, frame=frame, note=f"{node.path}: node {node.type.name}")


def _frame(sketch: _Sketch, frames: dict[str, int], path: str) -> tuple[int | None, str]:
    """The frame of a path, created if it is new, and the title that is left for the box."""
    *outer, last = path.split("/")
    inside, parent = "", None
    for part in outer:
        inside += f"{part}/"
        if inside not in frames:
            frames[inside] = len(sketch.frames)
            sketch.frames.append(Frame(f"{part}/…", parent))
        parent = frames[inside]
    return parent, last


def _connect_source(sketch: _Sketch, types: _Types, source: NodeSource, target: int, port: Pin) -> None:
    for output, item in _outputs_in(source):
        type_ = types[output.node][output.output]
        if sketch.boxes[output.node].kind == "picture":
            pin = Pin("", _word(type_))
        elif item is not None:
            pin = Pin(f"{output.output}[{item}]", _word(item_of(type_)))
        else:
            pin = Pin(output.output, _word(type_))
        sketch.connect(output.node, pin, target, port)


def _outputs_in(source: NodeSource) -> list[tuple[NodeOutput, int | None]]:
    """Every output that a source reads, with the index of the item."""
    if isinstance(source, ItemOf):
        return [(source.source, source.item)]
    parts = source.items if isinstance(source, Gather) else source.parts if isinstance(source, Format) else ()
    if parts:
        return [output for part in parts if not isinstance(part, str) for output in _outputs_in(part)]
    return [(source, None)] if isinstance(source, NodeOutput) else []


def _source_type(types: _Types, source: NodeSource) -> Type | None:
    """The type of a source's value; None if it is not known or mixed."""
    if isinstance(source, Format):
        return STRING
    items = {item_of(types[output.node][output.output]) for output, _ in _outputs_in(source)}
    if len(items) != 1:
        return None
    (item,) = items
    if isinstance(source, NodeOutput):
        return types[source.node][source.output]
    return list_of(item) if isinstance(source, Gather) else item


def _word(type_: Type | None) -> str:
    return str(type_) if type_ is not None else ""
