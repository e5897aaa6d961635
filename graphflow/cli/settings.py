"""The values of `--set` and `--seed`: inputs, values of nodes, the seed; each is read as its declared type."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from graphflow.catalog.catalog import Catalog
from graphflow.document.model import Document
from graphflow.document.text import escape
from graphflow.document.tree import Entry, Scalar, Sequence, Tree, read_tree
from graphflow.errors import InvalidGraph
from graphflow.problems import Place, Problem, did_you_mean
from graphflow.values.types import ListOf, Type

SEED_PLACE = Place("--seed")


def read_seed(text: str | None) -> int | None:
    """The seed that `--seed` names; a drawn one for `random`, None if it is not given.

    Raises:
        InvalidGraph: it is not a seed.
    """
    if text is None:
        return None
    if text == "random":
        import secrets

        return secrets.randbits(32)
    if text.isascii() and text.isdigit() and len(text) <= 20 and int(text) < 2**64:
        return int(text)
    fix = "write a whole number from 0 to 18446744073709551615, or random"
    raise InvalidGraph([Problem("bad-value", f"{text!r} is not a seed", "", fix, SEED_PLACE)])


def with_settings(
    document: Document, settings: list[str], catalog: Catalog
) -> tuple[Document, dict[str, Tree], list[Problem]]:
    """The document with replaced values of nodes, the given inputs, and the problems of the call."""
    inputs: dict[str, Tree] = {}
    problems: list[Problem] = []
    nodes = dict(document.nodes)
    for setting in settings:
        name, equals, value = setting.partition("=")
        place = Place(f"--set {name}")
        if not equals:
            problems.append(Problem("wrong-shape", f"{setting!r} is not a setting", "", "write NAME=VALUE", place))
        elif "." not in name:
            decl = document.inputs.get(name)
            inputs[name] = _tree(value, place, decl.type if decl is not None else None, problems)
        else:
            id_, _, key = name.partition(".")
            if id_ not in nodes:
                fix = did_you_mean(id_, list(nodes), else_="its nodes are")
                problems.append(Problem("unknown-name", f"the graph has no node {id_}", "", fix, place))
                continue
            known = (
                catalog[nodes[id_].ref.text] if nodes[id_].ref.text in catalog and nodes[id_].kind == "type" else None
            )
            target = (known.params.get(key) or known.ports.get(key)) if known is not None else None
            tree = _tree(value, place, target.type if target is not None else None, problems, quote=True)
            nodes[id_] = dataclasses.replace(nodes[id_], values={**nodes[id_].values, key: Entry(tree, place)})
    return dataclasses.replace(document, nodes=nodes), inputs, problems


def _tree(text: str, place: Place, type_: Type | None, problems: list[Problem], *, quote: bool = False) -> Tree:
    """A value as written on the command line; a list if the type is a list and the value begins with `[`."""
    folder = Path.cwd()
    if isinstance(type_, ListOf) and text.lstrip().startswith("["):
        tree, found = read_tree(text, place.file)
        problems += [dataclasses.replace(problem, place=place) for problem in found]
        if isinstance(tree, Sequence):
            items = tuple(
                Scalar(item.text, place, folder=folder) if isinstance(item, Scalar) else item for item in tree.items
            )
            return Sequence(items, place)
        return Sequence((), place)
    return Scalar(escape(text) if quote else text, place, folder=folder)
