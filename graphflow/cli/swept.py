"""Reads `--over` and `--count`, and generates the graph that runs the given one for each value."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from graphflow import library
from graphflow.catalog.catalog import Catalog
from graphflow.check.check import check
from graphflow.check.seeds import SEED
from graphflow.cli.settings import SEED_PLACE
from graphflow.cli.shared_options import compute_of, hub_of
from graphflow.document.model import Document
from graphflow.document.tree import Scalar, Sequence, Tree, read_tree
from graphflow.limits import ITEMS
from graphflow.problems import Place, Problem
from graphflow.sweeps.axes import Over, seeds_from
from graphflow.sweeps.sweep import Swept, sweep

COUNT_PLACE = Place("--count")


def swept_graph(
    arguments: argparse.Namespace,
    document: Document,
    catalog: Catalog,
    inputs: Mapping[str, Tree],
    seed: int | None,
    problems: list[Problem],
    *,
    complete: bool,
) -> Swept:
    """The graph that runs `document` for each combination of the values that the call gives.

    Args:
        arguments: of the call, with `over` or `count`.
        document: with the values of nodes that the call sets.
        catalog: the node types that it may use.
        inputs, seed: those of the call.
        problems: found before.
        complete: whether inputs without a value are problems.
    """
    compute, hub = compute_of(arguments), hub_of(arguments)
    over, found = read_over(getattr(arguments, "over", []))
    found = [*problems, *found]
    count = getattr(arguments, "count", None)
    if count is not None:
        if not 1 <= count <= ITEMS:
            message, fix = f"--count cannot be {count}", f"write a whole number from 1 to {ITEMS:,}"
            return Swept(None, (*problems, Problem("bad-value", message, "", fix, COUNT_PLACE)))
        plain = check(
            document, catalog, inputs=inputs, seed=seed, seed_place=SEED_PLACE, library=library.templates,
            problems=found, complete=complete, compute=compute, hub=hub,
        )  # fmt: skip
        if not plain.ok:
            return Swept(None, plain.problems)
        over = [seeds_from(plain.seed, count, COUNT_PLACE)]
        inputs, seed = {name: tree for name, tree in inputs.items() if name != SEED}, None
    return sweep(
        document, over, catalog, library.templates, inputs=inputs, seed=seed, seed_place=SEED_PLACE, problems=found,
        complete=complete, compute=compute, hub=hub,
    )  # fmt: skip


def read_over(settings: list[str]) -> tuple[list[Over], list[Problem]]:
    """The values of all `--over`, and the problems of those that cannot be read."""
    read: list[Over] = []
    problems: list[Problem] = []
    for setting in settings:
        name, equals, text = setting.partition("=")
        place = Place(f"--over {name}")
        if not equals:
            fix = "write NAME=[VALUE, VALUE]"
            problems.append(Problem("wrong-shape", f"{setting!r} has no values", "", fix, place))
            continue
        tree, found = _tree(text, place)
        problems += found
        if not found:
            read.append(Over(name, tree, place))
    return read, problems


def _tree(text: str, place: Place) -> tuple[Tree, list[Problem]]:
    """A list as YAML writes it, or text; paths in it start at the current folder."""
    if not text.lstrip().startswith("["):
        return Scalar(text, place, folder=Path.cwd()), []
    tree, problems = read_tree(text, place.file)
    if not isinstance(tree, Sequence):
        return Scalar(text, place), [dataclasses.replace(problem, place=place) for problem in problems]
    items: list[Tree] = [
        Scalar(one.text, place, folder=Path.cwd()) if isinstance(one, Scalar) else dataclasses.replace(one, place=place)
        for one in tree.items
    ]
    return Sequence(tuple(items), place), [dataclasses.replace(problem, place=place) for problem in problems]
