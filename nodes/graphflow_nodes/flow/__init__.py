"""Node types that decide which part of a graph runs."""
