"""How a graph's outputs become files: one table from a type's word to the ending and the bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.record.names import RESERVED
from graphflow.record.png import encode_png
from graphflow.values import describe, value_word


@dataclass(frozen=True, slots=True)
class Format:
    """How values of one type are written.

    Attributes:
        ending: of the file's name, from the value.
        encode: the file's bytes, from the value and the text that it may carry.
        joined: a list is one file that holds all items, not one file an item.
    """

    ending: Callable[[Any], str]
    encode: Callable[[Any, str | None], bytes]
    joined: bool = False


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
    from graphflow.tensors import to_safetensors

    noise = {} if value.noise is None else {"noise": value.noise.to_json()}
    return to_safetensors({"latents": value.tensor}, {"space": value.space.to_json(), **noise})


def _conditioning(value: Any, _: str | None) -> bytes:
    from graphflow.tensor_values import TENSORS
    from graphflow.tensors import to_safetensors

    named = {name: getattr(value, name) for name in TENSORS}
    about = {"readout": value.readout, "encoder": value.encoder}
    return to_safetensors({name: tensor for name, tensor in named.items() if tensor is not None}, about)


_PNG = Format(lambda _: "png", encode_png)
_JSON = Format(lambda _: "json", _json, joined=True)
FORMATS: dict[str, Format] = {
    "image": _PNG,
    "mask": _PNG,
    "animation": Format(lambda animation: str(animation.format), lambda animation, _: bytes(animation.encode())),
    **dict.fromkeys(("string", "int", "float", "bool"), _JSON),
    "file": Format(lambda _: "json", _file, joined=True),
    "latents": Format(lambda _: "safetensors", _latents),
    "conditioning": Format(lambda _: "safetensors", _conditioning),
    "control": Format(lambda _: "png", lambda control, text: encode_png(control.seen(), text)),
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
