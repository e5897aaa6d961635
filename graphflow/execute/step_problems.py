"""Problems of a step in a run: its failures and warnings, with the place of its node in the document."""

from __future__ import annotations

import inspect
import traceback
from pathlib import Path

from graphflow.errors import FileProblem, GraphflowError, StepError
from graphflow.execute.out_of_memory import is_out_of_memory
from graphflow.plan.step import PlannedStep
from graphflow.problems import Problem, shown_path

_IN_PLACE = (ValueError, TypeError, AttributeError)
"""Errors that Python and numpy raise if something read-only is written to."""


def free_values(error: BaseException) -> None:
    """Clear the frames of an error that is kept: they refer to the inputs of the failed step, and tensors on a GPU.

    Its own traceback, which refers to the whole run, is removed; those of its causes keep their line numbers.
    """
    error.__traceback__ = None
    pending, seen = [error], {id(error)}
    while pending:
        current = pending.pop()
        traceback.clear_frames(current.__traceback__)
        inner = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        for cause in (current.__cause__, current.__context__, *inner):
            if cause is not None and id(cause) not in seen:
                seen.add(id(cause))
                pending.append(cause)


def _problem(step: PlannedStep, code: str, message: str, why: str, fix: str = "") -> Problem:
    return Problem(code, message, why, fix, step.node.place, step.node.used)


def warning(step: PlannedStep, message: str, why: str, fix: str) -> Problem:
    """A warning that a step reports while it runs."""
    return _problem(step, "step-warning", f"{step.path}: {message}", why, fix)


def batch_failed(step: PlannedStep, count: int, now: int, reason: str) -> Problem:
    """The warning that a call for `count` steps failed, and that they are computed `now` at a time instead."""
    how = "one by one" if now == 1 else f"{now} at a time"
    message = f"{step.path} and {count - 1} more could not be computed in one call; they are computed {how}"
    return _problem(step, "step-warning", message, reason)


def store_failed(step: PlannedStep, error: Exception, *, still_read: bool = False) -> Problem:
    """The warning that the store of results failed at a step.

    Args:
        step: whose result it was to give or to keep.
        error: that it raised.
        still_read: whether results are still taken from it.
    """
    if still_read:
        why = f"{reason_of(error)}; results of this run are no longer kept"
        return _problem(step, "step-warning", f"{step.path}: the store of results cannot keep it, the run goes on", why)
    why = f"{reason_of(error)}; results of this run are neither kept nor taken from it any more"
    return _problem(step, "step-warning", f"{step.path}: the store of results failed, the run goes on without it", why)


def changed(step: PlannedStep, name: str) -> StepError:
    """The error of a step that changed the value of its argument `name` in place."""
    fix = f"copy it first; in {step.node.type.name}, work on the copy"
    why = "values on edges are read by other nodes, too, and never change"
    return StepError(step.path, _problem(step, "changed-in-place", f"{step.path} changed its input {name}", why, fix))


def wrong_output(step: PlannedStep, why: str) -> StepError:
    """The error of a step whose return value does not match its annotation."""
    message = f"{step.path} returned something other than what it declares"
    fix = f"correct the node type {step.node.type.name}: its return annotation, or what it returns"
    return StepError(step.path, _problem(step, "wrong-output", message, why, fix))


def reason_of(error: BaseException) -> str:
    """The message of an exception; for those that are not graphflow's own, it starts with the name of the class."""
    return str(error) if isinstance(error, GraphflowError) else f"{type(error).__name__}: {error}".rstrip(": ")


def step_error(step: PlannedStep, error: Exception) -> StepError:
    """The error that reports an exception of a step's function."""
    if isinstance(error, FileProblem):
        reason = f"{error.message}: {error.why}" if error.why else error.message
        return StepError(step.path, _problem(step, "step-failed", f"{step.path} failed", reason, error.fix))
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
    """The line of the step's own file at which a function failed, as ` (FILE:LINE, in NAME)`.

    It is for authors of nodes, so it is empty for nodes that graphflow ships. Lines of other files are not named, such
    as those of libraries that the function calls.
    """
    if step.node.type.shipped_version is not None:
        return ""
    file = inspect.unwrap(step.function.call).__code__.co_filename
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not frames:
        return ""
    return f" ({shown_path(Path(file))}:{frames[-1].lineno}, in {frames[-1].name})"
