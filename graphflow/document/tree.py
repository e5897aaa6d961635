"""YAML text as a tree of scalars, sequences and mappings, each with its place.

The tree is built from PyYAML's events (libyaml's if it is available), not from its constructed values: a scalar
stays the text that was written, because its type depends on its key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from graphflow.document.text import Part, read_text
from graphflow.limits import DEPTH, VALUES
from graphflow.problems import NOWHERE, Place, Problem

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Scalar:
    """Text as written.

    Attributes:
        text: the characters, quotes and escapes of YAML resolved.
        empty: whether nothing was written (an empty string in quotes is not empty).
        kind: the Python type of its value, if the graph is built in Python; None in a file.
        folder: the folder to which a path in it is relative, if that is not the document's folder.
    """

    text: str
    place: Place = field(default=NOWHERE, compare=False, repr=False)
    empty: bool = field(default=False, compare=False, repr=False)
    kind: type | None = field(default=None, compare=False, repr=False)
    folder: Path | None = field(default=None, compare=False, repr=False)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Its plain pieces and references, read once."""
        return read_text(self.text)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list as written."""

    items: tuple[Tree, ...]
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map as written; keys are distinct."""

    entries: dict[str, Entry]
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a map and its value."""

    value: Tree
    place: Place = field(default=NOWHERE, compare=False, repr=False)
    """The place of the key."""


Tree: TypeAlias = Scalar | Sequence | Mapping


def word_of(tree: Tree) -> str:
    """`text`, `a list` or `a map`, for messages."""
    return {Scalar: "text", Sequence: "a list", Mapping: "a map"}[type(tree)]


def read_tree(text: str, file: str) -> tuple[Tree | None, list[Problem]]:
    """Read one YAML document.

    Args:
        text: the whole file.
        file: its name as messages show it.

    Returns:
        The tree (None for an empty file) and the problems. After a syntax error the tree is None, because what
        follows the error cannot be trusted.
    """
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except (yaml.YAMLError, UnicodeError) as error:
        problem = _syntax_problem(error, text, file)
        # After an unknown alias, the rest of its line is not a second fault.
        known = any(p.code == problem.code and p.place.line == problem.place.line for p in builder.problems)
        return None, builder.problems if known else [*builder.problems, problem]
    except _TooMuch as error:
        return None, [*builder.problems, *error.args]
    return builder.root, builder.problems


class _TooMuch(Exception):
    """Raised with the problem to stop the parser."""


class _Builder:
    """Builds the tree from events with a stack of open collections, without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Tree | None = None
        self.problems: list[Problem] = []
        self._open: list[_Collection] = []
        self._anchors: dict[str, _Anchored] = {}
        self._count = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._reject_tag(event)
            place = self._place(event)
            empty = event.value == "" and event.style in (None, "") and event.anchor is None
            # Every dollar may start a reference, which counts as a value.
            self._put(_Anchored(Scalar(event.value, place, empty), 1 + event.value.count("$"), 0), event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._reject_tag(event)
            self._require_depth(len(self._open) + 1, event)
            is_map = isinstance(event, yaml.MappingStartEvent)
            self._open.append(_Collection(is_map, self._place(event), event, self._count))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            closed = self._open.pop()
            count = self._count - closed.before + 1
            self._put(_Anchored(closed.close(self.problems), count, closed.height), closed.event, own=1)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents == 2:
                self._say(event, "wrong-shape", "a second document starts here", fix="write one graph per file")

    def _put(self, value: _Anchored, event: Any, *, own: int | None = None) -> None:
        """Add a value to the open collection; `own` is its own share of the count, if its parts are counted already."""
        self._count += value.count if own is None else own
        if self._count > VALUES:
            message = f"the document has more than {VALUES:,} values"
            why = "an alias counts as its whole content" if self._anchors else ""
            raise _TooMuch(Problem("over-limit", message, why, "make it smaller", self._place(event)))
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        if self._open:
            self._open[-1].children.append(value.tree)
            self._open[-1].height = max(self._open[-1].height, value.height + 1)
        elif self._documents == 1:
            self.root = value.tree

    def _require_depth(self, depth: int, event: Any) -> None:
        if depth > DEPTH:
            message, fix = f"maps and lists are nested more than {DEPTH} levels deep", "use fewer levels"
            raise _TooMuch(Problem("over-limit", message, "", fix, self._place(event)))

    def _alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        if known is None:
            self._say(
                event,
                "yaml-syntax",
                f"the alias *{event.anchor} has no anchor",
                why="unquoted text that starts with * is an alias in YAML",
                fix=f'put the whole text in quotes: "*{event.anchor}"',
            )
            known = _Anchored(Scalar("*" + event.anchor, self._place(event)), 1, 0)
        self._require_depth(len(self._open) + known.height, event)
        self._put(known, _Alias(event.start_mark))

    def _reject_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag != "!":
            shown = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self._say(
                event,
                "yaml-feature",
                f"the tag {shown} cannot be used",
                why="a graph is data; a value's type follows from its key",
                fix="remove the tag, or put text that starts with ! in quotes",
            )

    def _place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _say(self, event: Any, code: str, message: str, *, why: str = "", fix: str = "") -> None:
        self.problems.append(Problem(code, message, why, fix, self._place(event)))


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A value, the number of values in it (itself included), and its levels of maps and lists."""

    tree: Tree
    count: int
    height: int


@dataclass(frozen=True, slots=True)
class _Alias:
    """The place of an alias; it has no anchor of its own."""

    start_mark: Any
    anchor: None = None


@dataclass
class _Collection:
    """A map or list that is still being read."""

    is_map: bool
    place: Place
    event: Any
    before: int
    """Number of values read before it began."""
    height: int = 1
    children: list[Tree] = field(default_factory=list)

    def close(self, problems: list[Problem]) -> Tree:
        if not self.is_map:
            return Sequence(tuple(self.children), self.place)
        entries: dict[str, Entry] = {}
        for key, value in self._pairs(problems):
            if key.text in entries:
                first = entries[key.text].place
                fix = f"remove one of the two; the first is on line {first.line}"
                problems.append(Problem("repeated-key", f"{key.text} is written twice", fix=fix, place=key.place))
            else:
                entries[key.text] = Entry(value, key.place)
        return Mapping(entries, self.place)

    def _pairs(self, problems: list[Problem]) -> Iterator[tuple[Scalar, Tree]]:
        for key, value in zip(self.children[::2], self.children[1::2], strict=True):
            if not isinstance(key, Scalar):
                problems.append(
                    Problem("wrong-shape", f"a key is {word_of(key)}", fix="keys are names", place=key.place)
                )
            elif key.text == "<<":
                why, fix = "merge keys hide where a value comes from", "write the keys out, or use a template"
                problems.append(Problem("yaml-feature", "the merge key << cannot be used", why, fix, key.place))
            else:
                yield key, value


def _syntax_problem(error: Exception, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).partition("\n")[0])
    context, start = getattr(error, "context", None) or "", getattr(error, "context_mark", None)
    why = ""
    if start is not None and ("quoted scalar" in context or "simple key" in context):
        # The parser notices only at the end of the text, but the fault is at its start.
        mark = start
    elif start is not None and mark is not None and start.line != mark.line and "flow" in context:
        why = f"the {'[' if 'sequence' in context else '{'} on line {start.line + 1} is still open"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    fix = _usual_cause(f"{reason} {context}", written, column)
    return Problem("yaml-syntax", f"this is not YAML: {reason}", why, fix, Place(file, line, column))


_INDEX_IN_FLOW = re.compile(r"\$(\{|[a-z_0-9.]+\[)")


def _usual_cause(reason: str, written: str, column: int) -> str:
    if "\t" in written and ("tab" in reason.lower() or "cannot start any token" in reason):
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in reason:
        return "put text that contains a colon in quotes, and check the indentation of this line"
    if "cannot start any token" in reason:
        return "put text that starts with @, ` or % in quotes"
    if "expected alphabetic or numeric character" in reason:
        return "put text that starts with * or & in quotes"
    if "unknown escape" in reason or "expected escape sequence" in reason:
        return 'in "…" a backslash starts an escape; use single quotes'
    if "quoted scalar" in reason or "unexpected end of stream" in reason:
        return "close the quotes"
    if "simple key" in reason:
        return "write KEY: VALUE on this line"
    if "expected ',' or" in reason:
        if _INDEX_IN_FLOW.search(written[:column]):
            return 'inside [ ] and { }, put a reference with brackets in quotes: "$node[0]"'
        return "close the [ or {, add a missing comma, or put text that contains a colon in quotes"
    if "did not find expected key" in reason or "expected <block end>" in reason:
        return "check the indentation of this line and the one above, and close quotes and brackets"
    if "special characters" in reason or "control characters" in reason or "codec" in reason:
        return "save the file as UTF-8 text, and write control characters as escapes in quotes"
    return "check quotes, brackets and indentation, also on the line above"
