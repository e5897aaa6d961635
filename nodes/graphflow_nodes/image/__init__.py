"""Node types that take or return pictures."""
