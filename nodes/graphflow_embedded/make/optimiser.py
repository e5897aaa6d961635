"""Muon for weights that are matrices, AdamW for all others: half the steps of AdamW alone.

Source: Jordan and others, "Muon: an optimizer for hidden layers", 2024; the step's size follows Liu and others, "Muon
is scalable for LLM training", 2025, so that AdamW's learning rates hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
BETAS = (0.9, 0.99)
DECAY = 0.01


class Muon(torch.optim.Optimizer):
    """Orthogonal steps for convolutions and linear layers, Adam's for biases, norms, embeddings, first and last."""

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], lr: float) -> None:
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, p in named:
            edge = "embedding" in name or "conv_in" in name or "conv_out" in name
            groups[p.ndim >= 2 and not edge].append(p)
        super().__init__([{"params": part, "matrix": kind} for kind, part in groups.items() if part], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Take one step."""
        del closure
        for group in self.param_groups:
            (self._matrices if group["matrix"] else self._others)(group["params"], group["lr"])

    def _matrices(self, params: list[nn.Parameter], rate: float) -> None:
        alike: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
        for p in params:
            if p.grad is not None:
                alike[p.shape[0], p[0].numel()].append(p)
        for (rows, columns), same in alike.items():
            steps = orthogonal(torch.stack([self._momentum(p).reshape(rows, columns) for p in same]))
            size = rate * 0.2 * max(rows, columns) ** 0.5
            for p, change in zip(same, steps, strict=True):
                p.mul_(1 - rate * DECAY).add_(change.view_as(p).to(p.dtype), alpha=-size)

    def _momentum(self, p: nn.Parameter) -> Tensor:
        kept = self.state[p].setdefault("momentum", torch.zeros_like(p))
        kept.lerp_(p.grad, 1 - MOMENTUM)
        return p.grad.lerp(kept, MOMENTUM)

    def _others(self, params: list[nn.Parameter], rate: float) -> None:
        for p in (p for p in params if p.grad is not None):
            state = self.state[p]
            count = state["count"] = state.get("count", 0) + 1
            mean = state.setdefault("mean", torch.zeros_like(p)).lerp_(p.grad, 1 - BETAS[0])
            square = state.setdefault("square", torch.zeros_like(p)).lerp_(p.grad**2, 1 - BETAS[1])
            spread = (square / (1 - BETAS[1] ** count)).sqrt_().add_(1e-8)
            p.mul_(1 - rate * DECAY).addcdiv_(mean / (1 - BETAS[0] ** count), spread, value=-rate)


def orthogonal(x: Tensor, rounds: int = 5) -> Tensor:
    """The nearest matrices with all singular values about 1, (N, rows, columns), by Newton and Schulz' iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = x.shape[1] <= x.shape[2]
    y = (x if wide else x.mT).bfloat16()
    y = y / (y.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = y @ y.mT
        y = a * y + (b * square + c * square @ square) @ y
    return y if wide else y.mT
