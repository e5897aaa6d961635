"""Downloads files of the hub: one after the other, in a thread of their own, with events in the caller's thread."""

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
"""Seconds between two looks at how far a download is, and between two events of its progress."""


def download_files(files: Sequence[Lacking], hub: Hub, listener: Listener | None, cancellation: Cancellation) -> None:
    """Download files into the hub's cache.

    Args:
        files: that are not on this machine.
        hub: says whether it may be asked.
        listener: told how far it is, in this thread.
        cancellation: ends it; files that are whole stay.

    Raises:
        DownloadFailed: a file cannot be downloaded, the hub may not be asked, or there is no space for all of them.
        Cancelled: it was cancelled.
    """
    names, nbytes = list(dict.fromkeys(one.repository.name for one in files)), sum(one.file.size for one in files)
    if hub.offline:
        message = f"{' and '.join(names)} must be downloaded first"
        count = f"{counted(len(files), 'file')} of {size_text(nbytes)} {'is' if len(files) == 1 else 'are'}"
        fix = hub.remedy(" ".join(names))
        why = f"{count} not on this machine, and {hub.offline}"
        raise DownloadFailed(message, "checkpoint-missing", why=why, fix=fix)
    _require_space(names, nbytes)
    for one in files:
        cancellation.check()
        _Download(one, listener, cancellation).run()


def _require_space(names: Sequence[str], needed: int) -> None:
    folder = cache_folder()
    there = next((path for path in (folder, *folder.parents) if path.is_dir()), Path("/"))
    with suppress(OSError):
        if (free := shutil.disk_usage(there).free) < needed:
            raise _failed(no_space(" and ".join(names), f"{size_text(needed)}, and {there} has {size_text(free)}"))


def _failed(refusal: Refusal) -> DownloadFailed:
    return DownloadFailed(refusal.message, refusal.code, why=refusal.why, fix=refusal.fix)


class _Download:
    """One file. Its thread ends at its next sign of progress if the caller has stopped waiting for it."""

    def __init__(self, wanted: Lacking, listener: Listener | None, cancellation: Cancellation) -> None:
        self._wanted, self._tell, self._cancellation = wanted, listener or _nobody, cancellation
        self._repository, self._file = wanted.repository.name, wanted.file
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._stopped = False
        self._done = 0

    def run(self) -> None:
        """Download it."""
        start, size = time.monotonic(), self._file.size
        self._tell(DownloadStarted(self._repository, self._file.path, size))
        # A library that waits for the network cannot be interrupted, so the end of the process doesn't wait for it.
        threading.Thread(target=self._work, name="graphflow-download", daemon=True).start()
        try:
            error = self._wait()
        finally:
            self._stopped = True
        if isinstance(error, Refusal):
            raise _failed(error) from error
        if error is not None:
            raise error
        self._tell(DownloadFinished(self._repository, self._file.path, size, time.monotonic() - start))

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
                self._tell(DownloadProgress(self._repository, self._file.path, done, self._file.size))

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


def _nobody(_: object) -> None:
    return None
