"""A failure stops what depends on it and nothing else; a wrong or changed value names its node."""

import errno
import re
from types import SimpleNamespace

import numpy as np
import pytest

import graphflow as gf
from graphflow.checkpoints.placed import Placed
from graphflow_nodes.models.unet import UNET
from tests.plan.toys import CATALOG, graph, run


def failed(text: str, *functions, engine: gf.Engine | None = None) -> gf.Result:
    with pytest.raises(gf.RunFailed) as caught:
        (engine.run if engine else gf.run)(graph(text, catalog=CATALOG.extended(*functions)))
    return caught.value.result


def problem(text: str, *functions) -> gf.Problem:
    (error,) = failed(text, *functions).failed.values()
    return error.problem


BRANCHES = """
    nodes:
      source: {type: number}
      bad: {type: broken, value: $source}
      after: {type: add, a: $bad}
      later: {type: add, a: $after}
      good: {type: add, a: $source, plus: 1}
      better: {type: add, a: $good, plus: 1}
      both: {type: add, a: $better, b: $later}
    outputs: {better: $better, later: $later, both: $both}
"""


def test_the_branch_that_does_not_depend_on_a_failure_goes_on():
    result = failed(BRANCHES)
    assert result.outputs == {"better": 3}
    assert result.executed == ["source", "good", "better"]
    assert result.state == "failed"


def test_nothing_downstream_of_a_failure_runs():
    result = failed(BRANCHES)
    assert list(result.failed) == ["bad"]
    assert result.not_run == {"after": "bad failed", "later": "bad failed", "both": "bad failed"}
    assert result.absent == {"later": "bad failed", "both": "bad failed"}


def test_the_failure_says_where_and_why():
    error = failed(BRANCHES).failed["bad"]
    first, why = str(error).splitlines()
    assert first == "graph.yaml:5:3: step-failed: bad failed"
    assert re.fullmatch(r"  why: ValueError: it is broken \(.*toys\.py:\d+, in broken\)", why)
    assert isinstance(error.__cause__, ValueError)


def test_several_failures_are_all_told():
    with pytest.raises(gf.RunFailed) as caught:
        run("nodes: {a: {type: broken, value: 1}, b: {type: broken, value: 2}}")
    assert list(caught.value.result.failed) == ["a", "b"]
    assert str(caught.value).count("step-failed") == 2


def test_a_failing_step_of_a_stage_names_the_step():
    def no_unets(component):
        if "unet" in component.identity:
            raise OSError("the weights are not there")
        return component

    text = "nodes: {s: {type: sketch, prompt: x}, n: {type: number}}"
    result = failed(text, engine=gf.Engine(loader=no_unets))
    assert list(result.failed) == ["s/work"]
    assert result.not_run == {"s/show": "s/work failed"}
    assert result.outputs == {"n": 1}


def test_an_engine_without_a_loader_says_so():
    assert "cannot load components" in problem("nodes: {n: {type: use, model: a}}").why


def test_a_failed_step_is_tried_again_by_the_next_run():
    calls = []

    @gf.node()
    def second_time(*, value: int = 3) -> int:
        calls.append(value)
        if len(calls) == 1:
            raise OSError("not yet")
        return value

    engine = gf.Engine()
    text = "nodes: {n: {type: second_time}}"
    failed(text, second_time, engine=engine)
    assert engine.run(graph(text, catalog=CATALOG.extended(second_time)))["n"] == 3


# Out of memory


class OutOfMemoryError(RuntimeError):
    """As torch's is called."""


CPU_ALLOCATOR = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: 3 GiB"
OUT_OF_MEMORY = [
    MemoryError("tried to take 3 GiB"),
    OutOfMemoryError("tried to take 3 GiB"),
    RuntimeError("CUDA error: out of memory, tried to take 3 GiB"),
    RuntimeError(CPU_ALLOCATOR),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 3 GiB."),
    OSError(errno.ENOMEM, "Cannot allocate memory: 3 GiB"),
]


@pytest.mark.parametrize("cause", OUT_OF_MEMORY, ids=str)
def test_out_of_memory_while_loading_keeps_its_kind(cause, monkeypatch):
    from graphflow.execute import loader

    def model(placed, library):
        raise cause

    monkeypatch.setattr(loader, "_model", model)
    placed = Placed(SimpleNamespace(class_name="UNet2DConditionModel", model=UNET))
    component = gf.Component("unet a", 5, "unet of a", placed)
    error = failed("nodes: {n: {type: use, model: a}}", engine=gf.Engine(loader=lambda _: loader.load(component)))
    error = error.failed["n"]
    assert error.problem.code == "out-of-memory"
    assert error.__cause__ is cause
    assert "3 GiB" in error.problem.why
    assert "unet of a" in error.problem.why


def test_out_of_memory_behind_another_error_is_recognised():
    cause = MemoryError("3 GiB")

    @gf.node()
    def wraps() -> int:
        try:
            raise cause
        except MemoryError as error:
            raise OSError("the file cannot be read") from error

    error = failed("nodes: {n: {type: wraps}}", wraps).failed["n"]
    assert error.problem.code == "out-of-memory"
    assert error.__cause__.__cause__ is cause


def test_other_errors_are_no_lack_of_memory():
    @gf.node()
    def refuses() -> int:
        raise RuntimeError("the memory format is not known")

    assert problem("nodes: {n: {type: refuses}}", refuses).code == "step-failed"


@pytest.mark.parametrize("cause", OUT_OF_MEMORY, ids=str)
def test_out_of_memory_keeps_its_cause(cause):
    @gf.node()
    def greedy() -> int:
        raise cause

    error = failed("nodes: {n: {type: greedy}}", greedy).failed["n"]
    assert error.problem.code == "out-of-memory"
    assert error.__cause__ is cause
    assert "3 GiB" in error.problem.why


# Values that were changed


@gf.node()
def write_item(image: gf.Image) -> gf.Image:
    image.array[0, 0] = 99
    return image


@gf.node()
def add_in_place(image: gf.Image) -> gf.Image:
    pixels = image.array
    pixels += 1
    return gf.Image.of(pixels)


@gf.node()
def set_flags(image: gf.Image) -> gf.Image:
    pixels = image.array
    pixels.setflags(write=True)
    pixels[:] = 99
    return gf.Image.of(pixels)


@gf.node()
def assign_flag(image: gf.Image) -> gf.Image:
    image.array.flags.writeable = True
    return image


@gf.node()
def write_out(image: gf.Image) -> gf.Image:
    np.subtract(255, image.array, out=image.array)
    return image


@gf.node()
def fill(image: gf.Image) -> gf.Image:
    image.array.fill(99)
    return image


@gf.node()
def view_of_it(image: gf.Image) -> gf.Image:
    np.asarray(image.array).reshape(-1)[:3] = 99
    return image


@gf.node()
def memory_view(image: gf.Image) -> gf.Image:
    memoryview(image.pixels)[0] = 99
    return image


@gf.node()
def other_pixels(image: gf.Image) -> gf.Image:
    image.pixels = bytes(len(image.pixels))
    return image


@gf.node()
def other_width(image: gf.Image) -> gf.Image:
    image.width, image.height = image.height, image.width
    return image


CHANGERS = [
    write_item, add_in_place, set_flags, assign_flag, write_out, fill, view_of_it, memory_view, other_pixels,
    other_width,
]  # fmt: skip


@pytest.mark.parametrize("changer", CHANGERS, ids=lambda function: function.__name__)
def test_a_node_that_changes_its_input_is_named_and_nobody_sees_the_change(changer):
    text = f"""
        nodes:
          picture: {{type: paint, shade: 7}}
          bad: {{type: {changer.__name__}, image: $picture}}
          sibling: {{type: invert, image: $picture}}
          shade: {{type: shade_of, image: $sibling}}
        outputs: {{bad: $bad, picture: $picture, shade: $shade}}
    """
    engine = gf.Engine()
    for _ in range(2):
        result = failed(text, changer, engine=engine)
        (error,) = result.failed.values()
        assert (error.step, error.problem.code) == ("bad", "changed-in-place")
        assert "bad tried to change one of its inputs" in error.problem.message
        assert changer.__name__ in error.problem.fix
        assert result["shade"] == 248
        assert np.unique(result["picture"].array).tolist() == [7]
        assert result["picture"].size == (4, 2)


def test_a_copy_may_be_changed():
    @gf.node()
    def brighten(image: gf.Image) -> gf.Image:
        pixels = image.array.copy()
        pixels += 1
        drawn = image.pil()
        drawn.putpixel((0, 0), (9, 9, 9))
        return gf.Image.of(pixels)

    text = "nodes: {p: {type: paint, shade: 7}, b: {type: brighten, image: $p}, s: {type: shade_of, image: $b}}"
    assert gf.run(graph(text, catalog=CATALOG.extended(brighten)))["s"] == 8


def test_an_array_that_a_node_keeps_after_returning_it_changes_nothing():
    kept = []

    @gf.node()
    def keep() -> gf.Image:
        kept.append(np.zeros((2, 2, 3), np.uint8))
        return gf.Image.of(kept[0])

    @gf.node()
    def meddle(image: gf.Image) -> int:
        kept[0][:] = 99
        return int(image.array.max())

    text = "nodes: {k: {type: keep}, m: {type: meddle, image: $k}}"
    assert gf.run(graph(text, catalog=CATALOG.extended(keep, meddle)))["m"] == 0


def test_a_value_that_counts_its_changes_is_compared():
    # As tensors do: one that was changed in place has another version.
    class Tensor(gf.Image):
        version = 0

        def change(self):
            type(self).version += 1

    @gf.node()
    def make() -> gf.Image:
        return Tensor(bytes(12), 2, 2)

    @gf.node()
    def change(image: gf.Image) -> int:
        image.change()
        return 1

    found = problem("nodes: {m: {type: make}, c: {type: change, image: $m}}", make, change)
    assert (found.code, found.message) == ("changed-in-place", "c changed its input image")


# Wrong results


def gives(value, declared):
    def function():
        return value

    function.__annotations__ = {"return": declared}
    function.__name__ = "wrong"
    return gf.node()(function)


from typing import NamedTuple  # noqa: E402


class Pair(NamedTuple):
    left: int
    right: str


@pytest.mark.parametrize(
    ("value", "declared", "why"),
    [
        ("text", int, "its output int is declared as int: 'text' is not an int"),
        (1.5, int, "its output int is declared as int: 1.5 is not an int"),
        (True, int, "its output int is declared as int: true is not an int"),
        (float("nan"), float, "its output float is declared as float: NaN and infinity are not allowed"),
        (None, int, "its output int is declared as int: None is not an int"),
        (3, gf.Image, "its output image is declared as image: 3 is not an image"),
        (np.zeros((2, 2)), gf.Image, "its output image is declared as image: a ndarray is not an image"),
        ([1, "two"], list[int], "its output ints is declared as list of int: 'two' is not an int"),
        ((1,), Pair, "it returned a list of 1, and declares left, right"),
        ((1, "a", 2), Pair, "it returned a list of 3, and declares left, right"),
        (1, Pair, "it returned 1, and declares left, right"),
        (Pair("a", "b"), Pair, "its output left is declared as int: 'a' is not an int"),
    ],
)
def test_a_node_that_returns_something_else_than_it_declares_is_told(value, declared, why):
    output = "left" if declared is Pair else ""
    text = "nodes: {n: {type: wrong}, m: {type: wrong}}" + (f"\noutputs: {{o: $n.{output}}}" if output else "")
    found = next(iter(failed(text, gives(value, declared)).failed.values())).problem
    assert (found.code, found.why) == ("wrong-output", why)
    assert found.message == "n returned something other than what it declares"


def test_an_output_that_nobody_reads_may_be_none():
    text = "nodes: {n: {type: wrong}}\noutputs: {o: $n.left}"
    assert gf.run(graph(text, catalog=CATALOG.extended(gives(Pair(1, None), Pair))))["o"] == 1


def test_what_a_node_returns_becomes_the_type_that_it_declares():
    text = "nodes: {n: {type: wrong}}"
    assert gf.run(graph(text, catalog=CATALOG.extended(gives([1, 2], list[float]))))["n"] == (1.0, 2.0)
    result = gf.run(graph(text, catalog=CATALOG.extended(gives(np.zeros((2, 3), np.uint8), gf.Image))))
    assert result["n"] == gf.Image(bytes(18), 3, 2)
