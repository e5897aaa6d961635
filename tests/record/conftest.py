"""Runs of small graphs, recorded into a folder of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import graphflow as gf
from graphflow.catalog.catalog import default_catalog
from graphflow.check.check import check
from graphflow.document.parse import parse
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.pool import Pool
from graphflow.execute.resources import Libraries
from graphflow.execute.result import Cancelled, Result
from graphflow.execute.runner import Run
from graphflow.plan.plan import Plan, plan
from graphflow.record.recorder import Recorder
from graphflow.store.memory_store import MemoryStore


@gf.node()
def broken(image: gf.Image, *, why: str = "it never works") -> gf.Image:
    """Always fail."""
    raise ValueError(why)


@gf.node()
def slow(image: gf.Image, ctx: gf.Context) -> gf.Image:
    """Tell of ten parts."""
    for part in range(10):
        ctx.progress(part, 10)
    return image


@gf.node()
def count(image: gf.Image, *, offset: int = 0) -> int:
    """The picture's width."""
    return image.width + offset


@gf.node()
def picky(image: gf.Image, *, refused: bool = False) -> gf.Image:
    """The picture, where it is not refused."""
    if refused:
        raise ValueError("it does not like this one")
    return image


class Recorded(NamedTuple):
    folder: Path
    recorder: Recorder
    result: Result
    written: list[Path]


def _plan(text: str, folder: Path, seed: int = 0, **inputs: Any) -> Plan:
    document, problems = parse(text, "graph.yaml", folder)
    assert document is not None, problems
    catalog = default_catalog().extended(broken, slow, count, picky)
    return plan(check(document, catalog, inputs=inputs, seed=seed, problems=problems))


def _record(made: Plan, folder: Path, *, cancel_at: str = "", listener: Any = None, **options: Any) -> Recorded:
    recorder = Recorder(folder, made, **options)
    cancellation = Cancellation()

    def listen(event: Any) -> None:
        recorder(event)
        if listener is not None:
            listener(event)
        if cancel_at and getattr(event, "step", "") == cancel_at and hasattr(event, "done"):
            cancellation.requested = True

    run = Run(
        made, libraries=Libraries(made), store=MemoryStore(), pool=Pool(), listener=listen, cancellation=cancellation
    )
    try:
        run.execute()
    except Cancelled:
        assert cancel_at
    return Recorded(folder, recorder, run.result, recorder.close(run.result))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    import numpy as np

    path = tmp_path / "photo.png"
    gf.Image.of(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def made(photo: Path) -> Callable[..., Plan]:
    """The plan of a document in the folder of `photo`."""
    return lambda text, **options: _plan(text, photo.parent, **options)


@pytest.fixture
def recorded(made: Callable[..., Plan], tmp_path: Path) -> Callable[..., Recorded]:
    """A run of a document, recorded in the folder `run`."""

    def record(text: str, *, folder: Path | None = None, seed: int = 0, **options: Any) -> Recorded:
        return _record(made(text, seed=seed), folder or tmp_path / "run", **options)

    return record
