"""The training loop: a schedule, averaged weights, and a state on disk from which a killed run continues."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from graphflow_embedded.make.optimiser import Muon


@dataclass(frozen=True)
class Plan:
    """How one part is trained."""

    folder: Path
    """Holds `state.pt` and `log.jsonl`; a file named `pause` in it makes the run wait."""
    steps: int
    rate: float
    """Learning rate at its peak, reached after 3 % of the steps; falls to zero along a cosine."""
    minutes: float = math.inf
    """If the steps would take longer than this, the schedule follows the clock and ends in time."""
    seed: int = 0
    decay: float = 0.998
    """Of the weights' moving average, once warm."""
    save_every: float = 60.0
    """Seconds between states."""


LossOf = Callable[[int, torch.Generator], Tensor]
"""A step's loss from its number and a generator that only depends on seed and step."""


def train(plan: Plan, model: nn.Module, loss_of: LossOf, report: Callable[[str], None] = print) -> nn.Module:
    """Train `model` to the end of `plan` and leave the averaged weights in it.

    Only parameters with `requires_grad` change. A finished run returns at once with its weights.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    device = next(model.parameters()).device
    chosen = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimiser = Muon(chosen.items(), plan.rate)
    average = {name: p.detach().clone() for name, p in chosen.items()}
    step, spent = _resume(plan, chosen, average, optimiser)
    began, saved, running = time.monotonic() - spent, time.monotonic(), None
    while (done := _progress(plan, step, time.monotonic() - began)) < 1:
        began += _wait_while_paused(plan)
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * _warmth(done)
        generator = torch.Generator(device="cpu").manual_seed(plan.seed * 1_000_003 + step)
        loss = loss_of(step, generator)
        loss.backward()
        nn.utils.clip_grad_norm_(chosen.values(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        _follow(average, chosen, min(plan.decay, (1 + step) / (10 + step)))
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        if step % 50 == 0:
            _note(plan, step, running, time.monotonic() - began, report)
        if time.monotonic() - saved > plan.save_every:
            _save(plan, chosen, average, optimiser, step, time.monotonic() - began)
            saved = time.monotonic()
    _save(plan, chosen, average, optimiser, step, time.monotonic() - began)
    with torch.no_grad():
        for name, p in chosen.items():
            p.copy_(average[name].to(device))
    return model


def spent(folder: Path) -> tuple[int, float]:
    """Steps and seconds that the run in `folder` has taken so far."""
    state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
    return state["step"], state["spent"]


def layout(device: torch.device) -> torch.memory_format:
    """The memory format of pictures: on a CPU contiguous, a tenth faster there because of its group norms."""
    return torch.contiguous_format if device.type == "cpu" else torch.channels_last


def precision(device: torch.device) -> torch.autocast | nullcontext:
    """bf16 arithmetic if the machine has it."""
    return torch.autocast(device.type, torch.bfloat16)


def _progress(plan: Plan, step: int, spent: float) -> float:
    return max(step / plan.steps, spent / (60 * plan.minutes))


def _warmth(done: float) -> float:
    return min(1.0, done / 0.03 + 0.01) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _follow(average: dict[str, Tensor], chosen: dict[str, Tensor], decay: float) -> None:
    with torch.no_grad():
        torch._foreach_lerp_(list(average.values()), [p.detach() for p in chosen.values()], 1 - decay)


def _wait_while_paused(plan: Plan) -> float:
    began = time.monotonic()
    while (plan.folder / "pause").exists():
        time.sleep(1)
    return time.monotonic() - began


def _note(plan: Plan, step: int, loss: float, spent: float, report: Callable[[str], None]) -> None:
    with (plan.folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"step": step, "loss": round(loss, 6), "seconds": round(spent, 1)}) + "\n")
    report(f"{plan.folder.name} {step} loss {loss:.5f} after {spent:.0f} s")


def _save(
    plan: Plan,
    chosen: dict[str, Tensor],
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    step: int,
    spent: float,
) -> None:
    part = plan.folder / "state.part"
    weights = {name: p.detach() for name, p in chosen.items()}
    state = {"weights": weights, "average": average, "optimiser": optimiser.state_dict(), "step": step, "spent": spent}
    torch.save(state, part)
    part.replace(plan.folder / "state.pt")


def _resume(
    plan: Plan, chosen: dict[str, Tensor], average: dict[str, Tensor], optimiser: torch.optim.Optimizer
) -> tuple[int, float]:
    """Load the last state, if there is one; returns the step and the seconds already spent."""
    path = plan.folder / "state.pt"
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, map_location="cpu", weights_only=True)
    with torch.no_grad():
        for name, p in chosen.items():
            p.copy_(state["weights"][name])
            average[name].copy_(state["average"][name])
    if state["optimiser"]["param_groups"][0].get("matrix") is not None:
        optimiser.load_state_dict(state["optimiser"])
    return state["step"], state["spent"]
