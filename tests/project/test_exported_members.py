"""What `import graphflow` offers."""

import subprocess
import sys
from types import ModuleType

import pytest

import graphflow


def test_all_is_sorted_and_names_nothing_twice():
    assert list(graphflow.__all__) == sorted(set(graphflow.__all__))


@pytest.mark.parametrize("name", graphflow.__all__)
def test_exported_name_can_be_imported(name):
    assert getattr(graphflow, name) is not None


def test_every_public_name_is_exported():
    public = {
        name
        for name, value in vars(graphflow).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "annotations"
    }
    # Names that are imported when they are first used are not among the module's own before.
    assert (public | set(graphflow._MODULES)) - {"TYPE_CHECKING"} == set(graphflow.__all__)


def test_dir_shows_every_exported_name():
    assert set(graphflow.__all__) <= set(dir(graphflow))


def test_importing_graphflow_imports_no_module_of_it():
    code = "import sys, graphflow; print([name for name in sys.modules if name.startswith('graphflow.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
