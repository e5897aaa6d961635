"""The file formats of outputs: a table from a type's name to the format of its values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphflow.record.png import encode_png


@dataclass(frozen=True, slots=True)
class Format:
    """How values of one type are written.

    Attributes:
        endings: possible endings of the file's name; if there are several, the value's `format` is one of them.
        encode: returns the file's bytes for a value and the text that the file may contain.
        joined: whether a list becomes one file with all items instead of one file per item.
    """

    endings: tuple[str, ...]
    encode: Callable[[Any, str | None], bytes]
    joined: bool = False

    def ending(self, value: Any) -> str:
        """The ending of the name of this value's file."""
        return self.endings[0] if len(self.endings) == 1 else str(value.format)


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


def _image_embedding(value: Any, _: str | None) -> bytes:
    from graphflow.values.tensors import to_safetensors

    return to_safetensors(value.tensors, {"space": value.space.to_json()})


_PNG = Format(("png",), encode_png)
JSON = Format(("json",), _json, joined=True)
FORMATS: dict[str, Format] = {
    "image": _PNG,
    "mask": _PNG,
    "animation": Format(("gif", "webp"), lambda animation, _: bytes(animation.encode())),
    **dict.fromkeys(("string", "int", "float", "bool"), JSON),
    "file": Format(("json",), _file, joined=True),
    "latents": Format(("safetensors",), _latents),
    "conditioning": Format(("safetensors",), _conditioning),
    "image_embedding": Format(("safetensors",), _image_embedding),
    "control": Format(("png",), lambda control, text: encode_png(control.seen(), text)),
}
"""Name of a type → its file format."""
