"""What goes wrong in a step, and what it warns of, as problems with the place of its node."""

from __future__ import annotations

import inspect
import traceback
from pathlib import Path

from graphflow.errors import FileProblem, GraphflowError, StepError
from graphflow.execute.out_of_memory import is_out_of_memory
from graphflow.plan.step import PlannedStep
from graphflow.problems import Problem, shown_path

_IN_PLACE = (ValueError, TypeError, AttributeError)
"""What Python and numpy raise where something read-only is written to."""


def let_values_go(error: BaseException) -> None:
    """Empty the frames of a failure that is kept, which hold the failed step's inputs (and tensors on a GPU).

    Its own traceback goes, since it leads through the run with all its values; those of its causes keep their lines.
    """
    error.__traceback__ = None
    pending, seen = [error], {id(error)}
    while pending:
        one = pending.pop()
        traceback.clear_frames(one.__traceback__)
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        for cause in (one.__cause__, one.__context__, *inner):
            if cause is not None and id(cause) not in seen:
                seen.add(id(cause))
                pending.append(cause)


def _problem(step: PlannedStep, code: str, message: str, why: str, fix: str = "") -> Problem:
    return Problem(code, message, why, fix, step.node.place, step.node.used)


def warning(step: PlannedStep, message: str, why: str, fix: str) -> Problem:
    """What a step tells of itself while it goes on."""
    return _problem(step, "step-warning", f"{step.path}: {message}", why, fix)


def store_failed(step: PlannedStep, error: Exception) -> Problem:
    """The store of results failed at a step."""
    why = f"{reason_of(error)}; results of this run are neither kept nor taken from it any more"
    return _problem(step, "step-warning", f"{step.path}: the store of results failed, the run goes on without it", why)


def changed(step: PlannedStep, name: str) -> StepError:
    """A step changed the value that its argument `name` got."""
    fix = f"copy it first; in {step.node.type.name}, work on the copy"
    why = "values on edges are read by other nodes, too, and never change"
    return StepError(step.path, _problem(step, "changed-in-place", f"{step.path} changed its input {name}", why, fix))


def wrong_output(step: PlannedStep, why: str) -> StepError:
    """A step returned something other than its annotation says."""
    message = f"{step.path} returned something other than what it declares"
    fix = f"correct the node type {step.node.type.name}: its return annotation, or what it returns"
    return StepError(step.path, _problem(step, "wrong-output", message, why, fix))


def reason_of(error: BaseException) -> str:
    """An exception in words: graphflow's own say all there is to say, others are told with their kind."""
    return str(error) if isinstance(error, GraphflowError) else f"{type(error).__name__}: {error}".rstrip(": ")


def step_error(step: PlannedStep, error: Exception) -> StepError:
    """What a failure of a step's function is told as."""
    if isinstance(error, FileProblem):
        said = f"{error.message}: {error.why}" if error.why else error.message
        return StepError(step.path, _problem(step, "step-failed", f"{step.path} failed", said, error.fix))
    reason = reason_of(error)
    if isinstance(error, _IN_PLACE) and ("read-only" in str(error) or "WRITEABLE" in str(error)):
        fix = f"in {step.node.type.name}, work on a copy: image.array.copy()"
        why = f"values on edges are read by other nodes, too, and never change ({reason})"
        return StepError(
            step.path, _problem(step, "changed-in-place", f"{step.path} tried to change one of its inputs", why, fix)
        )
    if is_out_of_memory(error):
        reason = " ".join([reason, *getattr(error, "__notes__", ())])
        fix = "use smaller pictures, or a smaller memory budget"
        return StepError(step.path, _problem(step, "out-of-memory", f"{step.path} ran out of memory", reason, fix))
    return StepError(step.path, _problem(step, "step-failed", f"{step.path} failed", reason + _line(step, error)))


def _line(step: PlannedStep, error: Exception) -> str:
    """Where a failure came out of a third party's file of nodes, which its author can mend: ` (FILE:LINE, in NAME)`.

    What was called from there, such as numpy, is not the author's; nodes that graphflow ships are not the user's.
    """
    if step.node.type.shipped_version is not None:
        return ""
    file = inspect.unwrap(step.function.call).__code__.co_filename
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not frames:
        return ""
    return f" ({shown_path(Path(file))}:{frames[-1].lineno}, in {frames[-1].name})"
