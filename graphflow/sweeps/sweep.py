"""Sweeps: from a graph and lists of values, make a graph that runs it for each combination of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphflow.catalog.catalog import Catalog
from graphflow.check.check import check
from graphflow.check.checked import Checked
from graphflow.check.derived_seeds import derives_seeds
from graphflow.check.literals import Literals
from graphflow.check.read.resolve import resolve
from graphflow.check.read.templates import Library, Templates
from graphflow.check.seeds import SEED, is_run_seed
from graphflow.checkpoints.hub import Hub
from graphflow.document.known_keys import RUN_SEED
from graphflow.document.model import Document, OutputDecl
from graphflow.document.text import Reference, written
from graphflow.document.tree import Scalar, Tree
from graphflow.problems import NOWHERE, Place, Problem
from graphflow.sweeps.axes import Axes, Over
from graphflow.sweeps.generated import generated
from graphflow.system.device import CPU, Compute
from graphflow.values.types import Atom, Type, fits, list_of

_IMAGE = Atom("image")


@dataclass(frozen=True)
class Swept:
    """A generated graph.

    Attributes:
        document: None if there are problems.
        problems: of the call, and of the graph that is run for each combination.
        notes: sentences about the outputs of that graph that are left out or have no grid.
    """

    document: Document | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def sweep(
    document: Document,
    over: Sequence[Over],
    catalog: Catalog,
    library: Library,
    *,
    inputs: Mapping[str, Tree] | None = None,
    seed: int | None = None,
    seed_place: Place = NOWHERE,
    problems: Sequence[Problem] = (),
    complete: bool = False,
    compute: Compute = CPU,
    hub: Hub | None = None,
) -> Swept:
    """The graph that runs `document` once for each combination of values, the last list fastest.

    Each output becomes a list, and each one that is a picture gets a grid with captions, as the output `NAME_grid`. A
    combination makes what a run of `document` alone makes with the same values and seed. Inputs that are not among
    `over` stay inputs; those of the call are their defaults.

    Args:
        document: as parsed or built.
        over: the names and values; see `Over`.
        catalog: the node types that it may use.
        library: templates known by name.
        inputs, seed, seed_place, complete, compute, hub: as for `check`.
        problems: found by parsing.
    """
    hub = hub if hub is not None else Hub(asks_later=True)
    literals = Literals(catalog, compute, hub)
    templates = Templates(catalog, literals, library)
    templates.prepare(document)
    axes = Axes(resolve(document, catalog, templates.find, literals), literals, list(inputs or ()))
    read = axes.read(over)
    repeated = _with_outputs(axes.document)
    given = dict(inputs or {}) | {axis.decl.name: axis.first for axis in read if axis.decl is not None}
    checked = check(
        repeated,
        catalog,
        inputs=given,
        seed=seed,
        seed_place=seed_place,
        library=library,
        problems=[*problems, *axes.problems],
        complete=complete and not axes.problems,
        compute=compute,
        hub=hub,
    )
    if checked.ok and any(axis.key == RUN_SEED and axis.decl is None for axis in read) and not has_seed(checked):
        return Swept(None, (*checked.problems, _no_seed(over)))
    if not checked.ok:
        return Swept(None, checked.problems)
    pictures, others, notes = _sorted_outputs(checked)
    if not pictures:
        return Swept(None, (_no_picture(repeated, over[0].place), *checked.problems))
    made = generated(checked, read, pictures, others, given=inputs or {})
    found = list(problems)
    if seed is not None and any(axis.key == RUN_SEED for axis in read):
        why = "the sweep gives every combination its seed"
        found.append(Problem("no-effect", f"{seed_place} has no effect", why, "remove it", seed_place))
    return Swept(made, tuple(found), tuple(notes))


def has_seed(checked: Checked) -> bool:
    """Whether the seed of a run changes something in a graph."""
    return derives_seeds(checked) or is_run_seed(checked.document.inputs.get(SEED))


def _with_outputs(document: Document) -> Document:
    """The document with its outputs written out: by default, the nodes that no other node reads."""
    if document.outputs is not None:
        return document
    read = {reference.name for decl in document.nodes.values() for reference, _ in decl.references}
    unread = [id_ for id_ in document.nodes if id_ not in read]
    outputs = {id_: OutputDecl(id_, Scalar(written(Reference(id_)))) for id_ in unread}
    return dataclasses.replace(document, outputs=outputs)


def _sorted_outputs(checked: Checked) -> tuple[list[str], list[str], list[str]]:
    """The outputs that are pictures, the other ones that a sweep can have, and sentences about those without a grid."""
    pictures, others, notes = [], [], []
    for name, expr in (checked.resolved.outputs or {}).items():
        type_: Type | None = expr.type
        if type_ is None:
            continue
        if list_of(type_) is None:
            notes.append(f"the output {name} is left out: it is {type_}, and there are no lists of lists")
        elif fits(type_, _IMAGE):
            pictures.append(name)
        else:
            others.append(name)
            notes.append(f"the output {name} is not in a grid: it is {type_}, not a picture")
    return pictures, others, notes


def _no_seed(over: Sequence[Over]) -> Problem:
    place = next(one.place for one in over if one.name == SEED)
    why = "it has no input seed, and no node derives its seed from that of the run"
    return Problem("unknown-input", "the graph has no seed", why, "leave it out", place)


def _no_picture(document: Document, place: Place) -> Problem:
    listed = ", ".join(document.outputs or {}) or "none"
    fix = "add an output that is an image"
    return Problem("type-mismatch", "no output of the graph is a picture", f"its outputs are: {listed}", fix, place)
