"""Templates: other documents that a node inserts, each parsed and resolved once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from graphflow.catalog import Catalog
from graphflow.check.literals import Literals, missing_file
from graphflow.check.refusal import Refusal
from graphflow.check.resolve import resolve
from graphflow.check.resolved import Resolved
from graphflow.document.model import Document
from graphflow.document.parse import read_file
from graphflow.document.tree import Scalar
from graphflow.errors import FileProblem
from graphflow.problems import Level, Place, Problem, did_you_mean

Library = Callable[[], dict[str, Path]]
"""Gives the templates that can be named without a path."""


@dataclass
class Templates:
    """Finds, parses and resolves templates.

    Args:
        catalog: the node types.
        literals: reads what is written out.
        library: templates known by name.
    """

    catalog: Catalog
    literals: Literals
    library: Library
    problems: list[Problem] = field(default_factory=list)
    _resolved: dict[Path, Resolved | None] = field(default_factory=dict)
    _uses: dict[Path, list[tuple[Place, str]]] = field(default_factory=dict)

    def prepare(self, document: Document) -> None:
        """Resolve every template below `document`, the innermost first, without recursion."""
        parents: list[tuple[Path, Document, Iterator[tuple[Path, str, Scalar]]]] = []
        walk = self._named(document)
        current: tuple[Path | None, Document] = (None, document)
        while True:
            step = next(walk, None)
            if step is not None:
                path, id_, ref = step
                if path in self._uses:
                    self._uses[path].append((ref.place, id_))
                    continue
                self._uses[path] = [(ref.place, id_)]
                inner = self._parse(path)
                if inner is not None:
                    parents.append((current[0], current[1], walk))  # type: ignore[arg-type]
                    current, walk = (path, inner), self._named(inner)
            elif current[0] is None:
                return
            else:
                self._resolved[current[0]] = resolve(current[1], self.catalog, self.find, self.literals)
                path_, document_, walk = parents.pop()
                current = (path_, document_)

    def find(self, ref: Scalar, document: Document) -> Resolved:
        """The resolved template that `ref` names in `document`.

        Raises:
            Refusal: there is none, or it is being resolved, so it contains itself.
        """
        path = self.locate(ref, document)
        if path not in self._uses:
            self.prepare_one(path, ref)
        resolved = self._resolved.get(path, _ABSENT)
        if resolved is _ABSENT:
            raise Refusal(
                "template-cycle",
                f"{ref.text} uses itself",
                "a template cannot contain itself, directly or through others",
                "take one of the uses out",
            )
        if resolved is None:
            raise Refusal(
                "template-missing", f"{ref.text} cannot be read", "its own problems are told", "mend the template"
            )
        return resolved  # type: ignore[return-value]

    def prepare_one(self, path: Path, ref: Scalar) -> None:
        """Resolve one template and all below it, for a graph that is built step by step."""
        self._uses[path] = [(ref.place, "")]
        inner = self._parse(path)
        if inner is not None:
            self.prepare(inner)
            self._resolved[path] = resolve(inner, self.catalog, self.find, self.literals)

    def locate(self, ref: Scalar, document: Document) -> Path:
        """The file that a template's name or path means.

        Raises:
            Refusal: there is none.
        """
        text = ref.text
        if text.endswith((".yaml", ".yml")) or "/" in text:
            path = ((ref.folder or document.folder) / Path(text)).resolve()
            if not path.is_file():
                refusal = missing_file(path, text)
                raise Refusal("template-missing", refusal.message, refusal.why, refusal.fix)
            return path
        library = self.library()
        if text not in library:
            fix = did_you_mean(text, sorted(library), else_="write a path ending in .yaml, or one of")
            raise Refusal("template-missing", f"there is no template {text}", fix=fix)
        return library[text].resolve()

    def found_problems(self) -> list[Problem]:
        """Problems inside templates, each with the places where the template is used."""
        found = list(self.problems)
        for path, resolved in self._resolved.items():
            if resolved is not None:
                found += [self._used(problem, path) for problem in resolved.problems]
        return found

    def _used(self, problem: Problem, path: Path) -> Problem:
        uses = self._uses[path]
        shown = uses[:3]
        return Problem(problem.code, problem.message, problem.why, problem.fix, problem.place, (*problem.used, *shown))

    def _named(self, document: Document) -> Iterator[tuple[Path, str, Scalar]]:
        for decl in document.nodes.values():
            if decl.kind == "template" and not decl.ref.empty:
                try:
                    yield self.locate(decl.ref, document), decl.id, decl.ref
                except Refusal:
                    continue  # resolving the node tells it

    def _parse(self, path: Path) -> Document | None:
        self._resolved.pop(path, None)
        try:
            document, problems = read_file(path, shown=_shown(path))
        except FileProblem as error:
            document, problems = None, [Problem("file-unreadable", str(error), place=Place(str(path)))]
        self.problems += [self._used(problem, path) for problem in problems]
        if document is None or any(p.level is Level.PROBLEM and p.code == "yaml-syntax" for p in problems):
            self._resolved[path] = None
            return None
        return document


_ABSENT = object()


def _shown(path: Path) -> str:
    """A path as messages show it: from the current folder where it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
