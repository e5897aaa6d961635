"""Packages that a call imports: those that take long, only if it needs them."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "accelerate", "cv2", "diffusers", "filelock", "httpx", "huggingface_hub", "jinja2", "networkx", "numpy", "PIL",
    "pydantic", "requests", "rich", "safetensors", "scipy", "torch", "transformers", "tokenizers",
}  # fmt: skip

LISTED = """
import json, sys
from graphflow.cli import main
code = main(sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(code)
"""

PURE = """
graphflow: 1
nodes: {hole: {type: mask_shape, width: 32, height: 32, shape: ellipse, box: [0, 0, 1, 1]}}
outputs: {mask: $hole}
"""


def heavy(folder, *words):
    """The packages of HEAVY that a call imports."""
    done = subprocess.run(
        [sys.executable, "-c", LISTED, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return HEAVY & set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("words", [("check", "text2img"), ("plan", "text2img"), ("graphs",), ("schema",)])
def test_a_command_that_computes_nothing_imports_no_heavy_package(tmp_path, words):
    assert heavy(tmp_path, *words) == set()


def test_a_check_of_pictures_reads_their_sizes_with_pillow(tmp_path):
    assert heavy(tmp_path, "check", "inpaint") == {"PIL"}


def test_a_run_without_models_imports_pillow_numpy_and_the_report(tmp_path):
    (tmp_path / "pure.yaml").write_text(PURE)
    assert heavy(tmp_path, "run", "pure.yaml", "--out", "out") == {"filelock", "jinja2", "numpy", "PIL", "pydantic"}
