"""What holds for all tests: one computing thread a process, and a cache folder of their own."""

from __future__ import annotations

import os
import tempfile

# Before anything imports torch: test processes beside each other, each with a thread a core, only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Digests of weights are remembered here and not in the folder of whoever runs the tests.
os.environ.setdefault("GRAPHFLOW_CACHE", tempfile.mkdtemp(prefix="graphflow-tests-"))
