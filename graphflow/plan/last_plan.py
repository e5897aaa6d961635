"""The last plan of a graph, which is used again if nothing can have changed it.

A plan depends on the document and on the values of the call. If its check looked at files, checkpoints or templates, it
also depends on these. They may change at any time, so such a plan is always made again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from graphflow.document.model import Document
from graphflow.plan.plan import Plan

_PLAIN = (str, int, float, bool)


class LastPlan:
    """Remembers the last plan of one graph."""

    def __init__(self) -> None:
        self._last: tuple[tuple[object, ...], tuple[object, ...], Plan] | None = None

    def plan(
        self, document: Document, inputs: Mapping[str, Any] | None, *settings: object, make: Callable[[], Plan]
    ) -> Plan:
        """The last plan if it was made from the same document and equal values, else a new one.

        Args:
            document: its declarations are compared by identity, since equal ones may differ in their places.
            inputs: compared if all of them are plain values; otherwise the plan is made again.
            settings: everything else that `make` uses, compared by value.
            make: makes a plan.
        """
        values = _text_of(inputs)
        if values is None:
            return make()
        declared, asked = _declarations(document), (values, *settings)
        if self._last is not None and _same(self._last[0], declared) and self._last[1] == asked:
            return self._last[2]
        plan = make()
        self._last = None if plan.checked.depends_on_files else (declared, asked, plan)
        return plan


def _text_of(inputs: object) -> str | None:
    """The inputs as text, in which 1, 1.0, True and '1' differ; None if one of them is not a plain value."""
    if inputs is None:
        return "{}"
    if not isinstance(inputs, Mapping):
        return None
    values = [one for value in inputs.values() for one in (value if type(value) in (list, tuple) else (value,))]
    return repr(dict(inputs)) if all(type(one) in _PLAIN for one in (*inputs, *values)) else None


def _declarations(document: Document) -> tuple[object, ...]:
    """The document and its declarations, to which more may be added."""
    sections = (document.inputs, document.checkpoints, document.templates, document.nodes, document.outputs or {})
    return document, *[part for section in sections for part in (*section, *section.values())]


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))
