"""What the screen says of steps that are computed in one call."""

from __future__ import annotations

from graphflow.cli import main
from graphflow.cli.plan import as_json
from graphflow.cli.plan_table import lines
from graphflow.cli.progress import _State
from graphflow.execute.events import StepFinished, StepProgress, StepStarted
from tests.plan.batch_toys import planned

ITEMS = "nodes: {a: {type: trebled, for_each: {value: [1, 2, 3]}}, b: {type: trebled, value: 4, shy: true}}"


def test_the_table_of_a_plan_shows_batches_and_why_others_are_alone():
    shown = "\n".join(lines(planned(ITEMS, 3), "graph", width=120))
    assert "in one call with the next 2" in shown
    assert "3 steps computed in 1 call" in shown
    assert "1 step computed one by one, since it is shy: b/treble" in shown


def test_the_json_of_a_plan_has_the_batches():
    made = as_json(planned(ITEMS, 3))
    assert made["batches"] == [["a[0]/treble", "a[1]/treble", "a[2]/treble"]]
    assert made["alone"] == {"b/treble": "it is shy"}
    assert as_json(planned(ITEMS, 1))["batches"] == []


def test_a_batch_has_one_bar_with_the_number_of_its_items():
    state, paths = _State(3), ("a[0]", "a[1]")
    for path in paths:
        state.take(StepStarted(path, paths))
    state.take(StepProgress("a[0]", 1, 2))
    assert (state.running, state.parts) == ("a[0] (2 items)", (1, 2))
    for path in paths:
        state.take(StepFinished(path, 1.5, False, (), 2))
    assert [line for _, line in state.lines] == [f"✓ {path} (one of 2 in one call) 1.5 s" for path in paths]


GRAPH = """
graphflow: 1
nodes:
  a: {type: mask_shape, shape: ellipse, width: 8, height: 8, box: [0, 0, 1, 1]}
"""


def test_a_batch_without_steps_that_are_alike_has_no_effect(tmp_path, capsys):
    path = tmp_path / "graph.yaml"
    path.write_text(GRAPH)
    assert main(["run", str(path), "--batch", "4", "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().err
    assert "--batch has no effect" in said
    assert "no two steps are alike" in said


def test_a_wrong_size_of_batches_is_refused(tmp_path, capsys):
    path = tmp_path / "graph.yaml"
    path.write_text(GRAPH)
    assert main(["run", str(path), "--batch", "many"]) == 2
    assert "'many' is not a batch size; give 1 or more, or auto" in capsys.readouterr().err
