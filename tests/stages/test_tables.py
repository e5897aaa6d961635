"""Tables that stand for the installed libraries agree with them."""

from __future__ import annotations

import inspect
import json
from importlib.util import find_spec

import diffusers
import pytest

from graphflow.catalog.catalog import default_catalog
from graphflow_nodes.families.default_texts import shipped
from graphflow_nodes.models.defaults import class_defaults
from graphflow_nodes.models.make_class_defaults import defaults
from graphflow_nodes.models.samplers import PACKAGES, SAMPLERS
from graphflow_nodes.planning.stage_params import Sampler


def test_class_defaults_are_those_of_the_installed_classes():
    assert class_defaults() == json.loads(json.dumps(defaults()))


ENTRIES = [(stage, entry) for family in shipped() for stage, entry in family.stages.items()]


@pytest.mark.parametrize(("stage", "entry"), ENTRIES, ids=lambda one: getattr(one, "pipeline", one))
def test_family_defaults_are_those_of_the_diffusers_class(stage, entry):
    """Of every param that the stage's node and the class both have, but the size, which the checkpoint decides.

    None says that the class decides itself.
    """
    parameters = dict(inspect.signature(getattr(diffusers, entry.pipeline).__call__).parameters)
    if entry.before:
        # What the steps before the class read, the class that does all of them has.
        whole = getattr(diffusers, f"{entry.pipeline.removesuffix('Pipeline')}CombinedPipeline")
        parameters |= {name: inspect.signature(whole.__call__).parameters[name] for name in entry.before}
    shared = parameters.keys() & default_catalog()[stage.partition("+")[0]].params.keys()
    told = {name: parameters[name].default for name in {*shared, *entry.defaults} - {"seed", "height", "width"}}
    assert {name: value for name, value in told.items() if value is not None} == {
        name: value for name, value in entry.defaults.items() if value is not None
    }
    assert set(entry.defaults) <= set(parameters)


def test_every_name_of_a_sampler_is_a_choice_and_can_be_made():
    assert set(Sampler.__args__) == set(SAMPLERS)
    for class_name, changes in SAMPLERS.values():
        if class_name in PACKAGES and find_spec(PACKAGES[class_name]) is None:
            continue
        assert getattr(diffusers, class_name)(**changes)
