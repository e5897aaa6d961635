"""How a graph's outputs become files: their names, how many there are, and which of them a run may write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from graphflow.plan.plan import Plan
from graphflow.plan.sources import StepOutput, StepSource
from graphflow.record.formats import FORMATS, JSON, Format
from graphflow.record.names import RESERVED, output_file
from graphflow.record.picture_text import NO_TEXT, PictureText
from graphflow.values.any_value import describe
from graphflow.values.picture_format import PictureFormat
from graphflow.values.sources import Gather, ItemOf, Value
from graphflow.values.types import Atom, ListOf, Type, Union
from graphflow.values.value_types import value_word

PNG = PictureFormat()
"""The format of pictures, if nothing is chosen."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A file that is about to be written; `encode` returns its bytes."""

    name: str
    encode: Callable[[], bytes]


Texts: TypeAlias = Callable[[int | None, Any], PictureText]
"""From the index of an item of a list (None if the output is not one) and its value to the texts in its picture."""


def no_texts(_: int | None, __: Any) -> PictureText:
    """No text in any picture."""
    return NO_TEXT


def kind_of(value: Any) -> str:
    """The type of a value in a few words: `image`, `list of mask`, `list`."""
    if isinstance(value, tuple):
        words = list(dict.fromkeys(kind_of(item) for item in value))
        return f"list of {' | '.join(words)}" if words else "list"
    return value_word(value) or type(value).__name__


def files_for(
    name: str,
    value: Any,
    texts: Texts,
    items: Sequence[int] | None = None,
    count: int = 0,
    *,
    choice: PictureFormat = PNG,
) -> Iterator[Pending]:
    """The files of the output `name`, in order.

    Args:
        name: name of the output.
        value: a tuple for a list; an empty list has no file.
        texts: returns the texts of each picture.
        items: for an incomplete list, the index of each item of `value`, from 0; files are numbered accordingly,
            and a single file with all items has `null` for each missing one.
        count: the length of the complete list, if `items` is given.
        choice: the format of pictures.

    Raises:
        ValueError: there is no file format for a value of this type.
    """
    if not isinstance(value, tuple):
        yield _pending(name, value, _format(value, choice), texts)
        return
    if items is None:
        items, count = range(len(value)), len(value)
    formats = [_format(item, choice) for item in value]
    if formats and all(format_.joined for format_ in formats):
        numbered = dict(zip(items, value, strict=True))
        yield _pending(name, tuple(map(numbered.get, range(count))), formats[0], texts)
        return
    # Enough digits for the names to sort like the items.
    digits = max(3, len(str(count - 1)))
    for number, item, format_ in zip(items, value, formats, strict=True):
        yield _pending(f"{name}-{number:0{digits}}", item, format_, texts, number)


def has_own_file(item: Any) -> bool:
    """Whether an item of a list is written into a file of its own, whatever the other items are."""
    format_ = FORMATS.get(value_word(item) or "")
    return format_ is not None and not format_.joined


def _format(value: Any, choice: PictureFormat) -> Format:
    format_ = FORMATS.get(value_word(value) or "")
    if format_ is None:
        raise ValueError(f"there is no file format for {describe(value)}")
    return format_.chosen(choice)


def _pending(stem: str, value: Any, format_: Format, texts: Texts, item: int | None = None) -> Pending:
    ending = format_.ending(value)
    name = f"{stem}.{ending}"

    def encode() -> bytes:
        return format_.encode(value, NO_TEXT if format_.raster is None else texts(item, value))

    return Pending(f"{stem}-output.{ending}" if name in RESERVED else name, encode)


def chosen_formats(plan: Plan, call: PictureFormat) -> dict[str, PictureFormat]:
    """Output name → the format of its pictures; that of the call overrides that of the document."""
    return {name: call.over(plan.checked.resolved.formats.get(name, PNG)) for name in plan.outputs}


def has_pictures(plan: Plan, name: str) -> bool:
    """Whether an output may have pictures, judging by its type."""
    return any(format_.raster is not None for format_ in _possible(plan.outputs[name], plan).formats)


def files_possible(plan: Plan, chosen: Mapping[str, PictureFormat]) -> Callable[[str], bool]:
    """A function that says whether a run may write a file of a given name, judging by its outputs' types.

    Args:
        plan: the plan of the run.
        chosen: the format of each output's pictures.
    """
    possible = {name: _with(_possible(source, plan), chosen[name]) for name, source in plan.outputs.items()}

    def writes(name: str) -> bool:
        file = output_file(name)
        if file is None or file.output not in possible:
            return False
        formats, single, items = possible[file.output]
        if file.item is not None:
            return file.item < items and any(file.ending in format_.endings for format_ in formats)
        return any(file.ending in format_.endings and (single or format_.joined) for format_ in formats)

    return writes


class _Possible(NamedTuple):
    """The formats that an output may have, whether it may be a single value, and its greatest number of items."""

    formats: Collection[Format]
    single: bool
    items: int


def _with(possible: _Possible, choice: PictureFormat) -> _Possible:
    return possible._replace(formats=[format_.chosen(choice) for format_ in possible.formats])


def _possible(source: StepSource, plan: Plan) -> _Possible:
    if isinstance(source, Gather):
        formats = [format_ for item in source.items for format_ in _possible(item, plan).formats]
        return _Possible(formats, False, len(source.items))
    if isinstance(source, ItemOf):
        return _Possible(_possible(source.source, plan).formats, True, 0)
    if isinstance(source, StepOutput):
        function = plan.steps[source.step].function
        return _possible_of(function.types[function.outputs.index(source.output)])
    if isinstance(source, Value):
        items = source.value if isinstance(source.value, tuple) else (source.value,)
        formats = [FORMATS[word] for item in items if (word := value_word(item)) in FORMATS]
        return _Possible(formats, items is not source.value, len(items))
    return _Possible((JSON,), True, 0)


def _possible_of(type_: Type) -> _Possible:
    if isinstance(type_, Atom):
        return _Possible([FORMATS[type_.word]] if type_.word in FORMATS else [], True, 0)
    if isinstance(type_, ListOf):
        return _Possible(_possible_of(type_.item).formats, False, sys.maxsize)
    members = type_.members if isinstance(type_, Union) else type_.options
    parts = [_possible_of(member) for member in members]
    if not parts:
        return _Possible(FORMATS.values(), True, sys.maxsize)
    formats = [format_ for part in parts for format_ in part.formats]
    return _Possible(formats, any(part.single for part in parts), max(part.items for part in parts))
