"""Exit codes: done, a step failed, the graph or the call is wrong, interrupted."""

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
