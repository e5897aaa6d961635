"""Pictures as the denoisers see them: latents, tokens, masks; computed once and kept on disk."""

from __future__ import annotations

from dataclasses import dataclass, fields
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
    """(N, 128, 128) uint8, 255 = repaint; (0,) where no masks were asked for."""
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
) -> Encoded:
    """Encode `pictures` (of seeds from `first` on), or read them back from `path`."""
    names = [field.name for field in fields(Encoded)]
    if path.exists():
        kept = torch.load(path, weights_only=True)
        return Encoded(**{name: kept[name] for name in names})
    pixels = torch.from_numpy(pictures.pixels)
    latents = encode(vae, pixels, device)
    captions, gaps, around = pictures.captions, torch.zeros(0), torch.zeros(0)
    if holes:
        gaps, captions = _holes(len(pictures), first, style)
        around = encode(vae, grey_out(pixels, gaps), device)
    tokens = tokenise(tokenizer, list(captions.reshape(-1))).view(len(pictures), WORDINGS, -1).short()
    result = Encoded(latents, tokens, gaps, around)
    torch.save({name: getattr(result, name) for name in names}, path)
    return result


def grey_out(pixels: Tensor, gaps: Tensor) -> Tensor:
    """Middle grey, the pipelines' 0, where the mask is white; uint8 (N, H, W, 3) and (N, H, W)."""
    return torch.where(gaps[..., None] > 127, torch.tensor(128, dtype=torch.uint8), pixels)


def _holes(count: int, first: int, style: str) -> tuple[Tensor, np.ndarray]:
    found, texts = [], []
    for seed in range(first, first + count):
        # The same lot as in data.picture, so the same scene.
        scene = draw_scene(np.random.default_rng([seed, 0]), style=style)
        mask, captions = masks.hole(scene, seed, SIZE, WORDINGS)
        found.append(mask)
        texts.append(captions)
    return torch.from_numpy(np.stack(found)), np.array(texts)


def small_mask(gaps: Tensor) -> Tensor:
    """Masks at latent size as the inpainting pipelines make them: (N, 1, 16, 16) float, 1 = repaint."""
    return F.interpolate((gaps[:, None] > 127).float(), size=(models.LATENT, models.LATENT))
