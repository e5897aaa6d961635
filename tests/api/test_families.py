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
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.checkpoint_reader import CheckpointReader
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.family import Family
from graphflow.checkpoints.model_class import ModelClass
from graphflow.checkpoints.placed import Placed
from graphflow.document.model import Document
from graphflow.document.parse import read_file
from graphflow.document.refusal import Refusal
from graphflow.execute.loader import load
from graphflow.system.device import CPU

SHIPPED_CLASS = "AutoencoderKL"
FILE = """
import re

from graphflow.checkpoints.family import Family, LatentRules
from graphflow.checkpoints.lora import LoraTarget
from graphflow.checkpoints.model_class import ModelClass
from graphflow.checkpoints.single_file import FilePart, SingleFile, SingleFiles, unknown
from graphflow.checkpoints.tensor_storage import Stored


def layout(config):
    yield "lines.weight", (int(config["width"]), 2)


def load_lines(files, dtype):
    import torch
    from safetensors.torch import load_file

    model = torch.nn.Linear(2, files.full_config["width"], bias=False, dtype=dtype)
    (tensor,) = load_file(files.weights[0]).values()
    model.load_state_dict({"weight": tensor.to(dtype)})
    return model


def thicker(model, path, adapter):
    model.adapters = [*getattr(model, "adapters", []), (path.name, adapter)]
    model.set_adapters = lambda names, scales: setattr(model, "scales", dict(zip(names, scales)))


def read(name, path, header):
    if "drawing.lines" not in header.tensors:
        return None
    width = header.tensors["drawing.lines"].shape[0]
    part = FilePart(
        "net", "", "LinesNet", path, name, model=LINES, settings={"width": width},
        stored={"drawing.lines": Stored.PLAIN}, names={"drawing.lines": ("lines.weight",)},
    )
    return SingleFile("DrawingPipeline", {"net": part})


def explain(name, shapes):
    return unknown(name, "it is a sketch") if "sketch" in shapes else None


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
    loras=(LoraTarget("net", re.compile(r"net\\."), "width", re.compile(r"down$"), thicker),),
    single_files=SingleFiles("Drawing", read, explain),
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


def declared(catalog: Catalog, folder: Path, source: Path, **loras: float) -> Checkpoint:
    """A checkpoint with LoRAs, each of a scale."""
    items = ", ".join(f"{{source: {name}.safetensors, scale: {scale}}}" for name, scale in loras.items())
    text = f"checkpoints: {{mine: {{source: {source}, loras: [{items}]}}}}\nnodes: {{}}\n"
    (folder / "graph.yaml").write_text(text)
    document, problems = read_file(folder / "graph.yaml")
    assert document is not None, problems
    return CheckpointReader(CPU, catalog.families).read("mine", document, folder)


def test_loras_of_a_family_from_outside_are_applied_by_it(catalog: Catalog, folder: Path, tmp_path: Path) -> None:
    for name in ("bold", "soft"):
        save_file({"net.lines.down": torch.zeros(1, 4)}, tmp_path / f"{name}.safetensors")
    component = declared(catalog, tmp_path, folder, bold=0.5, soft=2.0).component("net")
    model = load(component)
    assert model.adapters == [("bold.safetensors", "lora_0"), ("soft.safetensors", "lora_1")]
    assert model.scales == {"lora_0": 0.5, "lora_1": 2.0}


def test_a_lora_of_another_width_or_of_another_family_is_refused(
    catalog: Catalog, folder: Path, tmp_path: Path
) -> None:
    save_file({"net.lines.down": torch.zeros(1, 5)}, tmp_path / "wide.safetensors")
    with pytest.raises(Refusal) as caught:
        declared(catalog, tmp_path, folder, wide=1.0)
    assert caught.value.why == "it is for a net with width 5, and this one has 4"
    save_file({"unet.conv_in.lora_A.weight": torch.zeros(1, 4)}, tmp_path / "other.safetensors")
    with pytest.raises(Refusal) as caught:
        declared(catalog, tmp_path, folder, other=1.0)
    assert caught.value.why == "it changes a unet, and the checkpoint has none"
    with pytest.raises(Refusal, match=r"is (no|not a) LoRA"):
        declared(default_catalog(), tmp_path, folder, wide=1.0)


def test_lora_for_a_family_that_takes_none_is_refused(catalog: Catalog, folder: Path, tmp_path: Path) -> None:
    (drawing,) = (one for one in catalog.families if one.name == "Drawing")
    plain = dataclasses.replace(drawing, name="Plain", pipelines=("PlainPipeline",), loras=())
    index = {"_class_name": "PlainPipeline", "net": ["own", "LinesNet"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    save_file({"net.lines.down": torch.zeros(1, 4)}, tmp_path / "bold.safetensors")
    with pytest.raises(Refusal) as caught:
        declared(catalog.extended(plain), tmp_path, folder, bold=1.0)
    assert caught.value.why == "it changes a net, which LoRAs of this family cannot change"


def test_single_file_of_a_family_from_outside_is_the_component_of_its_folder(
    catalog: Catalog, folder: Path, tmp_path: Path
) -> None:
    save_file({"drawing.lines": torch.arange(8.0).reshape(4, 2)}, tmp_path / "one.safetensors")
    file = read(catalog, tmp_path / "one.safetensors")
    assert file.family is not None
    assert file.family.name == "Drawing"
    assert file.components["net"].identity == read(catalog, folder).components["net"].identity
    assert torch.equal(load(file.component("net")).weight, torch.arange(8.0).reshape(4, 2))


def test_file_that_nobody_reads_is_explained_by_who_knows_it(catalog: Catalog, tmp_path: Path) -> None:
    save_file({"sketch": torch.zeros(1)}, tmp_path / "sketch.safetensors")
    with pytest.raises(Refusal) as caught:
        read(catalog, tmp_path / "sketch.safetensors")
    assert caught.value.why == "it is a sketch"
    assert caught.value.fix.startswith(
        "single files are supported for Stable Diffusion 1.5, 2, XL and the XL refiner, their VAEs and "
        "ControlNets, and models such as ESRGAN, Drawing"
    )
    with pytest.raises(Refusal) as caught:
        read(default_catalog(), tmp_path / "sketch.safetensors")
    assert caught.value.why == "its first tensor is sketch"


@pytest.mark.parametrize("width", [None, "wide"])
def test_config_that_its_layout_cannot_read_is_a_problem(width: object, catalog: Catalog, folder: Path) -> None:
    (folder / "net" / "config.json").write_text(json.dumps({"width": width}))
    with pytest.raises(Refusal, match="does not describe a LinesNet"):
        read(catalog, folder)


def test_tokenizer_of_a_class_without_a_reader_is_what_its_files_are(tmp_path: Path) -> None:
    class_ = ModelClass("WordList", kind="tokenizer", load=lambda files, _: (files.folder / "words.txt").read_text())
    found = []
    for name, words in (("one", "red"), ("same", "red"), ("other", "blue")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "words.txt").write_text(words)
        found.append(ComponentFiles("tokenizer", "", "WordList", tmp_path / name, model=class_))
    one, same, other = found
    assert one.identity == same.identity != other.identity
    assert one.faults == ()
    assert load(Placed(other).component) == "blue"
    with pytest.raises(Refusal, match="cannot be read"):
        _ = one.tokenizer


def test_class_that_nothing_can_load_is_told(folder: Path) -> None:
    files = ComponentFiles("net", "own", "LinesNet", folder / "net", model=ModelClass("LinesNet"))
    with pytest.raises(gf.FileProblem, match="LinesNet names neither a library nor a function that loads it"):
        load(Placed(files).component)
