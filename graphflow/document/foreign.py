"""Files that are given as a document but are something else: pictures, workflows of ComfyUI, records of runs.

They are recognised by their content, so that the problem says what the file is instead of listing syntax errors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphflow.problems import Place, Problem
from graphflow.system.files import read_start
from graphflow.values.picture_files import format_of

_MOST_JSON = 16 * 2**20
"""Larger JSON files are not parsed."""

_OWN = b"iTXtgraphflow\0"
"""Start of the chunk of a PNG picture that holds the record of its run."""

_FIX = (
    "rewrite it as a YAML document with node types that `graphflow nodes` lists; `graphflow new` copies a graph to "
    "start from"
)
_ORIGINAL = "write its graph into a document: graphflow new NAME.yaml --from FILE"


def foreign_file(content: bytes, file: str) -> Problem | None:
    """The problem with a file of a known kind that is not a document; None for everything else.

    Args:
        content: the file, or its first bytes if it is large.
        file: its name, as messages show it.
    """
    kind_and_fix = _picture(content) or (_json(content) if content.lstrip()[:1] == b"{" else None)
    if kind_and_fix is None:
        return None
    kind, fix = kind_and_fix
    why = "graphflow reads YAML documents that start with graphflow: 1"
    return Problem("file-unreadable", f"this is {kind}, not a graph", why, fix, Place(file))


def is_recorded(path: Path, content: bytes) -> bool:
    """Whether a run wrote this file and its record into it: a PNG picture, or a run.json.

    Args:
        path: the file; read if it is JSON that `content` holds only a part of.
        content: the file, or its first bytes if it is large.
    """
    if format_of(content[:16]) == "PNG":
        return _OWN in content
    if content.lstrip()[:1] != b"{":
        return False
    return _is_record(_loaded(read_start(path, _MOST_JSON + 1)))


def _picture(content: bytes) -> tuple[str, str] | None:
    kind = format_of(content[:16])
    # Text may begin with BM too; in a picture, four zero bytes follow the size.
    if not kind or (kind == "BMP" and content[6:10] != bytes(4)):
        return None
    if kind == "PNG" and _OWN in content:
        return "a PNG picture that graphflow wrote", _ORIGINAL
    if kind == "PNG" and (b"tEXtworkflow\0" in content or b"tEXtprompt\0" in content):
        return "a PNG picture with a ComfyUI workflow in it", _FIX
    return f"a {kind} picture", "name a YAML file, or a graph that `graphflow graphs` lists"


def _json(content: bytes) -> tuple[str, str] | None:
    data = _loaded(content)
    if not isinstance(data, dict):
        return None
    nodes = [node for node in data.values() if isinstance(node, dict)]
    if nodes and len(nodes) == len(data) and all("class_type" in node for node in nodes):
        return "a ComfyUI workflow (API format)", _FIX
    if isinstance(data.get("nodes"), list) and isinstance(data.get("links"), list):
        return "a ComfyUI workflow", _FIX
    return ("the record of a run", _ORIGINAL) if _is_record(data) else None


def _loaded(content: bytes) -> Any:
    """The value of JSON; None if it is something else, or too large."""
    try:
        return json.loads(content) if len(content) <= _MOST_JSON else None
    except (ValueError, RecursionError):
        return None


def _is_record(data: Any) -> bool:
    document = data.get("document") if isinstance(data, dict) else None
    return isinstance(document, dict) and isinstance(document.get("text"), str) and "format" in data
