"""Quota: limits of the expanded graph, since a short document can expand to more than fits any memory."""

from __future__ import annotations

from typing import NoReturn

from graphflow.check.expand.reports import Reports, Used
from graphflow.document.refusal import Refusal
from graphflow.limits import ITEMS_READ, NODES, TEXTS, VALUES_READ
from graphflow.problems import Place


class TooMuch(Exception):
    """The expanded graph exceeds a limit; the problem is reported."""


class Quota:
    """Counts the results of an expansion.

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
            message = f"the graph has more than {NODES:,} nodes once templates and for_each are expanded"
            fix = "shorten lists, use fewer templates, or split the graph"
            self._stop(Refusal("over-limit", message, f"{path} is one of them", fix), place, used)
        self.count_characters(len(path), place, used)

    def count_read(self, count: int, place: Place, used: Used) -> None:
        """Count values that a node, a template, a text or a list reads."""
        self._read += count
        if self._read > VALUES_READ:
            message = f"the nodes of the graph read more than {VALUES_READ:,} values"
            self._stop(Refusal("over-limit", message, "", "split the graph"), place, used)

    def count_items(self, count: int, place: Place, used: Used) -> None:
        """Count items of a list that a node reads; all nodes together count."""
        self._items_read += count
        if self._items_read > ITEMS_READ:
            message = f"the nodes of the graph read more than {ITEMS_READ:,} list items"
            why = "an item counts once for every node that reads its list"
            self._stop(Refusal("over-limit", message, why, "shorten lists, or split the graph"), place, used)

    def count_characters(self, count: int, place: Place, used: Used) -> None:
        """Count characters of texts after their references are replaced."""
        self._characters += count
        if self._characters > TEXTS:
            message = f"the texts of the graph have more than {TEXTS:,} characters once references are replaced"
            self._stop(Refusal("over-limit", message, "", "shorten texts, or split the graph"), place, used)

    def _stop(self, refusal: Refusal, place: Place, used: Used) -> NoReturn:
        self._reports.refuse(refusal, place, used)
        raise TooMuch
