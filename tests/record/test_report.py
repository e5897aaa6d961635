"""report.html: what it shows, that it is whole in itself, and that nothing in it can act."""

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch

import graphflow as gf
from graphflow.record import report as module
from graphflow.record.report import duration, shown, source, value

GRAPH = """
graphflow: 1
name: "<script>alert(1)</script>"
description: "\\"quoted\\" & <img src=x onerror=alert(1)>"
inputs:
  photo: {type: image, default: photo.png}
  note: {type: string, default: "</pre><script>alert(2)</script> javascript:alert(3)"}
  unused: {type: bool, default: false}
nodes:
  small: {type: resize, image: $photo, width: 30, height: 20}
  bad: {type: broken, image: $small, why: "<script>alert(4)</script>"}
  after: {type: resize, image: $bad, width: 10, height: 10}
  spot: {type: mask_shape, like: $small, shape: ellipse, box: [0.2, 0.2, 0.8, 0.8]}
  soft: {type: mask_blur, mask: $spot, for_each: {blur_factor: [1, 2]}}
  film: {type: animate, images: [$small, $photo_small]}
  photo_small: {type: resize, image: $photo, width: 30, height: 20, resample: nearest}
  never: {type: mask_invert, when: $unused, mask: $spot}
outputs: {lost: $after, picture: $small, soft: $soft, film: $film, note: $note, labels: $soft.labels}
"""

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """The tags and addresses of a page; also sees that every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.attributes: set[str] = set()
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [text or "" for name, text in attrs if name == "id"]
        self.addresses += [
            text or "" for name, text in attrs if name in ("src", "href", "xlink:href", "srcset", "data")
        ]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.fixture
def page(recorded: Callable[..., Any]) -> tuple[Path, str]:
    run = recorded(GRAPH)
    return run.folder, (run.folder / "report.html").read_text("utf-8")


def test_nothing_from_elsewhere_is_loaded(page: tuple[Path, str]) -> None:
    folder, text = page
    read = Page(text)
    for address in read.addresses:
        if address.startswith("data:image/"):
            continue
        if address.startswith("#"):
            assert address[1:] in read.ids
        else:
            assert (folder / address).is_file(), address
    assert not re.search(r"url\(|@import", text)
    # The only addresses with a host are names of XML's own.
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_nothing_in_it_can_act(page: tuple[Path, str]) -> None:
    read = Page(page[1])
    assert not {"script", "iframe", "object", "embed", "form", "base", "link"} & set(read.tags)
    assert not [name for name in read.attributes if name.startswith("on")]
    assert not [address for address in read.addresses if address.startswith("javascript")]
    assert "default-src 'none'" in page[1]


def test_it_names_the_failed_node_its_cause_and_what_was_not_run(page: tuple[Path, str]) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", " ", page[1].partition("What went wrong")[2].partition("<h2>")[0]))
    text = " ".join(text.split())
    assert "bad failed" in text
    assert "ValueError: <script>alert(4)</script>" in text
    assert "graph.yaml:11:3" in text
    assert "Not run as a result: after" in text


def test_it_shows_every_output_step_and_input(page: tuple[Path, str]) -> None:
    folder, text = page
    for name in ("picture.png", "soft-000.png", "soft-001.png", "film.gif", "note.json", "labels.json"):
        assert f'href="{name}"' in text
        assert (folder / name).is_file()
    for step in ("small", "bad", "after", "spot", "soft[0]", "soft[1]", "film", "never", "image:photo.png"):
        assert step in text
    for word in ("Done", "Failed", "Not run", "Skipped", "is absent", "Python"):
        assert word in text
    assert text.count("<svg") == 1
    assert 'alt="photo"' in text


def test_a_graph_without_outputs_or_nodes_has_a_page(recorded: Callable[..., Any]) -> None:
    run = recorded("graphflow: 1\nnodes: {}\noutputs: {}\n")
    text = (run.folder / "report.html").read_text("utf-8")
    Page(text)
    assert text.count("<h1") == 1
    assert "<img" not in text


def test_a_step_may_show_a_picture_that_is_no_output(made: Callable[..., Any], tmp_path: Path) -> None:
    from graphflow.execute.result import Result
    from graphflow.record.recorder import Recorder
    from graphflow.values.raster import Mask

    recorder = Recorder(tmp_path / "run", made(GRAPH))
    recorder.report.add_step("spot", {"labels": ("a",), "mask": Mask(bytes(4), 2, 2)})
    recorder.report.add_step("small", {"count": 3})
    recorder.close(Result())
    text = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert text.count("data:image/png") == 2  # in its row, and in its box of the drawing


def test_long_lists_show_some_and_link_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphflow.values.raster import Mask

    items = (Mask(bytes(4), 2, 2),) * 70
    assert len(shown(items, [f"x-{n:03}.png" for n in range(70)])) == module.MOST_ITEMS
    # One file is missing: better no link than a wrong one.
    assert {one.file for one in shown(items, ["x-000.png"])} == {""}


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0.0 ms"),
        (0.0123, "12.3 ms"),
        (0.34, "340 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7384, "2 h 03 min"),
    ],
)
def test_times_read_well(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_values_and_sources_read_well() -> None:
    out = {"kind": "output", "node": "fill", "output": "image"}
    assert source([out, {**out, "item": 2}]) == "[fill.image, fill.image[2]]"
    assert source({"kind": "text", "parts": ["a ", out]}) == "a {fill.image}"
    assert source({"kind": "absent", "why": "no"}) == "absent: no"
    assert value([1.0, True, "x"]) == "[1.0, true, x]"
    assert value({"kind": "file", "path": "~/a.png", "sha256": ""}) == "~/a.png"


def test_a_graph_that_is_too_large_to_draw_is_counted(
    recorded: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_DRAWN", "MOST_ROWS", "MOST_NAMED"):
        monkeypatch.setattr(module, name, 1)
    run = recorded(GRAPH)
    text = (run.folder / "report.html").read_text("utf-8")
    Page(text)
    assert "<svg" not in text
    assert "too many for a legible drawing" in text
    assert f"{len(run.recorder.record.steps) - 1} more steps are in run.json" in text


def test_tensors_are_shown_by_their_size() -> None:
    tensor = torch.zeros(1, 4, 8, 8)
    latents = gf.Latents(tensor, space=None)  # type: ignore[arg-type]
    texts = gf.Conditioning({"prompt_embeds": torch.zeros(1, 77, 64, dtype=torch.float16)})
    assert [one.text for one in shown(latents, ["a.safetensors"])] == ["latents 1 × 4 × 8 × 8, float32"]
    assert [one.text for one in shown((latents, texts), [])] == [
        "latents 1 × 4 × 8 × 8, float32\nconditioning: prompt_embeds 1 × 77 × 64, float16"
    ]
