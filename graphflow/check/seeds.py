"""The run's seed and an input named `seed`: the one rule for the command line and for Python.

A seed that is given is the value of the input `seed` too, where that is a whole number and has no value of its own
in the call. Without one, the input's value is the run's seed, so that what a result and its record say is the seed
that made the pictures. Without both, it is 0.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from graphflow.check.sources import NodeSource
from graphflow.document.model import Document
from graphflow.values.sources import Value
from graphflow.values.types import INT

SEED = "seed"


def sets_input(document: Document, given: Container[str]) -> bool:
    """Whether a seed that is given becomes the value of an input; `given` are the inputs with values of their own."""
    decl = document.inputs.get(SEED)
    return decl is not None and decl.type == INT and SEED not in given


def run_seed(seed: int | None, document: Document, inputs: Mapping[str, NodeSource]) -> int:
    """The run's seed, once the inputs have their values."""
    if seed is not None:
        return seed
    source = inputs.get(SEED)
    if not isinstance(source, Value) or document.inputs[SEED].type != INT or not isinstance(source.value, int):
        return 0
    return source.value
