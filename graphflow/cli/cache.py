"""`graphflow cache`: what is in the cache of results, and removing what is old, left over or damaged."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from graphflow.cli.codes import DONE, FAILED
from graphflow.cli.screens import echo, echo_json
from graphflow.errors import GraphflowError
from graphflow.store.disk_store import LIMIT, DiskStore
from graphflow.store.upkeep import Removed, clear, holdings, prune, verify
from graphflow.system.cache_folder import usual_size
from graphflow.system.paths import path_of
from graphflow.text_helpers.words import counted, size_text

_ACTIONS = {
    "info": "show where it is and what it holds",
    "prune": "remove what exceeds a size or an age, and what killed runs left over",
    "clear": "remove all that no running process uses",
    "verify": "read every value and remove damaged ones",
}
_AGE = re.compile(r"([0-9]+)\s*(m|h|d|w)")
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    known = ", ".join(f"{name} to {does}" for name, does in _ACTIONS.items())
    parser.add_argument("action", metavar="ACTION", choices=_ACTIONS, help=known)
    parser.add_argument("--cache", metavar="DIR", help="another cache than the one of this user")
    parser.add_argument(
        "--cache-size", metavar="5GiB", help=f"prune: most bytes of values that stay; {LIMIT} by default"
    )
    parser.add_argument(
        "--older-than", metavar="30d", help="prune: also remove what was not used for so many m, h, d, w"
    )
    parser.add_argument("--json", action="store_true", help="print the facts as one JSON object")


def execute(arguments: argparse.Namespace) -> int:
    """Run the action.

    Raises:
        GraphflowError: an option is not one of the action, or has no such value.
    """
    if arguments.action != "prune" and (arguments.cache_size is not None or arguments.older_than is not None):
        raise GraphflowError("--cache-size and --older-than are options of prune; leave them out, or write prune")
    folder = None if arguments.cache is None else path_of(arguments.cache)
    store = DiskStore(folder, _limit(arguments.cache_size))
    try:
        return {"info": _info, "prune": _prune, "clear": _clear, "verify": _verify}[arguments.action](store, arguments)
    finally:
        store.close()


def _limit(given: str | None) -> int | str:
    # A usual size of 0 means that runs keep nothing, not that what is there has to go.
    return given if given is not None else usual_size(LIMIT) or LIMIT


def _info(store: DiskStore, arguments: argparse.Namespace) -> int:
    found = holdings(store)
    if arguments.json:
        times = {"oldest": _time(found.oldest), "newest": _time(found.newest)}
        _print({"folder": str(store.folder), **_fields(found), **times, "limit": store.limit})
        return DONE
    echo(f"folder   {store.folder}")
    echo(f"results  {found.results:,} of steps")
    echo(f"values   {found.contents:,}, {size_text(found.nbytes)} of at most {size_text(store.limit)}")
    if found.oldest is not None:
        echo(f"used     {_time(found.oldest)} to {_time(found.newest)}")
    if found.processes:
        processes = counted(found.processes, "running process", "running processes")
        echo(f"in use   {counted(found.leased, 'value')}, by {processes}")
    return DONE


def _prune(store: DiskStore, arguments: argparse.Namespace) -> int:
    before = None if arguments.older_than is None else time.time() - _age(arguments.older_than)
    return _removed(prune(store, before=before), arguments)


def _clear(store: DiskStore, arguments: argparse.Namespace) -> int:
    return _removed(clear(store), arguments)


def _removed(removed: Removed, arguments: argparse.Namespace) -> int:
    if arguments.json:
        _print(_fields(removed))
        return DONE
    if not removed.contents and not removed.results and not removed.leftovers:
        echo("nothing to remove")
    if removed.contents:
        echo(f"removed {counted(removed.contents, 'value')}, {size_text(removed.nbytes)}")
    if removed.results:
        echo(f"removed {counted(removed.results, 'result')} of steps")
    if removed.leftovers:
        echo(f"removed {counted(removed.leftovers, 'remnant')} of runs that were killed")
    if removed.kept:
        echo(f"kept {counted(removed.kept, 'value')} that running processes use")
    return DONE


def _verify(store: DiskStore, arguments: argparse.Namespace) -> int:
    found = verify(store)
    if arguments.json:
        damaged = [{"name": name, "reason": reason} for name, reason in found.damaged]
        _print({"contents": found.contents, "damaged": damaged})
    else:
        for name, reason in found.damaged:
            echo(f"removed {name if len(name) <= 64 else name[:61] + '...'}: {reason}")
        echo(f"{counted(found.contents, 'value')}, {len(found.damaged) or 'none'} damaged")
    return FAILED if found.damaged else DONE


def _print(data: Mapping[str, Any]) -> None:
    echo_json(data, indent=2)


def _fields(data: Any) -> dict[str, Any]:
    return {name: getattr(data, name) for name in data.__slots__}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _age(text: str) -> int:
    """Seconds of an age such as `30d`.

    Raises:
        GraphflowError: it is none.
    """
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise GraphflowError(f"{text!r} is not an age; write 45m, 12h, 30d or 4w")
    return int(match[1]) * _SECONDS[match[2]]
