"""Problems as data: what is wrong, where, why, and what to do about it.

Checks return `Problem` values; only `screen` turns them into text. `CODES` is the table of every code
there is; the documentation's table is made from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphflow.limits import PROBLEMS
from graphflow.wording.spelling import nearest as nearest
from graphflow.wording.words import one_line, printable

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
    """Something a rule refuses or advises before its place is known; the checker adds that.

    Attributes:
        message: what is wrong, one sentence without a full stop; the node's path is put before it. Here, in `why`
            and in `fix`, `{sender}` stands for the output that the port `about` reads, such as `fill.latents`.
        why: the facts behind it.
        fix: what to write instead.
        about: the port or param whose place is shown; the node's own where it is empty or not given.
        code: a code of the problem table; `node` for a problem, `node-hint` for a hint.
        unless_read_by: node type; the fault does not count where a node of it reads the same value as the port
            `about`.
    """

    message: str
    why: str = ""
    fix: str = ""
    about: str = ""
    code: str = "node"
    unless_read_by: str = ""


def _indented(text: str) -> str:
    """Printable text whose further lines stand under its first one, so that none looks like a problem of its own."""
    return printable(text).replace("\n", "\n       ")


@dataclass(frozen=True, slots=True)
class Code:
    """What a code stands for; `meaning` is the documentation's sentence."""

    level: Level
    meaning: str


def _codes(level: Level, **meanings: str) -> dict[str, Code]:
    return {name.replace("_", "-"): Code(level, meaning) for name, meaning in meanings.items()}


CODES: dict[str, Code] = {
    **_codes(
        Level.PROBLEM,
        file_missing="A file or folder that is named does not exist.",
        file_unreadable="A file is there but cannot be read as what it should be.",
        picture_too_large="A picture has more pixels than a picture may have.",
        yaml_syntax="The text is not YAML.",
        yaml_feature="A YAML tag or merge key, which documents may not use.",
        version_missing="The document does not say `graphflow: 1`.",
        version_unknown="The document is of a format version that this graphflow does not read.",
        wrong_shape="A value is a map, a list or text where another of these is needed.",
        empty_value="A key has no value.",
        unknown_key="A key that nothing reads.",
        repeated_key="A key is written twice in one map.",
        bad_name="A name is not of the form `[a-z][a-z0-9_]*`, or is reserved.",
        name_taken="Two inputs or nodes share a name.",
        missing_key="A key that must be there is not.",
        type_and_template="A node has both `type` and `template`, or neither.",
        unknown_type="No node type has this name.",
        unknown_value_type="A type's word is not one of the types.",
        unknown_name="A reference names no input and no node.",
        unknown_output="A reference names an output that the node does not have.",
        bad_index="An index is outside the list, or on something that is no list.",
        missing_value="A port or param that must be given is not.",
        bad_value="A value cannot be read as its type, or is outside what the param allows.",
        type_mismatch="A value of one type is given where another is needed.",
        list_to_single="A list is given where one value is needed.",
        latents_to_picture="Latents are given where a picture is needed, or the other way round.",
        latent_space="Latents belong to a VAE that the reading checkpoint does not have.",
        latent_noise="Latents are noisy where clean ones are read, or the other way round, or do not go on exactly.",
        param_needs_value="A param is given a node's output; params are known before the run.",
        cycle="Nodes depend on each other in a circle.",
        checkpoint_missing="A checkpoint's folder, file or name does not exist.",
        checkpoint_unsafe="A checkpoint's weights are stored in a format that can run code, "
        "or a config names code of the checkpoint's own.",
        checkpoint_broken="A checkpoint is there but cannot be read.",
        checkpoint_unknown="A single file is there, but is no checkpoint of a family that graphflow knows.",
        wrong_part="A checkpoint's part is of a class or size that its family does not take.",
        template_missing="No template has this name.",
        template_cycle="A template uses itself.",
        template_outputs="A template has no `outputs`.",
        for_each_shape="`for_each` is not a map of lists, or a list of such maps.",
        for_each_length="Lists that are zipped have different lengths.",
        for_each_unknown="The length of a `for_each` list is not known before the run.",
        nested_list="A list of lists would arise.",
        input_missing="An input without a default is not given.",
        unknown_input="A value is given for an input that the graph does not have.",
        unknown_graph_output="An output is asked for that the graph does not have.",
        size_mismatch="Two pictures must have the same size and have not.",
        node="A node refuses its values; the message is the node's own.",
        step_failed="A step raised an error while it ran.",
        changed_in_place="A node changed one of its inputs, which other nodes read too.",
        wrong_output="A node returned something other than what it declares.",
        out_of_memory="A step ran out of memory.",
        over_limit="A document, or what it stands for, is larger than graphflow reads; the message names the limit.",
        more_problems="There are more problems than are told at a time.",
    ),
    **_codes(
        Level.WARNING,
        unused_input="Nothing reads an input.",
        unused_checkpoint="Nothing names an entry of `checkpoints`.",
        unread_node="No output of the graph needs a node.",
        latent_sibling="Latents belong to a VAE that differs from the reading checkpoint's in its weights alone.",
        noisy_picture="A picture is read of a stage that stops before the last step.",
        step_warning="A step that ran tells what was probably not meant.",
        no_effect="A value that was given changes nothing.",
        more_warnings="There are more warnings and hints than are told at a time.",
    ),
    **_codes(
        Level.HINT,
        node_hint="A node has a cheaper or clearer way; the message is the node's own.",
    ),
}


def screen(problems: Iterable[Problem]) -> str:
    """All problems as text, most serious kind first, then by place."""
    return "\n".join(str(problem) for problem in ordered(problems))


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """The distinct problems by place; two of one place stay in the order in which they were found."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.place.file, p.place.line, p.place.column))


def first_of(problems: Iterable[Problem]) -> list[Problem]:
    """The first `PROBLEMS` by place and as many warnings and hints, each kind followed by how many more there are."""
    found = ordered(problems)
    if len(found) <= PROBLEMS:
        return found
    told: list[Problem] = []
    for code, what, serious in (("more-problems", "problems", True), ("more-warnings", "warnings and hints", False)):
        kind = [problem for problem in found if (problem.level is Level.PROBLEM) is serious]
        told += kind[:PROBLEMS]
        if len(kind) > PROBLEMS:
            more = f"{len(kind) - PROBLEMS:,} more {what} are not shown"
            told.append(Problem(code, more, "", "mend these first, and check again", kind[PROBLEMS - 1].place))
    return sorted(told, key=lambda p: (p.place.file, p.place.line, p.place.column))


def worst(problems: Iterable[Problem]) -> Level | None:
    """The most serious level among `problems`; None where there are none."""
    return max((problem.level for problem in problems), default=None)


def shown_path(path: Path) -> str:
    """A path as messages show it: from the current folder where it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def did_you_mean(
    word: str, known: Sequence[str], *, else_: str = "", none: str = "leave it out: there are none"
) -> str:
    """A fix that names the nearest known word, or lists the known ones where none is near; `none` without any."""
    close = nearest(word, known)
    if close is not None:
        return f"did you mean {close}?"
    if not known:
        return none
    listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"{else_ or 'known'}: {listed}"
