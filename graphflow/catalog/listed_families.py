"""A catalog's list of families: values, and strings `module:NAME` that are imported when one is first needed."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphflow.checkpoints.families import Families
from graphflow.checkpoints.family import Family
from graphflow.checkpoints.model_class import ModelClass
from graphflow.errors import DefinitionError

FamilyEntry: TypeAlias = str | Family | ModelClass
"""A family, or a class that belongs to no family; or `module:NAME` of such a value or of a tuple of them."""


@dataclass(frozen=True)
class Listed:
    """An entry of a catalog, with the place at which it is listed, for messages."""

    entry: FamilyEntry
    where: str


def imported(entry: str) -> Any:
    """Import the value that a catalog lists as `module:NAME`.

    Raises:
        DefinitionError: it cannot be imported.
    """
    module, _, name = entry.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DefinitionError(f"the catalog lists {entry}, which cannot be imported: {error}") from error


def families_of(entries: Iterable[Listed]) -> Families:
    """The families and classes of these entries; duplicates are ignored.

    Raises:
        DefinitionError: two families or two classes have the same name, or an entry cannot be imported or is neither.
    """
    families: dict[str, tuple[Family, str]] = {}
    classes: dict[str, tuple[ModelClass, str]] = {}
    values = tuple(_values(entries))
    for value, where in values:
        if isinstance(value, Family):
            _add(families, value, where, "families")
    for value, where in values:
        for class_ in value.classes if isinstance(value, Family) else (value,):
            _add(classes, class_, where, "classes of components")
    others = dict.fromkeys(value for value, _ in values if isinstance(value, ModelClass))
    return Families(tuple(family for family, _ in families.values()), tuple(others))


def _values(entries: Iterable[Listed]) -> Iterator[tuple[Family | ModelClass, str]]:
    for listed in entries:
        entry = imported(listed.entry) if isinstance(listed.entry, str) else listed.entry
        for value in entry if isinstance(entry, (tuple, list)) else (entry,):
            if not isinstance(value, (Family, ModelClass)):
                raise DefinitionError(f"{listed.where} is a {type(value).__name__}, neither a Family nor a ModelClass")
            yield value, listed.where


def _add(known: dict[str, tuple[Any, str]], value: Family | ModelClass, where: str, what: str) -> None:
    other, place = known.setdefault(value.name, (value, where))
    if other is not value:
        raise DefinitionError(f"two {what} are named {value.name}: {place}, {where}")
