"""The flows of the graph library, each as the script one would write with diffusers and Pillow alone.

Every script takes `folders` (the name of a tiny checkpoint → its folder), a photograph of any size, a mask of the same
size, and the seed of all its stages; it gives the pictures that the graph of its name writes, by their names there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from diffusers.image_processor import VaeImageProcessor
from PIL import Image, ImageFilter, ImageOps
from transformers import pipeline

from tests.plain import control, kandinsky, scripts, upscalers, weights, xl

SIDE, STEPS, GUIDANCE, BLUR, CROP, INSET = 64, 4, 4.0, 3.0, 8, 4
"""The models' own size, and what the graphs are given with it."""
PROMPT, NEGATIVE, NEXT, LAST = "a red circle", "blue", "a green star, sea", "a ring"
WEIGHTED = ("a (red)0.5 circle", "a red circle, (sea)1.4")
STRENGTH, STRENGTHS = 0.6, (0.3, 0.6, 1.0)
"""Of four steps two are run, or one, two and four: another number than with the defaults of graphs and classes."""
LARGE, SPLIT = 80, 0.5
"""The size at which a refiner works, and the share of steps of a base before it."""
SCALE = 0.6
"""How strongly a ControlNet counts."""
UPSCALE_STEPS = 3
SCALES, BOX = (1.0, 2.5, 7.5), (0.25, 0.125, 0.75, 0.625)

Folders: TypeAlias = Callable[[str], Path]
Pictures: TypeAlias = "dict[str, np.ndarray | list[np.ndarray]]"


def text2img(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    painted = scripts.text2img(folders("sd"), PROMPT, NEGATIVE, seed=seed, steps=STEPS, guidance=GUIDANCE)
    return {"image": painted}


def img2img(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    return {"image": _repaint(folders("sd"), PROMPT, fit(photo), seed, negative_prompt=NEGATIVE)}


def text_to_img2img(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    def first(output_type):
        return scripts.text2img(
            folders("sd"), PROMPT, seed=seed, steps=STEPS, guidance=GUIDANCE, output_type=output_type
        )

    return {"first": first("pil"), "image": _repaint(folders("sd_sibling"), NEXT, first("latent"), seed)}


def text_to_inpaint(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    left, top, right, bottom = (round(share * SIDE) for share in BOX)
    box = Image.new("L", (SIDE, SIDE))
    box.paste(255, (left, top, right, bottom))

    def first(output_type):
        return scripts.text2img(
            folders("sd"), PROMPT, seed=seed, steps=STEPS, guidance=GUIDANCE, output_type=output_type
        )

    filled = _fill(folders("sd_sibling"), NEXT, first("latent"), box, seed, strength=STRENGTH)
    return {"first": first("pil"), "image": filled}


def three_styles(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    latents = _repaint(folders("sd"), PROMPT, fit(photo), seed, output_type="latent")
    latents = _repaint(folders("sd_sibling"), NEXT, latents, seed, output_type="latent")
    return {"image": _repaint(folders("sd_old"), LAST, latents, seed)}


def animation(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    frames = [_repaint(folders("sd"), PROMPT, fit(photo), seed, strength=strength) for strength in STRENGTHS]
    return {"frames": frames, "animation": [np.asarray(fit(photo)), *frames]}


def inpaint(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    call = {"strength": STRENGTH, "negative_prompt": NEGATIVE}
    return {"image": _fill(folders("sd_inpaint"), PROMPT, fit(photo), fit(mask), seed, **call)}


def regular_inpaint(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    names = {"regular": "sd", "inpainting": "sd_inpaint"}
    return {
        output: _fill(folders(name), PROMPT, fit(photo), fit(mask), seed, strength=STRENGTH)
        for output, name in names.items()
    }


def erase(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    picture, area = fit(photo), fit(mask)
    painted = [_fill(folders(name), PROMPT, picture, area, seed) for name in ("sd", "sd_inpaint")]
    return {"images": [paste_soft(picture, area, one, 2.0) for one in painted]}


def keep_unmasked(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    picture, area = fit(photo), fit(mask)
    painted = _fill(folders("sd_inpaint"), PROMPT, picture, area, seed)
    soft, hard = paste_soft(picture, area, painted, BLUR), paste_hard(picture, area, painted)
    return {"painted": painted, "image": soft, "hard": hard}


def strength_comparison(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    call = (folders("sd_inpaint"), PROMPT, fit(photo), fit(mask), seed)
    return {"images": [_fill(*call, strength=strength) for strength in STRENGTHS]}


def guidance_comparison(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    call = (folders("sd_inpaint"), PROMPT, fit(photo), fit(mask), seed)
    return {"images": [_fill(*call, strength=STRENGTH, guidance=scale) for scale in SCALES]}


def negative_prompt(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    call = (folders("sd_inpaint"), PROMPT, fit(photo), fit(mask), seed)
    return {"images": [_fill(*call), _fill(*call, negative_prompt=NEGATIVE)]}


def weighted_prompt(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    call = {"seed": seed, "steps": STEPS, "guidance": GUIDANCE, "size": SIDE}
    return {"images": [weights.weighted(folders("sd"), one, NEGATIVE, **call) for one in WEIGHTED]}


def padding_mask_crop(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    return {"image": _fill(folders("sd"), PROMPT, photo, mask, seed, strength=STRENGTH, padding_mask_crop=CROP)}


def inpaint_img2img(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    call = (folders("sd_inpaint"), PROMPT, fit(photo), fit(mask), seed)
    polished = _repaint(folders("sd"), NEXT, _fill(*call, output_type="latent"), seed)
    return {"filled": _fill(*call), "image": polished}


def paint_into_photo(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    area = ellipse(photo.size)
    painted = _fill(folders("sd_inpaint"), PROMPT, photo, area, seed, padding_mask_crop=CROP)
    inner = area.filter(ImageFilter.MinFilter(2 * INSET + 1))
    return {"image": paste_soft(photo, inner, painted, BLUR)}


def sdxl_inpaint(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    call = {"strength": STRENGTH, "negative_prompt": NEGATIVE}
    return {"image": _fill_xl(folders("sdxl_inpaint"), PROMPT, fit(photo), fit(mask), seed, **call)}


def kandinsky_text2img(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    embeds = kandinsky.kandinsky_prior(folders("kandinsky_prior"), PROMPT, NEGATIVE, seed=seed)
    call = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "height": SIDE, "width": SIDE}
    return {"image": kandinsky.kandinsky_decoder(folders("kandinsky"), embeds, seed=seed, **call)}


def kandinsky_inpaint(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    return {"image": _fill_by_kandinsky(PROMPT, fit(photo), fit(mask), folders, seed, negative_prompt=NEGATIVE)}


def kandinsky_img2img(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    folder = folders("kandinsky_combined")
    return {"image": _repaint_by_kandinsky(folder, PROMPT, fit(photo), seed, negative_prompt=NEGATIVE)}


def text_to_kandinsky_img2img(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    first = scripts.text2img(folders("sd"), PROMPT, seed=seed, steps=STEPS, guidance=GUIDANCE)
    repainted = _repaint_by_kandinsky(folders("kandinsky_combined"), NEXT, Image.fromarray(first), seed)
    return {"first": first, "image": repainted}


def text_to_kandinsky_inpaint(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    first = scripts.text2img(folders("sd"), PROMPT, seed=seed, steps=STEPS, guidance=GUIDANCE)
    filled = _fill_by_kandinsky(NEXT, Image.fromarray(first), ellipse((SIDE, SIDE)), folders, seed)
    return {"first": first, "image": filled}


def img2img_comparison(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    picture = fit(photo)
    refiner = xl.xl_img2img(
        folders("sdxl_refiner"), PROMPT, picture, seed=seed, steps=STEPS, guidance=GUIDANCE, strength=STRENGTH
    )
    by_sd = _repaint(folders("sd"), PROMPT, picture, seed)
    return {"images": [by_sd, refiner, _repaint_by_kandinsky(folders("kandinsky_combined"), PROMPT, picture, seed)]}


def inpaint_refine_img2img(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    filled = _fill(folders("sd_inpaint"), PROMPT, fit(photo), fit(mask), seed)
    large = Image.fromarray(filled).resize((LARGE, LARGE), Image.Resampling.LANCZOS)
    area = fit(mask).resize((LARGE, LARGE), Image.Resampling.LANCZOS)
    refiner = folders("sdxl_refiner")
    call = {"strength": STRENGTH, "height": LARGE, "width": LARGE, "output_type": "latent"}
    latents = _fill_xl(refiner, PROMPT, large, area, seed, **call)
    more = {"guidance": GUIDANCE, "steps": STEPS, "strength": STRENGTH}
    return {"filled": filled, "image": xl.xl_img2img(refiner, PROMPT, latents, seed=seed, **more)}


def sdxl_base_refiner(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    euler = ("EulerDiscreteScheduler", {"use_karras_sigmas": False})
    call = {"at": SPLIT, "seed": seed, "steps": STEPS, "guidance": GUIDANCE, "scheduler": euler}
    return {"image": xl.ensemble(folders("sdxl"), folders("sdxl_refiner"), PROMPT, NEGATIVE, **call)}


def upscale(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    latents = _repaint(folders("sd"), PROMPT, fit(photo), seed, output_type="latent")
    call = {"seed": seed, "steps": UPSCALE_STEPS}
    doubled = upscalers.upscale(folders("latent_upscaler"), PROMPT, latents, **call)
    enlarged = upscalers.super_resolution(folders("super_resolution"), PROMPT, Image.fromarray(doubled), **call)
    return {"doubled": doubled, "image": enlarged}


def models_side_by_side(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    call = (PROMPT, fit(photo), fit(mask), seed)
    one = _fill(folders("sd_inpaint"), *call, strength=STRENGTH)
    other = _fill_xl(folders("sdxl_inpaint"), *call, strength=STRENGTH)
    return {"images": [one, other], "kandinsky": _fill_by_kandinsky(*call[:3], folders, seed)}


def controlnet_inpaint(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    return {"image": _fill_steered(folders, fit(photo), fit(mask), seed)}


def controlnet_inpaint_style(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    def filled(output_type):
        return _fill_steered(folders, fit(photo), fit(mask), seed, negative_prompt=NEGATIVE, output_type=output_type)

    return {"filled": filled("pil"), "image": _repaint(folders("sd"), NEXT, filled("latent"), seed)}


def controlnet_depth_img2img(folders: Folders, photo: Image.Image, mask: Image.Image, *, seed: int) -> Pictures:
    picture = fit(photo)
    depth = pipeline("depth-estimation", model=str(folders("depth")))(picture)["depth"].convert("RGB")
    nets = folders("sd"), folders("controlnet_depth")

    def repainted(output_type):
        call = {"scale": SCALE, "steps": STEPS, "seed": seed, "output_type": output_type}
        return control.control_img2img(*nets, PROMPT, picture, depth, **call)

    styled = _repaint(folders("sd_sibling"), NEXT, repainted("latent"), seed)
    return {"repainted": repainted("pil"), "image": styled}


def fit(picture: Image.Image) -> Image.Image:
    """The largest middle part that has the models' shape, at the models' size."""
    return ImageOps.fit(picture, (SIDE, SIDE), Image.Resampling.LANCZOS)


def ellipse(size: tuple[int, int]) -> Image.Image:
    """A mask, white in the ellipse that fills the box."""
    left, top, right, bottom = (share * side for share, side in zip(BOX, size * 2, strict=True))
    y, x = (np.arange(side) + 0.5 for side in reversed(size))
    inside = ((2 * x - left - right) / (right - left)) ** 2 + ((2 * y - top - bottom) / (bottom - top))[:, None] ** 2
    return Image.fromarray((inside <= 1).astype(np.uint8) * 255)


def paste_soft(picture: Image.Image, mask: Image.Image, painted: np.ndarray, blur: float) -> np.ndarray:
    """As diffusers' guide does it now: `painted` over `picture` by the blurred mask."""
    processor = VaeImageProcessor()
    soft = processor.blur(mask, blur)
    return np.asarray(processor.apply_overlay(soft, picture, Image.fromarray(painted)))


def paste_hard(picture: Image.Image, mask: Image.Image, painted: np.ndarray) -> np.ndarray:
    """As the guide's earlier editions did it in numpy: `painted` where the mask is at least half white."""
    selection = np.asarray(mask)[:, :, None].astype(np.float32) / 255
    selection = np.where(selection < 0.5, 0, 1)
    return ((1 - selection) * np.asarray(picture) + selection * painted).round().astype(np.uint8)


def _repaint(folder: Path, prompt: str, image, seed: int, **more) -> np.ndarray:
    call = {"strength": STRENGTH, "guidance": GUIDANCE, "steps": STEPS} | more
    return scripts.img2img(folder, prompt, image, seed=seed, **call)


def _fill(folder: Path, prompt: str, image, mask: Image.Image, seed: int, **more) -> np.ndarray:
    call = {"guidance": GUIDANCE, "steps": STEPS, "height": SIDE, "width": SIDE} | more
    return scripts.inpaint(folder, prompt, image, mask, seed=seed, **call)


def _fill_steered(folders: Folders, picture: Image.Image, mask: Image.Image, seed: int, **more):
    around = control.inpaint_condition(picture, mask)
    nets = folders("sd_inpaint"), folders("controlnet_inpaint")
    call = {"guidance": GUIDANCE, "steps": STEPS, "scale": SCALE, "height": SIDE, "width": SIDE} | more
    return control.control_inpaint(*nets, PROMPT, picture, mask, around, seed=seed, **call)


def _fill_xl(folder: Path, prompt: str, image, mask: Image.Image, seed: int, **more) -> np.ndarray:
    call = {"guidance": GUIDANCE, "steps": STEPS, "height": SIDE, "width": SIDE} | more
    return xl.xl_inpaint(folder, prompt, image, mask, seed=seed, **call)


def _repaint_by_kandinsky(folder: Path, prompt: str, picture: Image.Image, seed: int, **more) -> np.ndarray:
    call = {"strength": STRENGTH, "num_inference_steps": STEPS, "guidance_scale": GUIDANCE} | more
    return kandinsky.kandinsky_img2img(folder, prompt, picture, seed=seed, **call)


def _fill_by_kandinsky(prompt: str, picture: Image.Image, mask: Image.Image, folders: Folders, seed: int, **more):
    call = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE} | more
    return kandinsky.kandinsky_inpaint(folders("kandinsky_inpaint_combined"), prompt, picture, mask, seed=seed, **call)


FLOWS: Sequence[Callable[..., Pictures]] = (
    text2img,
    img2img,
    text_to_img2img,
    text_to_inpaint,
    three_styles,
    animation,
    inpaint,
    regular_inpaint,
    erase,
    keep_unmasked,
    strength_comparison,
    guidance_comparison,
    negative_prompt,
    weighted_prompt,
    padding_mask_crop,
    inpaint_img2img,
    paint_into_photo,
    sdxl_inpaint,
    kandinsky_text2img,
    kandinsky_img2img,
    kandinsky_inpaint,
    text_to_kandinsky_img2img,
    text_to_kandinsky_inpaint,
    img2img_comparison,
    inpaint_refine_img2img,
    sdxl_base_refiner,
    upscale,
    models_side_by_side,
    controlnet_inpaint,
    controlnet_inpaint_style,
    controlnet_depth_img2img,
)
