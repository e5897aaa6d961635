"""The runner: executes a plan in the calling thread, one call after the other.

If the store knows a step's recipe, only the digests of its results are used. The value itself is read, or made again
if the store has lost it, only when a step that is executed or an output of the graph needs it. After a failure, all
steps that do not depend on it still run; a list output keeps the items that were finished.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Literal

from graphflow.execute.announcer import Announcer
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.environments import Environments
from graphflow.execute.events import Listener, RunFinished, RunStarted, StepNotRun
from graphflow.execute.forecast import forecast
from graphflow.execute.graph_outputs import GraphOutputs
from graphflow.execute.live_values import Held
from graphflow.execute.maker import Maker
from graphflow.execute.memory_measures import MemoryMeasures
from graphflow.execute.pool import Pool
from graphflow.execute.resources import Libraries
from graphflow.execute.result import Cancelled, Result
from graphflow.execute.step_call import Caller
from graphflow.execute.step_problems import reason_of
from graphflow.execute.store_use import Kept
from graphflow.plan.plan import Plan
from graphflow.store.store import Store


class Run:
    """One execution of a plan.

    Args:
        plan: the plan to run.
        store: where results are looked up and kept; None keeps nothing and computes no keys.
        pool: loads the components.
        libraries: imported when a step first needs them.
        listener: called with every event, in this thread.
        cancellation: can stop the run between steps, after a load, and whenever a step reports progress.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        store: Store | None,
        pool: Pool,
        libraries: Libraries,
        listener: Listener | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.plan = plan
        self.result = Result(plan.checked.seed, skipped=dict(plan.skipped), absent=dict(plan.absent))
        self._pool = pool
        self._store = store
        self._cancellation = cancellation or Cancellation()
        # None of these refers back to the run, so it and its result are freed as soon as the caller drops them.
        self._announcer = announcer = Announcer(listener, self.result)
        self._environments = Environments(plan, store, libraries, announcer.send)
        self._kept = Kept(store, len(plan.steps), self._environments.text, announcer.store_failed)
        self._held = Held(plan, self._kept)
        limit = min((most for most in (plan.limit, pool.budget) if most is not None), default=None)
        caller = Caller(self._held, pool, plan.lifetimes, limit, announcer, self._cancellation)
        measures = MemoryMeasures(pool, plan.checked.compute.device, announcer.send)
        self._maker = Maker(
            plan, self.result, self._held, self._kept, caller, measures, self._environments, announcer,
            self._cancellation,
        )  # fmt: skip
        self._outputs = GraphOutputs(plan, self.result, self._held, self._maker, announcer)

    def execute(self) -> Result:
        """Run all steps.

        Raises:
            Cancelled: the run was cancelled; the result so far is in `result`.
            Exception: the listener raised it; the run ends, and `result` has the state `error`.
        """
        start = time.perf_counter()
        self.result.state = "cancelled"
        try:
            self._execute_all(start)
        except (Cancelled, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.result.error = reason_of(error)
            # A listener that failed may fail again; its first error is the one to report.
            with contextlib.suppress(Exception):
                self._end("error", start)
            raise
        finally:
            self._held.clear()
            self._kept.end()
            self._store = None
        return self.result

    def _execute_all(self, start: float) -> None:
        try:
            if self._announcer.listener is not None:
                self._announcer.send(RunStarted(tuple(step.path for step in self.plan.steps)))
            self._begin()
            self._outputs.start()
            for unit in self.plan.units():
                self._cancellation.check()
                self._make(unit)
            self._end("failed" if self.result.failed else "done", start)
        except (Cancelled, KeyboardInterrupt) as error:
            if isinstance(error, Cancelled):
                error.result = self.result
            self._outputs.cancel()
            self._end("cancelled", start)
            raise

    def _begin(self) -> None:
        """Find out what torch reports; it is imported now only if the store cannot give the result of every step."""
        self._environments.recall()
        if self._environments.assumed and self._store is not None:
            chances = forecast(self.plan, self._store, self._environments)
            executed = [step for step, one in zip(self.plan.steps, chances, strict=True) if one.state == "run"]
            if any(step.function.environment == "torch" for step in executed):
                self._environments.ask()

    def _make(self, unit: Sequence[int]) -> None:
        """Look up or execute steps; those of a batch that cannot be executed don't keep back the others."""
        bad, steps = self._maker.bad, self.plan.steps
        reasons: dict[int, str] = {}
        if len(unit) > 1 and bad:
            reasons = {number: bad[one] for number in unit for one in steps[number].reads if one in bad}
        able = [number for number in unit if number not in reasons] if reasons else unit
        if able:
            reasons |= self._maker.obtain(able)
        for number, why in reasons.items():
            if number not in bad:
                self._not_run(number, why)
        for number in unit:
            for producer in steps[number].reads:
                self._held.release(producer)
            self._outputs.done(number)

    def _not_run(self, number: int, why: str) -> None:
        path = self.plan.steps[number].path
        self._maker.bad[number] = why
        self.result.not_run[path] = why
        self._announcer.send(StepNotRun(path, why))

    def _end(self, state: Literal["done", "failed", "cancelled", "error"], start: float) -> None:
        self.result.state = state
        self.result.seconds = time.perf_counter() - start
        # If a result was in the store's index but had to be made again, it was not taken from the store.
        executed = {*self.result.executed, *self.result.failed}
        self.result.cached = [path for path in self.result.cached if path not in executed]
        self._held.clear()
        self._pool.shrink(self._announcer.listener)
        self._announcer.send(RunFinished(state, self.result.seconds))
