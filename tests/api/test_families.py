"""Families from outside: a file or a package brings a family with its own classes, which are checked and loaded."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import graphflow as gf
from graphflow.catalog.catalog import Catalog, default_catalog, loose_catalog, named_catalog
from graphflow.checkpoints.checkpoint import Checkpoint, CheckpointReader
from graphflow.checkpoints.components import Placed
from graphflow.checkpoints.family import Family
from graphflow.checkpoints.model_class import ModelClass
from graphflow.document.model import Document
from graphflow.document.refusal import Refusal
from graphflow.execute.loader import load
from graphflow.system.compute import CPU

SHIPPED_CLASS = "AutoencoderKL"
FILE = """
from graphflow.checkpoints.family import Family, LatentRules
from graphflow.checkpoints.model_class import ModelClass


def layout(config):
    yield "lines.weight", (config["width"], 2)


def load_lines(files, dtype):
    import torch
    from safetensors.torch import load_file

    model = torch.nn.Linear(2, files.full_config["width"], bias=False, dtype=dtype)
    model.load_state_dict({"weight": load_file(files.weights[0])["lines.weight"].to(dtype)})
    return model


LINES = ModelClass("LinesNet", defaults=lambda: {"width": 3}, layout=layout, own=r"lines\\.", load=load_lines)


def step(*_):
    raise AssertionError


DRAWING = Family(
    name="Drawing",
    pipelines=("DrawingPipeline",),
    parts={"net": (LINES,)},
    denoiser="net",
    texts=(),
    latents=LatentRules(step, step, step),
    stages={},
    own_size=lambda parts: None,
)
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    file = tmp_path / "drawing.py"
    file.write_text(FILE)
    return named_catalog([str(file)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of the family, whole."""
    made = tmp_path / "lines"
    (made / "net").mkdir(parents=True)
    (made / "model_index.json").write_text(json.dumps({"_class_name": "DrawingPipeline", "net": ["own", "LinesNet"]}))
    (made / "net" / "config.json").write_text(json.dumps({"width": 4}))
    save_file({"lines.weight": torch.arange(8.0).reshape(4, 2)}, made / "net" / "weights.safetensors")
    return made


def read(catalog: Catalog, folder: Path) -> Checkpoint:
    return CheckpointReader(CPU, catalog.families).read(str(folder), Document(), folder)


def test_a_checkpoint_of_a_family_from_a_loose_file_is_recognised(catalog: Catalog, folder: Path) -> None:
    found = read(catalog, folder)
    assert found.family is not None
    assert found.family.name == "Drawing"
    assert found.components["net"].model is catalog.families.classes["LinesNet"]
    assert default_catalog().families.of("DrawingPipeline", ["net"]) is None


def test_its_own_class_is_checked(catalog: Catalog, folder: Path) -> None:
    (folder / "net" / "config.json").write_text(json.dumps({"width": 5}))
    with pytest.raises(Refusal, match="does not have the shape of its config"):
        read(catalog, folder)


def test_one_folder_is_read_anew_for_other_families(catalog: Catalog, folder: Path) -> None:
    (folder / "net" / "config.json").write_text(json.dumps({"width": 5}))
    assert read(default_catalog(), folder).family is None
    with pytest.raises(Refusal):
        read(catalog, folder)


def test_its_own_class_is_loaded(catalog: Catalog, folder: Path) -> None:
    model = load(Placed(read(catalog, folder).components["net"]).component)
    assert torch.equal(model(torch.tensor([1.0, 0.0])), torch.tensor([0.0, 2.0, 4.0, 6.0]))


def test_without_its_family_the_class_is_not_loaded(folder: Path) -> None:
    with pytest.raises(gf.FileProblem, match="no model family of the catalog has it"):
        load(Placed(read(default_catalog(), folder).components["net"]).component)


def test_two_families_of_one_name_are_refused_with_both_places(tmp_path: Path) -> None:
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text(FILE)
    second.write_text(FILE + "# another one\n")
    with pytest.raises(gf.DefinitionError, match=r"are named Drawing: DRAWING in .*first.py, DRAWING in .*second.py"):
        named_catalog([str(first), str(second)])


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(
        gf.DefinitionError, match=f"two classes of components are named {SHIPPED_CLASS}: graphflow_nodes"
    ):
        default_catalog().extended(ModelClass(SHIPPED_CLASS))


def test_a_family_listed_twice_counts_once(catalog: Catalog) -> None:
    (family,) = (one for one in catalog.families if one.name == "Drawing")
    assert [one.name for one in catalog.extended(family).families] == [one.name for one in catalog.families]


def test_a_family_is_added_beside_functions(catalog: Catalog) -> None:
    (family,) = (one for one in catalog.families if one.name == "Drawing")
    other = dataclasses.replace(family, name="Other", pipelines=("OtherPipeline",))
    assert isinstance(other, Family)
    assert gf.Catalog().extended(other).families.of("OtherPipeline", ["net"]) is other
    assert gf.Catalog().families.classes == {}


def test_a_loose_file_may_bring_a_class_alone(tmp_path: Path) -> None:
    file = tmp_path / "class_alone.py"
    file.write_text('from graphflow.checkpoints.model_class import ModelClass\nNET = ModelClass("OtherNet")\n')
    assert list(loose_catalog(file).families.classes) == ["OtherNet"]


PACKAGES = {
    "text": ("FAMILIES = ['gf_family_text_parts:DRAWING']", None),
    "missing": (
        "FAMILIES = ['gf_family_missing_parts:NONE']",
        "gf_family_missing_parts:NONE, which cannot be imported",
    ),
    "other": ("FAMILIES = [5]", "neither a Family nor a ModelClass"),
    "broken": ("1 / 0", "the families of the package gf_family_broken .* cannot be read"),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_lists_families(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, match = PACKAGES[name]
    package = f"gf_family_{name}"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{package}_parts.py").write_text(FILE)
    (tmp_path / f"{package}_list.py").write_text(module)
    info = tmp_path / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    points = f"""
        [graphflow.families]
        mine = {package}_list:FAMILIES
    """
    (info / "entry_points.txt").write_text(textwrap.dedent(points))
    if match is None:
        assert named_catalog([package]).families.of("DrawingPipeline", ["net"]) is not None
        return
    with pytest.raises(gf.DefinitionError, match=match):
        _ = named_catalog([package]).families
