"""A forecast of a run: which steps' results are in the store, and which steps have to be executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from graphflow.execute.environments import Environments
from graphflow.execute.recipe_keys import BatchPlace, places_of, recipe_key
from graphflow.plan.plan import Plan
from graphflow.plan.sources import step_outputs
from graphflow.plan.step import PlannedStep
from graphflow.store.store import Store


@dataclass(frozen=True, slots=True)
class Chance:
    """What is known about one step before the run.

    Attributes:
        state: `hit` if its result is in the store; `run` if it has to be executed; `perhaps` if it is taken from the
            store provided that steps before it give the same results as in an earlier run.
        after: for `perhaps`, the paths of these steps.
    """

    state: Literal["hit", "run", "perhaps"]
    after: tuple[str, ...] = ()


def forecast(plan: Plan, store: Store, environments: Environments) -> tuple[Chance, ...]:
    """What is known about each step of a plan before its run; results are looked up, but not read.

    A step whose result is known, and whose value the store has lost, is executed only if something reads it.

    Args:
        plan: the plan.
        store: where its results may be.
        environments: of its steps.
    """
    known = _known(plan, store, environments)
    needed = _read_by_outputs(plan)
    runs: set[int] = set()
    for unit in reversed(list(plan.units())):
        if all(known[number] is not None and _there(known[number], needed[number], store) for number in unit):
            continue
        runs.update(unit)
        for number in unit:
            for source in plan.steps[number].inputs.values():
                for read in step_outputs(source):
                    needed[read.step].add(read.output)
    return _chances(plan, known, runs, store)


def _known(plan: Plan, store: Store, environments: Environments) -> list[Mapping[str, str] | None]:
    """For each step the digests of its outputs, if the store knows them."""
    known: list[Mapping[str, str] | None] = [None] * len(plan.steps)
    for unit in plan.units():
        places = places_of(unit)
        found = [_lookup(plan.steps[number], known, places[number], store, environments) for number in unit]
        if all(one is not None for one in found):
            for number, one in zip(unit, found, strict=True):
                known[number] = one
    return known


def _lookup(
    step: PlannedStep,
    known: Sequence[Mapping[str, str] | None],
    place: BatchPlace | None,
    store: Store,
    environments: Environments,
) -> Mapping[str, str] | None:
    key = recipe_key(step, known, environments.text(step.function.environment), place) if step.cache else None
    outputs = store.lookup(key) if key is not None else None
    return outputs if outputs is not None and step.wanted <= outputs.keys() else None


def _read_by_outputs(plan: Plan) -> list[set[str]]:
    """For each step, the outputs that the graph's outputs read."""
    needed: list[set[str]] = [set() for _ in plan.steps]
    for source in plan.outputs.values():
        for read in step_outputs(source):
            needed[read.step].add(read.output)
    return needed


def _there(outputs: Mapping[str, str] | None, needed: set[str], store: Store) -> bool:
    """Whether the store has the values of the outputs that something reads."""
    return outputs is not None and all(store.has(outputs[name]) for name in needed)


def _chances(plan: Plan, known: Sequence[Mapping[str, str] | None], runs: set[int], store: Store) -> tuple[Chance, ...]:
    chances: list[Chance] = []
    for number, step in enumerate(plan.steps):
        if number not in runs:
            chances.append(Chance("hit"))
            continue
        # Its key depends on results that are not known yet.
        unknown = [one for one in sorted(step.reads) if known[one] is None]
        if unknown and step.cache and store.knows_recipe(step.key):
            chances.append(Chance("perhaps", tuple(plan.steps[one].path for one in unknown)))
        else:
            chances.append(Chance("run"))
    return tuple(chances)
