"""The sampler of a stage during planning: its class, its settings, and whether denoising can be split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.document.aliases import choices_meant, did_you_mean_one_of
from graphflow.problems import Fault, did_you_mean
from graphflow.values.latent_space import Noise
from graphflow.values.sampling import SchedulerChoice
from graphflow_nodes.models.defaults import class_defaults
from graphflow_nodes.models.samplers import FROM_NOISE_ONLY, OWN, PACKAGES, REPLACED, RESUMING, SAMPLERS
from graphflow_nodes.planning.sampler_settings import conflicts, misfit, most_steps

_ANOTHER = "use another checkpoint's: write components: {scheduler: ./other} beside its source"


@dataclass(frozen=True)
class Sampler:
    """The checkpoint's own sampler, or the one that the stage or the checkpoint's details name instead.

    Attributes:
        checkpoint: the checkpoint from whose scheduler it starts.
        named: the name that the stage gives; None if it gives none.
        able: see `StageSpec.samplers`.
    """

    checkpoint: Checkpoint
    named: str | None
    able: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)

    @property
    def own(self) -> str:
        """The class of the checkpoint's own sampler."""
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
        """Settings that override the checkpoint's config."""
        name, changes = self._choice
        return {**SAMPLERS.get(name or "", ("", {}))[1], **changes}

    @cached_property
    def config(self) -> dict[str, Any]:
        """All settings of the class that runs."""
        return {**_complete(self.class_name, self.own_config), **self.changes}

    @property
    def own_config(self) -> Mapping[str, Any]:
        """The checkpoint's config of its scheduler."""
        return self.checkpoint.components["scheduler"].config

    @cached_property
    def choice(self) -> SchedulerChoice:
        """The data from which a step makes it."""
        # diffusers looks up the class that a config names, to drop settings that only that class reads.
        known = self.own_config.get("_class_name") in (*OWN, *REPLACED, *self.able)
        config = {key: value for key, value in self.own_config.items() if known or key != "_class_name"}
        return SchedulerChoice(
            self.own, config, None if self._choice[0] is None else self.class_name, dict(self.changes)
        )

    def faults(self) -> Iterator[Fault]:
        """The faults of its name and settings, and of the checkpoint's own sampler, which is made in any case."""
        name, changes = self._choice
        if name is not None and name not in SAMPLERS and name != self.own:
            close = choices_meant(name, list(SAMPLERS))
            fix = did_you_mean_one_of(close) if close else did_you_mean(name, list(SAMPLERS), else_="the samplers are")
            message = f"{self.checkpoint.name} names the unknown scheduler {name}"
            yield Fault(message, "", fix, "checkpoint")
            return
        wrong = list(self._unable()) or [*self._own_faults(), *self._changed(changes)]
        yield from wrong
        if not wrong:
            yield from self._together()

    def _unable(self) -> Iterator[Fault]:
        """A class that the stage cannot use."""
        if not self.able or self.class_name in self.able:
            return
        only = f"this stage can only use {' or '.join(self.able)}"
        if self._choice[0] is None:
            message, why = f"the scheduler of {self.checkpoint.name} cannot be used", f"it is {self.own}; {only}"
            yield Fault(message, why, _ANOTHER, "checkpoint", "wrong-part")
        else:
            about = "checkpoint" if self.named is None else "scheduler"
            yield Fault(f"{self.class_name} cannot be used here", only, "remove scheduler", about)

    def _own_faults(self) -> Iterator[Fault]:
        """The faults of the checkpoint's own class and config."""
        theirs = f"the scheduler of {self.checkpoint.name}"
        if self.own not in (*OWN, *REPLACED, *self.able):
            why = f"it is {self.own or 'without a class'}, which the classes of Stable Diffusion cannot run"
            yield Fault(f"{theirs} cannot be used", why, _ANOTHER, "checkpoint", "wrong-part")
            return
        if self.class_name in REPLACED:
            why = f"it is {self.own}; {REPLACED[self.own]}"
            yield Fault(f"{theirs} cannot be used", why, "use scheduler: euler, or another", "checkpoint", "wrong-part")
        yield from self._absent(self.own, _ANOTHER)
        own = self.own_config
        if not own:
            why = "its folder has no scheduler_config.json"
            yield Fault(f"{theirs} cannot be used", why, "get the whole checkpoint", "checkpoint", "checkpoint-broken")
        known = class_defaults().get(self.own, {})
        for key, value in own.items():
            if key in known and (fix := misfit(self.own, key, value, known[key], self._further(self.own, key))):
                message = f"the setting {key} of {theirs} cannot be {value!r}"
                why = f"{self.own} does not take this value of scheduler_config.json"
                yield Fault(message, why, f"{fix} there, or {_ANOTHER}", "checkpoint", "checkpoint-broken")

    def _changed(self, changes: Mapping[str, Any]) -> Iterator[Fault]:
        """The faults of the settings and the class that a document gives."""
        if self.class_name != self.own:
            about = "checkpoint" if self.named is None else "scheduler"
            yield from self._absent(self.class_name, "name another scheduler", about)
        known = class_defaults().get(self.class_name, {})
        for key, value in changes.items():
            if key not in known:
                fix = did_you_mean(key, list(known), else_="its settings are")
                yield Fault(f"{self.class_name} has no setting {key}", "", fix, "checkpoint")
            elif fix := misfit(self.class_name, key, value, known[key], self._further(self.class_name, key)):
                yield Fault(f"the setting {key} of {self.class_name} cannot be {value!r}", "", fix, "checkpoint")

    def _together(self) -> Iterator[Fault]:
        """The faults of all settings together, whatever their origin."""
        known = class_defaults().get(self.class_name, {})
        for key, value in self.config.items():
            if fix := misfit(self.class_name, key, value, known[key], self._further(self.class_name, key)):
                why = f"the config of {self.checkpoint.name}, from which it starts, has this value"
                message = f"the setting {key} of {self.class_name} cannot be {value!r}"
                yield Fault(message, why, f"name another scheduler, or {fix}", "checkpoint")
        configs = {self.class_name: self.config}
        if self.own not in REPLACED:
            configs[self.own] = _complete(self.own, self.own_config) | configs.get(self.own, {})
        for class_name, config in configs.items():
            for key, why, fix in conflicts(class_name, config):
                yield Fault(f"the setting {key} of {class_name} cannot be {config[key]!r}", why, fix, "checkpoint")

    def _further(self, class_name: str, key: str) -> tuple[Any, ...]:
        """Values of a setting that only this stage takes."""
        return self.able.get(class_name, {}).get(key, ())

    def _absent(self, class_name: str, fix: str, about: str = "checkpoint") -> Iterator[Fault]:
        """A fault if a class needs a package that is not installed."""
        package = PACKAGES.get(class_name)
        if package is not None and find_spec(package) is None:
            why = f"it needs the package {package}, which is not installed"
            fix = f"install it: pip install {package}; or {fix}"
            yield Fault(f"{class_name} is not available", why, fix, about)

    def most_steps(self, wanted: int, *, moved: bool, whole: bool) -> int:
        """The most denoising steps that it can run, at most `wanted`.

        Args:
            wanted: number of steps.
            whole: whether all of them are run, including the noisiest.
            moved: whether the pipeline's class sets steps_offset to 1 if the checkpoint has another value.
        """
        config = self.config
        if moved and "steps_offset" in config and "steps_offset" not in self.changes:
            config = {**config, "steps_offset": 1}
        return most_steps(self.class_name, config, wanted, whole=whole)

    @property
    def from_noise_only(self) -> bool:
        """Whether it cannot start from a picture or from latents."""
        return self.class_name in FROM_NOISE_ONLY

    def resumes(self, eta: float) -> bool:
        """Whether it can continue exactly where another stage stopped."""
        wanted = RESUMING.get(self.class_name)
        config = {**self.config, "eta": eta}
        return wanted is not None and all(config.get(key) == value for key, value in wanted.items())

    def noise(self, fraction: float, steps: int) -> Noise:
        """The facts of latents that it returns, or takes, noisy at `fraction` of `steps`."""
        return Noise(fraction, self.class_name, json.dumps(self.config, sort_keys=True), steps)


def _complete(class_name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a class with the config `told`."""
    known = class_defaults().get(class_name, {})
    return {**known, **{key: value for key, value in told.items() if key in known}}
