"""How a run allocates memory and how its threads wait changes no byte of its files; run.json says both."""

import json
import os
import subprocess
import sys

import pytest

import graphflow as gf
from graphflow.system.idle_threads import WAITING
from graphflow.system.malloc import malloc_parameters, why_not_tuned


@pytest.fixture
def document(tiny, tmp_path):
    graph = gf.Graph("small")
    stage = graph.add("text2img", checkpoint=str(tiny("sd")), seed=5, prompt="a red circle", num_inference_steps=2)
    graph.output(image=stage.image)
    graph.save(tmp_path / "small.yaml")
    return tmp_path / "small.yaml"


def run(document, name, *options, **variables):
    """The folder of a run of the command line with two threads and no variables about its process but these."""
    own = {key: value for key, value in os.environ.items() if key not in WAITING and not key.startswith("MALLOC_")}
    folder = document.parent / name
    command = [sys.executable, "-m", "graphflow", "run", str(document), "--threads", "2", "--out", str(folder)]
    done = subprocess.run(
        [*command, *options], env={**own, "GRAPHFLOW_CACHE_SIZE": "0", **variables}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def process_of(folder):
    return json.loads((folder / "run.json").read_text())["process"]


@pytest.mark.skipif(bool(why_not_tuned({})) or sys.platform != "linux", reason="it is as it is here")
def test_the_process_changes_no_byte_and_is_recorded(document):
    usual = run(document, "usual")
    other = run(document, "other", "--no-malloc-tuning", OMP_WAIT_POLICY="ACTIVE")
    own = run(document, "own", MALLOC_TOP_PAD_="65536", GOMP_SPINCOUNT="100")
    assert process_of(usual)["malloc"]["M_TRIM_THRESHOLD"] == -1
    assert process_of(usual)["variables"] == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert process_of(other) == {"malloc": {}, "malloc_untuned": "", "variables": {"OMP_WAIT_POLICY": "ACTIVE"}}
    assert process_of(own) == {
        "malloc": {},
        "malloc_untuned": "MALLOC_TOP_PAD_ is set",
        "variables": {"GOMP_SPINCOUNT": "100", "MALLOC_TOP_PAD_": "65536"},
    }
    pictures = {(folder / "image.png").read_bytes() for folder in (usual, other, own)}
    assert len(pictures) == 1


@pytest.mark.skipif(bool(why_not_tuned(os.environ)), reason="it is as it is here")
def test_an_engine_sets_allocation_while_it_runs_and_only_if_wanted(document):
    during = {}
    for wanted in (True, False):
        with gf.Engine(keep=False, malloc_tuning=wanted, device="cpu") as engine:
            found = []
            engine.run(document, on_event=lambda event, found=found: found.append(malloc_parameters()))
            during[wanted] = found[0]
    assert during[True]
    assert not during[False]
    assert not malloc_parameters()


def test_a_value_that_is_neither_true_nor_false_is_refused():
    with pytest.raises(gf.InvalidValue, match="'no' is not a value of malloc_tuning"):
        gf.Engine(malloc_tuning="no")
