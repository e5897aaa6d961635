"""Problems as data: what is wrong, where, why, and how to fix it.

Checks return `Problem` values; only `screen` turns them into text. `CODES` is the table of all codes, from which
the documentation's table is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphflow.limits import PROBLEMS
from graphflow.text_helpers.spelling import nearest as nearest
from graphflow.text_helpers.words import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Level(IntEnum):
    """How much a problem matters."""

    HINT = 0
    """Could be cheaper, or has no effect."""
    WARNING = 1
    """Probably not meant; `check --strict` counts it."""
    PROBLEM = 2
    """The graph cannot run."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is written: a file (or a word such as `--set seed`), line and column from 1.

    Line 0 means that only `file` is known, as for a value given on the command line or in Python.
    """

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        file = one_line(self.file)
        return f"{file}:{self.line}:{self.column}" if self.line else file


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: a key of `CODES`.
        message: what is wrong, one sentence without a full stop.
        why: the facts behind it.
        fix: what to write instead.
        place: where it is written.
        used: where the template that holds `place` is used, innermost first, each with the node's path.
    """

    code: str
    message: str
    why: str = ""
    fix: str = ""
    place: Place = NOWHERE
    used: tuple[tuple[Place, str], ...] = field(default=())

    @property
    def level(self) -> Level:
        return CODES[self.code].level

    def __str__(self) -> str:
        label = {Level.PROBLEM: "", Level.WARNING: "warning: ", Level.HINT: "hint: "}[self.level]
        where = f"{self.place}: " if str(self.place) else ""
        lines = [f"{where}{label}{self.code}: {one_line(self.message)}"]
        lines += [f"  why: {_indented(self.why)}"] if self.why else []
        lines += [f"  fix: {_indented(self.fix)}"] if self.fix else []
        lines += [f"  used: {place} as {one_line(path)}" for place, path in self.used]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The problem as plain JSON data."""
        return {
            "code": self.code,
            "level": self.level.name.lower(),
            "message": self.message,
            "why": self.why,
            "fix": self.fix,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "used": [
                {"file": place.file, "line": place.line, "column": place.column, "node": path}
                for place, path in self.used
            ],
        }


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal or a hint of a node's rule; `check` adds the place.

    Attributes:
        message: what is wrong, one sentence without a full stop; the node's path is put before it. In `message`,
            `why` and `fix`, `{sender}` stands for the output that the port `about` reads, such as `fill.latents`.
        why: the facts behind it.
        fix: what to write instead.
        about: the port or param whose place is shown; the node's own if it is empty or not given.
        code: a code of the problem table; `node` for a problem, `node-hint` for a hint.
        unless_read_by: node type; the fault doesn't count if a node of this type reads the same value as the port
            `about`.
    """

    message: str
    why: str = ""
    fix: str = ""
    about: str = ""
    code: str = "node"
    unless_read_by: str = ""


def _indented(text: str) -> str:
    """Printable text whose further lines are indented, so that none looks like a problem of its own."""
    return printable(text).replace("\n", "\n       ")


@dataclass(frozen=True, slots=True)
class Code:
    """The meaning of a code; `meaning` is the documentation's sentence."""

    level: Level
    meaning: str


def _codes(level: Level, **meanings: str) -> dict[str, Code]:
    return {name.replace("_", "-"): Code(level, meaning) for name, meaning in meanings.items()}


CODES: dict[str, Code] = {
    **_codes(
        Level.PROBLEM,
        file_missing="A file or folder does not exist.",
        file_unreadable="A file exists but is not readable as what it should be.",
        picture_too_large="A picture has too many pixels.",
        yaml_syntax="The text is not YAML.",
        yaml_feature="A YAML tag or merge key, which documents may not use.",
        version_missing="The document does not say `graphflow: 1`.",
        version_unknown="The document has a format version that this graphflow does not read.",
        wrong_shape="A value is a map, a list or text, but another of these is needed.",
        empty_value="A key has no value.",
        unknown_key="A key is not known.",
        repeated_key="A key is written twice in one map.",
        bad_name="A name is not of the form `[a-z][a-z0-9_]*`, or is reserved.",
        name_taken="Two inputs or nodes share a name.",
        missing_key="A required key is missing.",
        type_and_template="A node has both `type` and `template`, or neither.",
        unknown_type="No node type has this name.",
        unknown_value_type="No type has this name.",
        unknown_name="A reference names no input and no node.",
        unknown_output="A reference names an output that the node does not have.",
        bad_index="An index is outside the list, or is used on something that is not a list.",
        missing_value="A required port or param is not given.",
        bad_value="A value cannot be read as its type, or the param does not allow it.",
        type_mismatch="A value has another type than the one needed.",
        list_to_single="A list is given, but one value is needed.",
        latents_to_picture="Latents are given instead of a picture, or the other way round.",
        latent_space="Latents belong to another VAE than that of the checkpoint that reads them.",
        latent_noise="Latents are noisy but clean ones are needed, or the other way round, or denoising would not "
        "continue where it stopped.",
        param_needs_value="A param is given a node's output, but params must be known before the run.",
        cycle="Nodes depend on each other in a cycle.",
        checkpoint_missing="A checkpoint's folder, file or name does not exist.",
        checkpoint_unsafe="A checkpoint's weights are stored in a format that can run code, "
        "or a config names code of the checkpoint's own.",
        checkpoint_broken="A checkpoint exists but cannot be read.",
        checkpoint_unknown="A single file is not a checkpoint of a family that graphflow knows.",
        wrong_part="A checkpoint's part has a class or size that its family does not take.",
        template_missing="No template has this name.",
        template_cycle="A template uses itself.",
        template_outputs="A template has no `outputs`.",
        for_each_shape="`for_each` is not a map of lists, or a list of such maps.",
        for_each_length="Lists that are zipped have different lengths.",
        for_each_unknown="The length of a `for_each` list is not known before the run.",
        nested_list="The result would be a list of lists.",
        input_missing="An input without a default is not given.",
        unknown_input="A value is given for an input that the graph does not have.",
        unknown_graph_output="The graph does not have the output that is asked for.",
        size_mismatch="Two pictures must have the same size, but do not.",
        node="A node refuses its values; the message comes from the node type.",
        step_failed="A step raised an error while it ran.",
        changed_in_place="A node changed one of its inputs, which other nodes read too.",
        wrong_output="A node returned something other than what it declares.",
        out_of_memory="A step ran out of memory.",
        over_limit="A document is too large, as written or once expanded; the message names the limit.",
        more_problems="There are more problems than are shown at a time.",
    ),
    **_codes(
        Level.WARNING,
        unused_input="Nothing reads an input.",
        unused_checkpoint="Nothing uses an entry of `checkpoints`.",
        unread_node="No output of the graph needs a node.",
        latent_sibling="Latents belong to a VAE that differs from that of the checkpoint that reads them, but only in "
        "its weights.",
        unusual_size="A size is far from the one for which a model was trained.",
        noisy_picture="A picture is read from a stage that stops before the last step.",
        step_warning="A step ran, but reports something that was probably not meant.",
        slow_precision="Models compute in a precision that is slow on their device.",
        checkpoint_absent="A checkpoint is not on this machine.",
        no_effect="A given value has no effect.",
        more_warnings="There are more warnings and hints than are shown at a time.",
    ),
    **_codes(
        Level.HINT,
        node_hint="There is a cheaper or clearer way; the message comes from the node type.",
    ),
}


def screen(problems: Iterable[Problem]) -> str:
    """All problems as text, by place."""
    return "\n".join(str(problem) for problem in ordered(problems))


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """The distinct problems by place; those of one place stay in the order in which they were found."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.place.file, p.place.line, p.place.column))


def first_of(problems: Iterable[Problem]) -> list[Problem]:
    """The first `PROBLEMS` by place and as many warnings and hints; after each kind, the number of those left out."""
    found = ordered(problems)
    if len(found) <= PROBLEMS:
        return found
    shown: list[Problem] = []
    for code, noun, serious in (("more-problems", "problems", True), ("more-warnings", "warnings and hints", False)):
        kind = [problem for problem in found if (problem.level is Level.PROBLEM) is serious]
        shown += kind[:PROBLEMS]
        if len(kind) > PROBLEMS:
            more = f"{len(kind) - PROBLEMS:,} more {noun} are not shown"
            shown.append(Problem(code, more, "", "correct these first, then check again", kind[PROBLEMS - 1].place))
    return sorted(shown, key=lambda p: (p.place.file, p.place.line, p.place.column))


def worst(problems: Iterable[Problem]) -> Level | None:
    """The most serious level among `problems`; None if there are none."""
    return max((problem.level for problem in problems), default=None)


def shown_path(path: Path) -> str:
    """A path as messages show it: relative to the current folder if it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def did_you_mean(
    word: str, known: Sequence[str], *, else_: str = "", none: str = "leave it out: there are none"
) -> str:
    """A fix that names the nearest known word, or lists the known words if none is near; `none` if none is known."""
    close = nearest(word, known)
    if close is not None:
        return f"did you mean {close}?"
    if not known:
        return none
    listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"{else_ or 'known'}: {listed}"
