"""One process of a case and a way, from its start to its end: what it took, and what it painted."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.benchmarks.ways.cases import Case

ROOT = Path(__file__).parents[3]
SCRIPTS = ("guide", "kept", "best")


@dataclass(frozen=True)
class Measured:
    """What a process took, as the system counts it for the process and its own children.

    Attributes:
        wall, user, system: seconds.
        faults: minor page faults.
        peak: bytes that were resident at most.
        digests: SHA-256 of the pixels of each picture, by name.
    """

    wall: float
    user: float
    system: float
    faults: int
    peak: int
    digests: dict[str, str]

    @property
    def cpu(self) -> float:
        return self.user + self.system


class Failed(Exception):
    """A process of the benchmark ended with an error; the text is what it wrote."""


def measure(case: Case, way: str, folder: Path) -> Measured:
    """Run the case in a fresh process, in a fresh folder; the checkpoints and pictures are in `folder`.

    Raises:
        Failed: the process did not end with 0, or left no picture.
    """
    with tempfile.TemporaryDirectory(prefix="graphflow-ways-") as scratch:
        out = Path(scratch) / "out"
        command = call(case, way, folder, out)
        screen = Path(scratch) / "screen"
        with screen.open("wb") as stream:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment(folder))
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        digests = {path.stem: digest(path) for path in sorted(out.glob("*.png"))}
        if process.returncode != 0 or not digests:
            tail = screen.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise Failed(f"{case.name}, {way}: exit code {process.returncode}\n{tail}")
        return Measured(wall, used.ru_utime, used.ru_stime, used.ru_minflt, _bytes(used.ru_maxrss), digests)


def _bytes(peak: int) -> int:
    """`ru_maxrss` counts KiB, on macOS bytes."""
    return peak if sys.platform == "darwin" else 1024 * peak


def call(case: Case, way: str, folder: Path, out: Path) -> list[str]:
    """The command of a way; a script's values are written beside `out`."""
    pictures = {name: str(folder / f"{name}-{case.values['width']}.png") for name in case.pictures}
    checkpoints = {key: str(folder / name) for key, name in case.checkpoints.items()}
    values = {**case.values, **pictures}
    if way in SCRIPTS:
        given = {"checkpoints": checkpoints, "values": values, "out": str(out), "device": case.device}
        given_file = out.with_name("given.json")
        given_file.write_text(json.dumps({**given, "dtype": case.dtype}), encoding="utf-8")
        return [sys.executable, "-m", f"tests.benchmarks.ways.scripts.{case.script}", way, str(given_file)]
    settings = [f"--set={key}={_word(value)}" for key, value in {**values, **checkpoints}.items()]
    options = ["--dtype", "auto"] if way == "auto" else ["--dtype", case.dtype] if case.group == "gpu" else []
    words = [case.graph, *settings, *options, "--no-cache", "--out", str(out)]
    return [sys.executable, "-m", "graphflow", "run", *words]


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def environment(folder: Path) -> dict[str, str]:
    """The caller's, with the repository's modules, and graphflow's cache in the benchmark's folder."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "GRAPHFLOW_CACHE": str(folder / "cache")}


def digest(path: Path) -> str:
    """Of a picture's size and pixels; what else the file has does not count."""
    with Image.open(path) as picture:
        shown = picture.convert("RGB")
        return hashlib.sha256(repr(shown.size).encode() + shown.tobytes()).hexdigest()


def prepare(case: Case, folder: Path) -> None:
    """Make the checkpoints and pictures of a case, and read them once.

    graphflow knows the digests of weights that it has seen, so it sees them here: `plan` reads all. The files are then
    in the system's cache of files, for all ways alike.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in case.checkpoints.values():
        maker = [sys.executable, "-m", "tests.benchmarks.ways.checkpoints", name, str(folder)]
        if not (folder / name).exists():
            subprocess.run(maker, check=True, env=environment(folder), capture_output=True)
    for name in case.pictures:
        _draw(folder / f"{name}-{case.values['width']}.png", case.values["width"], mask=name == "mask")
    _, _, _, _, *rest = call(case, "graphflow", folder, folder / "out")
    planned = [sys.executable, "-m", "graphflow", "plan", case.graph, *[one for one in rest if one.startswith("--set")]]
    subprocess.run(planned, check=True, env=environment(folder), capture_output=True)
    for name in case.checkpoints.values():
        for path in sorted((folder / name).rglob("*.safetensors")):
            with path.open("rb") as weights:
                while weights.read(1 << 24):
                    pass


def _draw(path: Path, side: int, *, mask: bool) -> None:
    """A soft gradient, or a mask with a white square in the middle."""
    if path.exists():
        return
    if mask:
        picture = Image.new("L", (side, side))
        picture.paste(255, (side // 4, side // 4, 3 * side // 4, 3 * side // 4))
    else:
        across = Image.linear_gradient("L").resize((side, side))
        picture = Image.merge("RGB", (across, across.rotate(90), Image.radial_gradient("L").resize((side, side))))
    picture.save(path)
