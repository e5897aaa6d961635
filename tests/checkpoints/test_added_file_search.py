"""A file to add is found by its path, by its name in the folders of GRAPHFLOW_MODELS, or in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphflow.checkpoints.added_file_search import AddedFileSearch
from graphflow.checkpoints.hub import Hub
from graphflow.checkpoints.models_folders import MODELS_VARIABLE
from graphflow.document.refusal import Refusal
from tests.checkpoints.test_checkpoint import safetensors

SEARCH = AddedFileSearch("LoRA", "usual.safetensors", Hub(asks_nothing=True))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders of the variable, and the document's own."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second, tmp_path / "own"):
        folder.mkdir()
    monkeypatch.setenv(MODELS_VARIABLE, f"{tmp_path / 'none'}:{first}:{second}")
    return first, second


def put(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(safetensors(a=(1,)))
    return path


def found(text: str, folder: Path) -> Path:
    return SEARCH.find(text, folder).path


def refusal(text: str, folder: Path) -> Refusal:
    with pytest.raises(Refusal) as caught:
        SEARCH.find(text, folder)
    return caught.value


def test_name_is_looked_up_in_every_folder_after_the_documents_own(folders, tmp_path):
    first, second = folders
    style = put(second / "style.safetensors")
    inner = put(first / "loras" / "inner.safetensors")
    assert found("style.safetensors", tmp_path / "own") == style
    assert found("loras/inner.safetensors", tmp_path / "own") == inner
    own = put(tmp_path / "own" / "style.safetensors")
    assert found("style.safetensors", tmp_path / "own") == own


def test_name_of_a_folder_is_looked_up_too(folders, tmp_path):
    style = put(folders[1] / "style" / "any.safetensors")
    assert found("style", tmp_path / "own") == style


def test_name_in_several_folders_is_refused_with_both(folders, tmp_path):
    paths = [put(folder / "style.safetensors") for folder in folders]
    problem = refusal("style.safetensors", tmp_path / "own")
    assert problem.code == "checkpoint-missing"
    assert problem.message == "the LoRA style.safetensors is in several folders of GRAPHFLOW_MODELS"
    assert problem.why == f"{paths[0]} and {paths[1]}"
    assert problem.fix == f"name one by its path, such as {paths[0]}"


def test_link_to_the_same_file_in_another_folder_is_that_file(folders, tmp_path):
    style = put(folders[0] / "style.safetensors")
    (folders[1] / "style.safetensors").symlink_to(style)
    assert found("style.safetensors", tmp_path / "own") == style


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("stlye.safetensors", "did you mean style.safetensors?"),
        ("style", "did you mean style.safetensors?"),
        ("loras/iner.safetensors", "did you mean loras/inner.safetensors?"),
        ("own.safetensor", "did you mean own.safetensors?"),
        ("else.safetensors", "name a file that is there"),
    ],
)
def test_misspelt_name_is_refused_with_the_nearest(text, fix, folders, tmp_path):
    put(folders[1] / "style.safetensors")
    put(folders[0] / "loras" / "inner.safetensors")
    put(tmp_path / "own" / "own.safetensors")
    problem = refusal(text, tmp_path / "own")
    assert problem.message == f"the LoRA {text} does not exist"
    assert (problem.code, problem.fix) == ("checkpoint-missing", fix)
    assert "GRAPHFLOW_MODELS" in problem.why


@pytest.mark.parametrize("name", ["style.pt", "none.bin", "loras/none.ckpt"])
def test_pickled_file_is_refused_with_what_to_do(name, folders, tmp_path):
    (folders[0] / "style.pt").write_bytes(b"x")
    problem = refusal(name, tmp_path / "own")
    assert (problem.code, problem.message) == ("checkpoint-unsafe", f"the LoRA {name} is not a .safetensors file")
    assert problem.fix.startswith("convert it to .safetensors")


def test_folder_with_a_pickled_file_alone_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "usual.bin").write_bytes(b"x")
    problem = refusal(".", tmp_path)
    assert problem.code == "checkpoint-unsafe"
    assert problem.why == "it holds only usual.bin, and loading such a file can run code"


def test_usual_file_of_a_folder_is_taken(tmp_path):
    put(tmp_path / "other.safetensors")
    put(tmp_path / "another.safetensors")
    assert refusal(".", tmp_path).message == "the folder . holds several LoRAs"
    assert found(".", put(tmp_path / "usual.safetensors").parent).name == "usual.safetensors"
