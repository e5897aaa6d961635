"""The table that `graphflow plan` prints: whole screens of two library graphs, and what it does with difficult ones."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from graphflow import library
from graphflow.cli import main
from graphflow.cli.plan_table import lines, short_summary
from graphflow.cli.tables import Column, encodable, table, width_of, wrapped
from tests.plan.toys import graph

SCREENS = Path(__file__).parent / "screens"
UPDATE = "UPDATE_SCREENS"
"""Environment variable: write the screens anew instead of comparing them; read them before you commit them."""


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    return monkeypatch


def shown(text: str, **options: int) -> list[str]:
    return lines(graph(text).plan(), "g.yaml", **{"width": 100, **options})


@pytest.mark.parametrize("name", ["mask_blur", "three_styles"])
def test_a_library_graph_has_exactly_the_stored_screen(name, capsys):
    assert main(["plan", name, "--device", "cpu"]) == 0
    screen, stored = capsys.readouterr().out, SCREENS / f"plan_{name}.txt"
    if os.environ.get(UPDATE):
        stored.write_text(screen, encoding="utf-8")
    assert screen == stored.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", library.graphs())
def test_every_library_graph_fits_100_columns_in_ascii(name, terminal):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal.setattr(sys, "stdout", stream)
    assert main(["plan", name, "--device", "cpu"]) == 0
    screen = stream.buffer.getvalue().decode("ascii")
    assert max(map(len, screen.splitlines())) <= 100
    assert "\\u" not in screen


STAGES = """
    nodes:
      first: {type: sketch, prompt: a star}
      second: {type: polish, raw: $first.raw, prompt: a stone}
    outputs: {image: $second}
"""


def test_a_row_says_what_is_loaded_freed_and_held():
    rows = [line.split() for line in shown(STAGES)[4:8]]
    assert " ".join(rows[0]) == "1 first encode encode text encoder 5 B"
    assert " ".join(rows[1]) == "2 second encode encode text encoder 5 B"
    assert " ".join(rows[2]) == "3 first work work unet of a unet of a 10 B"


def test_totals_name_components_avoided_steps_and_outputs():
    totals = shown(STAGES)[-6:]
    assert totals == [
        "3 components loaded, 35 B, at most 20 B at a time:",
        "- text encoder, 5 B",
        "- unet of a, 10 B",
        "- unet of b, 20 B",
        "1 step avoided, since nothing reads the result: first/show",
        "output image = second/show",
    ]


def test_arguments_are_shown_only_if_they_are_asked_for():
    assert "strength=" not in "\n".join(shown(STAGES))
    assert "   3  first/work  work(words=first/encode, strength=1.0)" in shown(STAGES, verbose=True)


def test_forty_steps_and_their_merged_ones_stay_readable():
    strengths = [number / 100 for number in range(1, 21)]
    many = shown(f"""
        nodes:
          same: {{type: sketch, prompt: a star, for_each: {{strength: {strengths}}}}}
        outputs: {{images: $same}}
    """)
    assert many[0] == "g.yaml: 41 steps, seed 0"
    assert sum(line.lstrip()[:1].isdigit() for line in many[4:]) == 41 + 1  # and the line of the components
    assert "also for same[1], same[2], same[3] and 16 more" in " ".join("\n".join(many).split())
    assert "output images = [same[0]/show, same[1]/show, same[2]/show and 17 more]" in many
    assert max(map(len, many)) <= 100


def test_a_narrow_terminal_breaks_cells_and_loses_nothing():
    text = "nodes: {a: {type: use}}"
    assert shown(text)[4] == "1  a     a node of one step that borrows model"
    assert shown(text, width=30)[4:6] == ["1  a     a node of one step", "         that borrows model"]


def test_columns_with_nothing_in_them_are_left_out():
    assert shown("nodes: {a: {type: number}}")[2].split() == ["#", "node", "does"]


def test_a_plan_without_steps_has_no_table():
    skipped = shown("nodes: {a: {type: number, when: false}}")
    assert skipped == [
        "g.yaml: 0 steps, seed 0",
        "",
        "output a is absent: a: when is false",
        "skipped a: when is false",
    ]


def test_a_long_name_is_shortened_in_its_middle():
    name = "n" * 60 + "end"
    (row,) = [line for line in shown(f"nodes: {{{name}: {{type: number}}}}") if line.startswith("1 ")]
    assert row.split()[1].startswith("nnn")
    assert len(row) < 60


@pytest.mark.parametrize(
    ("summary", "cell"),
    [
        ("Encode a text", "Encode a text"),
        ("Soften `mask`", "Soften mask"),
        ("Encode a picture: a draw from the VAE's posterior where it has one, scaled", "Encode a picture"),
        ("Mix red, green and blue", "Mix red, green and blue"),
        (
            "Let a picture and several others of them steer a stage which is one",
            "Let a picture and several others of them steer ...",
        ),
    ],
)
def test_a_summary_is_shortened_at_its_first_clause(summary, cell):
    assert short_summary(summary) == cell


def test_wide_letters_take_two_columns():
    rows = table([Column("a", [("日本",), ("x",)]), Column("b", [("1",), ("2",)])], 80)
    assert [width_of(row) for row in rows] == [7, 7, 7, 7]
    assert wrapped("日本語", 4) == ["日本", "語"]


def test_signs_that_a_stream_cannot_show_are_written_in_ascii():
    assert encodable("9 × 9 …", "ascii") == "9 x 9 ..."
    assert encodable("日", "ascii") == "\\u65e5"
    assert encodable("9 × 9 …", "utf-8") == "9 × 9 …"


def test_params_in_json_are_plain_data(capsys):
    """A file is its name; a sampling step's settings are data, with numbers that JSON has."""
    assert main(["plan", "img2img", "--json"]) == 0
    steps = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["steps"]
    params = [step["params"] for step in steps]
    assert "hills.jpg" in [one.get("path") for one in params]
    (sampling,) = [one["sampling"] for one in params if "sampling" in one]
    assert sampling["pipeline"] == "StableDiffusionImg2ImgPipeline"
    assert sampling["settings"]["strength"] == 0.5
