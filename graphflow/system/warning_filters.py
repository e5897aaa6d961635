"""Warning filters that several threads can set at once, and filters that keep libraries' warnings from being errors.

`warnings.catch_warnings` restores the whole list of filters and so discards changes of other threads; these
functions add and remove single entries.
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
"""The modules of graphflow, its dependencies and Python; not those of a user's own nodes."""

_LOCK = threading.Lock()


@contextlib.contextmanager
def filtered(
    action: Literal["default", "ignore"], category: type[Warning] = Warning, *, message: str = "", module: str = ""
) -> Iterator[None]:
    """Inside the block, put a filter before all others.

    Args:
        action: `default` shows a warning once per place, `ignore` never.
        category: warnings of this class.
        message, module: regular expressions for the beginning of a warning's text and of its module; empty for any.
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
    """Inside the block, show libraries' warnings that the caller's filters would turn into errors.

    Warnings that the caller's filters ignore stay ignored; those of a user's own nodes follow the caller's filters.
    """
    twins = []
    with _LOCK:
        filters: list[Any] = warnings.filters  # type: ignore[assignment]
        for entry in [entry for entry in filters if entry[0] == "error"]:
            _, message, category, module, line = entry
            only = "" if module is None else f"(?={getattr(module, 'pattern', re.escape(str(module)))})"
            twins.append(("default", message, category, re.compile(only + _LIBRARY), line))
            filters.insert(filters.index(entry), twins[-1])
    try:
        yield
    finally:
        for twin in twins:
            _take_out(twin)


def _take_out(entry: tuple[Any, ...]) -> None:
    # Other code may have replaced the list.
    with _LOCK, contextlib.suppress(ValueError):
        warnings.filters.remove(entry)  # type: ignore[attr-defined]
