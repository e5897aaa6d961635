"""The run options that this machine supports, and what is used instead of the others; without importing torch."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from graphflow.system.run_options import RunOptions


@dataclass(frozen=True, slots=True)
class Substitute:
    """A run option that this machine does not support, and what is used instead.

    Attributes:
        option: its name, such as `attention`.
        asked: what the call asks for: `attention xformers`.
        used: what is used instead, as a clause: `sdpa is used`.
        why: the reason.
        fix: what to do about it.
    """

    option: str
    asked: str
    used: str
    why: str
    fix: str


def available(options: RunOptions, device: str) -> tuple[RunOptions, tuple[Substitute, ...]]:
    """The options that models on this device can have, and what replaces each of the others."""
    substitutes = tuple(_substitutes(options, device))
    for substitute in substitutes:
        options = options.without(substitute.option)
    return options, substitutes


def _substitutes(options: RunOptions, device: str) -> Iterator[Substitute]:
    if options.attention == "xformers" and (why := _why_no_xformers(device)):
        yield Substitute("attention", "attention xformers", "sdpa is used", why, "leave it out: sdpa is the default")
    offload = options.offload
    if offload in ("model", "group") and device == "cpu":
        why = "models run on the CPU, so they are in its memory already"
        yield Substitute("offload", f"offload {offload}", "nothing is moved", why, "leave it out")
        offload = "none"
    if options.compile and offload == "group":
        why = "with offload group each layer is moved on its own, so layers cannot be compiled together"
        yield Substitute("compile", "compile", "models run as they are", why, "use offload model, or remove compile")
    elif options.compile and (why := _why_not_compiled(device)):
        yield Substitute("compile", "compile", "models run as they are", why, "install it, or leave out compile")


def _why_not_compiled(device: str) -> str:
    """The reason why torch cannot compile models here; empty if it probably can."""
    if device != "cpu" and find_spec("triton") is None:
        return "torch compiles for a GPU with the package triton, which is not installed"
    default = {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    names = (os.environ.get("CXX", default),) if device == "cpu" else (os.environ.get("CC", "gcc"), "clang")
    if not any(map(shutil.which, names)):
        return f"torch compiles with {names[0]}, which is not installed"
    headers = Path(sysconfig.get_path("include"))
    return "" if (headers / "Python.h").is_file() else f"torch compiles with Python's header files; {headers} has none"


def _why_no_xformers(device: str) -> str:
    """The reason why xFormers cannot be used; empty if it probably can."""
    if device == "cpu":
        return "xFormers needs a GPU, and models run on the CPU"
    if find_spec("xformers") is None:
        return "the package xformers is not installed"
    return _why_not_for_this_torch()


def _why_not_for_this_torch() -> str:
    """The reason why xFormers does not fit this version of torch; empty if it fits.

    It is built for one version; with another one it can be imported, but cannot compute.
    """
    try:
        needs, torch = metadata.requires("xformers") or [], metadata.version("torch").partition("+")[0]
    except metadata.PackageNotFoundError:
        return ""
    built = next((found[1] for need in needs if (found := re.match(r"torch\s*\(?==\s*([\w.]+)", need))), torch)
    return "" if built == torch else f"the installed xformers is built for torch {built}, but torch is {torch}"
