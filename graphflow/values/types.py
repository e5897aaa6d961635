"""The types of edges, inputs and params, with the same names in documents, messages and Python.

An atom is one of `ATOMS`; `list of T`, `A | B` and a variable (a port takes any of several types, and an output
has the type that the port took) are made of atoms.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TypeAlias

ATOMS = (
    "string",
    "int",
    "float",
    "bool",
    "file",
    "image",
    "mask",
    "latents",
    "conditioning",
    "image_embedding",
    "control",
    "checkpoint",
    "animation",
)
"""Words of the types; `graphflow.values.value_types` says which Python class has the values of each."""

SCALARS = ("string", "int", "float", "bool")
"""The types whose values are written as a YAML scalar; for a `file` or a `checkpoint` the scalar is its name."""

PICTURES = ("image", "mask")
"""The types for which a file can be given."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One of the words of `ATOMS`."""

    word: str

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose items all have one type; there are no lists of lists."""

    item: Atom | Union | Variable

    def __str__(self) -> str:
        return f"list of ({self.item})" if isinstance(self.item, Union) else f"list of {self.item}"


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types, in the order in which they are tried."""

    members: tuple[Atom | ListOf, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.members))


@dataclass(frozen=True, slots=True)
class Variable:
    """A type that depends on the connected value; empty `options` allow every type."""

    name: str
    options: tuple[Atom | ListOf, ...] = ()

    def __str__(self) -> str:
        return " | ".join(map(str, self.options)) if self.options else "any type"


Type: TypeAlias = Atom | ListOf | Union | Variable

STRING = Atom("string")
INT = Atom("int")
FLOAT = Atom("float")
BOOL = Atom("bool")
CHECKPOINT = Atom("checkpoint")


def parse_type(text: str) -> Type:
    """Parse a type as documents write it, such as `list of image` or `image | latents`.

    Raises:
        ValueError: a word is not a type; the message is that word.
    """
    members = tuple(_parse_term(term.strip()) for term in text.split("|"))
    return members[0] if len(members) == 1 else Union(members)


def _parse_term(text: str) -> Atom | ListOf:
    words = text.split()
    if words[:2] == ["list", "of"] and len(words) == 3:
        return ListOf(_atom(words[2]))
    return _atom(text)


def _atom(word: str) -> Atom:
    if word not in ATOMS:
        raise ValueError(word)
    return Atom(word)


def fits(source: Type, target: Type) -> bool:
    """Whether a value of type `source` can be used where `target` is expected.

    int becomes float, image and mask become each other, and a single value becomes a list of one item; nothing
    else is converted silently. A list never becomes a single value.
    """
    return _fits(source, target)


@functools.lru_cache(maxsize=4096)
def _fits(source: Type, target: Type) -> bool:
    if source == target:
        return True
    if isinstance(target, Variable):
        return not target.options or any(_fits(source, option) for option in target.options)
    if isinstance(source, Union):
        return all(_fits(member, target) for member in source.members)
    if isinstance(target, Union):
        return any(_fits(source, member) for member in target.members)
    if isinstance(target, ListOf):
        return _fits(source.item if isinstance(source, ListOf) else source, target.item)
    if isinstance(source, Atom) and isinstance(target, Atom):
        return (source.word, target.word) in {("int", "float"), ("image", "mask"), ("mask", "image")}
    return False


def item_of(type_: Type) -> Type:
    """The type of a list's items; the type itself if it is not a list."""
    return type_.item if isinstance(type_, ListOf) else type_


def list_of(type_: Type) -> ListOf | None:
    """`list of T`, or None if T is a list already (format 1 has no lists of lists)."""
    if isinstance(type_, ListOf) or (isinstance(type_, Union) and any(isinstance(m, ListOf) for m in type_.members)):
        return None
    return ListOf(type_)


def member_for(type_: Type, words: tuple[str, ...]) -> Atom | None:
    """The first atom of `type_` (itself or a member of a union or variable) whose word is among `words`."""
    if isinstance(type_, Atom):
        return type_ if type_.word in words else None
    members = type_.members if isinstance(type_, Union) else type_.options if isinstance(type_, Variable) else ()
    return next((m for m in members if isinstance(m, Atom) and m.word in words), None)
