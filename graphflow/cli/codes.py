"""Exit codes: done; a step failed or output could not be printed or written; graph or call wrong; interrupted."""

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
