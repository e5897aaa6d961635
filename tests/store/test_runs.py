"""Runs in several processes that share a store: each step is executed once, whoever needs it, and whoever is killed."""

import collections
import json
import os
import random
import subprocess
import sys
import time

import PIL.Image
import pytest

NODES = """
import time
from pathlib import Path
from graphflow import Image, node

LOG = Path(__file__).with_name("log")

def note(what):
    with LOG.open("a") as stream:
        stream.write(what + "\\n")

@node()
def paint(*, shade: int = 0) -> Image:
    '''A grey picture.'''
    note(f"paint {shade}")
    time.sleep(0.02)
    return Image(bytes([shade]) * 3000, 40, 25)

@node()
def lighter(image: Image, *, by: int = 1) -> Image:
    '''The picture, a little lighter.'''
    note(f"lighter {image.pixels[0]} by {by}")
    time.sleep(0.02)
    return Image(bytes([image.pixels[0] + by]) * 3000, 40, 25)
"""

PROGRAM = """
import json, sys
import graphflow as gf
from graphflow.catalog.catalog import named_catalog
engine = gf.Engine(catalog=named_catalog(["toys.py"]), store=gf.DiskStore("cache"))
graphs = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
for graph in graphs:
    with engine:
        result = engine.run(graph)
    print(json.dumps({name: image.pixels[0] for name, image in result.outputs.items()}), flush=True)
"""

LENGTH = 6


def graph(folder, branch):
    """A graph whose first steps are those of all others, and whose last ones are its own."""
    lines = ["graphflow: 1", "nodes:", "  n0: {type: paint, shade: 10}"]
    lines += [f"  n{i}: {{type: lighter, image: $n{i - 1}}}" for i in range(1, LENGTH)]
    lines += [f"  own: {{type: lighter, image: $n{LENGTH - 1}, by: {branch + 2}}}"]
    lines += [f"  half: {{type: lighter, image: $n{branch % LENGTH}, by: 50}}", "outputs: {own: $own, half: $half}"]
    path = folder / f"graph{branch}.yaml"
    path.write_text("\n".join(lines))
    return path.name


def expected(branch):
    return {"own": 10 + LENGTH - 1 + branch + 2, "half": 10 + branch % LENGTH + 50}


def steps(branches):
    """The steps of these graphs, as their log names them."""
    own = {f"lighter {10 + LENGTH - 1} by {branch + 2}" for branch in branches}
    half = {f"lighter {10 + branch % LENGTH} by 50" for branch in branches}
    return {"paint 10", *(f"lighter {10 + i} by 1" for i in range(LENGTH - 1)), *own, *half}


@pytest.fixture
def start(tmp_path):
    (tmp_path / "toys.py").write_text(NODES)

    def start(*branches):
        graphs = [graph(tmp_path, branch) for branch in branches]
        pipe = subprocess.PIPE
        call = [sys.executable, "-c", PROGRAM, *graphs]
        return subprocess.Popen(call, stdin=pipe, stdout=pipe, stderr=pipe, cwd=tmp_path)

    return start


def go(*processes):
    """Let processes begin, as soon as all have imported what they need."""
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()


def command_line(folder, branch, cache="cache"):
    """`graphflow run` of a graph, in a process of its own."""
    (folder / "toys.py").write_text(NODES)
    words = ["--nodes", "toys.py", "--cache", cache, "--cache-size", "1GiB", "--out", f"out{branch}"]
    call = [sys.executable, "-m", "graphflow", "run", graph(folder, branch), *words]
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, text=True)


def painted(folder, branch):
    """The shades of the pictures that a run wrote."""
    shades = {}
    for name in ("own", "half"):
        with PIL.Image.open(folder / f"out{branch}" / f"{name}.png") as picture:
            shades[name] = picture.getpixel((0, 0))[0]
    return shades


def test_eight_processes_execute_each_step_once(tmp_path):
    runs = [command_line(tmp_path, branch) for branch in range(8)]
    for branch, run in enumerate(runs):
        _, errors = run.communicate()
        assert run.returncode == 0, errors
        assert painted(tmp_path, branch) == expected(branch)
    assert collections.Counter((tmp_path / "log").read_text().splitlines()) == dict.fromkeys(steps(range(8)), 1)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a file system")
def test_a_run_whose_cache_is_full_warns_once_and_goes_on(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "store-test", disk], check=True)
    try:
        run = command_line(tmp_path, 3, cache=f"{disk}/cache")
        _, errors = run.communicate()
        assert run.returncode == 0, errors
        assert errors.count("cannot be stored in") == 1
        assert painted(tmp_path, 3) == expected(3)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_processes_that_are_killed_delay_the_others_and_nothing_else(start, tmp_path):
    chance, killed = random.Random(1), 0
    processes = [start(branch) for branch in range(6)]
    go(*processes)
    for process in processes[:3]:
        time.sleep(chance.uniform(0.01, 0.06))
        process.kill()
        process.communicate()
        killed += 1
    again = start(*range(3))
    for process in (*processes[3:], again):
        if process is again:
            go(process)
        out, errors = process.communicate()
        assert (errors.decode(), process.returncode) == ("", 0)
        branches = range(3) if process is again else [processes.index(process)]
        assert [json.loads(line) for line in out.splitlines()] == [expected(branch) for branch in branches]
    done = collections.Counter((tmp_path / "log").read_text().splitlines())
    assert done.keys() == steps(range(6))
    assert done.total() <= len(steps(range(6))) + killed
