"""graphflow against the guide's script and the best script by hand: `python -m tests.benchmarks.ways [CASE …]`.

Each case is run in three ways, each in a fresh process, in turns: `guide`, as diffusers' guides write it; `best`, as a
skilled person would write it; `graphflow`, by the command line. Printed are ratios with 95 % intervals of wall time,
processor time, system time, page faults and peak memory. The exit code is 1 if graphflow's picture is not that of the
best script, byte for byte, on a CPU; 2 if a case could not be measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.ways.cases import CASES, Case, Group, chosen
from tests.benchmarks.ways.child import Failed, measure, prepare
from tests.benchmarks.ways.machine import load, machine
from tests.benchmarks.ways.measurements import Measurements, Mismatch
from tests.benchmarks.ways.table import differing, equality, medians, ratios


def main(argv: list[str] | None = None) -> int:
    """The command; see the module."""
    given = _parser().parse_args(argv)
    groups: set[Group] = {group for group in ("real", "gpu") if getattr(given, group)} or {"small"}
    try:
        cases = chosen(given.cases, groups)
        measurements = Measurements.of(given.json, machine())
        _measure(cases, measurements, given.pairs, given.folder)
    except (ValueError, Mismatch, Failed) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was measured is in the file", file=sys.stderr)
        return 130
    return _show(cases, measurements)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.ways",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="cases: " + ", ".join(f"{case.name} ({case.flow or case.group})" for case in CASES),
    )
    default = Path(tempfile.gettempdir()) / "graphflow-benchmarks"
    parser.add_argument("cases", nargs="*", metavar="CASE", help="by name or number of the flow (all small ones)")
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="rounds of each case (5)")
    parser.add_argument("--real", action="store_true", help="the cases of real size: 12 GB of disk, 14 GB of memory")
    parser.add_argument("--gpu", action="store_true", help="the cases of real size on a GPU, float16, 30 steps")
    parser.add_argument("--folder", type=Path, default=default, help=f"of checkpoints, which are kept ({default})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all numbers there, and go on from them")
    return parser


def _measure(cases: list[Case], measurements: Measurements, pairs: int, folder: Path) -> None:
    before = load()
    call = {"load before": before, "load after": before}
    for case in cases:
        missing = measurements.missing(case, pairs)
        if missing:
            prepare(case, folder)
            if not any(call is known for known in measurements.calls):
                measurements.calls.append(call)
        rounds = measurements.rounds[case.name]
        for _ in range(missing):
            first = len(rounds) % len(case.ways)
            rounds.append({})
            for way in case.ways[first:] + case.ways[:first]:  # so that none is always the first after a pause
                found = rounds[-1][way] = measure(case, way, folder)
                call["load after"] = load()
                measurements.save()
                print(
                    f"{case.name} {len(rounds)}/{pairs} {way}: {found.wall:.2f} s, CPU {found.cpu:.2f} s, "
                    f"{found.faults:,} faults, {found.peak / 2**20:,.0f} MiB",
                    file=sys.stderr,
                    flush=True,
                )


def _show(cases: list[Case], measurements: Measurements) -> int:
    measured = [(case, measurements.rounds[case.name]) for case in cases]
    print("\n".join(ratios(measured)), end="\n\n")
    print("\n".join(medians(measured)), end="\n\n")
    print("Medians over pairs; in brackets 95 % intervals, a bootstrap over pairs with 10,000 samples.")
    for case, rounds in measured:
        print(equality(case, rounds))
    print("; ".join(f"{key} {value}" for key, value in measurements.machine.items()))
    for call in measurements.calls:
        print(f"load average {call['load before']} before, {call['load after']} after")
    wrong = [case for case, rounds in measured if case.device == "cpu" and differing(rounds, "graphflow", "best")]
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
