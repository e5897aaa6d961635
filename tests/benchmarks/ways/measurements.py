"""Measurements in a file, so that a later call adds the pairs that are missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.ways.cases import Case
from tests.benchmarks.ways.child import Measured


class Mismatch(Exception):
    """A file has measurements of another machine, of other versions or of another case."""


@dataclass
class Measurements:
    """Per case its rounds, and in each round one process per way.

    Attributes:
        path: the file; None keeps them in memory.
        machine: what all of them have in common.
        rounds: by case, each a process per way; the last may be incomplete while it is measured.
        calls: of each call that measured, the load average before and after.
    """

    path: Path | None
    machine: Mapping[str, str]
    rounds: dict[str, list[dict[str, Measured]]] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path | None, machine: Mapping[str, str]) -> Measurements:
        """Those of the file, or none if there is no file.

        Raises:
            Mismatch: they were measured on another machine or with other versions.
        """
        if path is None or not path.exists():
            return cls(path, machine)
        told = json.loads(path.read_text(encoding="utf-8"))
        other = {key: value for key, value in told["machine"].items() if machine.get(key) != value}
        if other:
            shown = ", ".join(f"{key} {value}, now {machine.get(key)}" for key, value in other.items())
            raise Mismatch(f"{path} was measured with other things: {shown}; name another file")
        rounds = {
            name: [{way: Measured(**one) for way, one in each.items()} for each in some]
            for name, some in told["rounds"].items()
        }
        return cls(path, machine, rounds, told["calls"], told["settings"])

    def missing(self, case: Case, pairs: int) -> int:
        """How many rounds of the case are to be measured; one that a former call left incomplete is forgotten.

        Raises:
            Mismatch: the case was measured with other values.
        """
        values = {"values": dict(case.values), "ways": list(case.ways), "checkpoints": dict(case.checkpoints)}
        if self.settings.setdefault(case.name, values) != values:
            raise Mismatch(f"{self.path} has {case.name} with other values; name another file")
        whole = [each for each in self.rounds.get(case.name, []) if set(each) == set(case.ways)]
        self.rounds[case.name] = whole
        return max(0, pairs - len(whole))

    def save(self) -> None:
        """Write the file, all or nothing."""
        if self.path is None:
            return
        told = {
            "machine": dict(self.machine),
            "calls": self.calls,
            "settings": self.settings,
            "rounds": {
                name: [{way: asdict(one) for way, one in each.items()} for each in some]
                for name, some in self.rounds.items()
            },
        }
        scratch = self.path.with_name(f".{self.path.name}.part")
        scratch.write_text(json.dumps(told, indent=1), encoding="utf-8")
        scratch.replace(self.path)
