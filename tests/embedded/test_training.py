"""What training rests on: answers that captions are asked for, and a denoiser without the mask's channels."""

import numpy as np
import pytest
import torch

from graphflow_embedded.make import models, scene, speech, words
from graphflow_embedded.make.denoise import narrowed


def test_answers_name_both_shapes_in_the_captions_order() -> None:
    content = next(s for seed in range(100) if len((s := scene.draw_scene(np.random.default_rng(seed))).items) == 2)
    found = dict(zip((name for name, _ in speech.ANSWERS), speech.answers(content), strict=True))
    assert [words.SHAPES[found[f"shape {number}"]] for number in (1, 2)] == [item.shape for item in content.items]
    assert found["count"] == 2


def test_answers_about_shapes_that_are_not_there_are_left_out() -> None:
    content = scene.Scene((), "sea", None)
    found = dict(zip((name for name, _ in speech.ANSWERS), speech.answers(content), strict=True))
    assert {value for name, value in found.items() if name[-1] in "12"} == {-1}
    assert words.BACKGROUNDS[found["background"]] == "sea"


def test_strays_are_words_that_no_caption_uses() -> None:
    rng = np.random.default_rng(1)
    texts = {words.with_strays("a red heart", rng) for _ in range(50)}
    assert "a red heart" in texts
    assert all({"a", "red", "heart"} <= set(text.split()) for text in texts)
    assert len(texts) > 3


def test_narrowed_denoiser_answers_as_the_wide_one_where_all_is_painted() -> None:
    torch.manual_seed(1)
    wide, blank = models.unet(9).eval(), torch.tensor([0.3, -0.5, 0.2, 1.0]).view(4, 1, 1).expand(4, 16, 16)
    # A first layer that looks at single cells never sees beyond the rim, so the fold is exact.
    wide.conv_in.weight.data[:, :, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
    noisy, steps, told = torch.randn(1, 4, 16, 16), torch.tensor([500]), torch.randn(1, 40, models.WIDTH)
    with torch.no_grad():
        full = wide(torch.cat([noisy, torch.ones(1, 1, 16, 16), blank[None]], 1), steps, told).sample
        assert narrowed(wide, blank)(noisy, steps, told).sample.numpy() == pytest.approx(full.numpy(), abs=1e-4)
