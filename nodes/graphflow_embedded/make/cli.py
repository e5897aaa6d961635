"""The command line of the maker."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch

from graphflow_embedded.make import data, store
from graphflow_embedded.make.loop import Plan
from graphflow_embedded.make.vae import train_vae


def main(arguments: list[str] | None = None) -> int:
    """Run one stage; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m graphflow_embedded.make", description=__doc__)
    parser.add_argument("stage", choices=["draw", "vae"])
    parser.add_argument("--work", type=Path, default=Path("train"), help="folder for pictures and training states")
    parser.add_argument("--pictures", type=int, default=20_000, help="how many to draw, a multiple of 500")
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="end by then, the schedule following the clock")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--processes", type=int, default=1, help="for drawing")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    pictures = data.drawn(given.work / "pictures", given.pictures, processes=given.processes)
    if given.stage == "vae":
        plan = Plan(given.work / "vae", given.steps, 1.5e-3, given.minutes)
        print(store.save(train_vae(plan, pictures, device), "vae"), "bytes")
    return 0
