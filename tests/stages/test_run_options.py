"""A run with an option gives what the plain call with that option gives, and afterwards all is as before."""

from __future__ import annotations

import itertools
import shutil
from importlib import metadata

import diffusers
import numpy as np
import pytest
import torch

import graphflow as gf
from graphflow.catalog.catalog import default_catalog
from graphflow.cli import main
from graphflow.store.memory_store import MemoryStore
from graphflow.system import available_options
from graphflow.system.device import Compute
from graphflow.system.free_cores import Cores
from graphflow.system.run_options import RunOptions
from graphflow_nodes.planning.size_rules import size_warnings
from tests import plain

TORCH = metadata.version("torch").partition("+")[0]
CALL = {"prompt": "a red circle", "num_inference_steps": 2}
LARGE = {"width": 96, "height": 80}
"""More than a tile of the tiny VAEs, which are made for 64×64 pixels."""
OPTIONS = {"eager": {"attention": "eager"}, "vae_tiling": {"vae_tiling": True}}
PAIRS = [*((name,) for name in OPTIONS), *itertools.combinations(OPTIONS, 2)]


def graph_of(folder, type_="text2img", **params):
    graph = gf.Graph()
    ports = {"image": graph.input("image", "image")} if type_ == "img2img" else {}
    stage = graph.add(type_, checkpoint=str(folder), seed=5, **ports, **CALL | params)
    graph.output(image=stage.image, latents=stage.latents)
    return graph


def options_of(names):
    return {key: value for name in names for key, value in OPTIONS[name].items()}


def values_of(result):
    return result["image"].array, result["latents"].tensor.numpy()


def equal(found, expected):
    return [np.array_equal(one, other) for one, other in zip(found, expected, strict=True)]


def by_hand(pipeline, folder, *options, **call):
    """The picture and the latents of the plain call."""
    call = {**CALL, "seed": 5, **call}
    return tuple(
        np.asarray(plain.with_options(pipeline, folder, *options, output_type=kind, **call))
        for kind in ("pil", "latent")
    )


def problems_of(graph, **options):
    compute = Compute.of("cpu", options=RunOptions.of(**options))
    return [str(problem) for problem in graph.check(compute=compute).problems]


@pytest.mark.parametrize("names", PAIRS, ids="+".join)
def test_text2img_equals_the_plain_call_with_the_options(tiny, names):
    result = values_of(gf.run(graph_of(tiny("sd"), **LARGE), device="cpu", **options_of(names)))
    assert all(equal(result, by_hand("StableDiffusionPipeline", tiny("sd"), *names, **LARGE)))
    assert not all(equal(result, by_hand("StableDiffusionPipeline", tiny("sd"), **LARGE)))


@pytest.mark.parametrize("names", PAIRS, ids="+".join)
def test_text2img_of_sdxl_equals_the_plain_call_with_the_options(tiny, names):
    result = values_of(gf.run(graph_of(tiny("sdxl"), **LARGE), device="cpu", **options_of(names)))
    assert all(equal(result, by_hand("StableDiffusionXLPipeline", tiny("sdxl"), *names, **LARGE)))


def test_a_picture_is_encoded_in_tiles_as_well(tiny, picture):
    large = picture.resize((96, 80))
    graph = graph_of(tiny("sd"), "img2img")
    result = values_of(gf.run(graph, inputs={"image": large}, device="cpu", vae_tiling=True))
    assert all(equal(result, by_hand("StableDiffusionImg2ImgPipeline", tiny("sd"), "vae_tiling", image=large)))


def test_tiling_does_not_change_a_picture_of_one_tile(tiny):
    plain_call = gf.run(graph_of(tiny("sd")), device="cpu")["image"]
    assert gf.run(graph_of(tiny("sd")), device="cpu", vae_tiling=True)["image"] == plain_call


@pytest.mark.parametrize("names", PAIRS, ids="+".join)
def test_one_engine_with_and_without_options_gives_the_bytes_of_new_engines(tiny, names):
    graph = graph_of(tiny("sd"), **LARGE)
    plans = [
        graph.plan(compute=Compute("cpu", options=RunOptions.of(**options))) for options in ({}, options_of(names))
    ]
    fresh = [values_of(gf.run(plan)) for plan in plans]
    assert not all(equal(*fresh))
    with gf.Engine(store=MemoryStore(0)) as engine:
        for number in (1, 0, 1, 0):
            result = engine.run(plans[number])
            assert not result.cached
            assert all(equal(values_of(result), fresh[number]))


def test_only_the_steps_that_an_option_changes_run_again(tiny):
    graph = graph_of(tiny("sd"), **LARGE)
    tiled = graph.plan(compute=Compute("cpu", options=RunOptions(vae_tiling=True)))
    with gf.Engine(device="cpu") as engine:
        engine.run(graph)
        assert engine.run(tiled).executed == ["text2img/decode"]


def test_options_that_the_run_cannot_have_change_no_recipe(tiny):
    graph = graph_of(tiny("kandinsky_combined"))
    asked = Compute.of("cpu", options=RunOptions(attention="xformers", vae_tiling=True))
    assert graph.plan(compute=asked) == graph.plan()
    assert asked.options.attention == "sdpa"


def test_xformers_on_a_cpu_is_replaced_and_this_is_said_before_the_run(tiny):
    (problem,) = problems_of(graph_of(tiny("sd")), attention="xformers")
    assert problem == (
        "--attention: warning: no-effect: attention xformers has no effect, and sdpa is used\n"
        "  why: xFormers needs a GPU, and models run on the CPU\n"
        "  fix: leave it out: sdpa is the default"
    )


@pytest.mark.parametrize(
    ("needs", "why"),
    [
        (None, "the package xformers is not installed"),
        ("torch==2.1.0", f"the installed xformers is built for torch 2.1.0, but torch is {TORCH}"),
        (f"torch=={TORCH}", ""),
        ("torch>=2", ""),
    ],
)
def test_xformers_needs_its_package_and_its_torch(monkeypatch, needs, why):
    monkeypatch.setattr(available_options, "find_spec", lambda _: needs)
    monkeypatch.setattr(available_options.metadata, "requires", lambda _: ["numpy", needs])
    compute = Compute.of("cuda", options=RunOptions(attention="xformers"))
    assert [substitute.why for substitute in compute.substitutes] == ([why] if why else [])
    assert compute.options.attention == ("sdpa" if why else "xformers")


@pytest.mark.parametrize(
    ("name", "option", "part"),
    [
        ("kandinsky_combined", {"vae_tiling": True}, "--vae-tiling has no effect on the movq of"),
        ("sd_asymmetric_vae", {"vae_tiling": True}, "--vae-tiling has no effect on the vae of"),
        ("sd_asymmetric_vae", {"attention": "eager"}, "--attention has no effect on the vae of"),
    ],
)
def test_a_class_that_lacks_an_option_is_named_before_the_run(tiny, name, option, part):
    (problem,) = problems_of(graph_of(tiny(name)), **option)
    assert part in problem


def test_an_option_without_a_model_is_a_warning():
    graph = gf.Graph()
    graph.output(mask=graph.add("mask_shape", shape="ellipse", box=[0, 0, 1, 1], width=8, height=8))
    (problem,) = problems_of(graph, vae_tiling=True)
    assert "--vae-tiling has no effect" in problem
    assert "the graph runs no model" in problem


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"attention": "flash"}, "'flash' is not a value of attention; write sdpa, eager or xformers"),
        ({"offload": "disk"}, "'disk' is not a value of offload; write auto, none, model or group"),
        ({"vae_tiling": "yes"}, "'yes' is not a value of vae_tiling; give True or False"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_the_allowed_ones(option, message):
    with pytest.raises(gf.InvalidValue, match=f"^{message}$"):
        gf.Engine(**option)


def test_the_record_says_what_was_used(tiny, tmp_path):
    gf.run(graph_of(tiny("sd")), device="cpu", attention="xformers", vae_tiling=True, record=tmp_path / "run")
    from graphflow.record.run_record import RunRecord

    compute = RunRecord.load(tmp_path / "run").compute
    assert (compute.options["attention"], compute.options["vae_tiling"]) == ("sdpa", True)
    assert compute.replaced == {"attention xformers": "sdpa is used"}


OFFLOADED = [("sd", {}), ("sdxl", {}), ("kandinsky_combined", {"prior_num_inference_steps": 2})]


@pytest.mark.parametrize("offload", ["model", "group"])
@pytest.mark.parametrize("names", [(), ("eager",), ("vae_tiling",)], ids="+".join)
def test_offloading_changes_no_bytes_whatever_other_options_there_are(tiny, names, offload):
    """On a CPU, where everything but the distance is the same; a call's arguments would be replaced there."""
    graph = graph_of(tiny("sd"), **LARGE)
    plain_bits = values_of(gf.run(graph, device="cpu", **options_of(names)))
    options = RunOptions.of(offload=offload, **options_of(names))
    assert all(equal(values_of(gf.run(graph.plan(compute=Compute(options=options)))), plain_bits))
    if offload == "group":
        assert all(equal(by_hand("StableDiffusionPipeline", tiny("sd"), "group", *names, **LARGE), plain_bits))


@pytest.mark.parametrize("offload", ["model", "group"])
@pytest.mark.parametrize(("name", "params"), OFFLOADED, ids=[name for name, _ in OFFLOADED])
def test_every_family_can_be_offloaded_and_one_engine_runs_with_and_without(tiny, name, params, offload):
    graph = graph_of(tiny(name), **params)
    plain_plan, plan = graph.plan(), graph.plan(compute=Compute(options=RunOptions(offload=offload)))
    assert plan == plain_plan
    expected = values_of(gf.run(plain_plan))
    with gf.Engine(store=MemoryStore(0)) as engine:
        for one in (plan, plain_plan, plan):
            assert all(equal(values_of(engine.run(one)), expected))
            layers = [layer for part, model in engine.pool.loaded if part.nbytes for layer in model.modules()]
            assert any(hasattr(layer, "_diffusers_hook") for layer in layers) == (one is plan and offload == "group")


def test_a_class_whose_layers_cannot_be_moved_in_groups_is_moved_as_a_whole(tiny):
    plan = graph_of(tiny("kandinsky_combined")).plan(compute=Compute(options=RunOptions(offload="group")))
    offloads = {part.spec.files.role: part.offload for part in plan.components if part.nbytes}
    assert (offloads["movq"], offloads["unet"]) == ("model", "group")


def test_offloading_on_a_cpu_is_a_warning(tiny):
    (problem,) = problems_of(graph_of(tiny("sd")), offload="model")
    assert "offload model has no effect, and nothing is moved" in problem
    assert Compute.of("cpu", options=RunOptions(offload="group")).options.offload == "auto"


def test_layers_that_are_moved_one_by_one_are_not_compiled(monkeypatch):
    monkeypatch.setattr(available_options, "find_spec", lambda _: True)
    compute = Compute.of("cuda", options=RunOptions(compile=True, offload="group"))
    assert (compute.options.compile, compute.options.offload) == (False, "group")
    assert [substitute.asked for substitute in compute.substitutes] == ["compile"]


def test_compiling_needs_a_compiler(monkeypatch, tiny):
    monkeypatch.setenv("CXX", "no-such-compiler")
    (problem,) = problems_of(graph_of(tiny("sd")), compile=True)
    assert problem == (
        "--compile: warning: no-effect: compile has no effect, and models run as they are\n"
        "  why: torch compiles with no-such-compiler, which is not installed\n"
        "  fix: install it, or leave out compile"
    )


@pytest.fixture(scope="module")
def small(tiny, tmp_path_factory):
    """A checkpoint whose UNet is compiled in seconds."""
    folder = tmp_path_factory.mktemp("small") / "sd"
    shutil.copytree(tiny("sd"), folder)
    shutil.rmtree(folder / "unet")
    unet = {"down_block_types": ("CrossAttnDownBlock2D",), "up_block_types": ("CrossAttnUpBlock2D",)}
    size = {"block_out_channels": (4,), "cross_attention_dim": 16, "attention_head_dim": 1, "norm_num_groups": 2}
    torch.manual_seed(0)
    model = diffusers.UNet2DConditionModel(sample_size=8, layers_per_block=1, mid_block_type=None, **unet, **size)
    model.save_pretrained(folder / "unet")
    return folder


@pytest.mark.slow
@pytest.mark.skipif(bool(available_options._why_not_compiled("cpu")), reason="there is no compiler")
def test_a_compiled_unet_gives_what_the_plain_call_gives_and_leaves_no_trace(small):
    """Also for a second size, with tiling, and in an engine that runs without the option in between."""
    graph, large = graph_of(small), graph_of(small, **LARGE)
    plain_bits = values_of(gf.run(large, device="cpu"))
    with gf.Engine(device="cpu", compile=True, store=MemoryStore(0)) as engine:
        result = values_of(engine.run(graph))
        assert all(equal(result, by_hand("StableDiffusionPipeline", small, "compile")))
        second = values_of(engine.run(large))
        assert not all(equal(second, plain_bits))
        assert np.abs(second[1] - plain_bits[1]).max() < 2.5e-5
        assert all(equal(values_of(engine.run(large.plan())), plain_bits))
        assert all(equal(values_of(engine.run(graph)), result))
    assert all(equal(second, by_hand("StableDiffusionPipeline", small, "compile", **LARGE)))
    tiled = values_of(gf.run(large, device="cpu", compile=True, vae_tiling=True))
    assert all(equal(tiled, by_hand("StableDiffusionPipeline", small, "vae_tiling", "compile", **LARGE)))


METHODS = {"attention": "set_default_attn_processor", "compile": "compile", "vae_tiling": "use_tiling"}


def test_the_options_of_each_class_are_those_of_the_installed_one(tiny):
    models = {}
    for name in ("sd", "sd_tiny_vae", "sd_asymmetric_vae", "kandinsky_combined"):
        pipe = diffusers.DiffusionPipeline.from_pretrained(tiny(name), safety_checker=None)
        models |= {type(part).__name__: part for part in pipe.components.values()}
    models["ControlNetModel"] = diffusers.ControlNetModel.from_pretrained(tiny("controlnet_canny"))
    classes = {class_.name: class_ for family in default_catalog().families for class_ in family.classes}
    stated = {(name, option): has for name, class_ in classes.items() for option, has in class_.options.items()}
    assert {name for name, _ in stated} <= set(models)
    groups = {(name, "offload"): getattr(model, "_supports_group_offloading", True) for name, model in models.items()}
    methods = {key: hasattr(models[key[0]], METHODS[key[1]]) for key in stated if key[1] != "offload"}
    assert {**methods, **{key: can for key, can in groups.items() if not can}} == stated


def test_a_run_on_a_crowded_machine_starts_with_a_hint_and_keeps_its_threads(tiny, tmp_path, monkeypatch, capsys):
    graph_of(tiny("sd")).save(tmp_path / "graph.yaml")
    monkeypatch.setattr(Cores, "now", lambda: Cores(4, 4, 3.4))
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    threads = torch.get_num_threads()
    code = main(["run", str(tmp_path / "graph.yaml"), "--device", "cpu", "--out", str(tmp_path / "out")])
    assert (code, torch.get_num_threads()) == (0, threads)
    hint = "hint: torch computes with up to 4 threads, and about 1 of the cores are free\n"
    assert hint in capsys.readouterr().err


SIZES = [
    ((512, 512), (512, 512), False, ""),
    ((512, 512), (768, 768), False, ""),
    ((512, 512), (1024, 1024), False, "paint 512×512, and enlarge it with a resize and img2img at a low strength"),
    ((512, 512), (1024, 1536), False, "paint 416×624, and enlarge it with a resize and img2img at a low strength"),
    ((512, 512), (64, 64), False, "paint 512×512, and put a resize after it"),
    ((1024, 1024), (512, 512), False, "paint 1024×1024, and put a resize after it"),
    ((1024, 1024), (768, 768), False, ""),
    ((512, 512), (1024, 1024), True, ""),
    ((512, 512), (1600, 1200), True, "put a resize to 592×440 before image"),
    (None, (64, 64), False, ""),
    ((512, 512), (None, 64), True, ""),
]


@pytest.mark.parametrize(("own", "size", "given", "fix"), SIZES, ids=str)
def test_a_size_far_from_the_models_own_is_a_warning_with_a_size_near_it(own, size, given, fix):
    about = ("image", "image") if given else ("width", "height")
    faults = list(size_warnings(own, 8, "./sd", size, about))
    assert [fault.fix for fault in faults] == ([fix] if fix else [])
