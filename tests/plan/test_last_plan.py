"""A graph that is run again is planned again only if something may have changed its plan."""

from pathlib import Path

import pytest
from PIL import Image

import graphflow as gf
from graphflow.plan import savings
from graphflow.system.device import Compute
from tests.plan.toys import graph

SUM = """
inputs: {start: {type: int, default: 1}, names: {type: list of string, default: [a]}}
nodes:
  first: {type: number, value: $start}
  words: {type: join, words: $names}
  second: {type: add, a: $first, plus: 2}
outputs: {end: $second, words: $words}
"""


def test_an_unchanged_graph_is_planned_once() -> None:
    g = graph(SUM)
    assert g.plan() is g.plan({}) is g.plan(seed=None, only=())
    assert g.plan({"start": 3, "names": ["b"]}, seed=4) is g.plan({"start": 3, "names": ["b"]}, seed=4)
    with gf.Engine() as engine:
        assert engine.run(g, inputs={"start": 3})["end"] == engine.run(g, inputs={"start": 3})["end"] == 5
        assert engine.run(g, inputs={"start": 4})["end"] == 6


@pytest.mark.parametrize(
    "other",
    [
        {"inputs": {"start": 2}},
        {"inputs": {"start": True}},
        {"inputs": {"names": ["a", "b"]}},
        {"seed": 2},
        {"seed": True},
        {"only": "first"},
        {"memory_budget": 1000},
        {"compute": Compute.of("cpu", "bfloat16")},
    ],
    ids=str,
)
def test_another_value_of_the_call_is_another_plan(other: dict) -> None:
    g = graph(SUM)
    same = {"inputs": {"start": 1, "names": ["a"]}, "seed": 1}
    planned = g.plan(**same)
    try:
        assert g.plan(**{**same, **other}) is not planned
    except gf.GraphflowError:
        # True is neither an int nor a seed, although it is equal to 1.
        assert True in (other.get("seed"), other.get("inputs", {}).get("start"))


def test_a_machine_with_another_quota_of_memory_is_another_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    g = graph(SUM)
    planned = g.plan()
    monkeypatch.setattr(savings, "machine_memory", lambda: 2**30)
    assert g.plan() is not planned
    assert g.plan().limit == int(savings.USABLE * 2**30)


def test_values_that_are_not_plain_are_checked_again() -> None:
    g = graph("inputs: {picture: {type: image}}\nnodes: {like: {type: invert, image: $picture}}")
    picture = Image.new("RGB", (8, 8))
    assert g.plan({"picture": picture}) is not g.plan({"picture": picture})


def test_a_graph_that_was_changed_is_planned_again() -> None:
    g = graph(SUM)
    planned = g.plan()
    g.output(other=g.add("add", a=g["second"], plus=1))
    grown = g.plan()
    assert grown is not planned
    assert grown.outputs.keys() == {"end", "words", "other"}
    g.document.nodes["second"] = graph(SUM.replace("plus: 2", "plus: 5")).document.nodes["second"]
    assert gf.run(g)["end"] == 6


def test_a_picture_that_was_changed_is_noticed(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "p.png")
    g = graph("nodes: {p: {type: invert, image: p.png}}\noutputs: {p: $p}", tmp_path)
    with gf.Engine() as engine:
        engine.run(g)
        Image.new("RGB", (4, 4), "blue").save(tmp_path / "p.png")
        assert engine.run(g)["p"].width == 4


def test_a_template_that_was_changed_is_noticed(tmp_path: Path) -> None:
    template = "graphflow: 1\nnodes: {n: {type: number, value: 1}}\noutputs: {v: $n}\n"
    (tmp_path / "t.yaml").write_text(template)
    g = graph("nodes: {n: {template: ./t.yaml}}\noutputs: {v: $n}", tmp_path)
    with gf.Engine() as engine:
        assert engine.run(g)["v"] == 1
        (tmp_path / "t.yaml").write_text(template.replace("value: 1", "value: 2"))
        assert engine.run(g)["v"] == 2


@pytest.mark.parametrize("name", ["text2img", "mask_blur", "keep_unmasked"])
def test_graphs_of_files_and_checkpoints_depend_on_them(name: str) -> None:
    assert gf.load(name).check().depends_on_files


def test_a_template_inside_the_document_is_not_a_file() -> None:
    text = "templates: {t: {nodes: {n: {type: number}}, outputs: {v: $n}}}\nnodes: {a: {template: t}}\noutputs: {v: $a}"
    g = graph(text)
    assert g.plan() is g.plan()
