"""The file formats of outputs: a table from a type's name to the format of its values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from graphflow.record.exif_pictures import encode_jpeg, encode_webp
from graphflow.record.picture_text import NO_TEXT, PictureText
from graphflow.record.png import encode_png
from graphflow.values.picture_format import PictureFormat
from graphflow.values.raster import Raster


@dataclass(frozen=True, slots=True)
class Format:
    """How values of one type are written.

    Attributes:
        endings: possible endings of the file's name; if there are several, the value's `format` is one of them.
        encode: returns the file's bytes for a value and the texts that the file may contain.
        joined: whether a list becomes one file with all items instead of one file per item.
        raster: for a type that is written as a picture, returns the picture of a value; see `chosen`.
    """

    endings: tuple[str, ...]
    encode: Callable[[Any, PictureText], bytes]
    joined: bool = False
    raster: Callable[[Any], Raster] | None = None

    def chosen(self, choice: PictureFormat) -> Format:
        """This format; for a picture, the one that is chosen."""
        if self.raster is None:
            return self
        ending, encode = _PICTURE_FILES[choice.name or "png"]
        raster = self.raster
        return replace(self, endings=(ending,), encode=lambda value, text: encode(raster(value), text, choice.quality))

    def ending(self, value: Any) -> str:
        """The ending of the name of this value's file."""
        return self.endings[0] if len(self.endings) == 1 else str(value.format)


def _json(value: Any, _: PictureText) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()


def _file(value: Any, _: PictureText) -> bytes:
    from graphflow.record.plain_values import plain

    return _json(plain(value), NO_TEXT)


def _latents(value: Any, _: PictureText) -> bytes:
    from graphflow.values.tensors import to_safetensors

    noise = {} if value.noise is None else {"noise": value.noise.to_json()}
    return to_safetensors({"latents": value.tensor}, {"space": value.space.to_json(), **noise})


def _conditioning(value: Any, _: PictureText) -> bytes:
    from graphflow.values.tensors import to_safetensors

    return to_safetensors(value.tensors, {"readout": value.readout, "encoder": value.encoder})


def _image_embedding(value: Any, _: PictureText) -> bytes:
    from graphflow.values.tensors import to_safetensors

    return to_safetensors(value.tensors, {"space": value.space.to_json()})


_PICTURE_FILES: dict[str, tuple[str, Callable[[Raster, PictureText, int | None], bytes]]] = {
    "png": ("png", lambda picture, text, _: encode_png(picture, *text)),
    "jpeg": ("jpg", lambda picture, text, quality: encode_jpeg(picture, text.record, quality, text.parameters)),
    "webp": ("webp", lambda picture, text, quality: encode_webp(picture, text.record, quality, text.parameters)),
}
"""Name of a format of pictures → ending of its files, and the function that writes a picture."""


def _picture(raster: Callable[[Any], Raster]) -> Format:
    """The format of a type that is written as pictures: PNG files, if nothing is chosen."""
    endings = tuple(ending for ending, _ in _PICTURE_FILES.values())
    return Format(endings, lambda value, text: encode_png(raster(value), *text), raster=raster)


JSON = Format(("json",), _json, joined=True)
FORMATS: dict[str, Format] = {
    **dict.fromkeys(("image", "mask"), _picture(lambda picture: picture)),
    "animation": Format(("gif", "webp"), lambda animation, _: bytes(animation.encode())),
    **dict.fromkeys(("string", "int", "float", "bool"), JSON),
    "file": Format(("json",), _file, joined=True),
    "latents": Format(("safetensors",), _latents),
    "conditioning": Format(("safetensors",), _conditioning),
    "image_embedding": Format(("safetensors",), _image_embedding),
    "control": _picture(lambda control: control.seen()),
}
"""Name of a type → its file format."""
