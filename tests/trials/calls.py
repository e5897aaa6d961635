"""Calls of the command line in processes of their own, and what they leave in a folder."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import PIL.Image

GRAPHFLOW = [sys.executable, "-m", "graphflow"]


GRAPHS = ("without a model", "with a model")


def graph(name: str, folder: Path) -> list[str]:
    """Words after `run`: a library graph without a model, or one with a tiny checkpoint that is made in the folder."""
    if name == "without a model":
        return ["selective_color"]
    from tests import tiny  # torch, which only workers import

    return ["text2img", "--set", f"checkpoint={tiny.make('sd', folder)}", "--set", "steps=3", "--threads", "1"]


def script(words: Sequence[str], snippet: str) -> list[str]:
    """A bash call in which `run` is graphflow with these words and, where they begin with run, `--out "$OUT"`."""
    out = ' --out "$OUT"' if words[0] == "run" else ""
    call = f'run() {{ timeout 60 {shlex.join([*GRAPHFLOW, *words])}{out} "$@"; }}'
    return ["bash", "-c", f"set -o pipefail\nOUT=out\n{call}\n{snippet}"]


def pictures(folder: Path) -> dict[str, bytes]:
    """Name → pixels of each whole picture; one that is cut off has none."""
    found = {}
    for path in sorted(folder.glob("[!.]*.png")) if folder.is_dir() else ():
        try:
            with PIL.Image.open(path) as picture:
                found[path.name] = picture.tobytes()
        except (OSError, SyntaxError, ValueError):
            found[path.name] = b""
    return found


def broken_record(folder: Path) -> str:
    """What is wrong with a run's record, as far as there is one; a last line of events may be cut off."""
    for path in folder.glob("[!.]*"):
        if not path.is_file():
            continue
        if path.suffix == ".png" and not pictures(folder)[path.name]:
            return f"a picture cut off: {path.name}"
        if path.name == "run.json":
            try:
                json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                return "run.json cannot be read"
        if path.name == "events.jsonl":
            try:
                for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
                    json.loads(line)
            except ValueError:
                return "events.jsonl has a broken line"
        if path.name == "report.html" and not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
            return "a report cut off"
    return ""
