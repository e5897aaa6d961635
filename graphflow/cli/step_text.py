"""The arguments of steps as text: values, and the sources of others."""

from __future__ import annotations

import dataclasses
from typing import Any

from graphflow.plan.plan import Plan
from graphflow.plan.sources import StepOutput, StepSource
from graphflow.plan.step import PlannedStep
from graphflow.values.sources import Format, Gather, ItemOf
from graphflow.values.value_types import value_word

LONGEST = 60
"""Most characters of a text, since some are a sampler's whole config; `--json` prints all of it."""


def call_text(step: PlannedStep, planned: Plan) -> str:
    """The call of a step's function: `resize(image=photo, width=128)`."""
    given = [f"{name}={source_text(source, planned)}" for name, source in step.inputs.items()]
    given += [text for name, value in step.params.items() if value is not None for text in _param(name, value)]
    return f"{step.function.call.__name__}({', '.join(given)})"


def _param(name: str, value: Any) -> list[str]:
    """A param as text; if it contains several, such as the settings of a call, each one that is set."""
    if not is_data(value):
        return [f"{name}={value_text(value)}"]
    entries = value.shown() if hasattr(value, "shown") else {name: str(value)}
    return [f"{key}={value_text(entry)}" for key, entry in entries.items() if entry is not None]


def is_data(value: Any) -> bool:
    """Whether a param is frozen data that never travels on an edge, such as a latent space."""
    return dataclasses.is_dataclass(value) and value_word(value) is None


def source_text(source: StepSource, planned: Plan) -> str:
    """The source of a value: a step's path, with the output if there are several; or the value itself."""
    if isinstance(source, StepOutput):
        step = planned.steps[source.step]
        single = len(step.function.outputs) == 1
        return step.path if single else f"{step.path}.{source.output}"
    if isinstance(source, ItemOf):
        return f"{source_text(source.source, planned)}[{source.item}]"
    if isinstance(source, Gather):
        return f"[{', '.join(source_text(item, planned) for item in source.items)}]"
    if isinstance(source, Format):
        return "text of " + ", ".join(source_text(part, planned) for part in source.parts if not isinstance(part, str))
    return value_text(source.value)


def value_text(value: Any) -> str:
    """A value as text: the name of a file, a list of items, the beginning of a long text."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    path = getattr(value, "path", None)
    if path is not None:
        return str(path.name)
    if isinstance(value, str) and len(value) > LONGEST:
        value = value[: LONGEST - 1] + "…"
    return repr(value) if not isinstance(value, bool) else str(value).lower()
