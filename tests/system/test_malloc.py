"""On glibc, a run keeps freed memory for its next buffer; evictions and the end give it back to the system."""

import os
import subprocess
import sys
import threading

import pytest

from graphflow.execute.pool import Pool
from graphflow.system import malloc
from graphflow.values.component import Component

BUFFERS = """
import contextlib, resource, sys
from graphflow.system.malloc import keeping_freed_memory, malloc_parameters, return_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    status = open("/proc/self/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024

def work(times=20, size=40 * 2**20):
    before = faults()
    for _ in range(times):
        bytearray(size)
    return faults() - before
"""


def told(code: str, **variables: str) -> list[str]:
    """The lines that code after BUFFERS prints in a new process, with no variables about allocation but these."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", BUFFERS + code], env={**own, **variables}, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\n")


glibc = pytest.mark.skipif(bool(malloc.why_not_tuned({})), reason=malloc.why_not_tuned({}))


@glibc
def test_buffers_that_are_freed_and_allocated_again_cost_no_more_page_faults():
    plain, kept = map(int, told("print(work())\nwith keeping_freed_memory():\n    print(work())")[:2])
    assert kept < 0.1 * plain


@glibc
def test_after_a_run_the_system_has_the_memory_again():
    lines = told("""
before = resident()
with keeping_freed_memory():
    buffers = [bytearray(2**20) for _ in range(200)]
    last = bytearray(100)
    del buffers
    print(resident() - before)
print(resident() - before)
""")
    kept, left = map(int, lines[:2])
    assert kept > 150 * 2**20
    assert left < 20 * 2**20


@glibc
def test_memory_does_not_grow_with_the_number_of_runs():
    lines = told("""
def run():
    with keeping_freed_memory():
        buffers = [bytearray((number % 7 + 1) * 2**20) for number in range(60)]
        del buffers[::2]
        more = [bytearray(3 * 2**20) for _ in range(30)]
    return resident()
first = run()
for _ in range(20):
    last = run()
print(last - first)
""")
    assert int(lines[0]) < 8 * 2**20


@glibc
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_ARENA_MAX", "2"),
        ("MALLOC_TRIM_THRESHOLD_", "1000000"),
        ("GLIBC_TUNABLES", "glibc.malloc.top_pad=65536"),
    ],
)
def test_the_users_own_settings_are_respected(name, value):
    assert malloc.why_not_tuned({name: value}) == f"{name} is set"
    plain, asked, found = told(
        "print(work())\nwith keeping_freed_memory():\n    print(work())\n    print(malloc_parameters())",
        **{name: value},
    )[:3]
    assert (found, int(asked) > 0.5 * int(plain)) == ("{}", True)


def test_other_tunables_are_no_reason():
    assert not malloc.is_about_malloc("GLIBC_TUNABLES", "glibc.cpu.x86_ibt=off")


@glibc
def test_a_run_may_leave_allocation_alone():
    assert told("with keeping_freed_memory(False):\n    print(malloc_parameters())")[0] == "{}"


@glibc
def test_another_allocator_is_left_alone(tmp_path):
    source, library = tmp_path / "own.c", tmp_path / "own.so"
    source.write_text(
        "#include <stddef.h>\nvoid *__libc_malloc(size_t);\nvoid *malloc(size_t n){return __libc_malloc(n);}"
    )
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no C compiler")
    code = "import os\nfrom graphflow.system.malloc import why_not_tuned\nprint(why_not_tuned({}))"
    assert told(code, LD_PRELOAD=str(library))[0] == "another allocator replaces that of glibc"


@pytest.mark.parametrize("version", [None, OSError("no such name"), ValueError("unrecognized"), AttributeError()])
def test_other_c_libraries_are_left_alone(monkeypatch, version):
    def confstr(name):
        if isinstance(version, Exception):
            raise version
        return version

    monkeypatch.setattr(os, "confstr", confstr, raising=False)
    assert malloc.why_not_tuned({}) == "the C library is not glibc"
    with malloc.keeping_freed_memory():
        assert malloc.malloc_parameters() == {}


class Libc:
    """A C library that notes its calls, and accepts no threshold above `most`."""

    def __init__(self, most: int = 2**31 - 1) -> None:
        self.calls, self._most = [], most

    def mallopt(self, number: int, value: int) -> int:
        self.calls.append((number, value))
        return int(value <= self._most)

    def malloc_trim(self, pad: int) -> int:
        self.calls.append("trim")
        return 1


@pytest.fixture
def libc(monkeypatch):
    made = Libc()
    monkeypatch.setattr(malloc, "_libc", lambda: made)
    monkeypatch.setattr(malloc, "why_not_tuned", lambda variables: "")
    return made


def test_an_earlier_glibc_gets_the_largest_threshold_that_it_accepts(libc):
    libc._most = 2**25
    with malloc.keeping_freed_memory():
        assert malloc.malloc_parameters() == {"M_TRIM_THRESHOLD": -1, "M_MMAP_THRESHOLD": 2**25}


def test_of_overlapping_runs_the_first_sets_and_the_last_resets(libc):
    inside, may_end = threading.Event(), threading.Event()

    def run():
        with malloc.keeping_freed_memory():
            inside.set()
            may_end.wait(10)

    with malloc.keeping_freed_memory():
        thread = threading.Thread(target=run)
        thread.start()
        assert inside.wait(10)
    assert malloc.malloc_parameters()
    assert "trim" not in libc.calls
    may_end.set()
    thread.join()
    assert not malloc.malloc_parameters()
    assert libc.calls.count("trim") == 1


def test_an_evicted_component_gives_its_memory_back(libc):
    pool = Pool(lambda component: object(), keep=False)
    first, second = (Component(identity=name, spec=None, nbytes=1) for name in "ab")
    pool.borrow({"unet": first}, lambda identity: float("inf"))
    pool.borrow({"unet": second}, lambda identity: float("inf"))
    assert libc.calls == []
    with malloc.keeping_freed_memory():
        pool.borrow({"unet": first}, lambda identity: float("inf"))
        assert libc.calls[-1] == "trim"
