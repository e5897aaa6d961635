"""The environment of a run's steps: everything besides the recipe on which results depend.

What torch reports about a machine is remembered in the store, so a run that finds all its results there does not import
torch. If a step has to be executed, torch is asked before the first one; another answer replaces the remembered one.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

from graphflow.execute.events import Event, TorchReported
from graphflow.execute.resources import Libraries
from graphflow.plan.plan import Plan
from graphflow.store.store import Store
from graphflow.system.machine import description, set_variables


class Environments:
    """The environments of a plan's steps, as texts for recipe keys.

    Args:
        plan: of the run.
        store: remembers what torch reported; None if nothing is remembered.
        libraries: imported when torch has to be asked; None if it is never asked, and only remembered facts count.
        send: called with the facts as soon as they are known.

    Attributes:
        assumed: whether the facts are remembered ones, which torch has not confirmed in this process.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store | None,
        libraries: Libraries | None = None,
        send: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._uses_torch = plan.uses_torch
        self._compute = plan.checked.compute
        self._store = store
        self._libraries = libraries
        self._send = send
        self._facts: Mapping[str, Any] | None = None
        self._texts: dict[str, str | None] = {}
        self._asked = False

    @property
    def assumed(self) -> bool:
        return self._facts is not None and not self._asked

    def text(self, kind: str) -> str | None:
        """The environment of steps of this kind, `pure` or `torch`; None if it is not known."""
        if kind not in self._texts:
            self._texts[kind] = self._text(kind)
        return self._texts[kind]

    def recall(self) -> None:
        """Use the facts that the store remembers; if it has none, ask torch if that is possible."""
        if not self._uses_torch or self._store is None or self._asked:
            return
        if self._libraries is None or not self._libraries.ready:
            remembered = self._remembered()
            if remembered is not None:
                self._use(remembered)
                return
        if self._libraries is not None:
            self.ask()

    def ask(self) -> None:
        """Import the libraries and ask torch, once in a run; called before a step computes with torch.

        Raises:
            ImportError: torch cannot be imported.
            GraphflowError: a run in another thread computes with another number of threads.
        """
        if self._asked or self._libraries is None:
            return
        self._libraries.require()
        self._asked = True
        from graphflow.values.tensors import settings

        try:
            reported = settings(self._compute.device)
        except RuntimeError:
            # The device cannot be used, which the step reports itself.
            return
        if reported != self._facts:
            self._use(reported)
            if self._store is not None:
                # A store that fails is reported at the first step that uses it.
                with contextlib.suppress(Exception):
                    self._store.report(self._machine, json.dumps(reported, sort_keys=True))

    def _remembered(self) -> Mapping[str, Any] | None:
        with contextlib.suppress(Exception):
            known = None if self._store is None else self._store.facts(self._machine)
            facts = None if known is None else json.loads(known)
            return facts if isinstance(facts, dict) else None
        return None

    @functools.cached_property
    def _machine(self) -> str:
        return description(self._compute.device, self._compute.threads)

    def _use(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts
        self._texts.pop("torch", None)
        self._send(TorchReported(facts))

    def _text(self, kind: str) -> str | None:
        """For `pure`, the versions of Pillow and numpy; for `torch`, more versions, the facts and variables."""
        if kind == "pure":
            return _versions("Pillow", "numpy")
        if self._facts is None:
            return None
        # The number of threads is one of the facts, however it was set.
        variables = {name: value for name, value in set_variables().items() if name != "OMP_NUM_THREADS"}
        facts = json.dumps([self._facts, variables], sort_keys=True)
        return f"{_versions('Pillow', 'numpy', 'torch', 'diffusers', 'transformers')} {facts}"


@functools.cache
def _versions(*packages: str) -> str:
    return " ".join(f"{package} {metadata.version(package)}" for package in packages)
