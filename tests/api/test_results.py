"""What goes into a run from Python, and what comes out."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import graphflow as gf
from graphflow.errors import UnknownOutput
from tests.plan.toys import CATALOG, built, graph, run

SHADE = "inputs: {image: {type: image}}\nnodes: {s: {type: shade_of, image: $image}}"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    gf.Image(bytes([9] * 12), 2, 2).save(tmp_path / "p.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


PICTURES = {
    "an image": lambda: gf.Image(bytes([9] * 12), 2, 2),
    "a mask": lambda: gf.Mask(bytes([9] * 4), 2, 2),
    "a Pillow picture": lambda: PIL.Image.new("RGB", (2, 2), (9, 9, 9)),
    "a grey Pillow picture": lambda: PIL.Image.new("L", (2, 2), 9),
    "one with alpha": lambda: PIL.Image.new("RGBA", (2, 2), (9, 9, 9, 100)),
    "an array": lambda: np.full((2, 2, 3), 9, np.uint8),
    "a grey array": lambda: np.full((2, 2), 9, np.uint8),
    "a path": lambda: Path("p.png"),
    "text": lambda: "p.png",
    "an absolute path": lambda: Path.cwd() / "p.png",
}


@pytest.mark.parametrize("given", PICTURES)
def test_a_picture_can_be_given_as(given):
    assert run(SHADE, inputs={"image": PICTURES[given]()})["s"] == 9


@pytest.mark.parametrize(
    "value", [PICTURES[name]() if "path" not in name else "p.png" for name in PICTURES if name != "text"]
)
def test_a_mask_can_be_given_as_any_picture(value):
    text = "inputs: {mask: {type: mask}}\nnodes: {m: {type: mask_invert, mask: $mask}}"
    assert np.unique(run(text, inputs={"mask": value})["m"].array).tolist() == [246]


def test_changing_an_array_that_was_given_changes_nothing():
    given = np.full((2, 2, 3), 9, np.uint8)
    g = graph(SHADE)
    plan = g.plan({"image": given})
    given[:] = 0
    assert gf.run(plan)["s"] == 9


@pytest.mark.parametrize(
    ("type_", "value", "seen"),
    [
        ("int", 3, 3),
        ("float", 3, 3.0),
        ("float", 2.5, 2.5),
        ("string", "$x", "$x"),
        ("bool", False, False),
        ("list of int", [1, 2], (1, 2)),
        ("list of int", (1, 2), (1, 2)),
        ("list of int", 5, (5,)),
        ("list of float", [1, 2.5], (1.0, 2.5)),
        ("list of string", [], ()),
        ("int | string", "a", "a"),
        ("int | string", 5, 5),
    ],
)
def test_plain_values_are_given_as_they_are(type_, value, seen):
    text = f"inputs: {{x: {{type: {type_}}}}}\nnodes: {{s: {{type: switch, condition: true, if_true: $x}}}}"
    result = run(text, inputs={"x": value})["s"]
    assert (result, type(result)) == (seen, type(seen))


WRONG = [
    ("int", "3"), ("int", 3.0), ("int", True), ("int", None), ("int", [1]), ("float", "1"), ("float", True),
    ("float", float("nan")), ("float", float("inf")), ("string", 5), ("string", None), ("bool", 1), ("bool", "true"),
    ("image", 5), ("image", "no.png"), ("image", np.zeros((2, 2, 3))), ("image", np.zeros((2, 2, 5), np.uint8)),
    ("image", np.zeros(4, np.uint8)), ("image", np.zeros((0, 2, 3), np.uint8)), ("image", [gf.Image(bytes(3), 1, 1)]),
    ("image", b"bytes"), ("mask", object()), ("file", "no.txt"), ("file", 5), ("list of int", ["1"]),
    ("list of int", [[1]]), ("list of image", "nowhere/*.png"), ("list of image", ["p.png", 5]),
    ("checkpoint", 5), ("image", Path("nowhere") / "p.png"), ("image", "a\0b"), ("image", PIL.Image.new("RGB", (0, 0))),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "value"), WRONG)
def test_a_value_of_another_type_is_a_problem_that_names_the_input(type_, value):
    text = f"inputs: {{x: {{type: {type_}}}}}\nnodes: {{s: {{type: switch, condition: true, if_true: $x}}}}"
    with pytest.raises(gf.InvalidGraph) as caught:
        run(text, inputs={"x": value})
    (problem,) = caught.value.problems
    assert problem.code == "bad-value"
    assert "the input x" in problem.message
    assert type_ in problem.fix


def test_limits_hold_for_given_values():
    text = "inputs: {x: {type: int, default: 1, min: 0, max: 5}}\nnodes: {n: {type: number, value: $x}}"
    assert run(text, inputs={"x": 5})["n"] == 5
    with pytest.raises(gf.InvalidGraph, match="give at most 5"):
        run(text, inputs={"x": 6})


def test_a_missing_input_and_an_unknown_one_are_both_told():
    with pytest.raises(gf.InvalidGraph) as caught:
        run(SHADE, inputs={"imag": "p.png"})
    assert {problem.code for problem in caught.value.problems} == {"input-missing", "unknown-input"}


def test_a_folder_or_a_pattern_gives_a_list_of_pictures(folder):
    (folder / "many").mkdir()
    for name in "ba":
        gf.Image(bytes([ord(name)] * 3), 1, 1).save(folder / f"many/{name}.png")
    text = "inputs: {x: {type: list of image}}\nnodes: {s: {type: shade_of, for_each: {image: $x}}}"
    for value in ("many", Path("many"), "many/*.png"):
        assert run(text, inputs={"x": value})["s"] == (97, 98)


# Results


def test_an_output_is_read_by_name():
    result = run("nodes: {n: {type: number}, m: {type: number, value: 3}}")
    assert (result["n"], result["m"]) == (1, 3)
    assert list(result) == ["n", "m"]
    assert "n" in result
    assert "x" not in result


def test_an_output_that_is_not_there_says_so():
    result = run("nodes: {n: {type: number}, off: {type: number, value: 3, when: false}}")
    with pytest.raises(gf.GraphflowError, match="the run has no output m; it has n, off"):
        result["m"]
    with pytest.raises(gf.GraphflowError, match="the output off is absent: off: when is false"):
        result["off"]


def test_a_failed_run_raises_with_the_rest():
    with pytest.raises(gf.RunFailed) as caught:
        run("nodes: {n: {type: number}, bad: {type: broken}}")
    result = caught.value.result
    assert result["n"] == 1
    assert result.state == "failed"
    assert isinstance(result.failed["bad"], gf.StepError)
    with pytest.raises(gf.GraphflowError, match="bad is absent: bad failed"):
        result["bad"]


def test_only_some_outputs_are_made():
    result = run("nodes: {n: {type: number}, bad: {type: broken}}", only=["n"])
    assert result.outputs == {"n": 1}
    assert run("nodes: {n: {type: number}, bad: {type: broken}}", only="n").outputs == {"n": 1}
    with pytest.raises(gf.InvalidGraph, match="the graph has no output m"):
        run("nodes: {n: {type: number}}", only=["m"])


def test_a_picture_is_saved_by_the_ending_of_its_name(folder):
    picture = run("nodes: {p: {type: paint, shade: 7}}")["p"]
    with PIL.Image.open(picture.save("out.png")) as saved:
        assert saved.size == (4, 2)
    with pytest.raises(gf.FileProblem):
        picture.save("out.nothing")
    with pytest.raises(gf.FileProblem):
        picture.save("nowhere/out.png")


# Ways to name a graph

DOCUMENT = "graphflow: 1\nnodes: {n: {type: number}}\n"


def test_a_graph_is_run_by_path(folder):
    (folder / "g.yaml").write_text(DOCUMENT)
    for graph_ in ("g.yaml", Path("g.yaml"), gf.load("g.yaml", catalog=CATALOG)):
        assert gf.run(graph_, catalog=CATALOG)["n"] == 1
    with gf.Engine(catalog=CATALOG) as engine:
        assert engine.run("g.yaml")["n"] == 1


def test_a_graph_is_run_from_its_plan_and_its_document(folder):
    g = graph("nodes: {n: {type: number}}")
    assert gf.run(g.plan())["n"] == 1
    assert gf.run(g.document, catalog=CATALOG)["n"] == 1


BAD_FILES = {
    "missing": None,
    "a folder": "",
    "not YAML": "nodes: [",
    "not UTF-8": b"\xff\xfe\x00",
    "empty": "",
    "a list": "- 1",
    "unknown node type": "graphflow: 1\nnodes: {n: {type: nothing}}\n",
    "a later version": "graphflow: 2\nnodes: {}\n",
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_graph_that_cannot_be_run_is_a_graphflow_error(folder, kind):
    content, path = BAD_FILES[kind], folder / "g.yaml"
    if kind == "a folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(gf.GraphflowError):
        gf.run(path)


def test_a_library_name_that_is_none_names_what_there_is():
    with pytest.raises(gf.FileProblem, match="there is no graph mask_blurr"):
        gf.run("mask_blurr")


def test_a_name_without_its_ending_names_the_file(folder):
    (folder / "cat.yaml").write_text("graphflow: 1\n")
    (folder / "run").mkdir()
    with pytest.raises(gf.FileProblem, match=r"fix: did you mean .*cat\.yaml\?"):
        gf.run(folder / "cat")
    with pytest.raises(gf.FileProblem, match=r"run is a folder, not a graph\n  fix: name a file in it"):
        gf.run(folder / "run")


@pytest.mark.parametrize(
    "call",
    [
        lambda: gf.run(5),
        lambda: gf.Engine(memory_budget="lots"),
        lambda: gf.load("nothing.yaml"),
        lambda: built().save("nowhere/at/all.yaml"),
        lambda: built().plan(only=["x"]),
        lambda: gf.Image(b"", 1, 1),
        lambda: gf.Image.of("text"),
        lambda: gf.Animation(()),
        lambda: graph("nodes: {n: {type: nothing}}").plan(),
        lambda: gf.Catalog().extended(len),
        lambda: run("nodes: {n: {type: number}}", inputs={"x": 1}),
        lambda: run("nodes: {n: {type: number}}", seed="many"),
        lambda: run("nodes: {n: {type: number}}", seed=-1),
        lambda: run("nodes: {n: {type: number}}", inputs=[1]),
        lambda: run("nodes: {n: {type: number}}", only="n m"),
    ],
)
def test_everything_that_is_raised_is_a_graphflow_error(call):
    with pytest.raises(gf.GraphflowError):
        call()


def test_every_error_is_a_graphflow_error():
    errors = [
        gf.Cancelled, gf.DefinitionError, gf.FileProblem, gf.InvalidGraph, gf.InvalidValue, gf.RunFailed, gf.StepError,
        UnknownOutput,
    ]  # fmt: skip
    assert all(issubclass(error, gf.GraphflowError) for error in errors)
    # so that hasattr works
    assert issubclass(UnknownOutput, AttributeError)
