"""The benchmark of the ways: what it computes, keeps and prints. Nothing is run here but short processes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from tests.benchmarks.ways import __main__ as command
from tests.benchmarks.ways import child
from tests.benchmarks.ways.cases import CASES, chosen
from tests.benchmarks.ways.child import Failed, Measured
from tests.benchmarks.ways.measurements import Measurements, Mismatch
from tests.benchmarks.ways.ratios import ratio
from tests.benchmarks.ways.table import equality, medians, ratios

CASE = chosen(["23"], set())[0]


def measured(wall, digest="a", **more):
    return replace(Measured(wall, wall, 1.0, 100, 2**30, {"image": digest}), **more)


def test_a_ratio_is_the_median_over_pairs_with_an_interval_that_holds_it():
    found = ratio([1.0, 2.0, 30.0], [2.0, 2.0, 10.0])
    assert (found.median, found.low, found.high) == (1.0, 0.5, 3.0)
    assert ratio([3.0], [2.0]).high == 1.5


def test_the_interval_gets_narrower_with_more_pairs():
    few, many = (ratio([1.0, 1.1, 1.2, 0.9, 1.3] * times, [1.0] * 5 * times) for times in (1, 8))
    assert many.high - many.low < few.high - few.low


def test_no_pairs_have_no_ratio():
    with pytest.raises(ValueError, match="no pairs"):
        ratio([], [])


class Fakes:
    """Processes that are not started: the ways that were asked for; at number `stop` the user interrupts."""

    def __init__(self):
        self.started, self.stop = [], 0

    def measure(self, case, way, folder):
        self.started.append(way)
        if len(self.started) == self.stop:
            raise KeyboardInterrupt
        return measured({"guide": 4.0, "best": 2.0}.get(way, 1.0))


@pytest.fixture
def fakes(monkeypatch):
    fakes = Fakes()
    monkeypatch.setattr(command, "measure", fakes.measure)
    monkeypatch.setattr(command, "prepare", lambda case, folder: None)
    monkeypatch.setattr(command, "machine", lambda: {"processor": "P", "commit": "C"})
    return fakes


def test_ways_alternate_and_each_goes_first_in_turn(fakes, tmp_path):
    assert command.main(["23", "--pairs", "3", "--json", str(tmp_path / "all.json")]) == 0
    assert fakes.started[::3] == ["guide", "best", "graphflow"]
    assert sorted(fakes.started) == sorted(CASE.ways * 3)


def test_a_later_call_measures_only_the_pairs_that_are_missing(fakes, tmp_path, capsys):
    words = ["23", "--json", str(tmp_path / "all.json"), "--pairs"]
    fakes.stop = 5
    assert command.main([*words, "2"]) == 130  # in the second round
    fakes.started, fakes.stop = [], 0
    assert command.main([*words, "2"]) == 0
    assert len(fakes.started) == 3
    assert command.main([*words, "2"]) == 0
    assert len(fakes.started) == 3
    assert "| three_styles | graphflow / guide | 2 | 0.250 [0.250, 0.250]" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "all.json").read_text())["calls"]) == 2


def test_measurements_of_another_machine_or_with_other_values_are_not_mixed(tmp_path):
    path = tmp_path / "all.json"
    first = Measurements.of(path, {"commit": "one"})
    first.missing(CASE, 1)
    first.save()
    with pytest.raises(Mismatch, match="commit one, now two"):
        Measurements.of(path, {"commit": "two"})
    with pytest.raises(Mismatch, match="three_styles with other values"):
        Measurements.of(path, {"commit": "one"}).missing(replace(CASE, values={}), 1)


def test_the_tables_have_a_line_per_ratio_and_per_way():
    case = replace(CASE, ways=(*CASE.ways, "auto"))
    rounds = [{"guide": measured(4), "best": measured(2), "graphflow": measured(1), "auto": measured(0.5)}]
    assert [line.split(" | ")[1] for line in ratios([(case, rounds)])[2:]] == [
        "graphflow / best",
        "graphflow / guide",
        "graphflow --dtype auto / guide",
    ]
    assert medians([(case, rounds)])[2] == "| three_styles | guide | 4.00 | 4.00 | 1.00 | 100 | 1,024 |"


def test_another_picture_than_the_best_scripts_fails_the_command(monkeypatch, capsys):
    monkeypatch.setattr(command, "measure", lambda case, way, folder: measured(1.0, way))
    monkeypatch.setattr(command, "prepare", lambda case, folder: None)
    assert command.main(["23", "--pairs", "1"]) == 1
    assert "graphflow's picture differs from the best script's: image" in capsys.readouterr().out


def test_equality_says_what_the_guide_hands_over():
    rounds = [{"guide": measured(1, "other"), "best": measured(1), "graphflow": measured(1)}]
    case = replace(CASE, guide_hands_over="pictures")
    assert equality(case, rounds) == (
        "three_styles: graphflow's picture equals the best script's; "
        "it differs from the guide's, which hands over pictures"
    )


def test_a_process_is_measured_with_its_time_faults_and_peak(monkeypatch, tmp_path):
    code = (
        "import sys, pathlib, PIL.Image; out = pathlib.Path(sys.argv[1]); out.mkdir();"
        "block = bytes(range(256)) * (1 << 19); sum(range(10**6));"
        "PIL.Image.new('RGB', (4, 4)).save(out / 'image.png')"
    )
    monkeypatch.setattr(child, "call", lambda case, way, folder, out: [sys.executable, "-c", code, str(out)])
    found = child.measure(CASE, "best", tmp_path)
    assert found.peak > 128 << 20
    assert found.faults > 1000
    assert 0 < found.user < found.wall + 60
    assert [*found.digests] == ["image"]


def test_a_process_that_fails_is_reported_with_what_it_wrote(monkeypatch, tmp_path):
    monkeypatch.setattr(child, "call", lambda *_: [sys.executable, "-c", "raise SystemExit('no weights')"])
    with pytest.raises(Failed, match="three_styles, best: exit code 1\nno weights"):
        child.measure(CASE, "best", tmp_path)


def test_cases_are_chosen_by_name_by_flow_and_by_group():
    assert [case.name for case in chosen([], {"small"})] == [case.name for case in CASES if case.group == "small"]
    assert [case.flow for case in chosen(["16", "upscale"], set())] == ["16", "24"]
    with pytest.raises(ValueError, match="no case nothing; there are inpaint_refine_img2img"):
        chosen(["nothing"], set())
