"""Checkpoints with one file of theirs mangled: cut, emptied, turned into something else, its JSON changed."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Change = Callable[[Path], None]

_OTHERS: tuple[Any, ...] = (None, True, -1, 0, 10**9, 1.5, "x", [], [1, 2], {}, {"a": 1})
"""Values of other types and sizes, one of which takes the place of a setting's."""


def changes(folder: Path, seed: int, values: int | None = 2) -> Iterator[tuple[str, Path, Change]]:
    """What is done to a checkpoint, one thing at a time: what it is called, the file, and how to do it.

    Args:
        folder: of the checkpoint.
        seed: chooses among the values that take a setting's place.
        values: how many of these are tried for each setting; None: settings stay as they are.
    """
    chance = random.Random(seed)
    for path in sorted(one.relative_to(folder) for one in folder.rglob("*") if one.is_file()):
        for name, change in _WHOLE.items():
            yield f"{path} {name}", path, change
        if path.suffix == ".json" and values is not None:
            for key in json.loads((folder / path).read_text(encoding="utf-8")):
                yield f"{path} without {key}", path, _without(key)
                for other in chance.sample(_OTHERS, values):
                    yield f"{path} {key}: {json.dumps(other)}", path, _with(key, other)


def mangled(source: Path, target: Path, path: Path, change: Change) -> Path:
    """A copy of a checkpoint with one file changed; the other files are linked."""
    for one in source.rglob("*"):
        if one.is_file():
            place = target / one.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(one)
    place = target / path
    place.unlink()
    shutil.copy(source / path, place)
    change(place)
    return target


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: Path) -> None:
    """A bit of a byte near the start, where a header is."""
    content = bytearray(path.read_bytes())
    content[min(len(content) - 1, 12)] ^= 0x08
    path.write_bytes(content)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


_WHOLE: dict[str, Change] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b"") and None,
    "cut": _cut,
    "flipped": _flip,
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00") and None,
    "a list": lambda path: path.write_text("[]") and None,
    "nested": lambda path: path.write_text('{"a": ' * 100_000 + "1" + "}" * 100_000) and None,
    "a folder": _folder,
}


def _without(key: str) -> Change:
    def change(path: Path) -> None:
        told = json.loads(path.read_text(encoding="utf-8"))
        del told[key]
        path.write_text(json.dumps(told), encoding="utf-8")

    return change


def _with(key: str, value: Any) -> Change:
    def change(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {key: value}), encoding="utf-8")

    return change
