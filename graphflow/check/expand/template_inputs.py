"""Inputs of templates: given values, or their defaults."""

from __future__ import annotations

from typing import Any

from graphflow.check.expand.reports import Reports, Used
from graphflow.check.input_values import default_value, outside_limits
from graphflow.check.literals import Literals
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.check.sources import UNKNOWN_SOURCE, Absent, NodeSource, known_value
from graphflow.problems import Problem
from graphflow.values.sources import Value


class TemplateInputs:
    """Gives the inputs of templates their values; each default is read once.

    Args:
        literals: reads defaults.
        reports: gets problems.
    """

    def __init__(self, literals: Literals, reports: Reports) -> None:
        self._literals = literals
        self._reports = reports
        self._defaults: dict[tuple[int, str], tuple[Any, list[Problem]]] = {}
        """By the template and the input's name."""

    def of(
        self, node: ResolvedNode, template: Resolved, given: dict[str, NodeSource], used: Used
    ) -> dict[str, NodeSource]:
        """The value of each input of a template.

        Args:
            node: the node that uses the template.
            template: the template.
            given: the values that the node gives.
            used: places of its uses, this use first.
        """
        inputs: dict[str, NodeSource] = {}
        for name, decl in template.document.inputs.items():
            source = given.get(name)
            if source is None or (isinstance(source, Absent) and decl.default is not None):
                # As with an optional port, an absent value counts as not given.
                source = self._default(template, name, used)
            else:
                refusal = outside_limits(decl, known_value(source))
                if refusal is not None:
                    self._reports.refuse(refusal, node.place_of(name), used[1:])
                    source = UNKNOWN_SOURCE
            inputs[name] = source
        return inputs

    def _default(self, template: Resolved, name: str, used: Used) -> NodeSource:
        """The default of an input as a source; `Unknown` (reported elsewhere) if it is missing or wrong."""
        known = self._defaults.get((id(template), name))
        if known is None:
            problems: list[Problem] = []
            value = default_value(template.document.inputs[name], template.document, self._literals, problems)
            known = self._defaults[id(template), name] = value, problems
        value, problems = known
        for problem in problems:
            self._reports.add(problem, used)
        return UNKNOWN_SOURCE if value is None else Value(value)
