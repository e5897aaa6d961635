"""run.json and events.jsonl: what they hold, in every state a run can end in, and that they can be read back."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

import graphflow as gf
from graphflow.errors import FileProblem
from graphflow.execute.events import Event, StepStarted
from graphflow.execute.pool import Pool
from graphflow.execute.resources import Libraries
from graphflow.execute.result import Result
from graphflow.execute.runner import Run
from graphflow.record.folder_claim import new_folder
from graphflow.record.journal import Journal
from graphflow.record.recorder import Recorder
from graphflow.record.run_record import RunRecord
from graphflow.store.memory_store import MemoryStore

TWO_BRANCHES = """
graphflow: 1
name: two_branches
description: One of them fails.
inputs:
  photo: {type: image, default: photo.png}
  factor: {type: float, default: 2}
  unused: {type: bool, default: false}
nodes:
  small: {type: resize, image: $photo, width: 30, height: 20}
  bad: {type: broken, image: $small, why: no <b>such</b> thing}
  after: {type: resize, image: $bad, width: 10, height: 10}
  spot: {type: mask_shape, like: $small, shape: ellipse, box: [0.2, 0.2, 0.8, 0.8]}
  soft: {type: mask_blur, mask: $spot, blur_factor: $factor}
  never: {type: mask_invert, when: $unused, mask: $soft}
outputs: {lost: $after, mask: $soft, never: $never}
"""

GOOD = """
graphflow: 1
name: good
inputs: {photo: {type: image, default: photo.png}, caption: {type: string, default: "1.50"}}
nodes:
  small: {type: resize, image: $photo, width: 30, height: 20}
  spot: {type: mask_shape, like: $small, shape: ellipse, box: [0.25, 0.2, 0.75, 1]}
  sheet: {type: image_grid, images: [$small, $small], captions: ["a $caption", b]}
outputs: {image: $sheet, mask: $spot}
"""

SLOW = """
graphflow: 1
inputs: {photo: {type: image, default: photo.png}}
nodes:
  small: {type: resize, image: $photo, width: 30, height: 20}
  wait: {type: slow, image: $small}
  after: {type: resize, image: $wait, width: 10, height: 10}
outputs: {small: $small, after: $after}
"""


def _events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]


def test_run_json_comes_back_as_it_was(recorded: Callable[..., Any]) -> None:
    run = recorded(GOOD, seed=2**64 - 1, command=["graphflow", "run", "good.yaml"])
    record = RunRecord.load(run.folder / "run.json")
    assert record == run.recorder.record == RunRecord.load(run.folder)
    assert (record.state, record.seed, record.name) == ("done", 2**64 - 1, "good")
    assert record.command == ["graphflow", "run", "good.yaml"]
    assert record.started is not None
    assert record.started.utcoffset() == UTC.utcoffset(None)
    assert record.seconds == run.result.seconds
    assert {step.state for step in record.steps} == {"done"}
    assert {"graphflow", "Python", "numpy", "Pillow"} <= record.environment.versions.keys()
    assert record.peak_memory_bytes is None or record.peak_memory_bytes > 1_000_000


def test_values_keep_their_types(recorded: Callable[..., Any], photo: Path) -> None:
    nodes = {node.path: node for node in RunRecord.load(recorded(GOOD).folder).nodes}
    assert nodes["spot"].params["box"] == [0.25, 0.2, 0.75, 1.0]
    assert all(type(number) is float for number in nodes["spot"].params["box"])  # type: ignore[union-attr]
    assert type(nodes["small"].params["width"]) is int
    assert nodes["spot"].params["points"] is None
    small = {"kind": "output", "node": "small", "output": "image"}
    assert nodes["sheet"].inputs["images"] == [small, small]
    assert nodes["sheet"].inputs["captions"] == ["a 1.50", "b"]
    assert nodes["sheet"].place == "graph.yaml:8:3"


def test_a_seed_of_64_bits_is_kept(recorded: Callable[..., Any]) -> None:
    text = GOOD.replace(
        'caption: {type: string, default: "1.50"}', "caption: {type: int, default: 18446744073709551615}"
    )
    assert RunRecord.load(recorded(text).folder).inputs["caption"] == 2**64 - 1


def test_inputs_that_are_files_are_known_by_path_and_content(recorded: Callable[..., Any], photo: Path) -> None:
    import hashlib

    record = RunRecord.load(recorded(GOOD).folder)
    assert record.inputs["caption"] == "1.50"
    told = record.inputs["photo"]
    assert isinstance(told, dict)
    assert Path(str(told["path"])).expanduser() == photo
    assert told["sha256"] == hashlib.sha256(photo.read_bytes()).hexdigest()


def test_the_home_folder_is_not_told(
    made: Callable[..., Any], photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(photo.parent))
    recorder = Recorder(tmp_path / "run", made(GOOD))
    recorder.close(Result())
    text = recorder.record.to_json()
    assert "~/photo.png" in text
    assert str(photo.parent) not in text


def test_a_python_value_is_known_by_its_digest(made: Callable[..., Any], tmp_path: Path) -> None:
    picture = gf.Image(bytes(12), 2, 2)
    recorder = Recorder(tmp_path / "run", made(GOOD, photo=picture))
    recorder.close(Result())
    assert recorder.record.inputs["photo"] == {"kind": "image", "digest": picture.digest}


def test_the_document_comes_back_equal(recorded: Callable[..., Any], photo: Path) -> None:
    from graphflow.document.parse import parse

    record = RunRecord.load(recorded(GOOD).folder)
    assert parse(record.document.text)[0] == parse(GOOD)[0]
    assert Path(record.document.folder).expanduser() == photo.parent


def test_a_picture_carries_what_is_needed_to_run_it_again(recorded: Callable[..., Any]) -> None:
    run = recorded(GOOD, seed=7)
    whole, carried = RunRecord.load(run.folder), RunRecord.load(run.folder / "image.png")
    for name in ("document", "seed", "inputs", "nodes", "environment", "name"):
        assert getattr(carried, name) == getattr(whole, name)
    assert (carried.state, carried.started, carried.command) == ("running", None, None)


def test_a_document_larger_than_pillow_reads_in_one_chunk_is_carried(recorded: Callable[..., Any]) -> None:
    import PIL.Image

    text = GOOD.replace("name: good", f"name: good\ndescription: {'long ' * 300_000}")
    run = recorded(text)
    carried = RunRecord.load(run.folder / "mask.png")
    assert carried.description == ("long " * 300_000).strip()
    with PIL.Image.open(run.folder / "mask.png") as picture:
        picture.load()


def test_a_failing_branch_is_told_and_the_other_one_is_written(recorded: Callable[..., Any]) -> None:
    run = recorded(TWO_BRANCHES)
    record = RunRecord.load(run.folder)
    steps = {step.path: step for step in record.steps}
    assert record.state == "failed"
    assert (run.folder / "mask.png").is_file()
    assert steps["bad"].state == "failed"
    assert steps["bad"].problem is not None
    assert steps["bad"].problem["why"].startswith("ValueError: no <b>such</b> thing (")
    assert "raise ValueError(why)" in steps["bad"].traceback
    assert (steps["after"].state, steps["after"].why) == ("not_run", "bad failed")
    assert steps["soft"].state == "done"
    assert record.outputs["lost"].why == "bad failed"
    assert record.skipped.keys() == {"never"}
    assert record.outputs["never"].why
    assert record.outputs["mask"].files == ["mask.png"]


SOME_REFUSED = """
graphflow: 1
name: some
inputs: {photo: {type: image, default: photo.png}}
nodes:
  one: {type: picky, image: $photo, for_each: {refused: [false, true, false]}}
  wide: {type: count, image: $one, for_each: {image: $one}}
outputs: {images: $one, widths: $wide}
""".replace("image: $one, for_each", "for_each")


def test_finished_items_of_a_list_are_written_under_their_own_numbers(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    whole = recorded(SOME_REFUSED.replace("true", "false"), folder=tmp_path / "whole")
    run = recorded(SOME_REFUSED)
    assert {path.name for path in run.folder.iterdir()} == {
        "images-000.png", "images-002.png", "widths.json", "run.json", "events.jsonl", "report.html"
    }  # fmt: skip
    for name in ("images-000.png", "images-002.png"):
        assert _pixels_of(run.folder / name) == _pixels_of(whole.folder / name)
    assert json.loads((run.folder / "widths.json").read_text()) == [60, None, 60]
    entry = RunRecord.load(run.folder).outputs["images"]
    assert entry.files == ["images-000.png", "images-002.png"]
    assert entry.missing == {1: "one[1] failed"}
    assert entry.why == "1 of 3 items is missing: 1 (one[1] failed)"
    told = {event["name"]: event for event in _events(run.folder) if event["event"] == "output_ready"}
    assert told["images"]["items"] == [0, 2]
    assert told["images"]["files"] == ["images-000.png", "images-002.png"]


def test_the_report_shows_finished_items_and_names_the_missing(recorded: Callable[..., Any]) -> None:
    page = (recorded(SOME_REFUSED).folder / "report.html").read_text("utf-8")
    assert 'href="images-000.png"' in page
    assert 'href="images-002.png"' in page
    assert "1 of 3 items is missing: 1 (one[1] failed)" in page


def test_items_finished_before_a_cancellation_are_written(recorded: Callable[..., Any]) -> None:
    text = SLOW_ITEMS
    run = recorded(text, cancel_at="wait[1]")
    assert (run.folder / "images-000.png").is_file()
    entry = RunRecord.load(run.folder).outputs["images"]
    assert entry.files == ["images-000.png"]
    assert entry.missing == {1: "the run was cancelled"}


def test_the_picture_of_each_item_is_written_before_the_next_item_begins(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    there: dict[str, list[str]] = {}

    def look(event: Event) -> None:
        if isinstance(event, StepStarted):
            there[event.step] = sorted(path.name for path in (tmp_path / "run").glob("*.png"))

    run = recorded(SLOW_ITEMS, listener=look)
    assert there["wait[0]"] == []
    assert there["wait[1]"] == ["images-000.png"]
    told = [event for event in _events(run.folder) if event["event"] in ("item_ready", "output_ready", "writing")]
    assert [(event["event"], event.get("item"), event.get("files")) for event in told] == [
        ("writing", None, None),
        ("item_ready", 0, ["images-000.png"]),
        ("writing", None, None),
        ("item_ready", 1, ["images-001.png"]),
        ("output_ready", None, ["images-000.png", "images-001.png"]),
    ]
    assert RunRecord.load(run.folder).outputs["images"].files == ["images-000.png", "images-001.png"]


def test_a_list_of_texts_is_one_file_at_the_end(recorded: Callable[..., Any]) -> None:
    text = SLOW_ITEMS.replace("outputs: {images: $wait}", "outputs: {names: $wait.labels, images: $wait}")
    run = recorded(text)
    assert json.loads((run.folder / "names.json").read_text()) == ["image small[0]", "image small[1]"]
    assert [event["name"] for event in _events(run.folder) if event["event"] == "item_ready" and event["files"]] == [
        "images", "images",
    ]  # fmt: skip


def test_an_item_that_cannot_be_written_is_tried_once(recorded: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "run" / "images-000.png").mkdir(parents=True)
    run = recorded(SLOW_ITEMS, overwrite=True)
    assert len(run.recorder.problems) == 1
    entry = RunRecord.load(run.folder).outputs["images"]
    assert entry.files == ["images-001.png"]
    assert "images-000.png cannot be written" in entry.why


SLOW_ITEMS = """
graphflow: 1
inputs: {photo: {type: image, default: photo.png}}
nodes:
  small: {type: resize, image: $photo, for_each: {width: [10, 20]}}
  wait: {type: slow, for_each: {image: $small}}
outputs: {images: $wait}
"""


def test_what_ended_a_run_other_than_a_step_is_recorded(made: Callable[..., Any], tmp_path: Path) -> None:
    def listen(event: Any) -> None:
        if getattr(event, "step", "") == "soft" and hasattr(event, "cached"):
            raise OSError("the screen is gone")

    with gf.Engine() as engine, pytest.raises(OSError, match="the screen is gone"):
        engine.run(made(TWO_BRANCHES), on_event=listen, record=tmp_path / "run")
    record = RunRecord.load(tmp_path / "run")
    assert (record.state, record.error) == ("error", "OSError: the screen is gone")
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Error" in page
    assert "OSError: the screen is gone" in page


def test_a_failed_run_names_files_that_could_not_be_written_in_its_notes(
    made: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "run" / "report.html").mkdir(parents=True)
    with pytest.raises(gf.RunFailed) as told:
        gf.run(made(TWO_BRANCHES), record=tmp_path / "run", overwrite=True)
    assert any("report.html cannot be written" in note for note in told.value.__notes__)


def _pixels_of(path: Path) -> bytes:
    with PIL.Image.open(path) as picture:
        return picture.convert("RGB").tobytes()


def test_a_cancelled_run_leaves_a_readable_record(recorded: Callable[..., Any]) -> None:
    run = recorded(SLOW, cancel_at="wait")
    record = RunRecord.load(run.folder)
    assert record.state == "cancelled"
    assert {step.path: step.state for step in record.steps if step.path != "image:photo.png"} == {
        "small": "done",
        "wait": "cancelled",
        "after": "waiting",
    }
    assert record.outputs["small"].files == ["small.png"]
    assert record.outputs["after"].why == "the run was cancelled"
    assert _events(run.folder)[-1]["state"] == "cancelled"
    assert "Cancelled" in (run.folder / "report.html").read_text("utf-8")


def test_a_run_that_is_killed_leaves_a_record_and_whole_lines(made: Callable[..., Any], tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    def look(_: object) -> None:
        told = [event for event in _events(tmp_path / "run") if event["event"] != "writing"]
        seen.append((RunRecord.load(tmp_path / "run").state, len(told)))

    plan = made(GOOD)
    recorder = Recorder(tmp_path / "run", plan)

    def listen(event: Event) -> None:
        recorder(event)
        look(event)

    result = Run(plan, libraries=Libraries(plan), store=None, pool=Pool(), listener=listen).execute()
    # At every event there is a record, and a line for each event so far.
    assert seen == [("running", number) for number in range(1, len(seen) + 1)]
    recorder.close(result)


def test_cached_steps_are_told(made: Callable[..., Any], tmp_path: Path) -> None:
    plan, store = made(GOOD), MemoryStore()
    for _ in range(2):
        recorder = Recorder(tmp_path / "run", plan)
        recorder.close(Run(plan, libraries=Libraries(plan), store=store, pool=Pool(), listener=recorder).execute())
    assert {step.state for step in RunRecord.load(tmp_path / "run").steps} == {"cached"}


def test_events_name_the_files_of_outputs(recorded: Callable[..., Any]) -> None:
    events = _events(recorded(GOOD).folder)
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "run_finished"
    assert {e["name"]: e["files"] for e in events if e["event"] == "output_ready"} == {
        "image": ["image.png"],
        "mask": ["mask.png"],
    }
    moments = [event["at"] for event in events]
    assert moments == sorted(moments)


def test_a_full_disk_ends_the_journal_with_a_whole_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events.jsonl")
    journal.write({"a": 1})
    real = journal._file

    class Full:
        def write(self, line: bytes) -> int:
            return real.write(line[:3]) or 0

        def truncate(self, size: int) -> int:
            return real.truncate(size)

        def close(self) -> None:
            real.close()

    journal._file = Full()  # type: ignore[assignment]
    with pytest.raises(FileProblem, match=r"events\.jsonl cannot be written"):
        journal.write({"b": 2})
    journal.write({"c": 3})
    journal.close()
    assert (tmp_path / "events.jsonl").read_text() == '{"a": 1}\n'


def test_closing_twice_changes_nothing(recorded: Callable[..., Any]) -> None:
    run = recorded(GOOD)
    before = (run.folder / "run.json").read_bytes()
    assert run.recorder.close(Result(state="failed")) == run.written
    assert (run.folder / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a record"),
        (b"[]", "not a record"),
        (b"{", "not a record"),
        (b"\xff\xfe", "not a record"),
        (b'{"format": 1}', "not a record"),
        (b"[" * 100_000, "not a record"),
        (b'{"format": 2}', "format 2"),
    ],
)
def test_what_is_no_record_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(FileProblem, match=told):
        RunRecord.load(tmp_path)


def test_a_picture_without_a_record_is_told(recorded: Callable[..., Any], tmp_path: Path, photo: Path) -> None:
    with pytest.raises(FileProblem, match="contains no record of a run"):
        RunRecord.load(photo)
    with pytest.raises(FileProblem, match="does not exist"):
        RunRecord.load(tmp_path / "nothing.png")


def test_a_folder_is_named_by_time_and_graph(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 21, 15, 30).astimezone()
    names = [new_folder("Cup & rocket/..", within=tmp_path / "runs", clock=lambda: moment).name for _ in range(3)]
    assert names == ["20261121-153000-Cup-rocket", "20261121-153000-Cup-rocket-2", "20261121-153000-Cup-rocket-3"]
    assert new_folder("…", within=tmp_path / "runs", clock=lambda: moment).name == "20261121-153000-graph"
    assert new_folder("é" * 300, within=tmp_path / "runs", clock=lambda: moment).is_dir()
    (tmp_path / "file").write_text("")
    for within in (tmp_path / "file", tmp_path / "file" / "runs"):
        with pytest.raises(FileProblem):
            new_folder("x", within=within)


def test_importing_the_recorder_imports_nothing_large() -> None:
    code = "import sys, graphflow.record.recorder; print([n for n in %r if n in sys.modules])"
    large = ["numpy", "PIL", "torch", "jinja2", "pydantic"]
    done = subprocess.run([sys.executable, "-c", code % large], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_picture_says_which_value_it_shows(recorded: Callable[..., Any]) -> None:
    text = GOOD.replace("spot: {", "spot: {for_each: {shape: [ellipse, rectangle]}, ").replace(
        "shape: ellipse, box", "box"
    )
    run = recorded(text)
    made = {path.name: RunRecord.load(path).made for path in run.folder.glob("*.png")}
    assert {name: (one.output, one.item, one.kind) for name, one in made.items() if one is not None} == {
        "image.png": ("image", None, "image"),
        "mask-000.png": ("mask", 0, "mask"),
        "mask-001.png": ("mask", 1, "mask"),
    }
    assert [made[f"mask-00{item}.png"].digest for item in (0, 1)] == [mask.digest for mask in run.result["mask"]]
    assert RunRecord.load(run.folder).made is None


def test_components_are_known_by_content_whatever_their_precision() -> None:
    from graphflow.record.describe import describe
    from graphflow.system.device import Compute

    plans = [gf.load("text2img").plan(compute=Compute("cpu", dtype)) for dtype in ("float32", "bfloat16")]
    single, half = (describe(made).components for made in plans)
    assert single == half
    assert single[0].label == "tokenizer of embedded/sd"
    assert plans[0].components != plans[1].components


def test_the_choice_of_the_call_for_pictures_is_recorded(recorded: Callable[..., Any]) -> None:
    from graphflow.values.picture_format import PictureFormat

    record = recorded(GOOD, pictures=PictureFormat("jpeg", 80), metadata=False).recorder.record
    assert (record.pictures.format, record.pictures.quality, record.pictures.metadata) == ("jpeg", 80, False)
