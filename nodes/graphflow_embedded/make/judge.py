"""The judge: a small network that recognises shape, colour, size, position, pattern, background and style."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from graphflow_embedded.make import store, words
from graphflow_embedded.make.data import LABELS, Pictures
from graphflow_embedded.make.loop import Plan, layout, precision, train

NAMES: dict[str, tuple[str, ...]] = {
    "shape": (*words.SHAPES, "none"),
    "colour": tuple(words.COLOURS),
    "size": words.SIZES,
    "position": words.POSITIONS,
    "pattern": words.PATTERNS,
    "background": words.BACKGROUNDS,
    "style": words.STYLES,
}
"""The classes of each label, in the order of their numbers."""


class Judge(nn.Module):
    """Convolutions to 8 by 8 cells, one answer per label, and the shapes' outline at a quarter of the size."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 96, 128)) -> None:
        super().__init__()
        self.stem = _block(3, widths[0])
        self.quarter = _block(widths[0], widths[1])
        self.eighth = _block(widths[1], widths[2])
        self.sixteenth = _block(widths[2], widths[3])
        self.outline = nn.Sequential(nn.Conv2d(widths[1] + widths[2], 48, 3, padding=1), nn.SiLU(), nn.Conv2d(48, 1, 1))
        self.read = nn.Sequential(nn.Conv2d(widths[3], 48, 1), nn.Flatten(), nn.Linear(48 * 64, 192), nn.SiLU())
        self.answers = nn.ModuleDict({name: nn.Linear(192, len(classes)) for name, classes in NAMES.items()})

    def forward(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """From (B, 3, 128, 128) in -1 to 1 to scores per label and outline scores (B, 32, 32)."""
        quarter = self.quarter(self.stem(x))
        eighth = self.eighth(quarter)
        both = torch.cat([quarter, F.interpolate(eighth, scale_factor=2.0)], 1)
        hidden = self.read(self.sixteenth(eighth))
        return {name: layer(hidden) for name, layer in self.answers.items()}, self.outline(both)[:, 0]


def _block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride=2, padding=1),
        nn.GroupNorm(8, outside),
        nn.SiLU(),
        nn.Conv2d(outside, outside, 3, padding=1),
        nn.GroupNorm(8, outside),
        nn.SiLU(),
    )


def train_judge(plan: Plan, pictures: Pictures, device: torch.device, *, batch: int = 32) -> Judge:
    """Train on drawn pictures only, blurred or with noise at random, so that it also works on generated ones."""
    torch.manual_seed(plan.seed)
    judge = Judge().to(device, memory_format=layout(device))
    labels = torch.from_numpy(pictures.labels).long()

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        chosen = torch.randint(len(pictures), (batch,), generator=generator)
        x = _worn(torch.from_numpy(pictures.pixels[chosen.numpy()]), generator).to(device)
        with precision(device):
            answers, outline = judge(x)
        wanted = labels[chosen].to(device)
        losses = [
            F.cross_entropy(answers[name].float(), wanted[:, column], ignore_index=-1, label_smoothing=0.02)
            for column, name in enumerate(LABELS)
        ]
        shapes = F.avg_pool2d(torch.from_numpy(pictures.shapes[chosen.numpy()])[:, None].float() / 255, 4)[:, 0]
        return sum(losses) + 2 * F.binary_cross_entropy_with_logits(outline.float(), shapes.to(device))

    return train(plan, judge, loss_of)


def _worn(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """(B, 3, 128, 128) in -1 to 1: a third unchanged, a third blurred, a third with noise and another brightness."""
    x = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
    third = len(x) // 3
    x[:third] = F.avg_pool2d(
        F.avg_pool2d(x[:third], 3, 1, 1, count_include_pad=False), 3, 1, 1, count_include_pad=False
    )
    span = slice(third, 2 * third)
    gain = 0.85 + 0.3 * torch.rand(x[span].shape[0], 3, 1, 1, generator=generator)
    x[span] = x[span] * gain + 0.08 * torch.randn(x[span].shape, generator=generator)
    return x.clamp(-1, 1)


@torch.no_grad()
def read(judge: Judge, pixels: np.ndarray, *, batch: int = 64) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Class numbers per label, each (N,), and shape outlines (N, 32, 32) bool, of (N, 128, 128, 3) uint8 pictures."""
    device = next(judge.parameters()).device
    found: dict[str, list[Tensor]] = {name: [] for name in LABELS}
    outlines = []
    for start in range(0, len(pixels), batch):
        x = torch.tensor(pixels[start : start + batch]).permute(0, 3, 1, 2).float() / 127.5 - 1
        answers, outline = judge(x.to(device))
        for name in LABELS:
            found[name].append(answers[name].argmax(1).cpu())
        outlines.append((outline > 0).cpu())
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}, torch.cat(outlines).numpy()


def look(pixels: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """`read` with the committed judge."""
    return read(load(store.components() / "judge" / "model.safetensors"), pixels)


def in_words(pixels: np.ndarray) -> dict[str, str]:
    """The committed judge's labels for one picture (128, 128, 3) uint8."""
    found, _ = look(pixels[None])
    return {label: names[int(found[label][0])] for label, names in NAMES.items()}


def save(judge: Judge, path: Path) -> None:
    """Write the judge in float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in judge.state_dict().items()}, path)


def load(path: Path) -> Judge:
    """The judge that `save` wrote, for reading."""
    judge = Judge()
    judge.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return judge.eval()
