"""A plan as a person reads it: a table of its steps, and totals below."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from graphflow.cli.arguments_text import call_text, source_text
from graphflow.cli.tables import Column, shortened, table, wrapped
from graphflow.plan.plan import Plan
from graphflow.plan.sources import StepSource
from graphflow.plan.step import PlannedStep
from graphflow.values.component import Component
from graphflow.values.sources import Gather
from graphflow.wording.words import counted, one_line, size_text

LONGEST = 50
"""Letters of the words that say what a step does."""
LONGEST_NAME = 40
"""Letters of a node's name; that of a picture file contains the file's name."""
MOST = 3
"""Names of a list that are shown before the rest is only counted."""


def lines(
    made: Plan, name: str, *, width: int, verbose: bool = False, clean: Callable[[str], str] = one_line
) -> list[str]:
    """A plan's table and its totals.

    Args:
        name: of the graph, as the caller calls it.
        width: columns of the terminal; a line is longer only if it cannot be broken.
        verbose: whether every step's arguments follow, a step a line.
        clean: makes a text one that the screen can show, on one line.
    """
    columns = [
        Column(column.title, [tuple(map(clean, cell)) for cell in column.cells], column.least, column.right)
        for column in _columns(made)
    ]
    head = f"{name}: {counted(len(made.steps), 'step')}, seed {made.checked.seed}"
    shown = [clean(head), ""]
    if made.steps:
        shown += [*table(columns, width), ""]
    for total in _totals(made):
        first, *rest = wrapped(clean(total), max(width - 2, 20))
        shown += [first, *[f"  {text}" for text in rest]]
    if verbose:
        shown += ["", "arguments:"]
        shown += [clean(f"{i:>4}  {step.path}  {call_text(step, made)}") for i, step in enumerate(made.steps, 1)]
    return shown


def _columns(made: Plan) -> list[Column]:
    times, names = made.lifetimes, _short_names(_components(made))
    numbers = range(len(made.steps))
    memory = [(size_text(held),) for held in times.held] if times.peak else [()] * len(made.steps)
    loads = [tuple(names[one.identity] for one in times.loads.get(number, ())) for number in numbers]
    frees = [tuple(names[identity] for identity in times.drops.get(number, ())) for number in numbers]
    return [
        Column("#", [(str(number + 1),) for number in numbers], right=True),
        Column("node", [(shortened(step.node.path, LONGEST_NAME),) for step in made.steps], least=20),
        Column("step", [(_own_name(step),) for step in made.steps], least=16),
        Column("does", [_does(step) for step in made.steps], least=18),
        Column("loads", loads, least=12),
        Column("frees", frees, least=12),
        Column("memory", memory, right=True),
    ]


def _components(made: Plan) -> list[Component]:
    """All components, in the order in which they are loaded."""
    return [component for number in sorted(made.lifetimes.loads) for component in made.lifetimes.loads[number]]


def _short_names(components: Sequence[Component]) -> dict[str, str]:
    """Identity → the shortest name that no other component has: `unet`, `unet of sd`, `unet of embedded/sd`."""
    names = {component.identity: _names(component.label or component.identity) for component in components}
    times = Counter(name for own in names.values() for name in set(own))
    return {identity: next((name for name in own if times[name] == 1), own[-1]) for identity, own in names.items()}


def _names(label: str) -> tuple[str, str, str]:
    """Names of a component, from short to long."""
    role, _, source = label.partition(" of ")
    return role, f"{role} of {source.rpartition('/')[2]}" if source else role, label


def _own_name(step: PlannedStep) -> str:
    """A step's name within its node; empty if the node is one step."""
    return step.path.removeprefix(step.node.path).removeprefix("/")


def _does(step: PlannedStep) -> tuple[str, ...]:
    function = step.function
    words = _first_small(short_summary(function.summary or function.call.__name__.replace("_", " ")))
    if not step.also:
        return (words,)
    name = _own_name(step)
    same = [path.removesuffix(f"/{name}") if name else path for path in step.also]
    return words, f"also for {_listed(same)}"


def short_summary(text: str) -> str:
    """A summary that is no longer than `LONGEST`: of a longer one its first clause, or its beginning."""
    text = text.replace("`", "")
    if len(text) <= LONGEST:
        return text
    clause = re.split(r"[:;,.] | \(", text)[0]
    if len(clause) <= LONGEST:
        return clause
    return wrapped(text, LONGEST - 4)[0] + " ..."


def _first_small(text: str) -> str:
    """`Encode a text` as `encode a text`; an abbreviation such as VAE stays as it is."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _listed(names: Sequence[str]) -> str:
    if len(names) <= MOST + 1:
        return ", ".join(names)
    return f"{', '.join(names[:MOST])} and {len(names) - MOST} more"


def _totals(made: Plan) -> Iterable[str]:
    components = _components(made)
    if components:
        nbytes = sum(component.nbytes for component in components)
        most = f"at most {size_text(made.lifetimes.peak)} at a time"
        yield f"{counted(len(components), 'component')} loaded, {size_text(nbytes)}, {most}:"
        for component in components:
            size = f", {size_text(component.nbytes)}" if component.nbytes else ""
            yield f"- {component.label or component.identity}{size}"
    if made.avoided:
        kinds = {path.rpartition("/")[2] for path in made.avoided}
        noun = "decode" if kinds == {"decode"} else "step"
        yield f"{counted(len(made.avoided), noun)} avoided, since nobody reads the result: {_listed(made.avoided)}"
    for name, source in made.outputs.items():
        yield f"output {name} = {_output(source, made)}"
    for name, why in made.absent.items():
        yield f"output {name} is absent: {why}"
    for path, why in made.skipped.items():
        yield f"skipped {path}: {why}"


def _output(source: StepSource, made: Plan) -> str:
    if isinstance(source, Gather) and len(source.items) > MOST + 1:
        return f"[{_listed([source_text(item, made) for item in source.items])}]"
    return source_text(source, made)
