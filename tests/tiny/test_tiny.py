"""The checkpoints are what they say: always the same bytes, the same components in every layout, read by diffusers."""

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoImageProcessor, DPTForDepthEstimation

from tests.tiny import NAMES, make, parts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tiny")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def _load(path: Path, kind=StableDiffusionPipeline, **options):
    pipeline = kind.from_pretrained(path, safety_checker=None, feature_extractor=None, **options)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _picture(pipeline) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    return np.asarray(pipeline("a cat", num_inference_steps=2, generator=generator).images[0])


def _states(pipeline) -> dict[str, torch.Tensor]:
    roles = ("unet", "vae", "text_encoder")
    return {f"{role}.{name}": t for role in roles for name, t in getattr(pipeline, role).state_dict().items()}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_small_soon_made_and_always_the_same(name, folder, tmp_path):
    first = make(name, folder)
    start = time.perf_counter()
    again = make(name, tmp_path)
    assert time.perf_counter() - start < 5  # well under one second where nothing else runs
    assert sum(file.stat().st_size for file in _files(first)) < 3.3e6
    if name != "sd_pickled":
        assert [*map(_digest, _files(first))] == [*map(_digest, _files(again))]


def test_one_that_stands_is_not_made_again(folder):
    stamp = make("sd", folder).stat().st_mtime_ns
    assert make("sd", folder).stat().st_mtime_ns == stamp


def test_making_one_leaves_the_global_generator_alone(tmp_path):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    make("sd", tmp_path)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_old_layout_loads_to_the_same_components_and_tokens(folder):
    new, old = _load(make("sd", folder)), _load(make("sd_old", folder))
    states = _states(new)
    assert states.keys() == _states(old).keys()
    assert all(torch.equal(tensor, states[name]) for name, tensor in _states(old).items())
    text = "A cat on the Straße, seen  twice!"
    assert new.tokenizer(text).input_ids == old.tokenizer(text).input_ids
    assert np.array_equal(_picture(new), _picture(old))


def test_the_old_layout_has_the_old_names(folder):
    old = make("sd_old", folder)
    assert "encoder.mid_block.attentions.0.proj_attn.weight" in load_file(
        old / "vae/diffusion_pytorch_model.safetensors"
    )
    assert "text_model.embeddings.position_ids" in load_file(old / "text_encoder/model.safetensors")
    assert "scaling_factor" not in json.loads((old / "vae/config.json").read_text())


@pytest.mark.parametrize(
    ("name", "kind"), [("sd", StableDiffusionPipeline), ("sd_inpaint", StableDiffusionInpaintPipeline)]
)
def test_diffusers_reads_the_single_file_as_the_same_components(name, kind, folder):
    whole = make(name, folder)
    single = kind.from_single_file(
        str(make(f"{name}_single", folder)), config=str(whole), safety_checker=None, feature_extractor=None
    )
    states = _states(_load(whole, kind))
    assert states.keys() == _states(single).keys()
    assert all(torch.equal(tensor, states[name]) for name, tensor in _states(single).items())


def test_the_single_file_has_the_places_of_the_published_ones(folder):
    names = load_file(make("sd_single", folder))
    for name in (
        "model.diffusion_model.input_blocks.0.0.weight",
        "model.diffusion_model.input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight",
        "model.diffusion_model.input_blocks.9.0.op.weight",
        "model.diffusion_model.middle_block.2.out_layers.3.weight",
        "model.diffusion_model.output_blocks.2.1.conv.weight",
        "model.diffusion_model.output_blocks.5.2.conv.weight",
        "model.diffusion_model.output_blocks.11.0.skip_connection.weight",
        "first_stage_model.decoder.up.0.block.2.conv2.weight",
        "first_stage_model.encoder.down.2.downsample.conv.weight",
        "first_stage_model.decoder.mid.attn_1.proj_out.weight",
        "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight",
    ):
        assert name in names
    assert names["first_stage_model.encoder.mid.attn_1.q.weight"].ndim == 4


def test_what_is_shared_has_the_same_bytes(folder):
    sd = make("sd", folder)
    vae, text = "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"
    same_vae = {"sd_inpaint", "sd_sibling", "sd_scaled", "sd_v"}
    for name in (*same_vae, "sd_other_vae"):
        other = make(name, folder)
        assert (_digest(other / vae) == _digest(sd / vae)) is (name in same_vae)
        assert (_digest(other / text) == _digest(sd / text)) is (name != "sd_v")


@pytest.mark.parametrize("name", ["sd", "sd_sibling", "sd_other_vae", "sd_scaled", "sd_v", "sd_pickled"])
def test_each_paints_a_picture_with_contrast(name, folder):
    picture = _picture(_load(make(name, folder)))
    assert picture.shape == (64, 64, 3)
    assert picture.std() > 8
    assert ((picture == 0) | (picture == 255)).mean() < 0.2


@pytest.mark.parametrize(
    ("name", "kind"),
    [("sd_fp16", StableDiffusionPipeline), ("sd_inpaint_fp16", StableDiffusionInpaintPipeline)],
)
def test_half_precision_is_read_by_its_variant_only(name, kind, folder):
    path = make(name, folder)
    half = _load(path, kind, variant="fp16", dtype=torch.float32)
    whole = _load(make(name.removesuffix("_fp16"), folder), kind)
    states = _states(whole)
    assert all(torch.equal(t, states[name].half().float()) for name, t in _states(half).items())
    with pytest.raises((OSError, ValueError)):
        _load(path, kind)


def test_the_wrong_class_is_only_in_the_index(folder):
    wrong = make("sd_wrong_class", folder)
    assert json.loads((wrong / "model_index.json").read_text())["vae"] == ["diffusers", "VQModel"]
    assert json.loads((wrong / "vae/config.json").read_text())["_class_name"] == "AutoencoderKL"


def test_the_tokenizer_merges_the_words_it_knows():
    tokenizer = parts.tokenizer()
    assert tokenizer.tokenize("a blue square, x") == ["a</w>", "blue</w>", "square</w>", ",</w>", "x</w>"]
    assert len(tokenizer("", padding="max_length", max_length=77).input_ids) == 77
    assert parts.tokenizer(sd2=True).pad_token == "!"


def _load_xl(path: Path, kind=StableDiffusionXLPipeline, **options):
    pipeline = kind.from_pretrained(path, add_watermarker=False, **options)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _pixels(seed=1) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8))


def test_xl_shares_what_the_published_ones_share(folder):
    vae, text = "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"
    second = "text_encoder_2/model.safetensors"
    xl = make("sdxl", folder)
    for name in ("sdxl_inpaint", "sdxl_refiner", "sdxl_mean_std"):
        other = make(name, folder)
        assert _digest(other / vae) == _digest(xl / vae)
        assert _digest(other / second) == _digest(xl / second)
    assert _digest(xl / text) == _digest(make("sd", folder) / text)
    assert _digest(xl / vae) != _digest(make("sd", folder) / vae)


def test_the_xl_folders_say_what_the_published_ones_say(folder):
    base, refiner = (
        json.loads((make(name, folder) / "model_index.json").read_text()) for name in ("sdxl", "sdxl_refiner")
    )
    assert base["force_zeros_for_empty_prompt"] is True
    assert refiner["force_zeros_for_empty_prompt"] is False
    assert refiner["requires_aesthetics_score"] is True
    assert refiner["text_encoder"] == refiner["tokenizer"] == [None, None]
    for name in ("sdxl", "sdxl_refiner"):
        vae, unet = (json.loads((folder / name / part / "config.json").read_text()) for part in ("vae", "unet"))
        assert vae["force_upcast"] is True
        assert vae["latents_mean"] is vae["latents_std"] is None
        assert vae["scaling_factor"] == 0.13025
        assert unet["addition_embed_type"] == "text_time"


@pytest.mark.parametrize("name", ["sdxl", "sdxl_mean_std"])
def test_xl_paints_by_prompt_and_seed(name, folder):
    pipeline = _load_xl(make(name, folder))

    def paint(prompt, seed):
        generator = torch.Generator().manual_seed(seed)
        return np.asarray(pipeline(prompt, num_inference_steps=2, generator=generator).images[0]).astype(int)

    first = paint("a cat", 0)
    assert first.shape == (64, 64, 3)
    assert first.std() > 8
    assert abs(first - paint("a dog", 0)).mean() > 1
    assert abs(first - paint("a cat", 1)).mean() > 1


@pytest.mark.parametrize("name", ["sdxl_refiner", "sdxl_inpaint"])
def test_the_other_xl_checkpoints_repaint(name, folder):
    mask = Image.new("L", (64, 64), 255)
    call = {} if name == "sdxl_refiner" else {"mask_image": mask, "height": 64, "width": 64}
    kind = StableDiffusionXLImg2ImgPipeline if name == "sdxl_refiner" else StableDiffusionXLInpaintPipeline
    pipeline = _load_xl(make(name, folder), kind)
    generator = torch.Generator().manual_seed(0)
    call |= {"image": _pixels(), "strength": 0.8, "num_inference_steps": 3, "generator": generator}
    picture = np.asarray(pipeline("a cat", **call).images[0])
    assert picture.std() > 8
    assert ((picture == 0) | (picture == 255)).mean() < 0.2


def test_xl_in_half_precision_is_read_by_its_variant_only(folder):
    path, roles = make("sdxl_fp16", folder), ("unet", "vae", "text_encoder", "text_encoder_2")
    half = _load_xl(path, variant="fp16", dtype=torch.float32)
    whole = _load_xl(make("sdxl", folder))
    for role in roles:
        states = getattr(whole, role).state_dict()
        found = getattr(half, role).state_dict()
        assert all(torch.equal(tensor, states[name].half().float()) for name, tensor in found.items())
    with pytest.raises((OSError, ValueError)):
        _load_xl(path)


@pytest.mark.parametrize("name", ["controlnet_canny", "controlnet_inpaint", "controlnet_depth", "controlnet_xl"])
def test_each_controlnet_reads_its_picture(name, folder):
    net = ControlNetModel.from_pretrained(make(name, folder)).eval()
    context = net.config.cross_attention_dim
    more = {"text_embeds": torch.zeros(1, 24), "time_ids": torch.zeros(1, 6)} if name == "controlnet_xl" else None
    unit = torch.Generator().manual_seed(0)
    sample, text = torch.randn(1, 4, 8, 8, generator=unit), torch.randn(1, 77, context, generator=unit)

    def middle(seed):
        picture = torch.from_numpy(np.asarray(_pixels(seed)).copy()).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            return net(sample, 500, text, picture, added_cond_kwargs=more, return_dict=False)[1]

    assert (middle(1) - middle(2)).abs().mean() > 0.05


def test_the_depth_estimator_reads_pictures(folder):
    path = make("depth", folder)
    model, processor = DPTForDepthEstimation.from_pretrained(path), AutoImageProcessor.from_pretrained(path)

    def estimate(seed):
        with torch.no_grad():
            return model(**processor(_pixels(seed), return_tensors="pt")).predicted_depth

    first = estimate(1)
    assert first.shape == (1, 64, 64)
    assert first.std() > 0.1
    assert (first == 0).float().mean() < 0.2
    assert (first - estimate(2)).abs().mean() > 0.1
