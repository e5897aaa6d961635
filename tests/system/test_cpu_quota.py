"""The quota of a container is the least of its own groups, in both versions of control groups."""

import math

import pytest

from graphflow.system.cpu_quota import cpu_quota


def quota_of(tmp_path, files: dict[str, str], own: str | None) -> float:
    """The quota where these files are under the mounted groups, and `own` names the groups of the process."""
    groups, own_groups = tmp_path / "cgroup", tmp_path / "own"
    groups.mkdir()
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text)
    if own is not None:
        own_groups.write_text(own)
    return cpu_quota(groups, own_groups)


ABC = "cpu,cpuacct/docker/abc"
V1 = "4:memory:/x\n3:cpu,cpuacct:/docker/abc\n"


@pytest.mark.parametrize(
    ("files", "own", "quota"),
    [
        ({}, None, math.inf),
        ({"cpu.max": "max 100000\n"}, "0::/\n", math.inf),
        ({"cpu.max": "150000 100000\n"}, "0::/\n", 1.5),
        ({"cpu.max": "150000 100000\n"}, None, 1.5),
        ({"user/me/cpu.max": "max 100000", "user/cpu.max": "300000 100000"}, "0::/user/me\n", 3.0),
        ({"user/me/cpu.max": "50000 100000", "user/cpu.max": "300000 100000"}, "0::/user/me\n", 0.5),
        ({"other/cpu.max": "50000 100000"}, "0::/user/me\n", math.inf),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, V1, math.inf),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, V1, 2.0),
        ({f"{ABC}/cpu.cfs_quota_us": "200000", f"{ABC}/cpu.cfs_period_us": "50000"}, V1, 4.0),
        ({"cpu.max": "x"}, "0::/\n", math.inf),
        ({"cpu.max": ""}, "0::/\n", math.inf),
        ({"cpu.max": "100000 0"}, "0::/\n", math.inf),
        ({"cpu.max": "200000 100000"}, "0::/../other\n", 2.0),
        ({}, "\udcff nonsense", math.inf),
    ],
)  # fmt: skip
def test_the_quota(tmp_path, files, own, quota):
    assert quota_of(tmp_path, files, own if own is None else own.encode(errors="replace").decode()) == quota


def test_this_machine_has_some_quota():
    assert cpu_quota() > 0
