"""The run's seed and an input named `seed`: one rule for the command line and Python.

A given seed is also the value of the input `seed`, if that is an int and the call does not set it otherwise. Without a
given seed, the run's seed is the value of that input, so that results and records name the seed that made the
pictures. Without both, it is 0.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from graphflow.check.sources import NodeSource
from graphflow.document.model import Document
from graphflow.values.sources import Value
from graphflow.values.types import INT

SEED = "seed"


def sets_input(document: Document, given: Container[str]) -> bool:
    """Whether a given seed becomes the value of an input; `given` are the inputs that the call sets."""
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
