"""Check a node's rules again during a run, with facts that were unknown until the values existed."""

from __future__ import annotations

from graphflow.catalog.rules import faults, planned, problem_of
from graphflow.errors import StepError
from graphflow.execute.live_values import Held
from graphflow.plan.sources import step_outputs
from graphflow.plan.step import PlannedStep, Recheck
from graphflow.problems import Level
from graphflow.values.coerce import coerce
from graphflow.values.facts import facts_of


def require_rules(step: PlannedStep, recheck: Recheck, held: Held) -> None:
    """Check the values that a step's node receives against the rules of the node.

    Args:
        step: the step that is about to be called.
        recheck: the recheck of its node.
        held: the values that exist.

    Raises:
        StepError: the rules report a problem; the first one, if there are several.
    """
    node, facts = step.node, {}
    for name, source in recheck.ports.items():
        facts[name] = recheck.known[name]
        if source is not None and all(map(held.has, step_outputs(source))):
            facts[name] = facts_of(coerce(held.value(source), node.type.ports[name].type))
    for fault in faults(node.type, facts, planned(node, facts, recheck.wanted)):
        place = recheck.places.get(fault.about, node.place)
        problem = problem_of(fault, node, place, recheck.senders.get(fault.about, "the value given"))
        if problem.level is Level.PROBLEM:
            raise StepError(step.path, problem)
