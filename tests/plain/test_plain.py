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


def _condition():
    return plain.inpaint_condition(_picture(), _mask())


def _equal(one, other) -> bool:
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else np.array_equal(one, other)


KANDINSKY = {"num_inference_steps": 3, "prior_num_inference_steps": 2}
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
    "SDXL, text2img": lambda sd, **o: plain.xl_text2img(
        sd("sdxl"), "a cat", "red", original_size=(96, 32), crops_coords_top_left=(8, 0), guidance_rescale=0.5, **o
    ),
    "SDXL, text2img with means": lambda sd, **o: plain.xl_text2img(sd("sdxl_mean_std"), "a cat", width=80, **o),
    "SDXL, img2img": lambda sd, **o: plain.xl_img2img(sd("sdxl"), "a cat", _picture(), **o),
    "SDXL, img2img of latents": lambda sd, **o: plain.xl_img2img(sd("sdxl"), "a cat", _latents(), "red", **o),
    "SDXL, inpaint": lambda sd, **o: plain.xl_inpaint(sd("sdxl"), "a cat", _picture(), _mask(), steps=3, **o),
    "SDXL, inpaint of latents": lambda sd, **o: plain.xl_inpaint(
        sd("sdxl"), "a cat", _latents(), _mask(), strength=0.7, **o
    ),
    "SDXL, inpaint, 9 channels": lambda sd, **o: plain.xl_inpaint(
        sd("sdxl_inpaint"), "a cat", _picture(), _mask(), strength=0.7, **o
    ),
    "refiner": lambda sd, **o: plain.xl_img2img(sd("sdxl_refiner"), "a cat", _picture(), aesthetic_score=3.0, **o),
    "refiner with a mask": lambda sd, **o: plain.xl_inpaint(
        sd("sdxl_refiner"), "a cat", _picture(), _mask(), steps=3, strength=0.8, **o
    ),
    "ensemble": lambda sd, **o: plain.ensemble(sd("sdxl"), sd("sdxl_refiner"), "a cat", "red", steps=4, at=0.7, **o),
    "ControlNet, text2img": lambda sd, **o: plain.control_text2img(
        sd("sd"), sd("controlnet_canny"), "a cat", _picture(), **o
    ),
    "ControlNets, text2img": lambda sd, **o: plain.control_text2img(
        sd("sd"),
        [sd("controlnet_canny"), sd("controlnet_depth")],
        "a cat",
        [_picture(), _picture()],
        scale=[0.5, 1.0],
        start=[0.0, 0.3],
        end=[0.6, 1.0],
        **o,
    ),
    "ControlNet, img2img": lambda sd, **o: plain.control_img2img(
        sd("sd"), sd("controlnet_depth"), "a cat", _picture(), _picture(), **o
    ),
    "ControlNet, inpaint": lambda sd, **o: plain.control_inpaint(
        sd("sd"), sd("controlnet_inpaint"), "a cat", _picture(), _mask(), _condition(), **o
    ),
    "ControlNet, inpaint, 9 channels": lambda sd, **o: plain.control_inpaint(
        sd("sd_inpaint"), sd("controlnet_inpaint"), "a cat", _picture(), _mask(), _condition(), **o
    ),
    "ControlNet, SDXL, text2img": lambda sd, **o: plain.control_text2img(
        sd("sdxl"), sd("controlnet_xl"), "a cat", _picture(), xl=True, **o
    ),
    "ControlNet, SDXL, img2img": lambda sd, **o: plain.control_img2img(
        sd("sdxl"), sd("controlnet_xl"), "a cat", _latents(), _picture(), xl=True, **o
    ),
    "ControlNet, SDXL, inpaint": lambda sd, **o: plain.control_inpaint(
        sd("sdxl"), sd("controlnet_xl"), "a cat", _picture(), _mask(), _picture(), xl=True, strength=0.7, **o
    ),
    "Kandinsky, text2img": lambda sd, **o: plain.kandinsky_text2img(
        sd("kandinsky_combined"), "a cat", negative_prompt="red", **KANDINSKY, **o
    ),
    "Kandinsky, img2img": lambda sd, **o: plain.kandinsky_img2img(
        sd("kandinsky_combined"), "a cat", _picture(), strength=0.7, **KANDINSKY, **o
    ),
    "Kandinsky, inpaint": lambda sd, **o: plain.kandinsky_inpaint(
        sd("kandinsky_inpaint_combined"), "a cat", _picture(), _mask(), **KANDINSKY, **o
    ),
    "latent upscaler": lambda sd, **o: plain.upscale(sd("latent_upscaler"), "a cat", _picture(), **o),
    "latent upscaler of latents": lambda sd, **o: plain.upscale(sd("latent_upscaler"), "a cat", _latents(), **o),
    "upscaler, ×4": lambda sd, **o: plain.super_resolution(sd("super_resolution"), "a cat", _picture(16, 16), **o),
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


@pytest.mark.parametrize("task", ["text2img", "img2img", "inpaint", "control img2img", "control inpaint"])
def test_xl_latents_decoded_by_hand_are_the_picture(task, folder):
    """Only ControlNet's inpainting leaves the means and standard deviations out."""
    sdxl, net = make("sdxl_mean_std", folder), make("controlnet_xl", folder)
    call = {"strength": 0.7}
    run = {
        "text2img": lambda **o: plain.xl_text2img(sdxl, "a cat", **o),
        "img2img": lambda **o: plain.xl_img2img(sdxl, "a cat", _picture(), **call, **o),
        "inpaint": lambda **o: plain.xl_inpaint(sdxl, "a cat", _picture(), _mask(), **call, **o),
        "control img2img": lambda **o: plain.control_img2img(
            sdxl, net, "a cat", _picture(), _picture(), xl=True, **call, **o
        ),
        "control inpaint": lambda **o: plain.control_inpaint(
            sdxl, net, "a cat", _picture(), _mask(), _picture(), xl=True, **call, **o
        ),
    }[task]
    latents = run(output_type="latent")
    vae = diffusers.AutoencoderKL.from_pretrained(sdxl, subfolder="vae")
    if task == "control inpaint":
        latents = latents / vae.config.scaling_factor
    else:
        given = (vae.config.latents_mean, vae.config.latents_std)
        mean, std = (torch.tensor(values).view(1, 4, 1, 1) for values in given)
        latents = latents * std / vae.config.scaling_factor + mean
    with torch.no_grad():
        decoded = vae.decode(latents, return_dict=False)[0]
    picture = diffusers.image_processor.VaeImageProcessor().postprocess(decoded)[0]
    assert np.array_equal(np.asarray(picture), run())


RESUMING = {
    "Euler": ("EulerDiscreteScheduler", 0.7),
    "Euler Karras": (("EulerDiscreteScheduler", {"use_karras_sigmas": True}), 0.8),
    "DDIM": ("DDIMScheduler", 0.8),
    "DPM++ of order 1": (("DPMSolverMultistepScheduler", {"solver_order": 1}), 0.7),
}


@pytest.mark.parametrize(("scheduler", "at"), RESUMING.values(), ids=RESUMING)
def test_two_halves_of_one_model_are_the_whole(scheduler, at, folder):
    sdxl = make("sdxl", folder)
    call = {"steps": 6, "scheduler": scheduler, "output_type": "latent"}
    whole = plain.xl_text2img(sdxl, "a cat", **call)
    assert torch.equal(whole, plain.ensemble(sdxl, sdxl, "a cat", at=at, **call))
    assert not torch.equal(whole, plain.ensemble(sdxl, make("sdxl_refiner", folder), "a cat", at=at, **call))


def test_the_refiner_reads_the_second_part_of_what_the_base_reads(folder):
    base = diffusers.StableDiffusionXLPipeline.from_pretrained(make("sdxl", folder), add_watermarker=False)
    refiner = diffusers.StableDiffusionXLImg2ImgPipeline.from_pretrained(
        make("sdxl_refiner", folder), add_watermarker=False
    )
    with torch.no_grad():
        wide, narrow = (pipe.encode_prompt("a cat", negative_prompt="red") for pipe in (base, refiner))
        silent, said = (pipe.encode_prompt("a cat") for pipe in (base, refiner))
    width = narrow[0].shape[-1]
    assert all(torch.equal(one[..., -width:], other) for one, other in zip(wide, narrow, strict=True))
    assert not silent[1].any()
    assert not silent[3].any()
    assert said[1].any()
    assert said[3].any()


def test_control_pictures_and_their_masked_pixels_reach_the_result(folder):
    sd, net = make("sd", folder), make("controlnet_inpaint", folder)

    def paint(control, **more):
        return plain.control_inpaint(sd, net, "a cat", _picture(), _mask(), control, output_type="latent", **more)

    condition = _condition()
    assert (condition == -1).any(dim=1).sum() == 256
    first = paint(condition)
    assert not torch.equal(first, paint(condition.clamp(min=0)))
    assert not torch.equal(first, paint(condition, scale=1.0))
    without = plain.inpaint(sd, "a cat", _picture(), _mask(), output_type="latent")
    assert torch.equal(without, paint(condition, scale=0.0))


def test_half_precision_decodes_in_full_precision(folder):
    call = {"load": {"variant": "fp16", "dtype": torch.float16}}
    sdxl = make("sdxl_fp16", folder)
    with pytest.warns(FutureWarning, match="upcast_vae"):
        picture = plain.xl_text2img(sdxl, "a cat", **call)
    latents = plain.xl_text2img(sdxl, "a cat", output_type="latent", **call)
    assert latents.dtype == torch.float16
    vae = diffusers.AutoencoderKL.from_pretrained(sdxl, subfolder="vae", variant="fp16", torch_dtype=torch.float32)
    with torch.no_grad():
        decoded = vae.decode(latents.float() / vae.config.scaling_factor, return_dict=False)[0]
    assert np.array_equal(np.asarray(diffusers.image_processor.VaeImageProcessor().postprocess(decoded)[0]), picture)
