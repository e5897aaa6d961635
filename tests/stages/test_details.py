"""Details of checkpoints: precision, files, replaced parts, LoRAs and samplers, each equal to the plain script."""

from __future__ import annotations

import json
import shutil

import diffusers
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

import graphflow as gf
from graphflow.checkpoints.models_folders import MODELS_VARIABLE
from graphflow_nodes.models.samplers import CLASSES, PACKAGES
from tests import plain
from tests.tiny.loras import make_lora, make_xl_lora


def painted(folder, *, engine=None, scheduler=None, **details):
    graph = gf.Graph()
    name = graph.checkpoint("base", str(folder), **details)
    given = {} if scheduler is None else {"scheduler": scheduler}
    stage = graph.add("text2img", checkpoint=name, prompt="a red circle", seed=5, num_inference_steps=3, **given)
    graph.output(image=stage.image)
    return (engine or gf).run(graph)["image"].array


def by_hand(pipe):
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(5)
    return np.asarray(pipe("a red circle", num_inference_steps=3, generator=generator).images[0])


def loaded(folder, **options):
    return StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, **options)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_dtype_of_a_checkpoint_equals_the_plain_call(tiny, dtype):
    expected = by_hand(loaded(tiny("sd"), dtype=getattr(torch, dtype)))
    assert np.array_equal(painted(tiny("sd"), dtype=dtype), expected)
    assert not np.array_equal(expected, by_hand(loaded(tiny("sd"))))


def test_the_calls_dtype_is_above_the_checkpoints(tiny):
    with gf.Engine(dtype="bfloat16") as engine:
        found = painted(tiny("sd"), engine=engine, dtype="float16")
        assert {component.spec.dtype for component, _ in engine.pool.loaded if component.nbytes} == {"bfloat16"}
    assert np.array_equal(found, by_hand(loaded(tiny("sd"), dtype=torch.bfloat16)))


def test_two_precisions_are_two_components_of_half_the_bytes(tiny):
    graph = gf.Graph()
    graph.checkpoint("half", str(tiny("sd")), dtype="float16")
    for name in ("half", str(tiny("sd"))):
        graph.add("text2img", checkpoint=name, prompt="x", num_inference_steps=2)
    uses = [step.uses["unet"] for step in graph.plan().steps if "unet" in step.uses]
    assert len({one.identity for one in uses}) == 2
    assert 2 * min(one.nbytes for one in uses) == max(one.nbytes for one in uses)


def test_variant_chooses_the_files(tiny):
    expected = by_hand(loaded(tiny("sd_fp16"), variant="fp16", dtype=torch.float32))
    assert np.array_equal(painted(tiny("sd_fp16"), variant="fp16"), expected)
    with pytest.raises(gf.InvalidGraph, match="did you mean fp16"):
        gf.Graph().checkpoint("base", str(tiny("sd_fp16")), variant="fp61")


def test_a_part_of_another_checkpoint_takes_its_place(tiny):
    vae = AutoencoderKL.from_pretrained(tiny("sd_other_vae"), subfolder="vae")
    expected = by_hand(loaded(tiny("sd"), vae=vae))
    assert np.array_equal(painted(tiny("sd"), components={"vae": str(tiny("sd_other_vae"))}), expected)
    assert np.array_equal(painted(tiny("sd"), components={"vae": str(tiny("sd_other_vae") / "vae")}), expected)
    assert not np.array_equal(expected, painted(tiny("sd")))


def test_a_replaced_vae_is_the_one_of_the_other_checkpoint_in_the_pool(tiny):
    graph = gf.Graph()
    mixed = graph.checkpoint("mixed", str(tiny("sd")), components={"vae": str(tiny("sd_other_vae"))})
    one = graph.add("text2img", checkpoint=mixed, prompt="x", num_inference_steps=2)
    two = graph.add("img2img", checkpoint=str(tiny("sd_other_vae")), image=one.latents, prompt="x")
    graph.output(image=two.image)
    assert not graph.check().problems
    vaes = {step.uses["vae"].identity for step in graph.plan().steps if "vae" in step.uses}
    assert len(vaes) == 1


@pytest.mark.parametrize(("replaced", "told"), [
    ({"unet": "sd_v"}, "24 wide"),
    ({"text_encoder": "sd_v"}, "they are 24"),
])  # fmt: skip
def test_parts_that_do_not_fit_are_refused(tiny, replaced, told):
    graph = gf.Graph()
    parts = {role: str(tiny(name)) for role, name in replaced.items()}
    graph.add("text2img", checkpoint=graph.checkpoint("mixed", str(tiny("sd")), components=parts), prompt="x")
    (problem,) = graph.check().problems
    assert problem.code == "wrong-part"
    assert told in problem.why


def test_a_part_of_another_class_is_refused(tiny):
    graph = gf.Graph()
    graph.add("text2img", checkpoint=str(tiny("sd_wrong_class")), prompt="x")
    (problem,) = graph.check().problems
    assert problem.code == "wrong-part"
    assert "VQModel" in problem.why


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
def test_loras_equal_the_plain_call(tiny, tmp_path):
    first, second = (
        make_lora(tmp_path / "one.safetensors", 41, text=True),
        make_lora(tmp_path / "two.safetensors", 43, text=True),
    )
    pipe = loaded(tiny("sd"))
    for name, path in (("one", first), ("two", second)):
        pipe.load_lora_weights(path, adapter_name=name)
    pipe.set_adapters(["one", "two"], [0.5, 1.0])
    expected = by_hand(pipe)
    found = painted(tiny("sd"), loras=[{"source": str(first), "scale": 0.5}, str(second)])
    assert np.array_equal(found, expected)
    assert not np.array_equal(found, painted(tiny("sd"), loras=[str(first), str(second)]))


def test_a_lora_changes_no_component_of_anybody_else(tiny, tmp_path):
    lora = str(make_lora(tmp_path / "one.safetensors", 41, text=True))
    graph = gf.Graph()
    graph.checkpoint("styled", str(tiny("sd")), loras=lora)
    pictures = [
        graph.add("text2img", checkpoint=name, prompt="a red circle", seed=5, num_inference_steps=3).image
        for name in (str(tiny("sd")), "styled", str(tiny("sd")))
    ]
    graph.output(**{f"n{number}": picture for number, picture in enumerate(pictures)})
    with gf.Engine() as engine:
        result = engine.run(graph)
        roles = [component.spec.files.role for component, _ in engine.pool.loaded]
    plain_one = plain.text2img(tiny("sd"), "a red circle", seed=5, steps=3)
    assert np.array_equal(result["n0"].array, plain_one)
    assert np.array_equal(result["n2"].array, plain_one)
    assert not np.array_equal(result["n1"].array, plain_one)
    assert roles.count("vae") == 1


def test_a_file_that_is_no_lora_is_refused(tiny):
    vae = tiny("sd") / "vae" / "diffusion_pytorch_model.safetensors"
    with pytest.raises(gf.InvalidGraph, match="is not a LoRA"):
        gf.Graph().checkpoint("base", str(tiny("sd")), loras=str(vae))


def refused_lora(tiny, source) -> gf.Problem:
    with pytest.raises(gf.InvalidGraph) as caught:
        gf.Graph().checkpoint("base", str(tiny("sd")), loras=str(source))
    (problem,) = caught.value.problems
    return problem


def test_a_folder_with_one_lora_is_that_lora(tiny, tmp_path):
    (tmp_path / "style").mkdir()
    lora = make_lora(tmp_path / "style" / "one.safetensors", 41)
    expected = painted(tiny("sd"), loras=[str(lora)])
    assert np.array_equal(painted(tiny("sd"), loras=[str(tmp_path / "style")]), expected)


def test_of_several_loras_in_a_folder_the_usual_name_is_taken_and_else_all_are_told(tiny, tmp_path):
    for name in ("one", "two"):
        make_lora(tmp_path / f"{name}.safetensors", 41)
    problem = refused_lora(tiny, tmp_path)
    assert problem.message.endswith("holds several LoRAs")
    assert problem.why == "one.safetensors, two.safetensors"
    make_lora(tmp_path / "pytorch_lora_weights.safetensors", 43)
    graph = gf.Graph()
    graph.checkpoint("base", str(tiny("sd")), loras=str(tmp_path))
    assert refused_lora(tiny, tiny("sd")).message.endswith("holds no LoRA")


def test_a_repository_with_a_lora_is_found_in_the_hubs_folder(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    problem = refused_lora(tiny, "owner/style@v1")
    fix = "unset HF_HUB_OFFLINE, and get it with: graphflow checkpoints pull owner/style@v1"
    assert (problem.code, problem.fix) == ("checkpoint-missing", fix)
    kept = tmp_path / "hub" / "models--owner--style"
    (kept / "snapshots" / "0123").mkdir(parents=True)
    lora = make_lora(kept / "snapshots" / "0123" / "pytorch_lora_weights.safetensors", 41)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("0123")
    expected = painted(tiny("sd"), loras=[str(lora)])
    assert np.array_equal(painted(tiny("sd"), loras=["owner/style"]), expected)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("hada_w1_a", "LoHa"), ("lokr_w1", "LoKr"), ("oft_blocks", "OFT"), ("lora_mid.weight", "LoCon")],
)
def test_what_lycoris_makes_beside_loras_is_told(tiny, tmp_path, ending, kind):
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_k"
    tensors = {f"{layer}.{ending}": torch.ones(2, 2), f"{layer}.alpha": torch.tensor(1.0)}
    save_file(tensors, tmp_path / "styled.safetensors")
    problem = refused_lora(tiny, tmp_path / "styled.safetensors")
    assert f"is a LyCORIS file of the kind {kind}" in problem.message
    assert "merge it" in problem.fix


@pytest.mark.parametrize("name", CLASSES)
def test_a_scheduler_by_its_class_equals_the_plain_call(tiny, name):
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    expected = plain.text2img(tiny("sd"), "a red circle", seed=5, steps=3, scheduler=name)
    assert np.array_equal(painted(tiny("sd"), scheduler=name), expected)


def test_a_scheduler_of_the_checkpoint_holds_where_the_stage_names_none(tiny):
    choice = {"name": "DPMSolverMultistepScheduler", "use_karras_sigmas": True, "solver_order": 1}
    changes = {"use_karras_sigmas": True, "solver_order": 1}
    expected = plain.text2img(
        tiny("sd"), "a red circle", seed=5, steps=3, scheduler=("DPMSolverMultistepScheduler", changes)
    )
    graph = gf.Graph()
    name = graph.checkpoint("base", str(tiny("sd")), scheduler=choice)
    for given in ({}, {"scheduler": "euler"}):
        graph.add("text2img", checkpoint=name, prompt="a red circle", seed=5, num_inference_steps=3, **given)
    result = gf.run(graph)
    assert np.array_equal(result["text2img"].array, expected)
    euler = ("EulerDiscreteScheduler", {"use_karras_sigmas": False})
    other = plain.text2img(tiny("sd"), "a red circle", seed=5, steps=3, scheduler=euler)
    assert np.array_equal(result["text2img_2"].array, other)


def test_settings_alone_change_the_checkpoints_own_class(tiny):
    graph = gf.Graph()
    name = graph.checkpoint("base", str(tiny("sd_v")), scheduler={"timestep_spacing": "trailing"})
    graph.output(
        image=graph.add("text2img", checkpoint=name, prompt="a red circle", seed=5, num_inference_steps=3).image
    )
    own = diffusers.DDIMScheduler.__name__
    changed = plain.text2img(
        tiny("sd_v"), "a red circle", seed=5, steps=3, scheduler=(own, {"timestep_spacing": "trailing"})
    )
    assert np.array_equal(gf.run(graph)["image"].array, changed)


def test_the_threads_of_an_engine_are_its_own(tiny):
    before = torch.get_num_threads()
    seen = []
    with gf.Engine(threads=2) as engine:
        graph = gf.Graph()
        graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), prompt="x", num_inference_steps=2).image)
        engine.run(graph, on_event=lambda event: seen.append(torch.get_num_threads()))
    assert set(seen) == {2}
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("call", [{"device": "tpu"}, {"dtype": "half"}, {"threads": 0}])
def test_what_no_device_dtype_or_number_of_threads_is_refused(call):
    with pytest.raises(gf.GraphflowError, match=str(next(iter(call.values())))):
        gf.Engine(**call)


def test_alphas_that_a_lora_tells_in_its_metadata_count(tiny, tmp_path):
    first = make_lora(tmp_path / "one.safetensors", 41)
    second = tmp_path / "two.safetensors"
    alphas = {"unet.r": 2, "unet.lora_alpha": 8, "unet.target_modules": ["to_q", "to_k", "to_v", "to_out.0"]}
    save_file(load_file(first), second, {"format": "pt", "lora_adapter_metadata": json.dumps(alphas)})
    pipe = loaded(tiny("sd"))
    pipe.load_lora_weights(second)
    expected = by_hand(pipe)
    with gf.Engine() as engine:
        assert np.array_equal(painted(tiny("sd"), engine=engine, loras=[str(second)]), expected)
        assert not np.array_equal(painted(tiny("sd"), engine=engine, loras=[str(first)]), expected)


def test_a_lora_reaches_both_text_encoders_of_sdxl(tiny, tmp_path):
    path = make_xl_lora(tmp_path / "xl.safetensors", 51)
    pipe = StableDiffusionXLPipeline.from_pretrained(tiny("sdxl"), add_watermarker=False)
    pipe.load_lora_weights(path)
    expected = by_hand(pipe)
    assert np.array_equal(painted(tiny("sdxl"), loras=[str(path)]), expected)
    assert not np.array_equal(painted(tiny("sdxl")), expected)


def test_a_lora_of_another_family_is_refused_before_anything_is_loaded(tiny, tmp_path):
    lora = make_lora(tmp_path / "sd-style.safetensors", 41)
    with pytest.raises(gf.InvalidGraph, match=r"wrong-part: the LoRA sd-style\.safetensors does not fit") as told:
        painted(tiny("sdxl"), loras=[str(lora)])
    assert "cross_attention_dim 16" in str(told.value)
    both = make_xl_lora(tmp_path / "xl.safetensors", 51)
    with pytest.raises(gf.InvalidGraph, match="changes a text_encoder_2, and the checkpoint has none"):
        painted(tiny("sd"), loras=[str(both)])


def test_a_lora_with_kohyas_names_is_measured_too(tiny, tmp_path):
    for prefix, width in (
        ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", 768),
        ("lora_te_text_model_encoder_layers_0_self_attn_q_proj", 768),
    ):
        tensors = {f"{prefix}.lora_down.weight": torch.zeros(4, width), f"{prefix}.lora_up.weight": torch.zeros(8, 4)}
        save_file(tensors, tmp_path / "kohya.safetensors")
        with pytest.raises(gf.InvalidGraph, match=r"_(dim|size) 768, and this one has 16"):
            painted(tiny("sd"), loras=[str(tmp_path / "kohya.safetensors")])


def test_details_keep_their_meaning_when_a_graph_is_saved_elsewhere(tiny, tmp_path, monkeypatch):
    for name in ("sd", "sd_other_vae"):
        shutil.copytree(tiny(name), tmp_path / name)
    make_lora(tmp_path / "lora.safetensors", 41)
    monkeypatch.chdir(tmp_path)
    graph = gf.Graph()
    details = {"components": {"vae": "sd_other_vae"}, "loras": [{"source": "lora.safetensors", "scale": 0.5}]}
    name = graph.checkpoint("base", "sd", **details)
    stage = graph.add("text2img", checkpoint=name, prompt="a red circle", seed=5, num_inference_steps=3)
    graph.output(image=stage.image)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    graph.save(tmp_path / "deep" / "er" / "saved.yaml")
    monkeypatch.chdir(tmp_path / "deep")
    again = gf.load("er/saved.yaml")
    assert again == graph
    assert np.array_equal(gf.run(again)["image"].array, gf.run(graph)["image"].array)


@pytest.mark.parametrize(("details", "told"), [
    ({"components": {"text_encoder_2": "x"}}, "has no text_encoder_2"),
    ({"revision": "main"}, "owner/name@revision"),
    ({"variant": "fp16"}, "leave variant out"),
])  # fmt: skip
def test_details_that_say_nothing_are_refused(tiny, details, told):
    graph = gf.Graph()
    with pytest.raises(gf.InvalidGraph, match=told):
        graph.checkpoint("base", str(tiny("sd")), **details)
    assert graph.document.checkpoints == {}


@pytest.mark.parametrize(("name", "source", "details", "told"), [
    ("base", "sd", {"dtpye": "float16"}, "unknown-key: the checkpoint base has no key dtpye\n.*mean dtype"),
    ("base", "nowhere", {}, "checkpoint-missing: the checkpoint .*nowhere does not exist"),
    ("My base", "sd", {}, "bad-name: 'My base' is not a valid name for a checkpoint"),
])  # fmt: skip
def test_a_wrong_checkpoint_is_refused_where_it_is_named(tiny, tmp_path, name, source, details, told):
    graph = gf.Graph()
    with pytest.raises(gf.InvalidGraph, match=told):
        graph.checkpoint(name, str(tiny(source) if source == "sd" else tmp_path / source), **details)
    assert graph.document.checkpoints == {}


def test_a_model_without_weights_is_told_by_check(tiny, tmp_path):
    folder = tmp_path / "sd"
    shutil.copytree(tiny("sd"), folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    graph = gf.Graph()
    with pytest.raises(gf.InvalidGraph, match="no weights of its UNet2DConditionModel"):
        graph.add("text2img", checkpoint=str(folder), prompt="x")


def test_a_link_that_leads_nowhere_disturbs_nobody(tiny, tmp_path):
    folder = tmp_path / "sd"
    shutil.copytree(tiny("sd"), folder)
    (folder / "README.md").symlink_to(tmp_path / "nowhere")
    assert painted(folder).shape == (64, 64, 3)


def test_a_lora_is_found_by_its_name_in_the_models_folders(tiny, tmp_path, monkeypatch):
    lora = make_lora(tmp_path / "style.safetensors", 41)
    expected = painted(tiny("sd"), loras=[str(lora)])
    monkeypatch.setenv(MODELS_VARIABLE, f"{tmp_path / 'none'}:{tmp_path}")
    assert np.array_equal(painted(tiny("sd"), loras=[{"source": "style.safetensors", "scale": 1.0}]), expected)
    assert refused_lora(tiny, "stile.safetensors").fix == "did you mean style.safetensors?"


def test_all_wrong_details_of_an_entry_are_reported(tiny, tmp_path):
    (tmp_path / "graph.yaml").write_text(
        f"""\
graphflow: 1
checkpoints:
  base:
    source: {tiny("sd")}
    dtype: flaot16
    loras: [./one.safetensors, ./two.pt]
    embeddings: [./three.safetensors]
nodes:
  paint: {{type: text2img, checkpoint: base, prompt: x}}
"""
    )
    problems = gf.load(tmp_path / "graph.yaml").check().problems
    assert [(one.place.line, one.level.name) for one in problems] == [(line, "PROBLEM") for line in (5, 6, 6, 7)]
