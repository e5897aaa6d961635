"""Files that are given for a document and are something else: pictures, workflows of ComfyUI, records of runs.

Told from what is in them, so that the one problem says what the file is instead of what it lacks as a document.
"""

from __future__ import annotations

import json
from typing import Any

from graphflow.problems import Place, Problem

_PNG = b"\x89PNG\r\n\x1a\n"
_PICTURES = {
    _PNG: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
"""How files of each kind begin."""

_MOST_JSON = 16 * 2**20
"""Bytes of JSON that are read to see what it is."""

_FIX = (
    "write it as a YAML document with node types that `graphflow nodes` lists; `graphflow new` starts from another one"
)
_ORIGINAL = "give the YAML document it was made from; run.json has its text under document.text"


def foreign_file(content: bytes, file: str) -> Problem | None:
    """The problem with a file that is no document but something known; None for everything else.

    Args:
        content: the file; of a large one its first bytes.
        file: its name, as messages show it.
    """
    found = _picture(content) or (_json(content) if content.lstrip()[:1] == b"{" else None)
    if found is None:
        return None
    what, fix = found
    why = "graphflow reads YAML documents that start with graphflow: 1"
    return Problem("file-unreadable", f"this is {what}, not a graph", why, fix, Place(file))


def _picture(content: bytes) -> tuple[str, str] | None:
    kind = next((name for start, name in _PICTURES.items() if content.startswith(start)), "")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "WebP"
    if content[:2] == b"BM" and content[6:10] == bytes(4):
        kind = "BMP"
    if not kind:
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
        return "the record of a run", _ORIGINAL.replace("run.json", "it")
    return None
