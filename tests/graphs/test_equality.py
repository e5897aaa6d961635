"""Every graph gives the bytes of the script written by hand, and other bytes for another seed."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as gf
from tests.graphs.library import CHECKPOINTS, GRAPHS, checkpoints
from tests.plain import flows

SIZE = {"width": flows.SIDE, "height": flows.SIDE}
PICTURE, FILL = ("image", *SIZE), ("image", "mask", *SIZE)
GIVEN = {
    "steps": flows.STEPS,
    "guidance_scale": flows.GUIDANCE,
    "strength": flows.STRENGTH,
    "strengths": list(flows.STRENGTHS),
    "guidance_scales": list(flows.SCALES),
    "prompt": flows.PROMPT,
    "negative_prompt": flows.NEGATIVE,
    "fill_prompt": flows.NEXT,
    "polish_prompt": flows.NEXT,
    "weighted_prompts": list(flows.WEIGHTED),
    "prompts": [flows.PROMPT, flows.NEXT, flows.LAST],
    "softness": flows.BLUR,
    "inset": -flows.INSET,
    "padding_mask_crop": flows.CROP,
    "scale": flows.SCALE,
    "polish_strength": flows.STRENGTH,
    "large_width": flows.LARGE,
    "large_height": flows.LARGE,
    "split": flows.SPLIT,
    "upscale_steps": flows.UPSCALE_STEPS,
    "box": list(flows.BOX),
    **SIZE,
}
"""What every graph that has an input of this name is given."""


def pictures(value) -> list[np.ndarray]:
    """The pixels of an output: a picture, a list of them, or an animation."""
    if isinstance(value, gf.Animation):
        return [frame.array for frame in value.frames]
    return [one.array for one in value] if isinstance(value, list | tuple) else [value.array]


def arrays(value: np.ndarray | list[np.ndarray]) -> list[np.ndarray]:
    return value if isinstance(value, list) else [value]


def equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.mark.parametrize("flow", flows.FLOWS, ids=lambda flow: flow.__name__)
def test_the_graph_equals_the_script(tiny, photo, mask, flow):
    name = flow.__name__
    graph = gf.load(GRAPHS[name])
    known = GIVEN | {"image": photo, "mask": mask, "seed": 5}
    inputs = {key: value for key, value in known.items() if key in graph.document.inputs}
    made = gf.run(graph, inputs=inputs | checkpoints(name, tiny))
    expected, other = (flow(tiny, photo, mask, seed=seed) for seed in (5, 6))
    assert {*expected} == {*made.outputs} - {"sheet"}
    for output, value in expected.items():
        assert equal(pictures(made[output]), arrays(value)), output
        assert not equal(arrays(value), arrays(other[output])), output


def test_every_graph_with_a_checkpoint_has_a_script():
    assert {flow.__name__ for flow in flows.FLOWS} == {*CHECKPOINTS}
    with_checkpoint = {
        name
        for name, path in GRAPHS.items()
        if any("checkpoint" in str(declared.type) for declared in gf.load(path).document.inputs.values())
    }
    assert with_checkpoint == {*CHECKPOINTS}
