"""The stages of making the checkpoints, in order; each reads the components of the earlier ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from graphflow_embedded.make import (
    control,
    data,
    denoise,
    depth,
    heldout,
    judge,
    labelled,
    latents,
    manifest,
    models,
    speech,
    store,
    tokenizer,
)
from graphflow_embedded.make.loop import Plan, layout, spent
from graphflow_embedded.make.vae import encode as encode_pixels
from graphflow_embedded.make.vae import polish_decoder, round_trip, train_encoder, train_vae, tune_vae


@dataclass(frozen=True)
class Workshop:
    """Folders, device and amount of work."""

    work: Path
    """Folder of drawn pictures and training states; can be deleted afterwards."""
    pictures: int
    """Drawn in plain style; other sets are a share of it."""
    device: torch.device
    steps: int | None = None
    """Instead of the stage's default."""
    minutes: float = math.inf
    processes: int = 1

    def plan(self, name: str, steps: int, rate: float, seed: int) -> Plan:
        """The plan of one stage."""
        return Plan(self.work / name, self.steps or steps, rate, self.minutes, seed)

    def drawn(self, count: int, style: str = "plain") -> data.Pictures:
        """The first `count` pictures of a style, rounded to whole chunks."""
        whole = max(1, round(count / data.CHUNK)) * data.CHUNK
        return data.drawn(self.work / "pictures", whole, style=style, processes=self.processes)

    def words(self) -> CLIPTokenizer:
        """The tokenizer, written on first use."""
        folder = store.components() / "tokenizer"
        if not folder.exists():
            tokenizer.write(folder)
        return tokenizer.load(folder)

    def encoded(
        self,
        name: str,
        pictures: data.Pictures,
        *,
        holes: bool = False,
        style: str = "plain",
        clean: Tensor | None = None,
        tint: bool = False,
    ) -> latents.Encoded:
        """Latents of `pictures`, kept under `name`; the rest is for `latents.encoded`."""
        vae = denoise.read_only(store.load("vae")).to(self.device, memory_format=layout(self.device))
        path = self.work / f"latents-{name}.pt"
        kind = {"holes": holes, "style": style, "clean": clean, "tint": tint}
        return latents.encoded(path, pictures, vae, self.words(), self.device, **kind)

    def holes(self, pictures: data.Pictures) -> latents.Encoded:
        """Plain pictures, each with a hole."""
        clean = self.encoded("plain", pictures).latents
        return self.encoded("holes", pictures, holes=True, clean=clean)

    def blank(self) -> Tensor:
        """Latents (4, 16, 16) of a grey picture."""
        grey = torch.full((1, data.SIZE, data.SIZE, 3), 128, dtype=torch.uint8)
        return encode_pixels(denoise.read_only(store.load("vae")), grey, torch.device("cpu"))[0]

    def noiser(self, rows: latents.Encoded, pictures: data.Pictures, batch: int, **more: Any) -> denoise.Noiser:
        """Training rows with noise; `rows` are of the same `pictures`, `more` is for `denoise.Noiser`."""
        return denoise.Noiser(rows, pictures.shapes, self.no_words(), self.device, batch, **more)

    def surrounded(self, share: float) -> tuple[latents.Encoded, data.Pictures, denoise.Whole]:
        """Rows for an inpainting denoiser, the pictures they are of, and `share` of whole pictures among them."""
        pictures = self.drawn(self.pictures)
        some = pictures.first(round(self.pictures * 0.35))
        rows = latents.joined(self.holes(pictures), self.encoded("tinted", some, holes=True, tint=True))
        whole = denoise.Whole(self.encoded("plain", pictures).tokens, self.blank(), share)
        return rows, data.joined(pictures, some), whole

    def no_words(self) -> Tensor:
        """The empty caption's tokens, (40,)."""
        return latents.tokenise(self.words(), [""])[0]


def draw(shop: Workshop) -> None:
    """Only draw the pictures."""
    shop.drawn(shop.pictures)


def vae(shop: Workshop) -> None:
    """The autoencoder, on plain pictures and a tenth of each style."""
    drawn = _mixed(shop, shop.pictures / 4, shop.pictures / 40)
    plan = shop.plan("vae", 2_400, 1.5e-3, 1)
    _keep("vae", train_vae(plan, drawn, shop.device))


def vae_again(shop: Workshop) -> None:
    """More training for the whole autoencoder; the denoisers must be trained after it."""
    drawn = _mixed(shop, shop.pictures / 2, shop.pictures / 40)
    plan = shop.plan("vae-again", 2_400, 6e-4, 9)
    _keep(
        "vae",
        train_vae(plan, drawn, shop.device, start=store.load("vae")),
    )


def vae_encoder(shop: Workshop) -> None:
    """More training for the encoder, at half the decoder's size; then come the decoder's polish and the denoisers."""
    drawn = _mixed(shop, shop.pictures / 2, shop.pictures / 40)
    plan = shop.plan("vae-encoder", 3_000, 8e-4, 10)
    _keep("vae", train_encoder(plan, store.load("vae"), drawn, shop.device))


def vae_decoder(shop: Workshop) -> None:
    """More training for the autoencoder's decoder alone: latents, and with them all denoisers, stay valid."""
    drawn = _mixed(shop, shop.pictures / 2, shop.pictures / 40)
    plan = shop.plan("vae-decoder", 3_000, 7e-4, 8)
    _keep("vae", polish_decoder(plan, store.load("vae"), drawn, shop.device))


def vae_tune(shop: Workshop) -> None:
    """More training for the whole autoencoder, for styles and other colours; denoisers of plain pictures stay valid."""
    styled = data.joined(*(shop.drawn(shop.pictures * 0.15, style) for style in ("pixel", "sketch")))
    plan = shop.plan("vae-tune", 2_400, 6e-4, 11)
    _keep("vae", tune_vae(plan, store.load("vae"), shop.drawn(shop.pictures / 2), styled, shop.device))


def text(shop: Workshop) -> None:
    """The text encoder, on captions alone; every denoiser must be trained after it."""
    speech_of, words_of = shop.words(), shop.pictures * 3 // 2
    torch.manual_seed(12)
    model = models.text_encoder(len(speech_of), speech_of.bos_token_id, speech_of.eos_token_id)
    plan = shop.plan("text", 1_200, 1.5e-3, 12)
    reader = speech.train_text(plan, speech.draw(words_of, speech_of), model, shop.device)
    _keep("text-encoder", model)
    held = speech.draw(500, speech_of, first=heldout.FIRST_JUDGING_SEED)
    print({name: f"{value:.3f}" for name, value in speech.read_share(reader.cpu(), held).items()})


def encode(shop: Workshop) -> None:
    """Only compute the latents for the later stages; can run in parallel with the autoencoder's final training."""
    pictures = shop.drawn(shop.pictures)
    shop.holes(pictures)
    shop.encoded("tinted", pictures.first(round(shop.pictures * 0.35)), holes=True, tint=True)
    for name in ("pixel", "sketch"):
        shop.encoded(name, shop.drawn(shop.pictures * 0.3, name), style=name)


def sd_inpaint(shop: Workshop) -> None:
    """The 9-channel denoiser, from nothing, on holes and on whole pictures at once.

    A hole fixes the shape's position, so the words for shapes are learnt much sooner than from whole pictures alone.
    """
    rows, pictures, whole = shop.surrounded(0.45)
    torch.manual_seed(3)
    unet = models.unet(9)
    plan = shop.plan("sd-inpaint", 6_000, 1.8e-3, 3)
    denoise.train_unet(plan, shop.noiser(rows, pictures, 64, whole=whole), store.load("text-encoder"), unet)
    _keep("unet-sd-inpaint", unet)
    _told(shop, ["sd-inpaint"], 64)


def sd_inpaint_steady(shop: Workshop) -> None:
    """More training for the 9-channel denoiser, so that it changes nothing outside the mask."""
    rows, pictures, whole = shop.surrounded(0.15)
    plan = shop.plan("sd-inpaint-steady", 2_000, 6e-4, 13)
    unet = store.load("unet-sd-inpaint")
    denoise.train_steady(
        plan, shop.noiser(rows, pictures, 32, whole=whole, quiet=1.2), store.load("text-encoder"), unet
    )
    _keep("unet-sd-inpaint", unet)
    _told(shop, ["sd-inpaint", "sd-inpaint-steady"], 64, "sd-inpaint")


def sd(shop: Workshop) -> None:
    """The text-to-image denoiser, from the inpainting one."""
    pictures = shop.drawn(shop.pictures)
    rows = shop.encoded("plain", pictures)
    unet = denoise.narrowed(store.load("unet-sd-inpaint"), shop.blank())
    denoise.train_unet(
        shop.plan("sd", 2_000, 6e-4, 2), shop.noiser(rows, pictures, 64), store.load("text-encoder"), unet
    )
    _keep("unet-sd", unet)
    _told(shop, ["sd-inpaint", "sd"], 64)


def style(name: str, shop: Workshop) -> None:
    """A style's denoiser, from the text-to-image one."""
    pictures = shop.drawn(shop.pictures * 0.3, name)
    rows, unet = shop.encoded(name, pictures, style=name), store.load("unet-sd")
    plan = shop.plan(f"sd-{name}", 1_500, 8e-4, 4)
    # Equal seeds draw equal scenes, whatever the style.
    plain = denoise.Restyled(shop.encoded("plain", shop.drawn(shop.pictures)).latents, 0.4)
    # Pixel art is a matter of grain, which the least noisy steps decide.
    noiser = shop.noiser(rows, pictures, 64, quiet=2 if name == "pixel" else 1, restyled=plain)
    denoise.train_unet(plan, noiser, store.load("text-encoder"), unet)
    _keep(f"unet-sd-{name}", unet)
    _told(shop, ["sd-inpaint", "sd", f"sd-{name}"], 64)


def controlnet(kind: control.Control, shop: Workshop) -> None:
    """One ControlNet of the text-to-image denoiser."""
    count = shop.pictures * 0.4
    pictures, holes = shop.drawn(count), kind == "inpaint"
    rows = shop.holes(shop.drawn(shop.pictures)) if holes else shop.encoded("plain", shop.drawn(shop.pictures))
    controls = control.control_pixels(kind, pictures)
    plan = shop.plan(f"controlnet-{kind}", 2_000, 1.5e-3, 5)
    text, unet = store.load("text-encoder"), store.load("unet-sd")
    _keep(
        f"controlnet-{kind}",
        control.train_controlnet(
            plan, kind, shop.noiser(rows.first(len(pictures)), pictures, 16), controls, text, unet
        ),
    )
    _told(shop, [f"controlnet-{kind}"], 16)


def the_depth(shop: Workshop) -> None:
    """The depth estimator, on all styles."""
    drawn = _mixed(shop, shop.pictures * 0.6, shop.pictures * 0.1)
    net = depth.train_depth(shop.plan("depth", 2_500, 1e-3, 7), drawn, shop.device)
    _keep("depth", net)
    depth.write_processor()
    _told(shop, ["depth"], 24)


def the_judge(shop: Workshop) -> None:
    """The judge, on drawings of all styles, some of them after a round trip through the autoencoder."""
    vae = denoise.read_only(store.load("vae"))
    sets = [shop.drawn(shop.pictures), *(shop.drawn(shop.pictures * 0.15, name) for name in ("pixel", "sketch"))]
    again = [one.first(round(shop.pictures * 0.07)) for one in sets]
    again = [replace(one, pixels=round_trip(vae, one.pixels)) for one in again]
    model = judge.train_judge(shop.plan("judge", 6_000, 1.5e-3, 6), data.joined(*sets, *again), shop.device)
    judge.save(model, store.components() / "judge" / "model.safetensors")


def sheet_to_label(shop: Workshop) -> None:
    """Paint the sheet on which the judge is evaluated; its labels must then be written again."""
    del shop
    labelled.paint()


def _mixed(shop: Workshop, plain: float, styled: float) -> data.Pictures:
    """`plain` plain pictures and `styled` of each style."""
    return data.joined(shop.drawn(plain), *(shop.drawn(styled, name) for name in ("pixel", "sketch")))


def _told(shop: Workshop, names: list[str], batch: int, checkpoint: str = "") -> None:
    """Write the manifest of `checkpoint` (by default the last of `names`) with a description of its training."""
    runs = [spent(shop.work / name) for name in names]
    parts = [f"{step:,} steps as {name}" for name, (step, _) in zip(names, runs, strict=True)]
    if len(parts) == 1:
        parts = [f"{runs[0][0]:,} steps"]
    minutes = sum(seconds for _, seconds in runs) / 60
    how = f"{', then '.join(parts)}, each of {batch} drawn pictures; {minutes:.0f} minutes on {_where(shop.device)}."
    manifest.write(checkpoint or names[-1], how)


def _where(device: torch.device) -> str:
    return "one processor core" if device.type == "cpu" else torch.cuda.get_device_name(device)


def _keep(name: str, model: nn.Module) -> None:
    print(name, store.save(model, name), "bytes", f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M")


STAGES: dict[str, Callable[[Workshop], None]] = {
    "draw": draw,
    "vae": vae,
    "vae-again": vae_again,
    "vae-encoder": vae_encoder,
    "vae-decoder": vae_decoder,
    "vae-tune": vae_tune,
    "text": text,
    "encode": encode,
    "sd-inpaint": sd_inpaint,
    "sd": sd,
    "sd-inpaint-steady": sd_inpaint_steady,
    "sd-pixel": partial(style, "pixel"),
    "sd-sketch": partial(style, "sketch"),
    "controlnet-canny": partial(controlnet, "canny"),
    "controlnet-depth": partial(controlnet, "depth"),
    "controlnet-inpaint": partial(controlnet, "inpaint"),
    "judge": the_judge,
    "depth": the_depth,
    "sheet-to-label": sheet_to_label,
}
