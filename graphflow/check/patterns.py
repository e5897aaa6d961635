"""Patterns such as `photos/**/*.png`: the files that they match, found within limits."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from graphflow.document.refusal import Refusal
from graphflow.limits import ENTRIES, FILES


def matching_files(folder: Path, pattern: Path, shown: str) -> list[Path]:
    """The files that a pattern matches, in the natural order of their paths (`2.png` before `10.png`).

    As usual, `*`, `?` and `[…]` stay within one name, `**` is any number of folders, and a name that begins with a dot
    is matched only by a pattern that begins with one. A link to a folder is followed, but not if it leads upwards.

    Args:
        folder: the folder of a relative pattern; its own name is not a pattern, whatever it contains.
        pattern: a path with `*`, `?`, `[…]` or `**`.
        shown: the pattern as messages show it.

    Raises:
        Refusal: it matches more than `FILES` files, or more than `ENTRIES` entries would have to be searched.
    """
    walk = _Walk(shown, pattern.parts[1:] if pattern.is_absolute() else pattern.parts)
    walk.run(Path(pattern.anchor) if pattern.is_absolute() else folder)
    return sorted(walk.files, key=_natural)


def files_in(folder: Path, endings: tuple[str, ...], shown: str) -> list[Path]:
    """The files directly in a folder whose names have one of these endings, in the natural order of their names.

    As with patterns, names that begin with a dot are left out.

    Raises:
        Refusal: more than `FILES`, or more than `ENTRIES` entries in all.
    """
    walk = _Walk(shown, ())
    for entry in walk.entries(folder):
        hidden = entry.name.startswith(".")
        if not hidden and entry.name.lower().endswith(endings) and entry.is_file():
            walk.take(Path(entry.path))
    return sorted(walk.files, key=_natural)


_DIGITS = re.compile(r"([0-9]+)")


def _natural(path: Path) -> tuple[list[list[str | int]], str]:
    """Sorts paths as people number them: digits by their value, letters without regard to case."""
    # In each part of a path, text and digits alternate, so only equal kinds are compared.
    parts = [_DIGITS.split(part.casefold()) for part in path.parts]
    return [
        [int(piece) if piece.isascii() and piece.isdigit() else piece for piece in pieces] for pieces in parts
    ], str(path)


@dataclass
class _Walk:
    shown: str
    parts: tuple[str, ...]
    files: set[Path] = field(default_factory=set)
    seen: int = 0

    def run(self, root: Path) -> None:
        """Match the parts from `root` on, with a stack of folders and how many parts led there."""
        pending = [(root, 0)]
        done = set()
        while pending:
            here = pending.pop()
            if here in done:
                continue
            done.add(here)
            folder, at = here
            if at == len(self.parts):
                if folder.is_file():
                    self.take(folder)
            elif self.parts[at] == "**":
                pending.append((folder, at + 1))
                for entry in self.entries(folder):
                    if entry.name.startswith("."):
                        continue
                    if _is_folder_below(entry):
                        pending.append((Path(entry.path), at))
                    elif at == len(self.parts) - 1:
                        pending.append((Path(entry.path), at + 1))
            elif glob.has_magic(self.parts[at]):
                pending += [(path, at + 1) for path in self._named(folder, self.parts[at])]
            else:
                pending.append((folder / self.parts[at], at + 1))

    def _named(self, folder: Path, pattern: str) -> list[Path]:
        matches = re.compile(fnmatch.translate(pattern)).match
        hidden = pattern.startswith(".")
        return [
            Path(entry.path)
            for entry in self.entries(folder)
            if matches(entry.name) and (hidden or not entry.name.startswith("."))
        ]

    def entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """The entries of a folder; none if it is not a folder, or access is denied."""
        listed = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self.seen += 1
                    if self.seen > ENTRIES:
                        raise Refusal(
                            "over-limit",
                            f"{self.shown} would search more than {ENTRIES:,} files and folders",
                            fix="start it with a folder that has fewer",
                        )
                    listed.append(entry)
        except OSError:
            return listed
        return listed

    def take(self, path: Path) -> None:
        self.files.add(path)
        if len(self.files) > FILES:
            raise Refusal(
                "over-limit", f"{self.shown} matches more than {FILES:,} files", fix="match fewer, in several graphs"
            )


def _is_folder_below(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, but not a link to one that contains it."""
    try:
        if not entry.is_dir():
            return False
        return not entry.is_symlink() or not Path(entry.path).is_relative_to(Path(entry.path).resolve())
    except (OSError, RuntimeError):
        return False
