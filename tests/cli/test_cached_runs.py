"""Runs of the command line that find results of earlier runs in the cache, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import make

GRAPH = """
graphflow: 1
inputs:
  checkpoint: {type: checkpoint}
  strength: {type: float, default: 0.8}
nodes:
  draw: {type: text2img, checkpoint: $checkpoint, prompt: a hat, width: 64, height: 64, num_inference_steps: 2}
  polish:
    type: img2img
    checkpoint: $checkpoint
    image: $draw.latents
    prompt: a cat
    strength: $strength
    num_inference_steps: 5
  final: {type: resize, image: $polish.image, width: 32, height: 32}
outputs: {image: $final}
"""

WITHOUT_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "diffusers", "transformers", "accelerate"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, NoTorch())
from graphflow.__main__ import main
main()
"""


class Runs:
    """Runs one graph again and again with one cache."""

    def __init__(self, folder: Path, checkpoint: Path) -> None:
        self.folder, self.count = folder, 0
        self.checkpoint = checkpoint
        (folder / "graph.yaml").write_text(GRAPH)

    def __call__(self, *words, torch=True, code=0):
        """Steps that were executed, and steps from the cache."""
        self.count += 1
        self.out = self.folder / f"out{self.count}"
        done = self.call("run", "--out", str(self.out), *words, torch=torch)
        assert done.returncode == code, done.stderr
        self.errors = done.stderr
        events = [json.loads(line) for line in (self.out / "events.jsonl").read_text().splitlines()]
        ended = [event for event in events if event["event"] == "step_finished"]
        return [one["step"] for one in ended if not one["cached"]], [one["step"] for one in ended if one["cached"]]

    def call(self, command, *words, torch=True):
        start = ["-m", "graphflow"] if torch else ["-c", WITHOUT_TORCH]
        environment = {**os.environ, "GRAPHFLOW_CACHE": str(self.folder / "cache"), "GRAPHFLOW_CACHE_SIZE": "1GiB"}
        given = [command, "graph.yaml", "--set", f"checkpoint={self.checkpoint}", *words]
        whole = [sys.executable, *start, *given]
        return subprocess.run(whole, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    @property
    def picture(self):
        return (self.out / "image.png").read_bytes()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    made = Runs(folder, make("sd", folder))
    made()
    return made


def test_an_unchanged_run_executes_no_step_and_imports_no_torch(runs):
    first, record = runs.picture, json.loads((runs.out / "run.json").read_text())
    executed, cached = runs(torch=False)
    assert executed == []
    assert len(cached) == len(record["steps"])
    assert runs.picture != b""
    from PIL import Image

    with Image.open(runs.out / "image.png") as again, Image.open(runs.folder / "out1" / "image.png") as before:
        assert again.tobytes() == before.tobytes()
    later = json.loads((runs.out / "run.json").read_text())
    assert later["environment"] == record["environment"]
    assert first


def test_a_changed_param_of_the_last_stage_runs_only_its_own_steps_and_those_after(runs):
    executed, cached = runs("--set", "strength=0.6")
    assert executed == ["polish/sample", "polish/decode", "final"]
    assert cached
    assert runs("--set", "strength=0.6", torch=False)[0] == []


def test_without_a_cache_every_step_is_executed_and_nothing_is_kept(runs):
    executed, cached = runs("--no-cache")
    assert (len(executed), cached) == (len(runs(torch=False)[1]), [])


def test_a_size_of_zero_is_no_cache(runs):
    assert runs("--cache-size", "0")[1] == []


def test_another_folder_has_nothing(runs):
    assert runs("--cache", "other")[1] == []
    assert runs("--cache", "other", torch=False)[0] == []


def test_other_threads_are_another_environment(runs):
    executed, cached = runs("--threads", "2")
    assert "draw/sample" in executed
    # It does not compute with torch, and the picture before it may be the same.
    assert set(cached) <= {"final"}
    assert runs("--threads", "2", torch=False)[0] == []


def test_options_that_contradict_each_other_are_refused(runs):
    done = runs.call("run", "--no-cache", "--cache-size", "1GiB")
    assert done.returncode == 2
    assert "--no-cache contradicts" in done.stderr


def test_a_variable_that_is_not_a_size_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "graphflow", "plan", "text2img"],
        env={**os.environ, "GRAPHFLOW_CACHE_SIZE": "lots"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "the variable GRAPHFLOW_CACHE_SIZE: 'lots' is not a size" in done.stderr


def test_plan_says_what_is_in_the_cache(runs):
    steps = json.loads(runs.call("plan", "--json", "--set", "strength=0.7", torch=False).stdout)["steps"]
    found = {step["step"]: step["cache"] for step in steps}
    assert {found[name] for name in ("draw/sample",)} == {"hit"}
    assert (found["polish/sample"], found["polish/decode"], found["final"]) == ("run", "perhaps", "perhaps")
    table = runs.call("plan", "--set", "strength=0.7", torch=False).stdout
    assert "hit" in table
    assert "perhaps" in table
    assert "may be in the cache, if polish/sample gives the result that it gave before: polish/decode" in " ".join(
        table.split()
    )
    assert "cache" not in runs.call("plan", "--no-cache", torch=False).stdout


def test_a_damaged_entry_is_made_again(runs):
    runs()
    for file in (runs.folder / "cache" / "results").rglob("*"):
        if file.is_file() and file.stat().st_size > 1000 and "index" not in file.name:
            data = bytearray(file.read_bytes())
            data[-1] ^= 1
            file.write_bytes(data)
    before = runs.folder / "out1" / "image.png"
    executed, _ = runs()
    assert executed
    from PIL import Image

    with Image.open(runs.out / "image.png") as again, Image.open(before) as first:
        assert again.tobytes() == first.tobytes()
