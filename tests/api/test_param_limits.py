"""Numbers that the limits of a param allow are those that pydantic allows."""

from typing import Annotated

import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt, MultipleOf
from pydantic import TypeAdapter, ValidationError

import graphflow as gf
from graphflow.catalog.signature import node_type

LIMITS = [Ge(2), Gt(2), Le(2), Lt(2), MultipleOf(2), Interval(ge=1, lt=3)]


def pydantic_allows(annotation, value):
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True


def allows(param, value):
    try:
        param.accept(value)
    except gf.InvalidValue:
        return False
    return True


@pytest.mark.parametrize("limit", LIMITS, ids=repr)
@pytest.mark.parametrize("type_", [int, float])
def test_the_same_numbers_are_allowed(limit, type_):
    def doubled(*, number: Annotated[type_, limit]) -> float:
        """Return twice the number."""
        return 2 * number

    doubled.__annotations__ = {"number": Annotated[type_, limit], "return": float}
    param = node_type(gf.node(version=1)(doubled)).params["number"]
    for value in (-3, 0, 1, 2, 3, 4, 2**70):
        assert allows(param, value) == pydantic_allows(param.annotation, type_(value)), value


def test_a_refusal_says_what_the_limit_is():
    def doubled(*, number: Annotated[int, Ge(2), Lt(5)]) -> float:
        """Return twice the number."""
        return 2 * number

    doubled.__annotations__ = {"number": Annotated[int, Ge(2), Lt(5)], "return": float}
    param = node_type(gf.node(version=1)(doubled)).params["number"]
    with pytest.raises(gf.InvalidValue, match="it must be less than 5"):
        param.accept(5)
