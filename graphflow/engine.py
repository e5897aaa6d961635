"""The engine: runs graphs, and keeps components and results between runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from graphflow.catalog.catalog import Catalog
from graphflow.checkpoints.hub import Hub
from graphflow.checkpoints.remote import lacking
from graphflow.document.model import Document
from graphflow.errors import GraphflowError
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.download import download_files
from graphflow.execute.events import Event, Listener
from graphflow.execute.loader import load as load_component
from graphflow.execute.pool import Loader, Pool
from graphflow.execute.resources import Libraries, check_resources
from graphflow.execute.result import Result, RunFailed
from graphflow.execute.runner import Run
from graphflow.graph import Graph, load
from graphflow.plan.plan import Plan
from graphflow.store.memory_store import MemoryStore
from graphflow.store.store import Store
from graphflow.system.byte_sizes import parse_bytes
from graphflow.system.device import Compute
from graphflow.system.run_options import RunOptions, batch_size
from graphflow.system.warning_filters import no_errors
from graphflow.values.any_value import describe
from graphflow.values.picture_format import PictureFormat

if TYPE_CHECKING:
    from graphflow.record.recorder import Recorder


class Recording(Protocol):
    """An object that records a run: it receives every event before the listener does, and the result in any case."""

    def __call__(self, event: Event) -> None:
        """Record an event."""

    def close(self, result: Result) -> object:
        """Record the result, and finish."""


class Engine:
    """Runs graphs one after the other in the calling thread; two engines share nothing.

    Engines may run in several threads of a process. Since its libraries have settings that all threads share, no engine
    computes with torch while another one loads a component, and all must compute with the same number of threads.

    Args:
        catalog: the node types of graphs that are named by path or library name.
        memory_budget: most bytes for components, including those kept for the next run, and for what a step needs to
            compute, such as `8GiB`. A component that the run uses again is evicted only if necessary, and reloaded.
            None = 80 % of the memory of the GPU, or of the machine on a CPU.
        store: where results are kept between runs; by default up to 1 GiB in memory. `DiskStore()` keeps them for other
            processes, too.
        keep: False keeps no results, unless a store is given, and no components that a run no longer needs; for an
            engine that runs once.
        loader: loads model components.
        device: the device on which models run: `cpu`, `cuda`, `cuda:N`; None for a GPU if there is one, else the CPU.
        dtype: `float32`, `float16`, `bfloat16` for all models, `auto` for the faster one; None for the
            one that a checkpoint names, else float32 on a CPU and float16 on a GPU.
        threads: number of torch's threads on a CPU; None for torch's default, or for fewer if the quota of a container
            is less. It affects the last bits of results.
        attention: how attention is computed: `sdpa` (torch's own function), `eager`, `xformers`; None for `sdpa`.
        offload: what is in the CPU's memory instead of the GPU's: `none`, `model` for models that the running step does
            not use, `group` for all layers but the one that computes, `auto` for the first of these with which a plan
            fits the GPU's memory; None for `auto`. It does not change results.
        compile: whether torch compiles UNets: minutes for the first call, and then faster steps. It affects the last
            bits of results.
        vae_tiling: whether the VAE works in tiles on pictures larger than its own size. It takes less memory, and
            changes results.
        offline: whether to use only checkpoints on this machine, without requests to the model hub.
        malloc_tuning: whether glibc keeps freed memory for the next buffer while a run computes on a CPU, which saves
            page faults; afterwards the system gets it back. It does not change results.

    Raises:
        InvalidValue: device, dtype, threads or an option is not valid.
        GraphflowError: memory_budget is not a size.
    """

    def __init__(
        self,
        *,
        catalog: Catalog | None = None,
        memory_budget: int | str | None = None,
        store: Store | None = None,
        keep: bool = True,
        loader: Loader = load_component,
        device: str | None = None,
        dtype: str | None = None,
        threads: int | None = None,
        attention: str | None = None,
        offload: str | None = None,
        compile: bool = False,
        vae_tiling: bool = False,
        offline: bool = False,
        malloc_tuning: bool = True,
    ) -> None:
        options = RunOptions.of(attention=attention, offload=offload, compile=compile, vae_tiling=vae_tiling)
        self.compute = Compute.of(device, dtype, threads, options, malloc_tuning=malloc_tuning)
        self.hub = Hub(asks_nothing=offline)
        self.catalog = catalog
        self.store = store if store is not None or not keep else MemoryStore()
        self.pool = Pool(loader, None if memory_budget is None else parse_bytes(memory_budget), keep=keep)
        self._busy = threading.Lock()
        self._cancellation: Cancellation | None = None

    def run(
        self,
        graph: Graph | Document | Plan | str | Path,
        *,
        inputs: Mapping[str, Any] | None = None,
        seed: int | None = None,
        only: Sequence[str] = (),
        on_event: Listener | None = None,
        record: str | Path | None = None,
        overwrite: bool = False,
        format: str | None = None,
        quality: int | None = None,
        batch: int | str | None = None,
    ) -> Result:
        """Run a graph; first, files of the hub's checkpoints that are missing on this machine are downloaded.

        Args:
            graph: a graph, a document's path, a library graph's name, or a plan made before (then `inputs`,
                `seed`, `only`, device, dtype, threads and options are the plan's own).
            inputs: input name → value: plain values, paths of files, Pillow pictures, arrays, `gf.Image`.
            seed: the run's seed, from which stages without a seed derive theirs, and the value of an input named
                `seed` that `inputs` does not give; None for that input's value, or 0 if there is none.
            only: names of the outputs to compute, or results of any node (`fill`, `fill.image`); empty for all outputs.
            on_event: called with every event, in this thread.
            record: folder into which outputs, run.json, events and report are written; None writes no files.
            overwrite: whether files in that folder that no run of graphflow wrote may be replaced.
            format: of the pictures in that folder: `png`, `jpeg` or `webp`; None for what the graph says, else PNG.
            quality: of JPEG and WebP pictures, 1 to 100; None for what the graph says, else 90.
            batch: most steps that are computed in one call if they are alike, such as the items of a `for_each`; `auto`
                for as many as are fastest and fit the memory; None for one by one. It changes the last bits of results.

        Raises:
            InvalidGraph: the graph has problems; nothing was run.
            RunFailed: a step failed; `.result` holds everything that does not depend on it. Files that could not
                be written are named in its notes.
            Cancelled: `cancel` was called meanwhile; `.result` holds everything that was finished,
                and is None if no step had started.
            DownloadFailed: a checkpoint is missing on this machine and cannot be downloaded.
            InvalidValue: format, quality or batch is not valid.
            FileProblem: the graph cannot be read, or the folder or a file in it cannot be written.
            GraphflowError: this engine is already running a graph, or a run in another thread computes with another
                number of threads.
        """
        pictures = PictureFormat.of(format, quality)
        with self._running() as cancellation:
            plan = self._plan(graph, inputs, seed, only, batch)
            while self._download(plan, on_event, cancellation) and not isinstance(graph, Plan):
                # Downloaded components are identified by content, so another one that seemed equal may be missing too.
                plan = self._plan(graph, inputs, seed, only, batch)
            with self._ready(plan) as libraries:
                recorder = None if record is None else _recorder(plan, record, overwrite, pictures)
                result = self._execute(plan, libraries, on_event, recorder, cancellation)
        if result.failed:
            error = RunFailed(result)
            for problem in recorder.problems if recorder is not None else ():
                error.add_note(str(problem))
            raise error
        if recorder is not None:
            recorder.require()
        return result

    def download(self, plan: Plan, listener: Listener | None = None) -> bool:
        """Download the files of the hub that a plan needs and that are missing; returns whether there were any.

        Raises:
            Cancelled: `cancel` was called meanwhile.
            DownloadFailed: a file cannot be downloaded, or this engine is offline.
            GraphflowError: the plan cannot run on this machine, or the engine is already running a graph.
        """
        with self._running() as cancellation:
            return self._download(plan, listener, cancellation)

    def _download(self, plan: Plan, listener: Listener | None, cancellation: Cancellation) -> bool:
        files = lacking(plan.components)
        if files:
            check_resources(plan, self.pool.budget)
            download_files(files, self.hub, listener, cancellation)
        return bool(files)

    def execute(self, plan: Plan, listener: Listener | None = None, recorder: Recording | None = None) -> Result:
        """Run a plan; failures are in the result, and a recorder is closed in any case.

        Raises:
            Cancelled: `cancel` was called meanwhile.
            GraphflowError: the plan cannot run on this machine, or the engine is already running a graph.
        """
        with self._running() as cancellation, self._ready(plan) as libraries:
            return self._execute(plan, libraries, listener, recorder, cancellation)

    def _execute(
        self,
        plan: Plan,
        libraries: Libraries,
        listener: Listener | None,
        recorder: Recording | None,
        cancellation: Cancellation,
    ) -> Result:
        # The recorder comes first, so that an output is written even if the listener fails.
        both = _both(recorder, listener)
        run = Run(plan, store=self.store, pool=self.pool, libraries=libraries, listener=both, cancellation=cancellation)
        try:
            with contextlib.nullcontext() if self.store is None else self.store.running():
                return run.execute()
        finally:
            if recorder is not None:
                recorder.close(run.result)

    @contextlib.contextmanager
    def _running(self) -> Iterator[Cancellation]:
        """The time during which `cancel` has an effect; it includes planning."""
        alone = self._alone("this engine is running a graph already; use a second engine, or wait")
        with alone, no_errors():
            self._cancellation = cancellation = Cancellation()
            try:
                yield cancellation
            finally:
                self._cancellation = None

    @contextlib.contextmanager
    def _ready(self, plan: Plan) -> Iterator[Libraries]:
        """The time during which libraries and threads may be set up for a plan."""
        check_resources(plan, self.pool.budget)
        with Libraries(plan) as libraries:
            yield libraries

    @contextlib.contextmanager
    def _alone(self, why: str) -> Iterator[None]:
        """A time during which nothing else uses this engine; raises `GraphflowError` at once if it is in use."""
        if not self._busy.acquire(blocking=False):
            raise GraphflowError(why)
        try:
            yield
        finally:
            self._busy.release()

    def cancel(self) -> None:
        """Stop the current run, from another thread; does nothing if there is none."""
        # The run may end at any time, which sets the attribute to None.
        cancellation = self._cancellation
        if cancellation is not None:
            cancellation.requested = True

    def close(self) -> None:
        """Free all components and results; the engine can still be used afterwards.

        Raises:
            GraphflowError: the engine is running a graph, in this or another thread.
        """
        with self._alone("this engine cannot be closed while it runs a graph; cancel the run, and wait for its end"):
            self.pool.clear()
            if self.store is not None:
                self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _plan(
        self,
        graph: Graph | Document | Plan | str | Path,
        inputs: Mapping[str, Any] | None,
        seed: int | None,
        only: Sequence[str],
        batch: int | str | None,
    ) -> Plan:
        if isinstance(graph, Plan):
            return graph
        if isinstance(graph, (str, Path)):
            graph = load(graph, catalog=self.catalog)
        elif isinstance(graph, Document):
            graph = Graph.of(graph, catalog=self.catalog)
        elif not isinstance(graph, Graph):
            raise GraphflowError(f"{describe(graph)} is not a graph; give a Graph, or a path or name of one")
        compute = self.compute
        if batch is not None:
            compute = replace(compute, options=replace(compute.options, batch=batch_size(batch)))
        return graph.plan(inputs, seed=seed, only=only, compute=compute, hub=self.hub, memory_budget=self.pool.budget)


def run(
    graph: Graph | Document | Plan | str | Path,
    *,
    inputs: Mapping[str, Any] | None = None,
    seed: int | None = None,
    only: Sequence[str] = (),
    on_event: Listener | None = None,
    record: str | Path | None = None,
    overwrite: bool = False,
    format: str | None = None,
    quality: int | None = None,
    batch: int | str | None = None,
    catalog: Catalog | None = None,
    store: Store | None = None,
    device: str | None = None,
    dtype: str | None = None,
    threads: int | None = None,
    attention: str | None = None,
    offload: str | None = None,
    compile: bool = False,
    vae_tiling: bool = False,
    offline: bool = False,
    malloc_tuning: bool = True,
) -> Result:
    """Run a graph once, with an engine of its own that keeps nothing but results in a store; see `Engine`."""
    with Engine(
        catalog=catalog,
        store=store,
        keep=False,
        device=device,
        dtype=dtype,
        threads=threads,
        attention=attention,
        offload=offload,
        compile=compile,
        vae_tiling=vae_tiling,
        offline=offline,
        malloc_tuning=malloc_tuning,
    ) as engine:
        return engine.run(
            graph,
            inputs=inputs,
            seed=seed,
            only=only,
            on_event=on_event,
            record=record,
            overwrite=overwrite,
            format=format,
            quality=quality,
            batch=batch,
        )


def _recorder(plan: Plan, folder: str | Path, overwrite: bool, pictures: PictureFormat) -> Recorder:
    from graphflow.record.folder_claim import folder_of
    from graphflow.record.recorder import Recorder

    return Recorder(folder_of(folder), plan, overwrite=overwrite, pictures=pictures)


def _both(first: Listener | None, second: Listener | None) -> Listener | None:
    """A listener that calls two others in turn."""
    if first is None or second is None:
        return first or second

    def both(event: Event) -> None:
        first(event)
        second(event)

    return both
