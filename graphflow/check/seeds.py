"""The run's seed and an input named `seed`: one rule for the command line and Python.

A given seed is also the value of the input `seed`, if that is an int and the call does not set it otherwise. Without a
given seed, the run's seed is the value of that input, so that results and records name the seed that made the
pictures. Without both, it is 0. The option `run_seed` of a template is a given seed for what is inside.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from graphflow.check.sources import NodeSource
from graphflow.document.model import Document, InputDecl
from graphflow.values.sources import Value
from graphflow.values.types import INT

SEED = "seed"


SEEDS = 2**64
"""Seeds are smaller than this."""


def is_run_seed(decl: InputDecl | None) -> bool:
    """Whether the value of an input is the seed of a run."""
    return decl is not None and decl.name == SEED and decl.type == INT


def sets_input(document: Document, given: Container[str]) -> bool:
    """Whether a given seed becomes the value of an input; `given` are the inputs that the call sets."""
    return is_run_seed(document.inputs.get(SEED)) and SEED not in given


def run_seed(seed: int | None, document: Document, inputs: Mapping[str, NodeSource]) -> int:
    """The run's seed, once the inputs have their values."""
    if seed is not None:
        return seed
    source = inputs.get(SEED)
    if not isinstance(source, Value) or not is_run_seed(document.inputs[SEED]) or not isinstance(source.value, int):
        return 0
    return source.value
