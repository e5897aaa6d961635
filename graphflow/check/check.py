"""Check a document: all problems of the whole graph, and the expanded graph if there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from graphflow.catalog.catalog import Catalog
from graphflow.check.checked import Checked
from graphflow.check.expand.expand import expand
from graphflow.check.expand.graph_inputs import input_sources
from graphflow.check.literals import Literals
from graphflow.check.propagate import propagate
from graphflow.check.read.resolve import resolve
from graphflow.check.read.resolved import Resolved
from graphflow.check.read.templates import Library, Templates
from graphflow.check.run_options import option_problems
from graphflow.check.seeds import SEED, run_seed, sets_input
from graphflow.check.sources import NodeSource
from graphflow.check.unused_words import unused_words
from graphflow.checkpoints.hub import Hub
from graphflow.document.model import Document
from graphflow.document.tree import Scalar
from graphflow.errors import InvalidValue
from graphflow.problems import NOWHERE, Place, Problem, first_of
from graphflow.system.device import CPU, Compute
from graphflow.system.gc_pause import paused
from graphflow.text_helpers.spelling import few_suggestions
from graphflow.values.any_value import describe
from graphflow.values.sources import Value


def no_library() -> dict[str, Path]:
    """A library without templates."""
    return {}


@paused
@few_suggestions
def check(
    document: Document,
    catalog: Catalog,
    *,
    inputs: Mapping[str, Any] | None = None,
    seed: int | None = None,
    seed_place: Place = NOWHERE,
    library: Library = no_library,
    problems: list[Problem] | None = None,
    complete: bool = True,
    compute: Compute = CPU,
    hub: Hub | None = None,
    only: Sequence[str] = (),
    moved: Mapping[Path, Path] = MappingProxyType({}),
) -> Checked:
    """Check a document.

    Args:
        document: as parsed or built.
        catalog: the node types that it may use.
        inputs: input name → a Python value, or a `Tree` as the command line gives it.
        seed: the run's seed, and the value of an input named `seed`; None for that input's own value, or 0. See
            `graphflow.check.seeds`.
        seed_place: where the seed is given.
        library: templates known by name.
        problems: found by parsing; they become part of the result.
        complete: whether an input without default and value is a problem, as for a run.
        compute: device, precision and options of models.
        hub: asked about checkpoints that are not on this machine; None for one that is asked.
        only: what a plan will be asked for; results of nodes among these (`fill`, `fill.image`) become outputs.
        moved: path of a file that the document or a value means → the file that is read instead.

    Raises:
        InvalidValue: `seed` is not a whole number from 0, or `inputs` is not a map.
    """
    _require_call(seed, inputs)
    literals = Literals(catalog, compute, Hub() if hub is None else hub, moved)
    templates = Templates(catalog, literals, library)
    templates.prepare(document)
    resolved = resolve(document, catalog, templates.find, literals, only=only)
    reported = [*(problems or ()), *templates.all_problems(resolved)]
    given = dict(inputs or {})
    if seed is not None and sets_input(document, given):
        given[SEED] = Scalar(str(seed), seed_place)
    sources = input_sources(document, given, literals, reported, complete=complete)
    return expanded_graph(resolved, sources, run_seed(seed, document, sources), literals, compute, reported)


def expanded_graph(
    resolved: Resolved,
    inputs: dict[str, NodeSource],
    seed: int,
    literals: Literals,
    compute: Compute,
    problems: list[Problem],
) -> Checked:
    """The expanded graph of a document that is read, with the values of its inputs.

    Args:
        problems: found before; they become part of the result.
    """
    expanded = expand(resolved, inputs, literals, seed)
    found = [*problems, *expanded.problems, *propagate(expanded.nodes, expanded.outputs)]
    found += option_problems(compute, expanded.nodes)
    found += unused_words(expanded.nodes)
    return Checked(
        document=resolved.document,
        resolved=resolved,
        nodes=tuple(expanded.nodes),
        outputs=expanded.outputs,
        skipped=expanded.skipped,
        inputs={name: source.value if isinstance(source, Value) else None for name, source in inputs.items()},
        seed=seed,
        compute=compute,
        catalog=literals.catalog,
        problems=tuple(first_of(found)),
        depends_on_files=literals.looked_at_files,
        alone=expanded.alone,
    )


def _require_call(seed: object, inputs: object) -> None:
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or seed < 0):
        raise InvalidValue(f"{describe(seed)} is not a seed; give a whole number from 0")
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InvalidValue(f"{describe(inputs)} is not a map of inputs; give a map of names to values")
