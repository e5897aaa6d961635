"""Plan: what will run, in which order, what it loads and when each value is done with."""
