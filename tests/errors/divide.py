"""A file of nodes whose failure shows its line."""

from graphflow import node


def _quotient(value: int, by: int) -> int:
    return value // by


@node()
def divides(*, by: int = 1) -> int:
    """Divide in a function of its own file."""
    return _quotient(1, by)
