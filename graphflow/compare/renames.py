"""Nodes and inputs that have another name in the other document, recognised by what they are and what they read."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from graphflow.compare.meaning import Meaning

_ROUNDS = 8
"""Levels of producers that the first comparison of nodes includes."""


def renamed_inputs(before: Meaning, now: Meaning) -> dict[str, str]:
    """Name of an input that only `before` has → the name of an equal one that only `now` has."""

    def facts(meaning: Meaning) -> dict[str, Hashable]:
        return {
            name: (str(decl.type), repr([meaning.value(tree, decl.type, literal=True) for tree in _limits(decl)]))
            for name, decl in meaning.document.inputs.items()
        }

    return _matched(facts(before), facts(now), unique=True)


def renamed_checkpoints(before: Meaning, now: Meaning) -> dict[str, str]:
    """Name of a checkpoint's entry that only `before` has → the name of an equal one that only `now` has."""

    def facts(meaning: Meaning) -> dict[str, Hashable]:
        return {name: repr(sorted(meaning.source(name).items())) for name in meaning.document.checkpoints}

    return _matched(facts(before), facts(now))


def renamed_nodes(before: Meaning, now: Meaning) -> dict[str, str]:
    """Id of a node that only `before` has → the id of an equal one that only `now` has.

    Nodes are equal if they have the same type and values, and read the same outputs of nodes of the same types. Of
    several such nodes, those whose producers are equal too are matched first, then in the order of the documents.
    """
    matched: dict[str, str] = {}
    for rounds in (_ROUNDS, 1, 0):
        old, new = _signatures(before, rounds), _signatures(now, rounds)
        for name, other in matched.items():
            del old[name], new[other]
        matched |= _matched(old, new)
    return matched


def _limits(decl: Any) -> tuple[Any, ...]:
    return decl.default, decl.minimum, decl.maximum


def _matched(before: Mapping[str, Hashable], now: Mapping[str, Hashable], *, unique: bool = False) -> dict[str, str]:
    """Name → other name, for names with equal facts that only one of the two has.

    Args:
        before: name → facts.
        now: name → facts.
        unique: whether facts that several names share match nothing.
    """
    free = defaultdict(list)
    for name, fact in now.items():
        if name not in before:
            free[fact].append(name)
    lost = defaultdict(list)
    for name, fact in before.items():
        if name not in now:
            lost[fact].append(name)
    return {
        name: other
        for fact, names in lost.items()
        if not unique or len(names) == len(free[fact]) == 1
        for name, other in zip(names, free[fact], strict=False)
    }


def _signatures(meaning: Meaning, rounds: int) -> dict[str, Hashable]:
    """Id → digest of a node's type, values and producers, up to `rounds` levels upstream."""
    nodes = meaning.document.nodes
    kinds = {id_: _digest(meaning.kind(node)) for id_, node in nodes.items()}
    keys = {id_: meaning.keys(node) for id_, node in nodes.items()}
    known: dict[str, str] = dict(kinds)
    signed: dict[str, str] = {}
    for _ in range(rounds + 1):
        signed = {id_: _digest((kinds[id_], _named(keys[id_], known.get))) for id_ in nodes}
        known = signed
    return dict(signed)


def _named(keys: Mapping[str, Any], known: Callable[[str], str | None]) -> list[Any]:
    return [(key, _replaced(value, known)) for key, value in sorted(keys.items(), key=lambda one: one[0])]


def _replaced(value: Any, known: Callable[[str], str | None]) -> Any:
    """A meaning with the names of nodes in references replaced by what is known of them."""
    if isinstance(value, tuple) and len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], str):
        return (known(value[0]) or value[0], *value[1:])
    return tuple(_replaced(part, known) for part in value) if isinstance(value, tuple) else value


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()
