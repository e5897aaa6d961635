"""Download files of the hub one after the other; each has its own thread, events are sent in the caller's."""

from __future__ import annotations

import queue
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from graphflow.checkpoints.hub import Hub
from graphflow.checkpoints.hub_cache import cache_folder
from graphflow.checkpoints.hub_client import StoppedError, download
from graphflow.checkpoints.hub_errors import no_space
from graphflow.checkpoints.remote import Lacking
from graphflow.document.refusal import Refusal
from graphflow.errors import DownloadFailed
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.events import DownloadFinished, DownloadProgress, DownloadStarted, Listener
from graphflow.text_helpers.words import counted, size_text

_PAUSE = 0.1
"""Seconds between two checks of a download's progress, and between two events for it."""


def download_files(files: Sequence[Lacking], hub: Hub, listener: Listener | None, cancellation: Cancellation) -> None:
    """Download files into the hub's cache.

    Args:
        files: the files that are missing on this machine.
        hub: knows whether requests are allowed.
        listener: called with events, in this thread; None for none.
        cancellation: ends the downloads; files that are complete are kept.

    Raises:
        DownloadFailed: a file cannot be downloaded, requests are not allowed, or there is not enough space.
        Cancelled: the run was cancelled.
    """
    names, nbytes = list(dict.fromkeys(f.repository.name for f in files)), sum(f.file.size for f in files)
    if hub.offline:
        message = f"{' and '.join(names)} must be downloaded first"
        count = f"{counted(len(files), 'file')} of {size_text(nbytes)} {'is' if len(files) == 1 else 'are'}"
        fix = hub.remedy(" ".join(names))
        why = f"{count} not on this machine, and {hub.offline}"
        raise DownloadFailed(message, "checkpoint-missing", why=why, fix=fix)
    _require_space(names, nbytes)
    for file in files:
        cancellation.check()
        _Download(file, listener, cancellation).run()


def _require_space(names: Sequence[str], needed: int) -> None:
    folder = cache_folder()
    existing = next((path for path in (folder, *folder.parents) if path.is_dir()), Path("/"))
    with suppress(OSError):
        if (free := shutil.disk_usage(existing).free) < needed:
            raise _failed(no_space(" and ".join(names), f"{size_text(needed)}, and {existing} has {size_text(free)}"))


def _failed(refusal: Refusal) -> DownloadFailed:
    return DownloadFailed(refusal.message, refusal.code, why=refusal.why, fix=refusal.fix)


class _Download:
    """The download of a file. If the caller stops waiting for it, its thread ends at the next report of progress."""

    def __init__(self, wanted: Lacking, listener: Listener | None, cancellation: Cancellation) -> None:
        self._wanted, self._listener, self._cancellation = wanted, listener or _ignore, cancellation
        self._repository, self._file = wanted.repository.name, wanted.file
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._stopped = False
        self._done = 0

    def run(self) -> None:
        """Download the file; returns when it is complete."""
        start, size = time.monotonic(), self._file.size
        self._listener(DownloadStarted(self._repository, self._file.path, size))
        # A library that waits for the network cannot be interrupted, so it runs in a daemon thread.
        threading.Thread(target=self._work, name="graphflow-download", daemon=True).start()
        try:
            error = self._wait()
        finally:
            self._stopped = True
        if isinstance(error, Refusal):
            raise _failed(error) from error
        if error is not None:
            raise error
        self._listener(DownloadFinished(self._repository, self._file.path, size, time.monotonic() - start))

    def _wait(self) -> BaseException | None:
        shown = 0
        while True:
            try:
                return self._ended.get(timeout=_PAUSE)
            except queue.Empty:
                self._cancellation.check()
            done = min(max(self._done, 0), self._file.size)
            if done != shown:
                shown = done
                self._listener(DownloadProgress(self._repository, self._file.path, done, self._file.size))

    def _work(self) -> None:
        try:
            download(self._wanted.repository, self._file, self._tick)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._ended.put(error)
        else:
            self._ended.put(None)

    def _tick(self, count: int) -> None:
        self._done += count
        if self._stopped:
            raise StoppedError


def _ignore(_: object) -> None:
    return None
