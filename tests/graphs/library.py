"""The graphs of the library, and the tiny checkpoints with which each of them runs."""

from __future__ import annotations

from pathlib import Path

from graphflow import library

GRAPHS: dict[str, Path] = library.graphs()

CHECKPOINTS: dict[str, dict[str, str | list[str]]] = {
    "text2img": {"checkpoint": "sd"},
    "img2img": {"checkpoint": "sd"},
    "text_to_img2img": {"checkpoint": "sd", "polish_checkpoint": "sd_sibling"},
    "text_to_inpaint": {"checkpoint": "sd", "fill_checkpoint": "sd_sibling"},
    "three_styles": {"first": "sd", "second": "sd_sibling", "third": "sd_old"},
    "animation": {"checkpoint": "sd"},
    "inpaint": {"checkpoint": "sd_inpaint"},
    "regular_inpaint": {"regular": "sd", "inpainting": "sd_inpaint"},
    "erase": {"checkpoints": ["sd", "sd_inpaint"]},
    "keep_unmasked": {"checkpoint": "sd_inpaint"},
    "strength_comparison": {"checkpoint": "sd_inpaint"},
    "guidance_comparison": {"checkpoint": "sd_inpaint"},
    "negative_prompt": {"checkpoint": "sd_inpaint"},
    "padding_mask_crop": {"checkpoint": "sd"},
    "weighted_prompt": {"checkpoint": "sd"},
    "inpaint_img2img": {"checkpoint": "sd_inpaint", "polish_checkpoint": "sd"},
    "paint_into_photo": {"checkpoint": "sd_inpaint"},
    "sdxl_inpaint": {"checkpoint": "sdxl_inpaint"},
    "inpaint_refine_img2img": {"checkpoint": "sd_inpaint", "refiner": "sdxl_refiner"},
    "sdxl_base_refiner": {"base": "sdxl", "refiner": "sdxl_refiner"},
    "kandinsky_text2img": {"prior": "kandinsky_prior", "decoder": "kandinsky"},
    "kandinsky_img2img": {"checkpoint": "kandinsky_combined"},
    "kandinsky_inpaint": {"checkpoint": "kandinsky_inpaint_combined"},
    "text_to_kandinsky_img2img": {"checkpoint": "sd", "polish_checkpoint": "kandinsky_combined"},
    "text_to_kandinsky_inpaint": {"checkpoint": "sd", "fill_checkpoint": "kandinsky_inpaint_combined"},
    "img2img_comparison": {"sd": "sd", "refiner": "sdxl_refiner", "kandinsky": "kandinsky_combined"},
    "models_side_by_side": {"sd": "sd_inpaint", "sdxl": "sdxl_inpaint", "kandinsky": "kandinsky_inpaint_combined"},
    "upscale": {"checkpoint": "sd", "upscaler": "latent_upscaler", "super_resolution": "super_resolution"},
    "controlnet_inpaint": {"checkpoint": "sd_inpaint", "controlnet": "controlnet_inpaint"},
    "controlnet_inpaint_style": {
        "checkpoint": "sd_inpaint",
        "controlnet": "controlnet_inpaint",
        "style_checkpoint": "sd",
    },
    "controlnet_depth_img2img": {
        "checkpoint": "sd",
        "controlnet": "controlnet_depth",
        "estimator": "depth",
        "style_checkpoint": "sd_sibling",
    },
}
"""Graph → input → the tiny checkpoint that stands for the default one."""

HUB: dict[str, str] = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": "sd",
    "stable-diffusion-v1-5/stable-diffusion-inpainting": "sd_inpaint",
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": "sdxl_inpaint",
    "stabilityai/stable-diffusion-xl-base-1.0": "sdxl",
    "stabilityai/stable-diffusion-xl-refiner-1.0": "sdxl_refiner",
    "kandinsky-community/kandinsky-2-2-prior": "kandinsky_prior",
    "kandinsky-community/kandinsky-2-2-decoder": "kandinsky",
    "kandinsky-community/kandinsky-2-2-decoder-inpaint": "kandinsky_inpaint",
    "stabilityai/sd-x2-latent-upscaler": "latent_upscaler",
    "stabilityai/stable-diffusion-x4-upscaler": "super_resolution",
}
"""Name on the model hub, as the library has it → the tiny checkpoint of its family."""


FROM_HUB = [name for name in CHECKPOINTS if any(one in GRAPHS[name].read_text() for one in HUB)]
"""The graphs whose checkpoints are on the model hub."""


def checkpoints(name: str, tiny) -> dict[str, str | list[str]]:
    """The inputs of a graph that name checkpoints, with folders of tiny ones."""

    def folder(value):
        return [str(tiny(one)) for one in value] if isinstance(value, list) else str(tiny(value))

    return {key: folder(value) for key, value in CHECKPOINTS.get(name, {}).items()}
