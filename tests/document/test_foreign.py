"""Files that are no documents are told for what they are, in one problem; documents never are."""

import io
import json
from pathlib import Path

import PIL.Image
import pytest
from PIL.PngImagePlugin import PngInfo

from graphflow import Image, library
from graphflow.document.foreign import foreign_file
from graphflow.document.parse import read_file
from graphflow.record.png import encode_png

API = {"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}
WORKFLOW = {"last_node_id": 3, "nodes": [{"id": 3, "type": "KSampler"}], "links": [], "version": 0.4}
RECORD = {"format": 1, "state": "done", "document": {"text": "graphflow: 1"}}


def saved(format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (4, 4)).save(buffer, format_, **options)
    return buffer.getvalue()


def comfyui_picture() -> bytes:
    info = PngInfo()
    info.add_text("prompt", json.dumps(API))
    return saved("PNG", pnginfo=info)


FOREIGN = {
    "a workflow for the API": (json.dumps(API).encode(), "a ComfyUI workflow (API format)"),
    "a workflow of the editor": (json.dumps(WORKFLOW, indent=1).encode(), "a ComfyUI workflow"),
    "a picture with a workflow": (comfyui_picture(), "a PNG picture with a ComfyUI workflow in it"),
    "an own picture": (encode_png(Image(bytes(48), 4, 4), json.dumps(RECORD)), "a PNG picture that graphflow wrote"),
    "a record": (json.dumps(RECORD).encode(), "the record of a run"),
    **{f"a {kind}": (saved(kind), f"a {kind} picture") for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF")},
    "a WebP": (saved("WEBP"), "a WebP picture"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_is_no_document_is_told_for_what_it_is(name: str, tmp_path: Path) -> None:
    content, what = FOREIGN[name]
    (tmp_path / "given").write_bytes(content)
    document, problems = read_file(tmp_path / "given")
    assert document is None
    assert [problem.message for problem in problems] == [f"this is {what}, not a graph"]
    assert problems[0].code == "file-unreadable"
    assert problems[0].fix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "graphflow: 1\nnodes: {}\n",
        '{"graphflow": 1, "nodes": {"a": {"type": "resize"}}}',
        '{"graphflow": 1, "nodes": {"class_type": {"type": "resize"}}}',
        '{"a": {"class_type": "KSampler"}, "b": 1}',
        "BM: a document may begin so\n",
        "{" * 100_000,
    ],
)
def test_everything_else_is_left_to_the_parser(text: str) -> None:
    assert foreign_file(text.encode(), "f") is None


def test_no_graph_of_the_library_is_taken_for_something_else() -> None:
    found = {**library.graphs(), **library.templates()}
    assert found
    assert [name for name, path in found.items() if foreign_file(path.read_bytes(), name)] == []
