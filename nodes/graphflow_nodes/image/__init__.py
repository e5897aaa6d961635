"""Node types that take or give pictures."""
