from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]

NODES = '''
import time
from graphflow import Context, Image, Mask, node

@node()
def slow(image: Image, context: Context, *, seconds: float = 30.0) -> Image:
    """Wait, and tell how far it is."""
    for done in range(int(seconds * 50)):
        time.sleep(0.02)
        context.progress(done, int(seconds * 50))
    return image

@node()
def deaf(image: Image, *, seconds: float = 30.0) -> Image:
    """Wait without telling anything, in one call that nothing interrupts."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.2)
    return image

@node()
def broken(image: Image) -> Image:
    """Fail."""
    raise RuntimeError("the lamp went out")

@node()
def count(image: Image, *, seed: int = 0) -> int:
    """The width, and a number."""
    return image.width + seed
'''

PHOTO = Path(__file__).parents[2] / "graphs" / "assets" / "coffee.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file of nodes."""
    (tmp_path / "toys.py").write_text(NODES)
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Callable[[str, str], Path]:
    """Write a document `name` whose nodes are given, one a line; $photo is a photograph."""

    def write(name: str, nodes: str, *, inputs: str = "", outputs: str = "") -> Path:
        lines = ["graphflow: 1", "inputs:", f"  photo: {{type: image, default: {PHOTO}}}"]
        lines += [f"  {line}" for line in inputs.splitlines()] + ["nodes:"]
        lines += [f"  {line}" for line in nodes.splitlines()]
        lines += [f"outputs: {outputs}"] if outputs else []
        (folder / name).write_text("\n".join(lines) + "\n")
        return folder / name

    return write


@pytest.fixture
def graphflow(folder: Path) -> Call:
    """Call the command line in a process of its own."""

    def call(*words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "graphflow", *words]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)

    return call
