"""Values are freed after their last reader: pictures in memory, step by step."""

import gc

import pytest

import graphflow as gf
from graphflow.execute.events import StepFinished, StepNotRun, StepStarted
from graphflow.store.memory_store import MemoryStore
from tests.plan.toys import CATALOG, graph

WIDTH = 37
"""No other picture of the tests is so wide."""


def alive() -> int:
    return sum(type(one) is gf.Image and one.width == WIDTH for one in gc.get_objects())


def held(text: str, when=StepStarted, engine: gf.Engine | None = None, catalog=CATALOG) -> dict[str, int]:
    """Step → pictures in memory when it starts."""
    counts = {}

    def count(event):
        if isinstance(event, when):
            counts[event.step] = alive()

    assert alive() == 0
    run = engine.run if engine else gf.run
    try:
        run(graph(text, catalog=catalog), on_event=count)
    except gf.RunFailed as error:
        error.result.outputs.clear()
    return counts


def test_in_a_chain_one_picture_waits_for_the_next_step():
    # a ─ b ─ c ─ d
    assert held("""
        nodes:
          a: {type: paint, width: 37}
          b: {type: invert, image: $a}
          c: {type: invert, image: $b}
          d: {type: shade_of, image: $c}
    """) == {"a": 0, "b": 1, "c": 1, "d": 1}


def test_after_its_last_reader_a_value_is_gone():
    assert held(
        """
        nodes:
          a: {type: paint, width: 37}
          b: {type: shade_of, image: $a}
          c: {type: number}
        """,
        when=StepStarted,
    ) == {"a": 0, "b": 1, "c": 0}


def test_a_value_stays_until_its_last_reader():
    # a ─ b ─ c ─ d
    # └───────────┘
    assert held("""
        nodes:
          a: {type: paint, width: 37}
          b: {type: invert, image: $a}
          c: {type: invert, image: $b}
          d: {type: blend, image: $c, other: $a}
          e: {type: shade_of, image: $d}
    """) == {"a": 0, "b": 1, "c": 2, "d": 2, "e": 1}


def test_a_graph_output_stays():
    assert held("""
        nodes:
          a: {type: paint, width: 37}
          b: {type: shade_of, image: $a}
          c: {type: number, value: 3}
        outputs: {a: $a, b: $b, c: $c}
    """) == {"a": 0, "b": 1, "c": 1}


def test_pictures_of_a_fan_wait_for_their_list():
    assert held("""
        nodes:
          a: {type: paint, width: 37, for_each: {shade: [1, 2, 3]}}
          b: {type: sheet, images: $a}
          c: {type: say, text: $b}
    """) == {"a[0]": 0, "a[1]": 1, "a[2]": 2, "b": 3, "c": 0}


def test_merged_readers_count_once():
    assert held("""
        nodes:
          a: {type: paint, width: 37}
          b: {type: shade_of, image: $a}
          b2: {type: shade_of, image: $a}
          c: {type: add, a: $b, b: $b2}
    """) == {"a": 0, "b": 1, "c": 0}


def test_an_output_that_nobody_reads_is_not_kept():
    assert held("""
        nodes:
          s: {type: sketch, prompt: x}
          a: {type: paint, width: 37}
          n: {type: add, a: $s.raw}
          b: {type: shade_of, image: $a}
        outputs: {n: $n, b: $b}
    """, engine=gf.Engine(loader=lambda component: component, store=Nothing()))["n"] == 0  # fmt: skip


class Nothing(MemoryStore):
    """A store that forgets everything."""

    def lookup(self, key):
        return None

    def content(self, digest):
        raise AssertionError("nothing was found")

    def put(self, key, outputs, recipe=""):
        pass


@gf.node()
def shift(image: gf.Image, by: int) -> int:
    return by


def test_readers_that_do_not_run_let_go_too():
    counts = held(
        """
        nodes:
          a: {type: paint, width: 37}
          bad: {type: broken}
          c: {type: shift, image: $a, by: $bad}
          d: {type: number}
        """,
        when=(StepStarted, StepNotRun),
        catalog=CATALOG.extended(shift),
    )
    assert counts == {"a": 0, "bad": 1, "c": 1, "d": 0}


def test_a_failed_step_holds_none_of_its_values():
    @gf.node()
    def refuse(image: gf.Image) -> int:
        own = image.array
        raise ValueError(f"{own.shape} is refused")

    counts = []
    g = graph(
        """
        nodes:
          a: {type: paint, width: 37}
          b: {type: refuse, image: $a}
          c: {type: number}
        """,
        catalog=CATALOG.extended(refuse),
    )
    with pytest.raises(gf.RunFailed) as caught:
        gf.run(g, on_event=lambda event: counts.append(alive()) if isinstance(event, StepFinished) else None)
    assert counts == [1, 0]
    assert str(caught.value.result.failed["b"].__cause__) == "(2, 37, 3) is refused"


CALLS: list[int] = []


@gf.node()
def once_refuse(image: gf.Image) -> int:
    """Succeed at the first call only; a failure's frame holds the picture."""
    CALLS.append(1)
    own = image.array
    if len(CALLS) > 1:
        raise ValueError(f"{own.shape} is refused")
    return 1


def test_a_failure_where_an_output_is_shown_holds_no_values():
    # An output's content was lost, and making it again fails: that happens where the output is shown.
    CALLS.clear()
    g = graph(
        "nodes: {a: {type: paint, width: 37}, b: {type: once_refuse, image: $a}}\noutputs: {b: $b}",
        catalog=CATALOG.extended(once_refuse),
    )
    engine = gf.Engine(store=MemoryStore(limit=0))
    engine.run(g)
    assert alive() == 0
    with pytest.raises(gf.RunFailed) as caught:
        engine.run(g)
    assert alive() == 0
    assert str(caught.value.result.failed["b"].__cause__) == "(2, 37, 3) is refused"


def test_a_failure_with_a_group_of_causes_holds_no_values():
    @gf.node()
    def refuse(image: gf.Image) -> int:
        def fail(own: gf.Image) -> None:
            raise ValueError(f"{own.width} is refused")

        errors = []
        try:
            fail(image)
        except ValueError as error:
            errors.append(error)
        raise ExceptionGroup("several", errors) from OSError("another")

    with pytest.raises(gf.RunFailed) as caught:
        gf.run(
            graph(
                "nodes: {a: {type: paint, width: 37}, b: {type: refuse, image: $a}}",
                catalog=CATALOG.extended(refuse),
            )
        )
    assert alive() == 0
    assert "several" in str(caught.value)


def test_after_the_run_only_the_result_holds_pictures():
    result = gf.run(graph("nodes: {a: {type: paint, width: 37}, b: {type: invert, image: $a}}"))
    assert alive() == 1
    del result
    assert alive() == 0


def test_contents_that_are_made_again_are_freed_too():
    text = """
        nodes:
          a: {type: paint, width: 37}
          b: {type: invert, image: $a}
          c: {type: invert, image: $b}
          d: {type: shade_of, image: $c}
          k: {type: tick}
          t: {type: add, a: $d, b: $k}
          u: {type: add, a: $t, plus: %d}
        outputs: {u: $u}
    """
    engine = gf.Engine(store=MemoryStore(limit=0))
    held(text % 1, engine=engine)
    # u is another step now, and all that it is made of is known but lost.
    assert held(text % 2, engine=engine) == {"k": 0, "a": 0, "b": 1, "c": 1, "d": 1, "t": 0, "u": 0}
