"""The page on the architecture is true to the tree and to the contracts."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def rows(of: str = "graphflow") -> list[list[str]]:
    """Per row of the table of a package's folders: the names in its first column, without the ending of a module."""
    table = PAGE.partition(f"## Folders of `{of}/`")[2].partition("\n## ")[0]
    named = [re.findall(r"`([\w.]+)`", row.split("|")[1]) for row in table.splitlines() if row.startswith("| `")]
    return [[name.removesuffix(".py") for name in row] for row in named]


def test_every_folder_and_loose_module_of_the_engine_is_in_the_table():
    there = [path for path in (ROOT / "graphflow").iterdir() if any(path.glob("*.py")) or path.suffix == ".py"]
    names = {path.stem for path in there if not path.name.startswith("_")}
    assert {name for row in rows() for name in row} == names


def test_every_folder_of_the_nodes_is_in_the_table():
    there = {path.name for path in (ROOT / "nodes" / "graphflow_nodes").iterdir() if any(path.glob("*.py"))}
    assert {name for row in rows("nodes/graphflow_nodes") for name in row} == there


def test_at_most_ten_modules_lie_loose_in_the_engine():
    assert len([path for path in (ROOT / "graphflow").glob("*.py") if not path.name.startswith("_")]) <= 10


def test_the_table_is_in_the_order_of_the_import_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    order = {name: number for number, layer in enumerate(layers) for name in re.findall(r"\w+", layer)}
    places = [order[name] for row in rows() for name in row]
    assert places == sorted(places)


def imports(path: Path, known: set[str]) -> Iterator[str]:
    """The modules of the project that a file imports, anywhere in it, also for type checkers alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from known & {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}


def test_no_modules_import_each_other_in_a_circle():
    files = {}
    for package in (ROOT / "graphflow", ROOT / "nodes" / "graphflow_nodes"):
        for path in package.rglob("*.py"):
            if path.name != "__init__.py":
                files[".".join(path.relative_to(package.parent).with_suffix("").parts)] = path
    graph = nx.DiGraph((name, other) for name, path in files.items() for other in imports(path, set(files)))
    circles = [sorted(circle) for circle in nx.strongly_connected_components(graph) if len(circle) > 1]
    assert len(files) > 250
    assert circles == []
