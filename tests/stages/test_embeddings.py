"""Embeddings give the bytes of the plain call with load_textual_inversion, and change nothing of another stage."""

from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from compel import CompelForSD, CompelForSDXL, DiffusersTextualInversionManager
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

import graphflow as gf
from graphflow.checkpoints.models_folders import MODELS_VARIABLE
from graphflow.execute.loader import load
from tests import plain
from tests.tiny.embeddings import make_embedding, make_xl_embedding, vectors
from tests.tiny.loras import make_lora

PROMPT, NEGATIVE = "a <dragon> in a red circle", "a <dragon>, blue"


def painted(source, prompt=PROMPT, negative=NEGATIVE, *, engine=None, **details):
    graph = gf.Graph()
    graph.checkpoint("base", str(source), **details)
    texts = {"prompt": prompt, "negative_prompt": negative}
    graph.output(image=graph.add("text2img", checkpoint="base", seed=5, num_inference_steps=3, **texts).image)
    return (engine or gf).run(graph)["image"].array


def by_hand(pipe, prompt=PROMPT, negative=NEGATIVE, **more):
    pipe.set_progress_bar_config(disable=True)
    texts = {} if prompt is None else {"prompt": prompt, "negative_prompt": negative}
    generator = torch.Generator().manual_seed(5)
    return np.asarray(pipe(**texts, num_inference_steps=3, generator=generator, **more).images[0])


def sd(folder, *files, **load):
    """The plain pipeline with embeddings: paths, or pairs of a path and a word."""
    pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, **load)
    for file in files:
        path, token = file if isinstance(file, tuple) else (file, None)
        pipe.load_textual_inversion(str(path), token=token)
    return pipe


def xl(folder, path, token):
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    tensors = load_file(path)
    for key, end in (("clip_l", ""), ("clip_g", "_2")):
        parts = {role: getattr(pipe, f"{role}{end}") for role in ("text_encoder", "tokenizer")}
        pipe.load_textual_inversion(tensors[key], token=token, **parts)
    return pipe


@pytest.mark.parametrize("count", [1, 3])
def test_word_of_diffusers_format_equals_the_plain_call(tiny, tmp_path, count):
    file = make_embedding(tmp_path / "any.safetensors", 71, count=count)
    found = painted(tiny("sd"), embeddings=[str(file)])
    assert np.array_equal(found, by_hand(sd(tiny("sd"), file)))
    assert not np.array_equal(found, painted(tiny("sd")))


@pytest.mark.parametrize("key", ["emb_params", "string_to_param.*"])
def test_word_of_a_file_without_one_is_the_name_of_the_file(tiny, tmp_path, key):
    file = make_embedding(tmp_path / "EasyDragon.safetensors", 72, count=2, key=key)
    texts = "an EasyDragon, red", "EasyDragon"
    found = painted(tiny("sd"), *texts, embeddings=str(file))
    assert np.array_equal(found, by_hand(sd(tiny("sd"), (file, "EasyDragon")), *texts))
    assert not np.array_equal(found, painted(tiny("sd"), *texts))


def test_several_words_one_of_them_renamed_equal_the_plain_call(tiny, tmp_path):
    one = make_embedding(tmp_path / "one.safetensors", 73, count=2)
    two = make_embedding(tmp_path / "two.safetensors", 74)
    texts = "a <dragon> and a <knight>", "a <knight>"
    found = painted(tiny("sd"), *texts, embeddings=[str(one), {"source": str(two), "token": "<knight>"}])
    assert np.array_equal(found, by_hand(sd(tiny("sd"), one, (two, "<knight>")), *texts))


@pytest.mark.parametrize("count", [1, 2])
def test_words_for_both_encoders_of_sdxl_equal_the_plain_call(tiny, tmp_path, count):
    file = make_xl_embedding(tmp_path / "dragon_x.safetensors", 75, count=count)
    texts = "a dragon_x in a red circle", "dragon_x"
    found = painted(tiny("sdxl"), *texts, embeddings=[str(file)])
    assert np.array_equal(found, by_hand(xl(tiny("sdxl"), file, "dragon_x"), *texts))
    assert not np.array_equal(found, painted(tiny("sdxl"), *texts))


def test_word_for_one_encoder_of_sdxl_equals_the_plain_call(tiny, tmp_path):
    file = make_embedding(tmp_path / "any.safetensors", 71)
    pipe = StableDiffusionXLPipeline.from_pretrained(tiny("sdxl"), add_watermarker=False)
    pipe.load_textual_inversion(str(file))
    assert np.array_equal(painted(tiny("sdxl"), embeddings=[str(file)]), by_hand(pipe))


def test_word_with_a_lora_of_the_text_encoder_equals_the_plain_call(tiny, tmp_path):
    file = make_embedding(tmp_path / "any.safetensors", 71, count=2)
    lora = make_lora(tmp_path / "lora.safetensors", 41, text=True)
    pipe = sd(tiny("sd"), file)
    pipe.load_lora_weights(lora)
    assert np.array_equal(painted(tiny("sd"), embeddings=str(file), loras=str(lora)), by_hand(pipe))


def test_word_in_other_precisions_and_layouts_equals_the_plain_call(tiny, tmp_path):
    file = make_embedding(tmp_path / "any.safetensors", 71, count=2)
    found = painted(tiny("sd"), embeddings=[str(file)], dtype="bfloat16")
    assert np.array_equal(found, by_hand(sd(tiny("sd"), file, dtype=torch.bfloat16)))
    assert np.array_equal(painted(tiny("sd_old"), embeddings=[str(file)]), by_hand(sd(tiny("sd_old"), file)))


@pytest.mark.parametrize("count", [1, 3])
def test_weighted_text_with_a_word_equals_compel_in_the_plain_call(tiny, tmp_path, count):
    file = make_embedding(tmp_path / "any.safetensors", 71, count=count)
    prompt, negative = "a (<dragon>)1.5 in a red circle", "(<dragon>)1.2, blue"
    pipe = sd(tiny("sd"), file)
    with torch.no_grad():
        texts = CompelForSD(pipe, DiffusersTextualInversionManager(pipe))(prompt, negative)
    embeds = {"prompt_embeds": texts.embeds, "negative_prompt_embeds": texts.negative_embeds}
    expected = by_hand(pipe, None, **embeds)
    assert np.array_equal(weighted(tiny("sd"), prompt, negative, embeddings=[str(file)]), expected)


def test_weighted_text_with_words_of_sdxl_equals_compel_in_the_plain_call(tiny, tmp_path):
    file = make_xl_embedding(tmp_path / "dragon_x.safetensors", 75, count=2)
    prompt, negative = "a (dragon_x)1.5 in a red circle", "(dragon_x)1.2, blue"
    pipe = xl(tiny("sdxl"), file, "dragon_x")
    with torch.no_grad():
        texts = CompelForSDXL(pipe, DiffusersTextualInversionManager(pipe))(prompt, negative_prompt=negative)
    embeds = {
        "prompt_embeds": texts.embeds,
        "negative_prompt_embeds": texts.negative_embeds,
        "pooled_prompt_embeds": texts.pooled_embeds,
        "negative_pooled_prompt_embeds": texts.negative_pooled_embeds,
    }
    expected = by_hand(pipe, None, **embeds)
    assert np.array_equal(weighted(tiny("sdxl"), prompt, negative, embeddings=[str(file)]), expected)


def test_word_of_more_vectors_than_a_window_is_read_in_several(tiny, tmp_path):
    file = make_embedding(tmp_path / "any.safetensors", 71, count=90)
    pipe = sd(tiny("sd"), file)
    with torch.no_grad():
        texts = CompelForSD(pipe, DiffusersTextualInversionManager(pipe))("(<dragon>)1.1", "blue")
    assert texts.embeds.shape[1] == 2 * pipe.tokenizer.model_max_length
    embeds = {"prompt_embeds": texts.embeds, "negative_prompt_embeds": texts.negative_embeds}
    expected = by_hand(pipe, None, **embeds)
    assert np.array_equal(weighted(tiny("sd"), "(<dragon>)1.1", "blue", embeddings=[str(file)]), expected)


def weighted(source, prompt, negative, **details):
    graph = gf.Graph()
    graph.checkpoint("base", str(source), **details)
    text = graph.add("encode_prompt", checkpoint="base", prompt=prompt, negative_prompt=negative)
    graph.output(image=graph.add("text2img", checkpoint="base", prompt=text, seed=5, num_inference_steps=3).image)
    return gf.run(graph)["image"].array


def test_word_changes_no_component_of_another_stage_and_unet_and_vae_are_shared(tiny, tmp_path):
    file = make_embedding(tmp_path / "any.safetensors", 71, count=2)
    graph = gf.Graph()
    graph.checkpoint("worded", str(tiny("sd")), embeddings=str(file))
    for number, name in enumerate((str(tiny("sd")), "worded", str(tiny("sd")))):
        stage = graph.add("text2img", checkpoint=name, prompt=PROMPT, seed=5, num_inference_steps=3)
        graph.output(**{f"n{number}": stage.image})
    counts: Counter[str] = Counter()

    def loader(component):
        counts[component.spec.files.role] += 1
        return load(component)

    with gf.Engine(loader=loader) as engine:
        result = engine.run(graph)
    expected = plain.text2img(tiny("sd"), PROMPT, seed=5, steps=3)
    assert np.array_equal(result["n0"].array, expected)
    assert np.array_equal(result["n2"].array, expected)
    assert np.array_equal(result["n1"].array, by_hand(sd(tiny("sd"), file), PROMPT, None))
    assert counts == {"unet": 1, "vae": 1, "text_encoder": 2, "tokenizer": 2}


def test_two_entries_with_equal_words_share_the_text_encoder_and_others_do_not(tiny, tmp_path):
    one = make_embedding(tmp_path / "one.safetensors", 71)
    shutil.copy(one, tmp_path / "copy.safetensors")
    other = make_embedding(tmp_path / "other.safetensors", 72)
    words = [str(one), str(tmp_path / "copy.safetensors"), str(other), {"source": str(one), "token": "<x>"}]
    graph = gf.Graph()
    for number, word in enumerate(words):
        graph.checkpoint(f"c{number}", str(tiny("sd")), embeddings=[word])
        stage = graph.add("text2img", checkpoint=f"c{number}", prompt=PROMPT, num_inference_steps=2)
        graph.output(**{f"n{number}": stage.image})
    uses = [step.uses for step in graph.plan().steps]
    encoders = {one["text_encoder"].identity for one in uses if "text_encoder" in one}
    assert len(encoders) == 3
    assert len({one["tokenizer"].identity for one in uses if "tokenizer" in one}) == 2
    assert len({one["unet"].identity for one in uses if "unet" in one}) == 1


def test_an_engine_keeps_a_result_only_while_the_file_is_the_same(tiny, tmp_path):
    with gf.Engine() as engine:
        file = make_embedding(tmp_path / "any.safetensors", 71)
        first = painted(tiny("sd"), engine=engine, embeddings=[str(file)])
        make_embedding(file, 72)
        second = painted(tiny("sd"), engine=engine, embeddings=[str(file)])
    assert not np.array_equal(first, second)
    assert np.array_equal(second, by_hand(sd(tiny("sd"), file)))


def test_word_is_found_by_its_name_in_the_models_folders(tiny, tmp_path, monkeypatch):
    file = make_embedding(tmp_path / "dragon_file.safetensors", 71)
    expected = painted(tiny("sd"), embeddings=[str(file)])
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    assert np.array_equal(painted(tiny("sd"), embeddings=["dragon_file.safetensors"]), expected)
    assert refused(tiny("sd"), "dragon_fiel.safetensors").fix == "did you mean dragon_file.safetensors?"


def test_details_keep_their_meaning_when_a_graph_is_saved_elsewhere(tiny, tmp_path, monkeypatch):
    make_embedding(tmp_path / "one.safetensors", 71)
    monkeypatch.chdir(tmp_path)
    graph = gf.Graph()
    words = [{"source": "one.safetensors", "token": "<x>"}]
    graph.checkpoint("base", str(tiny("sd")), embeddings=words)
    graph.output(image=graph.add("text2img", checkpoint="base", prompt="<x>", num_inference_steps=2).image)
    (tmp_path / "deep").mkdir()
    graph.save(tmp_path / "deep" / "saved.yaml")
    assert "../one.safetensors" in (tmp_path / "deep" / "saved.yaml").read_text()
    assert gf.load("deep/saved.yaml") == graph


def refused(source, *words) -> gf.Problem:
    with pytest.raises(gf.InvalidGraph) as caught:
        gf.Graph().checkpoint("base", str(source), embeddings=[str(one) for one in words])
    (problem,) = caught.value.problems
    return problem


def test_word_for_another_family_is_refused_with_both_widths(tiny, tmp_path):
    file = make_embedding(tmp_path / "wide.safetensors", 71, width=32)
    problem = refused(tiny("sd"), file)
    assert (problem.code, problem.fix) == ("wrong-part", "take an embedding for models of this family")
    assert problem.message == "the embedding wide.safetensors does not fit the checkpoint base"
    assert problem.why == "its vectors have 32 numbers, those of the text_encoder 16"
    assert refused(tiny("sdxl"), file).why.endswith("those of the text_encoder 16 and those of the text_encoder_2 24")
    both = make_xl_embedding(tmp_path / "xl.safetensors", 75)
    assert refused(tiny("sd"), both).why == "it has words for several text encoders: clip_g, clip_l"
    save_file({"clip_l": vectors(1, 1, 16), "clip_g": vectors(1, 1, 20)}, tmp_path / "odd.safetensors")
    problem = refused(tiny("sdxl"), tmp_path / "odd.safetensors")
    assert problem.why == "the vectors of its clip_g have 20 numbers, those of the text_encoder_2 24"


def test_refiner_takes_the_words_of_its_only_encoder(tiny, tmp_path):
    file = make_xl_embedding(tmp_path / "xl.safetensors", 75)

    def refined(**details):
        graph = gf.Graph()
        graph.checkpoint("base", str(tiny("sdxl_refiner")), **details)
        start = graph.add("mask_shape", shape="ellipse", box=[0, 0, 1, 1], width=64, height=64)
        call = {"prompt": "a xl, red", "seed": 5, "num_inference_steps": 3, "strength": 0.8}
        graph.output(image=graph.add("refiner", checkpoint="base", image=start, **call).image)
        return gf.run(graph)["image"].array

    assert not np.array_equal(refined(embeddings=str(file)), refined())


def test_family_without_words_refuses_them(tiny, tmp_path):
    problem = refused(tiny("kandinsky"), make_embedding(tmp_path / "any.safetensors", 71))
    assert problem.why == "words cannot be added to Kandinsky 2.2"


def test_controlnet_refuses_words(tiny, tmp_path):
    graph = gf.Graph()
    graph.checkpoint(
        "net", str(tiny("controlnet_canny")), embeddings=str(make_embedding(tmp_path / "a.safetensors", 1))
    )
    shape = graph.add("mask_shape", shape="ellipse", box=[0, 0, 1, 1], width=64, height=64)
    graph.add("controlnet_condition", checkpoint="net", image=shape)
    (problem,) = graph.check().problems
    assert "embeddings of net cannot be used with a ControlNet" in problem.message


@pytest.mark.parametrize(("key", "why"), [("red</w>", "the tokenizer knows it"), ("r", "the tokenizer knows it")])
def test_word_that_the_tokenizer_knows_is_refused_with_what_to_write(tiny, tmp_path, key, why):
    file = make_embedding(tmp_path / "any.safetensors", 71, key=key)
    problem = refused(tiny("sd"), file)
    assert (problem.code, problem.message) == ("bad-value", f"the checkpoint base has the word {key} already")
    assert problem.why == why
    assert problem.fix == f"give the embedding another word: {{source: any.safetensors, token: <{key}>}}"


def test_word_that_is_added_twice_is_refused(tiny, tmp_path):
    one, two = (make_embedding(tmp_path / f"{name}.safetensors", 71) for name in ("one", "two"))
    problem = refused(tiny("sd"), one, two)
    assert (problem.message, problem.why) == (
        "the checkpoint base has the word <dragon> already",
        "another embedding adds it",
    )


def test_file_that_is_no_embedding_is_refused(tiny, tmp_path):
    lora = make_lora(tmp_path / "lora.safetensors", 41)
    problem = refused(tiny("sd"), lora)
    assert problem.code == "checkpoint-broken"
    assert "is not an embedding of a word" in problem.message
    save_file({"<x>": torch.ones(1, 16, dtype=torch.int64)}, tmp_path / "ints.safetensors")
    assert "is not an embedding of a word" in refused(tiny("sd"), tmp_path / "ints.safetensors").message


def test_pickled_embedding_is_refused_with_what_to_do(tiny, tmp_path):
    (tmp_path / "learned_embeds.bin").write_bytes(b"x")
    for named in (tmp_path / "learned_embeds.bin", tmp_path):
        problem = refused(tiny("sd"), named)
        assert problem.code == "checkpoint-unsafe"
        assert "convert it to .safetensors" in problem.fix


@pytest.mark.parametrize(
    ("prompts", "hinted"),
    [
        (["a red circle"], True),
        (["a red circle", "a <DRAGON>"], False),
        (["a red circle", "a <knight>"], True),
    ],
)
def test_check_hints_at_a_word_that_no_text_has(tiny, tmp_path, prompts, hinted):
    graph = gf.Graph()
    graph.checkpoint("base", str(tiny("sd")), embeddings=str(make_embedding(tmp_path / "any.safetensors", 71)))
    for number, prompt in enumerate(prompts):
        stage = graph.add("text2img", checkpoint="base", prompt=prompt, negative_prompt="blue", seed=number)
        graph.output(**{f"n{number}": stage.image})
    checked = graph.check()
    messages = [(problem.code, problem.message, problem.fix) for problem in checked.problems]
    fix = "write <dragon> in a prompt, or remove the embedding"
    assert messages == ([("node-hint", "no text has the word <dragon> of any.safetensors", fix)] if hinted else [])


def test_check_does_not_hint_if_only_a_negative_or_a_weighted_text_has_the_word(tiny, tmp_path):
    graph = gf.Graph()
    graph.checkpoint("base", str(tiny("sd")), embeddings=str(make_embedding(tmp_path / "any.safetensors", 71)))
    graph.add("text2img", checkpoint="base", prompt="red", negative_prompt="<dragon>")
    assert graph.check().problems == ()
    graph = gf.Graph()
    graph.checkpoint("base", str(tiny("sd")), embeddings=str(tmp_path / "any.safetensors"))
    text = graph.add("encode_prompt", checkpoint="base", prompt="(<dragon>)1.2", negative_prompt="")
    graph.add("text2img", checkpoint="base", prompt=text)
    assert graph.check().problems == ()
