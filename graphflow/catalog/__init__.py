"""Node types: how they are written, read from their functions, and listed."""
