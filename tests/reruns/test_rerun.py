"""Repeating recorded runs: from pictures and run.json, wherever they and their inputs are now."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import graphflow as gf
from graphflow import library
from graphflow.catalog.catalog import default_catalog
from graphflow.cli import main
from graphflow.errors import FileProblem, InvalidGraph
from graphflow.record.png import encode_png, read_text
from graphflow.record.run_record import RunRecord
from graphflow.reruns import recorded_files
from tests.tiny import make

GRAPH = """
graphflow: 1
name: small
inputs:
  photo: {type: image, default: photo.png}
  width: {type: int, default: 20}
  note: {type: string, default: none}
nodes:
  small: {type: resize, image: $photo, width: $width}
  other: {type: resize, image: second.png, width: 9}
  each: {type: resize, image: $photo, for_each: {width: [3, 4]}}
  spot: {type: mask_shape, shape: ellipse, box: [0, 0, 1, 1], width: 8, height: 8}
  grid: {type: image_grid, images: [$small, $other], captions: [$note, "$$note"]}
outputs: {small: $small, each: $each, spot: $spot, grid: $grid}
"""


@gf.node(deterministic=False)
def random_picture(image: gf.Image) -> gf.Image:
    """Another picture each time."""
    return gf.Image(np.random.default_rng().bytes(image.nbytes), image.width, image.height)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the graph and two pictures that it names."""
    folder = tmp_path / "graphs"
    folder.mkdir()
    (folder / "small.yaml").write_text(GRAPH)
    for number, name in enumerate(("photo.png", "second.png")):
        gf.Image.of(np.random.default_rng(number).integers(0, 256, (40, 60, 3), np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Run the graph with other values than its defaults; returns the folder of the run."""

    def run(**options: Any) -> Path:
        inputs = {"width": 12, "note": "$5 or 0x10"}
        gf.run(folder / "small.yaml", inputs=inputs, seed=7, record=tmp_path / "run", **options)
        return tmp_path / "run"

    return run


def _moved(path: Path, target: Path) -> Path:
    target.parent.mkdir(exist_ok=True)
    return Path(shutil.copy(path, target))


def _with_record(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The picture with another record in it."""
    data = json.loads(read_text(path) or "")
    change(data)
    picture = PIL.Image.open(path)
    kind = gf.Mask if picture.mode == "L" else gf.Image
    path.write_bytes(encode_png(kind.of(picture), json.dumps(data)))
    return path


@pytest.mark.parametrize("name", ["small.png", "each-001.png", "spot.png", "grid.png"])
def test_a_picture_moved_elsewhere_is_made_again_byte_for_byte(
    run: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    picture = _moved(run() / name, tmp_path / "elsewhere" / "mine.png")
    done = gf.rerun(picture, record=tmp_path / "again")
    assert [(output.equal, output.same_file) for output in done.outputs] == [(True, True)]
    assert done.equal
    assert done.differences == ()
    assert (tmp_path / "again" / name).read_bytes() == picture.read_bytes()
    # Only what the picture shows is made.
    assert len(done.result.outputs) == 1


def test_inputs_are_found_beside_the_picture(run: Callable[..., Path], folder: Path, tmp_path: Path) -> None:
    picture = _moved(run() / "grid.png", tmp_path / "elsewhere" / "grid.png")
    for name in ("photo.png", "second.png"):
        (folder / name).rename(picture.parent / name)
    shutil.rmtree(folder)
    done = gf.rerun(picture, record=tmp_path / "again")
    assert (tmp_path / "again" / "grid.png").read_bytes() == picture.read_bytes()
    assert {(one.cause, one.matters) for one in done.differences} == {("input file", False)}


def test_inputs_are_found_by_their_bytes_in_a_named_folder(
    run: Callable[..., Path], folder: Path, tmp_path: Path
) -> None:
    picture = run() / "small.png"
    (tmp_path / "photos").mkdir()
    (folder / "photo.png").rename(tmp_path / "photos" / "renamed.png")
    (folder / "second.png").rename(tmp_path / "alone.png")
    with pytest.raises(FileProblem, match=r"second\.png, which the run read, does not exist"):
        gf.rerun(picture, look_in=[tmp_path / "photos"])
    assert gf.rerun(picture, look_in=[tmp_path / "photos", tmp_path / "alone.png"]).equal
    (tmp_path / "alone.png").rename(tmp_path / "photos" / "alone.png")
    assert gf.rerun(picture, look_in=str(tmp_path / "photos")).equal


def test_only_files_and_folders_that_exist_are_looked_in(run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(gf.FileProblem, match=r"there is no file or folder .*photos to look in"):
        gf.rerun(run(), look_in=tmp_path / "photos")
    with pytest.raises(gf.GraphflowError, match="3 is not a file"):
        gf.rerun(3)  # type: ignore[arg-type]


def test_a_file_to_look_in_stands_for_no_other_input(run: Callable[..., Path], folder: Path, tmp_path: Path) -> None:
    picture = run() / "small.png"
    other = tmp_path / "other.png"
    shutil.copy(picture, other)
    for path in folder.glob("*.png"):
        path.unlink()
    with pytest.raises(gf.FileProblem, match="which the run read, does not exist"):
        gf.rerun(picture, look_in=other)


def test_a_changed_or_missing_input_is_refused_by_name(run: Callable[..., Path], folder: Path) -> None:
    picture = run() / "small.png"
    gf.Image(bytes(12), 2, 2).save(folder / "photo.png")
    (folder / "second.png").unlink()
    with pytest.raises(FileProblem) as error:
        gf.rerun(picture)
    assert "photo.png has other bytes than" in str(error.value)
    assert "second.png, which the run read, does not exist" in str(error.value)
    assert "--inputs DIR" in str(error.value)


def test_a_run_json_is_repeated_with_all_its_outputs(run: Callable[..., Path], tmp_path: Path) -> None:
    folder = run()
    for file in (folder, folder / "run.json", _moved(folder / "run.json", tmp_path / "elsewhere" / "mine.json")):
        done = gf.rerun(file, record=tmp_path / "again")
        assert {output.name: (output.equal, output.same_file) for output in done.outputs} == dict.fromkeys(
            ("small", "each", "spot", "grid"), (True, True)
        )


@pytest.mark.parametrize("format_", ["jpeg", "webp"])
def test_pictures_of_every_format_are_made_again(run: Callable[..., Path], tmp_path: Path, format_: str) -> None:
    folder = run(format=format_, quality=70)
    (picture,) = folder.glob("small.*")
    done = gf.rerun(picture, record=tmp_path / "again")
    assert done.outputs[0].same_file
    assert gf.rerun(folder, record=tmp_path / "again").equal


def test_a_requested_result_of_a_node_is_made_again(run: Callable[..., Path], tmp_path: Path) -> None:
    folder = run(only=["other.image"])
    (picture,) = folder.glob("*.png")
    assert gf.rerun(picture, record=tmp_path / "again").outputs[0].same_file
    assert [output.name for output in gf.rerun(folder).outputs] == ["other.image"]


def test_other_outputs_can_be_asked_for(run: Callable[..., Path]) -> None:
    assert [output.name for output in gf.rerun(run(), only=["spot", "small"]).outputs] == ["small", "spot"]


def test_a_value_made_in_python_has_to_be_given_again(folder: Path, tmp_path: Path) -> None:
    photo = gf.Image(bytes(12), 2, 2)
    gf.run(folder / "small.yaml", inputs={"photo": photo}, record=tmp_path / "run")
    with pytest.raises(FileProblem, match="the value of the input photo is not in the record"):
        gf.rerun(tmp_path / "run" / "small.png")
    assert gf.rerun(tmp_path / "run" / "small.png", inputs={"photo": photo}).equal


def test_a_picture_that_was_painted_over_is_told_from_one_that_cannot_be_made_again(run: Callable[..., Path]) -> None:
    picture = run() / "small.png"
    text = RunRecord.load(picture)
    assert text.made is not None
    changed = np.array(PIL.Image.open(picture))
    changed[0, 0] ^= 255
    picture.write_bytes(encode_png(gf.Image.of(changed), read_text(picture)))
    done = gf.rerun(picture)
    assert done.picture_changed
    assert done.equal


def test_a_node_whose_results_vary_differs(folder: Path, tmp_path: Path) -> None:
    catalog = default_catalog().extended(random_picture)
    (folder / "g.yaml").write_text("graphflow: 1\nnodes: {a: {type: random_picture, image: photo.png}}\n")
    gf.run(folder / "g.yaml", record=tmp_path / "run", catalog=catalog)
    done = gf.rerun(tmp_path / "run" / "a.png", catalog=catalog)
    assert not done.equal
    assert [output.equal for output in done.outputs] == [False]
    with pytest.raises(InvalidGraph, match="random_picture"):
        gf.rerun(tmp_path / "run" / "a.png")


def test_a_changed_template_is_named(folder: Path, tmp_path: Path) -> None:
    template = "graphflow: 1\ninputs: {image: {type: image}}\nnodes: {cut: {type: resize, image: $image, width: 9}}\n"
    (folder / "t.yaml").write_text(template + "outputs: {image: $cut}\n")
    (folder / "g.yaml").write_text("graphflow: 1\nnodes: {a: {template: ./t.yaml, image: photo.png}}\n")
    gf.run(folder / "g.yaml", record=tmp_path / "run")
    (folder / "t.yaml").write_text((folder / "t.yaml").read_text().replace("9", "8"))
    done = gf.rerun(tmp_path / "run")
    assert not done.equal
    assert [(one.cause, one.before, one.now) for one in done.differences] == [("a/cut.width", "9", "8")]


def test_pictures_of_earlier_versions_are_known_by_their_names(run: Callable[..., Path]) -> None:
    folder = run()
    for name in ("small.png", "each-001.png", "spot.png"):
        picture = _with_record(
            folder / name, lambda data: [data.pop(key) for key in ("made", "components", "pictures")]
        )
        assert gf.rerun(picture).equal
    renamed = (folder / "small.png").rename(folder / "My Picture.png")
    with pytest.raises(FileProblem, match="is not known"):
        gf.rerun(renamed)


def test_a_failed_run_is_repeated_as_far_as_it_went(run: Callable[..., Path]) -> None:
    folder = run()
    data = json.loads((folder / "run.json").read_text())
    data["outputs"]["small"] = {"why": "it failed"}
    (folder / "run.json").write_text(json.dumps(data))
    done = gf.rerun(folder)
    assert {output.name: output.equal for output in done.outputs} == {
        "small": None, "each": True, "spot": True, "grid": True,
    }  # fmt: skip


# What cannot be repeated


@pytest.mark.parametrize("name", ["small.png", "run.json"])
def test_a_record_of_a_later_format_is_refused(run: Callable[..., Path], name: str) -> None:
    path = run() / name
    if name == "run.json":
        path.write_text(path.read_text().replace('"format": 1', '"format": 2', 1))
    else:
        _with_record(path, lambda data: data.update(format=2))
    with pytest.raises(FileProblem, match="is a record of format 2; this graphflow reads 1"):
        gf.rerun(path)


def test_other_files_are_refused(run: Callable[..., Path], folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes((run() / "small.png").read_bytes()[:-30])
    for path, message in (
        (folder / "photo.png", r"contains no record of a run\n  why: another program wrote it, or .*\n  fix: name a "),
        (tmp_path / "cut.png", "damaged"),
        (folder / "small.yaml", r"is not a record of a run\n  fix: run a graph with: graphflow run .*small\.yaml"),
        (tmp_path / "none.png", "does not exist"),
        (folder, r"does not exist\n  why: so its folder is not that of a run\n  fix: name a picture, a run\.json or"),
    ):
        with pytest.raises(FileProblem, match=message):
            gf.rerun(path)


# The command line


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Call the command line in `tmp_path`; returns its exit code, its lines, and its error lines."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, list[str], str]:
        capsys.readouterr()
        code = main(list(words))
        shown = capsys.readouterr()
        return code, shown.out.splitlines(), shown.err

    return call


def test_the_command_says_what_is_equal(run: Callable[..., Path], call: Callable[..., Any], tmp_path: Path) -> None:
    run()
    code, lines, _ = call("rerun", "run/small.png", "--out", "again")
    assert code == 0
    assert lines == ["small: equal", "wrote again: small.png, events.jsonl, run.json, report.html"]
    code, lines, _ = call("rerun", "run")
    assert lines[:4] == ["small: equal", "each: equal", "spot: equal", "grid: equal"]
    assert lines[4].startswith("wrote runs/")


def test_a_run_without_metadata_is_repeated_without(call: Callable[..., Any], run: Callable[..., Path]) -> None:
    assert call("run", "graphs/small.yaml", "--out", "plain", "--no-metadata")[0] == 0
    code, lines, _ = call("rerun", "plain", "--out", "again", "--only", "small")
    assert (code, lines[0]) == (0, "small: equal")
    run()
    assert call("rerun", "run/small.png", "--no-metadata")[1][0] == "small: equal, but its file has other bytes"


def test_pictures_of_a_sweep_are_made_again_alone_and_together(
    call: Callable[..., Any], run: Callable[..., Path], tmp_path: Path
) -> None:
    assert call("sweep", "graphs/small.yaml", "--over", "width=[8, 9]", "--seed", "3", "--out", "swept")[0] == 0
    names = sorted(path.name for path in (tmp_path / "swept").glob("small-*.png"))
    assert len(names) == 2
    picture = _moved(tmp_path / "swept" / names[1], tmp_path / "elsewhere" / "one.png")
    assert call("rerun", str(picture), "--out", "alone")[1][0] == "small: equal"
    assert (tmp_path / "alone" / "small.png").read_bytes() == picture.read_bytes()
    code, lines, _ = call("rerun", str(_moved(tmp_path / "swept" / "run.json", tmp_path / "elsewhere" / "all.json")))
    assert code == 0
    # A rerun of all reads the graph in run.json, and the records in the pictures name another file.
    assert {line.rpartition(": ")[2] for line in lines[:-2]} == {"equal", "equal, but its file has other bytes"}
    assert lines[-2] == "only the record in the files differs"


def test_the_folder_of_the_file_is_not_written_into(call: Callable[..., Any], run: Callable[..., Path]) -> None:
    run()
    code, _, error = call("rerun", "run/small.png", "--out", "run")
    assert code == 2
    assert "would replace the files that it is compared with" in error


def test_the_explanation_names_a_changed_library_and_runs_nothing(
    run: Callable[..., Path], call: Callable[..., Any], tmp_path: Path
) -> None:
    picture = run() / "small.png"
    assert call("rerun", "run/small.png", "--explain") == (0, ["nothing differs"], "")
    _with_record(picture, lambda data: data["environment"]["versions"].update(Pillow="9.0.1", Python="3.9.2"))
    code, lines, _ = call("rerun", "run/small.png", "--explain")
    assert code == 1
    assert lines[0].split() == ["differs", "recorded", "here", "can", "change", "bytes"]
    assert next(line for line in lines if line.startswith("Pillow")).split()[1::2] == ["9.0.1", "yes"]
    assert "no: it computes no pixels" in next(line for line in lines if line.startswith("Python"))
    assert lines[-1] == "1 difference can change the bytes of results"
    assert not (tmp_path / "runs").exists()


def test_the_explanation_names_files(run: Callable[..., Path], call: Callable[..., Any], folder: Path) -> None:
    run()
    (folder / "photo.png").unlink()
    code, lines, _ = call("rerun", "run", "--explain", "--json")
    (told,) = map(json.loads, lines)
    assert code == told["exit"] == 1
    assert [(one["cause"], one["now"]) for one in told["differences"]] == [("input file", "missing")]
    shutil.copy(folder / "second.png", folder / "photo.png")
    (told,) = map(json.loads, call("rerun", "run", "--explain", "--json")[1])
    assert "with other bytes" in told["differences"][0]["now"]


def test_a_graph_that_cannot_run_is_explained(folder: Path, call: Callable[..., Any], tmp_path: Path) -> None:
    gf.run(folder / "small.yaml", inputs={"photo": gf.Image(bytes(12), 2, 2)}, record=tmp_path / "run")
    (told,) = map(json.loads, call("rerun", "run/small.png", "--explain", "--json")[1])
    (one,) = told["differences"]
    assert (told["exit"], one["cause"], one["before"]) == (1, "graph", "it ran")
    assert one["now"].startswith("the value of the input photo is not in the record: it was made in Python")


def test_another_result_is_explained(
    folder: Path, call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "varied.py").write_text(
        "import random\nfrom graphflow import Image, node\n\n@node(deterministic=False)\n"
        "def varied(image: Image) -> Image:\n    return Image(random.randbytes(image.nbytes), *image.size)\n"
    )
    (folder / "g.yaml").write_text("graphflow: 1\nnodes: {a: {type: varied, image: photo.png}}\n")
    assert call("run", "graphs/g.yaml", "--nodes", "varied.py", "--out", "run")[0] == 0
    code, lines, _ = call("rerun", "run/a.png", "--nodes", "varied.py")
    assert code == 1
    assert lines[:2] == ["a: differs", "nothing differs"]
    code, lines, _ = call("rerun", "run/a.png", "--nodes", "varied.py", "--json")
    compared = next(event for event in map(json.loads, lines) if event["event"] == "compared")
    assert code == 1
    assert (compared["equal"], compared["outputs"][0]["equal"]) == (False, False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("graphs/photo.png",), "contains no record of a run"),
        (("none.png",), "none.png does not exist"),
        (("run/small.png", "--threads", "0"), "0 is not a number of threads"),
        (("run/small.png", "--only", "smal"), "did you mean small?"),
    ],
)
def test_wrong_calls_are_refused(
    run: Callable[..., Path], call: Callable[..., Any], words: tuple[str, ...], message: str
) -> None:
    run()
    code, _, error = call("rerun", *words)
    assert code == 2
    assert message in error


# With models


def test_a_picture_of_a_model_is_made_again_elsewhere(call: Callable[..., Any], tmp_path: Path) -> None:
    options = ["--set", "steps=1", "--threads", "1"]
    assert call("run", "text2img", "--out", "run", *options)[0] == 0
    picture = _moved(tmp_path / "run" / "image.png", tmp_path / "elsewhere" / "mine.png")
    code, lines, _ = call("rerun", str(picture), "--out", "again")
    assert (code, lines[0]) == (0, "image: equal")
    assert (tmp_path / "again" / "image.png").read_bytes() == picture.read_bytes()
    assert call("rerun", str(picture), "--explain")[0] == 0

    def change(data: dict[str, Any]) -> None:
        data["components"][2]["digest"] = "0" * 64
        data["environment"]["versions"]["torch"] = "2.0.0"
        data["environment"]["device_name"] = "Z80"
        data["environment"]["dtypes"] = ["float16"]

    code, lines, _ = call("rerun", str(_with_record(picture, change)), "--explain", "--json")
    (told,) = map(json.loads, lines)
    named = {one["cause"]: (one["before"], one["matters"]) for one in told["differences"]}
    assert named == {
        "weights of unet of embedded/sd": ("000000000000", True),
        "torch": ("2.0.0", True),
        "processor or GPU": ("Z80", True),
        "dtype": ("float16", True),
    }


@pytest.mark.parametrize("written", ["input", "entry", "node"])
def test_a_repository_has_the_commit_of_the_recorded_run(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    kept = tmp_path / "hub" / "models--owner--name"
    commits = ["a" * 40, "b" * 40]
    for commit in commits:
        shutil.copytree(make("sd", tmp_path), kept / "snapshots" / commit)
    config = kept / "snapshots" / commits[1] / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "beta_end": 0.02}))
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commits[0])
    text = {
        "input": "inputs: {model: {type: checkpoint, default: owner/name}}\nnodes: {a: {checkpoint: $model, ",
        "entry": "checkpoints: {model: {source: owner/name}}\nnodes: {a: {checkpoint: model, ",
        "node": "nodes: {a: {checkpoint: owner/name, ",
    }[written]
    rest = "type: text2img, prompt: owner/name, num_inference_steps: 2, width: 32, height: 32}}\n"
    (tmp_path / "g.yaml").write_text(f"graphflow: 1\n{text}{rest}outputs: {{image: $a}}\n")
    assert call("run", "g.yaml", "--out", "run")[0] == 0
    (kept / "refs" / "main").write_text(commits[1])
    assert call("rerun", "run/image.png", "--explain")[:2] == (0, ["nothing differs"])
    assert call("rerun", "run/image.png")[1][0] == "image: equal"
    assert call("run", "g.yaml", "--out", "other")[0] == 0
    lines = call("diff", "run/image.png", "other/image.png")[1]
    assert any(line.startswith("  sampler of a: ") for line in lines)
    assert "differ, by at most" in lines[-1]


def test_the_library_of_another_installation_is_this_one(call: Callable[..., Any], tmp_path: Path) -> None:
    assert call("run", "selective_color", "--out", "run")[0] == 0
    for name in ("image.png", "run.json"):
        path = tmp_path / "run" / name
        here = str(library.folder())
        if name == "run.json":
            path.write_text(path.read_text().replace(here, "/opt/other/graphflow_graphs"))
        else:
            text = (read_text(path) or "").replace(here, "/opt/other/graphflow_graphs")
            path.write_bytes(encode_png(gf.Image.of(PIL.Image.open(path)), text))
        assert "/opt/other" in RunRecord.load(path).document.folder
        code, lines, error = call("rerun", f"run/{name}")
        assert code == 0, error
        assert lines[0].startswith("image: equal")


def test_a_node_type_with_other_source_is_named(folder: Path, call: Callable[..., Any], tmp_path: Path) -> None:
    source = "from graphflow import Image, node\n\n@node()\ndef {0}(image: Image) -> Image:\n    return image\n"
    for number in (1, 2):
        (tmp_path / f"{number}.py").write_text(source.format("same") + f"# {number}\n")
    (folder / "g.yaml").write_text("graphflow: 1\nnodes: {a: {type: same, image: photo.png}}\n")
    assert call("run", "graphs/g.yaml", "--nodes", "1.py", "--out", "run")[0] == 0
    (tmp_path / "moved.py").write_bytes((tmp_path / "1.py").read_bytes())
    assert call("rerun", "run/a.png", "--nodes", "moved.py", "--explain")[1] == ["nothing differs"]
    code, lines, _ = call("rerun", "run/a.png", "--nodes", "2.py", "--explain", "--json")
    assert [one["cause"] for one in json.loads(lines[0])["differences"]] == ["function same"]
    assert code == 1


def test_large_files_and_folders_beside_the_picture_are_not_read(
    run: Callable[..., Path], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = _moved(run() / "small.png", tmp_path / "elsewhere" / "small.png")
    (folder / "photo.png").rename(picture.parent / "renamed.png")
    with pytest.raises(FileProblem, match=r"photo\.png, which the run read, does not exist"):
        gf.rerun(picture)
    monkeypatch.setattr(recorded_files, "LARGEST", 100)
    with pytest.raises(FileProblem, match=r"photo\.png, which the run read, does not exist"):
        gf.rerun(picture, look_in=[picture.parent])
    monkeypatch.undo()
    assert gf.rerun(picture, look_in=[picture.parent]).equal


def test_a_damaged_record_is_never_a_crash(run: Callable[..., Path], tmp_path: Path) -> None:
    text = read_text(run() / "small.png") or ""
    data = json.loads(text)
    random = np.random.default_rng(0)
    changes: list[tuple[str, Any]] = [
        (key, value) for key in data for value in (None, [], {}, -1, "x", [{"kind": "file"}])
    ]
    changes += [("inputs", {"photo": {"kind": kind}}) for kind in ("file", "checkpoint", "image", "")]
    changes += [("inputs", {"photo": [None]}), ("made", {"output": "smal", "kind": "", "digest": ""})]
    changes += [("made", {**data["made"], "item": item}) for item in (-1, 0, 7)]
    changes += [("document", {**data["document"], "folder": folder}) for folder in ("\0", "~nobody/x", "x" * 5000)]
    changes += [("compute", {"device": device, "threads": 0}) for device in ("tpu", "cpu")]
    refused = 0
    for key, value in changes:
        path = tmp_path / "damaged.png"
        path.write_bytes(encode_png(gf.Image(random.bytes(12), 2, 2), json.dumps({**data, key: value})))
        try:
            gf.rerun(path)
        except gf.GraphflowError:
            refused += 1
    # Some of what is damaged, such as a time, does not matter for a rerun.
    assert len(changes) // 2 < refused < len(changes)


def test_a_budget_of_memory_holds_for_a_rerun_too(call: Callable[..., Any]) -> None:
    assert call("run", "text2img", "--out", "run", "--set", "steps=1")[0] == 0
    code, _, error = call("rerun", "run", "--memory-budget", "1MiB")
    assert code == 2
    assert "the memory budget is too small" in error
    with pytest.raises(gf.GraphflowError, match="the memory budget is too small"):
        gf.rerun("run", memory_budget="1MiB")


def test_a_picture_of_a_batch_is_made_again_in_the_same_batch(call: Callable[..., Any], tmp_path: Path) -> None:
    model = f"checkpoint={make('sd', tmp_path)}"
    words = ["--over", "seed=[1, 2, 3]", "--set", model, "--set", "steps=2", "--batch", "2", "--out", "run"]
    assert call("sweep", "text2img", *words)[0] == 0
    picture = _moved(tmp_path / "run" / "image-001.png", tmp_path / "elsewhere" / "one.png")
    code, lines, _ = call("rerun", str(picture), "--out", "again")
    assert (code, lines[0]) == (0, "image[1]: equal")
    assert (tmp_path / "again" / "image-001.png").read_bytes() == picture.read_bytes()
    steps = RunRecord.load(tmp_path / "again").steps
    assert {step.batch for step in steps if step.path.endswith("/sample")} == {1, 2}
