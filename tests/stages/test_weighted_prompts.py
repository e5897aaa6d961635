"""encode_prompt gives the bytes of compel's embeddings in the plain call, and stages refuse what they cannot read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import graphflow as gf
from tests import plain

LONG = "a red circle, " * 30 + "(a blue star)1.4"
TEXTS = [
    ("a (red)1.5 circle", "blue"),
    ("a red++ circle, (sea)0.4", "(blue)1.3"),
    ('("a red circle", "a blue star").blend(1, 0.5)', ""),
    ('("a red circle", "a (blue)1.2 star").and(1, 0.7)', "blue"),
    (LONG, "blue"),
    ("a red circle", LONG),
    (LONG, LONG + " and a green one, " * 30),
]


def painted(folder, prompt, negative_prompt=None, *, encoder=None, stage=None, **texts):
    """The picture of a text2img that reads an encode_prompt."""
    graph = gf.Graph()
    given = {} if negative_prompt is None else {"negative_prompt": negative_prompt}
    text = graph.add("encode_prompt", id="text", checkpoint=str(encoder or folder), prompt=prompt, **given, **texts)
    call = {"num_inference_steps": 3, "seed": 5, **(stage or {})}
    graph.output(image=graph.add("text2img", id="paint", checkpoint=str(folder), prompt=text, **call).image)
    return graph


def array(graph):
    return gf.run(graph)["image"].array


@pytest.mark.parametrize("name", ["sd", "sd_v"])
@pytest.mark.parametrize(("prompt", "negative"), TEXTS)
def test_sd_equals_compel_in_the_plain_call(tiny, name, prompt, negative):
    call = {"seed": 5, "steps": 3}
    found = array(painted(tiny(name), prompt, negative))
    assert np.array_equal(found, plain.weighted(tiny(name), prompt, negative, **call))
    assert not np.array_equal(found, plain.text2img(tiny(name), "a red circle", negative, **call))


@pytest.mark.parametrize(("prompt", "negative"), [*TEXTS[:3], *TEXTS[4:]])
def test_sdxl_equals_compel_in_the_plain_call(tiny, prompt, negative):
    found = array(painted(tiny("sdxl"), prompt, negative))
    assert np.array_equal(found, plain.weighted_xl(tiny("sdxl"), prompt, negative, seed=5, steps=3))
    assert not np.array_equal(found, plain.xl_text2img(tiny("sdxl"), "a red circle", negative, seed=5, steps=3))


@pytest.mark.parametrize(
    "second",
    [
        {"prompt_2": "a (green)1.3 ring"},
        {"prompt_2": LONG},
        {"prompt_2": "a ring", "negative_prompt_2": "a (cross)1.2"},
        {"negative_prompt_2": LONG},
    ],
)
def test_the_second_text_encoder_reads_a_text_of_its_own(tiny, second):
    found = array(painted(tiny("sdxl"), "a (red)1.5 circle", "blue", **second))
    call = {"seed": 5, "steps": 3, **second}
    assert np.array_equal(found, plain.weighted_xl(tiny("sdxl"), "a (red)1.5 circle", "blue", **call))
    assert not np.array_equal(found, plain.weighted_xl(tiny("sdxl"), "a (red)1.5 circle", "blue", seed=5, steps=3))


def test_sdxl_takes_zeros_for_a_negative_text_that_is_not_given(tiny):
    found = array(painted(tiny("sdxl"), "a (red)1.5 circle"))
    assert np.array_equal(found, plain.weighted_xl(tiny("sdxl"), "a (red)1.5 circle", seed=5, steps=3))


@pytest.mark.parametrize("name", ["sd", "sd_v", "sd_fp16", "sdxl", "sdxl_refiner"])
@pytest.mark.parametrize("text", ["a red circle, sea", "a red circle", "", "Red,  star.", LONG.replace("(", "")[:70]])
def test_a_text_without_weights_is_encoded_as_a_stage_encodes_it(tiny, name, text):
    graph = gf.Graph()
    graph.output(text=graph.add("encode_prompt", checkpoint=str(tiny(name)), prompt=text, negative_prompt="blue"))
    found = gf.run(graph)["text"].tensors
    for given, prefix in ((text, ""), ("blue", "negative_")):
        for key, expected in of_a_stage(tiny(name), given).items():
            assert torch.equal(found[prefix + key], expected)


def of_a_stage(folder, text):
    """The tensors that a stage's own steps give."""
    from graphflow.execute.loader import load
    from graphflow_nodes.planning.texts import text_step
    from graphflow_nodes.steps.conditioning import joined
    from tests.shipped import read_checkpoint

    checkpoint = read_checkpoint("given", folder)
    made = []
    for reader in checkpoint.family.texts:
        step = text_step(checkpoint, reader, reader.encode, "x", "prompt", clip_skip=None)
        made.append(reader.encode(text, Borrowed({role: load(one) for role, one in step.uses.items()})).tensors)
    return joined(made, checkpoint.family.joined)


class Borrowed:
    def __init__(self, components):
        self.borrow = components.__getitem__

    def warn(self, *words):
        raise AssertionError(words)


@pytest.mark.parametrize("stage", ["img2img", "inpaint"])
def test_other_stages_read_it_too(tiny, picture, mask, stage):
    graph = gf.Graph()
    ports = {"image": graph.input("image", "image")} | ({"mask": graph.input("mask", "mask")} if mask else {})
    ports = ports if stage == "inpaint" else {"image": ports["image"]}
    text = graph.add("encode_prompt", checkpoint=str(tiny("sd")), prompt="a red circle", negative_prompt="blue")
    call = {"checkpoint": str(tiny("sd")), "num_inference_steps": 3, "seed": 5}
    graph.output(
        weighted=graph.add(stage, id="one", prompt=text, **ports, **call).image,
        plain=graph.add(stage, id="two", prompt="a red circle", negative_prompt="blue", **ports, **call).image,
    )
    given = {"image": picture, "mask": mask}
    found = gf.run(graph, inputs={name: given[name] for name in graph.document.inputs})
    assert found["weighted"] == found["plain"]


def problems(graph):
    with pytest.raises(gf.InvalidGraph) as caught:
        graph.plan()
    return [(problem.code, f"{problem.message}; {problem.why}; {problem.fix}") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a (cat", "a ( is not closed; character 3 "),
        ("a cat)1.5", "a ) closes nothing; character 6 "),
        ('("a", "b").blend(1)', "it has 1 for 2"),
        ('("a", "b).blend(1, 1)', "a ) closes nothing; character 9 "),
        ('("a", "b").and() c', "the text after .and() is not read; character 18 "),
        ('a ("a", "b").and()', ".and() is not at the end"),
        ('("a", "b").blend(x, 1)', "x is not a number"),
        ('("a", "b").blend(1, -1)', "add up to 0"),
        ("a cat.swap(dog)", ".swap() is not supported"),
        ("(((((( a ))))))", "too many parentheses"),
        ("()", "there is no text"),
    ],
)
def test_a_mistake_in_the_syntax_is_reported_with_its_place(tiny, prompt, words):
    ((code, text),) = problems(painted(tiny("sd"), prompt, ""))
    assert code == "node"
    assert words in text


@gf.node(version=1, environment="pure")
def broken_text() -> str:
    """Return a text with a mistake."""
    return "a (cat"


def test_a_text_that_is_made_in_the_run_is_checked_then(tiny):
    catalog = gf.default_catalog().extended(broken_text)
    graph = gf.Graph(catalog=catalog)
    graph.output(text=graph.add("encode_prompt", checkpoint=str(tiny("sd")), prompt=graph.add("broken_text")))
    assert graph.check().problems == ()
    with pytest.raises(gf.RunFailed, match="a \\( is not closed"):
        gf.run(graph, catalog=catalog)


@pytest.mark.parametrize("prompt", ["(red:1.5) circle", "a circle <lora:paint:1>"])
def test_syntax_of_another_tool_is_a_warning(tiny, prompt):
    (problem,) = painted(tiny("sd"), prompt, "").check().problems
    assert problem.code == "no-effect"


def test_a_negative_text_is_needed_for_guidance(tiny):
    ((_, text),) = problems(painted(tiny("sd"), "a (red)1.5 circle"))
    assert "paint: text.conditioning has no negative text; guidance_scale is 7.5" in text
    found = array(painted(tiny("sd"), "a (red)1.5 circle", stage={"guidance_scale": 1}))
    expected = plain.weighted(tiny("sd"), "a (red)1.5 circle", seed=5, steps=3, guidance=1)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("encoder", "stage", "words"),
    [
        ("sdxl", "sd", "it is the last but one hidden state of a text encoder, but {} reads the last hidden state"),
        ("sd_v", "sd", "it has 24 numbers for each token, but {} reads "),
        ("sdxl_refiner", "sdxl", "numbers for each token, but {} reads "),
    ],
)
def test_a_conditioning_for_another_family_is_refused(tiny, encoder, stage, words):
    ((_, text),) = problems(painted(tiny(stage), "a circle", "", encoder=tiny(encoder)))
    assert words.format(tiny(stage)) in text


@pytest.mark.parametrize("port", ["prompt_2", "negative_prompt_2"])
@pytest.mark.parametrize("name", ["sd", "sdxl_refiner"])
def test_a_second_text_needs_two_text_encoders(tiny, name, port):
    graph = gf.Graph()
    texts = {"prompt": "a", "negative_prompt": "b", port: "c"}
    graph.output(text=graph.add("encode_prompt", checkpoint=str(tiny(name)), **texts))
    ((_, text),) = problems(graph)
    assert f"{port} cannot be used with" in text


def test_a_text_is_encoded_once_and_with_the_stages_components(tiny, counted):
    counts, loader = counted
    folder = str(tiny("sd"))
    graph = gf.Graph()
    texts = [
        graph.add("encode_prompt", checkpoint=folder, prompt=prompt, negative_prompt="b") for prompt in ("(a)1.2", "c")
    ]
    images = [graph.add("text2img", checkpoint=folder, prompt=text, num_inference_steps=1, seed=1) for text in texts]
    last = graph.add("text2img", checkpoint=folder, prompt="a", num_inference_steps=1, seed=1)
    graph.output(one=images[0].image, two=images[1].image, last=last.image)
    names = [step.path.rpartition("/")[2] for step in graph.plan().steps]
    assert names.count("encode_negative_1") == 1
    assert [name for name in names if "padding" in name] == []
    with gf.Engine(loader=loader) as engine:
        engine.run(graph)
    assert counts["text_encoder"] == counts["tokenizer"] == 1


def test_a_text_that_is_cut_for_the_pooled_embedding_is_a_warning(tiny):
    warnings = [event for event in events(painted(tiny("sdxl"), LONG, "")) if type(event).__name__ == "StepWarned"]
    assert len(warnings) == 1


def events(graph):
    seen = []
    with gf.Engine() as engine:
        engine.run(graph, on_event=seen.append)
    return seen


@pytest.mark.parametrize(
    ("port", "text", "words"),
    [
        ("prompt", "a (red:1.5) circle", "(red:1.5) has no effect in prompt"),
        ("prompt", "a (red)1.5 circle", "(red)1.5 has no effect in prompt"),
        ("prompt", "a red++ circle", "red++ has no effect in prompt"),
        ("negative_prompt", '("a", "b").blend(1, 1)', "has no effect in negative_prompt"),
        ("prompt", "a circle <lora:paint:1>", "<lora:paint:1> has no effect in prompt"),
        ("prompt", "a circle (red), 3-2 a+b", ""),
    ],
)
def test_weights_in_a_stages_plain_text_are_a_hint(tiny, port, text, words):
    graph = gf.Graph()
    call = {"prompt": "a", port: text}
    graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), **call).image)
    found = graph.check().problems
    assert [problem.code for problem in found] == (["node-hint"] if words else [])
    assert all(words in problem.message for problem in found)


def test_without_compel_the_fix_is_its_installation(tiny, monkeypatch):
    from graphflow_nodes.conditioning import encode_prompt

    monkeypatch.setattr(encode_prompt, "find_spec", lambda name: None)
    ((_, text),) = problems(painted(tiny("sd"), "a", ""))
    assert "it needs compel, which is not installed; pip install 'graphflow-diffusion[compel]'" in text
