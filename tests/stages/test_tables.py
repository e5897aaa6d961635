"""Tables that stand for the installed libraries agree with them."""

from __future__ import annotations

import inspect
import json
from importlib.util import find_spec

import diffusers
import pytest

from graphflow.check.components import class_defaults
from graphflow_nodes.families import FAMILIES
from graphflow_nodes.ops.stage_params import Sampler
from graphflow_nodes.samplers import PACKAGES, SAMPLERS
from tests.check.make_class_defaults import defaults


def test_class_defaults_are_those_of_the_installed_classes():
    assert class_defaults() == json.loads(json.dumps(defaults()))


ENTRIES = {entry.pipeline: entry for family in FAMILIES for entry in family.stages.values()}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_family_defaults_are_those_of_the_diffusers_class(entry):
    parameters = inspect.signature(getattr(diffusers, entry.pipeline).__call__).parameters
    assert {name: parameters[name].default for name in entry.defaults} == dict(entry.defaults)


def test_every_name_of_a_sampler_is_a_choice_and_can_be_made():
    assert set(Sampler.__args__) == set(SAMPLERS)
    for class_name, changes in SAMPLERS.values():
        if class_name in PACKAGES and find_spec(PACKAGES[class_name]) is None:
            continue
        assert getattr(diffusers, class_name)(**changes)
