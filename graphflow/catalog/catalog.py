"""The catalog: the node types that a graph may name and the model families that it may use.

A catalog lists strings `module:function`, and imports a module when one of its node types is first looked up, so
checking a graph imports only the node types that the graph names. Families are imported together, when a checkpoint is
first read.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from graphflow.catalog.authoring import NODE_MARK
from graphflow.catalog.listed_families import Listed, families_of, imported
from graphflow.catalog.node_type import NodeType
from graphflow.catalog.signature import LOOSE, node_type
from graphflow.checkpoints.families import Families
from graphflow.checkpoints.family import Family
from graphflow.checkpoints.model_class import ModelClass
from graphflow.errors import DefinitionError, FileProblem, GraphflowError
from graphflow.system.distribution import DISTRIBUTION, shipped_version
from graphflow.system.files import read_regular

ENTRY_POINTS = "graphflow.nodes"
"""The entry-point group in which a package lists its nodes: an iterable of functions or strings `module:function`."""
FAMILY_ENTRY_POINTS = "graphflow.families"
"""The group in which it lists its families: an iterable of `Family`, `ModelClass` or strings `module:NAME`."""


class Catalog:
    """Node types by name, and model families. It is immutable: `extended` and `joined` return a new catalog.

    Args:
        entries: name → a marked function, or `module:function`, which is imported when it is first looked up.
        families: the model families, in the order in which they are tried for a checkpoint.
        shipped_version: version of graphflow whose source contains `entries`; None for third-party nodes.
    """

    def __init__(
        self,
        entries: Mapping[str, str | Callable[..., Any]] | None = None,
        *,
        families: Iterable[Listed] = (),
        shipped_version: str | None = None,
    ) -> None:
        self._entries: dict[str, tuple[str | Callable[..., Any], str | None]] = {
            name: (entry, shipped_version) for name, entry in (entries or {}).items()
        }
        self._read: dict[str, NodeType] = {}
        self._families = tuple(families)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, name: str) -> NodeType:
        """The node type `name`.

        Raises:
            KeyError: there is no such node type.
            DefinitionError: its function cannot be imported or read.
        """
        type_ = self._read.get(name)
        if type_ is None:
            entry, version = self._entries[name]
            function = imported(entry) if isinstance(entry, str) else entry
            type_ = self._read[name] = node_type(function, shipped_version=version)
        return type_

    @functools.cached_property
    def families(self) -> Families:
        """The model families, and the classes of their components.

        Raises:
            DefinitionError: one of them cannot be imported, or two have the same name.
        """
        return families_of(self._families)

    def extended(self, *added: Callable[..., Any] | Family | ModelClass) -> Catalog:
        """A new catalog with these marked functions, families and classes of components added.

        Raises:
            DefinitionError: a name is already in the catalog, or a function is not marked as a node.
        """
        families = [value for value in added if isinstance(value, (Family, ModelClass))]
        functions = [value for value in added if not isinstance(value, (Family, ModelClass))]
        entries: dict[str, str | Callable[..., Any]] = {_node_name(function): function for function in functions}
        if len(entries) < len(functions):
            raise DefinitionError("two of the functions have one name")
        return self.joined(
            Catalog(entries, families=[Listed(value, f"{value.name} given to extended()") for value in families])
        )

    def joined(self, *others: Catalog) -> Catalog:
        """A new catalog with the node types and families of this and the other catalogs.

        Raises:
            DefinitionError: two catalogs have node types, or families, of the same name.
        """
        result = Catalog(families=[listed for catalog in (self, *others) for listed in catalog._families])
        for catalog in (self, *others):
            for name, entry in catalog._entries.items():
                if name in result._entries:
                    raise DefinitionError(
                        f"two node types are named {name}: {_where(result, name)}, {_where(catalog, name)}"
                    )
                result._entries[name] = entry
                if name in catalog._read:
                    result._read[name] = catalog._read[name]
        for name in result._entries:
            if name not in result._read and callable(result._entries[name][0]):
                result[name]
        if any(not isinstance(listed.entry, str) for listed in result._families):
            _ = result.families  # reports names that are taken at once, as for nodes
        return result


def _where(catalog: Catalog, name: str) -> str:
    entry = catalog._entries[name][0]
    return entry if isinstance(entry, str) else f"{entry.__module__}:{entry.__qualname__}"


def _node_name(function: Callable[..., Any]) -> str:
    if getattr(function, NODE_MARK, None) is None:
        raise DefinitionError(f"{getattr(function, '__qualname__', function)!s} is not marked: write @node() above it")
    return function.__name__


@functools.cache
def default_catalog() -> Catalog:
    """The node types and model families that graphflow ships."""
    return _of_distribution(DISTRIBUTION, shipped_version=shipped_version())


def named_catalog(names: Iterable[str]) -> Catalog:
    """The default catalog with the node types and families of packages and files that the user names.

    Args:
        names: names of installed distributions with entry points in `graphflow.nodes` or `graphflow.families`, and
            paths of `.py` files.

    Raises:
        DefinitionError: a package or file has neither nodes nor families, or a name is already taken.
        FileProblem: a file does not exist or cannot be imported.
    """
    return default_catalog().joined(
        *(loose_catalog(Path(name)) if name.endswith(".py") else _of_distribution(name) for name in names)
    )


def _of_distribution(name: str, *, shipped_version: str | None = None) -> Catalog:
    try:
        points = metadata.distribution(name).entry_points
    except (metadata.PackageNotFoundError, ValueError) as error:
        fix = "for a file of nodes write its path with .py"
        raise DefinitionError(f"no package {name or '(nothing)'} is installed; {fix}") from error
    entries: dict[str, str | Callable[..., Any]] = {}
    for point in points.select(group=ENTRY_POINTS):
        for entry in _listed(name, point):
            key = entry.rpartition(":")[2] if isinstance(entry, str) else _node_name(entry)
            if key in entries:
                raise DefinitionError(f"{name} lists two node types named {key}")
            entries[key] = entry
    families = [
        Listed(entry, entry if isinstance(entry, str) else f"{point.value} of the package {name}")
        for point in points.select(group=FAMILY_ENTRY_POINTS)
        for entry in _listed(name, point, "families")
    ]
    if not entries and not families:
        groups = f"entry points {ENTRY_POINTS}, {FAMILY_ENTRY_POINTS}"
        raise DefinitionError(f"the package {name} lists no node types and no families ({groups})")
    return Catalog(entries, families=families, shipped_version=shipped_version)


def _listed(name: str, point: metadata.EntryPoint, what: str = "nodes") -> list[Any]:
    """The nodes or families that an entry point of the package `name` lists."""
    try:
        return list(point.load())
    except GraphflowError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise DefinitionError(f"the {what} of the package {name} ({point.value}) cannot be read: {reason}") from error


def loose_catalog(path: Path) -> Catalog:
    """The node types marked in a Python file, and the families and classes of components at its top level.

    Importing the file runs its code, so only files that the user names are imported.

    Raises:
        FileProblem: the file does not exist, or importing it fails.
        DefinitionError: it has neither nodes nor families.
    """
    module = _module_from(path)
    functions = {
        name: value
        for name, value in vars(module).items()
        if getattr(value, NODE_MARK, None) is not None and value.__module__ == module.__name__
    }
    families = [
        Listed(value, f"{name} in {path}")
        for name, value in vars(module).items()
        if isinstance(value, (Family, ModelClass))
    ]
    if not functions and not families:
        fix = "write @node() above a function, or a Family at the top of the file"
        raise DefinitionError(f"{path} marks no node and has no family: {fix}")
    catalog = Catalog({function.__name__: function for function in functions.values()}, families=families)
    for name in catalog:
        catalog[name]
    return catalog


def _line(error: Exception, path: Path) -> str:
    """The line of the file at `path` in which an error was raised, as ` (line 3)`; empty if there is none."""
    if isinstance(error, SyntaxError):
        return ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""


def _module_from(path: Path) -> ModuleType:
    # Named by content: a changed file is a new module; an unchanged one keeps the identities of its steps.
    try:
        content = read_regular(path)
    except (OSError, ValueError) as error:
        raise FileProblem(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    stem = "".join(letter if letter.isalnum() else "_" for letter in path.stem)
    name = f"{LOOSE}{stem}_{hashlib.sha256(content).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileProblem(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except GraphflowError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise FileProblem(f"{path} cannot be imported: {type(error).__name__}: {error}{_line(error, path)}") from error
    return module
