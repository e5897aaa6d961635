from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

import graphflow as gf
from tests.hub.standin import Hub, Stored
from tests.tiny import make


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random checkpoint."""
    return partial(make, folder=tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    """A grey picture of 64×64."""
    return Image.new("RGB", (64, 64), "gray")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub without repositories, which this process asks, with caches of its own."""
    import huggingface_hub.constants

    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("GRAPHFLOW_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        # Read when the module was imported.
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        yield server


@pytest.fixture
def sd(hub: Hub, tiny: Callable[[str], Path]) -> Stored:
    """`owner/tiny-sd` on the hub."""
    hub.stored["owner/tiny-sd"] = stored = Stored(tiny("sd"))
    return stored


@pytest.fixture
def graph() -> Callable[..., gf.Graph]:
    """A graph of one stage."""

    def made(checkpoint: str | Path = "owner/tiny-sd", **details: object) -> gf.Graph:
        graph = gf.Graph("sketch")
        if details:
            checkpoint = graph.checkpoint("base", checkpoint, **details)
        stage = graph.add("text2img", checkpoint=checkpoint, prompt="a red circle", num_inference_steps=2, seed=5)
        graph.output(image=stage.image)
        return graph

    return made
