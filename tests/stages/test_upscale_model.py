"""Models such as ESRGAN: known by their tensors, refused if they cannot run, and equal to spandrel's own call."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import graphflow as gf
from graphflow_nodes.steps.upscale_model import enlarge

ROOT = Path(__file__).parents[2]
BESIDE = Path(sys.prefix) / "beside"
"""spandrel and einops, which `make` puts beside the environment."""
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 150, 3), np.uint8))

OLD = {
    "model.0.weight": (8, 3, 3, 3),
    "model.1.sub.0.RDB1.conv1.0.weight": (4, 8, 3, 3),
    "model.1.sub.1.weight": (8, 8, 3, 3),
}
NEW = {"conv_first.weight": (8, 3, 3, 3), "body.0.rdb1.conv1.weight": (4, 8, 3, 3)}
ENDS = {"conv_hr.weight": (8, 8, 3, 3), "conv_last.weight": (3, 8, 3, 3)}
COMPACT = {"body.0.weight": (8, 3, 3, 3), "body.0.bias": (8,), "body.1.weight": (8,), "body.2.weight": (8, 8, 3, 3)}
FILES = {
    "old, ×4": (OLD | {f"model.{n}.weight": (8, 8, 3, 3) for n in (3, 6, 8, 10)}, 4),
    "old, ×1": (OLD | {f"model.{n}.weight": (8, 8, 3, 3) for n in (2, 4)}, 1),
    "new, ×4": (NEW | ENDS | dict.fromkeys(("conv_up1.weight", "conv_up2.weight"), (8, 8, 3, 3)), 4),
    "new, ×2 of rearranged pixels": (
        NEW | ENDS | dict.fromkeys(("conv_up1.weight", "conv_up2.weight"), (8, 8, 3, 3))
        | {"conv_first.weight": (8, 12, 3, 3)},
        2,
    ),
    "BSRGAN": (
        {"conv_first.weight": (8, 3, 3, 3), "RRDB_trunk.0.RDB1.conv1.weight": (4, 8, 3, 3)}
        | dict.fromkeys(("upconv1.weight", "upconv2.weight", "HRconv.weight"), (8, 8, 3, 3)),
        4,
    ),
    "compact, ×4": (COMPACT | {"body.4.weight": (48, 8, 3, 3)}, 4),
    "compact, of grey": (COMPACT | {"body.4.weight": (16, 8, 3, 3)}, None),
    "SwinIR": (
        {"conv_first.weight": (8, 3, 3, 3), "layers.0.residual_group.blocks.0.norm1.weight": (8,)},
        None,
    ),
}  # fmt: skip


def saved(folder, shapes, name="model.safetensors"):
    path = folder / name
    save_file({key: torch.zeros(shape) for key, shape in shapes.items()}, path)
    return path


def graph_of(checkpoint, **params):
    graph = gf.Graph()
    given = graph.input("image", "image")
    graph.output(image=graph.add("upscale_model", checkpoint=str(checkpoint), image=given, **params))
    return graph


def problems(checkpoint, picture=PICTURE, **params):
    return [str(one) for one in graph_of(checkpoint, **params).check({"image": picture}).problems]


@pytest.fixture
def installed(monkeypatch):
    """As if spandrel were installed."""
    monkeypatch.setattr(importlib.import_module("graphflow_nodes.image.upscale_model"), "find_spec", lambda _: True)


@pytest.mark.parametrize(("shapes", "scale"), FILES.values(), ids=FILES)
def test_a_file_is_known_by_its_tensors_and_says_its_scale(tmp_path, installed, shapes, scale):
    path = saved(tmp_path, shapes)
    assert problems(path) == []
    step = graph_of(path).plan({"image": PICTURE}).steps[-1]
    ((_, component),) = step.uses.items()
    assert component.spec.files.config["scale"] == scale
    graph = graph_of(path)
    made = graph["upscale_model"].image
    mask = graph.add("mask_shape", shape="ellipse", box=[0, 0, 1, 1], width=9, height=9)
    graph.output(other=graph.add("overlay", image=made, mask=mask, generated=made))
    found = [str(one) for one in graph.check({"image": PICTURE}).problems]
    assert [f"{150 * scale}×{70 * scale}" in text for text in found] == [True] if scale else not found


def test_a_model_is_found_by_its_name_in_the_models_folders(tmp_path, installed, monkeypatch):
    path = saved(tmp_path, FILES["new, ×4"][0], "4x-sharp.safetensors")
    monkeypatch.setenv("GRAPHFLOW_MODELS", str(tmp_path))
    assert problems("4x-sharp.safetensors") == []
    assert problems(path) == []


def test_without_spandrel_the_fix_says_how_to_install_it(tmp_path, monkeypatch):
    module = importlib.import_module("graphflow_nodes.image.upscale_model")
    for there, missing in (((), "spandrel"), (("spandrel",), "torchvision")):
        monkeypatch.setattr(module, "find_spec", lambda name, there=there: name if name in there else None)
        (text,) = problems(saved(tmp_path, FILES["new, ×4"][0]))
        assert "upscale_model is not available" in text
        assert f"it needs {missing}, which is not installed" in text
        assert "pip install 'graphflow-diffusion[upscale]'" in text


def test_a_pickle_is_refused_and_the_fix_says_what_to_do(tmp_path):
    (tmp_path / "4x.pth").write_bytes(b"PK")
    with pytest.raises(gf.InvalidGraph) as refused:
        graph_of(tmp_path / "4x.pth")
    assert refused.value.problems[0].code == "checkpoint-unsafe"
    assert "convert it to .safetensors" in str(refused.value)


def test_a_diffusion_model_is_not_such_a_model(tiny, installed):
    (text,) = problems(tiny("sd"))
    assert "is not a model that enlarges pictures" in text
    assert "use upscale or super_resolution" in text


def test_such_a_model_is_not_a_diffusion_model(tmp_path):
    graph = gf.Graph()
    path = saved(tmp_path, FILES["new, ×4"][0])
    graph.output(image=graph.add("text2img", checkpoint=str(path), prompt="a").image)
    assert "cannot run text2img" in str(graph.check().problems[0])


def test_a_large_result_is_refused(tmp_path, installed):
    path = saved(tmp_path, FILES["new, ×4"][0])
    (text,) = problems(path, Image.new("RGB", (4000, 2000)))
    assert "16000 × 8000 pixels" in text


def test_a_sampler_of_such_a_model_is_refused(tmp_path, installed):
    graph = gf.Graph()
    given = graph.input("image", "image")
    model = graph.checkpoint("model", str(saved(tmp_path, FILES["new, ×4"][0])), scheduler="euler")
    graph.output(image=graph.add("upscale_model", checkpoint=model, image=given))
    assert "remove scheduler" in str(graph.check({"image": PICTURE}).problems[0])


# The step, with a model that doubles each pixel and blurs over 9×9 of them.


class Doubling:
    device, dtype = torch.device("cpu"), torch.float32
    scale, input_channels, output_channels = 2, 3, 3
    tiling = SimpleNamespace(name="SUPPORTED")

    def __init__(self) -> None:
        self.seen = []

    def __call__(self, pixels):
        self.seen.append(tuple(pixels.shape[2:]))
        padded = torch.nn.functional.pad(pixels, (4,) * 4, mode="replicate")
        blurred = torch.nn.functional.avg_pool2d(padded, 9, 1)
        return blurred.repeat_interleave(2, -1).repeat_interleave(2, -2)


def enlarged(model, picture=PICTURE, tile=64):
    reported = []
    context = SimpleNamespace(borrow=lambda _: model, progress=lambda *told: reported.append(told))
    return enlarge(gf.Image.of(picture), context, tile=tile), reported


def test_tiles_give_the_whole_picture():
    whole, once = enlarged(Doubling(), tile=999)
    tiled, often = enlarged(Doubling(), tile=64)
    assert whole.size == (300, 140)
    assert np.abs(whole.array.astype(int) - tiled.array).max() <= 1
    assert once == [(1, 1)]
    assert often == [(number, 6) for number in range(1, 7)]


@pytest.mark.parametrize(("size", "tile"), [((1, 1), 64), ((65, 3), 64), ((64, 64), 64), ((300, 7), 100)])
def test_every_size_is_covered_by_tiles_that_are_not_too_large(size, tile):
    model = Doubling()
    picture = PICTURE.resize(size)
    made, _ = enlarged(model, picture, tile)
    assert made.size == (2 * size[0], 2 * size[1])
    assert max(max(seen) for seen in model.seen) <= tile + 64
    assert np.abs(made.array.astype(int) - enlarged(Doubling(), picture, 999)[0].array).max() <= 1


@pytest.mark.parametrize("kind", ["DISCOURAGED", "INTERNAL"])
def test_a_model_that_needs_the_whole_picture_gets_it(kind):
    model = Doubling()
    model.tiling = SimpleNamespace(name=kind)
    enlarged(model)
    assert model.seen == [(70, 150)]


def test_a_model_of_grey_pictures_is_refused():
    model = Doubling()
    model.input_channels = 1
    with pytest.raises(gf.GraphflowError, match="does not work with pictures in colour"):
        enlarged(model)


def test_a_result_that_is_too_large_is_refused_before_it_is_made():
    model = Doubling()
    model.scale = 200
    with pytest.raises(gf.GraphflowError, match="30000 × 14000 pixels, more than 100,000,000"):
        enlarged(model)
    assert model.seen == []


# With spandrel, in a process of its own: torchvision would change what transformers does in this one.


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What `tests.stages.enlarging` prints."""
    if not (BESIDE / "spandrel").is_dir():
        pytest.skip(f"spandrel is not in {BESIDE}")
    folder = tmp_path_factory.mktemp("enlarging")
    package = folder / "stand_in/torchvision/transforms"
    package.mkdir(parents=True)
    # Two models that don't enlarge pictures import these names, and nothing calls them.
    (package / "functional.py").write_text("InterpolationMode = rotate = normalize = None\n")
    for place in (package, package.parent):
        (place / "__init__.py").touch()
    path = os.pathsep.join([str(BESIDE), str(folder / "stand_in"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "tests.stages.enlarging", str(folder)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), [("esrgan_x4", 4), ("esrgan_x2", 2), ("compact_x2", 2)])
def test_the_result_is_that_of_spandrel(told, name, scale):
    found = told["models"][name]
    assert found["size"] == [150 * scale, 81 * scale]
    assert found["contrast"] > 2
    assert found["equal"]
    assert found["differs in tiles by"] <= 1
    assert found["progress"] == [[number, 6] for number in range(1, 7)]
    assert [f"image is {150 * scale}×{81 * scale}" in text for text in found["problems"]] == [True]


@pytest.mark.slow
def test_models_of_spandrel_are_known_by_their_tensors(told):
    assert told["kinds"] == {
        "HAT": "SwinIR or HAT",
        "ATD": "ATD",
        "DAT": "DAT or RGT",
        "RGT": "DAT or RGT",
        "DRCT": "DRCT",
        "OmniSR": "OmniSR",
        "RealPLKSR": "PLKSR",
        "MoSR": "MoSR",
        "RCAN": "RCAN",
        "UpCunet2x": "Real-CUGAN",
        "GFPGANv1Clean": None,
    }
