"""The command line's settings: inputs, values of nodes, the seed; each is read as its declared type."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from graphflow import library
from graphflow.catalog.catalog import Catalog, default_catalog, named_catalog
from graphflow.check.check import check
from graphflow.check.checked import Checked
from graphflow.check.seeds import SEED, sets_input
from graphflow.document.model import Document
from graphflow.document.named import read_named
from graphflow.document.text import escape
from graphflow.document.tree import Entry, Scalar, Sequence, Tree, read_tree
from graphflow.errors import InvalidGraph
from graphflow.problems import Place, Problem, did_you_mean, first_of
from graphflow.system.device import Compute
from graphflow.values.types import ListOf, Type

_SEED_PLACE = Place("--seed")


def add_graph_arguments(parser: argparse.ArgumentParser) -> None:
    """GRAPH, and the options of every command that reads one graph."""
    parser.add_argument("graph", metavar="GRAPH", help="a YAML file, or the name of a library graph")
    add_nodes_argument(parser)


def add_nodes_argument(parser: argparse.ArgumentParser) -> None:
    """`--nodes`."""
    parser.add_argument(
        "--nodes",
        action="append",
        default=[],
        metavar="PACKAGE|FILE.py",
        help="allow the node types of an installed package or a Python file; this runs its code",
    )


def add_value_arguments(parser: argparse.ArgumentParser) -> None:
    """`--set` and `--seed`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="set an input, or with NODE.KEY=VALUE a value of a node; write a list as [a, b]",
    )
    parser.add_argument(
        "--seed",
        default=None,
        metavar="N|random",
        help="the run's seed, and the value of the input seed; random draws a seed and prints it",
    )


def add_compute_arguments(parser: argparse.ArgumentParser) -> None:
    """`--device`, `--dtype` and `--threads`."""
    parser.add_argument(
        "--device", metavar="D", help="where models run: cpu, cuda, cuda:N (by default a GPU if available)"
    )
    parser.add_argument(
        "--dtype", metavar="T", help="precision of all models: float32, float16, bfloat16, or auto for the fastest"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads of torch on a CPU; affects bits of results")


def compute_of(arguments: argparse.Namespace) -> Compute:
    """The device, precision and threads of the call; the CPU for a command without these options."""
    if not hasattr(arguments, "device"):
        return Compute()
    return Compute.of(arguments.device, arguments.dtype, arguments.threads)


def catalog_of(arguments: argparse.Namespace) -> Catalog:
    """The node types that the call allows."""
    return named_catalog(arguments.nodes) if arguments.nodes else default_catalog()


@dataclass
class Loaded:
    """A checked graph and its file."""

    checked: Checked | None
    problems: tuple[Problem, ...]
    path: Path


def load_checked(arguments: argparse.Namespace, graph: str, catalog: Catalog, *, complete: bool = True) -> Loaded:
    """Read and check the graph `graph` with all settings of the call.

    Args:
        arguments: of the call; may lack `settings` and `seed`.
        complete: whether inputs without a value are problems.
    """
    path, document, problems = read_named(graph)
    if document is None:
        return Loaded(None, tuple(first_of(problems)), path)
    seed = _seed(getattr(arguments, "seed", None))
    document, inputs, found = _apply(document, getattr(arguments, "settings", []), catalog)
    checked = check(
        document,
        catalog,
        inputs=inputs,
        seed=seed,
        seed_place=_SEED_PLACE,
        library=library.templates,
        problems=[*problems, *found],
        complete=complete,
        compute=compute_of(arguments),
    )
    if seed is not None and checked.ok and not sets_input(document, inputs) and not _derives_seeds(checked):
        why = f"{_why_no_input(document, inputs)}, and no node derives its seed from it"
        warning = Problem("no-effect", "--seed has no effect", why, "remove it", _SEED_PLACE)
        checked = dataclasses.replace(checked, problems=(*checked.problems, warning))
    return Loaded(checked, checked.problems, path)


def _seed(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "random":
        import secrets

        return secrets.randbits(32)
    if text.isascii() and text.isdigit() and len(text) <= 20 and int(text) < 2**64:
        return int(text)
    fix = "write a whole number from 0 to 18446744073709551615, or random"
    raise InvalidGraph([Problem("bad-value", f"{text!r} is not a seed", "", fix, _SEED_PLACE)])


def _why_no_input(document: Document, given: Container[str]) -> str:
    """The reason why `--seed` does not set an input."""
    if SEED not in document.inputs:
        return "no input is named seed"
    return "--set gives the input seed another value" if SEED in given else "the input seed is not an int"


def _derives_seeds(checked: Checked) -> bool:
    return any(
        param.derived_seed and node.places is not None and not node.places.gives(param.name)
        for node in checked.nodes
        for param in node.type.params.values()
    )


def _apply(
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
