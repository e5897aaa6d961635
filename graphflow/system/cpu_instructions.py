"""The instructions of this processor, as Linux lists them: known without importing torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_LIST = Path("/proc/cpuinfo")
_BFLOAT16 = ("amx_bf16", "avx512_bf16")
_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Values of these variables with which oneDNN, torch's library of layers, uses none of the instructions."""


def instructions(file: Path = _LIST) -> frozenset[str]:
    """The sets of instructions that all processors of this machine have; empty if the system does not list them.

    Only those that the kernel allows are listed: without its permission, AMX is not.

    Args:
        file: the list of Linux, with a line of `flags` for each processor on x86, of `Features` on ARM.
    """
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    pairs = (line.partition(":") for line in lines)
    found = {frozenset(listed.split()) for key, _, listed in pairs if key.strip() in ("flags", "Features")}
    return frozenset.intersection(*found) if found else frozenset()


def multiplies_bfloat16(file: Path = _LIST, variables: Mapping[str, str] = os.environ) -> bool:
    """Whether torch multiplies matrices of bfloat16 with instructions made for it: AMX, or AVX-512 with BF16.

    Other processors convert the numbers one by one, which is slower than float32. The instructions of ARM are not
    counted, since no measurement shows that torch is faster with them.

    Args:
        file: as for `instructions`.
        variables: of the environment; one can keep oneDNN from using the instructions.
    """
    limit = next((variables[name] for name in _LIMITS if variables.get(name)), "ALL").upper()
    return limit not in _WITHOUT_BFLOAT16 and not instructions(file).isdisjoint(_BFLOAT16)
