"""The embedded checkpoint runs its library graph, and gives what the plain call gives."""

from __future__ import annotations

import numpy as np
import torch

import graphflow as gf
from graphflow_embedded.export import export
from tests import plain


def test_the_library_graph_equals_the_plain_call(tmp_path):
    painted = gf.run("text2img", inputs={"steps": 4})["image"]
    folder = export("sd", tmp_path / "sd")
    # The files are half precision; without a dtype the text encoder alone would stay so.
    call = {"seed": 7, "steps": 4, "guidance": 5.0, "height": 128, "width": 128, "dtype": torch.float32}
    assert np.array_equal(painted.array, plain.text2img(folder, "a yellow circle, night sky", "", **call))


def test_the_asked_colour_is_on_the_asked_background():
    """Of shapes and positions this version of the weights knows little; of colours and backgrounds it does."""
    pixels = gf.run("text2img")["image"].array.astype(int)
    yellow = (pixels[..., 0] > 150) & (pixels[..., 1] > 130) & (pixels[..., 2] < 110)
    assert 0.03 < yellow.mean() < 0.5
    assert pixels[~yellow].mean() < 80
