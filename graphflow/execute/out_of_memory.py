"""Recognize errors of memory that ran out: Python's, a GPU's, and that of torch on a CPU, which is a RuntimeError."""

from __future__ import annotations

import errno
import re

_MESSAGES = re.compile(
    r"out of memory|not enough memory|DefaultCPUAllocator|cannot allocate memory|ALLOC_FAILED", re.IGNORECASE
)
"""Parts of the messages of torch, CUDA, cuBLAS and the system."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether this error, or one that it was raised from, means that memory ran out."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if _is_memory_error(error):
            return True
        seen.add(id(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def _is_memory_error(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and _MESSAGES.search(str(error)) is not None
