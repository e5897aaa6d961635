"""The scripts that graphflow is measured against paint what graphflow paints."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest
from PIL import Image

import graphflow as gf
from graphflow import library
from tests.benchmarks.ways.cases import CASES
from tests.benchmarks.ways.child import digest
from tests.benchmarks.ways.scripts.given import Given

SMALL = {case.name: case for case in CASES if case.group == "small"}
OF_TINY = {
    "real_chain": {"checkpoint": "sd"},
    "real_three_styles": {"first": "sd", "second": "sd_sibling", "third": "sd_old"},
    "gpu_sdxl": {"checkpoint": "sdxl"},
}
"""Cases of real size with the tiny checkpoints that stand for theirs."""
SHORT = {"width": 64, "height": 64, "steps": 4}


def tiny(name):
    case = next(case for case in CASES if case.name == name)
    checkpoints = OF_TINY.get(name, case.checkpoints)
    return replace(case, group="small", checkpoints=checkpoints, values={**case.values, **SHORT})


def pictures(case, folder):
    found = {}
    for name in case.pictures:
        picture = Image.linear_gradient("L").resize((64, 64))
        shown = picture.point(lambda value: 255 * (value > 127)) if name == "mask" else picture.convert("RGB")
        found[name] = str(folder / f"{name}.png")
        shown.save(found[name])
    return found


@pytest.mark.parametrize("name", [*SMALL, *OF_TINY])
def test_the_best_script_paints_graphflows_pictures_and_the_guides_too_if_it_hands_over_latents(
    benchmarked, tmp_path, name
):
    case = tiny(name)
    values = {**case.values, **pictures(case, tmp_path)}
    checkpoints = {key: str(benchmarked(one)) for key, one in case.checkpoints.items()}
    script = import_module(f"tests.benchmarks.ways.scripts.{case.script}")
    for way in ("guide", "best"):
        out = tmp_path / way
        out.mkdir()
        getattr(script, way)(Given(checkpoints, values, out))
    made = gf.run(gf.load(library.graphs().get(case.graph, case.graph)), inputs={**values, **checkpoints})
    for output in made.outputs:
        made[output].pil().save(tmp_path / f"{output}.png")
        ours = digest(tmp_path / f"{output}.png")
        assert ours == digest(tmp_path / "best" / f"{output}.png"), output
        if case.guide_hands_over == "latents":
            assert ours == digest(tmp_path / "guide" / f"{output}.png"), output
