"""How pictures become files: a format and its quality, as documents and calls choose them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from graphflow.errors import InvalidValue
from graphflow.problems import did_you_mean
from graphflow.values.any_value import describe
from graphflow.values.types import Atom, ListOf, Type, Union

PICTURE_FORMATS = ("png", "jpeg", "webp")
"""The formats; PNG is the default."""

LOSSY = ("jpeg", "webp")
"""Those that have a quality."""

QUALITIES = range(1, 101)

WRITTEN_AS_PICTURES = ("image", "mask", "control")
"""The types whose values are written in one of these formats."""


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """What is said about the files of pictures.

    Attributes:
        name: one of `PICTURE_FORMATS`; None if nothing is said.
        quality: 1 to 100; None if nothing is said. It has no effect on PNG files.
    """

    name: str | None = None
    quality: int | None = None

    @classmethod
    def of(cls, name: str | None, quality: int | None) -> Self:
        """A format from a call's arguments.

        Raises:
            InvalidValue: a value is not allowed.
        """
        if name is not None and name not in PICTURE_FORMATS:
            fix = did_you_mean(str(name), PICTURE_FORMATS, else_="the formats are")
            raise InvalidValue(f"{describe(name)} is not a format of pictures; {fix}")
        if quality is not None and not is_quality(quality):
            raise InvalidValue(f"{describe(quality)} is not a quality; give a whole number from 1 to 100")
        return cls(name, quality)

    @property
    def lossy(self) -> bool:
        """Whether the quality has an effect."""
        return self.name in LOSSY

    def over(self, other: PictureFormat) -> PictureFormat:
        """This format, with what `other` says where this one says nothing."""
        quality = self.quality if self.quality is not None else other.quality
        return PictureFormat(self.name or other.name, quality)


def is_quality(value: object) -> bool:
    """Whether a value is a quality: an int from 1 to 100."""
    return isinstance(value, int) and not isinstance(value, bool) and value in QUALITIES


def holds_pictures(type_: Type) -> bool:
    """Whether values of a type can be written as pictures, or can contain some that are."""
    if isinstance(type_, Atom):
        return type_.word in WRITTEN_AS_PICTURES
    if isinstance(type_, ListOf):
        return holds_pictures(type_.item)
    members = type_.members if isinstance(type_, Union) else type_.options
    return not members or any(holds_pictures(member) for member in members)
