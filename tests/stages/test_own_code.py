"""A checkpoint's files never make graphflow run code of theirs, and never make it ask whether it may."""

from __future__ import annotations

import json
import shutil

import pytest
from PIL import Image
from transformers.dynamic_module_utils import resolve_trust_remote_code

import graphflow as gf
from graphflow.checkpoints.components import ComponentFiles, ProcessorFiles
from graphflow.checkpoints.placed import Placed
from graphflow.execute.loader import load
from graphflow_nodes.models.dpt import DPT_PROCESSOR
from tests.shipped import CLASSES

PICTURE = Image.new("RGB", (64, 64))
CODE = {"AutoImageProcessor": "own.Processor", "AutoModel": "own.Model", "AutoTokenizer": ["own.Tokenizer", None]}


@pytest.fixture
def asked(monkeypatch):
    """Questions whether a checkpoint's code may run, each answered with yes."""
    questions = []

    def answer(question=""):
        questions.append(question)
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    return questions


def copied(tiny, name, tmp_path):
    folder = tmp_path / name
    shutil.copytree(tiny(name), folder)
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Processor: pass\n")
    return folder


def changed(path, **more):
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


def problems(node, folder, **more):
    """What is said of a graph of one node, as it is added or by `check`."""
    graph = gf.Graph()
    try:
        if node == "depth_map":
            more["image"] = graph.input("image", "image")
        graph.add(node, checkpoint=str(folder), **more)
    except gf.InvalidGraph as error:
        return error.problems
    return graph.check({"image": PICTURE} if node == "depth_map" else {}).problems


@pytest.mark.parametrize(
    "config",
    [
        "model_index.json",
        "unet/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "tokenizer/tokenizer_config.json",
        "scheduler/scheduler_config.json",
    ],
)
@pytest.mark.parametrize("more", [{"auto_map": CODE}, {"deeper": [{"auto_map": "own.Model"}]}])
def test_a_checkpoint_that_names_code_of_its_own_is_refused_by_check(tiny, tmp_path, config, more):
    folder = copied(tiny, "sd", tmp_path)
    changed(folder / config, **more)
    (problem,) = problems("text2img", folder, prompt="x")
    assert problem.code == "checkpoint-unsafe"
    assert config.rpartition("/")[2] in problem.why


@pytest.mark.parametrize("config", ["config.json", "preprocessor_config.json"])
def test_a_depth_estimator_that_names_code_of_its_own_is_refused_by_check(tiny, tmp_path, config):
    folder = copied(tiny, "depth", tmp_path)
    changed(folder / config, auto_map=CODE)
    (problem,) = problems("depth_map", folder)
    assert problem.code == "checkpoint-unsafe"


def test_a_part_of_another_checkpoint_that_names_code_of_its_own_is_refused_by_check(tiny, tmp_path):
    folder = copied(tiny, "sd", tmp_path)
    changed(folder / "vae" / "config.json", auto_map=CODE)
    with pytest.raises(gf.InvalidGraph, match="checkpoint-unsafe"):
        gf.Graph().checkpoint("base", str(tiny("sd")), components={"vae": str(folder / "vae")})


def test_what_is_never_loaded_may_name_what_it_likes(tiny, tmp_path):
    folder = copied(tiny, "sd", tmp_path)
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "config.json").write_text(json.dumps({"auto_map": CODE}))
    changed(folder / "tokenizer" / "tokenizer_config.json", auto_map={})
    assert not problems("text2img", folder, prompt="x")


@pytest.mark.parametrize("type_", ["DPTImageProcessor", "ViTImageProcessor", "Processor", None])
def test_loading_a_processor_never_asks_and_runs_no_code_of_the_checkpoint(tiny, tmp_path, asked, type_):
    """The loader is the last one to look, whatever `check` was shown."""
    folder = copied(tiny, "depth", tmp_path)
    changed(folder / "preprocessor_config.json", auto_map=CODE, image_processor_type=type_)
    files = ProcessorFiles("image_processor", "transformers", "DPTImageProcessor", folder, "depth", model=DPT_PROCESSOR)
    found = type(load(Placed(files).component)).__name__
    assert found.startswith("DPTImageProcessor")
    assert asked == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("role", ["unet", "vae", "text_encoder", "tokenizer"])
def test_loading_a_component_never_asks_and_runs_no_code_of_the_checkpoint(tiny, tmp_path, asked, role):
    folder = copied(tiny, "sd", tmp_path)
    shutil.copy(folder / "own.py", folder / role)
    config = "tokenizer_config.json" if role == "tokenizer" else "config.json"
    changed(folder / role / config, auto_map=CODE)
    index = json.loads((folder / "model_index.json").read_text())
    load(Placed(ComponentFiles(role, *index[role], folder / role, model=CLASSES[index[role][1]])).component)
    assert asked == []
    assert not (tmp_path / "ran").exists()


def test_transformers_would_have_asked(tmp_path, asked):
    """The control of the tests above: an answer of yes is taken for leave to run the code."""
    assert resolve_trust_remote_code(None, str(tmp_path), False, True)
    assert len(asked) == 1


@pytest.mark.parametrize("type_", ["ViTImageProcessor", "CLIPImageProcessor", "Processor", 3])
def test_a_processor_of_another_class_is_refused_by_check(tiny, tmp_path, type_):
    folder = copied(tiny, "depth", tmp_path)
    changed(folder / "preprocessor_config.json", image_processor_type=type_)
    (problem,) = problems("depth_map", folder)
    assert str(type_) in problem.why
    assert "DPTImageProcessor" in problem.why
