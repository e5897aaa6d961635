"""Checks that the steps declared by a plan function match the functions that they call."""

from __future__ import annotations

from collections.abc import Mapping

from graphflow.catalog.authoring import Step
from graphflow.catalog.node_type import StepFunction
from graphflow.check.checked import ExpandedNode
from graphflow.errors import DefinitionError


def require_fit(node: ExpandedNode, step: Step, function: StepFunction, earlier: Mapping[str, StepFunction]) -> None:
    """Check that a step's declaration matches its function, so that a mistake is reported before the run starts.

    Args:
        node: the node that the step belongs to.
        step: the declaration of the step.
        function: the function that it calls.
        earlier: the function of each step of the node before this one, by the step's name.

    Raises:
        DefinitionError: they do not match; the message names the difference.
    """
    misfit = _input_misfit(node, step, earlier) or _argument_misfit(node, step, function)
    if misfit:
        raise DefinitionError(f"{node.type.name}: the step {step.name} {misfit}")


def _input_misfit(node: ExpandedNode, step: Step, earlier: Mapping[str, StepFunction]) -> str:
    for read in step.inputs.values():
        for origin in (read,) if isinstance(read, str) else read:
            name, dot, output = origin.partition(".")
            if dot and name not in earlier:
                return f"reads {origin}, and {name} is not a step before it"
            if dot and output not in earlier[name].outputs:
                return f"reads {origin}, and the outputs of {name} are {', '.join(earlier[name].outputs)}"
            if not dot and name not in node.type.ports:
                return f"reads {origin}, which is not a port"
    return ""


def _argument_misfit(node: ExpandedNode, step: Step, function: StepFunction) -> str:
    unknown = sorted({*step.inputs, *step.params} - set(function.arguments))
    if unknown:
        return f"gives {', '.join(unknown)}, which its function does not take"
    given = {*step.params, *(argument for argument, read in step.inputs.items() if _is_given(node, read))}
    data = [name for name in step.inputs if name not in function.argument_types]
    if data:
        return f"reads {', '.join(data)} from elsewhere, which its function takes as a param"
    missing = [name for name in function.arguments if name not in given and name not in function.optional]
    if missing:
        return f"does not give {', '.join(missing)}"
    named = step.outputs.values() if isinstance(step.outputs, Mapping) else step.outputs
    strange = [output for output in named if output not in function.outputs]
    return f"has no output {', '.join(strange)}" if strange else ""


def _is_given(node: ExpandedNode, read: str | tuple[str, ...]) -> bool:
    """Whether an argument gets a value, from another step or from a port that has one."""
    return any("." in origin or origin in node.sources for origin in ((read,) if isinstance(read, str) else read))
