"""Components are what they are: equal ones are loaded once, and nothing is decoded that nobody reads."""

from __future__ import annotations

import pytest

import graphflow as gf
from tests.shipped import read_checkpoint


def chain(folders, *, through: str):
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(folders[0]), prompt="x", num_inference_steps=2)
    for folder in folders[1:]:
        value = getattr(stage, through)
        stage = graph.add("img2img", checkpoint=str(folder), image=value, prompt="x", num_inference_steps=3)
    graph.output(image=stage.image)
    return graph


def test_three_checkpoints_with_one_vae_load_it_once_and_decode_once(tiny, counted):
    counts, loader = counted
    folders = [tiny(name) for name in ("sd", "sd_sibling", "sd_old")]
    with gf.Engine(loader=loader) as engine:
        engine.run(chain(folders, through="latents"))
    assert counts == {"tokenizer": 1, "text_encoder": 1, "unet": 2, "vae": 1, "decode": 1}


def test_through_pixels_every_picture_that_is_read_is_decoded(tiny, counted):
    counts, loader = counted
    folders = [tiny(name) for name in ("sd", "sd_sibling", "sd_old")]
    with gf.Engine(loader=loader) as engine:
        engine.run(chain(folders, through="image"))
    assert counts["decode"] == 3
    assert counts["vae"] == 1


def test_an_old_layout_holds_the_same_components(tiny):
    new, old = (read_checkpoint(name, tiny(name)) for name in ("sd", "sd_old"))
    for role in ("unet", "vae", "text_encoder", "tokenizer"):
        assert new.components[role].identity == old.components[role].identity, role


DIFFERENT = [
    ("sd_sibling", "unet"),
    ("sd_other_vae", "vae"),
    ("sd_scaled", "vae"),
    ("sd_v", "text_encoder"),
    ("sd_fp16", "unet"),
]


@pytest.mark.parametrize(("name", "role"), DIFFERENT)
def test_what_differs_has_another_identity(tiny, name, role):
    ours, theirs = (read_checkpoint(one, tiny(one)) for one in ("sd", name))
    assert ours.components[role].identity != theirs.components[role].identity


def test_a_second_run_of_one_engine_reuses_every_step(tiny):
    graph = chain([tiny("sd"), tiny("sd")], through="latents")
    with gf.Engine() as engine:
        first = engine.run(graph)
        again = engine.run(graph)
    assert again["image"] == first["image"]
    assert not again.executed


def test_two_engines_share_no_component(tiny):
    graph = chain([tiny("sd")], through="image")
    with gf.Engine() as one, gf.Engine() as other:
        one.run(graph)
        assert one.pool.identities
        assert not other.pool.identities
