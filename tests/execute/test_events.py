"""What a run tells while it goes on."""

import json

import pytest

import graphflow as gf
from graphflow.execute.events import (
    ComponentDropped,
    ComponentLoaded,
    ItemReady,
    OutputReady,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepNotRun,
    StepProgress,
    StepStarted,
    StepWarned,
    to_json,
)
from tests.plan.toys import graph, load


def told(text: str, engine: gf.Engine | None = None) -> list[str]:
    """The events of a run, each in a word or two."""
    lines = []

    def line(event):
        match event:
            case RunStarted():
                lines.append("run " + " ".join(event.steps))
            case StepProgress():
                lines.append(f"progress {event.step} {event.done}/{event.total}")
            case StepFinished():
                lines.append(" ".join(["cached" if event.cached else "finished", event.step, *event.also]))
            case StepWarned():
                lines.append(f"warned {event.step} {event.problem.code}")
            case StepFailed():
                lines.append(f"failed {event.step} {event.problem.code}")
            case StepNotRun():
                lines.append(f"not run {event.step}: {event.why}")
            case ComponentLoaded():
                lines.append(f"load {event.component} {event.nbytes}")
            case ComponentDropped():
                lines.append(f"drop {event.component}")
            case OutputReady():
                lines.append(f"output {event.name}")
            case RunFinished():
                lines.append(f"end {event.state}")
            case StepStarted():
                lines.append(f"start {event.step}")

    with engine or gf.Engine(loader=load, keep=False) as used:
        try:
            used.run(graph(text), on_event=line)
        except gf.RunFailed:
            lines.append("RunFailed")
    return lines


def test_events_of_a_run_in_order():
    assert told("""
        nodes:
          first: {type: sketch, prompt: a star}
          second: {type: polish, raw: $first.raw, prompt: a star}
        outputs: {raw: $first.raw, image: $second}
    """) == [
        "run first/encode first/work second/work second/show",
        "start first/encode",
        "load text encoder 5",
        "finished first/encode second/encode",
        "start first/work",
        "drop text encoder",
        "load unet of a 10",
        "progress first/work 1/2",
        "progress first/work 2/2",
        "finished first/work",
        "output raw",
        "start second/work",
        "drop unet of a",
        "load unet of b 20",
        "progress second/work 1/2",
        "progress second/work 2/2",
        "finished second/work",
        "start second/show",
        "finished second/show",
        "output image",
        "end done",
    ]


def test_events_of_a_failure():
    assert told("""
        nodes:
          bad: {type: broken}
          after: {type: add, a: $bad}
          fine: {type: number}
        outputs: {after: $after, fine: $fine}
    """) == [
        "run bad after fine",
        "start bad",
        "failed bad step-failed",
        "not run after: bad failed",
        "start fine",
        "finished fine",
        "output fine",
        "end failed",
        "RunFailed",
    ]


def test_a_step_warns_and_goes_on():
    text = "nodes: {a: {type: doubt, value: 3}}"
    assert told(text) == [
        "run a", "start a", "warned a step-warning", "finished a", "output a", "end done",
    ]  # fmt: skip
    with gf.Engine() as engine:
        result = engine.run(graph(text))
        assert [(one.message, one.fix) for one in result.warnings] == [("a: the number is odd", "take an even one")]
        assert engine.run(graph(text)).warnings == []  # known by then, and not run again


def test_events_of_a_second_run_say_what_is_cached():
    text = "nodes: {a: {type: number}, b: {type: tick}}"
    engine = gf.Engine()
    engine.run(graph(text))
    assert told(text, engine) == [
        "run a b", "cached a", "output a", "start b", "finished b", "output b", "end done",
    ]  # fmt: skip


def test_an_output_that_no_step_makes_is_told_first():
    text = """
        inputs: {x: {type: int, default: 4}}
        nodes: {a: {type: add, a: $x}, s: {type: switch, condition: true, if_true: $x}}
    """
    assert told(text)[:2] == ["run a", "output s"]


def test_a_cancelled_run_ends_with_its_event():
    events = []
    engine = gf.Engine()

    def listen(event):
        events.append(event)
        engine.cancel()

    with pytest.raises(gf.Cancelled):
        engine.run(graph("nodes: {a: {type: number}}"), on_event=listen)
    assert events[-1] == RunFinished("cancelled", events[-1].seconds)


def test_events_are_plain_json():
    events = []
    with pytest.raises(gf.RunFailed):
        gf.run(graph("nodes: {a: {type: broken}, b: {type: paint}}"), on_event=events.append)
    lines = [json.loads(json.dumps(to_json(event))) for event in events]
    assert [line["event"] for line in lines] == [
        "run_started", "step_started", "step_failed", "step_started", "step_finished", "output_ready", "run_finished",
    ]  # fmt: skip
    assert lines[2]["problem"]["code"] == "step-failed"
    assert "value" not in lines[5]


def test_events_come_in_the_thread_that_called_run():
    import threading

    seen = set()
    gf.run(graph("nodes: {a: {type: number}}"), on_event=lambda event: seen.add(threading.get_ident()))
    assert seen == {threading.get_ident()}


def test_items_of_a_list_are_announced_when_they_are_ready():
    told = []
    text = """
        nodes:
          n: {type: number, for_each: {value: [4, 5]}}
          all: {type: total, values: $n}
        outputs: {n: $n, all: $all}
    """
    gf.run(graph(text), on_event=told.append)
    names = [to_json(event) for event in told if isinstance(event, (ItemReady, OutputReady, StepFinished))]
    assert [(event["event"], event.get("step") or event["name"], event.get("item")) for event in names] == [
        ("step_finished", "n[0]", None),
        ("item_ready", "n", 0),
        ("step_finished", "n[1]", None),
        ("item_ready", "n", 1),
        ("output_ready", "n", None),
        ("step_finished", "all", None),
        ("output_ready", "all", None),
    ]
    assert [event.value for event in told if isinstance(event, ItemReady)] == [4, 5]


def test_items_from_a_store_are_announced_too():
    text = "nodes: {n: {type: number, for_each: {value: [4, 5]}}}\noutputs: {n: $n}"
    with gf.Engine() as engine:
        for _ in range(2):
            told = []
            engine.run(graph(text), on_event=told.append)
            assert [event.value for event in told if isinstance(event, ItemReady)] == [4, 5]


def test_an_item_without_a_value_is_announced_with_the_list_only():
    told = []
    text = """
        nodes:
          n: {type: number, for_each: {value: [1, 2]}}
          b: {type: broken, value: 3}
          both: {type: count_to, last: 1}
        outputs: {n: $n, b: $b, both: $both}
    """
    with pytest.raises(gf.RunFailed):
        gf.run(graph(text), on_event=told.append)
    assert [(event.name, event.item) for event in told if isinstance(event, ItemReady)] == [("n", 0), ("n", 1)]
