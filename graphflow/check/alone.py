"""Checks a template with `run_seed` as a graph of its own."""

from __future__ import annotations

from graphflow.check.check import expanded_graph
from graphflow.check.checked import Alone, Checked
from graphflow.check.literals import Literals


def checked_alone(alone: Alone, around: Checked) -> Checked:
    """The graph of a template with the inputs and the seed of one use, as if a call had given them.

    Args:
        alone: the use of the template.
        around: the graph that uses it, which has no problems.
    """
    literals = Literals(around.catalog, around.compute)
    return expanded_graph(alone.resolved, dict(alone.inputs), alone.seed, literals, around.compute, [])
