"""Check a document: all problems of the whole graph, and the expanded graph where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphflow.catalog.catalog import Catalog
from graphflow.check.checked import Checked
from graphflow.check.expand import Expander
from graphflow.check.inputs import coerced, default_value, input_value, outside_limits
from graphflow.check.literals import Literals
from graphflow.check.propagate import propagate
from graphflow.check.resolve import resolve
from graphflow.check.resolved import Resolved
from graphflow.check.seeds import SEED, run_seed, sets_input
from graphflow.check.sources import UNKNOWN_SOURCE, NodeSource
from graphflow.check.templates import Library, Templates
from graphflow.document.model import Document, InputDecl
from graphflow.document.references import node_references
from graphflow.document.refusal import Refusal
from graphflow.document.tree import Mapping as MapTree
from graphflow.document.tree import Scalar, Sequence
from graphflow.errors import InvalidValue
from graphflow.problems import NOWHERE, Place, Problem, did_you_mean, first_of
from graphflow.system.collector import paused
from graphflow.system.compute import CPU, Compute
from graphflow.values.sources import Value
from graphflow.values.types import PICTURES, ListOf, Type, member_for
from graphflow.values.value import coerce, describe
from graphflow.wording.spelling import few_suggestions


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
) -> Checked:
    """Check a document.

    Args:
        document: what was parsed or built.
        catalog: the node types that it may name.
        inputs: input name → a Python value, or a `Tree` as the command line gives it.
        seed: the run's seed, and the value of an input named `seed`; None for that input's own value, or 0. See
            `graphflow.check.seeds`.
        seed_place: where the seed is given.
        library: templates known by name.
        problems: what parsing found; becomes part of the result.
        complete: whether an input without default and value is a problem, as it is for a run.
        compute: where models are to run, and how precisely.

    Raises:
        InvalidValue: `seed` is no whole number from 0, or `inputs` no map.
    """
    _require_call(seed, inputs)
    literals = Literals(catalog, compute)
    templates = Templates(catalog, literals, library)
    templates.prepare(document)
    resolved = resolve(document, catalog, templates.find, literals)
    expander = Expander(literals)
    found = [*(problems or ()), *templates.found_problems(resolved)]
    given = dict(inputs or {})
    if seed is not None and sets_input(document, given):
        given[SEED] = Scalar(str(seed), seed_place)
    sources = _inputs(resolved, given, expander, found, complete)
    expander.seed = run_seed(seed, document, sources)
    frame = expander.run(resolved, sources)
    if resolved.outputs is None:
        outputs = _unread_outputs(resolved, frame.outputs)
    else:
        outputs = expander.outputs_of(frame)
    outputs = expander.deliver_outputs(outputs)
    found += expander.problems
    found += propagate(expander.nodes, outputs)
    return Checked(
        document=document,
        resolved=resolved,
        nodes=tuple(expander.nodes),
        outputs=outputs,
        skipped=expander.skipped,
        inputs={name: source.value if isinstance(source, Value) else None for name, source in sources.items()},
        seed=expander.seed,
        compute=compute,
        problems=tuple(first_of(found)),
    )


def _require_call(seed: object, inputs: object) -> None:
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or seed < 0):
        raise InvalidValue(f"{describe(seed)} is no seed; give a whole number from 0")
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InvalidValue(f"{describe(inputs)} gives no inputs; give a map of names to values")


def _unread_outputs(resolved: Resolved, outputs: dict[str, dict[str, NodeSource]]) -> dict[str, NodeSource]:
    """Where a document has no `outputs`: the first output of every node that nobody reads, under its id."""
    read = {ref.name for decl in resolved.document.nodes.values() for ref, _ in node_references(decl)}
    unread = {id_: outputs.get(id_) for id_ in resolved.nodes if id_ not in read}
    return {id_: next(iter(own.values())) for id_, own in unread.items() if own}


def _inputs(
    resolved: Resolved, given: dict[str, Any], expander: Expander, problems: list[Problem], complete: bool
) -> dict[str, NodeSource]:
    decls = resolved.document.inputs
    for name in given:
        if name not in decls:
            place = given[name].place if isinstance(given[name], (Scalar, Sequence)) else Place()
            fix = did_you_mean(name, list(decls), else_="its inputs are")
            problems.append(Problem("unknown-input", f"the graph has no input {name}", "", fix, place))
    sources: dict[str, NodeSource] = {}
    for name, decl in decls.items():
        if decl.type is None:
            sources[name] = UNKNOWN_SOURCE
        elif name in given:
            sources[name] = _given(given[name], decl, resolved, expander, problems)
        elif decl.default is not None:
            value = default_value(decl, resolved.document, expander.literals, problems)
            sources[name] = UNKNOWN_SOURCE if value is None else Value(value)
        else:
            sources[name] = UNKNOWN_SOURCE
            if complete:
                fix = f"give it: --set {name}=…, or inputs={{{name!r}: …}} in Python"
                problems.append(
                    Problem(
                        "input-missing",
                        f"the input {name} has no value",
                        f"its type is {decl.type}, and it has no default",
                        fix,
                        decl.place,
                    )
                )
    return sources


def _given(value: Any, decl: InputDecl, resolved: Resolved, expander: Expander, problems: list[Problem]) -> NodeSource:
    if decl.type is None:
        # That its declaration has no type is told already.
        return UNKNOWN_SOURCE
    place = Place(f"input {decl.name}")
    if isinstance(value, (Scalar, Sequence, MapTree)):
        before = len(problems)
        place = value.place
        read = input_value(value, decl, resolved.document, expander.literals, problems)
        if len(problems) > before:
            return UNKNOWN_SOURCE
        read = coerced(read, decl.type)
    else:
        try:
            read = _from_python(value, decl.type, resolved, expander)
        except InvalidValue as error:
            problems.append(
                Problem(
                    "bad-value",
                    f"the input {decl.name} cannot take {describe(value)}",
                    str(error),
                    f"give {decl.type}",
                    place,
                )
            )
            return UNKNOWN_SOURCE
    refusal = outside_limits(decl, read)
    if refusal is not None:
        problems.append(refusal.at(place))
        return UNKNOWN_SOURCE
    return Value(read)


def _from_python(value: Any, type_: Type, resolved: Resolved, expander: Expander) -> Any:
    """A Python value as an input's type has it; names of files are read from the current folder.

    Raises:
        InvalidValue: it is of another type.
    """
    if isinstance(type_, ListOf):
        if isinstance(value, (str, Path)) and member_for(type_.item, (*PICTURES, "file")):
            return _named_file(value, type_, resolved, expander)
        items = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(_from_python(item, type_.item, resolved, expander) for item in items)
    if isinstance(value, (str, Path)) and member_for(type_, (*PICTURES, "file", "checkpoint")):
        return _named_file(value, type_, resolved, expander)
    return coerce(value, type_)


def _named_file(value: str | Path, type_: Type, resolved: Resolved, expander: Expander) -> Any:
    scalar = Scalar(str(value), folder=Path.cwd())
    try:
        return expander.literals.read(scalar, scalar.text, type_, resolved.document)
    except Refusal as refusal:
        raise InvalidValue(refusal.message) from refusal
