"""Quota: how much a graph stands for once expanded, since a short document can mean more than any machine holds."""

from __future__ import annotations

from typing import NoReturn

from graphflow.check.expand.reports import Reports, Used
from graphflow.document.refusal import Refusal
from graphflow.limits import ITEMS_READ, NODES, TEXTS, VALUES_READ
from graphflow.problems import Place


class TooMuch(Exception):
    """A graph stands for more than the limits allow; the problem is reported."""


class Quota:
    """Counts what an expansion makes.

    Every method raises `TooMuch` if the graph as a whole is over one of the `limits`.

    Args:
        reports: gets the problem.
    """

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._nodes = 0
        self._read = 0
        self._items_read = 0
        self._characters = 0

    def count_node(self, path: str, place: Place, used: Used) -> None:
        """Count a node, or a use of a template, at `path`."""
        self._nodes += 1
        if self._nodes > NODES:
            message = f"the graph has more than {NODES:,} nodes once templates are put in and for_each is unrolled"
            fix = "make lists shorter, use fewer templates, or make several graphs of it"
            self._stop(Refusal("over-limit", message, f"{path} is one of them", fix), place, used)
        self.count_characters(len(path), place, used)

    def count_read(self, count: int, place: Place, used: Used) -> None:
        """Count values that a node, a template, a text or a list is put together of."""
        self._read += count
        if self._read > VALUES_READ:
            message = f"the nodes of the graph read more than {VALUES_READ:,} values"
            self._stop(Refusal("over-limit", message, "", "make several graphs of it"), place, used)

    def count_items(self, count: int, place: Place, used: Used) -> None:
        """Count items of a list that a node reads; all nodes together count."""
        self._items_read += count
        if self._items_read > ITEMS_READ:
            message = f"the nodes of the graph read more than {ITEMS_READ:,} items of lists"
            why = "an item counts for every node that reads its list"
            self._stop(Refusal("over-limit", message, why, "make lists shorter, or several graphs of it"), place, used)

    def count_characters(self, count: int, place: Place, used: Used) -> None:
        """Count characters of texts that are put together."""
        self._characters += count
        if self._characters > TEXTS:
            message = f"the texts of the graph have more than {TEXTS:,} characters once references are replaced"
            self._stop(Refusal("over-limit", message, "", "make texts shorter, or several graphs of it"), place, used)

    def _stop(self, refusal: Refusal, place: Place, used: Used) -> NoReturn:
        self._reports.refuse(refusal, place, used)
        raise TooMuch
