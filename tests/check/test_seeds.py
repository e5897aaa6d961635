"""The run's seed and an input named seed: one rule for Python and the command line."""

import json

import pytest

import graphflow as gf
from graphflow.cli import main
from graphflow.record.run_record import RunRecord
from tests.plan.toys import CATALOG, graph

WITH_INPUT = """
    inputs: {seed: {type: int, default: 7}}
    nodes: {own: {type: number, value: $seed}, rolled: {type: roll}}
    outputs: {own: $own, rolled: $rolled}
"""
WITHOUT = "nodes: {rolled: {type: roll}}\noutputs: {rolled: $rolled}"


def ran(text: str, **call) -> tuple[int | None, int, int]:
    """The value of the input seed, the seed that a node derived, and what the result calls the seed."""
    result = gf.run(graph(text), **call)
    return result.outputs.get("own"), result["rolled"], result.seed


def derived(seed: int) -> int:
    return gf.run(graph(WITHOUT), seed=seed)["rolled"]


def test_a_seed_sets_the_input_of_that_name():
    assert ran(WITH_INPUT, seed=1) == (1, derived(1), 1)
    assert ran(WITH_INPUT, seed=0) == (0, derived(0), 0)


def test_an_input_that_is_given_keeps_its_value():
    assert ran(WITH_INPUT, seed=1, inputs={"seed": 2}) == (2, derived(1), 1)


def test_without_a_seed_the_inputs_value_is_the_runs_seed():
    assert ran(WITH_INPUT) == (7, derived(7), 7)
    assert ran(WITH_INPUT, inputs={"seed": 3}) == (3, derived(3), 3)


def test_without_an_input_the_seed_is_0():
    assert ran(WITHOUT) == (None, derived(0), 0)
    assert ran(WITHOUT, seed=5) == (None, derived(5), 5)


def test_an_input_of_another_type_is_left_alone():
    text = """
        inputs: {seed: {type: string, default: oak}}
        nodes: {own: {type: say, text: $seed}, rolled: {type: roll}}
        outputs: {own: $own, rolled: $rolled}
    """
    assert ran(text, seed=4) == ("oak", derived(4), 4)
    assert ran(text) == ("oak", derived(0), 0)


def test_a_seed_outside_the_inputs_limits_is_told():
    text = WITH_INPUT.replace("default: 7", "default: 7, max: 9")
    with pytest.raises(gf.InvalidGraph, match="the input seed cannot be 10"):
        gf.run(graph(text), seed=10)


def test_the_record_says_the_seed_that_made_it(tmp_path):
    gf.run(graph(WITH_INPUT), inputs={"seed": 12}, record=tmp_path / "run")
    record = RunRecord.load(tmp_path / "run")
    assert (record.seed, record.inputs) == (12, {"seed": 12})
    assert "<dt>Seed</dt><dd>12</dd>" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_python_and_the_command_line_agree(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.yaml").write_text(
        "graphflow: 1\ninputs: {seed: {type: int, default: 7}}\n"
        "nodes: {spot: {type: mask_shape, width: 8, height: 8, shape: ellipse, box: [0, 0, 1, 1]}}\n"
        "outputs: {spot: $spot, seed: $seed}\n"
    )
    for words, call in (
        ([], {}),
        (["--seed", "3"], {"seed": 3}),
        (["--set", "seed=4"], {"inputs": {"seed": 4}}),
        (["--set", "seed=4", "--seed", "3"], {"inputs": {"seed": 4}, "seed": 3}),
    ):
        result = gf.run("g.yaml", **call)
        assert main(["run", "g.yaml", "--out", "run", "--overwrite", *words]) == 0
        record = RunRecord.load(tmp_path / "run")
        assert (record.seed, json.loads((tmp_path / "run" / "seed.json").read_text())) == (result.seed, result["seed"])
    # The input has its own value, and nothing derives a seed.
    assert "--seed has no effect" in capsys.readouterr().err


def test_what_is_no_seed_is_refused():
    for seed in (-1, True, "1", 1.0):
        with pytest.raises(gf.InvalidValue, match="is not a seed"):
            gf.run(graph(WITHOUT, catalog=CATALOG), seed=seed)
