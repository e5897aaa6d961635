"""How a graph's outputs become files: one table from a type's word to the ending and the bytes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphflow.plan.plan import Plan
from graphflow.plan.sources import StepOutput, StepSource
from graphflow.record.names import RESERVED, output_file
from graphflow.record.png import encode_png
from graphflow.values.sources import Gather, ItemOf, Value
from graphflow.values.types import Atom, ListOf, Type, Union
from graphflow.values.value import describe, value_word


@dataclass(frozen=True, slots=True)
class Format:
    """How values of one type are written.

    Attributes:
        endings: that the file's name can have; where there are several, the value's `format` is one of them.
        encode: the file's bytes, from the value and the text that it may carry.
        joined: a list is one file that holds all items, not one file an item.
    """

    endings: tuple[str, ...]
    encode: Callable[[Any, str | None], bytes]
    joined: bool = False

    def ending(self, value: Any) -> str:
        """The ending of the name of this value's file."""
        return self.endings[0] if len(self.endings) == 1 else str(value.format)


@dataclass(frozen=True, slots=True)
class Pending:
    """A file that is about to be written; `encode` makes its bytes."""

    name: str
    encode: Callable[[], bytes]


def _json(value: Any, _: str | None) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()


def _file(value: Any, _: str | None) -> bytes:
    from graphflow.record.describe import plain

    return _json(plain(value), None)


def _latents(value: Any, _: str | None) -> bytes:
    from graphflow.values.tensors import to_safetensors

    noise = {} if value.noise is None else {"noise": value.noise.to_json()}
    return to_safetensors({"latents": value.tensor}, {"space": value.space.to_json(), **noise})


def _conditioning(value: Any, _: str | None) -> bytes:
    from graphflow.values.tensors import to_safetensors

    return to_safetensors(value.tensors, {"readout": value.readout, "encoder": value.encoder})


_PNG = Format(("png",), encode_png)
_JSON = Format(("json",), _json, joined=True)
FORMATS: dict[str, Format] = {
    "image": _PNG,
    "mask": _PNG,
    "animation": Format(("gif", "webp"), lambda animation, _: bytes(animation.encode())),
    **dict.fromkeys(("string", "int", "float", "bool"), _JSON),
    "file": Format(("json",), _file, joined=True),
    "latents": Format(("safetensors",), _latents),
    "conditioning": Format(("safetensors",), _conditioning),
    "control": Format(("png",), lambda control, text: encode_png(control.seen(), text)),
}
"""The type's word → how a value of it is written."""


def kind_of(value: Any) -> str:
    """The type of a value in a word or two: `image`, `list of mask`, `list`."""
    if isinstance(value, tuple):
        words = list(dict.fromkeys(kind_of(item) for item in value))
        return f"list of {' | '.join(words)}" if words else "list"
    return value_word(value) or type(value).__name__


def files_for(
    name: str, value: Any, text: str | None, items: Sequence[int] | None = None, count: int = 0
) -> Iterator[Pending]:
    """The files of the output `name`, in order.

    Args:
        name: the output's.
        value: a tuple for a list; an empty one has no file.
        text: carried by pictures; None for none.
        items: of a list that is not whole, the number of each item of `value`, from 0; files have these numbers,
            and one file that holds all items has `null` for each that is missing.
        count: how many items the whole list has, where `items` is given.

    Raises:
        ValueError: there is no format for a value of this type.
    """
    if not isinstance(value, tuple):
        yield _pending(name, value, _format(value), text)
        return
    if items is None:
        items, count = range(len(value)), len(value)
    formats = [_format(item) for item in value]
    if formats and all(one.joined for one in formats):
        numbered = dict(zip(items, value, strict=True))
        yield _pending(name, tuple(map(numbered.get, range(count))), formats[0], text)
        return
    # So many digits that the names sort as the items do.
    digits = max(3, len(str(count - 1)))
    for number, item, one in zip(items, value, formats, strict=True):
        yield _pending(f"{name}-{number:0{digits}}", item, one, text)


def _format(value: Any) -> Format:
    found = FORMATS.get(value_word(value) or "")
    if found is None:
        raise ValueError(f"there is no file format for {describe(value)}")
    return found


def _pending(stem: str, value: Any, one: Format, text: str | None) -> Pending:
    name = f"{stem}.{one.ending(value)}"
    return Pending(f"{stem}-output.{one.ending(value)}" if name in RESERVED else name, lambda: one.encode(value, text))


def files_possible(plan: Plan) -> Callable[[str], bool]:
    """Whether a run of `plan` may write a file of a name, as far as the types of its outputs tell."""
    possible = {name: _possible(source, plan) for name, source in plan.outputs.items()}

    def writes(name: str) -> bool:
        file = output_file(name)
        if file is None or file.output not in possible:
            return False
        formats, single, items = possible[file.output]
        if file.item is not None:
            return file.item < items and any(file.ending in one.endings for one in formats)
        return any(file.ending in one.endings and (single or one.joined) for one in formats)

    return writes


class _Possible(NamedTuple):
    """Formats that an output may have, whether it may be a single value, and how many items it has at most."""

    formats: Collection[Format]
    single: bool
    items: int


def _possible(source: StepSource, plan: Plan) -> _Possible:
    if isinstance(source, Gather):
        found = [one for item in source.items for one in _possible(item, plan).formats]
        return _Possible(found, False, len(source.items))
    if isinstance(source, ItemOf):
        return _Possible(_possible(source.source, plan).formats, True, 0)
    if isinstance(source, StepOutput):
        function = plan.steps[source.step].function
        return _possible_of(function.types[function.outputs.index(source.output)])
    if isinstance(source, Value):
        items = source.value if isinstance(source.value, tuple) else (source.value,)
        found = [FORMATS[word] for item in items if (word := value_word(item)) in FORMATS]
        return _Possible(found, items is not source.value, len(items))
    return _Possible((_JSON,), True, 0)


def _possible_of(type_: Type) -> _Possible:
    if isinstance(type_, Atom):
        return _Possible([FORMATS[type_.word]] if type_.word in FORMATS else [], True, 0)
    if isinstance(type_, ListOf):
        return _Possible(_possible_of(type_.item).formats, False, sys.maxsize)
    members = type_.members if isinstance(type_, Union) else type_.options
    parts = [_possible_of(member) for member in members]
    if not parts:
        return _Possible(FORMATS.values(), True, sys.maxsize)
    formats = [one for part in parts for one in part.formats]
    return _Possible(formats, any(part.single for part in parts), max(part.items for part in parts))
