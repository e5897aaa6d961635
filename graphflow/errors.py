"""The error tree: everything graphflow raises on purpose is a `GraphflowError`.

GraphflowError
├── InvalidGraph      a document or a built graph has problems; `.problems` holds them all
├── InvalidValue      a Python value cannot travel on an edge of the named type
├── UnknownOutput     a node does not have the output that its handle is asked for
├── DefinitionError   a node type, a step or a catalog is not written correctly
├── FileProblem       a file the user named cannot be read or written
│   └── DownloadFailed  a file of the model hub cannot be downloaded
├── StepError         one step failed; kept in `Result.failed`, and the cause of `RunFailed`
├── RunFailed         some steps of a run failed; `.result` holds what the other steps returned
└── Cancelled         the caller stopped a run

The last two hold a result and are defined beside it, in graphflow/execute/result.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphflow.text_helpers.words import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphflow.problems import Problem


class GraphflowError(Exception):
    """The root of every error that graphflow raises on purpose; as text it has no control characters."""

    def __str__(self) -> str:
        return printable(super().__str__())


class InvalidGraph(GraphflowError):
    """A graph has problems; the message shows all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        from graphflow.problems import screen

        self.problems = tuple(problems)
        super().__init__(screen(self.problems))


class InvalidValue(GraphflowError):
    """A Python value cannot become a value of the type that an edge, an input or an output declares."""


class UnknownOutput(GraphflowError, AttributeError):
    """A node does not have the output that its handle is asked for."""


class DefinitionError(GraphflowError):
    """A node type, a step function or a catalog is not written correctly."""


class FileProblem(GraphflowError):
    """A file or folder that the user named cannot be read or written.

    Attributes:
        message: what is wrong, one sentence without a full stop.
        code: code of the problem, if `check` finds it.
        why: the facts behind it; may be empty.
        fix: what to do instead; may be empty.
    """

    def __init__(self, message: str, code: str = "file-unreadable", *, why: str = "", fix: str = "") -> None:
        self.message, self.code, self.why, self.fix = message, code, why, fix
        super().__init__(message + (f"\n  why: {why}" if why else "") + (f"\n  fix: {fix}" if fix else ""))


class DownloadFailed(FileProblem):
    """A checkpoint of the model hub cannot be downloaded; files that came whole stay on this machine."""


class StepError(GraphflowError):
    """A step failed; the exception behind it, if there is one, is the `__cause__`.

    Attributes:
        step: path of the step, such as `fill/decode`.
        problem: code, reason, fix and place.
    """

    def __init__(self, step: str, problem: Problem) -> None:
        self.step, self.problem = step, problem
        super().__init__(str(problem))
