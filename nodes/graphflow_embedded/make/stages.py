"""The stages of making the checkpoints, in order; each reads the components that the earlier ones left."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from graphflow_embedded.make import control, data, denoise, depth, judge, latents, manifest, models, store, tokenizer
from graphflow_embedded.make.loop import Plan, layout, spent
from graphflow_embedded.make.vae import polish_decoder, train_encoder, train_vae


@dataclass(frozen=True)
class Workshop:
    """Where and how much to work."""

    work: Path
    """Folder of drawn pictures and training states; can be thrown away when all is done."""
    pictures: int
    """Drawn in plain style; other sets are a share of it."""
    device: torch.device
    steps: int | None = None
    """Instead of the stage's own number."""
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
        self, name: str, pictures: data.Pictures, *, holes: bool = False, style: str = "plain"
    ) -> latents.Encoded:
        """Latents of `pictures`, kept under `name`."""
        vae = denoise.read_only(store.load("vae")).to(self.device, memory_format=layout(self.device))
        path = self.work / f"latents-{name}.pt"
        return latents.encoded(path, pictures, vae, self.words(), self.device, holes=holes, style=style)

    def noiser(self, rows: latents.Encoded, pictures: data.Pictures, batch: int = 32) -> denoise.Noiser:
        """Training rows with noise; `rows` are of the same `pictures`."""
        return denoise.Noiser(rows, pictures.shapes, self.no_words(), self.device, batch)

    def no_words(self) -> Tensor:
        """The empty caption's tokens, (40,)."""
        return latents.tokenise(self.words(), [""])[0]


def draw(shop: Workshop) -> None:
    """Only draw the pictures."""
    shop.drawn(shop.pictures)


def vae(shop: Workshop) -> None:
    """The autoencoder, on plain pictures and a tenth of each style."""
    sets = [shop.drawn(shop.pictures / 4), *(shop.drawn(shop.pictures / 40, style) for style in ("pixel", "sketch"))]
    plan = shop.plan("vae", 2_400, 1.5e-3, 1)
    _keep("vae", train_vae(plan, data.joined(*sets), shop.device))


def vae_again(shop: Workshop) -> None:
    """More training for the whole autoencoder; the denoisers must be trained after it."""
    sets = [shop.drawn(shop.pictures / 2), *(shop.drawn(shop.pictures / 40, style) for style in ("pixel", "sketch"))]
    plan = shop.plan("vae-again", 2_400, 6e-4, 9)
    _keep("vae", train_vae(plan, data.joined(*sets), shop.device, start=store.load("vae")))


def vae_encoder(shop: Workshop) -> None:
    """More training for the encoder, at half the decoder's size; then come the decoder's polish and the denoisers."""
    sets = [shop.drawn(shop.pictures / 2), *(shop.drawn(shop.pictures / 40, style) for style in ("pixel", "sketch"))]
    plan = shop.plan("vae-encoder", 3_000, 8e-4, 10)
    _keep("vae", train_encoder(plan, store.load("vae"), data.joined(*sets), shop.device))


def vae_decoder(shop: Workshop) -> None:
    """More training for the autoencoder's decoder alone: latents, and with them all denoisers, stay valid."""
    sets = [shop.drawn(shop.pictures / 2), *(shop.drawn(shop.pictures / 40, style) for style in ("pixel", "sketch"))]
    plan = shop.plan("vae-decoder", 3_000, 7e-4, 8)
    _keep("vae", polish_decoder(plan, store.load("vae"), data.joined(*sets), shop.device))


def sd(shop: Workshop) -> None:
    """Text encoder and text-to-image denoiser."""
    pictures = shop.drawn(shop.pictures)
    rows = shop.encoded("plain", pictures)
    torch.manual_seed(2)
    speech = shop.words()
    text = models.text_encoder(len(speech), speech.bos_token_id, speech.eos_token_id)
    unet = models.unet()
    denoise.train_sd(shop.plan("sd", 5_000, 1.8e-3, 2), shop.noiser(rows, pictures), text, unet)
    _keep("text-encoder", text)
    _keep("unet-sd", unet)
    _told(shop, "sd", 32)


def sd_again(shop: Workshop) -> None:
    """More training for text encoder and denoiser together; what starts from them must be trained after it."""
    pictures = shop.drawn(shop.pictures)
    rows, text, unet = shop.encoded("plain", pictures), store.load("text-encoder"), store.load("unet-sd")
    denoise.train_sd(shop.plan("sd-again", 8_000, 1e-3, 11), shop.noiser(rows, pictures), text, unet)
    _keep("text-encoder", text)
    _keep("unet-sd", unet)
    _told(shop, "sd", 32)


def encode(shop: Workshop) -> None:
    """Only compute the latents that the later stages want; can run beside `sd`."""
    shop.encoded("holes", shop.drawn(shop.pictures * 0.4), holes=True)
    for name in ("pixel", "sketch"):
        shop.encoded(name, shop.drawn(shop.pictures * 0.15, name), style=name)


def sd_inpaint(shop: Workshop) -> None:
    """The 9-channel denoiser, from the text-to-image one."""
    pictures = shop.drawn(shop.pictures * 0.4)
    rows = shop.encoded("holes", pictures, holes=True)
    unet = denoise.widened(store.load("unet-sd"))
    plan = shop.plan("sd-inpaint", 1_500, 1e-3, 3)
    denoise.train_unet(plan, shop.noiser(rows, pictures), store.load("text-encoder"), unet)
    _keep("unet-sd-inpaint", unet)
    _told(shop, "sd-inpaint", 32)


def style(name: str, shop: Workshop) -> None:
    """A style's denoiser, from the text-to-image one."""
    pictures = shop.drawn(shop.pictures * 0.15, name)
    rows = shop.encoded(name, pictures, style=name)
    unet = store.load("unet-sd")
    plan = shop.plan(f"sd-{name}", 600, 8e-4, 4)
    denoise.train_unet(plan, shop.noiser(rows, pictures), store.load("text-encoder"), unet)
    _keep(f"unet-sd-{name}", unet)
    _told(shop, f"sd-{name}", 32)


def controlnet(kind: control.Control, shop: Workshop) -> None:
    """One ControlNet of the text-to-image denoiser."""
    count = shop.pictures * 0.4
    pictures, holes = shop.drawn(count), kind == "inpaint"
    rows = shop.encoded("holes", pictures, holes=True) if holes else shop.encoded("plain", shop.drawn(shop.pictures))
    controls = control.control_pixels(kind, pictures)
    plan = shop.plan(f"controlnet-{kind}", 700, 1.5e-3, 5)
    text, unet = store.load("text-encoder"), store.load("unet-sd")
    _keep(
        f"controlnet-{kind}",
        control.train_controlnet(
            plan, kind, shop.noiser(rows.first(len(pictures)), pictures, 16), controls, text, unet
        ),
    )
    _told(shop, f"controlnet-{kind}", 16)


def the_depth(shop: Workshop) -> None:
    """The depth estimator, on all styles."""
    net = depth.train_depth(shop.plan("depth", 2_500, 1e-3, 7), _every_style(shop), shop.device)
    _keep("depth", net)
    depth.write_processor()
    _told(shop, "depth", 24)


def the_judge(shop: Workshop) -> None:
    """The judge, on all styles."""
    model = judge.train_judge(shop.plan("judge", 3_000, 1.5e-3, 6), _every_style(shop), shop.device)
    judge.save(model, store.components() / "judge" / "model.safetensors")


def _every_style(shop: Workshop) -> data.Pictures:
    styles = (shop.drawn(shop.pictures * 0.1, name) for name in ("pixel", "sketch"))
    return data.joined(shop.drawn(shop.pictures * 0.6), *styles)


def _told(shop: Workshop, name: str, batch: int) -> None:
    """Write the checkpoint's small file, with how its own part was trained, second helpings included."""
    runs = [spent(path) for path in (shop.work / name, shop.work / f"{name}-again") if path.exists()]
    step, seconds = (sum(column) for column in zip(*runs, strict=True))
    how = f"{step:,} steps of {batch} drawn pictures, {seconds / 60:.0f} minutes on {_where(shop.device)}."
    manifest.write(name, how)


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
    "sd": sd,
    "sd-again": sd_again,
    "encode": encode,
    "sd-inpaint": sd_inpaint,
    "sd-pixel": partial(style, "pixel"),
    "sd-sketch": partial(style, "sketch"),
    "controlnet-canny": partial(controlnet, "canny"),
    "controlnet-depth": partial(controlnet, "depth"),
    "controlnet-inpaint": partial(controlnet, "inpaint"),
    "judge": the_judge,
    "depth": the_depth,
}
