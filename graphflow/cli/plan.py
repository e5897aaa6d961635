"""`graphflow plan`: the steps of a run in their order, and the components that it loads."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import sys
from collections.abc import Sequence
from typing import Any

from graphflow.cli.codes import DONE, WRONG
from graphflow.cli.load_graph import load_checked
from graphflow.cli.plan_table import lines
from graphflow.cli.screens import echo, echo_json, show
from graphflow.cli.shared_options import (
    add_budget_argument,
    add_cache_arguments,
    add_compute_arguments,
    add_graph_arguments,
    add_offline_argument,
    add_value_arguments,
    budget_of,
    catalog_of,
    store_of,
)
from graphflow.cli.step_text import is_data, source_text, value_text
from graphflow.cli.tables import encodable, terminal_width
from graphflow.execute.environments import Environments
from graphflow.execute.forecast import Chance, forecast
from graphflow.plan.plan import Plan, plan
from graphflow.problems import Level
from graphflow.store.store import Store
from graphflow.text_helpers.words import one_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_graph_arguments(parser)
    add_value_arguments(parser)
    add_compute_arguments(parser)
    add_budget_argument(parser)
    add_cache_arguments(parser)
    add_offline_argument(parser)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="plan only this output, NODE or NODE.OUTPUT"
    )
    parser.add_argument("--verbose", action="store_true", help="print every step's arguments below the table")
    parser.add_argument("--json", action="store_true", help="print the plan as one JSON object")


def execute(arguments: argparse.Namespace) -> int:
    """Print the plan, unless the graph has problems."""
    loaded = load_checked(arguments, arguments.graph, catalog_of(arguments))
    if loaded.checked is None or not loaded.checked.ok:
        show(loaded.problems, least=Level.PROBLEM)
        return WRONG
    store = store_of(arguments)
    show(loaded.problems)
    planned = plan(loaded.checked, only=arguments.only, memory_budget=budget_of(arguments))
    chances = _chances(planned, store)
    if arguments.json:
        echo_json(as_json(planned, chances), indent=2)
        return DONE
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    shown = lines(
        planned,
        arguments.graph,
        chances,
        width=terminal_width(),
        verbose=arguments.verbose,
        clean=lambda text: encodable(one_line(text), encoding),
    )
    echo("\n".join(shown))
    return DONE


def _chances(planned: Plan, store: Store | None) -> Sequence[Chance]:
    """What the cache has of the plan's results."""
    if store is None:
        return ()
    with contextlib.closing(store):
        environments = Environments(planned, store)
        environments.recall()
        return forecast(planned, store, environments)


def as_json(planned: Plan, chances: Sequence[Chance] = ()) -> dict[str, Any]:
    """The plan as plain JSON data, with what the cache has of each step's results."""
    chances = chances or [Chance("run")] * len(planned.steps)
    peak = planned.lifetimes.peak_step
    return {
        "name": planned.checked.document.name,
        "seed": planned.checked.seed,
        "steps": [
            {
                "step": step.path,
                "function": step.function.identity,
                "inputs": {name: source_text(source, planned) for name, source in step.inputs.items()},
                "params": {name: _plain(value) for name, value in step.params.items()},
                "wanted": sorted(step.wanted),
                "loads": [c.label or c.identity for c in planned.lifetimes.loads.get(number, ())],
                "drops": list(planned.lifetimes.drops.get(number, ())),
                "component_bytes": planned.lifetimes.held[number],
                "computing_bytes": planned.lifetimes.needs[number],
                "savings": [{"measure": saving.measure, "why": saving.why} for saving in step.savings],
                "also": list(step.also),
                "cache": chance.state,
                "cached_if_equal": list(chance.after),
            }
            for number, (step, chance) in enumerate(zip(planned.steps, chances, strict=True))
        ],
        "outputs": {name: source_text(source, planned) for name, source in planned.outputs.items()},
        "absent": planned.absent,
        "skipped": planned.skipped,
        "avoided": list(planned.avoided),
        "batches": [[planned.steps[number].path for number in batch] for batch in planned.batches],
        "alone": planned.alone,
        "peak_component_bytes": planned.lifetimes.peak,
        "peak_bytes": planned.lifetimes.whole_peak,
        "peak_step": None if peak is None else planned.steps[peak].path,
        "memory_limit": planned.limit,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if is_data(value):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    return value if value is None or isinstance(value, (str, int, float, bool)) else value_text(value)
