"""Documents that have problems, and the screens that a user gets for them.

Each `NAME.yaml` of this folder is a case, and `NAME.txt` is its screen. The first line of a document may be
the call, such as `# graphflow check --strict FILE`; without one it is `graphflow check FILE`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
from pathlib import Path

from graphflow.cli import main
from graphflow.cli import run as run_command
from graphflow.cli.load_graph import load_checked
from graphflow.cli.shared_options import catalog_of
from graphflow.engine import Engine
from graphflow.plan.plan import plan
from graphflow.problems import CODES

FOLDER = Path(__file__).parent
FAILURES = ("changed-in-place", "out-of-memory", "step-failed", "step-warning", "wrong-output")
"""Codes of problems that arise only while a graph runs."""

NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def code_of(name: str) -> str:
    """The code that a case is about: `bad-value` of `bad-value-2` and `bad-value-sampler`; else the name itself."""
    return max((code for code in CODES if f"{name}-".startswith(f"{code}-")), key=len, default=name)


def call_of(name: str) -> list[str]:
    """The command line of a case."""
    with (FOLDER / f"{name}.yaml").open("rb") as document:
        first = document.readline().decode("utf-8", "replace")
    call = first.removeprefix("# graphflow ") if first.startswith("# graphflow ") else "check FILE"
    return [f"{name}.yaml" if word == "FILE" else word for word in shlex.split(call)]


def screen_of(name: str) -> str:
    """What a user sees; the current folder has to be this one."""
    call = call_of(name)
    if code_of(name) in FAILURES:
        return _failures(call[1:])
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        code = main(call)
    return f"{shown.getvalue()}exit code {code}\n"


def _failures(call: list[str]) -> str:
    """What a run tells of its failures: the progress before it is no part of it."""
    parser = argparse.ArgumentParser()
    run_command.add_arguments(parser)
    arguments = parser.parse_args(call)
    checked = load_checked(arguments, arguments.graph, catalog_of(arguments)).checked
    with Engine() as engine:
        result = engine.execute(plan(checked))
    return "".join(f"{error}\n" for error in (*result.warnings, *result.failed.values()))
