"""glibc's memory allocation, set for a run so that it keeps the memory of large buffers instead of returning it.

A model frees and allocates buffers of megabytes in every layer. By default, glibc gets the largest of them from the
system and returns them again each time, and the system fills every page with zeros first: millions of page faults in a
run. While a run computes, such buffers come from the heap and stay there. What is free in the heap goes back to the
system when a component is evicted, and after the run.

Only glibc is known to behave like this; with another C library or another allocator nothing is changed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator, Mapping
from functools import cache

_TRIM, _MMAP = -1, -3
"""Numbers of the parameters in glibc's malloc.h."""

_HEAP_FROM_THE_SYSTEM = 2**30
"""Bytes of the smallest buffer that is no part of the heap while a run computes."""

_MOST_IN_EARLIER_VERSIONS = 2**25
"""The same for versions of glibc that refuse more than half a heap of a thread."""

_MMAP_AFTERWARDS, _TRIM_AFTERWARDS = 2**25, 2**26
"""What glibc's own adjustment, which ends once a parameter is set, comes to in a process with large buffers."""


@contextlib.contextmanager
def keeping_freed_memory(wanted: bool = True) -> Iterator[None]:
    """Inside the block, glibc keeps freed memory for the next buffer; afterwards, the system gets it back.

    Runs in several threads may overlap: the first one sets the parameters, the last one resets them.

    Args:
        wanted: False changes nothing; nor does anything change if `why_not_tuned` has a reason.
    """
    if not wanted or why_not_tuned(os.environ):
        yield
        return
    _TUNING.begin()
    try:
        yield
    finally:
        _TUNING.end()


def return_freed_memory() -> None:
    """Return to the system what is free in the heap, if a run keeps it at present."""
    if _TUNING.parameters:
        _libc().malloc_trim(0)


def malloc_parameters() -> Mapping[str, int]:
    """The parameters that are set at present by their names in malloc.h; empty if none are set."""
    return dict(_TUNING.parameters)


def why_not_tuned(variables: Mapping[str, str]) -> str:
    """The reason why allocation in this process is left as it is; empty if it can be set.

    Args:
        variables: of the environment.
    """
    if not _glibc_version():
        return "the C library is not glibc"
    if own := next((name for name, value in variables.items() if is_about_malloc(name, value)), ""):
        return f"{own} is set"
    return "" if _malloc_is_of_glibc() else "another allocator replaces that of glibc"


def is_about_malloc(name: str, value: str) -> bool:
    """Whether an environment variable sets how memory is allocated."""
    return name.startswith("MALLOC_") or (name == "GLIBC_TUNABLES" and "glibc.malloc." in value)


class _Tuning:
    """The parameters as runs in this process have set them. They belong to the process, as glibc's heap does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0
        self.parameters: dict[str, int] = {}

    def begin(self) -> None:
        with self._lock:
            self._runs += 1
            if self._runs == 1:
                self.parameters = _set()

    def end(self) -> None:
        with self._lock:
            self._runs -= 1
            if self._runs == 0:
                self.parameters = {}
                libc = _libc()
                libc.mallopt(_MMAP, _MMAP_AFTERWARDS)
                libc.mallopt(_TRIM, _TRIM_AFTERWARDS)
                libc.malloc_trim(0)


_TUNING = _Tuning()


def _set() -> dict[str, int]:
    """Set the parameters; returns those that glibc has accepted."""
    libc = _libc()
    # -1 keeps everything; mallopt has room for no number that is large enough.
    found = {"M_TRIM_THRESHOLD": -1} if libc.mallopt(_TRIM, -1) else {}
    for least in (_HEAP_FROM_THE_SYSTEM, _MOST_IN_EARLIER_VERSIONS):
        if libc.mallopt(_MMAP, least):
            return {**found, "M_MMAP_THRESHOLD": least}
    return found


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    libc.malloc_trim.argtypes = (ctypes.c_size_t,)
    return libc


def _glibc_version() -> str:
    """The version of this process's C library if it is glibc, else an empty text."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc").strip()
    except (AttributeError, ValueError, OSError):
        return ""


class _Symbol(ctypes.Structure):
    """The file that an address belongs to, as `dladdr` reports it."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


@cache
def _malloc_is_of_glibc() -> bool:
    """Whether `malloc` is the function of the C library, and not of a library that was preloaded, such as jemalloc."""
    try:
        libc = _libc()
        return _base_of(libc, "malloc") == _base_of(libc, "gnu_get_libc_version")
    except (OSError, AttributeError):
        return False


def _base_of(library: ctypes.CDLL, function: str) -> int | None:
    """The address at which the file is loaded that has a function."""
    symbol = _Symbol()
    address = ctypes.cast(getattr(library, function), ctypes.c_void_p)
    return symbol.base if library.dladdr(address, ctypes.byref(symbol)) else None
