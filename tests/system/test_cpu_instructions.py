"""`--dtype auto` is bfloat16 only if every processor multiplies it in hardware."""

import pytest

from graphflow.system import device
from graphflow.system.cpu_instructions import instructions, multiplies_bfloat16
from graphflow.system.device import Compute


def listed(*processors: str, key: str = "flags\t\t") -> str:
    return "\n\n".join(f"processor\t: {number}\n{key}: {flags}" for number, flags in enumerate(processors))


ZEN4 = "fpu sse2 avx2 avx512f avx512_bf16 avx512_vnni"
SAPPHIRE = "fpu avx512f avx512_bf16 amx_bf16 amx_tile amx_int8"
HASWELL = "fpu sse2 avx avx2 fma"
GRAVITON3 = "fp asimd asimdhp sve bf16 i8mm svebf16"


@pytest.mark.parametrize(
    ("text", "fast"),
    [
        (listed(ZEN4, ZEN4), True),
        (listed(SAPPHIRE), True),
        (listed(HASWELL), False),
        (listed("fpu avx512f avx512_vnni"), False),
        (listed(GRAVITON3, key="Features\t"), False),
        (listed(ZEN4, HASWELL), False),
        ("model name\t: avx512_bf16 in words\nflags\t\t: fpu", False),
        ("", False),
        ("flags\n", False),
    ],
)
def test_processors(tmp_path, text, fast):
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    assert multiplies_bfloat16(file, {}) is fast


def test_a_system_without_the_list_has_no_known_instructions(tmp_path):
    assert instructions(tmp_path / "none") == frozenset()


@pytest.mark.parametrize(
    ("value", "fast"),
    [("AVX2", False), ("avx512_core", False), ("AVX512_CORE_BF16", True), ("AVX512_CORE_AMX", True), ("", True)],
)
@pytest.mark.parametrize("name", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
def test_a_variable_can_forbid_the_instructions(tmp_path, name, value, fast):
    file = tmp_path / "cpuinfo"
    file.write_text(listed(SAPPHIRE))
    assert multiplies_bfloat16(file, {name: value}) is fast


@pytest.mark.parametrize(("fast", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_auto_chooses_by_the_processor(monkeypatch, fast, dtype):
    monkeypatch.setattr(device, "multiplies_bfloat16", lambda: fast)
    assert Compute.of("cpu", "auto").dtype == dtype
    assert Compute.of("cuda", "auto").dtype == "float16"
