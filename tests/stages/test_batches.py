"""Stages that differ only in seeds, texts and pixels are computed in one call of diffusers, if a run asks for it."""

from __future__ import annotations

from collections import Counter

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

import graphflow as gf
from graphflow.record.run_record import RunRecord
from graphflow.system.device import Compute
from graphflow.system.run_options import RunOptions
from tests.plain import scripts

SEEDS = [3, 4, 5]
CALL = {"num_inference_steps": 2, "guidance_scale": 3.0}


@pytest.fixture
def calls(monkeypatch):
    """The number of pictures in every call of a UNet and of a VAE's decoder."""
    counts: dict[str, list[int]] = {"unet": [], "decode": []}
    forward, decode = diffusers.UNet2DConditionModel.forward, diffusers.AutoencoderKL.decode

    def counting_forward(self, sample, *arguments, **keywords):
        counts["unet"].append(len(sample))
        return forward(self, sample, *arguments, **keywords)

    def counting_decode(self, latents, *arguments, **keywords):
        counts["decode"].append(len(latents))
        return decode(self, latents, *arguments, **keywords)

    monkeypatch.setattr(diffusers.UNet2DConditionModel, "forward", counting_forward)
    monkeypatch.setattr(diffusers.AutoencoderKL, "decode", counting_decode)
    return counts


def other(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def graph_of(flow, tiny):
    """Three nodes of a stage that differ in seed, text and pictures; the flow names the stage and the checkpoint."""
    graph = gf.Graph()
    one, two = (graph.input(name, "image") for name in ("one", "two"))
    near, far = (graph.input(name, "mask") for name in ("near", "far"))
    type_, checkpoint, *more = flow.split()
    made = []
    for number, (image, mask) in enumerate([(one, near), (two, far), (one, far)]):
        ports = {} if type_ == "text2img" else {"image": image}
        if type_ not in ("text2img", "upscale"):
            ports["strength"] = 1.0
        if type_ == "inpaint":
            ports["mask"] = mask
        if more == ["latents"]:
            ports["image"] = graph.add(
                "vae_encode", id=f"encode_{number}", image=image, checkpoint=str(tiny(checkpoint)), seed=1
            )
        if more == ["canny"]:
            ports["control"] = [
                graph.add("controlnet_condition", image=image, checkpoint=str(tiny("controlnet_canny")))
            ]
        if more == ["masked"]:
            net = str(tiny("controlnet_inpaint"))
            ports["control"] = [
                graph.add("controlnet_condition", image=image, mask=mask, preprocess="inpaint", checkpoint=net)
            ]
        text = f"a red circle, number {number}"
        made.append(
            graph.add(type_, prompt=text, seed=SEEDS[number], checkpoint=str(tiny(checkpoint)), **CALL, **ports)
        )
    for number, stage in enumerate(made):
        graph.output(**{f"image_{number}": stage.image, f"latents_{number}": stage.latents})
    return graph


FLOWS = [
    "text2img sd", "text2img sdxl", "img2img sd", "img2img sdxl", "img2img sd latents", "refiner sdxl_refiner",
    "inpaint sd_inpaint", "inpaint sd", "inpaint sd latents", "inpaint sdxl_inpaint", "text2img sd canny",
    "inpaint sd masked", "upscale latent_upscaler",
]  # fmt: skip


@pytest.mark.parametrize("flow", FLOWS)
def test_a_batch_gives_nearly_the_pictures_of_single_calls(flow, tiny, picture, mask, calls):
    graph = graph_of(flow, tiny)
    inputs = {"one": picture, "two": other(picture), "near": mask, "far": other(mask)}
    alone = gf.run(graph, inputs=inputs, device="cpu")
    single = {name: list(counts) for name, counts in calls.items()}
    for counts in calls.values():
        counts.clear()
    together = gf.run(graph, inputs=inputs, device="cpu", batch=8)
    assert not together.warnings
    assert calls["unet"] == [3 * one for one in single["unet"][: len(single["unet"]) // 3]]
    assert calls["decode"] == [3]
    for number in range(3):
        one, other_ = (result[f"latents_{number}"].tensor for result in (alone, together))
        assert one.shape == other_.shape
        assert torch.allclose(one, other_, atol=1e-4)
        pixels = [result[f"image_{number}"].array.astype(int) for result in (alone, together)]
        assert np.abs(pixels[0] - pixels[1]).max() <= 1
    assert together["image_0"] != together["image_1"]


def by_hand(class_, folder, kind, **call):
    """The pictures or latents of a batched call of diffusers with one generator for each seed."""
    pipe = getattr(diffusers, class_).from_pretrained(folder, safety_checker=None)
    scripts.prepare(pipe)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
    made = pipe("a red circle", num_images_per_prompt=3, generator=generators, output_type=kind, **CALL, **call).images
    return [np.asarray(one) for one in made]


@pytest.mark.parametrize(
    ("type_", "class_", "folder", "ports"),
    [
        ("text2img", "StableDiffusionPipeline", "sd", ()),
        ("text2img", "StableDiffusionXLPipeline", "sdxl", ()),
        ("img2img", "StableDiffusionImg2ImgPipeline", "sd", ("image",)),
        ("inpaint", "StableDiffusionInpaintPipeline", "sd_inpaint", ("image", "mask")),
    ],
)
def test_a_batch_gives_the_bytes_of_a_batched_call(type_, class_, folder, ports, tiny, picture, mask):
    given = {name: {"image": picture, "mask": mask}[name] for name in ports}
    graph = gf.Graph()
    inputs = {name: graph.input(name, name) for name in ports}
    stage = graph.add(
        type_, checkpoint=str(tiny(folder)), prompt="a red circle", for_each={"seed": SEEDS}, **inputs, **CALL
    )
    graph.output(image=stage.image, latents=stage.latents)
    result = gf.run(graph, inputs=given, device="cpu", batch=3)
    call = {"mask_image" if name == "mask" else name: [value] * 3 for name, value in given.items()}
    for name, kind in (("image", "pil"), ("latents", "latent")):
        expected = by_hand(class_, tiny(folder), kind, **call)
        found = [one.array if kind == "pil" else one.tensor[0].numpy() for one in result[name]]
        assert all(np.array_equal(one, other_) for one, other_ in zip(found, expected, strict=True))


def small(tiny, seeds=SEEDS, **more):
    graph = gf.Graph()
    keys = {"prompt": "a red circle", "checkpoint": str(tiny("sd")), **CALL, **more}
    graph.output(image=graph.add("text2img", id="stage", for_each={"seed": list(seeds)}, **keys).image)
    return graph


def test_a_repeated_batch_is_taken_from_the_store_and_never_by_single_calls(tiny):
    with gf.Engine(device="cpu") as engine:
        first = engine.run(small(tiny), batch=3)
        assert len(first.executed) == 8
        again = engine.run(small(tiny), batch=3)
        assert not again.executed
        assert again["image"] == first["image"]
        alone = engine.run(small(tiny))
        assert alone.cached == ["stage[0]/encode_prompt", "stage[0]/encode_negative"]
        assert len(engine.run(small(tiny), batch=2).executed) == 4
        assert not engine.run(small(tiny)).executed


def test_a_place_in_a_batch_is_found_again_beside_other_seeds(tiny):
    with gf.Engine(device="cpu") as engine:
        engine.run(small(tiny, [3, 4]), batch=2)
        engine.run(small(tiny, [5, 6]), batch=2)
        mixed = engine.run(small(tiny, [3, 6]), batch=2)
    assert not mixed.executed
    assert mixed["image"] == gf.run(small(tiny, [3, 6]), device="cpu", batch=2)["image"]


def test_latents_that_are_still_noisy_are_resumed_together(tiny, calls):
    graph = gf.Graph()
    keys = {"prompt": "a red circle", "seed": 3, "num_inference_steps": 4}
    base = graph.add(
        "text2img",
        for_each={"seed": SEEDS},
        checkpoint=str(tiny("sdxl")),
        denoising_end=0.5,
        **{k: v for k, v in keys.items() if k != "seed"},
    )
    fine = graph.add(
        "refiner", checkpoint=str(tiny("sdxl_refiner")), denoising_start=0.5, for_each={"image": base.latents}, **keys
    )
    graph.output(latents=fine.latents)
    alone = gf.run(graph, device="cpu")["latents"]
    calls["unet"].clear()
    together = gf.run(graph, device="cpu", batch=3)["latents"]
    assert calls["unet"] == [6, 6, 6, 6]
    assert all(torch.allclose(one.tensor, two.tensor, atol=1e-4) for one, two in zip(alone, together, strict=True))


def test_steps_with_different_settings_are_not_computed_together(tiny, calls):
    graph = gf.Graph()
    keys = {"prompt": "a red circle", "checkpoint": str(tiny("sd")), **CALL}
    stage = graph.add(
        "text2img",
        for_each={"seed": [1, 2, 3], "num_inference_steps": [1, 2, 1]},
        **{k: v for k, v in keys.items() if k != "num_inference_steps"},
    )
    graph.output(image=stage.image)
    gf.run(graph, device="cpu", batch=4)
    assert sorted(calls["unet"]) == [2, 2, 2, 4]
    assert calls["decode"] == [3]


def test_equal_nodes_are_computed_together_like_items(tiny, calls):
    graph = gf.Graph()
    for seed in (1, 2):
        graph.add("text2img", prompt=f"number {seed}", checkpoint=str(tiny("sd")), seed=seed, **CALL)
    gf.run(graph, device="cpu", batch=4)
    assert calls == {"unet": [4, 4, 4], "decode": [2]}


def planned(graph, inputs=None, **options):
    return graph.plan(inputs, compute=Compute.of("cpu", options=RunOptions.of(**options)))


def test_the_plan_says_what_is_computed_one_by_one(tiny, picture, mask):
    graph = gf.Graph()
    ports = {"image": graph.input("image", "image"), "mask": graph.input("mask", "mask")}
    graph.add(
        "inpaint",
        id="crop",
        prompt="x",
        checkpoint=str(tiny("sd")),
        padding_mask_crop=4,
        for_each={"seed": [1, 2]},
        **ports,
    )
    graph.add("text2img", id="k", prompt="x", checkpoint=str(tiny("kandinsky_combined")), for_each={"seed": [1, 2]})
    plan = planned(graph, {"image": picture, "mask": mask}, batch=2)
    assert not plan.batches
    assert plan.alone["crop[0]/paint"] == "padding_mask_crop cuts out and pastes back one picture"
    assert "first picture and mask" in plan.alone["k[1]/sample"]
    assert not planned(graph, {"image": picture, "mask": mask}).alone


def test_auto_groups_small_work_on_a_cpu_within_the_memory_budget(tiny):
    graph = small(tiny, range(40))
    compute = Compute.of("cpu", options=RunOptions.of(batch="auto"))
    assert Counter(map(len, graph.plan(compute=compute).batches)) == {16: 4, 8: 2}
    unet = next(step for step in graph.plan().steps if step.path == "stage[0]/sample").uses["unet"].nbytes
    few = graph.plan(compute=compute, memory_budget=unet + 2**22)
    sizes = {len(batch) for batch in few.batches if few.steps[batch[0]].path.endswith("decode")}
    assert sizes == {4}
    large = small(tiny, range(4), width=2048, height=2048)
    assert not large.plan(compute=compute).batches


def test_a_text_of_another_length_is_computed_alone_with_a_warning(tiny):
    graph = gf.Graph()
    texts = [
        graph.add("encode_prompt", id=f"t{n}", prompt="red " * words, negative_prompt="", checkpoint=str(tiny("sd")))
        for n, words in enumerate((3, 200))
    ]
    stage = graph.add("text2img", id="s", checkpoint=str(tiny("sd")), for_each={"prompt": texts}, seed=1, **CALL)
    graph.output(image=stage.image)
    result = gf.run(graph, device="cpu", batch=2)
    (warning,) = result.warnings
    assert "s[0]/sample and 1 more could not be computed in one call; they are computed one by one" in str(warning)
    alone = gf.run(graph, device="cpu")
    assert all(
        np.abs(one.array.astype(int) - two.array).max() <= 1
        for one, two in zip(result["image"], alone["image"], strict=True)
    )


def test_memory_that_runs_out_halves_the_batch(tiny, monkeypatch, calls):
    forward = diffusers.UNet2DConditionModel.forward

    def short(self, sample, *arguments, **keywords):
        if len(sample) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, sample, *arguments, **keywords)

    monkeypatch.setattr(diffusers.UNet2DConditionModel, "forward", short)
    with gf.Engine(device="cpu") as engine:
        result = engine.run(small(tiny, [1, 2, 3, 4]), batch=4)
        (warning,) = result.warnings
        assert "they are computed 2 at a time" in str(warning)
        assert "out of memory" in str(warning)
        assert calls["unet"] == 2 * [4, 4, 4]
        assert calls["decode"] == [4]
        again = engine.run(small(tiny, [1, 2, 3, 4]), batch=4)
    assert not again.executed
    assert again["image"] == result["image"]


def test_the_record_names_the_option_and_the_size_of_each_call(tiny, tmp_path):
    gf.run(small(tiny), device="cpu", batch=2, record=tmp_path / "run")
    record = RunRecord.load(tmp_path / "run")
    assert record.compute is not None
    assert record.compute.options["batch"] == 2
    sizes = {step.path: step.batch for step in record.steps if step.path.endswith("sample")}
    assert sizes == {"stage[0]/sample": 2, "stage[1]/sample": 2, "stage[2]/sample": 1}
