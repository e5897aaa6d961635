"""Random pictures and masks, and what a node type's plan function answers to them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphflow.catalog.authoring import Planned
from graphflow.catalog.node_type import MISSING
from graphflow.catalog.signature import node_type
from graphflow.values.coerce import coerce
from graphflow.values.facts import Facts, facts_of
from graphflow.values.raster import Image, Mask


def _picture(width: int, height: int, seed: int = 0) -> Image:
    return Image.of(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def _mask(width: int, height: int, seed: int = 0) -> Mask:
    return Mask.of(np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8))


def _planned(function: Callable[..., Any], **values: Any) -> Planned:
    """The answer of the node's plan function; a port's value may be given as `Facts`."""
    kind = node_type(function)
    assert kind.plan is not None
    unknown = set(values) - set(kind.ports) - set(kind.params)
    assert not unknown, unknown
    params = {
        name: param.accept(values[name]) if name in values else param.default for name, param in kind.params.items()
    }
    assert MISSING not in params.values()
    facts = {
        name: values[name] if isinstance(values[name], Facts) else facts_of(coerce(values[name], port.type))
        for name, port in kind.ports.items()
        if name in values
    }
    return kind.plan(facts, params, {}, frozenset(kind.outputs))


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image]:
    return _picture


@pytest.fixture(scope="session")
def mask() -> Callable[..., Mask]:
    return _mask


@pytest.fixture(scope="session")
def planned() -> Callable[..., Planned]:
    return _planned


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """The texts of everything that a node's plan function refuses; empty where it accepts."""

    def texts(function: Callable[..., Any], **values: Any) -> str:
        return "\n".join(
            f"{fault.code} {fault.about}: {fault.message} | {fault.why} | {fault.fix}"
            for fault in _planned(function, **values).problems
        )

    return texts
