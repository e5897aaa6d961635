"""Refuse checkpoints that contain Python code of their own, which transformers would run after asking the user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from graphflow.checkpoints.reading import read_json
from graphflow.document.refusal import Refusal

_KEY = "auto_map"
"""The key in a config that names a class in a Python file of the checkpoint or of another repository."""
_LARGE = ("tokenizer.json", "vocab.json")
"""Vocabularies: they can contain any word, but do not name classes."""


def refuse_own_code(name: str, folders: Iterable[Path]) -> None:
    """Refuse a checkpoint if one of its configs names code of its own, at any depth.

    Args:
        name: name of the checkpoint, for messages.
        folders: the folders that are read when it is loaded.

    Raises:
        Refusal: a config names code.
    """
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            if path.name in _LARGE or path.name.endswith(".index.json"):
                continue
            try:
                config = read_json(path)
            except Refusal:
                # The code that needs this file reports that it cannot be read.
                continue
            if code := _named_code(config):
                why = f"{_KEY} in {folder.name}/{path.name} names {code}, and loading can run it"
                fix = "name a checkpoint that needs no code of its own"
                raise Refusal("checkpoint-unsafe", f"{name} brings code of its own", why, fix)


def _named_code(config: Any) -> str:
    """The first class that an `auto_map` names; empty if there is none."""
    return next((_first(value[_KEY]) for value in _values(config) if isinstance(value, dict) and value.get(_KEY)), "")


def _first(value: Any) -> str:
    return next((text for text in _values(value) if isinstance(text, str)), "something")


def _values(config: Any) -> Iterator[Any]:
    """A value and all values in it, at any depth, in no particular order."""
    waiting = [config]
    while waiting:
        yield (value := waiting.pop())
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
