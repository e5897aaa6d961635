"""Train the text encoder on captions only, to predict a picture's content from the end of its caption.

A denoiser with random embeddings would first have to learn from noisy pictures which words matter; these embeddings
are useful from its first step, and are frozen while denoisers are trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from graphflow_embedded.make import models, words
from graphflow_embedded.make.captions import caption, with_strays
from graphflow_embedded.make.latents import tokenise
from graphflow_embedded.make.loop import Plan, precision, train
from graphflow_embedded.make.scene import Item, Scene, draw_scene

ITEM = {
    "shape": words.SHAPES,
    "colour": tuple(words.COLOURS),
    "size": words.SIZES,
    "position": words.POSITIONS,
    "pattern": words.PATTERNS,
}
REST = {"count": (0, 1, 2), "background": words.BACKGROUNDS, "tone": (*words.TONES, None), "style": words.STYLES}
ANSWERS = [(f"{name} {number}", len(kinds)) for number in (1, 2) for name, kinds in ITEM.items()] + [
    (name, len(kinds)) for name, kinds in REST.items()
]
"""The questions about a caption with their numbers of answers: both shapes in their order, then the rest."""


@dataclass(frozen=True)
class Captions:
    """Captions and the content of their pictures, the first axis counting captions."""

    tokens: Tensor
    """(N, 40) int64."""
    answers: Tensor
    """(N, 14) int64 in the order of ANSWERS; -1 if there is no such shape."""


def answers(scene: Scene) -> list[int]:
    """A picture's ANSWERS, including attributes that the caption leaves out, which can only be guessed."""
    found = []
    for number in range(2):
        found += _of_item(scene.items[number]) if number < len(scene.items) else [-1] * len(ITEM)
    rest = (len(scene.items), scene.background, scene.tone, scene.style)
    return found + [kinds.index(value) for kinds, value in zip(REST.values(), rest, strict=True)]


def _of_item(item: Item) -> list[int]:
    return [kinds.index(getattr(item, name)) for name, kinds in ITEM.items()]


def draw(count: int, tokenizer: CLIPTokenizer, *, first: int = 0) -> Captions:
    """Four captions of each of `count` scenes, in three styles, some with a meaningless word."""
    texts, known = [], []
    for seed in range(first, first + count):
        rng = np.random.default_rng([seed, 5])
        scene = draw_scene(rng, style=str(rng.choice(words.STYLES, p=(0.7, 0.15, 0.15))))
        texts += [with_strays(caption(scene, rng), rng) for _ in range(4)]
        known += [answers(scene)] * 4
    return Captions(tokenise(tokenizer, texts), torch.tensor(known))


class Reader(nn.Module):
    """A text encoder and linear answers from one of its outputs."""

    def __init__(self, text: CLIPTextModel) -> None:
        super().__init__()
        self.text = text
        self.heads = nn.Linear(models.WIDTH, sum(count for _, count in ANSWERS))

    def forward(self, tokens: Tensor, places: Tensor) -> list[Tensor]:
        """Scores per answer, (B * P, count) each, from tokens (B, 40), read at `places` (B, P)."""
        told = self.text(tokens)[0]
        read = told[torch.arange(len(told))[:, None], places].flatten(0, 1)
        return list(self.heads(read).float().split([count for _, count in ANSWERS], 1))


def end_of(tokens: Tensor, end: int) -> Tensor:
    """The place of the first end token, (B,)."""
    return (tokens == end).int().argmax(1)


def train_text(plan: Plan, captions: Captions, text: CLIPTextModel, device: torch.device, batch: int = 128) -> Reader:
    """Train `text`; the answers are read at the caption's end and at one position of the padding after it."""
    torch.manual_seed(plan.seed)
    reader = Reader(text).to(device)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        chosen = torch.randint(len(captions.tokens), (batch,), generator=generator)
        tokens = captions.tokens[chosen]
        end = end_of(tokens, text.config.eos_token_id)
        later = end + (torch.rand(batch, generator=generator) * (models.TOKENS - end)).long()
        with precision(device):
            scores = reader(tokens.to(device), torch.stack([end, later], 1).to(device))
        wanted = captions.answers[chosen].repeat_interleave(2, 0).to(device)
        return sum(F.cross_entropy(s, wanted[:, n], ignore_index=-1) for n, s in enumerate(scores)) / len(scores)

    train(plan, reader, loss_of)
    return reader


@torch.no_grad()
def read_share(reader: Reader, captions: Captions) -> dict[str, float]:
    """Share of right answers at the end of each caption."""
    end = end_of(captions.tokens, reader.text.config.eos_token_id)
    scores = reader(captions.tokens, end[:, None])
    shares = {}
    for column, ((name, _), score) in enumerate(zip(ANSWERS, scores, strict=True)):
        wanted = captions.answers[:, column]
        shares[name] = (score.argmax(1) == wanted)[wanted >= 0].float().mean().item()
    return shares
