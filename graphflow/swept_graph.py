"""`sweep`: the graph that runs another graph once for each combination of values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from graphflow import library
from graphflow.catalog.catalog import Catalog
from graphflow.document.tree import Scalar, Tree
from graphflow.document.tree import Sequence as ListTree
from graphflow.errors import InvalidGraph, InvalidValue
from graphflow.graph import Graph, load
from graphflow.handles import plain_tree_of
from graphflow.problems import Level, Place, Problem
from graphflow.sweeps.axes import Over
from graphflow.sweeps.sweep import sweep as generate
from graphflow.values.any_value import describe


def sweep(
    graph: Graph | str | Path, over: Mapping[str, Sequence[Any] | str | Path], *, catalog: Catalog | None = None
) -> Graph:
    """The graph that runs `graph` once for each combination of values, the last name varying fastest.

    Each output of `graph` becomes a list with its value in every combination; each one that is a picture also gets a
    grid with captions, the output `NAME_grid`. A combination makes the same picture as a run of `graph` alone with
    these values and the same seed. All inputs that `over` does not name stay inputs. Outputs that are lists are left
    out.

    Args:
        graph: a graph, a document's path, or a library graph's name.
        over: name of an input, `NODE.KEY` or `seed` → its values, at least one; for pictures also the path of a folder
            or a pattern.
        catalog: the node types of a graph that is named by path or library name.

    Raises:
        InvalidGraph: a name is not known, a value is not allowed, the graph has problems, or no output is a picture.
        FileProblem: the graph cannot be read.
        InvalidValue: `over` is not a map of lists.
    """
    graph = graph if isinstance(graph, Graph) else load(graph, catalog=catalog)
    given: Any = over
    if isinstance(given, Mapping) and not given:
        raise InvalidValue("there is nothing to vary; give a map of names to lists")
    if not isinstance(given, Mapping):
        raise InvalidValue(f"{describe(over)} is not a map of values; give a map of names to lists")
    listed = [
        Over(str(name), _tree(values, graph, Place(f"over {name}")), Place(f"over {name}"))
        for name, values in over.items()
    ]
    swept = generate(graph.document, listed, graph.catalog, library.templates)
    if swept.document is None:
        raise InvalidGraph([problem for problem in swept.problems if problem.level is Level.PROBLEM])
    return Graph.of(swept.document, catalog=graph.catalog)


def _tree(values: Any, graph: Graph, place: Place) -> Tree:
    """Python values as a document writes them; a dollar in them is a plain dollar, not a reference."""
    if isinstance(values, (str, Path)):
        return _placed(plain_tree_of(values, graph), place)
    if isinstance(values, (Mapping, Set)) or not hasattr(values, "__iter__"):
        fix = "give a list of values"
        raise InvalidGraph([Problem("wrong-shape", f"{describe(values)} is not a list of values", "", fix, place)])
    return ListTree(tuple(_placed(plain_tree_of(value, graph), place) for value in values), place)


def _placed(tree: Tree, place: Place) -> Tree:
    return dataclasses.replace(tree, place=place) if isinstance(tree, (Scalar, ListTree)) else tree
