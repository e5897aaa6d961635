"""The library's graphs with checkpoints of the hub, which serves tiny ones, or files of published sizes."""

from __future__ import annotations

import json
import mmap
import struct
from functools import cached_property
from math import prod

import pytest

import graphflow as gf
from graphflow.checkpoints.remote import lacking
from graphflow_nodes.families.sdxl import SDXL
from graphflow_nodes.single_files.published import published
from tests.graphs.library import FROM_HUB, HUB, checkpoints
from tests.hub.standin import Stored
from tests.hub.test_download import downloaded

SMALL = dict.fromkeys(("width", "height", "large_width", "large_height"), 64) | {"steps": 4}
PRIOR = "---\nprior:\n- kandinsky-community/kandinsky-2-2-prior\n---\n"


@pytest.fixture
def guide(hub, tiny):
    """The hub with a tiny checkpoint under each name that the library has."""
    for name, kind in HUB.items():
        hub.stored[name] = Stored(tiny(kind))
        if "decoder" in name:
            hub.stored[name].files["README.md"] = PRIOR.encode()
    return hub


@pytest.mark.parametrize("name", FROM_HUB)
def test_check_reads_less_than_a_megabyte_and_no_weights(guide, name):
    checked = gf.load(name).check()
    # The tiny checkpoints paint other sizes than the published ones.
    assert [problem for problem in checked.problems if problem.code != "unusual-size"] == []
    assert 0 < sum(guide.sent.values()) < 1_000_000
    assert downloaded(guide) == set()


@pytest.mark.parametrize("name", ["sdxl_base_refiner", "text_to_kandinsky_inpaint"])
def test_a_run_downloads_the_planned_files_and_paints_as_from_folders(guide, tiny, name):
    graph = gf.load(name)
    given = {key: value for key, value in SMALL.items() if key in graph.document.inputs}
    planned = [one.file for one in lacking(graph.plan(given).components)]
    guide.forget()
    made = gf.run(graph, inputs=given)["image"]
    assert downloaded(guide) == {file.path for file in planned if file.path.endswith(".safetensors")}
    # A file of two repositories is downloaded once.
    assert sum(guide.weights.values()) == sum(file.size for file in planned if file.verified)
    assert made == gf.run(graph, inputs=given | checkpoints(name, tiny))["image"]


class Published(Stored):
    """A repository with the configs, vocabulary and tensors of a published model; the tensors hold zeros."""

    def __init__(self, folder, family: str):
        super().__init__(folder)
        self.family = family

    @cached_property
    def files(self):
        model = published(self.family, "base")
        index = {"_class_name": model.class_name, **model.flags}
        found = {}
        for role, config in model.configs.items():
            class_name = str(config.get("_class_name") or config.get("tokenizer_class") or config["architectures"][0])
            class_ = CLASSES[class_name]
            index[role] = ["diffusers" if "_class_name" in config else "transformers", class_name]
            named = {"tokenizer": "tokenizer_config.json", "scheduler": "scheduler_config.json"}
            found[f"{role}/{named.get(class_.kind, 'config.json')}"] = json.dumps(dict(config), default=dict).encode()
            if class_.kind == "tokenizer":
                words, merges = model.vocabulary()
                found[f"{role}/vocab.json"] = json.dumps(dict(words)).encode()
                found[f"{role}/merges.txt"] = "\n".join(map(" ".join, merges)).encode()
            elif class_.layout is not None:
                stem = "diffusion_pytorch_model" if index[role][0] == "diffusers" else "model"
                tensors = class_.layout({**class_.defaults(), **config})
                found[f"{role}/{stem}.safetensors"] = self._zeros(role, dict(tensors))
        return {"model_index.json": json.dumps(index).encode(), **found}

    def digest(self, path):
        # The sha256 of gigabytes of zeros takes long, and only the headers are asked for.
        return self.commit + path if self.is_large(path) else super().digest(path)

    @cached_property
    def commit(self):
        return self.family.encode().hex().ljust(40, "0")

    def _zeros(self, role, shapes):
        """A file that takes no room on the disk but for its header."""
        header, end = {}, 0
        for name, shape in shapes.items():
            header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end := end + 2 * prod(shape)]}
        text = json.dumps(header).encode()
        path = self.folder / f"{self.family}-{role}"
        path.write_bytes(struct.pack("<Q", len(text)) + text)
        with path.open("r+b") as file:
            file.truncate(8 + len(text) + end)
            return mmap.mmap(file.fileno(), 0)


CLASSES = {model.name: model for model in SDXL.classes}


def test_check_of_published_sizes_reads_less_than_a_megabyte(hub, tmp_path):
    for name, family in (("base", "sdxl"), ("refiner", "sdxl_refiner")):
        hub.stored[f"stabilityai/stable-diffusion-xl-{name}-1.0"] = Published(tmp_path, family)
    graph = gf.load("sdxl_base_refiner")
    assert graph.check().problems == ()
    assert sum(hub.sent.values()) < 1_000_000
    assert sum(one.file.size for one in lacking(graph.plan().components)) > 11e9
