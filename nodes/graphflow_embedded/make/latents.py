"""Training data of the denoisers: latents, tokens, masks; computed once and kept on disk."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from graphflow_embedded.make import masks, models
from graphflow_embedded.make.data import SIZE, WORDINGS, Pictures
from graphflow_embedded.make.scene import draw_scene
from graphflow_embedded.make.vae import encode


@dataclass(frozen=True)
class Encoded:
    """Training rows of a denoiser, the first axis counting pictures."""

    latents: Tensor
    """(N, 4, 16, 16) float16, scaled."""
    tokens: Tensor
    """(N, 4, 40) int16: several wordings."""
    holes: Tensor
    """(N, 128, 128) uint8, 255 = repaint; (0,) if no masks were requested."""
    around: Tensor
    """(N, 4, 16, 16) float16: scaled latents of the picture with its hole at 0; (0,) likewise."""

    def __len__(self) -> int:
        return len(self.latents)

    def first(self, count: int) -> Encoded:
        """The first `count` rows."""
        return Encoded(**{field.name: getattr(self, field.name)[:count] for field in fields(self)})


def tokenise(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Token ids of `texts`, (N, 40) int64, padded as the pipelines do."""
    ids = tokenizer(texts, padding="max_length", truncation=True, max_length=models.TOKENS).input_ids
    return torch.tensor(ids)


def encoded(
    path: Path,
    pictures: Pictures,
    vae: AutoencoderKL,
    tokenizer: CLIPTokenizer,
    device: torch.device,
    *,
    holes: bool = False,
    first: int = 0,
    style: str = "plain",
    clean: Tensor | None = None,
    tint: bool = False,
) -> Encoded:
    """Encode `pictures` (of seeds from `first` on), or read them back from `path`.

    `clean` are latents known before; with `tint` the backgrounds get other colours, and captions that don't name them.
    """
    names = [field.name for field in fields(Encoded)]
    if path.exists():
        kept = torch.load(path, weights_only=True)
        return Encoded(**{name: kept[name] for name in names})
    pixels = torch.from_numpy(tinted(pictures, first) if tint else pictures.pixels)
    latents = encode(vae, pixels, device) if clean is None else clean[: len(pictures)]
    captions, gaps, around = pictures.captions, torch.zeros(0), torch.zeros(0)
    if holes:
        gaps, captions = _holes(len(pictures), first, style, tint)
        around = encode(vae, grey_out(pixels, gaps), device)
    tokens = tokenise(tokenizer, list(captions.reshape(-1))).view(len(pictures), WORDINGS, -1).short()
    result = Encoded(latents, tokens, gaps, around)
    torch.save({name: getattr(result, name) for name in names}, path)
    return result


def grey_out(pixels: Tensor, gaps: Tensor) -> Tensor:
    """Middle grey, the pipelines' 0, where the mask is white; uint8 (N, H, W, 3) and (N, H, W)."""
    return torch.where(gaps[..., None] > 127, torch.tensor(128, dtype=torch.uint8), pixels)


def tinted(pictures: Pictures, first: int) -> np.ndarray:
    """Pixels (N, H, W, 3) uint8 with randomly changed colours of backgrounds, but not of shapes.

    Photographs have other colours: a model that saw only ours would paint them around the shape, whatever is there.
    """
    found = np.empty_like(pictures.pixels)
    for row, (pixels, shape) in enumerate(zip(pictures.pixels, pictures.shapes, strict=True)):
        rng = np.random.default_rng([first + row, 6])
        bent = (pixels.astype(np.float32) / 255) ** rng.uniform(0.6, 1.6)
        grey = bent.mean(-1, keepdims=True)
        bent = grey + rng.uniform(0, 1.2) * (bent[..., rng.permutation(3)] - grey)
        bent = bent * rng.uniform(0.35, 1.3, 3) + rng.uniform(-0.1, 0.15)
        cover = shape[..., None] / np.float32(255)
        found[row] = np.clip(bent * 255, 0, 255) * (1 - cover) + pixels * cover
    return found


def joined(first: Encoded, second: Encoded) -> Encoded:
    """The rows of both."""
    pairs = {field.name: (getattr(first, field.name), getattr(second, field.name)) for field in fields(Encoded)}
    return Encoded(**{name: torch.cat(pair) for name, pair in pairs.items()})


def _holes(count: int, first: int, style: str, tint: bool) -> tuple[Tensor, np.ndarray]:
    found, texts = [], []
    for seed in range(first, first + count):
        # The same lot as in data.picture, so the same scene.
        scene = draw_scene(np.random.default_rng([seed, 0]), style=style)
        # No word says that a background has become purple, so captions are those of photographs.
        scene = replace(scene, background="photo") if tint else scene
        mask, captions = masks.hole(scene, seed, SIZE, WORDINGS)
        found.append(mask)
        texts.append(captions)
    return torch.from_numpy(np.stack(found)), np.array(texts)


def small_mask(gaps: Tensor) -> Tensor:
    """Masks at latent size as the inpainting pipelines make them: (N, 1, 16, 16) float, 1 = repaint."""
    return F.interpolate((gaps[:, None] > 127).float(), size=(models.LATENT, models.LATENT))
