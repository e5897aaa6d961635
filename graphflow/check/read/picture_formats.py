"""The formats that a document chooses for the pictures of its outputs."""

from __future__ import annotations

from graphflow.check.read.resolved import Resolved
from graphflow.document.model import OutputDecl
from graphflow.document.scalars import read_scalar
from graphflow.errors import InvalidValue
from graphflow.problems import did_you_mean
from graphflow.values.picture_format import (
    LOSSY,
    PICTURE_FORMATS,
    QUALITIES,
    PictureFormat,
    holds_pictures,
)
from graphflow.values.types import Type, item_of


def picture_formats(resolved: Resolved) -> dict[str, PictureFormat]:
    """Output name → its format, for those that have one; problems are reported to `resolved`.

    Args:
        resolved: with its outputs read.
    """
    found = {}
    for name, decl in (resolved.document.outputs or {}).items():
        if decl.format is None and decl.quality is None:
            continue
        format_ = PictureFormat(_name(decl, resolved), _quality(decl, resolved))
        type_ = (resolved.outputs or {})[name].type
        if type_ is not None and not holds_pictures(type_):
            _report_other_type(decl, type_, resolved)
        elif decl.quality is not None and not format_.lossy and (decl.format is None or format_.name is not None):
            message = f"quality has no effect on the output {name}"
            fix = f"remove quality, or write format: {' or '.join(LOSSY)}"
            resolved.report("no-effect", message, decl.quality.place, why="PNG files lose nothing", fix=fix)
        found[name] = format_
    return found


def _name(decl: OutputDecl, resolved: Resolved) -> str | None:
    if decl.format is None or decl.format.text in PICTURE_FORMATS:
        return None if decl.format is None else decl.format.text
    message = f"the output {decl.name}: {decl.format.text!r} is not a format of pictures"
    fix = did_you_mean(decl.format.text, PICTURE_FORMATS, else_="the formats are")
    resolved.report("bad-value", message, decl.format.place, fix=fix)
    return None


def _quality(decl: OutputDecl, resolved: Resolved) -> int | None:
    if decl.quality is None:
        return None
    message = f"{decl.quality.text} is not a quality"
    try:
        quality: int = read_scalar(decl.quality, "int")
        if quality in QUALITIES:
            return quality
    except InvalidValue as error:
        message = str(error)
    fix = f"write a whole number from {QUALITIES[0]} to {QUALITIES[-1]}"
    resolved.report("bad-value", f"the output {decl.name}: {message}", decl.quality.place, fix=fix)
    return None


def _report_other_type(decl: OutputDecl, type_: Type, resolved: Resolved) -> None:
    written = {"format": decl.format, "quality": decl.quality}
    key, scalar = next((key, scalar) for key, scalar in written.items() if scalar is not None)
    message = f"the output {decl.name} cannot have a {key}: it is {type_}, not a picture"
    own = " (format is a value of the node that makes the animation)" if str(item_of(type_)) == "animation" else ""
    resolved.report("type-mismatch", message, scalar.place, fix=f"remove {key}{own}")
