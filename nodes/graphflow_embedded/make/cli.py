"""Make the embedded checkpoints: draw pictures, train the parts one after another, evaluate them, write their cards."""

from __future__ import annotations

import argparse
import inspect
import math
from pathlib import Path

import torch

from graphflow_embedded.make import cards, figures
from graphflow_embedded.make.measure import MEASUREMENTS
from graphflow_embedded.make.stages import STAGES, Workshop


def main(arguments: list[str] | None = None) -> int:
    """Run one stage; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m graphflow_embedded.make", description=__doc__)
    stages = [*STAGES, "card"]
    parser.add_argument("stage", nargs="+", choices=stages, help="in the order given; card measures and writes cards")
    parser.add_argument("--only", choices=list(MEASUREMENTS), help="the one measurement that card makes")
    parser.add_argument("--count", type=int, help="pictures per measurement, instead of its default")
    parser.add_argument("--work", type=Path, default=Path("train"), help="folder for pictures and training states")
    parser.add_argument(
        "--pictures", type=int, default=20_000, help="drawn in plain style; other sets are a share of it"
    )
    parser.add_argument("--steps", type=int, help="instead of the stage's default")
    parser.add_argument("--minutes", type=float, default=math.inf, help="time limit of each stage, schedule included")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--processes", type=int, default=1, help="for drawing")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    shop = Workshop(given.work, given.pictures, device, given.steps, given.minutes, given.processes)
    for stage in given.stage:
        if stage == "card":
            _card([given.only] if given.only else list(MEASUREMENTS), given.count)
        else:
            STAGES[stage](shop)
    return 0


def _card(names: list[str], count: int | None) -> None:
    """Measure and write the cards; measurements whose parts don't exist yet are reported and skipped."""
    for name in names:
        counted = count and "count" in inspect.signature(MEASUREMENTS[name]).parameters
        try:
            found = MEASUREMENTS[name](**({"count": count} if counted else {}))
        except FileNotFoundError as missing:
            print(f"{name}: not measured, {missing}")
            continue
        figures.keep(name, found)
        for figure in found:
            print(f"{name}: {figure.what}: {figure.found} {figure.wanted} {'' if figure.met is None else figure.met}")
    cards.write_all()
