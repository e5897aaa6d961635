"""Every declared dependency is imported somewhere, and every import is declared."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"graphflow", "graphflow_nodes", "graphflow_embedded", "graphflow_graphs", "tests"}
SHIPPED = ("graphflow", "nodes/graphflow_nodes", "nodes/graphflow_embedded", "graphs")
"""The folders that the wheel is made of."""

MODULE_NAMES = {"opencv-python-headless": "cv2", "pillow": "PIL", "pyyaml": "yaml"}
"""Distributions whose module is not called like them."""

NOT_IMPORTED_YET = {
    "peft": "LoRAs of a checkpoint",
    "xformers": "--attention xformers",
}
"""Used by stages to come, and what for."""

TOOLS = {
    "build",
    "import-linter",
    "mypy",
    "pytest-xdist",
    "ruff",
    "scipy",
    "setuptools",
    "types-networkx",
    "types-pyyaml",
}
"""Of the extra `dev`: started as commands, loaded as plugins, read by mypy or used by a sampler, but never imported."""


@cache
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    """Normalised distribution names, `graphflow-diffusion[...]` itself left out."""
    found = {re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-") for requirement in requirements}
    return found - {"graphflow-diffusion"}


def declared_for_users() -> set[str]:
    extras = [names(listed) for extra, listed in project()["optional-dependencies"].items() if extra != "dev"]
    return names(project()["dependencies"]).union(*extras)


def declared_for_tests() -> set[str]:
    return names(project()["optional-dependencies"]["dev"])


def module_name(distribution: str) -> str:
    return MODULE_NAMES.get(distribution, distribution.replace("-", "_"))


def sources(*folders: str, without: str = "") -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if path.parent.name != without)


def third_party_imports(path: Path) -> set[str]:
    """Top-level modules that `path` imports, wherever in it, standard library and our own left out."""
    modules = set()
    for item in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(item, ast.Import):
            modules |= {alias.name for alias in item.names}
        elif isinstance(item, ast.ImportFrom) and item.level == 0 and item.module:
            modules.add(item.module)
    return {module.split(".")[0] for module in modules} - OURS - sys.stdlib_module_names


@cache
def imported_by_the_wheel() -> frozenset[str]:
    return frozenset().union(*map(third_party_imports, sources(*SHIPPED, without="make")))


@pytest.mark.parametrize("distribution", sorted(declared_for_users()))
def test_declared_dependency_is_imported_or_has_a_reason(distribution):
    imported = module_name(distribution) in imported_by_the_wheel()
    expected = distribution not in NOT_IMPORTED_YET
    hint = "take it off NOT_IMPORTED_YET" if imported else "remove it, or say in NOT_IMPORTED_YET what it is for"
    assert imported == expected, f"{distribution}: {hint}"


def test_reasons_are_given_only_for_declared_dependencies():
    assert set(NOT_IMPORTED_YET) <= declared_for_users()


def test_every_import_of_the_wheel_is_declared_for_users():
    declared = {module_name(distribution) for distribution in declared_for_users()}
    assert undeclared(sources(*SHIPPED), declared) == {}


def test_every_import_of_the_tests_is_declared():
    declared = {module_name(distribution) for distribution in declared_for_users() | declared_for_tests()}
    assert undeclared(sources("tests"), declared) == {}


def test_development_dependency_is_imported_by_the_tests_or_is_a_tool():
    imported = set().union(*map(third_party_imports, sources("tests")))
    assert {name for name in declared_for_tests() if module_name(name) not in imported} == TOOLS


def test_constraints_pin_every_declared_dependency():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned = {name.lower().replace("_", "-") for name in pins}
    assert (declared_for_users() | declared_for_tests()) - pinned == {
        "spandrel",
        "xformers",
    }  # made for one torch, or bring what is
    assert not [pin for pin in pins.values() if "+" in pin], "a local build such as +cpu fits few machines"


def undeclared(paths: Iterator[Path], declared: set[str]) -> dict[str, set[str]]:
    found = {str(path.relative_to(ROOT)): third_party_imports(path) - declared for path in paths}
    return {path: modules for path, modules in found.items() if modules}
