"""What training rests on: answers that captions are asked for, and a denoiser without the mask's channels."""

import numpy as np
import pytest
import torch

from graphflow_embedded.make import denoise, labelled, latents, models, pipes, scene, speech, vae, words
from graphflow_embedded.make.captions import with_strays
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
    texts = {with_strays("a red heart", rng) for _ in range(50)}
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


def test_a_sheet_is_cut_into_the_pictures_that_it_was_made_of() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 128, 128, 3), np.uint8)
    assert np.array_equal(labelled.cut(np.asarray(pipes.sheet(pictures, 3))), pictures)


def test_recoloured_crops_change_their_colours_and_stay_in_range() -> None:
    crops = torch.rand(8, 3, 16, 16) * 2 - 1
    found = vae._recoloured(crops.clone(), torch.Generator().manual_seed(0))
    assert torch.equal(found[2:], crops[2:])
    assert not torch.isclose(found[:2], crops[:2]).all((1, 2, 3)).any()
    assert found.abs().max() <= 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_from_what_is_trained_a_sampler_concludes_the_styled_picture(share: float) -> None:
    random = torch.Generator().manual_seed(0)
    clean, plain = torch.randn(3, 4, 16, 16, generator=random), torch.randn(3, 4, 16, 16, generator=random)
    rows = latents.Encoded(clean, torch.zeros(3, 4, 40, dtype=torch.int16), torch.zeros(0), torch.zeros(0))
    shapes, empty = np.zeros((3, 128, 128), np.uint8), torch.zeros(40, dtype=torch.long)
    restyled = denoise.Restyled(plain, share)
    noiser = denoise.Noiser(rows, shapes, empty, torch.device("cpu"), 64, quiet=1, restyled=restyled)
    lot = noiser.draw(random)
    keep = models.noise_schedule().alphas_cumprod[lot.steps].view(-1, 1, 1, 1)
    concluded = keep.sqrt() * lot.noisy - (1 - keep).sqrt() * lot.wanted
    assert torch.allclose(concluded, clean[lot.chosen], atol=1e-4)
    # What is shown tends towards the plain picture exactly where a share of rows is to come from it.
    lean = ((lot.noisy / keep.sqrt() - clean[lot.chosen]) * (plain - clean)[lot.chosen]).mean((1, 2, 3))
    early = lot.steps > 200
    assert (lean[early].mean() > 0.2) == bool(share)
