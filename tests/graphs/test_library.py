"""What holds for every graph of the library: it checks without a word, explains itself, and shares its parts."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
import yaml

import graphflow as gf
from graphflow import library
from tests.graphs.library import GRAPHS, checkpoints

TEMPLATES = library.templates()
DOCUMENTS = {**GRAPHS, **{f"templates/{name}": path for name, path in TEMPLATES.items()}}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_checks_without_problem_warning_or_hint(tiny, name):
    given = {} if GRAPHS[name] == library.graphs().get(name) else checkpoints(name, tiny)
    assert gf.load(GRAPHS[name]).check(given).problems == ()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_called_as_its_file_and_explains_itself_and_its_inputs(name):
    document = yaml.safe_load(DOCUMENTS[name].read_text())
    assert document["name"] == DOCUMENTS[name].stem
    assert document["description"].endswith(".")
    assert [key for key, declared in document["inputs"].items() if not declared.get("description")] == []


@pytest.mark.parametrize("name", GRAPHS)
def test_every_input_of_a_graph_has_a_default_and_every_checkpoint_is_an_input(name):
    document = yaml.safe_load(GRAPHS[name].read_text())
    assert [key for key, declared in document["inputs"].items() if "default" not in declared] == []
    assert "embedded/" not in str(document["nodes"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_fit_a_screen(name):
    assert [line for line in DOCUMENTS[name].read_text().splitlines() if len(line) > 120] == []


@pytest.fixture(scope="module")
def engine():
    with gf.Engine() as engine:
        yield engine


@pytest.mark.parametrize("name", library.graphs())
def test_a_library_graph_runs_as_it_stands(engine, name):
    outputs = engine.run(name).outputs
    pictures = [one for value in outputs.values() for one in (value if isinstance(value, tuple) else [value])]
    assert pictures
    assert all(picture.array.std() > 5 for picture in pictures if not isinstance(picture, gf.Animation))


def test_every_template_is_used_by_two_graphs_or_more():
    uses = Counter()
    for path in GRAPHS.values():
        nodes = yaml.safe_load(path.read_text())["nodes"].values()
        uses.update({node["template"] for node in nodes if "template" in node})
    assert {name: uses[name] for name in TEMPLATES if uses[name] < 2} == {}


def test_graphs_lists_every_graph_and_template_with_its_description():
    listed = subprocess.run([sys.executable, "-m", "graphflow", "graphs"], capture_output=True, text=True, check=True)
    graphs, templates = listed.stdout.removeprefix("graphs:\n").split("templates:\n")
    for shown, files in ((graphs, library.graphs()), (templates, TEMPLATES)):
        described = {name: yaml.safe_load(path.read_text())["description"] for name, path in files.items()}
        assert dict(line.split(maxsplit=1) for line in shown.splitlines()) == described
