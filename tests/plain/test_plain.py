"""A script that is to be compared with must repeat itself, and must notice another seed."""

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from tests import plain
from tests.tiny import make

pytestmark = pytest.mark.filterwarnings(r"ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tiny")


def _picture(width=64, height=64):
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


def _mask(width=64, height=64):
    mask = Image.new("L", (width, height))
    mask.paste(255, (width // 4, height // 4, width // 2, height // 2))
    return mask


def _latents():
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))


def _equal(one, other) -> bool:
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else np.array_equal(one, other)


CALLS = {
    "text2img": lambda sd, **o: plain.text2img(sd("sd"), "a cat", "red", **o),
    "text2img of SD 2's kind": lambda sd, **o: plain.text2img(sd("sd_v"), "a cat", **o),
    "text2img, Euler": lambda sd, **o: plain.text2img(sd("sd"), "a cat", scheduler="EulerDiscreteScheduler", **o),
    "text2img, DPM++ 2M Karras": lambda sd, **o: plain.text2img(
        sd("sd"), "a cat", scheduler=("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}), **o
    ),
    "text2img without guidance": lambda sd, **o: plain.text2img(sd("sd"), "a cat", guidance=1.0, **o),
    "text2img, clip skip": lambda sd, **o: plain.text2img(sd("sd"), "a cat", "red", clip_skip=1, **o),
    "text2img, half": lambda sd, **o: plain.text2img(
        sd("sd_fp16"), "a cat", variant="fp16", dtype=torch.float32, width=72, **o
    ),
    "img2img": lambda sd, **o: plain.img2img(sd("sd"), "a cat", _picture(), **o),
    "img2img of latents": lambda sd, **o: plain.img2img(sd("sd"), "a cat", _latents(), **o),
    "inpaint": lambda sd, **o: plain.inpaint(sd("sd"), "a cat", _picture(), _mask(), **o),
    "inpaint of latents": lambda sd, **o: plain.inpaint(sd("sd"), "a cat", _latents(), _mask(), strength=0.7, **o),
    "inpaint, 9 channels": lambda sd, **o: plain.inpaint(
        sd("sd_inpaint"), "a cat", _picture(), _mask(), strength=0.7, **o
    ),
    "chain": lambda sd, **o: plain.chain(sd("sd"), ("a cat", "a dog", "a road"), _mask(), **o),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("output_type", ["pil", "latent"])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(call, output_type, folder):
    def run(seed):
        return call(lambda name: make(name, folder), seed=seed, output_type=output_type)

    first = run(3)
    assert isinstance(first, np.ndarray if output_type == "pil" else torch.Tensor)
    assert _equal(first, run(3))
    assert not _equal(first, run(4))


@pytest.mark.parametrize("name", ["sd", "sd_inpaint"])
def test_a_padded_crop_changes_the_masked_part_only_and_repeats(name, folder):
    picture, mask = _picture(136, 104), _mask(136, 104)

    def run(seed):
        return plain.inpaint(make(name, folder), "a cat", picture, mask, seed=seed, strength=0.7, padding_mask_crop=8)

    first = run(3)
    assert first.shape == (104, 136, 3)
    assert np.array_equal(first, run(3))
    assert not np.array_equal(first, run(4))
    outside = np.asarray(mask) == 0
    assert np.array_equal(first[outside], np.asarray(picture)[outside])
    with pytest.raises(ValueError, match="The output type should be PIL"):
        plain.inpaint(make(name, folder), "a", picture, mask, padding_mask_crop=8, output_type="latent")


@pytest.mark.parametrize("guidance", [7.5, 1.0])
def test_embeddings_by_hand_are_those_of_the_pipeline(guidance, folder):
    sd = make("sd", folder)
    whole = diffusers.StableDiffusionPipeline.from_pretrained(sd, safety_checker=None)
    embeds = {"prompt_embeds": plain.embed(whole, "a cat"), "negative_prompt_embeds": plain.embed(whole, "red")}
    bare = diffusers.StableDiffusionPipeline.from_pretrained(sd, safety_checker=None, text_encoder=None, tokenizer=None)
    picture = bare(
        **embeds,
        height=64,
        width=64,
        num_inference_steps=2,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(0),
    ).images[0]
    assert np.array_equal(np.asarray(picture), plain.text2img(sd, "a cat", "red", guidance=guidance))


def test_strides_of_latents_reach_the_bits(folder):
    """Why latents may not be made contiguous between two stages. Where this fails, strides have become irrelevant."""
    sd = make("sd", folder)
    latents = plain.img2img(sd, "a cat", _picture(), output_type="latent")
    assert not latents.is_contiguous()
    one, other = (plain.img2img(sd, "a dog", x, output_type="latent") for x in (latents, latents.contiguous()))
    assert not torch.equal(one, other)
    assert torch.allclose(one, other, atol=1e-3)
