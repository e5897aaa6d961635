"""Reads and checks the graph that a command names, with the settings of the call."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from graphflow import library
from graphflow.catalog.catalog import Catalog
from graphflow.check.check import check
from graphflow.check.checked import Checked
from graphflow.check.derived_seeds import derives_seeds
from graphflow.check.seeds import SEED, sets_input
from graphflow.cli.settings import SEED_PLACE, read_seed, with_settings
from graphflow.cli.shared_options import compute_of, hub_of
from graphflow.document.model import Document
from graphflow.problems import Problem, first_of
from graphflow.record.recorded_graph import read_graph


@dataclass
class Loaded:
    """A checked graph and its file."""

    checked: Checked | None
    problems: tuple[Problem, ...]
    path: Path
    notes: tuple[str, ...] = ()
    """Sentences about a graph that the call generated."""


def load_checked(arguments: argparse.Namespace, graph: str, catalog: Catalog, *, complete: bool = True) -> Loaded:
    """Read and check the graph `graph` with all settings of the call.

    Args:
        arguments: of the call; may lack `settings`, `seed`, `only`, `over` and `count`.
        complete: whether inputs without a value are problems.
    """
    path, document, problems = read_graph(graph)
    if document is None:
        return Loaded(None, tuple(first_of(problems)), path)
    seed = read_seed(getattr(arguments, "seed", None))
    document, inputs, found = with_settings(document, getattr(arguments, "settings", []), catalog)
    notes: tuple[str, ...] = ()
    if getattr(arguments, "over", ()) or getattr(arguments, "count", None) is not None:
        from graphflow.cli.swept import swept_graph

        swept = swept_graph(arguments, document, catalog, inputs, seed, [*problems, *found], complete=complete)
        if swept.document is None:
            return Loaded(None, tuple(first_of(swept.problems)), path)
        document, problems, found, notes = swept.document, list(swept.problems), [], swept.notes
        # They are the defaults of the generated graph.
        inputs, seed = {}, None
    checked = check(
        document,
        catalog,
        inputs=inputs,
        seed=seed,
        seed_place=SEED_PLACE,
        library=library.templates,
        problems=[*problems, *found],
        complete=complete,
        compute=compute_of(arguments),
        hub=hub_of(arguments),
        only=getattr(arguments, "only", ()),
    )
    if seed is not None and checked.ok and not sets_input(document, inputs) and not derives_seeds(checked):
        why = f"{_why_no_input(document, inputs)}, and no node derives its seed from it"
        warning = Problem("no-effect", "--seed has no effect", why, "remove it", SEED_PLACE)
        checked = dataclasses.replace(checked, problems=(*checked.problems, warning))
    return Loaded(checked, checked.problems, path, notes)


def _why_no_input(document: Document, given: Container[str]) -> str:
    """The reason why `--seed` does not set an input."""
    if SEED not in document.inputs:
        return "no input is named seed"
    return "--set gives the input seed another value" if SEED in given else "the input seed is not an int"
