"""Templates: other documents that a node inserts, each parsed and resolved once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from graphflow.catalog.catalog import Catalog
from graphflow.check.literals import Literals, located, missing_file
from graphflow.check.read.resolve import resolve
from graphflow.check.read.resolved import Resolved
from graphflow.document.model import Document
from graphflow.document.parse import read_file
from graphflow.document.refusal import Refusal
from graphflow.document.tree import Scalar
from graphflow.errors import FileProblem
from graphflow.limits import TEMPLATES
from graphflow.problems import Level, Place, Problem, did_you_mean, shown_path

Library = Callable[[], dict[str, Path]]
"""Returns the templates that can be named without a path."""


class InnerTemplate(NamedTuple):
    """A template that is written inside a document: the document's `id`, and the template's name."""

    owner: int
    name: str


TemplateKey: TypeAlias = Path | InnerTemplate
"""Identifies a template: by its file, or by its name inside a document."""


@dataclass
class Templates:
    """Finds, parses and resolves templates.

    Args:
        catalog: the node types.
        literals: reads literal values.
        library: templates known by name.
    """

    catalog: Catalog
    literals: Literals
    library: Library
    problems: list[tuple[TemplateKey, Problem]] = field(default_factory=list)
    _resolved: dict[TemplateKey, Resolved | None] = field(default_factory=dict)
    _uses: dict[TemplateKey, list[tuple[Place, str]]] = field(default_factory=dict)
    _within: dict[TemplateKey, TemplateKey | None] = field(default_factory=dict)
    """The template that holds the first use of a template; None for the graph itself."""
    _unreadable: set[Place] = field(default_factory=set)
    """Places where templates are used that cannot be read."""
    _owners: dict[int, Document] = field(default_factory=dict)
    """`id` of a document → the document; kept here, so that no other object gets this `id`."""

    def prepare(self, document: Document) -> None:
        """Resolve every template below `document`, the innermost first, without recursion."""
        parents: list[tuple[TemplateKey, Document, Iterator[tuple[TemplateKey, str, Scalar]]]] = []
        walk = self._named(document)
        current: tuple[TemplateKey | None, Document] = (None, document)
        while True:
            step = next(walk, None)
            if step is not None:
                path, id_, ref = step
                if path in self._uses:
                    self._uses[path].append((ref.place, id_))
                    continue
                self._uses[path], self._within[path] = [(ref.place, id_)], current[0]
                inner = self._parse(path, ref, len(parents))
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
            Refusal: it does not exist, or it is being resolved, so it contains itself.
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
                "remove one of the uses",
            )
        if resolved is None:
            self._unreadable.add(ref.place)
            raise Refusal(
                "template-missing", f"{ref.text} cannot be read", "it has problems of its own", "correct the template"
            )
        return resolved  # type: ignore[return-value]

    def prepare_one(self, path: TemplateKey, ref: Scalar) -> None:
        """Resolve one template and all below it, for a graph that is built step by step."""
        self._uses[path] = [(ref.place, "")]
        inner = self._parse(path, ref, 0)
        if inner is not None:
            self.prepare(inner)
            self._resolved[path] = resolve(inner, self.catalog, self.find, self.literals)

    def locate(self, ref: Scalar, document: Document) -> TemplateKey:
        """The place of the template that a name or path means.

        Raises:
            Refusal: there is none.
        """
        text = ref.text
        if text in document.templates:
            self._owners[id(document)] = document
            return InnerTemplate(id(document), text)
        self.literals.looked_at_files = True
        if text.endswith((".yaml", ".yml")) or "/" in text:
            path = located(text, ref.folder or document.folder, code="template-missing").resolve()
            if not path.is_file():
                refusal = missing_file(path, text)
                raise Refusal("template-missing", refusal.message, refusal.why, refusal.fix)
            return path
        library = self.library()
        if text not in library:
            by_path = "write a path that ends in .yaml"
            fix = did_you_mean(
                text, sorted([*document.templates, *library]), else_=f"{by_path}, or one of", none=by_path
            )
            raise Refusal("template-missing", f"there is no template {text}", fix=fix)
        return library[text].resolve()

    def all_problems(self, graph: Resolved) -> list[Problem]:
        """Problems of the graph and inside its templates, each of these with where the template is used."""
        problems = [*self._own(graph), *(self._used(problem, path) for path, problem in self.problems)]
        for path, resolved in self._resolved.items():
            if resolved is not None:
                problems += [self._used(problem, path) for problem in self._own(resolved)]
        return problems

    def _own(self, resolved: Resolved) -> list[Problem]:
        """Its problems, except for uses of templates that cannot be read and have problems of their own."""
        return [p for p in resolved.problems if p.code != "template-missing" or p.place not in self._unreadable]

    def _used(self, problem: Problem, path: TemplateKey) -> Problem:
        uses = self._chain(path) if self._within.get(path) is not None else list(dict.fromkeys(self._uses[path]))[:3]
        shown = [use for use in uses if use[0] != problem.place]
        return Problem(problem.code, problem.message, problem.why, problem.fix, problem.place, (*problem.used, *shown))

    def _chain(self, path: TemplateKey) -> list[tuple[Place, str]]:
        """The first use of a template and those of the templates around it, each with its whole path."""
        chain: list[tuple[Place, str]] = []
        seen: set[TemplateKey] = set()
        at: TemplateKey | None = path
        while at is not None and at not in seen:
            seen.add(at)
            place, id_ = self._uses[at][0]
            chain = [(one, f"{id_}/{inner}") for one, inner in chain] + [(place, id_)]
            at = self._within.get(at)
        return chain

    def _named(self, document: Document) -> Iterator[tuple[TemplateKey, str, Scalar]]:
        for decl in document.nodes.values():
            if decl.kind == "template" and not decl.ref.empty:
                try:
                    yield self.locate(decl.ref, document), decl.id, decl.ref
                except Refusal:
                    continue  # reported when the node is resolved

    def _parse(self, path: TemplateKey, ref: Scalar, depth: int) -> Document | None:
        """The document of the template that `ref` names, `depth` templates deep; None if it cannot be used."""
        self._resolved.pop(path, None)
        if depth >= TEMPLATES:
            message = f"more than {TEMPLATES} templates are nested"
            fix = "move its nodes into the template that uses it"
            self.problems.append((path, Problem("over-limit", message, "", fix, ref.place)))
            self._resolved[path] = None
            return None
        if isinstance(path, InnerTemplate):
            return self._owners[path.owner].templates[path.name]
        try:
            document, problems = read_file(path, shown=shown_path(path))
        except FileProblem as error:
            document, problems = (
                None,
                [Problem(error.code, error.message, error.why, error.fix, Place(shown_path(path)))],
            )
        self.problems += [(path, problem) for problem in problems]
        if document is None or any(p.level is Level.PROBLEM and p.code == "yaml-syntax" for p in problems):
            self._resolved[path] = None
            return None
        return document


_ABSENT = object()
