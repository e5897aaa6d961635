"""All measurements by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from graphflow_embedded.make import measure_draw, measure_fill, measure_more
from graphflow_embedded.make.figures import Figure

MEASUREMENTS: dict[str, Callable[..., list[Figure]]] = {
    "judge": measure_draw.judged,
    "vae": measure_draw.autoencoder,
    "text2img": measure_draw.text2img,
    "params": measure_draw.params,
    "speed": measure_draw.speed,
    "inpaint": measure_fill.inpaint,
    "photographs": measure_fill.photos,
    "controlnet-inpaint": measure_fill.controlnet_inpaint,
    "controlnet-canny": partial(measure_more.controlnet, "canny"),
    "controlnet-depth": partial(measure_more.controlnet, "depth"),
    "styles": measure_more.styles,
    "depth": measure_more.depth,
}
