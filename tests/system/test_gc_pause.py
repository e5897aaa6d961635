"""The collector is paused while modules are imported, and has nothing to search when the command line ends."""

import gc
import subprocess
import sys

from graphflow.system.gc_pause import importing

COUNTED = """
import gc
collected = []
gc.callbacks.append(lambda phase, of: collected.append(of["generation"]) if phase == "start" else None)
from graphflow.execute.loader import import_libraries
collected.clear()
import_libraries()
print(collected.count(2), gc.isenabled())
"""

ENDED = """
import gc, sys
from graphflow.__main__ import main
sys.argv = ["graphflow", "--version"]
code = main()
print(code, gc.get_freeze_count() > 0)
"""


def test_inside_the_block_the_collector_is_off_also_if_an_import_fails():
    try:
        with importing():
            assert not gc.isenabled()
            raise ImportError
    except ImportError:
        assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_libraries_are_imported_without_a_full_collection():
    done = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True"]


def test_the_end_of_the_command_line_leaves_nothing_to_search():
    done = subprocess.run([sys.executable, "-c", ENDED], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 True"
