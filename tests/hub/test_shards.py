"""Checkpoints of the hub whose weights are in several files: all of the variant's are downloaded, and no others."""

from __future__ import annotations

import pytest

import graphflow as gf
from tests.hub.standin import Stored
from tests.hub.test_download import downloaded, weights_of


@pytest.mark.parametrize(("name", "details"), [("sd_sharded", {}), ("sd_sharded_fp16", {"variant": "fp16"})])
def test_shards_of_a_repository_are_checked_without_their_weights_and_downloaded(hub, tiny, graph, name, details):
    hub.stored["owner/shards"] = stored = Stored(tiny(name))
    # What a user finds in such a repository besides.
    stored.files["unet/diffusion_pytorch_model.bf16-00001-of-00001.safetensors"] = b"x"
    made = graph("owner/shards", **details)
    assert made.check().problems == ()
    assert sum(hub.sent[path] for path in weights_of(stored)) < sum(len(stored.files[path]) for path in stored.files)
    assert not downloaded(hub)
    found = gf.run(made)["image"]
    assert downloaded(hub) == {path for path in weights_of(stored) if "bf16" not in path}
    assert found == gf.run(graph(tiny(name), **details))["image"]


def test_repository_without_one_of_its_shards_is_refused_with_the_shards_name(hub, tiny, graph):
    hub.stored["owner/shards"] = stored = Stored(tiny("sd_sharded"))
    lost = next(path for path in weights_of(stored) if path.startswith("unet/") and "-00002-of-" in path)
    del stored.files[lost]
    (problem,) = graph("owner/shards").check().problems
    assert problem.message.endswith(f"the unet of owner/shards has no {lost.removeprefix('unet/')}")
