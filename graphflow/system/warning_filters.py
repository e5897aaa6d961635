"""Filters of Python's warnings that several threads can set at once, and how a run keeps libraries' warnings warnings.

`warnings.catch_warnings` puts the whole list of filters back as it was, with all that other threads did to it
meanwhile; here each thread puts its own entry in and takes the same one out.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any, Literal

_LIBRARIES = (
    "accelerate", "cv2", "diffusers", "filelock", "functorch", "graphflow", "graphflow_embedded", "graphflow_nodes",
    "huggingface_hub", "jinja2", "markupsafe", "numpy", "peft", "PIL", "pydantic", "requests", "rich", "safetensors",
    "tokenizers", "torch", "torchvision", "tqdm", "transformers", "urllib3", "xformers", "yaml",
)  # fmt: skip

_LIBRARY = rf"(?:{'|'.join(map(re.escape, [*_LIBRARIES, *sorted(sys.stdlib_module_names)]))})(?:\.|\Z)"
"""The modules of graphflow, of what it stands on, and of Python; not those of a user's own nodes."""

_LOCK = threading.Lock()


@contextlib.contextmanager
def filtered(
    action: Literal["default", "ignore"], category: type[Warning] = Warning, *, message: str = "", module: str = ""
) -> Iterator[None]:
    """Put an entry before all others for a time.

    Args:
        action: `default` shows a warning once a place, `ignore` never.
        category: warnings of this class.
        message, module: regular expressions that the beginning of a warning's text and its module match; empty for any.
    """
    entry = (
        action, re.compile(message, re.IGNORECASE) if message else None, category,
        re.compile(module) if module else None, 0,
    )  # fmt: skip
    with _LOCK:
        warnings.filters.insert(0, entry)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        _take_out(entry)


@contextlib.contextmanager
def no_errors() -> Iterator[None]:
    """Show libraries' warnings where the caller's filters would make them errors: the caller cannot mend a library.

    What the caller's filters ignore stays ignored, and what a user's own nodes warn of goes by the caller's filters.
    """
    twins = []
    with _LOCK:
        filters: list[Any] = warnings.filters  # type: ignore[assignment]
        for one in [one for one in filters if one[0] == "error"]:
            _, message, category, module, line = one
            only = "" if module is None else f"(?={getattr(module, 'pattern', re.escape(str(module)))})"
            twins.append(("default", message, category, re.compile(only + _LIBRARY), line))
            filters.insert(filters.index(one), twins[-1])
    try:
        yield
    finally:
        for twin in twins:
            _take_out(twin)


def _take_out(entry: tuple[Any, ...]) -> None:
    # Somebody else may have put another list there.
    with _LOCK, contextlib.suppress(ValueError):
        warnings.filters.remove(entry)  # type: ignore[attr-defined]
