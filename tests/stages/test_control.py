"""Stages with ControlNets give the bytes of the plain diffusers scripts; what does not fit is refused by `check`."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel
from PIL import Image
from transformers import pipeline

import graphflow as gf
from graphflow.execute.loader import load
from graphflow.values.control import Control
from tests import plain
from tests.tiny.loras import make_lora

CALL = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 4}
PLAIN = {"seed": 5, "steps": 4}
NETS = {"sd": "controlnet_canny", "sdxl": "controlnet_xl"}
XL = {"xl": True, "guidance": 5.0}
"""What SDXL's scripts get, and the guidance that its classes with ControlNets take by default."""
XL_FILL = {**XL, "scale": 1.0, "strength": 0.9999}
SAMPLERS = [
    (None, None),
    ("ddim", "DDIMScheduler"),
    ("dpmpp_2m_karras", ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True})),
]


@pytest.fixture(scope="module")
def edges():
    """Another picture: what a ControlNet is shown."""
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (64, 64, 3), np.uint8))


def net_of(name):
    return NETS["sdxl" if name.startswith("sdxl") else "sd"]


def condition(graph, tiny, net, *, id="condition", preprocess="none", **params):
    ports = {"image": graph.input(f"{id}_image", "image")}
    if preprocess == "inpaint":
        ports["mask"] = graph.input(f"{id}_mask", "mask")
    node = graph.add("controlnet_condition", id=id, checkpoint=str(tiny(net)), preprocess=preprocess, **ports, **params)
    return node.control


def ran(type_, tiny, name, shown, *, inputs=None, latents=True, engine=None, net=None, how=None, load=None, **params):
    """The stage's outputs; `shown` is the control picture, `how` the settings of its ControlNet."""
    graph = gf.Graph()
    control = condition(graph, tiny, net or net_of(name), **(how or {}))
    ports = {key: graph.input(key, "mask" if key == "mask" else "image") for key in inputs or {}}
    checkpoint = graph.checkpoint("base", str(tiny(name)), **load) if load else str(tiny(name))
    stage = graph.add(type_, checkpoint=checkpoint, control=control, **CALL | params, **ports)
    graph.output(image=stage.image, **({"latents": stage.latents} if latents else {}))
    given = {"condition_image": shown, **(inputs or {})}
    if (how or {}).get("preprocess") == "inpaint":
        given["condition_mask"] = inputs["mask"]
    return (engine or gf).run(graph, inputs=given)


def same(found, script):
    """Whether picture and latents equal those that the script gives for an `output_type`."""
    latents = script("latent")
    assert np.array_equal(found["image"].array, script("pil"))
    assert torch.equal(found["latents"].tensor, latents)
    assert found["latents"].tensor.stride() == latents.stride()


# Equality


@pytest.mark.parametrize(("short", "scheduler"), SAMPLERS)
@pytest.mark.parametrize("name", ["sd", "sdxl", "sdxl_mean_std"])
def test_text2img_equals_the_plain_call(tiny, edges, name, short, scheduler):
    found = ran("text2img", tiny, name, edges, **({"scheduler": short} if short else {}))
    args = tiny(name), tiny(net_of(name)), "a red circle", edges
    call = {**PLAIN, "scheduler": scheduler, **({} if name == "sd" else XL)}
    same(found, lambda kind: plain.control_text2img(*args, output_type=kind, **call))
    without = plain.control_text2img(*args, **call, scale=0.0)
    assert not np.array_equal(found["image"].array, without)


@pytest.mark.parametrize(("short", "scheduler"), SAMPLERS)
@pytest.mark.parametrize("name", ["sd", "sdxl", "sdxl_mean_std"])
def test_img2img_of_a_picture_equals_the_plain_call(tiny, picture, edges, name, short, scheduler):
    found = ran("img2img", tiny, name, edges, inputs={"image": picture}, **({"scheduler": short} if short else {}))
    args = tiny(name), tiny(net_of(name)), "a red circle", picture, edges
    call = {**PLAIN, "scheduler": scheduler, **({} if name == "sd" else XL)}
    same(found, lambda kind: plain.control_img2img(*args, output_type=kind, **call))


@pytest.mark.parametrize("name", ["sd", "sdxl"])
def test_img2img_of_latents_equals_the_plain_chain(tiny, edges, name):
    graph = gf.Graph()
    control = condition(graph, tiny, net_of(name))
    first = graph.add("text2img", checkpoint=str(tiny(name)), control=control, **CALL)
    second = graph.add("img2img", checkpoint=str(tiny(name)), control=control, image=first.latents, **CALL)
    graph.output(image=second.image, latents=second.latents)
    found = gf.run(graph, inputs={"condition_image": edges})
    folders, call = (tiny(name), tiny(net_of(name)), "a red circle"), {**PLAIN, **({} if name == "sd" else XL)}
    latents = plain.control_text2img(*folders, edges, output_type="latent", **call)
    same(found, lambda kind: plain.control_img2img(*folders, latents, edges, output_type=kind, **call))


@pytest.mark.parametrize("strength", [None, 0.7])
@pytest.mark.parametrize("name", ["sd", "sd_inpaint", "sdxl", "sdxl_inpaint"])
@pytest.mark.parametrize("preprocess", ["none", "inpaint"])
def test_inpaint_equals_the_plain_call(tiny, picture, mask, edges, name, strength, preprocess):
    shown, net = (picture, "controlnet_inpaint") if preprocess == "inpaint" else (edges, None)
    net = net_of(name) if name.startswith("sdxl") else net or net_of(name)
    given = {} if strength is None else {"strength": strength}
    how = {"preprocess": preprocess}
    found = ran("inpaint", tiny, name, shown, inputs={"image": picture, "mask": mask}, net=net, how=how, **given)
    control = plain.inpaint_condition(picture, mask) if preprocess == "inpaint" else edges
    args = tiny(name), tiny(net), "a red circle", picture, mask, control
    more = XL_FILL if name.startswith("sdxl") else {}
    same(found, lambda kind: plain.control_inpaint(*args, output_type=kind, **PLAIN | more | given))


@pytest.mark.parametrize("name", ["sd", "sd_inpaint", "sdxl", "sdxl_inpaint"])
def test_padding_mask_crop_equals_the_plain_call(tiny, name):
    photo, shown = (
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (100, 130, 3), np.uint8)) for seed in (3, 4)
    )
    mask = Image.new("L", photo.size)
    mask.paste(255, (40, 30, 80, 70))
    given = {"padding_mask_crop": 16, "strength": 0.7}
    found = ran("inpaint", tiny, name, shown, inputs={"image": photo, "mask": mask}, latents=False, **given)
    more = XL_FILL if name.startswith("sdxl") else {}
    args = tiny(name), tiny(net_of(name)), "a red circle", photo, mask, shown
    expected = plain.control_inpaint(*args, **PLAIN | more | given)
    assert np.array_equal(found["image"].array, expected)


HOW = [{"scale": 0.3}, {"start": 0.5}, {"end": 0.5}, {"scale": 1.7, "start": 0.25, "end": 0.75}]


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize("name", ["sd", "sdxl"])
def test_scale_start_and_end_mean_what_the_plain_call_means(tiny, edges, name, how):
    found = ran("text2img", tiny, name, edges, how=how, scheduler="ddim")["image"].array
    args = tiny(name), tiny(net_of(name)), "a red circle", edges
    call = {**PLAIN, "scheduler": "DDIMScheduler", **({} if name == "sd" else XL)}
    assert np.array_equal(found, plain.control_text2img(*args, **call, **how))
    assert not np.array_equal(found, plain.control_text2img(*args, **call))


def two(graph, tiny, nets=("controlnet_canny", "controlnet_depth"), **second):
    return [condition(graph, tiny, nets[0], id="one", scale=0.6), condition(graph, tiny, nets[1], id="two", **second)]


@pytest.mark.parametrize("nets", [("controlnet_canny", "controlnet_depth"), ("controlnet_canny", "controlnet_canny")])
def test_two_controlnets_equal_the_plain_call(tiny, picture, edges, nets):
    graph = gf.Graph()
    control = two(graph, tiny, nets, end=0.5)
    graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), control=control, **CALL).image)
    found = gf.run(graph, inputs={"one_image": edges, "two_image": picture})["image"].array
    folders = [tiny(net) for net in nets]
    call = {**PLAIN, "scale": [0.6, 1.0], "start": [0.0, 0.0], "end": [1.0, 0.5]}
    expected = plain.control_text2img(tiny("sd"), folders, "a red circle", [edges, picture], **call)
    assert np.array_equal(found, expected)
    first = plain.control_text2img(tiny("sd"), folders[0], "a red circle", edges, **PLAIN, scale=0.6)
    assert not np.array_equal(found, first)


def test_two_controlnets_inpaint_as_the_plain_call(tiny, picture, mask, edges):
    graph = gf.Graph()
    hidden = condition(graph, tiny, "controlnet_inpaint", id="hidden", preprocess="inpaint")
    shape = condition(graph, tiny, "controlnet_canny", id="shape")
    ports = {"image": graph.input("image", "image"), "mask": graph.input("mask", "mask")}
    stage = graph.add("inpaint", checkpoint=str(tiny("sd_inpaint")), control=[hidden, shape], **ports, **CALL)
    graph.output(image=stage.image)
    given = {"image": picture, "mask": mask, "hidden_image": picture, "hidden_mask": mask, "shape_image": edges}
    expected = plain.control_inpaint(
        tiny("sd_inpaint"), [tiny("controlnet_inpaint"), tiny("controlnet_canny")], "a red circle", picture, mask,
        [plain.inpaint_condition(picture, mask), edges], scale=[0.5, 0.5], **PLAIN,
    )  # fmt: skip
    assert np.array_equal(gf.run(graph, inputs=given)["image"].array, expected)


XL_PARAMS = [
    ("text2img", {"original_size": [32, 48], "negative_original_size": [16, 16], "negative_target_size": [64, 64]}),
    ("img2img", {"crops_coords_top_left": [8, 0], "negative_prompt": "blue", "clip_skip": 1}),
    ("inpaint", {"guidance_rescale": 0.5, "target_size": [32, 32], "strength": 0.7}),
]


@pytest.mark.parametrize(("type_", "params"), XL_PARAMS, ids=str)
def test_params_of_sdxl_mean_what_the_plain_call_means(tiny, picture, mask, edges, type_, params):
    inputs = {"text2img": {}, "img2img": {"image": picture}, "inpaint": {"image": picture, "mask": mask}}[type_]
    found = ran(type_, tiny, "sdxl", edges, inputs=inputs, **params)["image"].array
    script = {
        "text2img": plain.control_text2img, "img2img": plain.control_img2img, "inpaint": plain.control_inpaint
    }[type_]  # fmt: skip
    call = {name: tuple(value) if isinstance(value, list) else value for name, value in params.items()}
    call |= {"scale": 1.0} if type_ == "inpaint" else {}
    args = tiny("sdxl"), tiny("controlnet_xl"), "a red circle", *inputs.values(), edges
    assert np.array_equal(found, script(*args, **PLAIN, **XL, **call))


# Preprocessing


def seen(tiny, shown, *, mask=None, **params):
    graph = gf.Graph()
    graph.output(control=condition(graph, tiny, "controlnet_canny", **params))
    given = {"condition_image": shown} | ({"condition_mask": mask} if mask is not None else {})
    return gf.run(graph, inputs=given)["control"]


@pytest.mark.parametrize("thresholds", [{}, {"low_threshold": 30.0, "high_threshold": 400.0}], ids=str)
def test_canny_is_that_of_opencv(tiny, thresholds):
    photo = Image.effect_noise((64, 48), 60).convert("RGB")
    control = seen(tiny, photo, preprocess="canny", **thresholds)
    low, high = tuple(thresholds.values()) or (100, 200)
    expected = cv2.Canny(np.array(photo), low, high)
    assert 0 < expected.mean() < 255
    assert np.array_equal(control.picture.array, np.stack([expected] * 3, axis=-1))


def test_a_soft_mask_hides_what_is_more_than_half_white(tiny, picture):
    soft = Image.linear_gradient("L").resize((64, 64))
    control = seen(tiny, picture, mask=soft, preprocess="inpaint")
    expected = plain.inpaint_condition(picture, soft)[0, 0].numpy() < 0
    assert 0 < expected.mean() < 1
    assert np.array_equal(control.hidden, expected)
    assert not control.seen().array[expected].any()


def test_a_control_signal_is_known_by_its_content(tiny, picture, mask, tmp_path):
    import shutil

    one, other = seen(tiny, picture), seen(tiny, picture, scale=0.5)
    copy = shutil.copytree(tiny("controlnet_canny"), tmp_path / "copy")
    again = seen(lambda _: copy, picture)
    masked = seen(tiny, picture, mask=mask, preprocess="inpaint")
    assert one.digest == again.digest
    assert len({one.digest, other.digest, masked.digest}) == 3
    assert masked.nbytes == one.nbytes + 64 * 64
    with pytest.raises(AttributeError):
        one.scale = 2.0


@pytest.mark.parametrize("size", [(64, 64), (90, 50)])
def test_depth_map_equals_transformers_by_hand(tiny, size):
    photo = Image.effect_noise(size, 60).convert("RGB")
    graph = gf.Graph()
    graph.output(image=graph.add("depth_map", image=graph.input("image", "image"), checkpoint=str(tiny("depth"))).image)
    found = gf.run(graph, inputs={"image": photo})["image"].array
    depth = np.asarray(pipeline("depth-estimation", model=str(tiny("depth")))(photo)["depth"])
    assert found.shape == (size[1], size[0], 3)
    assert np.array_equal(found, np.stack([depth] * 3, axis=-1))
    assert found.min() == 0
    assert found.max() == 255


def test_a_depth_map_steers_a_stage(tiny, picture):
    graph = gf.Graph()
    image = graph.input("image", "image")
    depth = graph.add("depth_map", image=image, checkpoint=str(tiny("depth")))
    net = graph.add("controlnet_condition", image=depth.image, checkpoint=str(tiny("controlnet_depth")))
    stage = graph.add("img2img", image=image, control=net, checkpoint=str(tiny("sd")), strength=0.45, **CALL)
    graph.output(image=stage.image, depth=depth.image)
    found = gf.run(graph, inputs={"image": picture})
    args = tiny("sd"), tiny("controlnet_depth"), "a red circle", picture, found["depth"].pil()
    assert np.array_equal(found["image"].array, plain.control_img2img(*args, strength=0.45, **PLAIN))


# Components


@pytest.fixture
def counted():
    """Counts what the loader is asked for, by class."""
    counts: Counter[str] = Counter()

    def loader(component):
        counts[component.spec.files.class_name] += 1
        return load(component)

    return counts, loader


def test_two_stages_share_their_controlnet_and_all_else(tiny, picture, edges, counted):
    counts, loader = counted
    graph = gf.Graph()
    control = two(graph, tiny, nets=("controlnet_canny", "controlnet_canny"))
    first = graph.add("text2img", checkpoint=str(tiny("sd")), control=control, **CALL)
    second = graph.add("img2img", checkpoint=str(tiny("sd")), control=control[1], image=first.latents, **CALL)
    graph.output(image=second.image)
    with gf.Engine(loader=loader) as engine:
        engine.run(graph, inputs={"one_image": edges, "two_image": picture})
    assert counts == dict.fromkeys(
        ("ControlNetModel", "UNet2DConditionModel", "AutoencoderKL", "CLIPTextModel", "CLIPTokenizer"), 1
    )


def test_depth_loads_model_and_processor_once(tiny, picture, edges, counted):
    counts, loader = counted
    graph = gf.Graph()
    given = {"one": picture, "two": edges}
    made = [graph.add("depth_map", image=graph.input(name, "image"), checkpoint=str(tiny("depth"))) for name in given]
    graph.output(one=made[0].image, two=made[1].image)
    with gf.Engine(loader=loader) as engine:
        engine.run(graph, inputs=given)
    assert counts == {"DPTForDepthEstimation": 1, "DPTImageProcessor": 1}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_controlnet_follows_the_stages_precision(tiny, edges, dtype):
    with gf.Engine() as engine:
        found = ran("text2img", tiny, "sd", edges, engine=engine, load={"dtype": dtype})
        assert {component.spec.dtype for component, _ in engine.pool.loaded if component.nbytes} == {dtype}
    args = tiny("sd"), tiny("controlnet_canny"), "a red circle", edges
    call = {**PLAIN, "load": {"dtype": getattr(torch, dtype)}}
    same(found, lambda kind: plain.control_text2img(*args, output_type=kind, **call))


def test_half_precision_inpainting_of_sdxl_upcasts_as_the_class_does_and_leaves_the_vae_as_it_was(
    tiny, picture, mask, edges
):
    with gf.Engine() as engine:
        inputs = {"image": picture, "mask": mask}
        found = ran("inpaint", tiny, "sdxl", edges, inputs=inputs, engine=engine, load={"dtype": "float16"})
        (vae,) = (model for _, model in engine.pool.loaded if isinstance(model, AutoencoderKL))
        assert vae.dtype == torch.float16
    args = tiny("sdxl"), tiny("controlnet_xl"), "a red circle", picture, mask, edges
    call = {**PLAIN, **XL_FILL, "load": {"dtype": torch.float16}}
    with pytest.warns(FutureWarning, match="upcast_vae"):
        same(found, lambda kind: plain.control_inpaint(*args, output_type=kind, **call))


def test_an_empty_list_is_no_control(tiny):
    graph = gf.Graph()
    graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), control=[], **CALL).image)
    assert np.array_equal(gf.run(graph)["image"].array, plain.text2img(tiny("sd"), "a red circle", **PLAIN))


def test_a_signal_that_is_left_out_does_not_steer(tiny, edges):
    graph = gf.Graph()
    image = graph.input("image", "image")
    call = {"image": image, "checkpoint": str(tiny("controlnet_canny"))}
    control = [graph.add("controlnet_condition", when=on, scale=0.6, **call) for on in (False, True)]
    graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), control=control, **CALL).image)
    args = tiny("sd"), tiny("controlnet_canny"), "a red circle", edges
    expected = plain.control_text2img(*args, scale=0.6, **PLAIN)
    assert np.array_equal(gf.run(graph, inputs={"image": edges})["image"].array, expected)


# Refusals


@pytest.fixture
def no_weights(monkeypatch):
    from graphflow.execute import loader

    def never(placed, library):
        raise AssertionError(placed)

    monkeypatch.setattr(loader, "_model", never)


def refused(tiny, type_, name, *, net="controlnet_canny", size=(64, 64), latents=False, how=None, **params):
    """Code and text of each problem of a stage with one ControlNet."""
    graph = gf.Graph()
    shape = {"shape": "rectangle", "box": [0, 0, 0.5, 1]}
    shown = graph.add("mask_shape", width=size[0], height=size[1], **shape)
    hole = {"mask": shown} if (how or {}).get("preprocess") == "inpaint" else {}
    more = {"image": shown, "checkpoint": str(tiny(net)), **hole, **(how or {})}
    ports = {"control": graph.add("controlnet_condition", id="net", **more)}
    if type_ != "text2img":
        base = {"sd_inpaint": "sd", "sdxl_refiner": "sdxl"}.get(name, name)
        first = graph.add("text2img", checkpoint=str(tiny(base)), **CALL)
        ports["image"] = first.latents if latents else first.image
    if type_ == "inpaint":
        ports["mask"] = graph.add("mask_shape", width=64, height=64, **shape)
    graph.add(type_, id="stage", checkpoint=str(tiny(name)), **ports, **CALL | params)
    problems = [problem for problem in graph.check().problems if problem.code != "node-hint"]
    return "\n".join(map(str, problems))


REFUSED = [
    ("text2img", "sdxl", {}, "controlnet_canny does not fit", "for Stable Diffusion, but", "Stable Diffusion XL"),
    ("text2img", "sd", {"net": "controlnet_xl"}, "controlnet_xl does not fit", "for SDXL", "for Stable Diffusion"),
    ("text2img", "sd_v", {}, "controlnet_canny does not fit", "reads texts 16 wide, but the unet of", "trained for"),
    ("text2img", "sd", {"size": (64, 48)}, "control has another size", "64×48, and the stage paints 64×64", "resize"),
    ("img2img", "sd", {"size": (32, 64)}, "control has another size", "32×64", "resize to 64×64"),
    ("inpaint", "sd", {"latents": True}, "image cannot take", "reads pixels", "use the sender's .image"),
    ("inpaint", "sdxl", {"latents": True, "net": "controlnet_xl"}, "image cannot take", "reads pixels", ".image"),
    (
        "text2img",
        "sdxl",
        {"net": "controlnet_xl", "guidance_rescale": 0.5},
        "cannot be used",
        "no such param",
        "remove ",
    ),
    ("img2img", "sdxl", {"net": "controlnet_xl", "denoising_end": 0.5}, "cannot be used", "no such param", "remove "),
    (
        "inpaint",
        "sdxl",
        {"net": "controlnet_xl", "negative_target_size": [8, 8]},
        "cannot be used",
        "no such",
        "remove ",
    ),
    ("img2img", "sdxl_refiner", {"net": "controlnet_xl"}, "cannot run img2img with control", "refiner", "another"),
    (
        "inpaint",
        "sd",
        {"how": {"preprocess": "inpaint"}, "padding_mask_crop": 8},
        "cannot be cropped",
        "hidden",
        "remove padding",
    ),
    ("text2img", "sd", {"net": "depth"}, "depth is not a ControlNet", "it is DPTForDepthEstimation", "name the folder"),
    ("text2img", "sd", {"net": "sd"}, "sd is not a ControlNet", "it is StableDiffusionPipeline", "name the folder"),
    ("text2img", "sd", {"how": {"start": 0.5, "end": 0.5}}, "start is not before end", "0.5 to 0.5", "smaller"),
    ("text2img", "sd", {"how": {"low_threshold": 9.0}}, "low_threshold cannot be used", "only preprocess: canny", ""),
]


@pytest.mark.parametrize(("type_", "name", "params", "message", "why", "fix"), REFUSED, ids=str)
def test_what_does_not_fit_is_refused_with_reason_and_fix(tiny, no_weights, type_, name, params, message, why, fix):
    text = refused(tiny, type_, name, **params)
    assert message in text
    assert why in text
    assert fix in text


def test_what_fits_is_not_refused(tiny, no_weights):
    for name, net in (("sd", "controlnet_depth"), ("sd_inpaint", "controlnet_inpaint"), ("sdxl", "controlnet_xl")):
        assert refused(tiny, "inpaint", name, net=net) == ""


def test_an_aesthetic_score_needs_a_size_that_is_told(tiny, no_weights, tmp_path):
    import json
    import shutil

    folder = shutil.copytree(tiny("sdxl"), tmp_path / "scored")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"requires_aesthetics_score": True}))

    def place(name):
        return folder if name == "scored" else tiny(name)

    assert "original_size is required" in refused(place, "img2img", "scored", net="controlnet_xl")
    assert refused(place, "img2img", "scored", net="controlnet_xl", original_size=[64, 64]) == ""


def test_a_vae_with_mean_and_deviation_is_warned_of_and_its_latents_are_of_another_space(tiny, no_weights):
    text = refused(tiny, "inpaint", "sdxl_mean_std", net="controlnet_xl")
    assert "warning: no-effect: stage: latents_mean and latents_std" in text
    assert "colours may be off" in text

    graph = gf.Graph()
    shape = graph.add("mask_shape", shape="rectangle", box=[0, 0, 0.5, 1], width=64, height=64)
    net = graph.add("controlnet_condition", image=shape, checkpoint=str(tiny("controlnet_xl")))
    call = {"checkpoint": str(tiny("sdxl_mean_std")), **CALL}
    fill = graph.add("inpaint", image=shape, mask=shape, control=net, **call)
    graph.add("img2img", id="last", image=fill.latents, **call)
    assert [problem.code for problem in graph.check().problems] == ["no-effect", "latent-space"]


def test_inpainting_without_mean_and_deviation_equals_the_plain_call(tiny, picture, mask, edges):
    found = ran("inpaint", tiny, "sdxl_mean_std", edges, inputs={"image": picture, "mask": mask}, strength=0.7)
    args = tiny("sdxl_mean_std"), tiny("controlnet_xl"), "a red circle", picture, mask, edges
    call = PLAIN | XL_FILL | {"strength": 0.7}
    same(found, lambda kind: plain.control_inpaint(*args, output_type=kind, **call))


def test_a_dtype_of_a_controlnet_is_warned_of(tiny, no_weights):
    graph = gf.Graph()
    name = graph.checkpoint("net", str(tiny("controlnet_canny")), dtype="float16")
    shape = graph.add("mask_shape", shape="rectangle", box=[0, 0, 0.5, 1], width=64, height=64)
    control = graph.add("controlnet_condition", image=shape, checkpoint=name)
    graph.add("text2img", checkpoint=str(tiny("sd")), control=control, **CALL)
    assert [problem.code for problem in graph.check().problems] == ["no-effect"]


@pytest.mark.parametrize(("preprocess", "masked"), [("inpaint", False), ("none", True), ("canny", True)])
def test_a_mask_goes_with_preprocess_inpaint_and_nothing_else(tiny, picture, mask, no_weights, preprocess, masked):
    graph = gf.Graph()
    given = {"image": picture} | ({"mask": mask} if masked else {})
    ports = {name: graph.input(name, "mask" if name == "mask" else "image") for name in given}
    graph.add("controlnet_condition", checkpoint=str(tiny("controlnet_canny")), preprocess=preprocess, **ports)
    (problem,) = graph.check(given).problems
    assert "mask" in problem.message
    assert "inpaint" in problem.why


def test_a_depth_map_of_another_model_is_refused(tiny, picture, no_weights):
    graph = gf.Graph()
    graph.add("depth_map", image=graph.input("image", "image"), checkpoint=str(tiny("controlnet_depth")))
    (problem,) = graph.check({"image": picture}).problems
    assert "it is ControlNetModel" in problem.why


def test_canny_without_opencv_is_refused(tiny, picture, no_weights, monkeypatch):
    from graphflow_nodes.conditioning import controlnet_condition

    monkeypatch.setattr(controlnet_condition, "find_spec", lambda name: None)
    graph = gf.Graph()
    net = {"checkpoint": str(tiny("controlnet_canny")), "preprocess": "canny"}
    graph.add("controlnet_condition", image=graph.input("image", "image"), **net)
    (problem,) = graph.check({"image": picture}).problems
    assert "pip install 'graphflow-diffusion[canny]'" in problem.fix


def test_a_controlnet_that_is_not_on_this_machine_passes_check_with_a_warning_and_ends_a_run(tiny, picture, no_weights):
    graph = gf.Graph()
    image = graph.input("image", "image")
    depth = graph.add("depth_map", id="depth", image=image, checkpoint="owner/depth")
    net = graph.add("controlnet_condition", id="net", image=depth.image, checkpoint="owner/net")
    stage = graph.add("text2img", checkpoint=str(tiny("sd")), control=net, **CALL)
    graph.output(image=stage.image)
    problems = graph.check({"image": picture}).problems
    fix = "unset HF_HUB_OFFLINE, and get it with: graphflow checkpoints pull owner"
    assert [one.fix for one in problems] == [f"{fix}/depth", f"{fix}/net"]
    assert {one.code for one in problems} == {"checkpoint-absent"}
    with pytest.raises(gf.RunFailed, match="graphflow checkpoints pull owner"):
        gf.run(graph, inputs={"image": picture})


@gf.node(environment="pure")
def handed_on(control: Control) -> Control:
    """Give the same control signal; nothing is known of it before the run."""
    return control


@gf.node(environment="pure")
def halved(image: gf.Image) -> gf.Image:
    """A picture of half the size, which nobody knows before the run."""
    return gf.Image.of(image.pil().resize((image.width // 2, image.height // 2)))


def test_a_signal_whose_controlnet_is_not_known_before_the_run_is_refused(tiny, edges, no_weights):
    graph = gf.Graph(catalog=gf.default_catalog().extended(handed_on))
    control = graph.add("handed_on", control=condition(graph, tiny, "controlnet_canny"))
    graph.add("text2img", checkpoint=str(tiny("sd")), control=[control], **CALL)
    (problem,) = graph.check({"condition_image": edges}).problems
    assert "the ControlNet of control is not known" in problem.message
    assert problem.fix == "use a controlnet_condition"


def test_a_size_that_is_known_only_in_the_run_is_refused_then(tiny, edges, counted):
    counts, loader = counted
    graph = gf.Graph(catalog=gf.default_catalog().extended(halved))
    small = graph.add("halved", image=graph.input("image", "image"))
    net = graph.add("controlnet_condition", image=small, checkpoint=str(tiny("controlnet_canny")))
    graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), control=net, **CALL).image)
    assert not graph.check({"image": edges}).problems
    with (
        gf.Engine(loader=loader) as engine,
        pytest.raises(gf.RunFailed, match="control is 32×32, and the stage paints"),
    ):
        engine.run(graph, inputs={"image": edges})
    assert "UNet2DConditionModel" not in counts


def test_a_for_each_of_signals_makes_their_list(tiny, edges):
    graph = gf.Graph()
    net = graph.add(
        "controlnet_condition",
        image=graph.input("image", "image"),
        checkpoint=str(tiny("controlnet_canny")),
        for_each={"scale": [0.2, 0.7]},
    )
    graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), control=net, **CALL).image)
    nets, shown = [tiny("controlnet_canny")] * 2, [edges] * 2
    expected = plain.control_text2img(tiny("sd"), nets, "a red circle", shown, scale=[0.2, 0.7], **PLAIN)
    assert np.array_equal(gf.run(graph, inputs={"image": edges})["image"].array, expected)


def test_a_signal_can_be_given_as_an_input(tiny, edges):
    control = seen(tiny, edges, scale=0.6)
    graph = gf.Graph()
    steer = graph.input("control", "list of control")
    graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), control=steer, **CALL).image)
    expected = plain.control_text2img(tiny("sd"), tiny("controlnet_canny"), "a red circle", edges, scale=0.6, **PLAIN)
    assert np.array_equal(gf.run(graph, inputs={"control": [control]})["image"].array, expected)


def test_a_variant_of_a_controlnet_is_taken(tiny, edges, tmp_path):
    net = ControlNetModel.from_pretrained(tiny("controlnet_canny"))
    net.save_pretrained(tmp_path / "both")
    for name in ("both", "half"):
        net.half().save_pretrained(tmp_path / name, variant="fp16")

    def painted(folder, **details):
        graph = gf.Graph()
        name = graph.checkpoint("net", str(folder), **details)
        control = graph.add("controlnet_condition", image=graph.input("image", "image"), checkpoint=name)
        graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), control=control, **CALL).image)
        return gf.run(graph, inputs={"image": edges})["image"]

    assert painted(tmp_path / "both", variant="fp16") == painted(tmp_path / "half")
    assert painted(tmp_path / "both", variant="fp16") != painted(tmp_path / "both")


def test_details_that_a_controlnet_has_not_are_refused(tiny, picture, no_weights, tmp_path):
    lora = {"source": str(make_lora(tmp_path / "style.safetensors", 61))}
    for details, told in (({"loras": [lora]}, "loras"), ({"scheduler": "euler"}, "scheduler")):
        graph = gf.Graph()
        name = graph.checkpoint("net", str(tiny("controlnet_canny")), **details)
        graph.add("controlnet_condition", image=graph.input("image", "image"), checkpoint=name)
        (problem,) = graph.check({"image": picture}).problems
        assert problem.message.endswith(f"{told} of net cannot be used with a ControlNet")
    with pytest.raises(gf.InvalidGraph, match="net has no parts"):
        gf.Graph().checkpoint("net", str(tiny("controlnet_canny")), components={"vae": str(tiny("sd"))})
