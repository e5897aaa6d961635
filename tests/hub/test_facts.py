"""Facts of a checkpoint of the hub: known without its weights, asked for once."""

from __future__ import annotations

import pytest

import graphflow as gf
from tests.hub.standin import Stored

VOCABULARY = "tokenizer/tokenizer.json"
LIMIT = 100_000
"""More than the header of a tiny weight file has."""


def test_check_of_a_hub_name_reads_no_weights_and_less_than_a_megabyte(hub, sd, graph):
    checked = graph().check()
    assert checked.problems == ()
    assert sum(hub.sent.values()) < 1_000_000
    assert set(hub.weights) == {path for path in sd.files if path.endswith(".safetensors")}
    assert all(count <= LIMIT for count in hub.weights.values())


def test_the_second_check_asks_the_hub_nothing(hub, sd, graph):
    graph().check()
    hub.forget()
    assert graph().check().problems == ()
    assert hub.requests == []


def test_a_pull_request_is_a_revision_and_remembered_like_a_branch(hub, sd, graph):
    sd.revision = "refs/pr/3"
    asked = graph("owner/tiny-sd@refs/pr/3")
    assert asked.check().problems == ()
    gf.run(asked)
    hub.forget()
    assert asked.check().problems == ()
    gf.run(asked)
    assert hub.requests == []


def test_a_folder_of_the_variable_is_used_in_place_of_the_repository_that_it_is_named_after(
    hub, sd, graph, tiny, tmp_path, monkeypatch
):
    (tmp_path / "models/owner").mkdir(parents=True)
    (tmp_path / "models/owner/tiny-sd").symlink_to(tiny("sd"))
    monkeypatch.setenv("GRAPHFLOW_MODELS", str(tmp_path / "models"))
    assert graph().check().problems == ()
    assert hub.requests == []


def test_plan_knows_the_sizes_of_components_as_of_a_folder(hub, sd, graph, tiny):
    remote, local = graph().plan(), graph(tiny("sd")).plan()
    assert [one.nbytes for one in remote.components] == [one.nbytes for one in local.components]
    assert [step.path for step in remote.steps] == [step.path for step in local.steps]
    assert remote.lifetimes.peak == local.lifetimes.peak


def test_equal_files_of_two_repositories_are_one_component(hub, sd, tiny):
    hub.stored["other/copy"] = Stored(tiny("sd"))
    made = gf.Graph()
    for name in ("owner/tiny-sd", "other/copy"):
        stage = made.add("text2img", checkpoint=name, prompt=name, num_inference_steps=2)
        made.output(**{name.split("/")[0]: stage.image})
    assert len({one.identity for one in made.plan().components}) == len({*graph_roles(made)})


def graph_roles(made):
    return {role for step in made.plan().steps for role in step.uses}


def test_a_vocabulary_is_not_read_before_a_run(hub, sd, graph, tiny):
    sd.files[VOCABULARY] += b" " * 300_000
    assert graph().check().problems == ()
    assert hub.sent[VOCABULARY] == 0
    assert gf.run(graph())["image"] == gf.run(graph(tiny("sd")))["image"]
    assert hub.sent[VOCABULARY] == len(sd.files[VOCABULARY])


def test_a_broken_vocabulary_is_a_problem_when_it_is_here(hub, sd, graph):
    sd.files[VOCABULARY] = b"[" + b" " * 300_000
    assert graph().check().problems == ()
    with pytest.raises(gf.InvalidGraph, match=r"tokenizer\.json"):
        gf.run(graph())
