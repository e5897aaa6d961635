"""Advisory locks on files, which end with the process that holds them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    from filelock import FileLock as _FileLock
    from filelock import Timeout
else:
    import fcntl


class FileLock:
    """A lock that one thread of one process holds at a time.

    Each object is a holder of its own, also within a thread. On Unix it is one call of `flock`: the class of filelock
    takes 0.2 ms, longer than many steps, and its import as long as a small run. The file stays when the lock is
    released, since a process that waits for a removed file would hold another lock than one that creates it again.

    Args:
        path: the file, in a folder that exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if sys.platform == "win32":
            self._lock = _FileLock(path, timeout=0, thread_local=False)
        else:
            self._number: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free, without waiting; returns whether it is held now.

        Raises:
            OSError: the file cannot be opened, or its file system has no locks.
        """
        if sys.platform == "win32":
            try:
                self._lock.acquire()
            except Timeout:
                return False
            return True
        number = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(number)
            return False
        except BaseException:
            os.close(number)
            raise
        self._number = number
        return True

    def release(self) -> None:
        """Release the lock, if it is held."""
        if sys.platform == "win32":
            self._lock.release()
        elif self._number is not None:
            number, self._number = self._number, None
            # Closing is not enough: a process that was forked meanwhile has the file open, too.
            fcntl.flock(number, fcntl.LOCK_UN)
            os.close(number)
