"""The memory that a plan expects its steps to need, against what torch really allocates.

An estimate is 0.7 to 1.5 times what is allocated for tiny models, 0.85 to 1.25 times for those of real proportions:
there, tensors besides those of the levels of a UNet or VAE hardly count.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image

import graphflow as gf
from graphflow.execute.step_call import Caller
from graphflow.plan.step import PlannedStep
from graphflow_nodes.planning.model_memory import Area, decoder_numbers, encoder_numbers, unet_numbers
from tests.stages.peak_bytes import peak_bytes

TINY = (0.7, 1.5)
LARGE = (0.85, 1.25)


def measured(graph: gf.Graph, monkeypatch: pytest.MonkeyPatch, **options: Any) -> dict[str, tuple[PlannedStep, int]]:
    """Each step that computes with torch, and the most bytes that its call allocated; after a first run."""
    found = {}
    returned = Caller._returned

    def watched(self: Caller, step: PlannedStep, *arguments: Any) -> Any:
        if step.function.environment != "torch":
            return returned(self, step, *arguments)
        box: list[Any] = []
        peak = peak_bytes(lambda: box.append(returned(self, step, *arguments)))
        found[step.node.path + "/" + step.path.rpartition("/")[2]] = step, peak
        return box[0]

    with gf.Engine(**options) as engine:
        engine.run(graph)  # imports, and tables that are made once
        engine.store.clear()
        monkeypatch.setattr(Caller, "_returned", watched)
        engine.run(graph)
    return found


def stage(kind: str, checkpoint: str, size: int, folder: Any, **params: Any) -> gf.Graph:
    graph = gf.Graph()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8))
    call: dict[str, Any] = {"prompt": "a star", "num_inference_steps": 3, "checkpoint": checkpoint, **params}
    if kind == "text2img":
        call |= {"width": size, "height": size}
    else:
        picture.save(folder / "picture.png")
        call["image"] = graph.add("load_image", id="picture", path=str(folder / "picture.png"))
    if kind == "inpaint":
        mask = Image.new("L", (size, size))
        mask.paste(255, (size // 4, size // 4, size // 2, size // 2))
        mask.save(folder / "mask.png")
        call["mask"] = graph.add("load_image", id="mask", path=str(folder / "mask.png"))
    made = graph.add(kind, id="stage", **call)
    graph.output(image=made.image)
    return graph


STAGES = [
    ("text2img", "sd", 128, {}, {}),
    ("text2img", "sd", 128, {"guidance_scale": 1}, {}),
    ("text2img", "sd", 128, {}, {"attention": "eager"}),
    ("img2img", "sd", 128, {"strength": 0.9}, {}),
    ("img2img", "sd", 256, {"strength": 0.9}, {"vae_tiling": True}),
    ("inpaint", "sd_inpaint", 128, {}, {}),
    ("text2img", "sdxl", 128, {}, {}),
    ("img2img", "sdxl", 128, {"strength": 0.9}, {"dtype": "bfloat16"}),
    ("upscale", "latent_upscaler", 64, {}, {}),
    ("super_resolution", "super_resolution", 32, {}, {}),
    ("img2img", "kandinsky_combined", 128, {"strength": 0.9}, {}),
    ("text2img", "sd_tiny_vae", 128, {}, {}),
    ("inpaint", "sd_asymmetric_vae", 128, {}, {}),
]


@pytest.mark.parametrize(("kind", "name", "size", "params", "options"), STAGES)
def test_a_plan_knows_what_the_steps_of_a_stage_need(kind, name, size, params, options, tiny, tmp_path, monkeypatch):
    graph = stage(kind, str(tiny(name)), size, tmp_path, **params)
    found = measured(graph, monkeypatch, **options)
    assert {path.rpartition("/")[2] for path in found} >= {"sample", "decode"}
    for path, (step, peak) in found.items():
        assert TINY[0] < step.memory.nbytes / peak < TINY[1], (path, step.memory.nbytes, peak)


UNETS: dict[str, dict[str, Any]] = {
    "sd": {"block_out_channels": (64, 128, 256, 256), "cross_attention_dim": 96, "attention_head_dim": 8},
    "sdxl": {
        "block_out_channels": (64, 128, 256),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 4),
        "attention_head_dim": (2, 4, 8),
        "use_linear_projection": True,
        "cross_attention_dim": 96,
    },
}


@pytest.mark.parametrize(("name", "dtype"), list(itertools.product(UNETS, (torch.float32, torch.bfloat16))))
def test_a_unet_of_real_proportions_needs_what_its_config_says(name, dtype):
    with torch.no_grad():
        unet = UNet2DConditionModel(**UNETS[name]).to(dtype).eval()
        given, text = torch.zeros(2, 4, 48, 32, dtype=dtype), torch.zeros(2, 77, 96, dtype=dtype)
        unet(given, torch.tensor(5), text)
        peak = peak_bytes(lambda: unet(given, torch.tensor(5), text, return_dict=False))
    estimate = 2 * dtype.itemsize * unet_numbers(dict(unet.config), Area(32, 48))
    assert LARGE[0] < estimate / peak < LARGE[1], (estimate, peak)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_vae_of_real_proportions_needs_what_its_config_says(dtype):
    widths = (64, 128, 256, 256)
    kinds = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    with torch.no_grad():
        vae = AutoencoderKL(block_out_channels=widths, layers_per_block=2, latent_channels=4, **kinds).to(dtype).eval()
        latents, picture = torch.zeros(1, 4, 24, 16, dtype=dtype), torch.zeros(1, 3, 192, 128, dtype=dtype)
        decoding = peak_bytes(lambda: vae.decode(latents, return_dict=False))
        encoding = peak_bytes(lambda: vae.encode(picture, return_dict=False))
    config, size = dict(vae.config), Area(128, 192)
    for estimate, peak in (
        (decoder_numbers(config, size) * dtype.itemsize, decoding),
        (encoder_numbers(config, size) * dtype.itemsize, encoding),
    ):
        assert LARGE[0] < estimate / peak < LARGE[1], (estimate, peak)
