"""What holds for every node type of the library."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import graphflow_nodes
from graphflow.catalog.catalog import Catalog
from graphflow.cli.plan_table import short_summary
from graphflow.values.facts import facts_of
from graphflow.values.raster import Raster
from graphflow_nodes import NODES

PACKAGE = Path(graphflow_nodes.__file__).parent
CATALOG = Catalog({entry.rpartition(":")[2]: entry for entry in NODES}, shipped_version="1")

SIDES = st.integers(1, 40)
EXAMPLES = {
    "crop": [{"width": 5, "height": 4, "anchor": "top_right"}, {"left": 2, "top": 1}, {"height": 3}],
    "image_grid": [{"columns": 2}, {"captions": ["a", "b c", "d " * 99], "gap": 3}, {"rows": 3, "caption_size": 9}],
    "mask_blur": [{}, {"blur_factor": 0}],
    "mask_combine": [{"operation": "xor"}],
    "mask_from_color": [{"color": "teal"}],
    "mask_grow": [{"pixels": 4}, {"pixels": -2, "shape": "square"}],
    "mask_invert": [{}],
    "mask_shape": [
        {"shape": "ellipse", "box": (0, 0, 1, 0.5)},
        {"shape": "polygon", "points": (0, 0, 1, 0.5, 0.2, 1)},
    ],
    "mask_threshold": [{"threshold": 0.3}],
    "overlay": [{}, {"mode": "binary"}],
    "pad": [{"left": 3, "bottom": 2}, {"top": 1, "right": 1, "color": "#123456"}],
    "resize": [
        {"width": 9},
        {"height": 7, "multiple_of": 4},
        {"width": 9, "height": 7, "fit": "contain"},
        {"width": 9, "height": 7, "fit": "cover"},
        {"multiple_of": 8},
    ],
}
CASES = [(name, params) for name, sets in EXAMPLES.items() for params in sets]


def ports_of(name, params, picture, mask, width, height):
    """A value for each port of the node type that is not among `params`, all pictures of one size."""
    values = {}
    for port in CATALOG[name].ports.values():
        if str(port.type) == "list of image":
            values[port.name] = [picture(width, height, 1), picture(height, width, 2), picture(width, width, 3)]
        elif not port.optional or (port.name == "like" and name == "mask_shape"):
            values[port.name] = mask(width, height) if str(port.type) == "mask" else picture(width, height)
    return {key: value for key, value in values.items() if key not in params}


def call(name, values):
    """The node's results by output name."""
    function = CATALOG[name].function.call
    ports = [key for key in CATALOG[name].ports if key in values]
    result = function(**{key: values[key] for key in ports}, **{k: v for k, v in values.items() if k not in ports})
    names = list(CATALOG[name].outputs)
    return dict(zip(names, result if len(names) > 1 else (result,), strict=True))


@pytest.mark.parametrize(("name", "params"), CASES)
@given(width=SIDES, height=SIDES)
def test_planned_sizes_are_those_of_the_results(name, params, picture, mask, planned, width, height):
    kind = CATALOG[name]
    values = {**ports_of(name, params, picture, mask, width, height), **params}
    outputs = {}
    if kind.plan is not None:
        answer = planned(kind.function.call, **values)
        assume(not answer.problems)
        outputs = dict(answer.outputs)
    for output in kind.outputs.values():
        if output.size_of:
            outputs.setdefault(output.name, facts_of(values[output.size_of]))
    for output, result in call(name, values).items():
        assert outputs[output].size == result.size


@pytest.mark.parametrize(("name", "params"), CASES)
def test_inputs_stay_unchanged_and_results_repeat(name, params, picture, mask):
    values = {**ports_of(name, params, picture, mask, 12, 10), **params}
    rasters = [value for value in values.values() if isinstance(value, Raster)]
    before = [value.pixels for value in rasters]
    assert call(name, values) == call(name, values)
    assert [value.pixels for value in rasters] == before


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_every_node_says_what_it_and_its_params_do(name):
    kind = CATALOG[name]
    assert kind.summary
    assert [param.name for param in kind.params.values() if not param.doc] == []


def test_list_names_every_node_file_once_and_sorted():
    files = [
        path
        for group in ("conditioning", "flow", "image", "latents", "mask", "stages")
        for path in (PACKAGE / group).glob("[!_]*.py")
    ]
    modules = {f"graphflow_nodes.{path.parent.name}.{path.stem}:{path.stem}" for path in files}
    assert list(NODES) == sorted(modules)


def test_reading_every_node_type_leaves_heavy_libraries_unloaded():
    program = (
        "import sys, graphflow_nodes\n"
        "assert not [m for m in sys.modules if m.startswith('graphflow.') or m.startswith('graphflow_nodes.')]\n"
        "from graphflow.catalog.catalog import Catalog\n"
        "catalog = Catalog({e.rpartition(':')[2]: e for e in graphflow_nodes.NODES}, shipped_version='1')\n"
        "names = [catalog[name].name for name in catalog]\n"
        "print(len(names), *[m for m in ('torch', 'diffusers', 'transformers', 'numpy', 'PIL') if m in sys.modules])"
    )
    path = [str(PACKAGE.parent), *(p for p in sys.path if p)]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n" + program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.split() == [str(len(NODES))]


@pytest.mark.parametrize("name", CATALOG)
def test_a_plan_says_in_a_few_words_what_a_node_does(name):
    summary = CATALOG[name].function.summary
    assert summary == CATALOG[name].summary.removesuffix(".")
    words = short_summary(summary)
    assert 10 < len(words) <= 50
    assert not words.endswith("...")
