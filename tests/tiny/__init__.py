"""Random checkpoints of Stable Diffusion, SDXL, ControlNet, Kandinsky and upscalers: 1 to 3 MB each, always the same.

`make(name, folder)` writes `folder/name` and gives its path; where it already stands, it stands. Every folder loads by
`from_pretrained` and paints 64×64 pixels by default. Latents have 4 channels, one cell for 8×8 pixels.

| name | what differs from `sd` |
|---|---|
| `sd` | SD 1.5's structure and PNDM, saved by the installed libraries |
| `sd_inpaint` | a UNet of 9 channels; the same VAE and text encoder |
| `sd_sibling` | the UNet's weights |
| `sd_other_vae` | the VAE's weights; the same facts |
| `sd_scaled` | the VAE's scaling factor; the same weights |
| `sd_tiny_vae`, `sd_asymmetric_vae` | a VAE of another class: AutoencoderTiny, AsymmetricAutoencoderKL |
| `sd_v` | SD 2's kind: v-prediction by DDIM, a wider text encoder with gelu, linear projections; the same VAE |
| `sd_old` | tensor names, configs and tokenizer files as the published SD 1.5 has them: same components |
| `sd_single`, `sd_inpaint_single`, `sd_v_single` | one file of the original layout; diffusers needs `config=` |
| `sd_fp16`, `sd_inpaint_fp16` | half precision, in files named for `variant="fp16"` only |
| `sd_pickled` | `.bin` files only |
| `sd_sharded`, `sd_sharded_fp16` | `sd` and `sd_fp16` with the weights of a model in several files, and an index |
| `sd_wrong_class` | model_index.json names a class for `vae` that its weights are not of |

| name | what it is |
|---|---|
| `sdxl` | SDXL's base: two text encoders (the first is `sd`'s), Euler, a VAE that asks to be upcast |
| `sdxl_inpaint` | a UNet of 9 channels; else `sdxl`'s components |
| `sdxl_refiner` | the refiner: an aesthetic score, no first text encoder and tokenizer; `sdxl`'s second and VAE |
| `sdxl_mean_std` | `sdxl`; the VAE's config has means and standard deviations of latents |
| `sdxl_tiny_vae` | `sdxl`; a VAE of the class AutoencoderTiny |
| `sdxl_fp16` | `sdxl` in half precision, in files named for `variant="fp16"` only |
| `controlnet_canny`, `controlnet_inpaint`, `controlnet_depth` | ControlNets for `sd` and its kin of 4 or 9 channels |
| `controlnet_xl` | one for `sdxl` and `sdxl_inpaint` |
| `depth` | a depth estimator of transformers, with its processor |
| `kandinsky_prior` | Kandinsky 2.2's prior: text and image encoders, a prior that makes an embedding of a picture |
| `kandinsky` | its decoder for text2img and img2img; it names no prior |
| `kandinsky_inpaint` | its decoder for inpainting: a UNet of 9 channels; the same MoVQ |
| `kandinsky_combined`, `kandinsky_inpaint_combined` | decoder and prior in one folder, with the parts of the three |
| `latent_upscaler` | the latent upscaler (×2); `sd`'s VAE and text encoder |
| `super_resolution` | the ×4 upscaler, with a VAE of its own; `sd_v`'s text encoder |
| `super_resolution_unscaled` | `super_resolution`; the VAE's config has Stable Diffusion's scaling factor |
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    KandinskyV22CombinedPipeline,
    KandinskyV22InpaintCombinedPipeline,
    KandinskyV22InpaintPipeline,
    KandinskyV22Pipeline,
    KandinskyV22PriorPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionLatentUpscalePipeline,
    StableDiffusionPipeline,
    StableDiffusionUpscalePipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from safetensors.torch import load_file, save_file

from tests.tiny import control, kandinsky, layouts, parts, upscalers, vaes, xl

_VAE_SEED = 21
_SD: dict[str, Callable[[], Any]] = {
    "unet": partial(parts.unet, 11),
    "vae": partial(parts.vae, _VAE_SEED),
    "text_encoder": partial(parts.text_encoder, 31),
    "tokenizer": parts.tokenizer,
    "scheduler": parts.scheduler,
}
_NINE = partial(parts.unet, 12, channels=9)
_SD2 = {
    "unet": partial(parts.unet, 14, context=24, sd2=True),
    "text_encoder": partial(parts.text_encoder, 32, width=24, sd2=True),
    "tokenizer": partial(parts.tokenizer, sd2=True),
    "scheduler": partial(parts.scheduler, sd2=True),
}
_XL_VAE = partial(parts.vae, 23, scaling_factor=xl.SCALING_FACTOR, force_upcast=True)
_XL: dict[str, Callable[[], Any]] = {
    "unet": partial(xl.unet, 15),
    "vae": _XL_VAE,
    "text_encoder": _SD["text_encoder"],
    "text_encoder_2": partial(xl.text_encoder_2, 33),
    "tokenizer": parts.tokenizer,
    "tokenizer_2": partial(parts.tokenizer, sd2=True),
    "scheduler": xl.scheduler,
}
_DECODER: dict[str, Callable[[], Any]] = {
    "unet": partial(kandinsky.unet, 61),
    "movq": partial(kandinsky.movq, 62),
    "scheduler": kandinsky.scheduler,
}
_INPAINTER = _DECODER | {"unet": partial(kandinsky.unet, 63, channels=9)}
_PRIOR: dict[str, Callable[[], Any]] = {
    "prior": partial(kandinsky.prior, 64),
    "image_encoder": partial(kandinsky.image_encoder, 65),
    "text_encoder": partial(kandinsky.text_encoder, 66),
    "tokenizer": parts.tokenizer,
    "scheduler": kandinsky.prior_scheduler,
    "image_processor": kandinsky.image_processor,
}
_LATENT_UPSCALER = _SD | {
    "unet": partial(upscalers.latent_unet, 71),
    "scheduler": upscalers.latent_scheduler,
}
_SUPER_RESOLUTION = _SD2 | {
    "unet": partial(upscalers.pixel_unet, 72),
    "vae": partial(upscalers.pixel_vae, 73),
    "low_res_scheduler": upscalers.low_res_scheduler,
}
_CONNECTED = {f"prior_{role}": build for role, build in _PRIOR.items()}
_NO_FIRST_ENCODER = {"text_encoder": lambda: None, "tokenizer": lambda: None}
_MEAN_STD = {"latents_mean": [-0.4, 0.3, 0.1, -0.2], "latents_std": [1.6, 0.9, 1.2, 0.8]}
# As the published SD 1.5 has them: keys that later versions added are not there.
_OLD_VAE_CONFIG = (
    *("_class_name", "act_fn", "in_channels", "out_channels", "latent_channels", "layers_per_block", "sample_size"),
    *("block_out_channels", "down_block_types", "up_block_types", "norm_num_groups"),
)


def make(name: str, folder: Path) -> Path:
    """The checkpoint `name` in `folder`, made now unless it is there; safe beside other processes.

    Raises:
        KeyError: there is no checkpoint of that name.
    """
    target = Path(folder) / (f"{name}.safetensors" if name.endswith("_single") else name)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / target.name
        _RECIPES[name](made)
        try:
            made.replace(target)
        except OSError:
            if not target.exists():  # or another process was faster
                raise
    return target


def _save(
    target: Path,
    kind: type = StableDiffusionPipeline,
    *,
    half: bool = False,
    shard: str = "1GB",
    **other: Callable[[], Any],
) -> None:
    components = {role: build() for role, build in (_SD | other).items()}
    if half:
        components |= {role: components[role].half() for role in ("unet", "vae", "text_encoder")}
    pipeline = kind(**components, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline.save_pretrained(target, variant="fp16" if half else None, max_shard_size=shard)


def _save_xl(
    target: Path,
    kind: type = StableDiffusionXLPipeline,
    *,
    half: bool = False,
    flags: Mapping[str, bool] = {"force_zeros_for_empty_prompt": True},
    **other: Callable[[], Any],
) -> None:
    components = {role: build() for role, build in (_XL | other).items()}
    if half:
        components |= {role: components[role].half() for role in ("unet", "vae", "text_encoder", "text_encoder_2")}
    kind(**components, **flags, add_watermarker=False).save_pretrained(target, variant="fp16" if half else None)


def _save_plain(target: Path, kind: type, made: Mapping[str, Callable[[], Any]]) -> None:
    kind(**{role: build() for role, build in made.items()}).save_pretrained(target)


def _save_controlnet(target: Path, seed: int, unet: Callable[[], Any]) -> None:
    control.controlnet(seed, unet()).save_pretrained(target)


def _save_old(target: Path) -> None:
    _save(target)
    weights, config = target / "vae/diffusion_pytorch_model.safetensors", target / "vae/config.json"
    save_file(layouts.old_vae(load_file(weights)), weights, {"format": "pt"})
    kept = json.loads(config.read_text())
    kept = {key: kept[key] for key in _OLD_VAE_CONFIG} | {"_diffusers_version": "0.6.0"}
    config.write_text(json.dumps(kept, indent=2))

    weights, config = target / "text_encoder/model.safetensors", target / "text_encoder/config.json"
    save_file(layouts.old_text_encoder(load_file(weights)), weights, {"format": "pt"})
    kept = json.loads(config.read_text())
    kept |= {"torch_dtype": kept.pop("dtype"), "transformers_version": "4.21.0"}
    config.write_text(json.dumps(kept, indent=2))

    vocabulary, merges = parts.bpe()
    tokenizer = target / "tokenizer"
    (tokenizer / "tokenizer.json").unlink()
    (tokenizer / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (tokenizer / "merges.txt").write_text("\n".join(["#version: 0.2", *map(" ".join, merges), ""]))


def _save_single(target: Path, *, sd2: bool = False, **other: Callable[[], Any]) -> None:
    unet, vae, text_encoder = ((_SD | other)[role]().state_dict() for role in ("unet", "vae", "text_encoder"))
    if sd2:
        said = {"modelspec.architecture": "stable-diffusion-v2-768-v"}
        text = {"open_clip": layouts.open_clip(text_encoder, last=23)}
    else:
        said, text = {"format": "pt"}, {"clip": layouts.old_text_encoder(text_encoder)}
    save_file(layouts.single_file(unet, vae, **text), target, said)  # two keys would be written in a random order


def _save_pickled(target: Path) -> None:
    _save(target)
    for weights in target.glob("*/*.safetensors"):
        name = "pytorch_model.bin" if weights.stem == "model" else f"{weights.stem}.bin"
        torch.save(load_file(weights), weights.with_name(name))
        weights.unlink()


def _save_wrong_class(target: Path) -> None:
    _save(target)
    index = target / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"vae": ["diffusers", "VQModel"]}, indent=2))


def _save_unscaled(target: Path) -> None:
    """The constructor writes the scaling factor into the config, so it is changed in the file."""
    _save_plain(target, StableDiffusionUpscalePipeline, _SUPER_RESOLUTION)
    config = target / "vae/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"scaling_factor": 0.18215}, indent=2))


_RECIPES: dict[str, Callable[[Path], None]] = {
    "sd": _save,
    "sd_inpaint": partial(_save, kind=StableDiffusionInpaintPipeline, unet=_NINE),
    "sd_sibling": partial(_save, unet=partial(parts.unet, 13)),
    "sd_other_vae": partial(_save, vae=partial(parts.vae, 22)),
    "sd_scaled": partial(_save, vae=partial(parts.vae, _VAE_SEED, scaling_factor=0.13025)),
    "sd_tiny_vae": partial(_save, vae=partial(vaes.tiny, 24)),
    "sd_asymmetric_vae": partial(_save, vae=partial(vaes.asymmetric, 25)),
    "sd_v": partial(_save, **_SD2),
    "sd_old": _save_old,
    "sd_single": _save_single,
    "sd_inpaint_single": partial(_save_single, unet=_NINE),
    "sd_v_single": partial(_save_single, sd2=True, **_SD2),
    "sd_fp16": partial(_save, half=True),
    "sd_inpaint_fp16": partial(_save, kind=StableDiffusionInpaintPipeline, half=True, unet=_NINE),
    "sd_sharded": partial(_save, shard="40KB"),
    "sd_sharded_fp16": partial(_save, half=True, shard="20KB"),
    "sd_pickled": _save_pickled,
    "sd_wrong_class": _save_wrong_class,
    "sdxl": _save_xl,
    "sdxl_inpaint": partial(_save_xl, kind=StableDiffusionXLInpaintPipeline, unet=partial(xl.unet, 16, channels=9)),
    "sdxl_refiner": partial(
        _save_xl,
        kind=StableDiffusionXLImg2ImgPipeline,
        flags={"requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False},
        unet=partial(xl.refiner_unet, 17),
        **_NO_FIRST_ENCODER,
    ),
    "sdxl_mean_std": partial(_save_xl, vae=partial(_XL_VAE, **_MEAN_STD)),
    "sdxl_tiny_vae": partial(_save_xl, vae=partial(vaes.tiny, 24)),
    "sdxl_fp16": partial(_save_xl, half=True),
    "controlnet_canny": partial(_save_controlnet, seed=41, unet=_SD["unet"]),
    "controlnet_inpaint": partial(_save_controlnet, seed=42, unet=_SD["unet"]),
    "controlnet_depth": partial(_save_controlnet, seed=43, unet=_SD["unet"]),
    "controlnet_xl": partial(_save_controlnet, seed=44, unet=_XL["unet"]),
    "depth": partial(control.save_depth, seed=51),
    "kandinsky_prior": partial(_save_plain, kind=KandinskyV22PriorPipeline, made=_PRIOR),
    "kandinsky": partial(_save_plain, kind=KandinskyV22Pipeline, made=_DECODER),
    "kandinsky_inpaint": partial(_save_plain, kind=KandinskyV22InpaintPipeline, made=_INPAINTER),
    "kandinsky_combined": partial(_save_plain, kind=KandinskyV22CombinedPipeline, made=_DECODER | _CONNECTED),
    "kandinsky_inpaint_combined": partial(
        _save_plain, kind=KandinskyV22InpaintCombinedPipeline, made=_INPAINTER | _CONNECTED
    ),
    "latent_upscaler": partial(_save_plain, kind=StableDiffusionLatentUpscalePipeline, made=_LATENT_UPSCALER),
    "super_resolution": partial(_save_plain, kind=StableDiffusionUpscalePipeline, made=_SUPER_RESOLUTION),
    "super_resolution_unscaled": _save_unscaled,
}
NAMES = tuple(_RECIPES)
