"""Files of outputs: their names, formats, what replaces what, and what happens when one cannot be written."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import graphflow as gf
from graphflow.errors import FileProblem
from graphflow.execute.pool import Pool
from graphflow.execute.resources import Libraries
from graphflow.execute.result import Result
from graphflow.execute.runner import Run
from graphflow.record import names, outputs
from graphflow.record.describe import describe
from graphflow.record.recorder import Recorder

LISTS = """
graphflow: 1
name: lists
inputs: {{photo: {{type: image, default: photo.png}}, note: {{type: string, default: "ä: 1.50"}}}}
nodes:
  small: {{type: resize, image: $photo, width: 30, height: 20}}
  spot: {{type: mask_shape, like: $small, shape: ellipse, box: [0.2, 0.2, 0.8, 0.8]}}
  soft: {{type: mask_blur, mask: $spot, for_each: {{blur_factor: {factors}}}}}
  film: {{type: animate, images: [$small, $small], format: {ending}}}
  wide: {{type: count, image: $small}}
outputs: {{picture: $small, soft: $soft, film: $film, wide: $wide, names: $soft.labels, note: $note}}
"""


def _lists(factors: str = "[1, 2, 3]", ending: str = "gif") -> str:
    return LISTS.format(factors=factors, ending=ending)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _pixels(path: Path) -> tuple[str, Any, dict[Any, Any]]:
    with PIL.Image.open(path) as picture:
        return picture.mode, np.array(picture), dict(picture.info)


RECORD = {"run.json", "events.jsonl", "report.html"}


def test_every_kind_of_output_has_its_file(recorded: Callable[..., Any]) -> None:
    run = recorded(_lists())
    softs = {"soft-000.png", "soft-001.png", "soft-002.png"}
    assert _names(run.folder) == RECORD | softs | {"picture.png", "film.gif", "wide.json", "names.json", "note.json"}
    assert {path.name for path in run.written} == _names(run.folder)
    assert _pixels(run.folder / "soft-000.png")[0] == "L"
    assert gf.Image.of(_pixels(run.folder / "picture.png")[1]) == run.result["picture"]
    assert json.loads((run.folder / "wide.json").read_text()) == 30
    assert json.loads((run.folder / "note.json").read_text("utf-8")) == "ä: 1.50"
    assert json.loads((run.folder / "names.json").read_text()) == list(run.result["names"])
    run.recorder.require()


def test_a_webp_animation_is_written_as_webp(recorded: Callable[..., Any]) -> None:
    run = recorded(_lists(ending="webp"))
    with PIL.Image.open(run.folder / "film.webp") as film:
        assert (film.format, film.size) == ("WEBP", (30, 20))
    assert not (run.folder / "film.gif").exists()


def test_an_empty_list_has_no_file_and_is_not_absent(recorded: Callable[..., Any]) -> None:
    run = recorded(_lists("[]"))
    assert not [name for name in _names(run.folder) if name.startswith("soft")]
    entry = run.recorder.record.outputs["soft"]
    assert (entry.items, entry.files, entry.why, entry.kind) == (0, [], "", "list")


def test_names_of_a_long_list_sort_as_its_items() -> None:
    picture = gf.Mask(b"\0", 1, 1)
    names = [file.name for file in outputs.files_for("x", (picture,) * 1001, outputs.no_texts)]
    assert names == sorted(names)
    assert names[-1] == "x-1000.png"


def test_an_output_called_run_leaves_the_record_alone(recorded: Callable[..., Any]) -> None:
    text = _lists().replace("wide: $wide", "run: $wide")
    run = recorded(text)
    assert json.loads((run.folder / "run-output.json").read_text()) == 30
    assert json.loads((run.folder / "run.json").read_text())["outputs"]["run"]["files"] == ["run-output.json"]
    recorded(text.replace("run: $wide", "run: $small"))
    assert "run.png" in _names(run.folder)
    assert "run-output.json" not in _names(run.folder)


def test_a_later_run_removes_what_the_earlier_one_wrote_for_the_same_output(recorded: Callable[..., Any]) -> None:
    run = recorded(_lists())
    own = run.folder / "soft-003.png"
    own.write_bytes(b"the user's own")
    recorded(_lists("[1]"))
    assert [name for name in sorted(_names(run.folder)) if name.startswith("soft")] == ["soft-000.png", "soft-003.png"]
    assert own.read_bytes() == b"the user's own"
    recorded(_lists("[1]", ending="webp"))
    assert "film.gif" not in _names(run.folder)


OTHER = "graphflow: 1\nnodes: {a: {type: load_image, path: photo.png}}\noutputs: {other: $a.image}\n"


def test_outputs_of_another_graph_are_removed_and_told_when_the_run_is_done(recorded: Callable[..., Any]) -> None:
    before = recorded(_lists())
    run = recorded(OTHER)
    assert _names(run.folder) == RECORD | {"other.png"}
    assert run.recorder.record.removed == sorted(
        run.recorder.record.removed, key=list(before.recorder.record.files).index
    )
    assert {"film.gif", "soft-002.png"} <= set(run.recorder.record.removed)
    started = f"{before.recorder.record.started.astimezone():%Y-%m-%d %H:%M:%S}"
    assert run.recorder.summary.startswith(f"from the run of {started}: removed ")


def test_an_output_that_was_changed_since_stays(recorded: Callable[..., Any]) -> None:
    run = recorded(_lists())
    (run.folder / "film.gif").write_bytes(b"drawn over")
    recorded(OTHER)
    assert _names(run.folder) == RECORD | {"other.png", "film.gif"}


def test_outputs_that_were_not_asked_for_stay_and_are_told(
    made: Callable[..., Any], recorded: Callable[..., Any]
) -> None:
    from graphflow.plan.plan import plan

    folder = recorded(_lists()).folder
    only = plan(made(_lists(), seed=1).checked, only=["picture"])
    recorder = Recorder(folder, only)
    recorder.close(Run(only, libraries=Libraries(only), store=None, pool=Pool(), listener=recorder).execute())
    assert {"film.gif", "soft-002.png"} <= _names(folder)
    assert "film.gif" in recorder.record.earlier
    assert "film.gif" in (folder / "report.html").read_text("utf-8")
    assert re.match(r"from the run of .*: replaced picture\.png; kept .*film\.gif", recorder.summary)
    # They are still known as a run's own when another graph comes.
    assert "film.gif" not in _names(recorded(OTHER).folder)


@pytest.mark.parametrize("state", ["failed", "cancelled", "error"])
def test_a_run_that_does_not_get_to_its_end_removes_nothing(
    made: Callable[..., Any], recorded: Callable[..., Any], state: Any
) -> None:
    folder = recorded(_lists()).folder
    before = _names(folder)
    recorder = Recorder(folder, made(OTHER))
    recorder.close(Result(state=state))
    assert _names(folder) == before
    assert "kept " in recorder.summary
    # The next one still knows them.
    recorded(OTHER)
    assert _names(folder) == RECORD | {"other.png"}


@pytest.mark.parametrize("name", ["../outside.png", "/etc/passwd", "mine.txt", "photo.png/../../outside.png"])
def test_a_doctored_record_removes_nothing_else(recorded: Callable[..., Any], tmp_path: Path, name: str) -> None:
    run = recorded(_lists())
    (tmp_path / "outside.png").write_bytes(b"x")
    (run.folder / "mine.txt").write_bytes(b"x")
    data = json.loads((run.folder / "run.json").read_text())
    data["outputs"]["soft"]["files"].append(name)
    (run.folder / "run.json").write_text(json.dumps(data))
    recorded(_lists("[1]"))
    assert (tmp_path / "outside.png").exists()
    assert (run.folder / "mine.txt").exists()


def test_a_run_that_was_killed_has_told_its_files_in_the_journal(recorded: Callable[..., Any]) -> None:
    run = recorded(_lists())
    _kill(run.folder)
    recorded(_lists("[1]"))
    assert "soft-002.png" not in _names(run.folder)


def _kill(folder: Path) -> None:
    """Make a finished run's folder as a run leaves it that is killed while it writes its last file."""
    data = json.loads((folder / "run.json").read_text())
    for output in data["outputs"].values():
        output["files"] = []
    data |= {"state": "running", "files": {}}
    (folder / "run.json").write_text(json.dumps(data))
    (folder / "report.html").unlink()
    lines = (folder / "events.jsonl").read_text().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if '"writing"' in line)
    (folder / "events.jsonl").write_text("".join(lines[: last + 1]) + '{"event": "outp')


def test_a_write_that_dies_half_way_leaves_no_half_file(
    recorded: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recorded(_lists())
    kept = (before.folder / "picture.png").read_bytes()
    fdopen = os.fdopen

    def dying(number: int, mode: str) -> Any:
        return _Dying(fdopen(number, mode), kept) if mode == "wb" else fdopen(number, mode)

    monkeypatch.setattr(os, "fdopen", dying)
    run = recorded(_lists())
    assert (run.folder / "picture.png").read_bytes() == kept
    assert not [name for name in _names(run.folder) if name.startswith(".")]
    with pytest.raises(FileProblem, match=r"picture\.png cannot be written: No space left on device"):
        run.recorder.require()
    # Nothing else is lost with it, and the record says what is missing.
    assert {"film.gif", "soft-002.png", "wide.json"} <= _names(run.folder)
    assert "No space left" in json.loads((run.folder / "run.json").read_text())["outputs"]["picture"]["why"]


class _Dying:
    """A file on a disk that is full as soon as half of `fatal` is written."""

    def __init__(self, stream: Any, fatal: bytes) -> None:
        self.stream, self.fatal = stream, fatal

    def __enter__(self) -> "_Dying":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def flush(self) -> None:
        self.stream.flush()

    def fileno(self) -> int:
        return int(self.stream.fileno())

    def write(self, content: bytes) -> None:
        if content != self.fatal:
            self.stream.write(content)
            return
        self.stream.write(content[: len(content) // 2])
        self.stream.flush()
        raise OSError(28, "No space left on device")


def test_a_picture_that_its_format_cannot_hold_is_told_and_the_others_are_written(
    recorded: Callable[..., Any],
) -> None:
    text = """
graphflow: 1
inputs: {photo: {type: image, default: photo.png}}
nodes:
  wide: {type: resize, image: $photo, width: 17000, height: 2}
  film: {type: animate, images: [$wide, $wide], format: webp}
outputs: {film: $film, photo: $photo}
"""
    run = recorded(text, folder=None)
    assert "photo.png" in _names(run.folder)
    with pytest.raises(FileProblem, match=r"film\.webp cannot be written"):
        run.recorder.require()


def test_a_type_without_a_file_format_is_told_and_the_others_are_written(
    recorded: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(outputs.FORMATS, "int")
    run = recorded(_lists())
    assert "wide.json" not in _names(run.folder)
    assert "picture.png" in _names(run.folder)
    with pytest.raises(FileProblem, match="the output wide cannot be written: there is no file format"):
        run.recorder.require()


def test_a_folder_that_cannot_be_made_is_told_before_the_run(made: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(FileProblem, match="cannot be created"):
            Recorder(folder, made(_lists()))


def test_a_run_never_replaces_a_file_that_its_graph_reads(made: Callable[..., Any], photo: Path) -> None:
    text = _lists().replace("picture: $small", "photo: $small")
    with pytest.raises(FileProblem, match=r"the graph reads .*photo\.png, .* name another folder"):
        Recorder(photo.parent, made(text))
    assert not (photo.parent / "run.json").exists()
    Recorder(photo.parent, made(_lists())).close(Result())


def test_without_metadata_the_pixels_are_the_same_and_no_chunk_is_there(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    with_it, without = recorded(_lists()), recorded(_lists(), folder=tmp_path / "plain", metadata=False)
    for name in ("picture.png", "soft-001.png"):
        mode, one, told = _pixels(with_it.folder / name)
        other_mode, other, nothing = _pixels(without.folder / name)
        assert mode == other_mode
        assert np.array_equal(one, other)
        assert told.keys() == {"graphflow"}
        assert not nothing
    chunks = (without.folder / "picture.png").read_bytes()
    assert not re.search(rb"iTXt|zTXt|tEXt", chunks)


def test_equal_runs_write_equal_files(recorded: Callable[..., Any], tmp_path: Path) -> None:
    one = recorded(_lists(), command=["graphflow", "run", "one"])
    other = recorded(_lists(), folder=tmp_path / "other", command=["graphflow", "run", "other"])
    for name in _names(one.folder) - RECORD:
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()


@pytest.mark.parametrize("ending", sorted({ending for one in outputs.FORMATS.values() for ending in one.endings}))
def test_a_file_of_every_format_belongs_to_its_output(ending):
    assert names.output_file(f"soft-012.{ending}") == names.OutputFile("soft", 12, ending)


def test_a_result_beside_all_outputs_is_recorded_as_asked_for():
    graph = gf.Graph("shapes")
    first = graph.add("mask_shape", id="first", shape="ellipse", box=[0, 0, 1, 1], width=8, height=8)
    graph.output(inverted=graph.add("mask_invert", id="second", mask=first))
    assert describe(graph.plan()).only == []
    assert describe(graph.plan(only=["inverted"])).only == []
    assert describe(graph.plan(only=["inverted", "first"])).only == ["inverted", "first"]
