"""Catalogs: extended, joined, from loose files and from installed packages, and only those the user names."""

import subprocess
import sys
import textwrap
from typing import Annotated, Any

import pytest

import graphflow as gf
from graphflow.catalog.catalog import default_catalog, loose_catalog, named_catalog
from tests.plan.toys import CATALOG, add, graph, number

NODE = """
import graphflow as gf

@gf.node()
def {name}(value: int) -> int:
    return value * 2
"""


def write(path, text: str):
    path.write_text(textwrap.dedent(text))
    return path


def test_a_catalog_never_changes():
    before = list(default_catalog())
    extended = default_catalog().extended(number)
    assert list(default_catalog()) == before
    assert set(extended) == {*before, "number"}
    assert "number" not in default_catalog()


def test_a_graph_knows_only_its_catalog():
    small = gf.Catalog().extended(number)
    assert gf.run(graph("nodes: {n: {type: number}}", catalog=small))["n"] == 1
    (problem,) = graph("nodes: {n: {type: add, a: 1}}", catalog=small).check().problems
    assert problem.code == "unknown-type"


def test_two_node_types_of_one_name_are_refused():
    def other() -> int:
        return 1

    other.__name__ = "number"
    with pytest.raises(gf.DefinitionError, match=r"two node types are named number: .*toys:number, .*other"):
        CATALOG.extended(gf.node()(other))
    with pytest.raises(gf.DefinitionError, match="have one name"):
        gf.Catalog().extended(number, number)
    with pytest.raises(gf.DefinitionError, match="two node types are named number"):
        CATALOG.joined(gf.Catalog().extended(number))


def test_a_name_that_is_shipped_cannot_be_taken():
    @gf.node()
    def resize(image: gf.Image) -> gf.Image:
        return image

    with pytest.raises(gf.DefinitionError, match="two node types are named resize"):
        gf.default_catalog().extended(resize)


def test_a_function_that_is_not_marked_is_refused():
    with pytest.raises(gf.DefinitionError, match="is not marked: write @node"):
        gf.Catalog().extended(lambda: 1)


def test_marking_changes_nothing_about_a_function():
    assert add(1, 2, plus=3) == 6


def no_annotation(value) -> int:
    return value


def no_return(value: int):
    return value


def any_type(value: Any) -> int:
    return value


def port_with_default(value: int = 3) -> int:
    return value


def required_but_optional(value: int | None) -> int:
    return value or 0


def star_arguments(*values: int) -> int:
    return sum(values)


def reserved(value: int, *, when: bool = True) -> int:
    return value


def labels_output(value: int) -> Annotated[int, gf.Doc("a number")]:
    return value


def size_of_nothing(image: gf.Image) -> Annotated[gf.Image, gf.SizeOf("picture")]:
    return image


def bad_default(*, value: Annotated[int, gf.Ge(0)] = -1) -> int:
    return value


def list_of_lists(values: list[list[int]]) -> int:
    return len(values)


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (no_annotation, "value has no annotation"),
        (no_return, "the return annotation is missing"),
        (any_type, "is not a type for ports, params or outputs"),
        (port_with_default, "can only be None"),
        (required_but_optional, "as `T | None = None`"),
        (star_arguments, "cannot be a port or a param"),
        (reserved, "when is not a valid name: it is a key of every node"),
        (size_of_nothing, "picture is not a port"),
        (bad_default, "the default of value is not valid"),
        (list_of_lists, "is not a type for ports, params or outputs"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_function_that_cannot_be_a_node_is_refused_with_the_reason(function, match):
    with pytest.raises(gf.DefinitionError, match=match):
        gf.Catalog().extended(gf.node()(function))


def test_what_is_usual_is_said_of_params_that_have_no_default_themselves():
    @gf.node(usual={"value": "7"})
    def seven(*, value: int = 7) -> int:
        return value

    with pytest.raises(gf.DefinitionError, match="usual names params whose default is None; value is not such a param"):
        gf.Catalog().extended(seven)


# Plan functions and steps


@gf.step(environment="pure")
def first_step(value: int) -> int:
    return value


def wrong_steps(*steps):
    def plan(facts, params, checkpoints, wanted):
        return gf.Planned(steps=steps)

    @gf.node(plan=plan)
    def stage(value: int, other: int | None = None) -> int:
        return value

    return graph("nodes: {n: {type: stage, value: 1}}", catalog=gf.Catalog().extended(stage))


OUT = {"int": "int"}


@pytest.mark.parametrize(
    ("steps", "match"),
    [
        ([gf.Step("a", first_step, {"value": "valu"}, {}, OUT)], "reads valu, which is not a port"),
        ([gf.Step("a", first_step, {"value": "other"}, {}, OUT)], "does not give value"),
        ([gf.Step("a", first_step, {}, {}, OUT)], "does not give value"),
        (
            [gf.Step("a", first_step, {"value": "value"}, {"more": 1}, OUT)],
            "gives more, which its function does not take",
        ),
        ([gf.Step("a", first_step, {"value": "value"}, {}, {"int": "image"})], "has no output image"),
        ([gf.Step("a", first_step, {"value": "value"})], "no step gives int"),
        ([gf.Step("a", first_step, {"value": "b.int"}, {}, OUT)], "there is no step b"),
        ([gf.Step("a", first_step, {"value": "a.int"}, {}, OUT)], "a is not a step before it"),
        ([gf.Step("a", len, {"value": "value"}, {}, OUT)], "write @step"),
        ([gf.Step("a", first_step, {"value": "value"}, {}, OUT)] * 2, "two steps have one name"),
        (
            [gf.Step("a", first_step, {"value": "value"}), gf.Step("b", first_step, {"value": "a.image"}, {}, OUT)],
            "the outputs of a are int",
        ),
    ],
)
def test_steps_that_do_not_fit_are_refused_when_the_plan_is_made(steps, match):
    with pytest.raises(gf.DefinitionError, match=match):
        wrong_steps(*steps).plan()


@pytest.mark.parametrize("answer", [1 / 2, None, gf.Facts()])
def test_a_plan_function_that_answers_something_else_is_named(answer):
    @gf.node(plan=lambda facts, params, checkpoints, wanted: answer)
    def stage() -> int:
        return 1

    with pytest.raises(gf.DefinitionError, match="the plan function of stage returned"):
        graph("nodes: {n: {type: stage}}", catalog=gf.Catalog().extended(stage)).check()


def test_a_plan_function_that_fails_is_named_beside_the_other_problems():
    @gf.node(plan=lambda facts, params, checkpoints, wanted: params["nothing"])
    def stage() -> int:
        return 1

    text = "inputs: {unread: {type: int, default: 1}}\nnodes: {n: {type: stage}, m: {type: stage}}"
    found = graph(text, catalog=gf.Catalog().extended(stage)).check()
    assert not found.ok
    assert [problem.code for problem in found.problems] == ["unused-input", "node", "node"]
    assert found.problems[1].message == "n: the plan function of stage failed"
    assert found.problems[1].why == "KeyError: 'nothing'"


def test_a_plan_function_uses_only_codes_of_the_table():
    @gf.node(plan=lambda facts, params, checkpoints, wanted: gf.Planned(problems=(gf.Fault("it is so", code="odd"),)))
    def stage() -> int:
        return 1

    with pytest.raises(gf.DefinitionError, match="the problem code odd"):
        graph("nodes: {n: {type: stage}}", catalog=gf.Catalog().extended(stage)).check()


# Loose files


def test_a_loose_file_gives_the_nodes_that_it_marks(tmp_path):
    catalog = named_catalog([str(write(tmp_path / "mine.py", NODE.format(name="double")))])
    g = gf.Graph(catalog=catalog)
    g.add("double", value=21)
    assert gf.run(g).outputs == {"double": 42}
    assert set(catalog) == {*default_catalog(), "double"}


def test_a_loose_file_does_not_give_what_it_only_imports(tmp_path):
    text = "from graphflow_nodes.image.resize import resize\n" + NODE.format(name="double")
    assert list(loose_catalog(write(tmp_path / "mine.py", text))) == ["double"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, "mine.py"),
        ("x = 1", "marks no node"),
        ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("def (", "cannot be imported: SyntaxError"),
        ("import graphflow as gf\n@gf.node()\ndef f(a) -> int:\n    return a", "a has no annotation"),
        (NODE.format(name="resize"), "two node types are named resize"),
    ],
)
def test_a_loose_file_that_cannot_be_used_is_a_graphflow_error(tmp_path, text, match):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(gf.GraphflowError, match=match):
        named_catalog([str(path)])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "import graphflow as gf\n\n@gf.node()\ndef f(a, b) -> int:\n    return a",
            r"nodes\.py:3: f: a, b have no annotation",
        ),
        ("x = 1\ny = x / 0\n", r"nodes\.py cannot be imported: ZeroDivisionError: .* \(line 2\)"),
    ],
)
def test_what_is_wrong_with_a_loose_file_is_told_with_its_file_and_line(tmp_path, text, match):
    path = tmp_path / "nodes.py"
    path.write_text(text)
    with pytest.raises(gf.GraphflowError, match=match) as caught:
        named_catalog([str(path)])
    assert "graphflow_loose" not in str(caught.value)


def test_a_document_cannot_name_code(tmp_path):
    write(tmp_path / "mine.py", NODE.format(name="double"))
    for type_ in ("mine:double", "mine.double", "./mine.py", "tests.plan.toys:number"):
        found = graph(f"nodes: {{n: {{type: '{type_}', value: 1}}}}", tmp_path).check().problems
        assert [problem.code for problem in found] == ["unknown-type"]
    assert "mine" not in sys.modules


TORCH = """
def later():
    import torch

import graphflow as gf

@gf.node({mark})
def noise(*, seed: gf.Seed) -> int:
    return seed
"""


def test_a_module_that_imports_torch_must_say_its_environment(tmp_path):
    with pytest.raises(gf.DefinitionError, match="its module imports torch"):
        loose_catalog(write(tmp_path / "silent.py", TORCH.format(mark="")))


@pytest.mark.parametrize("environment", ["pure", "torch"])
def test_a_module_that_imports_torch_may_say_either(tmp_path, environment):
    text = TORCH.format(mark=f"environment='{environment}'")
    catalog = loose_catalog(write(tmp_path / f"{environment}.py", text))
    assert catalog["noise"].function.environment == environment


# Packages


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a package that lists nodes; gives a function that does it."""

    def install(name: str, module: str, entry: str = "mine = {name}_nodes:NODES"):
        (tmp_path / f"{name}_nodes.py").write_text(textwrap.dedent(module))
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        if entry:
            (info / "entry_points.txt").write_text("[graphflow.nodes]\n" + entry.format(name=name) + "\n")

    monkeypatch.syspath_prepend(tmp_path)
    return install


def test_a_package_lists_functions(package):
    package("gf-fake-one".replace("-", "_"), NODE.format(name="triple") + "\nNODES = [triple]")
    g = gf.Graph(catalog=named_catalog(["gf_fake_one"]))
    g.add("triple", value=2)
    assert gf.run(g)["triple"] == 4


def test_a_package_lists_names_that_are_imported_when_they_are_needed(package, tmp_path):
    (tmp_path / "gf_fake_parts.py").write_text(NODE.format(name="triple"))
    package("gf_fake_two", "NODES = ['gf_fake_parts:triple', 'gf_fake_parts:missing']")
    catalog = named_catalog(["gf_fake_two"])
    assert "gf_fake_parts" not in sys.modules
    assert catalog["triple"].function.call(3) == 6
    with pytest.raises(gf.DefinitionError, match="gf_fake_parts:missing, which cannot be imported"):
        catalog["missing"]


def test_a_package_that_is_installed_but_not_named_gives_nothing(package):
    package("gf_fake_three", NODE.format(name="triple") + "\nNODES = [triple]")
    assert "triple" not in default_catalog()
    assert "triple" not in named_catalog([])


@pytest.mark.parametrize(
    ("module", "entry", "match"),
    [
        ("NODES = []", "mine = {name}_nodes:NODES", "lists no node types"),
        ("NODES = []", "", "lists no node types"),
        ("NODES = [len]", "mine = {name}_nodes:NODES", "is not marked"),
        ("NODES = ['a:resize', 'b:resize']", "mine = {name}_nodes:NODES", "two node types named resize"),
        ("NODES = ['a:resize']", "mine = {name}_nodes:NODES", "two node types are named resize"),
        ("NODES = [5]", "mine = {name}_nodes:NODES", ""),
        ("NODES = 5", "mine = {name}_nodes:NODES", "gf_fake_bad"),
        ("NODES = []", "mine = {name}_nodes:MISSING", "gf_fake_bad"),
        ("1 / 0", "mine = {name}_nodes:NODES", "gf_fake_bad"),
    ],
)
def test_a_package_that_cannot_be_used_is_a_graphflow_error(package, monkeypatch, module, entry, match):
    monkeypatch.delitem(sys.modules, "gf_fake_bad_nodes", raising=False)
    package("gf_fake_bad", module, entry)
    with pytest.raises(gf.GraphflowError) as caught:
        named_catalog(["gf_fake_bad"])
    assert match in str(caught.value)


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(gf.DefinitionError, match="no package gf_fake_nothing is installed"):
        named_catalog(["gf_fake_nothing"])


def test_names_of_the_default_catalog_import_no_torch_and_no_node():
    code = """
        import sys, graphflow as gf
        names = list(gf.default_catalog())
        assert "resize" in names
        assert not {"torch", "diffusers", "transformers", "numpy"} & set(sys.modules)
        assert "graphflow_nodes.image.resize" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
