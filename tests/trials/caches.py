"""A cache of results seen from outside: what is left over in its folder, and what events say was executed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path


def left_over(cache: Path) -> str:
    """What the folder has that belongs to no result and no running process; empty if there is nothing."""
    files = {path.parent.name + path.name: path for path in cache.glob("contents/[0-9a-f][0-9a-f]/*")}
    rows = _rows(cache / "index.sqlite3")
    for what, found in (
        ("leases of dead processes", list(cache.glob("leases/*"))),
        ("unfinished contents", list(cache.glob("contents/unfinished/*"))),
        ("contents without a row", [path for name, path in files.items() if name not in rows]),
        ("rows without a content", [name for name, inline in rows.items() if not inline and name not in files]),
        ("temporary files", [path for path in cache.rglob("*") if path.name.endswith((".tmp", ".part"))]),
    ):
        if found:
            return f"{what}: {len(found)}"
    return ""


def _rows(index: Path) -> dict[str, bool]:
    """The id of each content in hexadecimal → whether its bytes are in the index itself."""
    if not index.exists():
        return {}
    connection = sqlite3.connect(index)
    try:
        return {id_.hex(): inline is not None for id_, inline in connection.execute("SELECT id, inline FROM contents")}
    finally:
        connection.close()


def events(folder: Path, kind: str) -> list[dict]:
    """The events of one kind in a run's record; a last line that is cut off is not read."""
    path = folder / "events.jsonl"
    whole = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [event for event in map(json.loads, whole) if event["event"] == kind]


def finished(folder: Path) -> set[str]:
    """The steps that have a result, by what the record says."""
    return {event["step"] for event in events(folder, "step_finished")}


def executed(folder: Path) -> set[str]:
    """The steps that were begun, or that have a result that is not from a cache."""
    begun = {event["step"] for event in events(folder, "step_started")}
    return begun | {event["step"] for event in events(folder, "step_finished") if not event["cached"]}
