"""Reuse between the runs of one engine: by recipe key, never by name."""

import textwrap
from pathlib import Path

import pytest

import graphflow as gf
from graphflow.catalog.catalog import loose_catalog
from graphflow.store.memory_store import MemoryStore
from graphflow.store.store import GONE
from tests.plan.toys import CATALOG, graph


@pytest.fixture
def engine():
    with gf.Engine() as one:
        yield one


def ran(engine: gf.Engine, text: str, **options) -> tuple[str, str]:
    """Executed and cached steps of a run."""
    result = engine.run(graph(text), **options)
    return " ".join(result.executed), " ".join(result.cached)


CHAIN = "nodes: {a: {type: number, value: 12}, b: {type: digits, value: $a}, c: {type: add, a: $b.tens}}"


def test_a_second_run_takes_everything_from_the_store(engine):
    assert ran(engine, CHAIN) == ("a b c", "")
    assert ran(engine, CHAIN) == ("", "a b c")


def test_outputs_of_a_second_run_are_equal(engine):
    text = "nodes: {p: {type: paint, shade: 7}, q: {type: invert, image: $p}}"
    assert engine.run(graph(text))["q"] == engine.run(graph(text))["q"]


def test_names_are_no_part_of_a_recipe(engine):
    ran(engine, CHAIN)
    renamed = "nodes: {x: {type: number, value: 12}, y: {type: digits, value: $x}, z: {type: add, a: $y.tens}}"
    assert ran(engine, renamed) == ("", "x y z")


def test_a_change_reruns_what_depends_on_it_and_nothing_else(engine):
    text = """
        nodes:
          a: {type: number, value: 1}
          b: {type: add, a: $a, plus: PLUS}
          c: {type: add, a: $b}
          d: {type: add, a: $a, plus: 100}
    """
    ran(engine, text.replace("PLUS", "1"))
    assert ran(engine, text.replace("PLUS", "2")) == ("b c", "a d")


def test_a_changed_upstream_that_gives_an_equal_result_does_not_rerun_downstream(engine):
    ran(engine, CHAIN)
    # Another number with the same tens.
    assert ran(engine, CHAIN.replace("12", "17")) == ("a b", "c")


def test_another_node_that_gives_an_equal_result_does_not_rerun_downstream(engine):
    ran(engine, "nodes: {a: {type: number, value: 3}, b: {type: add, a: $a}}")
    assert ran(engine, "nodes: {a: {type: add, a: 1, plus: 2}, b: {type: add, a: $a}}") == ("a", "b")


def test_a_changed_input_file_reruns_its_readers(engine, tmp_path):
    def picture(shade):
        gf.Image(bytes([shade] * 12), 2, 2).save(tmp_path / "p.png")

    text = "nodes: {s: {type: shade_of, image: p.png}, t: {type: add, a: $s}}"
    picture(3)
    assert engine.run(graph(text, tmp_path))["t"] == 3
    picture(4)
    result = engine.run(graph(text, tmp_path))
    assert (result["t"], result.cached) == (4, [])
    picture(3)
    assert engine.run(graph(text, tmp_path)).executed == []


def test_the_same_picture_under_another_name_is_the_same(engine, tmp_path):
    for name in ("p.png", "q.png"):
        gf.Image(bytes(12), 2, 2).save(tmp_path / name)
    engine.run(graph("nodes: {s: {type: shade_of, image: p.png}}", tmp_path))
    assert engine.run(graph("nodes: {s: {type: shade_of, image: q.png}}", tmp_path)).executed == []


LOOSE = """
import graphflow as gf

@gf.node({mark})
def double(value: int) -> int:
    return value * {factor}
"""


def loose(path: Path, factor: int, mark: str = "") -> gf.Catalog:
    path.write_text(textwrap.dedent(LOOSE.format(factor=factor, mark=mark)))
    return CATALOG.joined(loose_catalog(path))


def test_a_loose_file_whose_source_changed_reruns_its_node(engine, tmp_path):
    text = "nodes: {a: {type: number, value: 5}, d: {type: double, value: $a}}"
    path = tmp_path / "mine.py"
    assert engine.run(graph(text, catalog=loose(path, 2)))["d"] == 10
    assert engine.run(graph(text, catalog=loose(path, 2))).executed == []
    changed = engine.run(graph(text, catalog=loose(path, 3)))
    assert (changed["d"], changed.executed, changed.cached) == (15, ["d"], ["a"])


def test_two_functions_of_one_name_around_which_other_values_lie_are_not_confused(engine):
    def adding(amount):
        @gf.node()
        def adds(value: int) -> int:
            return value + amount

        return CATALOG.extended(adds)

    text = "nodes: {a: {type: adds, value: 1}}"
    assert [engine.run(graph(text, catalog=adding(amount)))["a"] for amount in (1, 2)] == [2, 3]


def test_a_raised_version_reruns_a_node(engine, tmp_path):
    text = "nodes: {d: {type: double, value: 5}}"
    engine.run(graph(text, catalog=loose(tmp_path / "mine.py", 2)))
    assert engine.run(graph(text, catalog=loose(tmp_path / "mine.py", 2, "version=2"))).executed == ["d"]


def test_a_node_without_cache_is_never_stored(engine):
    text = "nodes: {a: {type: number}, b: {type: add, a: $a, cache: false}, c: {type: add, a: $b}}"
    ran(engine, text)
    assert ran(engine, text) == ("b", "a c")


def test_cache_can_be_an_input(engine):
    text = "inputs: {keep: {type: bool}}\nnodes: {a: {type: number, cache: $keep}}"
    assert ran(engine, text, inputs={"keep": False}) == ("a", "")
    assert ran(engine, text, inputs={"keep": True}) == ("a", "")
    assert ran(engine, text, inputs={"keep": False}) == ("a", "")
    assert ran(engine, text, inputs={"keep": True}) == ("", "a")


def test_a_node_that_is_not_deterministic_is_never_stored(engine):
    text = "nodes: {a: {type: tick}, b: {type: add, a: $a}}"
    ran(engine, text)
    assert ran(engine, text) == ("a", "b")


def test_another_seed_reruns_what_derives_its_own(engine):
    text = "nodes: {a: {type: roll}, b: {type: roll, seed: 3}, c: {type: add, a: $b}}"
    ran(engine, text, seed=1)
    assert ran(engine, text, seed=2) == ("a", "b c")


def test_an_output_that_was_not_wanted_before_is_made(engine):
    text = "nodes: {a: {type: digits, value: 12}}\noutputs: {o: $a.WHICH}"
    assert engine.run(graph(text.replace("WHICH", "tens")))["o"] == 1
    assert engine.run(graph(text.replace("WHICH", "ones")))["o"] == 2


def test_steps_of_a_stage_are_reused_one_by_one():
    from tests.plan.toys import load

    engine = gf.Engine(loader=load)
    text = "nodes: {s: {type: sketch, prompt: x, strength: 1.0}}\noutputs: {image: $s}"
    ran(engine, text)
    assert ran(engine, text.replace("1.0", "0.5")) == ("s/work s/show", "s/encode")
    # A stage of another type finds the words encoded.
    assert ran(engine, "nodes: {p: {type: polish, raw: 1, prompt: x}}") == ("p/work p/show", "p/encode")


def test_what_is_cached_loads_nothing():
    loaded = []
    engine = gf.Engine(loader=lambda component: loaded.append(component.label))
    text = "nodes: {s: {type: sketch, prompt: x}}\noutputs: {raw: $s.raw}"
    engine.run(graph(text))
    engine.pool.clear()
    engine.run(graph(text))
    assert loaded == ["text encoder", "unet of a"]


def test_two_engines_share_nothing():
    first, second = gf.Engine(), gf.Engine()
    ran(first, CHAIN)
    assert ran(second, CHAIN) == ("a b c", "")
    assert first.store is not second.store
    assert first.pool is not second.pool


def test_run_keeps_nothing():
    gf.run(graph(CHAIN))
    assert gf.run(graph(CHAIN)).cached == []


def test_a_closed_engine_has_forgotten_and_can_be_used():
    engine = gf.Engine()
    ran(engine, CHAIN)
    engine.close()
    assert ran(engine, CHAIN) == ("a b c", "")


def test_an_interrupted_or_failed_run_leaves_what_it_finished(engine):
    text = "nodes: {a: {type: number}, b: {type: BAD, value: $a}}"
    with pytest.raises(gf.RunFailed):
        engine.run(graph(text.replace("BAD", "broken")))
    assert ran(engine, text.replace("BAD", "digits")) == ("b", "a")


# A store that loses contents

PICTURES = """
    nodes:
      a: {type: paint, shade: 7}
      b: {type: invert, image: $a}
      c: {type: invert, image: $b}
      d: {type: blend, image: $c, other: $a}
      e: {type: shade_of, image: $d}
      f: {type: add, a: $e, plus: PLUS}
    outputs: {f: $f, d: $d}
"""


def test_contents_that_are_lost_are_made_again():
    engine = gf.Engine(store=MemoryStore(limit=0))
    first = engine.run(graph(PICTURES.replace("PLUS", "1")))
    second = engine.run(graph(PICTURES.replace("PLUS", "2")))
    assert second["d"] == first["d"]
    assert (first["f"], second["f"]) == (7, 8)
    assert set(second.executed) == {"a", "b", "c", "d", "e", "f"}
    assert second.cached == []


@pytest.mark.parametrize("limit", [1, 24, 30, 60, 100, 10_000])
def test_outputs_are_right_whatever_is_lost(limit):
    engine = gf.Engine(store=MemoryStore(limit=limit))
    for plus in (1, 2, 1, 3):
        text = PICTURES.replace("PLUS", str(plus))
        assert engine.run(graph(text)).outputs == gf.run(graph(text)).outputs


def test_a_step_is_either_executed_or_cached():
    engine = gf.Engine(store=MemoryStore(limit=30))
    for plus in (1, 2, 3):
        result = engine.run(graph(PICTURES.replace("PLUS", str(plus))))
        assert {*result.executed, *result.cached} == {"a", "b", "c", "d", "e", "f"}
        assert not {*result.executed} & {*result.cached}


def test_only_what_is_needed_is_made_again():
    # Nothing reads the pictures: the last digest alone is new.
    store = MemoryStore()
    engine = gf.Engine(store=store)
    text = PICTURES.replace(", d: $d", "")
    engine.run(graph(text.replace("PLUS", "1")))
    store._contents = type(store._contents)(
        (digest, held) for digest, held in store._contents.items() if not isinstance(held[0], gf.Image)
    )
    assert engine.run(graph(text.replace("PLUS", "2"))).executed == ["f"]


def test_a_lost_content_in_a_chain_of_thousands_is_made_again():
    count = 3_000
    lines = ["n0: {type: number}", *(f"n{i}: {{type: add, a: $n{i - 1}, plus: 1}}" for i in range(1, count))]
    text = "nodes: {" + ", ".join(lines) + f"}}\noutputs: {{o: $n{count - 1}}}"
    engine = gf.Engine(store=MemoryStore(limit=0))
    for _ in range(2):
        assert engine.run(graph(text))["o"] == count


def test_a_failure_while_something_is_made_again_is_told():
    calls = []

    @gf.node()
    def once(value: int) -> gf.Image:
        calls.append(value)
        if len(calls) > 1:
            raise OSError("only once")
        return gf.Image(bytes(12), 2, 2)

    text = "nodes: {a: {type: once, value: 1}, b: {type: shade_of, image: $a}, c: {type: add, a: 1, plus: PLUS}}"
    text += "\noutputs: {a: $a, b: $b, c: $c}"
    engine = gf.Engine(store=MemoryStore(limit=0))
    engine.run(graph(text.replace("PLUS", "1"), catalog=CATALOG.extended(once)))
    with pytest.raises(gf.RunFailed) as caught:
        engine.run(graph(text.replace("PLUS", "2"), catalog=CATALOG.extended(once)))
    result = caught.value.result
    assert list(result.failed) == ["a"]
    assert set(result.absent) == {"a", "b"}
    assert result["c"] == 3


def test_a_failure_while_something_is_made_again_happens_once():
    calls = []

    @gf.node()
    def once(value: int) -> gf.Image:
        calls.append(value)
        if len(calls) > 1:
            raise OSError("only once")
        return gf.Image(bytes(12), 2, 2)

    text = """
        nodes:
          a: {type: once, value: 1}
          b: {type: invert, image: $a}
          c: {type: add, a: 1, plus: PLUS}
          d: {type: shade_of, image: $a}
          e: {type: shade_of, image: $b}
          f: {type: add, a: $d, plus: PLUS}
          g: {type: add, a: $e, plus: PLUS}
          h: {type: invert, image: $b}
        outputs: {a: $a, b: $b, c: $c, f: $f, g: $g, h: $h}
    """
    catalog = CATALOG.extended(once)
    engine = gf.Engine(store=MemoryStore(limit=0))
    engine.run(graph(text.replace("PLUS", "1"), catalog=catalog))
    with pytest.raises(gf.RunFailed) as caught:
        engine.run(graph(text.replace("PLUS", "2"), catalog=catalog))
    result = caught.value.result
    assert len(calls) == 2
    assert list(result.failed) == ["a"]
    assert "a" not in result.cached
    assert not {*result.failed} & {*result.not_run}
    assert result.absent == dict.fromkeys("abfgh", "a failed")


def test_a_memory_store_keeps_what_was_used_last():
    store = MemoryStore(limit=25)
    one, two, three = (gf.Image(bytes([n] * 12), 2, 2) for n in range(3))
    store.put("1", {"image": (one.digest, one)})
    store.put("2", {"image": (two.digest, two)})
    assert store.content(one.digest) is one
    store.put("3", {"image": (three.digest, three)})
    assert store.content(two.digest) is GONE
    assert store.content(one.digest) is one
    assert store.nbytes == 24
    assert store.lookup("2") == {"image": two.digest}
