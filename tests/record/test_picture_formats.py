"""JPEG and WebP files of outputs: who chooses them, what they contain, and the record in them."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import graphflow as gf
from graphflow.errors import FileProblem, InvalidGraph, InvalidValue
from graphflow.record.exif_pictures import encode_jpeg, encode_webp, read_comment
from graphflow.record.recorder import Recorder
from graphflow.record.run_record import RunRecord
from graphflow.values.picture_format import PictureFormat

GRAPH = """
graphflow: 1
name: Grüße 😀
nodes:
  spot: {type: mask_shape, shape: ellipse, box: [0.1, 0.1, 0.9, 0.9], width: 64, height: 48}
  soft: {type: mask_blur, mask: $spot, for_each: {blur_factor: [1, 2]}}
  film: {type: animate, images: [$spot, $spot]}
outputs:
  image: {value: $spot, format: jpeg, quality: 40}
  soft: {value: $soft, format: webp}
  plain: $spot
  film: $film
"""
PICTURE = gf.Image.of(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
ENCODERS = {"jpeg": encode_jpeg, "webp": encode_webp}


def _pictures(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"run.json", "events.jsonl", "report.html", "film.gif"}


def _format_of(path: Path) -> str | None:
    with PIL.Image.open(path) as picture:
        picture.load()
        return picture.format


def test_a_document_chooses_the_format_of_each_output(recorded: Callable[..., Any]) -> None:
    folder = recorded(GRAPH).folder
    assert _pictures(folder) == {"image.jpg", "soft-000.webp", "soft-001.webp", "plain.png"}
    assert _format_of(folder / "image.jpg") == "JPEG"
    assert _format_of(folder / "soft-001.webp") == "WEBP"
    assert (folder / "film.gif").exists()


def test_the_call_overrides_the_document(recorded: Callable[..., Any]) -> None:
    folder = recorded(GRAPH, pictures=PictureFormat("webp")).folder
    assert _pictures(folder) == {"image.webp", "soft-000.webp", "soft-001.webp", "plain.webp"}
    recorded(GRAPH, pictures=PictureFormat("png", 5))
    assert _pictures(folder) == {"image.png", "soft-000.png", "soft-001.png", "plain.png"}


def test_only_files_that_the_chosen_format_writes_are_in_the_way(
    made: Callable[..., Any], recorded: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "image.png").write_bytes(b"the user's own")
    assert (recorded(GRAPH).folder / "image.png").read_bytes() == b"the user's own"
    with pytest.raises(FileProblem, match=r"image\.png"):
        Recorder(tmp_path / "run", made(GRAPH), pictures=PictureFormat("png"))


@pytest.mark.parametrize("name", ENCODERS)
def test_the_quality_decides_the_size_of_a_file(name: str) -> None:
    encode = ENCODERS[name]
    sizes = [len(encode(PICTURE, None, quality)) for quality in (10, 50, 89, None, 100)]
    assert sizes == sorted(set(sizes))
    assert encode(PICTURE, None, None) == encode(PICTURE, None, 90)


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_pictures_of_every_format_contain_the_record(recorded: Callable[..., Any], name: str) -> None:
    run = recorded(GRAPH, pictures=PictureFormat(name), seed=7)
    file = run.folder / run.recorder.record.outputs["image"].files[0]
    record = RunRecord.load(file)
    assert (record.name, record.seed, record.document) == ("Grüße 😀", 7, run.recorder.record.document)
    assert json.loads(record.recipe()) == json.loads(run.recorder.record.recipe())


@pytest.mark.parametrize("name", ENCODERS)
def test_a_picture_without_record_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(ENCODERS[name](PICTURE, None, None))
    assert read_comment(path) is None
    with pytest.raises(FileProblem, match="contains no record"):
        RunRecord.load(path)


def test_the_comment_of_another_program_is_not_a_record(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x8769] = {0x9286: b"ASCII\0\0\0{}"}
    PICTURE.pil().save(tmp_path / "a.jpg", exif=exif)
    assert read_comment(tmp_path / "a.jpg") is None


def test_a_record_that_is_too_long_for_jpeg_is_left_out(tmp_path: Path) -> None:
    text = json.dumps("x" * 70_000)
    (tmp_path / "a.jpg").write_bytes(encode_jpeg(PICTURE, text, None))
    (tmp_path / "a.webp").write_bytes(encode_webp(PICTURE, text, None))
    assert read_comment(tmp_path / "a.jpg") is None
    assert read_comment(tmp_path / "a.webp") == text


@pytest.mark.parametrize("name", ENCODERS)
def test_a_damaged_picture_never_gives_half_a_record(tmp_path: Path, name: str) -> None:
    text = json.dumps({"format": 1, "text": "y" * 300})
    content = ENCODERS[name](PICTURE, text, None)
    path = tmp_path / "a"
    for end in range(0, len(content), 7):
        path.write_bytes(content[:end])
        with contextlib.suppress(FileProblem):
            assert read_comment(path) in (None, text)


def test_a_picture_larger_than_the_format_allows_is_reported(recorded: Callable[..., Any]) -> None:
    wide = "mask_shape, shape: ellipse, box: [0, 0, 1, 1], width: 16384, height: 1"
    graph = f"graphflow: 1\nnodes: {{a: {{type: {wide}}}}}\noutputs: {{a: {{value: $a, format: webp}}}}\n"
    (problem,) = recorded(graph).recorder.problems
    assert "16384 × 1 pixels; WEBP allows 16,383" in str(problem)


def test_a_graph_built_in_python_chooses_formats(tmp_path: Path) -> None:
    graph = gf.Graph("spots")
    spot = graph.add("mask_shape", shape="ellipse", box=[0, 0, 1, 1], width=8, height=8)
    graph.output(a={"value": spot, "format": "jpeg", "quality": 92}, b={"value": spot}, c=spot)
    assert gf.load(graph.save(tmp_path / "g.yaml")) == graph
    gf.run(graph, record=tmp_path / "run")
    assert _pictures(tmp_path / "run") == {"a.jpg", "b.png", "c.png"}
    gf.run(graph, record=tmp_path / "run", format="webp", quality=1)
    assert _pictures(tmp_path / "run") == {"a.webp", "b.webp", "c.webp"}


@pytest.mark.parametrize(
    ("details", "code"),
    [({"format": "jpg"}, "bad-value"), ({"quality": 0}, "bad-value"), ({"fromat": "png"}, "unknown-key")],
)
def test_a_wrong_choice_in_python_is_refused_at_once(details: dict[str, Any], code: str) -> None:
    graph = gf.Graph("spots")
    spot = graph.add("mask_shape", shape="ellipse", box=[0, 0, 1, 1], width=8, height=8)
    with pytest.raises(InvalidGraph) as error:
        graph.output(a={"value": spot, **details})
    assert [problem.code for problem in error.value.problems] == [code]
    assert error.value.problems[0].fix
    assert graph.document.outputs is None


@pytest.mark.parametrize("options", [{"format": "gif"}, {"quality": 0}, {"quality": 101}, {"quality": True}])
def test_a_wrong_choice_of_a_call_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidValue):
        gf.run("make_a_mask", record=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
