"""`python -m graphflow` and the script `graphflow`: the command line, with little imported before it."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys

INTERRUPTED = 130


def main() -> int:
    """Import the command line and run it; Ctrl-C leaves no traceback, before and after it either.

    Returns:
        The exit code.
    """
    # Another handler is somebody's wish: a shell lets programs in the background ignore Ctrl-C.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, _end)
    from graphflow.cli import main as command_line

    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return command_line()
    except KeyboardInterrupt:
        # In the few lines around the command line, which has handlers of its own.
        return INTERRUPTED
    finally:
        # The process ends: a last search for garbage in all that diffusers and transformers bring takes half a second.
        gc.freeze()
        if ours:
            # All is written; what is left of the process may end wherever it is.
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end(*_: object) -> None:
    """End the process at once; nothing has begun that would have to be ended well."""
    with contextlib.suppress(OSError):
        os.write(2, b"graphflow: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
