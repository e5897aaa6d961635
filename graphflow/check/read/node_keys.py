"""Keys of nodes: unknown keys and missing keys of node types and templates."""

from __future__ import annotations

from collections.abc import Iterable

from graphflow.check.read.names import Names
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.document.aliases import key_meant
from graphflow.document.model import NodeDecl
from graphflow.document.tree import Entry
from graphflow.problems import did_you_mean


class Keys:
    """Reports keys, and remembers the keys that unknown ones probably mean, which then don't count as missing.

    Args:
        resolved: the document; problems go there.
        names: looks up references, also those below an unknown key.
    """

    def __init__(self, resolved: Resolved, names: Names) -> None:
        self._resolved = resolved
        self._names = names
        self._meant: set[tuple[str, str | None]] = set()

    def unknown(self, decl: NodeDecl, key: str, known: tuple[str, ...], owner: str) -> None:
        """Report a key that `owner`, a node type or template, does not have."""
        fix = self._fix(decl, key, known, "its keys are")
        self._report(f"{owner} has no {key}", decl.values[key], fix)

    def unknown_in_for_each(self, decl: NodeDecl, key: str, known: tuple[str, ...], entry: Entry) -> None:
        """Report a key that a `for_each` cannot set."""
        fix = self._fix(decl, key, known, "it can set")
        self._report(f"for_each of {decl.id} sets {key}, which it does not have", entry, fix)

    def require(self, node: ResolvedNode, required: Iterable[str], owner: str) -> None:
        """Report the keys that `owner`, a node type or template, requires and the node does not give."""
        decl = node.decl
        names = [name for name in required if not node.gives(name) and (decl.id, name) not in self._meant]
        # If a for_each cannot be read, it may be meant to give them.
        if not names or (decl.for_each is not None and not node.for_each):
            return
        listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        why = f"{owner} requires {'it' if len(names) == 1 else 'them'}"
        message, fix = f"{decl.id} needs {listed}", f"add {names[0]}: …"
        self._resolved.report("missing-value", message, decl.place, why=why, fix=fix)

    def _fix(self, decl: NodeDecl, key: str, known: tuple[str, ...], listed: str) -> str:
        close = key_meant(key, known)
        self._meant.add((decl.id, close))
        return f"did you mean {close}?" if close else did_you_mean(key, known, else_=listed)

    def _report(self, message: str, entry: Entry, fix: str) -> None:
        self._resolved.report("unknown-key", message, entry.place, fix=fix)
        self._names.look_up_all(entry.value)
