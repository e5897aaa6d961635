"""The chunk `parameters`: the form that A1111 reads, from the stage that made a picture."""

import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

import graphflow as gf
from graphflow.checkpoints.file_digest import file_digest
from graphflow.record.parameters_text import parameters_text

SPOT = "graphflow: 1\nnodes: {a: {type: mask_shape, shape: ellipse, box: [0, 0, 1, 1], width: 8, height: 8}}\n"


def _text(graph: gf.Graph, output: str = "image", item: int | None = None, **inputs: Any) -> str:
    return parameters_text(graph.plan(inputs or None), output, item, (9, 7))


def _fields(text: str) -> dict[str, str]:
    """The last line as A1111 reads it."""
    found = re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', text.splitlines()[-1])
    return dict(found)


def test_a_stage_writes_prompts_and_settings_as_a1111_does() -> None:
    graph = gf.load("text2img")
    text = _text(graph, prompt="a (red) heart, sea\nand: sky", negative_prompt="blurry, grey", seed=3)
    lines = text.splitlines()
    assert lines[:3] == ["a (red) heart, sea", "and: sky", "Negative prompt: blurry, grey"]
    assert lines[3] == "Steps: 20, Sampler: DPM++ 2M, CFG scale: 5, Seed: 3, Size: 128x128, Model: embedded/sd"


def test_an_empty_negative_prompt_has_no_line() -> None:
    assert "Negative" not in _text(gf.load("text2img"), negative_prompt="")


def test_the_nearest_stage_counts_and_a_list_is_told_by_its_item() -> None:
    graph = gf.Graph()
    first = graph.add("text2img", checkpoint="embedded/sd", prompt="first", num_inference_steps=9, seed=1)
    second = graph.add(
        "img2img", checkpoint="embedded/sd", image=first.image, prompt="second", strength=0.5, scheduler="euler_karras",
        seed=2, clip_skip=1,
    )  # fmt: skip
    small = graph.add("resize", image=second, width=24)
    grid = graph.add("image_grid", images=[first, small], captions=["a", "b"])
    sweep = graph.add("img2img", checkpoint="embedded/sd", image=first, prompt="sweep", seed=5,
                      for_each={"strength": [0.25, 0.75]})  # fmt: skip
    graph.output(small=small, grid=grid, sweep=sweep)
    text = _text(graph, "small")
    fields = _fields(text)
    assert text.startswith("second\n")
    assert (fields["Sampler"], fields["Schedule type"], fields["Seed"]) == ("Euler", "Karras", "2")
    assert (fields["Denoising strength"], fields["Clip skip"], fields["Size"]) == ("0.5", "1", "128x128")
    # `first` is one step from the grid, and `second` two.
    assert _text(graph, "grid").startswith("first\n")
    assert [_fields(_text(graph, "sweep", item))["Denoising strength"] for item in (0, 1)] == ["0.25", "0.75"]


def test_an_encoded_prompt_is_written_as_its_text() -> None:
    graph = gf.Graph()
    encoded = graph.add("encode_prompt", checkpoint="embedded/sd", prompt="a (heart)1.3", negative_prompt="grey")
    paint = graph.add("text2img", checkpoint="embedded/sd", prompt=encoded)
    graph.output(image=paint)
    assert _text(graph).startswith("a (heart)1.3\nNegative prompt: grey\nSteps: ")


def test_text_made_of_values_is_put_together() -> None:
    graph = gf.Graph()
    subject = graph.input("subject", "string", default="a heart")
    graph.output(image=graph.add("text2img", checkpoint="embedded/sd", prompt=gf.text("{}, sea", subject)))
    assert _text(graph, subject="a star").startswith("a star, sea\n")


def test_a_graph_without_a_stage_has_none(recorded: Callable[..., Any]) -> None:
    folder = recorded(SPOT).folder
    with PIL.Image.open(folder / "a.png") as picture:
        assert "parameters" not in picture.info


@pytest.mark.parametrize(
    ("written", "name"),
    [("{folder}/my, model.safetensors", '"my, model"'), ("./my, model.safetensors", '"my, model"'), ("sd15", "sd15")],
)
def test_the_model_of_one_file_has_name_and_hash_and_no_folder(tmp_path: Path, written: str, name: str) -> None:
    home = tmp_path / "eve-adams"
    home.mkdir()
    file = home / "my, model.safetensors"
    file.write_bytes(b"weights")
    made = gf.load("text2img").plan()
    (node,) = made.checked.nodes
    node.params["checkpoint"] = gf.Checkpoint(written.format(folder=home), "file", file)
    text = parameters_text(made, "image", None, (9, 7))
    assert _fields(text)["Model"] == name
    assert _fields(text)["Model hash"] == hashlib.sha256(b"weights").hexdigest()[:10]
    assert "eve-adams" not in text


def test_settings_of_another_form_are_left_out() -> None:
    made = gf.load("text2img").plan()
    step = next(step for step in made.steps if "sampling" in step.params)
    sampling = step.params["sampling"]
    step.params["sampling"] = dataclasses.replace(sampling, settings={"guidance_scale": (1, 2)}, scheduler=None)
    assert parameters_text(made, "image", None, (9, 7)).splitlines()[-1].startswith("Seed: 7, Size: 128x128, Model: ")


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"one")
    assert file_digest(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"three")
    assert file_digest(path) == hashlib.sha256(b"three").hexdigest()


@pytest.mark.parametrize("prompt", ["sea", "海 ☀ — ü", "half \ud83d of a pair, \0"])
@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
def test_pictures_of_every_format_carry_it(prompt: str, format_: str) -> None:
    from graphflow.record.formats import FORMATS
    from graphflow.record.picture_text import PictureText
    from graphflow.values.picture_format import PictureFormat

    graph = gf.Graph()
    graph.output(image=graph.add("text2img", checkpoint="embedded/sd", prompt="x"))
    text = _text(graph).replace("x", prompt, 1).replace("\0", "").encode("utf-8", "replace").decode()
    chosen = FORMATS["image"].chosen(PictureFormat(format_))
    content = chosen.encode(gf.Image(bytes(12), 2, 2), PictureText("{}", text))
    assert _read(content) == text
    assert _read(chosen.encode(gf.Image(bytes(12), 2, 2), PictureText("{}"))) is None


def _read(content: bytes) -> str | None:
    import io

    with PIL.Image.open(io.BytesIO(content)) as picture:
        picture.load()
        if picture.format == "PNG":
            return picture.info.get("parameters")
        comment = picture.getexif().get_ifd(0x8769).get(0x9286)
        return None if comment is None else comment.removeprefix(b"UNICODE\0").decode("utf-16-be")


def test_no_metadata_leaves_it_out(tmp_path: Path) -> None:
    from graphflow.cli import main

    words = ["run", "text2img", "--set", "steps=1", "--out"]
    assert main([*words, str(tmp_path / "a")]) == 0
    assert main([*words, str(tmp_path / "b"), "--no-metadata"]) == 0
    assert (_read((tmp_path / "a" / "image.png").read_bytes()) or "").startswith("a yellow circle, night sky\n")
    assert _read((tmp_path / "b" / "image.png").read_bytes()) is None
