"""Train denoisers: the text-to-image one with its text encoder, the inpainting one, and styles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel

from graphflow_embedded.make import models
from graphflow_embedded.make.latents import Encoded, small_mask
from graphflow_embedded.make.loop import Plan, layout, precision, train

CAPTION_DROP = 0.1
"""Share of rows trained without their caption, for classifier-free guidance."""


@dataclass(frozen=True)
class Lot:
    """The data of one training step."""

    chosen: Tensor
    """Row numbers, (B,)."""
    tokens: Tensor
    """(B, 40) int64."""
    noisy: Tensor
    """Latents with noise, (B, 4, 16, 16)."""
    steps: Tensor
    """(B,) of 0 to 999, the noisiest."""
    wanted: Tensor
    """The velocity that the denoiser should predict, (B, 4, 16, 16)."""
    whole: Tensor
    """(B,) bool: everything is to be painted, as described by the whole picture's caption."""


@dataclass(frozen=True)
class Whole:
    """For learning to paint whole pictures and holes at once."""

    tokens: Tensor
    """(M, 4, 40) int16: captions of the first M rows' whole pictures; the other rows are for holes only."""
    blank: Tensor
    """(4, 16, 16): latents of the grey picture that replaces the surroundings if everything is to be painted."""
    share: float
    """Of the rows drawn."""


@dataclass(frozen=True)
class Restyled:
    """Training data for img2img with a style: the way from a noisy plain picture to the style.

    A denoiser that saw only its own style under noise keeps half of the plain picture, and the result is muddy.
    """

    plain: Tensor
    """(N, 4, 16, 16): latents of the same scenes in plain style."""
    share: float
    """Of the rows drawn."""
    starts: tuple[int, int] = (450, 750)
    """Noise steps at which img2img may begin; 599 is a strength of 0.6."""


class Noiser:
    """Draws rows, steps and noise for one training step, and the velocity that the denoiser should predict."""

    def __init__(
        self,
        rows: Encoded,
        shapes: np.ndarray,
        empty: Tensor,
        device: torch.device,
        batch: int,
        whole: Whole | None = None,
        quiet: float = 0.7,
        restyled: Restyled | None = None,
    ) -> None:
        """`shapes` (N, 128, 128) uint8 are 255 on the drawn shapes of each row; `empty` (40,) is no caption.

        `quiet` below 1 draws noisy steps more often than others, because they decide the layout, the others only grain.
        """
        self.rows, self.empty, self.device, self.batch, self.whole = rows, empty, device, batch, whole
        self.quiet, self.restyled = quiet, restyled
        self.focus = _focus(shapes)
        self.share = self.focus.mean().item()
        self.signal = models.noise_schedule().alphas_cumprod.to(device)

    def draw(self, generator: torch.Generator) -> Lot:
        """Everything of one step."""
        chosen = torch.randint(len(self.rows), (self.batch,), generator=generator)
        wording = torch.randint(self.rows.tokens.shape[1], (self.batch,), generator=generator)
        tokens = self.rows.tokens[chosen, wording]
        whole = torch.zeros(self.batch, dtype=torch.bool)
        if self.whole:
            known = len(self.whole.tokens)
            whole = (torch.rand(self.batch, generator=generator) < self.whole.share) & (chosen < known)
            tokens = torch.where(whole[:, None], self.whole.tokens[chosen.clamp(max=known - 1), wording], tokens)
        dropped = torch.rand(self.batch, generator=generator) < CAPTION_DROP
        tokens = torch.where(dropped[:, None], self.empty, tokens.long()).to(self.device)
        steps = _steps(self.batch, self.quiet, generator).to(self.device)
        clean = self.rows.latents[chosen].float().to(self.device)
        noise = torch.randn(clean.shape, generator=generator).to(self.device)
        shown = clean
        if self.restyled:
            steps, shown = self._from_plain(self.restyled, chosen, steps, clean, generator)
        keep = self.signal[steps].view(-1, 1, 1, 1)
        noisy = keep.sqrt() * shown + (1 - keep).sqrt() * noise
        # The velocity from which samplers compute `clean`; that of the noise if nothing else is shown.
        wanted = (keep.sqrt() * noisy - clean) / (1 - keep).sqrt()
        return Lot(chosen, tokens, noisy.contiguous(memory_format=layout(self.device)), steps, wanted, whole)

    def _from_plain(
        self, restyled: Restyled, chosen: Tensor, steps: Tensor, clean: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Steps and shown latents; some rows are as img2img sees them on its way from the plain picture.

        It starts from that picture under noise; after a step towards the style, the noise that the sampler computes
        still contains some of the plain picture, in proportion to noise over signal.
        """
        count = len(chosen)
        some = torch.rand(count, generator=generator) < restyled.share
        start = torch.randint(*restyled.starts, (count,), generator=generator)
        now = (torch.rand(count, generator=generator) * (start + 1)).long()
        noise_over_signal = (1 / self.signal.cpu() - 1).sqrt()
        left = torch.where(some, noise_over_signal[now] / noise_over_signal[start], 0.0).to(clean).view(-1, 1, 1, 1)
        plain = restyled.plain[chosen].float().to(clean)
        return torch.where(some.to(steps.device), now.to(steps), steps), clean + left * (plain - clean)

    def loss(self, guess: Tensor, lot: Lot) -> Tensor:
        """Mean squared error; cells on a shape weigh up to five times, because they are few and prompts describe them.

        Not in heavy noise, when the shape's position isn't decided yet: the weight would put it everywhere.
        """
        clear = self.signal[lot.steps].view(-1, 1, 1, 1)
        weight = 1 + 4 * clear * self.focus[lot.chosen].to(self.device)
        return ((guess.float() - lot.wanted) ** 2 * weight / (1 + 4 * clear * self.share)).mean()


def _focus(shapes: np.ndarray) -> Tensor:
    """(N, 1, 16, 16): 1 wherever a cell or its neighbour touches a shape, else 0."""
    cells = shapes.reshape(len(shapes), models.LATENT, 8, models.LATENT, 8).max((2, 4)) > 127
    return F.max_pool2d(torch.from_numpy(cells)[:, None].float(), 3, 1, 1)


def _steps(batch: int, quiet: float, generator: torch.Generator) -> Tensor:
    """Steps over 0 to 999, one from each of `batch` ranges, for less noise in the loss."""
    even = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    return (even**quiet * 1000).long().clamp(max=999)


def read_only(model: nn.Module) -> nn.Module:
    """The same model, its parameters no longer trained."""
    return model.requires_grad_(False).eval()


def train_unet(plan: Plan, noiser: Noiser, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
    """Train a denoiser on the finished text encoder: of 4 channels, or of 9 for inpainting."""
    read_only(text).to(noiser.device)
    unet.to(noiser.device, memory_format=layout(noiser.device))
    models.plain_attention(unet)
    surrounded = unet.config.in_channels == 9

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        lot = noiser.draw(generator)
        with precision(noiser.device):
            with torch.no_grad():
                told = text(lot.tokens)[0]
            guess = unet(with_surroundings(noiser, lot) if surrounded else lot.noisy, lot.steps, told).sample
        return noiser.loss(guess, lot)

    train(plan, unet, loss_of)


def train_steady(
    plan: Plan, noiser: Noiser, text: CLIPTextModel, unet: UNet2DConditionModel, guidance: float = 7.5
) -> None:
    """Train a 9-channel denoiser, at the guidance used later, not to change anything outside the mask.

    Guidance adds `guidance` times the difference that the caption makes to the prediction without a caption. Outside
    the mask there should be no difference, and guidance amplifies a small one, so the guided prediction is trained.
    """
    read_only(text).to(noiser.device)
    unet.to(noiser.device, memory_format=layout(noiser.device))
    models.plain_attention(unet)
    nothing = noiser.empty.expand(noiser.batch, -1).to(noiser.device)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        lot = noiser.draw(generator)
        seen = with_surroundings(noiser, lot)
        with precision(noiser.device):
            with torch.no_grad():
                told = text(torch.cat([lot.tokens, nothing]))[0]
            both = unet(seen.repeat(2, 1, 1, 1), lot.steps.repeat(2), told).sample.float()
        guess, free = both.chunk(2)
        guided = free + guidance * (guess - free)
        outside = 1 - seen[:, 4:5]
        apart = ((guided - lot.wanted) ** 2 * outside).mean()
        return noiser.loss(guess, lot) + 0.2 * noiser.loss(free, lot) + 4 * apart

    train(plan, unet, loss_of)


def with_surroundings(noiser: Noiser, lot: Lot) -> Tensor:
    """Noisy latents, mask and surroundings: 4 + 1 + 4 channels, in the inpainting pipeline's order."""
    mask = small_mask(noiser.rows.holes[lot.chosen])
    around = noiser.rows.around[lot.chosen].float()
    if noiser.whole:
        mask[lot.whole] = 1.0
        around[lot.whole] = noiser.whole.blank.float()
    joined = torch.cat([lot.noisy, mask.to(noiser.device), around.to(noiser.device)], 1)
    return joined.contiguous(memory_format=layout(noiser.device))


def narrowed(wide: UNet2DConditionModel, blank: Tensor) -> UNet2DConditionModel:
    """A 4-channel copy of a 9-channel denoiser, equal to it if everything is to be painted.

    The constant channels become part of the first layer's bias, as means over the picture; `blank` are the
    surroundings' latents (4, 16, 16). At the border, where the first layer sees beyond the picture, this isn't exact.
    """
    net = models.unet(4)
    weights = wide.state_dict()
    first = weights["conv_in.weight"]
    constant = torch.cat([torch.ones(1), blank.float().mean((1, 2))]).to(first)
    weights["conv_in.weight"] = first[:, :4].clone()
    weights["conv_in.bias"] = weights["conv_in.bias"] + (first[:, 4:].sum((2, 3)) * constant).sum(1)
    net.load_state_dict(weights)
    return net
