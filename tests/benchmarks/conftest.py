from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks.ways.checkpoints import ensure


@pytest.fixture(scope="session")
def benchmarked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a checkpoint of a benchmark."""
    return partial(ensure, folder=tmp_path_factory.mktemp("benchmarked"))
