"""The flows that are measured: their graph, their scripts, their checkpoints, the values of their inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

GRAPHS = Path(__file__).parent / "graphs"
Group = Literal["small", "real", "gpu"]


@dataclass(frozen=True)
class Case:
    """One flow.

    Attributes:
        name: what it is called on the command line.
        group: `small` on tiny or embedded checkpoints, `real` at real size on a CPU, `gpu` at real size on a GPU.
        graph: the name of a library graph, or a file.
        script: the module of `scripts` with its guide's and its best script.
        checkpoints: by input, the name of a tiny checkpoint or one of `checkpoints.py`.
        values: of all other inputs but pictures.
        pictures: the inputs that are a picture or a mask; they are made in the size of `width` and `height`.
        ways: how it is run: `guide`, `best`, `graphflow`; some also `kept`, the guide's script with a variable for each
            pipeline, and `auto`, graphflow with `--dtype auto`.
        dtype: the precision of the scripts.
    """

    name: str
    group: Group
    graph: str
    script: str
    checkpoints: Mapping[str, str]
    values: Mapping[str, Any]
    pictures: tuple[str, ...] = ()
    ways: tuple[str, ...] = ("guide", "best", "graphflow")
    dtype: str = "float32"
    flow: str = ""
    guide_hands_over: str = field(default="latents")

    @property
    def device(self) -> str:
        return "cuda" if self.group == "gpu" else "cpu"


_PROMPTS = ["a red circle", "a green star, sea", "a ring"]
_TINY = {"width": 64, "height": 64, "steps": 4, "guidance_scale": 4.0, "seed": 5}
_CHAIN = {"graph": str(GRAPHS / "chain.yaml"), "pictures": ("mask",), "guide_hands_over": "pictures"}
_GPU = {"prompts": _PROMPTS, "steps": 30, "guidance_scale": 5.0, "seed": 5, "strength": 0.8}

CASES = (
    Case(
        "inpaint_refine_img2img",
        "small",
        "inpaint_refine_img2img",
        "inpaint_refine_img2img",
        {"checkpoint": "sd_inpaint", "refiner": "sdxl_refiner"},
        {
            **_TINY,
            "prompt": _PROMPTS[0],
            "large_width": 80,
            "large_height": 80,
            "strength": 0.6,
            "polish_strength": 0.6,
        },
        ("image", "mask"),
        flow="16",
    ),
    Case(
        "three_styles",
        "small",
        "three_styles",
        "three_styles",
        {"first": "embedded-sd", "second": "embedded-sd-pixel", "third": "embedded-sd-sketch"},
        {**_TINY, "width": 128, "height": 128, "steps": 20, "prompts": _PROMPTS, "strength": 0.5},
        ("image",),
        flow="23",
    ),
    Case(
        "upscale",
        "small",
        "upscale",
        "upscale",
        {"checkpoint": "sd", "upscaler": "latent_upscaler", "super_resolution": "super_resolution"},
        {**_TINY, "prompt": _PROMPTS[0], "strength": 0.6, "upscale_steps": 3},
        ("image",),
        flow="24",
    ),
    Case(
        "sdxl_base_refiner",
        "small",
        "sdxl_base_refiner",
        "sdxl_base_refiner",
        {"base": "sdxl", "refiner": "sdxl_refiner"},
        {**_TINY, "prompt": _PROMPTS[0], "negative_prompt": "blue", "split": 0.5, "scheduler": "euler"},
        flow="26",
    ),
    Case(
        "real_chain",
        "real",
        script="chain",
        checkpoints={"checkpoint": "sd15"},
        values={
            "prompts": ["a cat", "a dog", "a house"],
            "width": 256,
            "height": 256,
            "strength": 1.0,
            "steps": 2,
            "guidance_scale": 7.5,
            "seed": 0,
        },
        ways=("guide", "kept", "best", "graphflow", "auto"),
        **_CHAIN,
    ),
    Case(
        "real_three_styles",
        "real",
        "three_styles",
        "three_styles",
        {"first": "sd15", "second": "sd15_second", "third": "sd15_third"},
        {**_TINY, "width": 256, "height": 256, "prompts": ["a cat", "a dog", "a house"], "strength": 0.5},
        ("image",),
        ways=("guide", "kept", "best", "graphflow"),
    ),
    Case(
        "gpu_sd",
        "gpu",
        script="chain",
        checkpoints={"checkpoint": "sd15"},
        values={**_GPU, "width": 512, "height": 512},
        dtype="float16",
        **_CHAIN,
    ),
    Case(
        "gpu_sdxl",
        "gpu",
        script="chain_xl",
        checkpoints={"checkpoint": "sdxl_real"},
        values={**_GPU, "width": 1024, "height": 1024},
        dtype="float16",
        **_CHAIN,
    ),
)


def chosen(names: list[str], groups: set[Group]) -> list[Case]:
    """The cases that a call names, by name or number of the flow, or all of the groups.

    Raises:
        ValueError: there is no such case.
    """
    if not names:
        return [case for case in CASES if case.group in groups]
    found = []
    for name in names:
        fits = [case for case in CASES if name in (case.name, case.flow)]
        if not fits:
            raise ValueError(f"no case {name}; there are {', '.join(case.name for case in CASES)}")
        found += fits
    return found
