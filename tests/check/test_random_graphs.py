"""Any document is parsed, checked and planned, or its problems are reported."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphflow.check.check import check
from graphflow.document.model import Document
from graphflow.document.parse import parse
from graphflow.document.write import write
from graphflow.errors import InvalidGraph
from graphflow.plan.plan import Plan, plan
from graphflow.plan.sources import step_outputs
from graphflow.problems import CODES
from tests.check.random_graphs import CATALOG, document_of, junk_documents, node_names, right_graphs

FIXED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@settings(max_examples=400, deadline=None, suppress_health_check=FIXED)
@given(junk_documents())
def test_random_graph_is_checked_and_planned_or_refused(document: Document) -> None:
    parsed, problems = parse(write(document), "g.yaml")
    assert parsed is not None
    checked = check(parsed, CATALOG, problems=problems)
    for problem in checked.problems:
        assert problem.code in CODES
        assert problem.message
        assert problem.place.line or problem.used, problem  # a template that is not YAML has no lines
    try:
        assert_topological(plan(checked))
    except InvalidGraph:
        assert not checked.ok
    else:
        assert checked.ok


@settings(max_examples=150, deadline=None, suppress_health_check=FIXED)
@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            ["graphflow: 1", "nodes:", "  a: {type: t", "}", "- ", "\t", "? ", "*a", "&a ", "'", "inputs: {", "!!x "]
        )
    ).map("\n".join)
)
def test_any_text_is_parsed_and_checked_or_refused(text: str) -> None:
    document, problems = parse(text.encode("utf-8", "replace").decode(), "g.yaml")
    assert problems or document is not None
    if document is not None:
        check(document, CATALOG, problems=problems)


def assert_topological(made: Plan) -> None:
    for number, step in enumerate(made.steps):
        assert all(one.step < number for source in step.inputs.values() for one in step_outputs(source))
    assert all(one.step < len(made.steps) for source in made.outputs.values() for one in step_outputs(source))


def planned(document: Document) -> Plan:
    parsed, problems = parse(write(document), "g.yaml")
    assert parsed is not None
    return plan(check(parsed, CATALOG, problems=problems))


@settings(max_examples=80, deadline=None, suppress_health_check=FIXED)
@given(st.data())
def test_order_is_topological_and_the_same_whatever_the_names(data: st.DataObject) -> None:
    nodes = data.draw(right_graphs())
    count = len(nodes)
    order = data.draw(st.permutations(range(count)))
    names = data.draw(st.lists(node_names, min_size=count, max_size=count, unique=True))
    plain = [f"n{number}" for number in range(count)]
    first, second = planned(document_of(nodes, plain, order)), planned(document_of(nodes, names, order))
    assert_topological(first)
    assert first == second
    back = dict(zip(names, plain, strict=True))
    assert [step.path for step in first.steps] == [back[step.path] for step in second.steps]
    assert [step.also for step in first.steps] == [tuple(back[name] for name in step.also) for step in second.steps]


@settings(max_examples=60, deadline=None, suppress_health_check=FIXED)
@given(right_graphs())
def test_equal_documents_have_equal_plans(nodes: list) -> None:
    names, order = [f"n{number}" for number in range(len(nodes))], list(range(len(nodes)))
    first, second = (planned(document_of(nodes, names, order)) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
