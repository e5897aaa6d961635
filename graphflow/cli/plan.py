"""`graphflow plan`: what a run would do, in which order, and what it would load."""

from __future__ import annotations

import argparse
import json
from typing import Any

from graphflow.cli.codes import DONE, WRONG
from graphflow.cli.screens import show, tell, tell_json
from graphflow.cli.settings import (
    add_compute_arguments,
    add_graph_arguments,
    add_value_arguments,
    catalog_of,
    load_checked,
)
from graphflow.plan.plan import Plan, plan
from graphflow.plan.sources import StepOutput, StepSource
from graphflow.plan.step import PlannedStep
from graphflow.problems import Level
from graphflow.values.sources import Format, Gather, ItemOf
from graphflow.wording.words import counted

LONGEST = 60
"""Letters of a text that are shown; a sampler's whole config is among them, and `--json` has it all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the call."""
    add_graph_arguments(parser)
    add_value_arguments(parser)
    add_compute_arguments(parser)
    parser.add_argument("--only", action="append", default=[], metavar="OUTPUT", help="plan only this output")
    parser.add_argument("--json", action="store_true", help="print the plan as one JSON object")


def execute(arguments: argparse.Namespace) -> int:
    """Print the plan, unless the graph is wrong."""
    loaded = load_checked(arguments, arguments.graph, catalog_of(arguments))
    if loaded.checked is None or not loaded.checked.ok:
        show(loaded.problems, least=Level.PROBLEM)
        return WRONG
    show(loaded.problems)
    made = plan(loaded.checked, only=arguments.only)
    if arguments.json:
        tell_json(as_json(made), indent=2)
    else:
        tell("\n".join(lines(made, arguments.graph)))
    return DONE


def lines(made: Plan, name: str) -> list[str]:
    """The plan as a person reads it."""
    head = f"{name}: {counted(len(made.steps), 'step')}, seed {made.checked.seed}"
    peak = made.lifetimes.peak
    shown = [head + (f", at most {peak / 2**30:.2f} GiB of components" if peak else "")]
    width = max((len(step.path) for step in made.steps), default=0)
    for number, step in enumerate(made.steps):
        text = f"{number + 1:>4}  {step.path:<{width}}  {_recipe(step, made)}"
        loads = ", ".join(c.label or c.identity for c in made.lifetimes.loads.get(number, ()))
        drops = len(made.lifetimes.drops.get(number, ()))
        text += f"; loads {loads}" if loads else ""
        text += f"; {counted(drops, 'component')} done with" if drops else ""
        text += f"; also {', '.join(step.also)}" if step.also else ""
        shown.append(text.rstrip())
    shown += [f"output {output} = {_source(source, made)}" for output, source in made.outputs.items()]
    shown += [f"output {output} is absent: {why}" for output, why in made.absent.items()]
    shown += [f"skipped {path}: {why}" for path, why in made.skipped.items()]
    shown += [f"avoided {path}: nobody reads it" for path in made.avoided]
    return shown


def _recipe(step: PlannedStep, made: Plan) -> str:
    given = [f"{name}={_source(source, made)}" for name, source in step.inputs.items()]
    given += [text for name, value in step.params.items() if value is not None for text in _param(name, value)]
    return f"{step.function.call.__name__}({', '.join(given)})"


def _param(name: str, value: Any) -> list[str]:
    """A param as it is shown; of one that is JSON, such as the settings of a call, each entry that says something."""
    if not (isinstance(value, str) and value.startswith("{")):
        return [f"{name}={_value(value)}"]
    entries = {key: entry for key, entry in json.loads(value).items() if entry is not None}
    if name != "settings":
        return [f"{name}={_value(value)}"] if entries else []
    return [f"{key}={_value(tuple(entry) if isinstance(entry, list) else entry)}" for key, entry in entries.items()]


def _source(source: StepSource, made: Plan) -> str:
    if isinstance(source, StepOutput):
        step = made.steps[source.step]
        single = len(step.function.outputs) == 1
        return step.path if single else f"{step.path}.{source.output}"
    if isinstance(source, ItemOf):
        return f"{_source(source.source, made)}[{source.item}]"
    if isinstance(source, Gather):
        return f"[{', '.join(_source(item, made) for item in source.items)}]"
    if isinstance(source, Format):
        return "text of " + ", ".join(_source(part, made) for part in source.parts if not isinstance(part, str))
    return _value(source.value)


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    path = getattr(value, "path", None)
    if path is not None:
        return str(path.name)
    if isinstance(value, str) and len(value) > LONGEST:
        value = value[: LONGEST - 1] + "…"
    return repr(value) if not isinstance(value, bool) else str(value).lower()


def as_json(made: Plan) -> dict[str, Any]:
    """The plan as plain JSON data."""
    return {
        "name": made.checked.document.name,
        "seed": made.checked.seed,
        "steps": [
            {
                "step": step.path,
                "function": step.function.identity,
                "inputs": {name: _source(source, made) for name, source in step.inputs.items()},
                "params": {name: _plain(value) for name, value in step.params.items()},
                "wanted": sorted(step.wanted),
                "loads": [c.label or c.identity for c in made.lifetimes.loads.get(number, ())],
                "drops": list(made.lifetimes.drops.get(number, ())),
                "also": list(step.also),
            }
            for number, step in enumerate(made.steps)
        ],
        "outputs": {name: _source(source, made) for name, source in made.outputs.items()},
        "absent": made.absent,
        "skipped": made.skipped,
        "avoided": list(made.avoided),
        "peak_component_bytes": made.lifetimes.peak,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else _value(value)
