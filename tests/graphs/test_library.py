"""What holds for every graph of the library: it checks without a word, explains itself, and shares its parts."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import yaml

import graphflow as gf
from graphflow import library
from graphflow_embedded.make import judge
from tests.graphs.library import FROM_HUB, GRAPHS, HUB, checkpoints

TEMPLATES = library.templates()
DOCUMENTS = {**GRAPHS, **{f"templates/{name}": path for name, path in TEMPLATES.items()}}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_checks_without_problem_warning_or_hint(tiny, name):
    given = checkpoints(name, tiny) if name in FROM_HUB else {}
    # Sizes for published checkpoints are large for those that stand in.
    spared = {"unusual-size"} if name in FROM_HUB else set()
    assert [problem for problem in gf.load(GRAPHS[name]).check(given).problems if problem.code not in spared] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_called_as_its_file_and_explains_itself_and_its_inputs(name):
    document = yaml.safe_load(DOCUMENTS[name].read_text())
    assert document["name"] == DOCUMENTS[name].stem
    assert document["description"].endswith(".")
    assert [key for key, declared in document["inputs"].items() if not declared.get("description")] == []


@pytest.mark.parametrize("name", GRAPHS)
def test_every_input_of_a_graph_has_a_default_and_every_checkpoint_is_an_input(name):
    document = yaml.safe_load(GRAPHS[name].read_text())
    assert [key for key, declared in document["inputs"].items() if "default" not in declared] == []
    assert "embedded/" not in str(document["nodes"])


@pytest.mark.parametrize("name", FROM_HUB)
def test_checkpoints_are_all_embedded_or_all_published(name):
    """A small checkpoint's picture of 128 × 128 pixels would say nothing of one that is made for larger ones."""
    inputs = yaml.safe_load(GRAPHS[name].read_text())["inputs"].values()
    assert {one["default"] for one in inputs if one["type"] == "checkpoint"} <= {*HUB}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_fit_a_screen(name):
    assert [line for line in DOCUMENTS[name].read_text().splitlines() if len(line) > 120] == []


SHOWN: dict[str, dict[str, tuple[str, ...]]] = {
    "animation": {"frames": 4 * ("plain orange circle, hills",) + 4 * ("plain yellow circle, hills",)},
    "controlnet_depth_img2img": {"image": ("sketch blue heart, sea",), "repainted": ("plain blue heart, sea",)},
    "controlnet_inpaint": {"image": ("plain red heart, road",)},
    "controlnet_inpaint_style": {"image": ("sketch red heart, road",), "filled": ("plain red heart, road",)},
    "erase": {"images": 2 * ("plain white none, road",)},
    "guidance_comparison": {"images": 3 * ("plain red heart, road",)},
    "img2img": {"image": ("plain yellow circle, hills",)},
    "inpaint": {"image": ("plain red heart, road",)},
    "inpaint_img2img": {"image": ("plain red heart, road",), "filled": ("plain red heart, road",)},
    "keep_unmasked": {"image": ("plain red heart, road",), "hard": ("plain red heart, road",)},
    "negative_prompt": {"images": ("plain purple heart, road", "plain orange heart, road")},
    "regular_inpaint": {"regular": ("plain red heart, road",), "inpainting": ("plain red heart, road",)},
    "strength_comparison": {"images": 3 * ("plain red heart, road",)},
    "text2img": {"image": ("plain yellow circle, night sky",)},
    "text_to_img2img": {"first": ("plain green circle, sea",), "image": ("sketch green circle, sea",)},
    "text_to_inpaint": {"first": ("plain green none, hills",), "image": ("plain red heart, hills",)},
    "three_styles": {"image": ("sketch red heart, sea",)},
    "weighted_prompt": {"images": 3 * ("plain blue heart, road",)},
}
"""Graph → output → what is to be seen on its pictures: style, colour, shape and place."""


def seen(picture: gf.Image) -> str:
    """What the judge, which was trained on drawn pictures alone, sees on a picture."""
    read = judge.in_words(np.array(picture.pil().resize((128, 128))))
    return "{style} {colour} {shape}, {background}".format_map(read)


@pytest.fixture(scope="module")
def engine():
    with gf.Engine() as engine:
        yield engine


@pytest.mark.parametrize("name", sorted({*GRAPHS} - {*FROM_HUB}))
def test_a_graph_with_embedded_checkpoints_runs_as_it_stands(engine, name):
    outputs = engine.run(name).outputs
    listed = {key: value if isinstance(value, tuple) else (value,) for key, value in outputs.items()}
    pictures = [one for values in listed.values() for one in values]
    assert pictures
    assert all(picture.array.std() > 5 for picture in pictures if not isinstance(picture, gf.Animation))
    for key, shown in SHOWN.get(name, {}).items():
        assert tuple(map(seen, listed[key])) == shown


def test_every_template_is_used_by_two_graphs_or_more():
    uses = Counter()
    for path in GRAPHS.values():
        nodes = yaml.safe_load(path.read_text())["nodes"].values()
        uses.update({node["template"] for node in nodes if "template" in node})
    assert {name: uses[name] for name in TEMPLATES if uses[name] < 2} == {}


def test_graphs_lists_every_graph_and_template_with_its_description():
    listed = subprocess.run([sys.executable, "-m", "graphflow", "graphs"], capture_output=True, text=True, check=True)
    graphs, templates = listed.stdout.removeprefix("graphs:\n").split("templates:\n")
    offline, downloading = graphs.split("graphs with checkpoints of the model hub, which the first run downloads:\n")
    named = {name: GRAPHS[name] for name in FROM_HUB}
    for shown, files in (
        (offline, {name: path for name, path in GRAPHS.items() if name not in named}),
        (downloading, named),
        (templates, TEMPLATES),
    ):
        described = {name: yaml.safe_load(path.read_text())["description"] for name, path in files.items()}
        assert dict(line.split(maxsplit=1) for line in shown.splitlines()) == described
