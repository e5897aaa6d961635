"""What a script is given: checkpoints, values, pictures, the device; and where it writes its pictures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps


@dataclass(frozen=True)
class Given:
    """The values of one call of a script.

    Attributes:
        checkpoints: the folder of each checkpoint, by the name of the graph's input.
        values: what else the graph's inputs have: prompts, sizes, steps, strengths, the seed.
        out: the folder for pictures.
        device, dtype: where models run, and in which precision.
    """

    checkpoints: Mapping[str, str]
    values: Mapping[str, Any]
    out: Path
    device: str = "cpu"
    dtype: str = "float32"

    @property
    def load(self) -> dict[str, Any]:
        """What `from_pretrained` is given."""
        return {"dtype": getattr(torch, self.dtype)}

    @property
    def size(self) -> dict[str, int]:
        return {"height": self.values["height"], "width": self.values["width"]}

    def call(self, **more: Any) -> dict[str, Any]:
        """Steps, guidance, and a new generator of the seed; `more` adds to them or replaces them."""
        return {
            "num_inference_steps": self.values["steps"],
            "guidance_scale": self.values["guidance_scale"],
            "generator": torch.Generator("cpu").manual_seed(self.values["seed"]),
            **more,
        }

    def picture(self, name: str = "image") -> Image.Image:
        """The picture of an input at the models' size; a mask has one channel."""
        with Image.open(self.values[name]) as picture:
            shown = picture.convert("L" if name == "mask" else "RGB")
        return ImageOps.fit(shown, (self.values["width"], self.values["height"]), Image.Resampling.LANCZOS)

    def ready(self, pipe: Any) -> Any:
        """The pipeline on the device, without a progress bar."""
        pipe.set_progress_bar_config(disable=True)
        return pipe.to(self.device)

    def save(self, picture: Image.Image, name: str = "image") -> None:
        picture.save(self.out / f"{name}.png")


def main(*ways: Callable[[Given], None]) -> None:
    """The command line of a script: a way, and a JSON file with the values of `Given`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=[way.__name__ for way in ways])
    parser.add_argument("given", type=Path)
    arguments = parser.parse_args()
    told = json.loads(arguments.given.read_text(encoding="utf-8"))
    given = Given(**{**told, "out": Path(told["out"])})
    given.out.mkdir(parents=True, exist_ok=True)
    next(way for way in ways if way.__name__ == arguments.way)(given)
