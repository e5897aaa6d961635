"""A document that grows node by node: each node is read as it is added, with those before it."""

from __future__ import annotations

from graphflow.catalog.catalog import Catalog
from graphflow.check.literals import Literals
from graphflow.check.read.nodes import NodeReader
from graphflow.check.read.producers import producers_first
from graphflow.check.read.templates import Library, Templates
from graphflow.checkpoints.hub import Hub
from graphflow.document.model import Document, NodeDecl
from graphflow.problems import Level, Problem


class GrowingDocument:
    """Reads the nodes of a document to which more are added.

    Args:
        document: its nodes may grow; those that it has are read when the first one is asked for.
        catalog: the node types.
        library: templates known by name.
    """

    def __init__(self, document: Document, catalog: Catalog, library: Library) -> None:
        self._document = document
        self._catalog = catalog
        self._library = library
        self._reader: NodeReader | None = None

    def read(self, decl: NodeDecl) -> list[Problem]:
        """Read one more node, whose producers the document has; returns its problems, without warnings.

        After a problem nothing is known of the node, as if it had not been read.
        """
        reader = self._ready()
        resolved = reader.resolved
        before = len(resolved.problems)
        reader.node(decl)
        wrong = [problem for problem in resolved.problems[before:] if problem.level is Level.PROBLEM]
        if wrong:
            del resolved.problems[before:]
            del resolved.nodes[decl.id]
        return wrong

    def outputs_of(self, id_: str) -> list[str] | None:
        """The outputs of a node that is read; None if they are not known."""
        outputs = self._ready().resolved.nodes[id_].outputs
        return None if outputs is None else list(outputs)

    def _ready(self) -> NodeReader:
        if self._reader is None:
            literals = Literals(self._catalog, hub=Hub(asks_later=True))
            templates = Templates(self._catalog, literals, self._library)
            templates.prepare(self._document)
            self._reader = NodeReader(self._document, self._catalog, templates.find, literals)
            for id_ in producers_first(self._document)[0]:
                self._reader.node(self._document.nodes[id_])
        return self._reader
