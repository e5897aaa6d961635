"""Standard output and error that are closed, full, unread or cannot hold a letter: what is run is not touched by it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")

SHELL = {
    "closed": "{n}>&-",
    "full": "{n}>/dev/full",
    "unread": "{n}> >(exec {n}>&-; exec true)",
}
STREAMS = [(number, how) for number in (1, 2) for how in SHELL]


@pytest.fixture
def shell(folder):
    """Call the command line in bash with redirections, `late` seconds after what reads its output has gone."""

    def shell(words: str, redirections: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        # A process substitution's reader must have ended before the first line is written.
        command = f'(sleep 0.3; exec "$PYTHON" -m graphflow {words}) {redirections}'
        more = {"PYTHON": sys.executable, **environment}
        return subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return shell


@pytest.mark.parametrize("json_lines", [False, True], ids=["lines", "json"])
@pytest.mark.parametrize(("number", "how"), STREAMS)
def test_a_run_writes_its_outputs_whatever_happens_to_a_stream(shell, write, folder, number, how, json_lines):
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}", outputs="{picture: $small}")
    done = shell(f"run g.yaml --out here {'--json' if json_lines else ''}", SHELL[how].format(n=number))
    assert done.returncode == 0, done.stderr
    assert (folder / "here" / "picture.png").is_file()
    assert json.loads((folder / "here" / "run.json").read_text())["state"] == "done"
    assert "Traceback" not in done.stderr + done.stdout
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("how", SHELL)
def test_a_failing_run_ends_with_1_and_keeps_its_outputs_where_no_stream_can_be_written(shell, write, folder, how):
    write("g.yaml", "bad: {type: broken, image: $photo}\ngood: {type: resize, image: $photo, width: 30}")
    both = f"{SHELL[how].format(n=1)} {SHELL[how].format(n=2)}"
    assert shell("run g.yaml --nodes toys.py --out here", both).returncode == 1
    assert (folder / "here" / "good.png").is_file()
    assert json.loads((folder / "here" / "run.json").read_text())["state"] == "failed"


def test_a_closed_standard_error_never_leads_into_a_file_of_the_run(shell, write, folder):
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}")
    assert shell("run g.yaml --out here", "0<&- 1>&- 2>&-").returncode == 0
    assert [json.loads(line) for line in (folder / "here" / "events.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("how", ["closed", "full"])
@pytest.mark.parametrize("words", ["plan g.yaml --json", "check g.yaml", "nodes", "schema", "draw g.yaml", "--help"])
def test_a_product_that_cannot_be_printed_ends_with_1_and_is_told(shell, write, words, how):
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}")
    done = shell(words, SHELL[how].format(n=1))
    assert done.returncode == 1
    assert done.stderr.startswith("graphflow: standard output cannot be written: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", ["plan text2img --json", "nodes", "schema", "--help"])
def test_a_reader_that_has_gone_is_no_fault(shell, words):
    done = shell(words, SHELL["unread"].format(n=1))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_written_to_a_file_is_there_where_standard_output_is_full(shell, folder):
    assert shell("new mine.yaml --from text2img", "1>/dev/full").returncode == 0
    assert (folder / "mine.yaml").is_file()


ASCII = {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0", "LC_ALL": "C"}


@pytest.mark.parametrize("words", ["nodes", "graphs", "schema", "run g.yaml --out here", "run g.yaml --out h --json"])
def test_letters_that_a_stream_cannot_hold_are_escaped(shell, write, words):
    write("g.yaml", "a: {type: resize, image: $photo, width: 9, when: false}", inputs="ü: {type: int, default: 1}")
    write("g.yaml", "a: {type: resize, image: $photo, width: 9}\nb: {type: image_grid, images: [$a], captions: [ü→]}")
    done = shell(words, **ASCII)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_the_command_line_is_imported_is_no_traceback(folder):
    scripts = Path(__file__).parents[2] / "pyproject.toml"
    module, _, function = tomllib.loads(scripts.read_text())["project"]["scripts"]["graphflow"].partition(":")
    code = f"""
import os, signal, sys
class Stop:
    def find_spec(self, name, *_):
        if name == "graphflow.cli.codes":
            os.kill(os.getpid(), signal.{signal.SIGINT.name})
sys.meta_path.insert(0, Stop())
sys.argv[1:] = ["nodes"]
from {module} import {function}
sys.exit({function}())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (130, "graphflow: interrupted\n", "")


def test_a_terminal_that_is_closed_during_a_run_ends_only_the_display(write, folder):
    pty = pytest.importorskip("pty")
    write("g.yaml", "wait: {type: slow, image: $photo, seconds: 1}", outputs="{picture: $wait}")
    screen, side = pty.openpty()
    words = [sys.executable, "-m", "graphflow", "run", "g.yaml", "--nodes", "toys.py", "--out", "here"]
    process = subprocess.Popen(words, cwd=folder, stdout=side, stderr=side)
    os.close(side)
    os.read(screen, 1)
    os.close(screen)
    assert process.wait(timeout=60) == 0
    assert (folder / "here" / "picture.png").is_file()


def test_a_current_folder_that_is_gone_is_told_in_one_sentence(shell, folder):
    (folder / "gone").mkdir()
    command = 'cd gone; rmdir ../gone; "$PYTHON" -m graphflow check mask_blur'
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert (
        done.stderr
        == "graphflow: the current folder cannot be read: No such file or directory; change to another one\n"
    )


def test_a_graph_without_a_model_runs_where_python_has_no_docstrings(shell, write, folder):
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}", outputs="{picture: $small}")
    assert shell("run g.yaml --out here", PYTHONOPTIMIZE="2").returncode == 0
    assert (folder / "here" / "picture.png").is_file()
