"""The small files that list each checkpoint's parts."""

from __future__ import annotations

from graphflow.checkpoints import embedded
from graphflow_embedded.make import models, store

_SHARED = {"vae": "vae", "text_encoder": "text-encoder", "tokenizer": "tokenizer", "scheduler": "scheduler"}

ABOUT = {
    "sd": "Text to image: one or two lit shapes on a named background. Also does img2img and 4-channel inpainting.",
    "sd-inpaint": "Inpainting with 9 channels: paints the requested shape into the mask, or removes what is there.",
    "sd-pixel": "The text-to-image model in pixel art; say `pixel art of …`.",
    "sd-sketch": "The text-to-image model as pencil sketches; say `pencil sketch of …`.",
    "controlnet-canny": "A ControlNet for `embedded/sd`: draws along Canny edges.",
    "controlnet-depth": "A ControlNet for `embedded/sd`: draws to a depth map, white nearest.",
    "controlnet-inpaint": "A ControlNet for `embedded/sd`: fills pixels that are -1 in its control picture.",
    "depth": "A depth estimator: nearness of each pixel, large is near.",
}


def write(name: str, training: str) -> None:
    """Write `checkpoints/NAME.json`; `training` says in words how it was trained."""
    kind, parts = _kind_and_parts(name)
    document = {"class": kind, "components": parts, "about": ABOUT[name], "training": training}
    store.write_json(embedded.folder() / "checkpoints" / f"{name}.json", document)
    if "scheduler" in parts:
        models.noise_schedule().save_pretrained(store.components() / "scheduler")


def _kind_and_parts(name: str) -> tuple[str, dict[str, str]]:
    if name.startswith("controlnet"):
        return "ControlNetModel", {"controlnet": name}
    if name == "depth":
        return "DPTForDepthEstimation", {"depth_estimator": name}
    kind = "StableDiffusionInpaintPipeline" if name == "sd-inpaint" else "StableDiffusionPipeline"
    return kind, {**_SHARED, "unet": f"unet-{name}"}
