"""Ctrl-C: the first one cancels at the next chance, the second one ends the process wherever it is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest


@pytest.fixture
def start(folder):
    """Start `graphflow run` and wait until a step that says nothing is running."""

    def start(step: str) -> subprocess.Popen[str]:
        words = ["run", "g.yaml", "--nodes", "toys.py", "--out", "here", "--json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "graphflow", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in process.stdout:
            event = json.loads(line)
            if (event["event"], event.get("step")) == ("step_started", step):
                break
        time.sleep(0.2)
        return process

    return start


def test_ctrl_c_during_a_step_that_tells_its_progress(start, write, folder):
    write("g.yaml", "a: {type: resize, image: $photo, width: 9}\nb: {type: slow, image: $a}", outputs="{a: $a, b: $b}")
    process = start("b")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    record = json.loads((folder / "here" / "run.json").read_text())
    assert record["state"] == "cancelled"
    assert sorted(path.name for path in (folder / "here").iterdir()) == [
        "a.png",
        "events.jsonl",
        "report.html",
        "run.json",
    ]
    assert [json.loads(line) for line in (folder / "here" / "events.jsonl").read_text().splitlines()]


def test_a_second_ctrl_c_ends_at_once(start, write, folder):
    write("g.yaml", "b: {type: deaf, image: $photo}")
    process = start("b")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    left = {path.name for path in (folder / "here").iterdir() if path.name.startswith(".")}
    assert left == {".graphflow.lock"}, "the lock itself has gone with the process"


def test_ctrl_c_before_anything_runs_is_no_traceback(folder):
    code = (
        "import graphflow.cli.nodes as n, graphflow.cli as c\ndef stop(_): raise KeyboardInterrupt\nn.execute = stop\n"
    )
    code += "raise SystemExit(c.main(['nodes']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "graphflow: interrupted\n")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_pictures_of_a_list_that_are_finished_stay_however_the_run_ends(how, start, write, folder, graphflow):
    items = "small: {type: resize, image: $photo, for_each: {width: [9, 10, 11]}}\n"
    # The first item takes no time, the others take long.
    write("g.yaml", f"{items}b: {{type: slow, for_each: {{image: $small, seconds: [0.1, 30, 30]}}}}", outputs="{b: $b}")
    process = start("b[1]")
    process.send_signal(how)
    process.communicate(timeout=10)
    assert sorted(path.name for path in (folder / "here").glob("*.png")) == ["b-000.png"]
    record = json.loads((folder / "here" / "run.json").read_text())
    assert record["state"] == ("running" if how == signal.SIGKILL else "cancelled")
    events = [json.loads(line) for line in (folder / "here" / "events.jsonl").read_text().splitlines()]
    assert [event["files"] for event in events if event["event"] == "item_ready"] == [["b-000.png"]]
    # The next run knows that the picture is one of a run.
    write("g.yaml", f"{items}b: {{type: slow, seconds: 0, for_each: {{image: $small}}}}", outputs="{b: $b}")
    done = graphflow("run", "g.yaml", "--nodes", "toys.py", "--out", "here")
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "here").glob("*.png"))) == 3
