"""The return value of a step function, as named outputs."""

from __future__ import annotations

from typing import Any

from graphflow.errors import InvalidValue
from graphflow.execute.step_problems import wrong_output
from graphflow.plan.step import PlannedStep
from graphflow.values.any_value import describe
from graphflow.values.coerce import coerce


def outputs_of(step: PlannedStep, returned: Any) -> dict[str, Any]:
    """Output name → value; an output that nothing reads may be None, and is left out.

    Args:
        step: the step that was called.
        returned: the return value of its function.

    Raises:
        StepError: it does not match the outputs that the step declares.
    """
    names, types = step.function.outputs, step.function.types
    several = len(names) > 1 or hasattr(returned, "_fields")
    values = returned if several else (returned,)
    if not isinstance(values, tuple) or len(values) != len(names):
        raise wrong_output(step, f"it returned {describe(returned)}, and declares {', '.join(names)}")
    outputs = {}
    for name, type_, value in zip(names, types, values, strict=True):
        if value is None and name not in step.wanted:
            continue
        try:
            outputs[name] = coerce(value, type_)
        except InvalidValue as error:
            raise wrong_output(step, f"its output {name} is declared as {type_}: {error}") from error
    return outputs
