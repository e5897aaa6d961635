"""The sampler of a stage while it is planned: which one, with which settings, and whether it can be split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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

_ANOTHER = "write components: {scheduler: ./other} beside its source, which takes that of another checkpoint"


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
        return {**_complete(self.class_name, self.own_config), **self.changes}

    @property
    def own_config(self) -> Mapping[str, Any]:
        """What the checkpoint's files say."""
        return self.checkpoint.components["scheduler"].config

    @cached_property
    def choice(self) -> SchedulerChoice:
        """What a step makes it from."""
        # diffusers looks the class that a config names up among all that it has, to drop what only that one reads.
        known = self.own_config.get("_class_name") in (*OWN, *REPLACED)
        config = {key: value for key, value in self.own_config.items() if known or key != "_class_name"}
        return SchedulerChoice(
            self.own, config, None if self._choice[0] is None else self.class_name, dict(self.changes)
        )

    def faults(self) -> Iterator[Fault]:
        """What is wrong with its name and settings, and with the checkpoint's own, which is made whatever is named."""
        name, changes = self._choice
        if name is not None and name not in SAMPLERS and name != self.own:
            close = choices_meant(name, list(SAMPLERS))
            fix = did_you_mean_one_of(close) if close else did_you_mean(name, list(SAMPLERS), else_="the samplers are")
            message = f"{self.checkpoint.name} names the scheduler {name}, which is not known"
            yield Fault(message, "", fix, "checkpoint")
            return
        wrong = [*self._own_faults(), *self._changed(changes)]
        yield from wrong
        if not wrong:
            yield from self._together()

    def _own_faults(self) -> Iterator[Fault]:
        """What is wrong with the class and the config that the checkpoint brings."""
        theirs = f"the scheduler of {self.checkpoint.name}"
        if self.own not in (*OWN, *REPLACED):
            why = f"it is {self.own or 'of no class'}, which does not run in the classes of Stable Diffusion"
            yield Fault(f"{theirs} cannot be used", why, _ANOTHER, "checkpoint", "wrong-part")
            return
        if self.class_name in REPLACED:
            why = f"it is {self.own}; {REPLACED[self.own]}"
            yield Fault(f"{theirs} cannot be used", why, "use scheduler: euler, or another", "checkpoint", "wrong-part")
        yield from self._absent(self.own, _ANOTHER)
        told = self.own_config
        if not told:
            why = "its folder has no scheduler_config.json"
            yield Fault(f"{theirs} cannot be used", why, "get the whole checkpoint", "checkpoint", "checkpoint-broken")
        known = class_defaults().get(self.own, {})
        for key, value in told.items():
            if key in known and (fix := misfit(self.own, key, value, known[key])):
                message = f"the setting {key} of {theirs} cannot be {value!r}"
                why = f"{self.own} takes other values, and scheduler_config.json says this"
                yield Fault(message, why, f"{fix} there, or {_ANOTHER}", "checkpoint", "checkpoint-broken")

    def _changed(self, changes: Mapping[str, Any]) -> Iterator[Fault]:
        """What is wrong with the settings that a document gives, and with the class that it names."""
        if self.class_name != self.own:
            about = "checkpoint" if self.named is None else "scheduler"
            yield from self._absent(self.class_name, "name another scheduler", about)
        known = class_defaults().get(self.class_name, {})
        for key, value in changes.items():
            if key not in known:
                fix = did_you_mean(key, list(known), else_="its settings are")
                yield Fault(f"{self.class_name} has no setting {key}", "", fix, "checkpoint")
            elif fix := misfit(self.class_name, key, value, known[key]):
                yield Fault(f"the setting {key} of {self.class_name} cannot be {value!r}", "", fix, "checkpoint")

    def _together(self) -> Iterator[Fault]:
        """What is wrong with all settings together, wherever each one is from."""
        known = class_defaults().get(self.class_name, {})
        for key, value in self.config.items():
            if fix := misfit(self.class_name, key, value, known[key]):
                why = f"the config of {self.checkpoint.name}, from which it starts, says so"
                message = f"the setting {key} of {self.class_name} cannot be {value!r}"
                yield Fault(message, why, f"name another scheduler, or {fix}", "checkpoint")
        configs = {self.class_name: self.config}
        if self.own not in REPLACED:
            configs[self.own] = _complete(self.own, self.own_config) | configs.get(self.own, {})
        for class_name, config in configs.items():
            for key, why, fix in conflicts(class_name, config):
                yield Fault(f"the setting {key} of {class_name} cannot be {config[key]!r}", why, fix, "checkpoint")

    def _absent(self, class_name: str, fix: str, about: str = "checkpoint") -> Iterator[Fault]:
        """A fault where a class needs a package that is not installed."""
        package = PACKAGES.get(class_name)
        if package is not None and find_spec(package) is None:
            why = f"it needs the package {package}, which is not installed"
            fix = f"install it: pip install {package}; or {fix}"
            yield Fault(f"{class_name} cannot be used here", why, fix, about)

    def most_steps(self, wanted: int, *, moved: bool, whole: bool) -> int:
        """The most denoising steps that it can run, not above those that are wanted.

        Args:
            wanted: steps.
            whole: whether all of them are run, also the noisiest.
            moved: whether the pipeline's class sets steps_offset to 1 where the checkpoint says something else.
        """
        config = self.config
        if moved and "steps_offset" in config and "steps_offset" not in self.changes:
            config["steps_offset"] = 1
        return most_steps(self.class_name, config, wanted, whole=whole)

    @property
    def from_noise_only(self) -> bool:
        """Whether it cannot start from a picture or from latents."""
        return self.class_name in FROM_NOISE_ONLY

    def resumes(self, eta: float) -> bool:
        """Whether it goes on exactly where another stage stopped."""
        wanted = RESUMING.get(self.class_name)
        config = {**self.config, "eta": eta}
        return wanted is not None and all(config.get(key) == value for key, value in wanted.items())

    def noise(self, fraction: float, steps: int) -> Noise:
        """What is known of latents that it leaves, or takes, noisy at `fraction` of `steps`."""
        return Noise(fraction, self.class_name, json.dumps(self.config, sort_keys=True), steps)


def _complete(class_name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a class, as it has them where its config says `told`."""
    known = class_defaults().get(class_name, {})
    return {**known, **{key: value for key, value in told.items() if key in known}}
