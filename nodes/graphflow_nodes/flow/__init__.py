"""Node types that select which part of a graph runs."""
