from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

GUARD = """
import sys, importlib.abc
class Guard(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'diffusers', 'transformers'):
            raise RuntimeError(name + ' was imported')
sys.meta_path.insert(0, Guard())
from graphflow.cli import main
sys.exit(main(sys.argv[1:]))
"""

QUIET = [
    ("check", "selective_color"),
    ("plan", "mask_blur"),
    ("graphs",),
    ("nodes",),
    ("nodes", "overlay"),
    ("draw", "make_a_mask"),
    ("schema",),
    ("new", "n.yaml", "--from", "selective_color"),
    ("run", "selective_color"),
]


@pytest.mark.parametrize("words", QUIET, ids=" ".join)
def test_what_runs_no_stage_imports_neither_torch_nor_diffusers(folder, words):
    done = subprocess.run(
        [sys.executable, "-c", GUARD, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_check_tells_every_graph_and_counts(graphflow, write):
    write("a.yaml", "a: {type: resize, image: $photo, width: 9}")
    write("b.yaml", "a: {type: resise, image: $photo}\nb: {type: resize}", inputs="free: {type: int, default: 1}")
    done = graphflow("check", "a.yaml", "b.yaml", "c.yaml")
    assert done.returncode == 2
    assert done.stdout.splitlines() == ["a.yaml: no problems", "b.yaml: 2 problems, 1 warning", "c.yaml: 1 problem"]


def test_strict_counts_warnings(graphflow, write):
    write("a.yaml", "a: {type: resize, image: $photo, width: 9}", inputs="free: {type: int, default: 1}")
    assert graphflow("check", "a.yaml").returncode == 0
    assert graphflow("check", "--strict", "a.yaml").returncode == 2


def test_check_needs_no_value_for_an_input(graphflow, write):
    write(
        "a.yaml",
        "a: {type: resize, image: $mine, width: 9}\nb: {type: mask_blur, mask: $photo}",
        inputs="mine: {type: image}",
    )
    assert graphflow("check", "a.yaml").returncode == 0
    assert "the input mine has no value" in graphflow("plan", "a.yaml").stderr


def test_check_json_has_places(graphflow, write):
    write("a.yaml", "a: {type: resise, image: $photo}")
    (problem,) = json.loads(graphflow("check", "a.yaml", "--json").stdout)
    assert (problem["file"], problem["line"], problem["column"]) == ("a.yaml", 5, 13)


def test_plan_tells_order_merging_and_what_is_skipped(graphflow, write):
    write(
        "a.yaml",
        "b: {type: mask_invert, mask: $a}\na: {type: mask_threshold, mask: $photo}\n"
        "c: {type: mask_invert, mask: $a}\nd: {type: mask_invert, mask: $a, when: false}",
        outputs="{b: $b, c: $c, d: $d}",
    )
    lines = graphflow("plan", "a.yaml").stdout.splitlines()
    assert lines[0] == "a.yaml: 3 steps, seed 0"
    assert [line.split()[1] for line in lines[4:7]] == ["image:coffee.jpg", "a", "b"]
    assert lines[7].split() == ["also", "for", "c"]
    assert "output d is absent: d: when is false" in lines
    assert "skipped d: when is false" in lines


def test_plan_shows_the_arguments_of_a_step_in_a_line_that_can_be_read(graphflow):
    lines = graphflow("plan", "text2img", "--verbose").stdout.splitlines()
    assert max(map(len, lines)) < 600
    assert any("prompt='a yellow circle, night sky'" in line or "text='a yellow" in line for line in lines)


def test_draw_writes_svg_and_mermaid(graphflow, folder):
    assert graphflow("draw", "make_a_mask", "-o", "g.svg").returncode == 0
    assert (folder / "g.svg").read_text().lstrip().startswith("<svg")
    assert graphflow("draw", "make_a_mask", "-o", "g.mmd").returncode == 0
    assert (folder / "g.mmd").read_text().startswith("flowchart LR")
    assert graphflow("draw", "make_a_mask", "-o", "g.gif").returncode == 2


def test_new_keeps_comments_and_runs_from_its_own_folder(graphflow, folder):
    (folder / "deep").mkdir()
    assert graphflow("new", "deep/mine.yaml", "--from", "selective_color").returncode == 0
    assert "# a picture used as a mask counts by its luminance" in (folder / "deep" / "mine.yaml").read_text()
    assert graphflow("run", "deep/mine.yaml", "--out", "here").returncode == 0


def test_new_brings_the_library_s_pictures_along(graphflow, folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "road.jpg").write_bytes(b"another road")
    done = graphflow("new", "deep/mine.yaml", "--from", "inpaint")
    assert done.returncode == 0, done.stderr
    text = (folder / "deep" / "mine.yaml").read_text()
    assert 'default: "road-2.jpg"' in text
    assert 'default: "road-mask.png"' in text
    assert "assets" not in text
    assert "copied road-2.jpg, road-mask.png" in done.stdout
    assets = Path(__file__).parents[2] / "graphs" / "assets"
    assert (folder / "deep" / "road-2.jpg").read_bytes() == (assets / "road.jpg").read_bytes()
    assert (folder / "deep" / "road.jpg").read_bytes() == b"another road"
    assert graphflow("check", "--strict", "deep/mine.yaml").returncode == 0
    # A second one needs no further copies, and a document of one's own stays where its files are.
    assert "copied" not in graphflow("new", "deep/other.yaml", "--from", "inpaint").stdout
    graphflow("new", "third.yaml", "--from", "deep/other.yaml")
    assert 'default: "deep/road-2.jpg"' in (folder / "third.yaml").read_text()


def test_new_replaces_nothing(graphflow, folder):
    (folder / "mine.yaml").write_text("precious")
    done = graphflow("new", "mine.yaml", "--from", "selective_color")
    assert done.returncode == 2
    assert (folder / "mine.yaml").read_text() == "precious"


def test_graphs_lists_the_library_with_descriptions(graphflow):
    listed = graphflow("graphs").stdout
    assert "selective_color" in listed
    assert "templates:\n  compare" in listed


def test_every_library_graph_is_right(graphflow):
    names = [line.split()[0] for line in graphflow("graphs").stdout.splitlines() if line.startswith("  ")]
    done = graphflow("check", "--json", *names)
    assert done.returncode == 0, done.stderr
    # No test has the published checkpoints.
    levels = {one["level"] for one in json.loads(done.stdout) if one["code"] != "checkpoint-absent"}
    assert levels <= {"hint"}, done.stdout


def test_schema_knows_every_node_type_and_its_values(graphflow):
    schema = json.loads(graphflow("schema").stdout)
    assert schema["$defs"]["node_mask_blur"]["properties"]["blur_factor"]["anyOf"][0]["minimum"] == 0
    assert schema["$defs"]["node_overlay"]["properties"]["mode"]["anyOf"][0]["enum"] == ["soft", "binary"]


def test_a_node_type_says_what_holds_where_a_param_is_not_given(graphflow):
    told = graphflow("nodes", "img2img").stdout
    assert "not given: 0.8 (Stable Diffusion), 0.3 (Stable Diffusion XL, Stable Diffusion XL refiner" in told
    assert "num_inference_steps             int ≥ 1, ≤ 1000, not given: 50 (Stable Diffusion" in told
    assert "not given: 0.3; with a mask: 0.9999" in graphflow("nodes", "refiner").stdout
    schema = json.loads(graphflow("schema").stdout)
    assert schema["$defs"]["node_text2img"]["properties"]["eta"]["description"].endswith("Not given: 0.")


@pytest.mark.parametrize("words", [(), ("--help",), ("run", "--help"), ("--version",)])
def test_help_is_there(graphflow, words):
    done = graphflow(*words)
    assert "Traceback" not in done.stderr
    assert done.stdout


def test_an_unknown_command_is_refused(graphflow):
    assert graphflow("rum", "x").returncode == 2
