"""A plan as text: a table of its steps, with totals below."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from graphflow.cli.step_text import call_text, source_text
from graphflow.cli.tables import Column, shortened, table, wrapped
from graphflow.execute.forecast import Chance
from graphflow.plan.plan import Plan
from graphflow.plan.savings import saving_lines
from graphflow.plan.sources import StepSource
from graphflow.plan.step import PlannedStep
from graphflow.text_helpers.words import counted, one_line, size_text
from graphflow.values.component import Component
from graphflow.values.sources import Gather

LONGEST = 50
"""Most characters of a step's description."""
LONGEST_NAME = 40
"""Most characters of a node's name; that of a picture file contains the file's name."""
MOST = 3
"""Names of a list that are shown; the others are counted."""


def lines(
    planned: Plan,
    name: str,
    chances: Sequence[Chance] = (),
    *,
    width: int,
    verbose: bool = False,
    clean: Callable[[str], str] = one_line,
) -> list[str]:
    """A plan's table and its totals.

    Args:
        name: the graph's name as the caller wrote it.
        chances: what the cache has of each step's results; empty without a cache.
        width: columns of the terminal; a line is longer only if it cannot be broken.
        verbose: whether the arguments follow, one step per line.
        clean: turns a text into one line that the screen can show.
    """
    chances = chances or [Chance("run")] * len(planned.steps)
    columns = [
        Column(column.title, [tuple(map(clean, cell)) for cell in column.cells], column.least, column.right)
        for column in _columns(planned, chances)
    ]
    head = f"{name}: {counted(len(planned.steps), 'step')}, seed {planned.checked.seed}"
    shown = [clean(head), ""]
    if planned.steps:
        shown += [*table(columns, width), ""]
    for total in (*_totals(planned), *_cached(planned, chances)):
        first, *rest = wrapped(clean(total), max(width - 2, 20))
        shown += [first, *[f"  {text}" for text in rest]]
    if verbose:
        shown += ["", "arguments:"]
        shown += [clean(f"{i:>4}  {step.path}  {call_text(step, planned)}") for i, step in enumerate(planned.steps, 1)]
    return shown


def _columns(planned: Plan, chances: Sequence[Chance]) -> list[Column]:
    times, names = planned.lifetimes, _short_names(_components(planned))
    numbers = range(len(planned.steps))
    beside = {batch.start: len(batch) - 1 for batch in planned.batches}
    memory = [(size_text(total),) for total in times.totals] if times.whole_peak else [()] * len(planned.steps)
    loads = [tuple(names[part.identity] for part in times.loads.get(number, ())) for number in numbers]
    frees = [tuple(names[identity] for identity in times.drops.get(number, ())) for number in numbers]
    return [
        Column("#", [(str(number + 1),) for number in numbers], right=True),
        Column("node", [(shortened(step.node.path, LONGEST_NAME),) for step in planned.steps], least=20),
        Column("step", [(_own_name(step),) for step in planned.steps], least=16),
        Column("does", [_does(step, beside.get(number, 0)) for number, step in enumerate(planned.steps)], least=18),
        Column("loads", loads, least=12),
        Column("frees", frees, least=12),
        Column("memory", memory, right=True),
        Column("cache", [() if chance.state == "run" else (chance.state,) for chance in chances]),
    ]


def _components(planned: Plan) -> list[Component]:
    """All components, in the order in which they are loaded."""
    return [component for number in sorted(planned.lifetimes.loads) for component in planned.lifetimes.loads[number]]


def _short_names(components: Sequence[Component]) -> dict[str, str]:
    """Identity → the shortest unique name: `unet`, `unet of sd`, `unet of embedded/sd`."""
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


def _does(step: PlannedStep, beside: int) -> tuple[str, ...]:
    """The text about a step.

    Args:
        step: of the plan.
        beside: how many of the next steps are computed in one call with it.
    """
    function = step.function
    words = _first_small(short_summary(function.summary or function.call.__name__.replace("_", " ")))
    together = (f"in one call with the next {beside}",) if beside > 1 else ("in one call with the next",) * beside
    if not step.also:
        return words, *together
    name = _own_name(step)
    same = [path.removesuffix(f"/{name}") if name else path for path in step.also]
    return words, *together, f"also for {_listed(same)}"


def short_summary(text: str) -> str:
    """The summary, or if it is longer than `LONGEST` its first clause or its beginning."""
    text = text.replace("`", "")
    if len(text) <= LONGEST:
        return text
    clause = re.split(r"[:;,.] | \(", text)[0]
    if len(clause) <= LONGEST:
        return clause
    return wrapped(text, LONGEST - 4)[0] + " ..."


def _first_small(text: str) -> str:
    """`Encode a text` as `encode a text`; an abbreviation such as VAE is kept."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _listed(names: Sequence[str]) -> str:
    if len(names) <= MOST + 1:
        return ", ".join(names)
    return f"{', '.join(names[:MOST])} and {len(names) - MOST} more"


def _totals(planned: Plan) -> Iterable[str]:
    components = _components(planned)
    if components:
        nbytes = sum(component.nbytes for component in components)
        most = f"at most {size_text(planned.lifetimes.peak)} at a time"
        yield f"{counted(len(components), 'component')} loaded, {size_text(nbytes)}, {most}:"
        for component in components:
            size = f", {size_text(component.nbytes)}" if component.nbytes else ""
            yield f"- {component.label or component.identity}{size}"
    yield from _peak(planned)
    if planned.avoided:
        kinds = {path.rpartition("/")[2] for path in planned.avoided}
        noun = "decode" if kinds == {"decode"} else "step"
        count = counted(len(planned.avoided), noun)
        yield f"{count} avoided, since nothing reads the result: {_listed(planned.avoided)}"
    yield from _batches(planned)
    for name, source in planned.outputs.items():
        yield f"output {name} = {_output(source, planned)}"
    for name, why in planned.absent.items():
        yield f"output {name} is absent: {why}"
    for path, why in planned.skipped.items():
        yield f"skipped {path}: {why}"


def _cached(planned: Plan, chances: Sequence[Chance]) -> Iterable[str]:
    """How many results are in the cache, and on which steps it depends whether others are."""
    hits = sum(chance.state == "hit" for chance in chances)
    if hits:
        yield f"{hits} of {counted(len(chances), 'step')} in the cache"
    for after in dict.fromkeys(chance.after for chance in chances if chance.state == "perhaps"):
        paths = [step.path for step, chance in zip(planned.steps, chances, strict=True) if chance.after == after]
        same = "gives the result that it gave" if len(after) == 1 else "give the results that they gave"
        yield f"may be in the cache, if {_listed(after)} {same} before: {_listed(paths)}"


def _peak(planned: Plan) -> Iterable[str]:
    """The most memory that a run needs, with what steps need to compute, and what is done about too much."""
    times = planned.lifetimes
    if times.peak_step is None:
        return
    if times.whole_peak > times.peak:
        computing, path = times.needs[times.peak_step], planned.steps[times.peak_step].path
        yield f"peak {size_text(times.whole_peak)}, in {path}, {size_text(computing)} of them to compute"
    if planned.limit is not None and times.whole_peak > planned.limit:
        yield f"that is more than {size_text(planned.limit)}: components are evicted earlier and loaded again"
    yield from saving_lines(planned.savings)


def _batches(planned: Plan) -> Iterable[str]:
    """How many steps are computed in one call, and why others are not."""
    sizes = [len(batch) for batch in planned.batches]
    if sizes:
        most = f", at most {max(sizes)} in one" if len(sizes) > 1 else ""
        yield f"{counted(sum(sizes), 'step')} computed in {counted(len(sizes), 'call')}{most}"
    for why in dict.fromkeys(planned.alone.values()):
        paths = [path for path, reason in planned.alone.items() if reason == why]
        yield f"{counted(len(paths), 'step')} computed one by one, since {why}: {_listed(paths)}"


def _output(source: StepSource, planned: Plan) -> str:
    if isinstance(source, Gather) and len(source.items) > MOST + 1:
        return f"[{_listed([source_text(item, planned) for item in source.items])}]"
    return source_text(source, planned)
