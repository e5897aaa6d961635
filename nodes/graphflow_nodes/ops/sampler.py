"""The sampler of a stage while it is planned: which one, with which settings, and whether it can be split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphflow.aliases import choices_meant, did_you_mean_one_of
from graphflow.check.checkpoints import Checkpoint
from graphflow.check.components import class_defaults
from graphflow.latent_space import Noise
from graphflow.marker import Fault
from graphflow.problems import did_you_mean
from graphflow_nodes.families import RESUMING, SAMPLERS

_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "prediction_type": ("epsilon", "sample", "v_prediction"),
    "timestep_spacing": ("linspace", "leading", "trailing"),
    "beta_schedule": ("linear", "scaled_linear", "squaredcos_cap_v2"),
    "solver_order": (1, 2, 3),
}
"""Settings that take one of a few values, whatever the class."""


@dataclass(frozen=True)
class Sampler:
    """The checkpoint's own sampler, or the one that a stage or the checkpoint's details name in its place.

    Attributes:
        checkpoint: whose scheduler it starts from.
        named: by the stage; None where it names none.
    """

    checkpoint: Checkpoint
    named: str | None

    @property
    def own(self) -> str:
        """The class of the checkpoint's own."""
        return self.checkpoint.components["scheduler"].class_name

    @cached_property
    def _choice(self) -> tuple[str | None, Mapping[str, Any]]:
        """Name (None for the checkpoint's own object) and settings: the stage's, else those of the details."""
        chosen = self.checkpoint.details.scheduler
        if self.named is not None or chosen is None:
            return self.named, {}
        return chosen.name or self.own, dict(chosen.changes)

    @cached_property
    def class_name(self) -> str:
        """The class that runs."""
        return SAMPLERS.get(self._choice[0] or self.own, (self._choice[0] or self.own, {}))[0]

    @cached_property
    def changes(self) -> dict[str, Any]:
        """Settings over those of the checkpoint's config."""
        name, changes = self._choice
        return {**SAMPLERS.get(name or "", ("", {}))[1], **changes}

    @cached_property
    def config(self) -> dict[str, Any]:
        """Every setting of the class, as it runs."""
        known = class_defaults().get(self.class_name, {})
        told = self.checkpoint.components["scheduler"].config
        return {**known, **{key: value for key, value in told.items() if key in known}, **self.changes}

    def to_json(self) -> str:
        """What `graphflow_nodes.ops.pipeline` makes it from."""
        described = {
            "own": self.own,
            "config": self.checkpoint.components["scheduler"].config,
            "class": None if self._choice[0] is None else self.class_name,
            "changes": self.changes,
        }
        return json.dumps(described, sort_keys=True)

    def faults(self) -> Iterator[Fault]:
        """What is wrong with its name and settings."""
        name, changes = self._choice
        if name is not None and name not in SAMPLERS and name != self.own:
            close = choices_meant(name, list(SAMPLERS))
            fix = did_you_mean_one_of(close) if close else did_you_mean(name, list(SAMPLERS), else_="the samplers are")
            message = f"{self.checkpoint.name} names the scheduler {name}, which is not known"
            yield Fault(message, "", fix, "checkpoint")
            return
        known = class_defaults().get(self.class_name, {})
        for key, value in changes.items():
            if key not in known:
                fix = did_you_mean(key, list(known), else_="its settings are")
                yield Fault(f"{self.class_name} has no setting {key}", "", fix, "checkpoint")
            elif fix := _misfit(key, value, known[key]):
                yield Fault(f"the setting {key} of {self.class_name} cannot be {value!r}", "", fix, "checkpoint")

    def resumes(self, eta: float) -> bool:
        """Whether it goes on exactly where another stage stopped."""
        wanted = RESUMING.get(self.class_name)
        config = {**self.config, "eta": eta}
        return wanted is not None and all(config.get(key) == value for key, value in wanted.items())

    def noise(self, fraction: float, steps: int) -> Noise:
        """What is known of latents that it leaves, or takes, noisy at `fraction` of `steps`."""
        return Noise(fraction, self.class_name, json.dumps(self.config, sort_keys=True), steps)


def _misfit(key: str, value: Any, default: Any) -> str:
    """A fix where a setting's value is of another type than its default, or none of its choices; else empty."""
    if key in _CHOICES:
        return "" if value in _CHOICES[key] else f"write {' or '.join(map(str, _CHOICES[key]))}"
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "write true or false"
    if isinstance(default, (int, float)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = number and (isinstance(default, float) or isinstance(value, int))
        return "" if fits else f"write a number such as {default}"
    return ""
