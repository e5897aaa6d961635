"""The random checkpoints of the benchmark, each made once: `python -m tests.benchmarks.ways.checkpoints NAME FOLDER`.

Tiny ones come from tests/tiny, those that begin with `embedded-` from the package. Those of real size have the shapes
of Stable Diffusion 1.5 (UNet 860 M, VAE 84 M, text encoder 123 M parameters, float32, 4.3 GB) and of SDXL (UNet 2.6 G,
float16, 7 GB). `sd15_second` and `sd15_third` differ from `sd15` in a few tensors of the UNet; all other files are hard
links.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SHAPE = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
}
_ENDS = {"bos_token_id": 0, "eos_token_id": 2}
_CHANGED = ("conv_in.weight", "conv_out.weight", "mid_block.resnets.0.conv1.weight")


def ensure(name: str, folder: Path) -> Path:
    """The folder of a checkpoint, which is made if it is not there.

    Raises:
        KeyError: there is no checkpoint of that name.
    """
    target = folder / name
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".{name}.part"
    shutil.rmtree(scratch, ignore_errors=True)
    if name in _REAL:
        _REAL[name](scratch)
        scratch.rename(target)
        return target
    if name.startswith("embedded-"):
        from graphflow_embedded.export import export

        export(name.removeprefix("embedded-"), target)
        return target
    from tests import tiny

    return tiny.make(name, folder)


def _sd15(target: Path) -> None:
    import torch
    from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel

    from tests.tiny import parts

    torch.manual_seed(0)
    StableDiffusionPipeline(
        vae=AutoencoderKL(**_SHAPE, sample_size=512),
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        text_encoder=_text_encoder(768, 12, 12),
        tokenizer=parts.tokenizer(),
        scheduler=parts.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(target)


def _text_encoder(width: int, layers: int, heads: int, *, projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        projection_dim=width,
        **_ENDS,
    )
    return CLIPTextModelWithProjection(config) if projected else CLIPTextModel(config)


def _changed(seed: int) -> Callable[[Path], None]:
    """A recipe of `sd15` with another UNet."""

    def make(target: Path) -> None:
        import torch
        from safetensors.torch import load_file, save_file

        first = ensure("sd15", target.parent)
        weights = Path("unet", "diffusion_pytorch_model.safetensors")
        shutil.copytree(first, target, copy_function=os.link)
        (target / weights).unlink()
        tensors = load_file(first / weights)
        generator = torch.Generator().manual_seed(seed)
        for name in _CHANGED:
            tensors[name] = tensors[name] * (1 + 0.1 * torch.randn(tensors[name].shape, generator=generator))
        save_file(tensors, target / weights, {"format": "pt"})

    return make


def _sdxl(target: Path) -> None:
    import torch
    from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel

    from tests.tiny import parts, xl

    torch.manual_seed(1)
    unet = UNet2DConditionModel(
        sample_size=128,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(320, 640, 1280),
        transformer_layers_per_block=[1, 2, 10],
        attention_head_dim=[5, 10, 20],
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )
    StableDiffusionXLPipeline(
        vae=AutoencoderKL(**_SHAPE, sample_size=1024, scaling_factor=xl.SCALING_FACTOR, force_upcast=True).half(),
        unet=unet.half(),
        text_encoder=_text_encoder(768, 12, 12).half(),
        text_encoder_2=_text_encoder(1280, 32, 20, projected=True).half(),
        tokenizer=parts.tokenizer(),
        tokenizer_2=parts.tokenizer(sd2=True),
        scheduler=xl.scheduler(),
        add_watermarker=False,
    ).save_pretrained(target)


_REAL: dict[str, Callable[[Path], None]] = {
    "sd15": _sd15,
    "sd15_second": _changed(2),
    "sd15_third": _changed(3),
    "sdxl_real": _sdxl,
}
"""Checkpoints of real size by name; `sdxl` and others are tiny."""


if __name__ == "__main__":
    ensure(sys.argv[1], Path(sys.argv[2]))
