"""Checking imports neither torch nor diffusers nor transformers."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "diffusers", "transformers", "accelerate", "safetensors"):
            raise AssertionError(name + " is imported")

sys.meta_path.insert(0, Refused())
from graphflow.cli import main
sys.exit(main(["check", *sys.argv[1:]]))
"""
ERRORS = Path(__file__).parents[1] / "errors"


@pytest.mark.parametrize("name", ["ten_faults", "checkpoint-broken", "unread-node"])
def test_check_runs_where_torch_cannot_be_imported(name: str) -> None:
    screen = (ERRORS / f"{name}.txt").read_text(encoding="utf-8")
    command = [sys.executable, "-c", SCRIPT, f"{name}.yaml"]
    done = subprocess.run(command, cwd=ERRORS, capture_output=True, text=True, timeout=60)
    assert f"{done.stderr}{done.stdout}exit code {done.returncode}\n" == screen
