from __future__ import annotations

import json
import re

import pytest
from PIL import Image


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


def test_outputs_are_written_and_named_in_the_last_line(graphflow, write, folder):
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}", outputs="{picture: $small}")
    done = graphflow("run", "g.yaml", "--out", "here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "wrote here: picture.png, events.jsonl, run.json, report.html"
    assert size_of(folder / "here" / "picture.png") == (30, 20)


def test_without_out_a_new_folder_below_runs_is_made(graphflow, write, folder):
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}")
    assert graphflow("run", "g.yaml").returncode == 0
    assert graphflow("run", "g.yaml").returncode == 0
    assert len(list((folder / "runs").glob("*-g*/small.png"))) == 2


def test_a_wrong_graph_is_told_whole_and_writes_nothing(graphflow, write, folder):
    write("g.yaml", "a: {type: resise, image: $photo}\nb: {type: resize, image: $fhoto, width: 0}")
    done = graphflow("run", "g.yaml", "--out", "here")
    assert done.returncode == 2
    assert [word for word in ("resise", "$fhoto", "width") if word not in done.stderr] == []
    assert not (folder / "here").exists()


def test_a_failing_branch_leaves_the_other_one_whole(graphflow, write, folder):
    write(
        "g.yaml",
        "bad: {type: broken, image: $photo}\nafter: {type: resize, image: $bad, width: 9}\n"
        "good: {type: resize, image: $photo, width: 30}",
        outputs="{bad: $after, good: $good}",
    )
    done = graphflow("run", "g.yaml", "--nodes", "toys.py", "--out", "here")
    assert done.returncode == 1
    assert (folder / "here" / "good.png").is_file()
    assert not (folder / "here" / "bad.png").exists()
    assert "the lamp went out" in done.stderr
    assert "g.yaml:5:3" in done.stderr
    report = (folder / "here" / "report.html").read_text()
    assert [word for word in ("the lamp went out", "bad", "after") if word not in report] == []
    assert json.loads((folder / "here" / "run.json").read_text())["state"] == "failed"


def test_finished_items_of_a_list_are_written_and_the_missing_ones_named(graphflow, write, folder):
    (folder / "picky.py").write_text(
        "from graphflow import Image, node\n\n@node()\ndef picky(image: Image, *, refused: bool = False) -> Image:\n"
        "    if refused:\n        raise ValueError('not this one')\n    return image\n"
    )
    write(
        "g.yaml",
        "one: {type: picky, image: $photo, for_each: {refused: [false, true, false]}}",
        outputs="{images: $one}",
    )
    done = graphflow("run", "g.yaml", "--nodes", "picky.py", "--out", "here")
    assert done.returncode == 1
    assert sorted(path.name for path in (folder / "here").glob("*.png")) == ["images-000.png", "images-002.png"]
    assert "output images is not complete: 1 of 3 items is missing: 1 (one[1] failed)" in done.stderr
    assert "images-000.png, images-002.png" in done.stdout


def test_a_run_that_an_error_ends_is_told_and_leaves_its_record(monkeypatch, capsys, write, folder):
    from graphflow.cli import main, progress

    def line(event):
        raise ZeroDivisionError("no screen")

    monkeypatch.setattr(progress, "_line", line)
    monkeypatch.chdir(folder)
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}", outputs="{picture: $small}")
    assert main(["run", "g.yaml", "--out", "here"]) == 1
    assert "an error ended the run: ZeroDivisionError: no screen" in capsys.readouterr().err
    assert json.loads((folder / "here" / "run.json").read_text())["error"] == "ZeroDivisionError: no screen"


def test_a_node_that_ends_its_process_is_told(graphflow, write, folder):
    (folder / "ends.py").write_text(
        "import sys\nfrom graphflow import Image, node\n\n@node()\ndef ends(image: Image) -> Image:\n    sys.exit(3)\n"
    )
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}\ne: {type: ends, image: $small}")
    done = graphflow("run", "g.yaml", "--nodes", "ends.py", "--out", "here")
    assert done.returncode == 1
    assert "an error ended the run: SystemExit: 3" in done.stderr
    assert done.stdout.startswith("wrote here: ")


def test_out_takes_a_home_folder_and_no_empty_name(graphflow, write, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "home").mkdir()
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}")
    assert graphflow("run", "g.yaml", "--out=~/run").returncode == 0
    assert (folder / "home" / "run" / "small.png").is_file()
    refused = graphflow("run", "g.yaml", "--out", "")
    assert refused.returncode == 2
    assert "the folder for the run has an empty name" in refused.stderr


def test_an_absent_output_is_named_and_is_no_failure(graphflow, write):
    write("g.yaml", "a: {type: resize, image: $photo, width: 9, when: false}", outputs="{a: $a}")
    done = graphflow("run", "g.yaml", "--out", "here")
    assert done.returncode == 0
    assert "no output a: a: when is false" in done.stderr


def test_json_prints_one_event_a_line(graphflow, write):
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}")
    done = graphflow("run", "g.yaml", "--out", "here", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == [
        "run_started", "step_started", "step_finished", "step_started", "step_finished",
        "output_ready", "run_finished", "written",
    ]  # fmt: skip
    assert events[-1]["exit"] == 0


def test_problems_are_json_too(graphflow, write):
    write("g.yaml", "a: {type: resise, image: $photo}")
    done = graphflow("run", "g.yaml", "--json")
    (problem,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (problem["event"], problem["code"], problem["line"]) == ("problem", "unknown-type", 5)


SETTINGS = [
    ("width=12", (12, 8)),
    ("small.width=12", (12, 8)),
    ("small.multiple_of=16", (16, 16)),
]


@pytest.mark.parametrize(("setting", "size"), SETTINGS)
def test_set_reads_by_the_declared_type(graphflow, write, folder, setting, size):
    write("g.yaml", "small: {type: resize, image: $photo, width: $width}", inputs="width: {type: int, default: 30}")
    assert graphflow("run", "g.yaml", "--out", "here", "--set", setting).returncode == 0
    assert size_of(folder / "here" / "small.png") == size


def test_set_takes_strings_verbatim_and_files_from_the_current_folder(graphflow, write, folder):
    write(
        "g.yaml",
        "grid: {type: image_grid, images: [$photo], captions: [$words]}",
        inputs="words: {type: string, default: x}",
    )
    Image.new("RGB", (7, 5)).save(folder / "mine.png")
    done = graphflow("plan", "g.yaml", "--json", "--set", "words=no: $5 [a]", "--set", "photo=mine.png")
    (_, grid) = json.loads(done.stdout)["steps"]
    assert grid["inputs"]["captions"] == "['no: $5 [a]']"
    assert "mine.png" in done.stdout


def test_set_reads_a_list_where_a_list_is_declared(graphflow, write):
    write(
        "g.yaml",
        "small: {type: resize, image: $photo, for_each: {width: $widths}}",
        inputs="widths: {type: list of int, default: [1]}",
    )
    done = graphflow("plan", "g.yaml", "--verbose", "--set", "widths=[3, 4, 5]")
    assert done.stdout.count("resize(") == 3


WRONG_CALLS = [
    (("--set", "colour=1"), "did you mean color?"),
    (("--set", "color"), "NAME=VALUE"),
    (("--set", "smal.width=3"), "did you mean small?"),
    (("--set", "small.widht=3"), "did you mean width?"),
    (("--set", "photo=none.png"), "none.png does not exist"),
    (("--seed", "many"), "is not a seed"),
    (("--seed", "9" * 5000), "is not a seed"),
    (("--only", "sma"), "did you mean small?"),
    (("--memory-budget", "much"), "write 8GiB"),
    (("--nodes", "nowhere.py"), "nowhere.py"),
    (("--nodes", "no-such-package"), "no package"),
]


@pytest.mark.parametrize(("words", "told"), WRONG_CALLS)
def test_a_wrong_call_is_told_with_what_to_do(graphflow, write, words, told):
    write("g.yaml", "small: {type: resize, image: $photo, width: 9}", inputs="color: {type: string, default: red}")
    done = graphflow("run", "g.yaml", *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_graph_names_the_nearest(graphflow):
    assert "did you mean selective_color?" in graphflow("run", "selective_colour").stderr


def test_seed_sets_an_input_of_that_name(graphflow, write, folder):
    write("g.yaml", "n: {type: count, image: $photo, seed: $seed}", inputs="seed: {type: int, default: 1}")
    done = graphflow("run", "g.yaml", "--nodes", "toys.py", "--out", "here", "--seed", "40")
    assert json.loads((folder / "here" / "n.json").read_text()) == 640, done.stderr


def test_seed_that_changes_nothing_is_warned_of(graphflow, write):
    write("g.yaml", "small: {type: resize, image: $photo, width: 9}")
    done = graphflow("run", "g.yaml", "--out", "here", "--seed", "3")
    assert done.returncode == 0
    assert "--seed has no effect" in done.stderr


@pytest.mark.parametrize(
    ("type_", "words", "why"),
    [
        ("int", ("--set", "seed=4"), "--set gives the input seed another value"),
        ("string", (), "the input seed is not an int"),
    ],
)
def test_why_a_seed_is_not_the_value_of_its_input_is_told(graphflow, write, type_, words, why):
    write("g.yaml", "small: {type: resize, image: $photo, width: 9}", inputs=f"seed: {{type: {type_}, default: 1}}")
    done = graphflow("run", "g.yaml", "--out", "here", "--seed", "3", *words)
    assert f"why: {why}, and no node derives its seed from it" in done.stderr


def test_random_seed_is_recorded(graphflow, write, folder):
    write("g.yaml", "n: {type: count, image: $photo, seed: $seed}", inputs="seed: {type: int, default: 1}")
    graphflow("run", "g.yaml", "--nodes", "toys.py", "--out", "here", "--seed", "random")
    record = json.loads((folder / "here" / "run.json").read_text())
    assert json.loads((folder / "here" / "n.json").read_text()) == 600 + record["seed"]


def test_only_makes_nothing_else(graphflow, write, folder):
    write(
        "g.yaml",
        "a: {type: resize, image: $photo, width: 9}\nb: {type: broken, image: $photo}",
        outputs="{a: $a, b: $b}",
    )
    assert graphflow("run", "g.yaml", "--nodes", "toys.py", "--out", "here", "--only", "a").returncode == 0


def test_a_budget_that_no_step_fits_ends_before_anything_is_written(graphflow, tmp_path):
    ended = graphflow("run", "text2img", "--memory-budget", "1MB", "--out", str(tmp_path / "out"))
    assert ended.returncode == 2
    assert "the memory budget is too small" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_here_ends_before_anything_is_written(graphflow, tmp_path):
    ended = graphflow("run", "text2img", "--device", "cuda:99", "--out", str(tmp_path / "out"))
    assert ended.returncode == 2
    assert "the device cuda:99 is not here" in ended.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("call", [["--device", "tpu"], ["--dtype", "half"], ["--threads", "0"]])
def test_what_no_device_dtype_or_number_of_threads_is_ends_the_call(graphflow, tmp_path, call):
    ended = graphflow("run", "text2img", *call, "--out", str(tmp_path / "out"))
    assert ended.returncode == 2
    assert call[1] in ended.stderr
    assert not (tmp_path / "out").exists()


def test_half_precision_is_half_the_bytes_of_a_plan(graphflow):
    whole, half = (
        json.loads(graphflow("plan", "text2img", "--json", *more).stdout)["peak_component_bytes"]
        for more in ((), ("--dtype", "bfloat16"))
    )
    assert whole == 2 * half


def test_what_became_of_an_earlier_run_is_told(graphflow, write, folder):
    write("g.yaml", "a: {type: resize, image: $photo, width: 9}\nb: {type: resize, image: $photo, width: 8}")
    assert "run of" not in graphflow("run", "g.yaml", "--out", "here").stderr
    write("g.yaml", "a: {type: resize, image: $photo, width: 7}")
    done = graphflow("run", "g.yaml", "--out", "here")
    assert re.search(r"^from the run of \d{4}-\d\d-\d\d \S+: replaced a.png; removed b.png$", done.stderr, re.M), (
        done.stderr
    )
    assert not (folder / "here" / "b.png").exists()
    ended = json.loads(graphflow("run", "g.yaml", "--out", "here", "--json").stdout.splitlines()[-1])
    assert (ended["replaced"], ended["removed"], ended["kept"]) == ([], [], [])


def test_a_file_that_no_run_wrote_is_replaced_only_where_the_call_says_so(graphflow, write, folder):
    write("g.yaml", "a: {type: broken, image: $photo}\nm: {type: resize, image: $photo, width: 9}", outputs="{m: $m}")
    (folder / "here").mkdir()
    (folder / "here" / "m.png").write_bytes(b"mine")
    refused = graphflow("run", "g.yaml", "--nodes", "toys.py", "--out", "here")
    assert refused.returncode == 2
    assert "m.png" in refused.stderr
    assert "fix: name another folder, or allow it with --overwrite" in refused.stderr
    assert (folder / "here" / "m.png").read_bytes() == b"mine"
    done = graphflow("run", "g.yaml", "--nodes", "toys.py", "--out", "here", "--overwrite")
    assert done.returncode == 0
    assert "replaced m.png, which no run wrote" in done.stderr


def test_a_folder_that_is_a_link_to_itself_is_told(graphflow, write, folder):
    write("g.yaml", "m: {type: resize, image: $photo, width: 9}")
    (folder / "here").symlink_to("here")
    done = graphflow("run", "g.yaml", "--out", "here")
    assert done.returncode == 2
    assert done.stderr.startswith("graphflow: the folder here cannot be created\n  why: it is a broken link")


def test_a_random_seed_is_shown_and_makes_the_same_again(graphflow, write, folder):
    write("g.yaml", "n: {type: count, image: $photo, seed: $seed}", inputs="seed: {type: int, default: 1}")
    call = ("run", "g.yaml", "--nodes", "toys.py", "--out")
    shown = re.search(r"^seed (\d+), drawn at random$", graphflow(*call, "here", "--seed", "random").stderr, re.M)
    assert graphflow(*call, "again", "--seed", shown[1]).returncode == 0
    assert (folder / "here" / "n.json").read_bytes() == (folder / "again" / "n.json").read_bytes()
    event = json.loads(graphflow(*call, "third", "--seed", "random", "--json").stdout.splitlines()[0])
    assert json.loads((folder / "third" / "n.json").read_text()) == 600 + event["seed"]


def test_the_call_chooses_the_format_of_all_pictures(graphflow, write, folder):
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}", outputs="{a: {value: $small, format: webp}}")
    done = graphflow("run", "g.yaml", "--out", "here", "--format", "jpeg", "--quality", "40")
    assert done.stdout.splitlines()[-1] == "wrote here: a.jpg, events.jsonl, run.json, report.html"
    assert "no-effect" not in done.stderr
    for options, said in (
        (("--format", "png", "--quality", "40"), "--quality: warning: no-effect: --quality has no effect"),
        (("--format", "gif"), "'gif' is not a format of pictures"),
        (("--quality", "0"), "0 is not a quality"),
    ):
        assert said in graphflow("run", "g.yaml", "--out", "here", *options).stderr


def test_a_format_has_no_effect_without_pictures(graphflow, write):
    write("g.yaml", "n: {type: count, image: $photo}")
    done = graphflow("run", "g.yaml", "--nodes", "toys.py", "--format", "webp", "--quality", "1")
    assert done.returncode == 0
    assert done.stderr.count("no output is a picture") == 2
