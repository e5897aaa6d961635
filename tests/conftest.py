"""What holds for all tests: one computing thread a process, a cache folder of their own, an end to waiting."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator

import pytest

# Before anything imports torch: test processes beside each other, each with a thread a core, only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Digests of weights are remembered here and not in the folder of whoever runs the tests.
os.environ.setdefault("GRAPHFLOW_CACHE", tempfile.mkdtemp(prefix="graphflow-tests-"))
# No test finds results of another one; those of the cache name a size.
os.environ.setdefault("GRAPHFLOW_CACHE_SIZE", "0")
# No test asks the model hub; those of tests/hub ask one of their own.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# A shell lets what it starts in the background ignore Ctrl-C, and tests send it to themselves.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def in_time() -> Iterator[None]:
    """A test that waits for ever fails after ten seconds."""

    def stop(*_: object) -> None:
        pytest.fail("this waits for ever")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
