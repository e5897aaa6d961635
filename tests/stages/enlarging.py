"""Enlarges a picture with tiny random models in a process that has spandrel, and prints how the results compare.

`python -m tests.stages.enlarging FOLDER`: files are written to the folder.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import spandrel
import torch
from PIL import Image
from safetensors.torch import save_file
from spandrel.architectures.ATD import ATD
from spandrel.architectures.Compact import Compact
from spandrel.architectures.DAT import DAT
from spandrel.architectures.DRCT import DRCT
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.GFPGAN import GFPGAN
from spandrel.architectures.HAT import HAT
from spandrel.architectures.MoSR import MoSR
from spandrel.architectures.OmniSR import OmniSR
from spandrel.architectures.PLKSR import RealPLKSR
from spandrel.architectures.RCAN import RCAN
from spandrel.architectures.RealCUGAN import UpCunet2x
from spandrel.architectures.RGT import RGT

import graphflow as gf
from graphflow.checkpoints.safetensors_header import Tensor, Tensors
from graphflow_nodes.single_files.upscaling_models import read_upscaling_model

MODELS = {
    "esrgan_x4": lambda: ESRGAN(in_nc=3, out_nc=3, num_filters=8, num_blocks=1, scale=4),
    "esrgan_x2": lambda: ESRGAN(in_nc=12, out_nc=3, num_filters=8, num_blocks=1, scale=4, shuffle_factor=2),
    "compact_x2": lambda: Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=2),
}


def save(name: str, folder: Path) -> Path:
    torch.manual_seed(3)
    model = MODELS[name]()
    path = folder / f"{name}.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, path)
    return path


def enlarged(checkpoint: str, picture: Image.Image, **params: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The result, and what was reported on the way."""
    graph = gf.Graph()
    given = graph.input("image", "image")
    graph.output(image=graph.add("upscale_model", checkpoint=checkpoint, image=given, **params))
    seen = []

    def note(event) -> None:
        if type(event).__name__ == "StepProgress":
            seen.append((event.done, event.total))

    with gf.Engine() as engine:
        return engine.run(graph, inputs={"image": picture}, on_event=note)["image"].array, seen


def plain(path: Path, picture: Image.Image) -> np.ndarray:
    """The picture as one would enlarge it with spandrel alone."""
    model = spandrel.ModelLoader().load_from_file(path).eval()
    pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        return (model(pixels)[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def kinds() -> dict[str, str | None]:
    """What graphflow takes spandrel's own models for, by their tensors."""
    found = {}
    for class_ in (HAT, ATD, DAT, RGT, DRCT, OmniSR, RealPLKSR, MoSR, RCAN, UpCunet2x, GFPGAN):
        shapes = {key: Tensor("F32", tuple(one.shape), 0, 0) for key, one in class_().state_dict().items()}
        alone = read_upscaling_model(class_.__name__, Path(class_.__name__), Tensors(shapes, 0))
        found[class_.__name__] = None if alone is None else alone.components[""].config["kind"]
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ["GRAPHFLOW_MODELS"] = str(folder)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (81, 150, 3), np.uint8))
    results = {}
    for name in MODELS:
        path = save(name, folder)
        expected = plain(path, picture)
        whole, _ = enlarged(path.name, picture)
        tiled, seen = enlarged(str(path), picture, tile=64)
        checked = gf.Graph()
        made = checked.add("upscale_model", checkpoint=str(path), image=checked.input("image", "image"))
        wrong = checked.add("overlay", image=made, mask=checked.input("mask", "mask"), generated=made)
        checked.output(image=wrong)
        problems = checked.check({"image": picture, "mask": Image.new("L", (9, 9))}).problems
        results[name] = {
            "size": whole.shape[1::-1],
            "contrast": float(expected.std()),
            "equal": bool(np.array_equal(whole, expected)),
            "differs in tiles by": int(np.abs(tiled.astype(int) - expected).max()),
            "progress": seen,
            "problems": [str(one) for one in problems],
        }
    print(json.dumps({"models": results, "kinds": kinds()}))


if __name__ == "__main__":
    main()
