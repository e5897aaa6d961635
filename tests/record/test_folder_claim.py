"""Whose files a run may replace, and that two runs never write into one folder."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import graphflow as gf
from graphflow.errors import FileProblem
from graphflow.execute.result import Result
from graphflow.record.folder_claim import LOCK
from graphflow.record.recorder import Recorder
from graphflow.record.run_record import RunRecord
from graphflow.system.files import write_atomically

PICTURES = """
graphflow: 1
inputs: {photo: {type: image, default: photo.png}}
nodes:
  m: {type: resize, image: $photo, width: 30, height: 20}
  s: {type: resize, image: $photo, width: $w, for_each: {w: [1, 2]}}
outputs: {m: $m, s: $s}
"""
PICTURES = PICTURES.replace("width: $w, for_each: {w: [1, 2]}", "for_each: {width: [1, 2]}")


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("name", ["m.png", "s-001.png", "report.html", "events.jsonl", "run.json"])
def test_a_file_that_no_run_wrote_is_not_replaced(made: Callable[..., Any], tmp_path: Path, name: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).write_bytes(b"mine")
    with pytest.raises(FileProblem, match=rf"changed since: {name}\n  fix: name another folder, .*--overwrite") as told:
        Recorder(folder, made(PICTURES))
    assert told.value.fix
    assert _contents(folder) == {name: b"mine"}


@pytest.mark.parametrize("name", ["m.gif", "s-002.png", "s.png", "m-001.png", "notes.txt", "other.png"])
def test_a_file_that_the_run_does_not_write_is_no_hindrance(
    recorded: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).write_bytes(b"mine")
    assert recorded(PICTURES).result.state == "done"
    assert (folder / name).read_bytes() == b"mine"


def test_overwrite_replaces_it_and_says_so(
    made: Callable[..., Any], recorded: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("m.png", "report.html", "run.json", "s-002.png"):
        (folder / name).write_bytes(b"mine")
    run = recorded(PICTURES, overwrite=True)
    assert {name for name, content in _contents(folder).items() if content == b"mine"} == {"s-002.png"}
    assert run.recorder.summary == "replaced run.json, report.html, m.png, which no run wrote"
    assert RunRecord.load(folder).replaced == ["run.json", "report.html", "m.png"]


@pytest.mark.parametrize("name", ["m.png", "report.html", "events.jsonl"])
def test_a_file_of_a_run_that_was_changed_since_is_somebodys_own(
    recorded: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    recorded(PICTURES)
    with (tmp_path / "run" / name).open("ab") as file:
        file.write(b"mine")
    with pytest.raises(FileProblem, match=rf"changed since: {name}\n"):
        recorded(PICTURES)


def test_what_an_earlier_run_wrote_is_replaced_and_told(recorded: Callable[..., Any]) -> None:
    before = recorded(PICTURES).recorder.record
    again = recorded(PICTURES).recorder
    assert again.summary == ""
    other = recorded(PICTURES.replace("width: 30", "width: 31")).recorder
    started = f"{again.record.started.astimezone():%Y-%m-%d %H:%M:%S}"
    assert other.summary == f"from the run of {started}: replaced m.png, s-000.png, s-001.png"
    assert before.files.keys() == other.record.files.keys()


def test_engine_and_run_take_overwrite(made: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "m.png").write_bytes(b"mine")
    with pytest.raises(FileProblem, match=r"overwrite=True"):
        gf.run(made(PICTURES), record=tmp_path / "run")
    gf.run(made(PICTURES), record=tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "m.png").read_bytes() != b"mine"


def test_a_second_run_into_one_folder_is_refused_until_the_first_is_closed(
    made: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    first = Recorder(folder, made(PICTURES))
    before = _contents(folder)
    with pytest.raises(FileProblem, match=r"another run is writing into .*\n  fix: wait until it has finished"):
        Recorder(folder, made(PICTURES))
    assert _contents(folder) == before
    first.close(Result())
    assert not (folder / LOCK).exists()
    Recorder(folder, made(PICTURES)).close(Result())


def test_a_lock_goes_with_the_process_that_held_it(made: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code = (
        "import os, sys; from pathlib import Path; from graphflow.record.folder_claim import _locked;"
        "lock = _locked(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    folder.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(FileProblem, match="another run"):
        Recorder(folder, made(PICTURES))
    holder.kill()
    holder.communicate()
    assert (folder / LOCK).exists()
    Recorder(folder, made(PICTURES)).close(Result())


def test_a_refused_run_lets_the_folder_go(made: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "m.png").write_bytes(b"mine")
    for _ in range(2):
        with pytest.raises(FileProblem, match="changed since"):
            Recorder(tmp_path / "run", made(PICTURES))


def test_what_a_killed_process_left_half_written_is_removed_by_the_next_run(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    code = (
        "import os, sys; from pathlib import Path; from graphflow.system.files import write_atomically;"
        "Path.chmod = lambda *_: os._exit(9); write_atomically(Path(sys.argv[1]) / 'm.png', b'half')"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    (left,) = _contents(folder)
    assert left.startswith(".graphflow-")
    (folder / ".graphflow-notes").write_bytes(b"mine")
    recorded(PICTURES)
    assert {name for name in _contents(folder) if name.startswith(".")} == {".graphflow-notes"}


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _file(path: Path) -> None:
    path.write_text("")


FOLDERS = {
    "loop": (_loop, "", "a broken link"),
    "below a loop": (_loop, "below", ""),
    "file": (_file, "", "not a folder"),
    "below a file": (_file, "below", "not a folder"),
    "zero": (lambda _: None, "a\0b", "null"),
    "too long": (lambda _: None, "n" * 300, "too long"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_cannot_be_one_is_told(made: Callable[..., Any], tmp_path: Path, name: str) -> None:
    make, below, why = FOLDERS[name]
    make(tmp_path / "out")
    with pytest.raises(FileProblem, match=f"cannot be created\n  why: .*{why}.*\n  fix: name another folder"):
        Recorder(tmp_path / "out" / below if below else tmp_path / "out", made(PICTURES))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can write")
def test_a_folder_that_cannot_be_written_to_is_told(made: Callable[..., Any]) -> None:
    with pytest.raises(FileProblem, match="/proc/self cannot be written to"):
        Recorder(Path("/proc/self"), made(PICTURES))


def test_a_folder_that_vanishes_during_a_run_is_told(
    made: Callable[..., Any], recorded: Callable[..., Any], tmp_path: Path
) -> None:
    import shutil

    run = recorded(PICTURES, listener=lambda _: shutil.rmtree(tmp_path / "run", ignore_errors=True))
    assert run.result.state == "done"
    with pytest.raises(FileProblem, match=r"m\.png cannot be written: there is no folder"):
        run.recorder.require()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_called_run_json_is_told_and_waited_for_by_nobody(made: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run" / "run.json")
    with pytest.raises(FileProblem, match=r"changed since: run\.json"):
        Recorder(tmp_path / "run", made(PICTURES))


def test_a_name_as_long_as_a_name_can_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".png")
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"
