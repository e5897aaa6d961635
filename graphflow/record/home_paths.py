"""Paths in records: with `~` for the home folder, since pictures are passed on and need not reveal who made them."""

from __future__ import annotations

import re
from pathlib import Path


def home_relative(path: Path) -> str:
    """The path with `~` for the home folder."""
    for home in _homes():
        if path.is_relative_to(home):
            return str(Path("~") / path.relative_to(home))
    return str(path)


def from_home(recorded: str) -> Path:
    """The path that a record means, with `~` expanded if the home folder is known."""
    try:
        return Path(recorded).expanduser()
    except RuntimeError:
        return Path(recorded)


def named(file: str) -> str:
    """A document's file as a record names it: a path below the current folder, else only its name."""
    path, here = Path(file), Path.cwd()
    above_home = any(home != here and home.is_relative_to(here) for home in _homes())
    return path.name if path.is_absolute() or ".." in path.parts or file.startswith("~") or above_home else file


def homeless(text: str) -> str:
    """A document's text with `~` for the home folder in paths; documents read both in the same way."""
    for home in _homes():
        text = re.sub(rf"(?<![\w/.~-]){re.escape(str(home))}(?=/)", "~", text)
    return text


def _homes() -> list[Path]:
    """The home folder as named and with links resolved; nothing if it is the root or not known."""
    try:
        home = Path.home()
    except RuntimeError:
        return []
    return [folder for folder in dict.fromkeys([home, home.resolve()]) if folder.is_absolute() and folder.name]
