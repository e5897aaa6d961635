"""Kandinsky 2.2 gives the bytes of the plain diffusers scripts, and its traps are refused or have no effect."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import graphflow as gf
from tests import plain
from tests.tiny import kandinsky

STEPS = {"num_inference_steps": 4, "prior_num_inference_steps": 3}
CALL = {"prompt": "a red circle", "seed": 5, **STEPS}
TYPES = {"image": "image", "mask_image": "mask", "mask": "mask"}


def ran(type_, folder, *, pictures=None, **params):
    graph = gf.Graph()
    ports = {name: graph.input(name, TYPES[name]) for name in pictures or {}}
    stage = graph.add(type_, checkpoint=str(folder), **CALL | params, **ports)
    graph.output(image=stage.image, latents=stage.latents)
    return gf.run(graph, inputs=pictures)


def same(found, script, **call):
    """Whether a stage's picture and latents are those of a script, and another seed's are not."""
    picture, latents = (script(**call, output_type=kind) for kind in ("pil", "latent"))
    other = script(**call | {"seed": 6})
    assert not np.array_equal(found["image"].array, other)
    return np.array_equal(found["image"].array, picture) and torch.equal(found["latents"].tensor, latents)


def faults(*nodes, inputs=None):
    """Code and text of each problem of a graph with these nodes; a node is its type, its checkpoint and the rest."""
    graph = gf.Graph()
    given = {name: graph.input(name, TYPES[name]) for name in inputs or {}}
    for number, (type_, folder, params) in enumerate(nodes):
        made = {key: given.get(value, value) if isinstance(value, str) else value for key, value in params.items()}
        graph.add(type_, id=f"n{number}", checkpoint=str(folder), **made)
    return [(one.code, str(one)) for one in graph.check(inputs or {}).problems]


@pytest.fixture
def connected(tiny, tmp_path):
    """A decoder whose model card names its prior."""
    folder = tmp_path / "decoder"
    shutil.copytree(tiny("kandinsky"), folder)
    (folder / "README.md").write_text(
        f"---\nlicense: apache-2.0\nprior:\n- {tiny('kandinsky_prior')}\n---\n# Decoder\n"
    )
    return folder


# Equal to the plain scripts.


PARAMS = [
    {},
    {"negative_prompt": "blue"},
    {"negative_prompt": ""},
    {"guidance_scale": 1.0},
    {"guidance_scale": 1.0, "negative_prompt": "blue"},
    {"prior_guidance_scale": 1.0},
    {"prior_guidance_scale": 2.0, "guidance_scale": 6.5, "negative_prompt": "blue"},
    {"width": 128, "height": 64},
]


@pytest.mark.parametrize("params", PARAMS, ids=str)
def test_text2img_equals_the_combined_pipeline(tiny, params):
    found = ran("text2img", tiny("kandinsky_combined"), **params)
    assert same(found, plain.kandinsky_text2img, folder=tiny("kandinsky_combined"), **CALL | params)


@pytest.mark.parametrize("params", [{}, {"strength": 0.8, "negative_prompt": "blue"}], ids=str)
def test_img2img_equals_the_combined_pipeline(tiny, picture, params):
    params = {"strength": 0.5, **params}
    found = ran("img2img", tiny("kandinsky_combined"), pictures={"image": picture}, **params)
    assert same(found, plain.kandinsky_img2img, folder=tiny("kandinsky_combined"), image=picture, **CALL | params)


@pytest.mark.parametrize("params", [{}, {"guidance_scale": 1.0, "negative_prompt": "blue"}], ids=str)
def test_inpaint_equals_the_combined_pipeline(tiny, picture, mask, params):
    folder = tiny("kandinsky_inpaint_combined")
    found = ran("inpaint", folder, pictures={"image": picture, "mask": mask}, **params)
    assert same(found, plain.kandinsky_inpaint, folder=folder, image=picture, mask=mask, **CALL | params)


def by_hand(tiny, stage, **params):
    """A graph of image_prior and a stage, with seeds of their own."""
    graph = gf.Graph()
    ports = {name: graph.input(name, TYPES[name]) for name in ("image", "mask") if params.pop(name, None)}
    prior = graph.add(
        "image_prior", checkpoint=str(tiny("kandinsky_prior")), prompt="a red circle", negative_prompt="blue", seed=3,
        num_inference_steps=3,
    )  # fmt: skip
    name = "kandinsky_inpaint" if stage == "inpaint" else "kandinsky"
    made = graph.add(
        stage, checkpoint=str(tiny(name)), prompt=prior, seed=5, num_inference_steps=4, **params, **ports
    )  # fmt: skip
    graph.output(image=made.image, latents=made.latents)
    return graph, tiny(name)


@pytest.mark.parametrize("stage", ["text2img", "img2img", "inpaint"])
def test_a_prior_and_a_decoder_equal_the_two_scripts(tiny, picture, mask, stage):
    more = {"img2img": {"strength": 0.7}}.get(stage, {})
    pictures = {"text2img": {}, "img2img": {"image": picture}, "inpaint": {"image": picture, "mask": mask}}[stage]
    graph, folder = by_hand(tiny, stage, **more, **dict.fromkeys(pictures, True))
    embeds = plain.kandinsky_prior(tiny("kandinsky_prior"), "a red circle", "blue", seed=3, num_inference_steps=3)
    given = {"mask_image" if name == "mask" else name: value for name, value in pictures.items()}
    found = gf.run(graph, inputs=pictures)
    call = {"folder": folder, "embeds": embeds, "seed": 5, "num_inference_steps": 4, **given, **more}
    assert same(found, plain.kandinsky_decoder, **call)


def test_a_prior_of_its_own_is_not_the_prior_of_a_stage(tiny):
    """Its generator is another one, which the decoder doesn't go on with."""
    folder = tiny("kandinsky_combined")
    graph = gf.Graph()
    prior = graph.add("image_prior", checkpoint=str(folder), prompt="a red circle", seed=5, num_inference_steps=3)
    alone = graph.add("text2img", checkpoint=str(folder), prompt=prior, seed=5, num_inference_steps=4)
    graph.output(image=alone.image)
    assert not np.array_equal(gf.run(graph)["image"].array, ran("text2img", folder)["image"].array)


def test_a_mean_of_pictures_and_a_text_equals_interpolate(tiny, picture):
    graph = gf.Graph()
    photo = graph.input("image", "image")
    mean = graph.add(
        "image_prior", checkpoint=str(tiny("kandinsky_prior")), prompt="a cat", images=[photo], weights=[0.3, 0.7],
        negative_prompt="blue", seed=5, num_inference_steps=3,
    )  # fmt: skip
    equal = graph.add(
        "image_prior", checkpoint=str(tiny("kandinsky_prior")), images=[photo, photo], seed=5, num_inference_steps=3
    )  # fmt: skip
    graph.output(mean=mean, equal=equal)
    found = gf.run(graph, inputs={"image": picture})
    call = {"seed": 5, "num_inference_steps": 3}
    weighted = plain.kandinsky_mean(
        tiny("kandinsky_prior"), ["a cat", picture], [0.3, 0.7], negative_prompt="blue", **call
    )
    halves = plain.kandinsky_mean(tiny("kandinsky_prior"), [picture, picture], [0.5, 0.5], **call)
    for name, expected in (("mean", weighted), ("equal", halves)):
        assert torch.equal(found[name].positive, expected[0])
        assert torch.equal(found[name].negative, expected[1])


def test_an_image_embedding_is_written_as_safetensors(tiny, tmp_path):
    graph = gf.Graph()
    made = graph.add("image_prior", checkpoint=str(tiny("kandinsky_prior")), prompt="a cat", num_inference_steps=2)
    graph.output(shown=made)
    with gf.Engine() as engine:
        found = engine.run(graph, record=tmp_path / "run")["shown"]
    written = load_file(tmp_path / "run" / "shown.safetensors")
    assert torch.equal(written["image_embeds"], found.positive)
    assert torch.equal(written["negative_image_embeds"], found.negative)


# Where the prior is found.


def test_a_prior_is_named_by_a_detail(tiny):
    graph = gf.Graph()
    decoder = graph.checkpoint("decoder", str(tiny("kandinsky")), prior=str(tiny("kandinsky_prior")))
    graph.output(image=graph.add("text2img", checkpoint=decoder, **CALL).image)
    expected = plain.kandinsky_text2img(tiny("kandinsky_combined"), **CALL)
    assert np.array_equal(gf.run(graph)["image"].array, expected)


def test_a_combined_checkpoint_lends_its_prior_to_another(tiny):
    graph = gf.Graph()
    decoder = graph.checkpoint("decoder", str(tiny("kandinsky")), prior=str(tiny("kandinsky_combined")))
    graph.output(image=graph.add("text2img", checkpoint=decoder, **CALL).image)
    assert np.array_equal(gf.run(graph)["image"].array, plain.kandinsky_text2img(tiny("kandinsky_combined"), **CALL))


def test_a_prior_is_found_by_the_model_card(tiny, connected):
    expected = plain.kandinsky_text2img(tiny("kandinsky_combined"), **CALL)
    assert np.array_equal(ran("text2img", connected)["image"].array, expected)
    assert np.array_equal(plain.kandinsky_text2img(connected, **CALL), expected)


@pytest.mark.parametrize("card", [
    "no front matter", "---\nprior:\n- ./not-there\n---\n", "---\nprior: [\n---\n", "---\nprior: 5\n---\n",
    "---\nprior:\n- kandinsky-community/prior\n",
])  # fmt: skip
def test_a_card_that_names_no_prior_is_read_as_none(connected, card):
    (connected / "README.md").write_text(card)
    ((_, text),) = faults(("text2img", connected, CALL))
    assert "has no prior that reads the prompt" in text
    assert "write prior: ./other" in text


def test_a_prior_that_is_not_here_is_a_warning_and_ends_a_run(connected, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (connected / "README.md").write_text("---\nprior:\n- owner/prior\n---\n")
    for type_ in ("text2img", "image_prior"):
        ((code, text),) = faults((type_, connected, {"prompt": "x"}))
        assert code == "checkpoint-absent"
        assert "get it with: graphflow checkpoints pull owner/prior" in text
    with pytest.raises(gf.RunFailed, match="graphflow checkpoints pull owner/prior"):
        ran("text2img", connected)


def test_a_decoder_without_a_prior_reads_embeddings(tiny):
    graph, _ = by_hand(tiny, "text2img")
    assert graph.check().problems == ()


# Plan.


def test_two_stages_share_a_prior_and_its_encoders(tiny, counted):
    counts, loader = counted
    graph = gf.Graph()
    for number, (seed, steps) in enumerate([(5, 4), (5, 5), (6, 4)]):
        call = CALL | {"seed": seed, "num_inference_steps": steps}
        stage = graph.add("text2img", checkpoint=str(tiny("kandinsky_combined")), **call)
        graph.output(**{f"image{number}": stage.image})
    with gf.Engine(loader=loader) as engine:
        result = engine.run(graph)
    roles = ("prior_prior", "prior_text_encoder", "prior_tokenizer", "prior_image_encoder", "unet", "movq")
    assert counts == dict.fromkeys(roles, 1)
    assert len([path for path in result.executed if path.endswith("/prior")]) == 2


def test_a_negative_prompt_needs_no_image_encoder(tiny):
    graph = gf.Graph()
    graph.add("text2img", id="one", checkpoint=str(tiny("kandinsky_combined")), negative_prompt="blue", **CALL)
    graph.add("text2img", id="two", checkpoint=str(tiny("kandinsky_combined")), **CALL)
    uses = [set(step.uses) for step in graph.plan().steps if step.path.endswith("/prior")]
    assert uses == [{"prior", "text_encoder", "tokenizer"}, {"prior", "text_encoder", "tokenizer", "image_encoder"}]


# Traps.


@pytest.mark.parametrize("stage", ["img2img", "inpaint"])
def test_a_wide_picture_keeps_its_form(tiny, stage):
    """KandinskyV22Img2ImgPipeline takes height for width."""
    wide = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 128, 3), np.uint8))
    mask = Image.new("L", wide.size)
    mask.paste(255, (32, 16, 64, 48))
    inpaints = stage == "inpaint"
    folder = tiny("kandinsky_inpaint_combined" if inpaints else "kandinsky_combined")
    pictures = {"image": wide, **({"mask": mask} if inpaints else {})}
    found = ran(stage, folder, pictures=pictures, **({} if inpaints else {"strength": 0.5}))
    assert found["latents"].tensor.shape == (1, 4, 8, 16)
    script = plain.kandinsky_inpaint if inpaints else plain.kandinsky_img2img
    more = {"mask": mask} if inpaints else {"strength": 0.5}
    assert np.array_equal(found["image"].array, script(folder, image=wide, **more, **CALL))


def test_what_is_white_in_a_mask_is_repainted(tiny, picture, mask):
    """Kandinsky's classes repainted what is black before diffusers 0.19."""
    folder = tiny("kandinsky_inpaint_combined")
    found = ran("inpaint", folder, pictures={"image": picture, "mask": mask})["latents"].tensor
    graph = gf.Graph()
    graph.output(latents=graph.add("vae_encode", checkpoint=str(folder), image=graph.input("image", "image")))
    whole = gf.run(graph, inputs={"image": picture})["latents"].tensor
    # A cell at the edge of what is kept is repainted too.
    kept = torch.ones(8, 8, dtype=bool)
    kept[0:6, 1:7] = False
    assert torch.equal(found[..., kept], whole[..., kept])
    assert not torch.isclose(found[..., 2:4, 3:5], whole[..., 2:4, 3:5]).any()


def test_latents_are_those_of_movq_and_not_scaled(tiny):
    found = ran("text2img", tiny("kandinsky_combined"))["latents"]
    space = found.space
    assert (space.vae, space.channels, space.scaling_factor, space.factor) == ("VQModel", 4, 1.0, 8)


def test_vae_decode_is_the_decoding_of_a_stage_and_encodes_without_a_draw(tiny, picture):
    graph = gf.Graph()
    folder = str(tiny("kandinsky_combined"))
    stage = graph.add("text2img", checkpoint=folder, **CALL)
    decoded = graph.add("vae_decode", checkpoint=folder, latents=stage.latents)
    photo = graph.input("image", "image")
    latents = [graph.add("vae_encode", checkpoint=folder, image=photo, seed=seed) for seed in (1, 2)]
    graph.output(stage=stage.image, decoded=decoded, one=latents[0], two=latents[1])
    found = gf.run(graph, inputs={"image": picture})
    assert np.array_equal(found["stage"].array, found["decoded"].array)
    assert torch.equal(found["one"].tensor, found["two"].tensor)


@pytest.mark.parametrize("stage", ["img2img", "inpaint"])
@pytest.mark.parametrize("sender", ["kandinsky_combined", "sd"])
def test_latents_are_refused_where_the_class_encodes_what_it_is_given(tiny, stage, sender):
    graph = gf.Graph()
    hole = graph.add("mask_shape", shape="ellipse", width=64, height=64, box=[0, 0, 1, 1])
    more = {"mask": hole} if stage == "inpaint" else {}
    first = graph.add("text2img", id="first", checkpoint=str(tiny(sender)), prompt="x", num_inference_steps=4)
    folder = tiny("kandinsky_inpaint_combined" if stage == "inpaint" else "kandinsky_combined")
    graph.add(stage, id="second", checkpoint=str(folder), image=first.latents, prompt="x", **more)
    (problem,) = [one for one in graph.check().problems if one.level is gf.Level.PROBLEM]
    assert problem.code == "latents-to-picture"
    assert problem.fix == "use the sender's .image"


def test_latents_of_kandinsky_are_refused_by_stable_diffusion(tiny):
    graph = gf.Graph()
    first = graph.add("text2img", checkpoint=str(tiny("kandinsky_combined")), **CALL)
    graph.add("img2img", checkpoint=str(tiny("sd")), image=first.latents, prompt="x")
    (problem,) = graph.check().problems
    assert problem.code == "latent-space"
    assert "VQModel" in problem.why


# Refusals.


REFUSED = [
    ("text2img", {"width": 72}, "the width 72 is not a multiple of 64", "use 64 or 128"),
    ("text2img", {"scheduler": "euler"}, "EulerDiscreteScheduler cannot be used here", "remove scheduler"),
    ("text2img", {"scheduler": "eulr"}, "eulr", ""),
    ("text2img", {"prior_num_inference_steps": 1}, "the prior cannot run 1 step", "prior_num_inference_steps: 2"),
    ("text2img", {"clip_skip": 1}, "clip_skip cannot be used with", "remove clip_skip"),
    ("text2img", {"eta": 0.5}, "eta cannot be used with", "remove eta"),
    (
        "text2img",
        {"original_size": [64, 64]},
        "original_size cannot be used with Kandinsky 2.2",
        "remove original_size",
    ),
    (
        "text2img",
        {"guidance_rescale": 0.5},
        "guidance_rescale cannot be used with Kandinsky 2.2",
        "remove guidance_rescale",
    ),
    ("img2img", {"strength": 0.1}, "no step would run", "raise strength to 0.25"),
    ("inpaint", {}, "cannot run inpaint", "name a decoder for inpainting"),
]


@pytest.mark.parametrize(("stage", "params", "message", "fix"), REFUSED, ids=str)
def test_what_the_classes_do_not_take_is_refused(tiny, picture, mask, stage, params, message, fix):
    ports = {"text2img": {}, "img2img": {"image": "image"}, "inpaint": {"image": "image", "mask": "mask"}}[stage]
    inputs = {name: {"image": picture, "mask": mask}[name] for name in ports}
    if params.get("scheduler") == "eulr":
        with pytest.raises(gf.InvalidGraph, match="euler"):
            faults((stage, tiny("kandinsky_combined"), CALL | params))
        return
    ((_, text),) = faults((stage, tiny("kandinsky_combined"), CALL | params | ports), inputs=inputs)
    assert message in text
    assert fix in text


@pytest.mark.parametrize("param", [{"strength": 0.5}, {"padding_mask_crop": 8}], ids=str)
def test_inpainting_has_no_strength_and_no_crop(tiny, picture, mask, param):
    folder, inputs = tiny("kandinsky_inpaint_combined"), {"image": picture, "mask": mask}
    found = faults(("inpaint", folder, CALL | param | {"image": "image", "mask": "mask"}), inputs=inputs)
    assert f"{next(iter(param))} cannot be used with Kandinsky 2.2" in found[0][1]


def test_a_decoder_for_inpainting_paints_nothing_else(tiny):
    ((_, text),) = faults(("text2img", tiny("kandinsky_inpaint_combined"), CALL))
    assert "its unet has 9 channels, but KandinskyV22Pipeline gives it 4" in text
    assert "use inpaint" in text


@pytest.mark.parametrize("name", ["negative_prompt", "prior_guidance_scale"])
def test_what_a_prior_reads_cannot_be_used_with_an_embedding(tiny, name):
    graph, _ = by_hand(tiny, "text2img", **{name: "blue" if name == "negative_prompt" else 2.0})
    (problem,) = graph.check().problems
    assert f"{name} cannot be used with an image embedding" in problem.message


def test_an_image_embedding_is_no_prompt_of_stable_diffusion(tiny):
    graph = gf.Graph()
    prior = graph.add("image_prior", id="prior", checkpoint=str(tiny("kandinsky_prior")), prompt="x")
    graph.add("text2img", checkpoint=str(tiny("sd")), prompt=prior)
    (problem,) = graph.check().problems
    assert (problem.code, problem.fix) == ("type-mismatch", "give prompt as text")


def test_params_of_a_prior_cannot_be_used_with_stable_diffusion(tiny):
    ((_, text),) = faults(("text2img", tiny("sd"), {"prompt": "x", "prior_guidance_scale": 2.0}))
    assert "prior_guidance_scale cannot be used with Stable Diffusion" in text


def test_a_prior_paints_nothing_and_decodes_nothing(tiny):
    ((_, text),) = faults(("text2img", tiny("kandinsky_prior"), {"prompt": "x"}))
    assert "it is Kandinsky 2.2 prior, which has the stage image_prior" in text
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(tiny("sd")), prompt="x")
    graph.add("vae_decode", checkpoint=str(tiny("kandinsky_prior")), latents=stage.latents)
    assert "cannot run vae_decode" in graph.check().problems[0].message


@pytest.mark.parametrize(("detail", "message", "why"), [
    ("sd", "cannot have", "it is StableDiffusionPipeline, but the prior of one is KandinskyV22PriorPipeline"),
    ("kandinsky", "cannot have", "it is KandinskyV22Pipeline, but the prior of one is"),
])  # fmt: skip
def test_a_prior_that_is_none_is_refused(tiny, detail, message, why):
    with pytest.raises(gf.InvalidGraph) as refused:
        gf.Graph().checkpoint("one", str(tiny("kandinsky")), prior=str(tiny(detail)))
    assert message in str(refused.value)
    assert why in str(refused.value)


def test_a_prior_of_another_family_is_refused(tiny):
    with pytest.raises(gf.InvalidGraph, match=r"only checkpoints of Kandinsky 2\.2 have a prior"):
        gf.Graph().checkpoint("one", str(tiny("sd")), prior=str(tiny("kandinsky_prior")))


def changed(folder: Path, file: str, **settings) -> Path:
    config = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(config | settings))
    return folder


@pytest.mark.parametrize(("file", "settings", "told"), [
    ("unet/config.json", {"addition_embed_type": "image_hint"}, "reads something other than, or beside, image"),
    ("prior_tokenizer/tokenizer_config.json", {"model_max_length": 60}, "the tokenizer gives 60 tokens"),
    ("prior_scheduler/scheduler_config.json", {"variance_type": "learned"}, "variance_type"),
    ("scheduler/scheduler_config.json", {"variance_type": "odd"}, "variance_type"),
])  # fmt: skip
def test_parts_that_do_not_fit_are_refused(tiny, tmp_path, file, settings, told):
    folder = tmp_path / "changed"
    shutil.copytree(tiny("kandinsky_combined"), folder)
    found = []
    try:
        found = faults(("text2img", changed(folder, file, **settings), CALL))
    except gf.InvalidGraph as error:
        found = [("", str(error))]
    assert told in found[0][1]


@pytest.mark.parametrize(("settings", "told"), [
    ({"out_channels": 4}, "the movq needs 4 and a variance of each"),
    ({"width": 12}, "reads embeddings of 12 numbers, but these have 16"),
])  # fmt: skip
def test_a_unet_of_other_widths_is_refused(tiny, tmp_path, settings, told):
    folder = tmp_path / "changed"
    shutil.copytree(tiny("kandinsky_combined"), folder)
    kandinsky.unet(61, **settings).save_pretrained(folder / "unet")
    ((code, text),) = faults(("text2img", folder, CALL))
    assert code == "wrong-part"
    assert told in text


def test_a_missing_tensor_is_refused_by_check(tiny, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(tiny("kandinsky_combined"), folder)
    for part in ("unet", "movq", "prior_prior", "prior_image_encoder"):
        (file,) = (folder / part).glob("*.safetensors")
        tensors = load_file(file)
        del tensors[max(tensors)]
        save_file(tensors, file, {"format": "pt"})
    with pytest.raises(gf.InvalidGraph) as refused:
        faults(("text2img", folder, CALL))
    assert [text for text in str(refused.value).splitlines() if "missing" in text][:1]
    assert len(refused.value.problems) == 4


@pytest.mark.parametrize("class_name", ["DDIMScheduler", "PNDMScheduler"])
def test_the_sampler_of_a_prior_is_unclip(tiny, tmp_path, class_name):
    folder = tmp_path / "changed"
    shutil.copytree(tiny("kandinsky_prior"), folder)
    changed(folder, "model_index.json", scheduler=["diffusers", class_name])
    ((code, text),) = faults(("image_prior", folder, {"prompt": "x"}))
    assert code == "wrong-part"
    assert "this stage can only use UnCLIPScheduler" in text


@pytest.mark.parametrize(("params", "told"), [
    ({}, "there is nothing to embed"),
    ({"prompt": "x", "weights": [0.5]}, "weights cannot be used without images"),
    ({"prompt": "x", "images": "image", "weights": [0.5]}, "1 weight for prompt and 1 picture"),
    ({"images": "image", "num_inference_steps": 1}, "fewer than its sampler can run"),
])  # fmt: skip
def test_what_makes_no_embedding_is_refused(tiny, picture, params, told):
    inputs = {"image": picture} if "images" in params else {}
    ((_, text),) = faults(("image_prior", tiny("kandinsky_prior"), params), inputs=inputs)
    assert told in text


def test_an_embedding_of_another_encoder_is_warned_of(tiny, tmp_path):
    folder = tmp_path / "other"
    shutil.copytree(tiny("kandinsky_prior"), folder)
    changed(folder, "image_encoder/config.json", layer_norm_eps=1e-3)
    graph = gf.Graph()
    prior = graph.add("image_prior", checkpoint=str(folder), prompt="x")
    graph.add("text2img", checkpoint=str(tiny("kandinsky_combined")), prompt=prior)
    (problem,) = graph.check().problems
    assert problem.level is gf.Level.WARNING
    assert "made for another image encoder" in problem.message
