"""Files that are given as a document but are something else: pictures, workflows of ComfyUI, records of runs.

They are recognised by their content, so that the problem says what the file is instead of listing syntax errors.
"""

from __future__ import annotations

import json
from typing import Any

from graphflow.problems import Place, Problem
from graphflow.values.picture_files import format_of

_MOST_JSON = 16 * 2**20
"""Larger JSON files are not parsed."""

_FIX = (
    "rewrite it as a YAML document with node types that `graphflow nodes` lists; `graphflow new` copies a graph to "
    "start from"
)
_ORIGINAL = "give the YAML document it was made from; run.json has its text under document.text"


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


def _picture(content: bytes) -> tuple[str, str] | None:
    kind = format_of(content[:16])
    # Text may begin with BM too; in a picture, four zero bytes follow the size.
    if not kind or (kind == "BMP" and content[6:10] != bytes(4)):
        return None
    if kind == "PNG" and b"iTXtgraphflow\0" in content:
        return "a PNG picture that graphflow wrote", _ORIGINAL
    if kind == "PNG" and (b"tEXtworkflow\0" in content or b"tEXtprompt\0" in content):
        return "a PNG picture with a ComfyUI workflow in it", _FIX
    return f"a {kind} picture", "name a YAML file, or a graph that `graphflow graphs` lists"


def _json(content: bytes) -> tuple[str, str] | None:
    try:
        data: Any = json.loads(content) if len(content) <= _MOST_JSON else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    nodes = [node for node in data.values() if isinstance(node, dict)]
    if nodes and len(nodes) == len(data) and all("class_type" in node for node in nodes):
        return "a ComfyUI workflow (API format)", _FIX
    if isinstance(data.get("nodes"), list) and isinstance(data.get("links"), list):
        return "a ComfyUI workflow", _FIX
    document = data.get("document")
    if "format" in data and isinstance(document, dict) and isinstance(document.get("text"), str):
        return "the record of a run", _ORIGINAL.replace("run.json", "this file")
    return None
