"""Names that a shell can pass: bytes that are not UTF-8, names that no file can have, pipes, link loops."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graphflow.cli import main
from graphflow.errors import FileProblem
from graphflow.record.run_record import RunRecord
from graphflow.system.paths import path_of
from graphflow.values.file import File
from graphflow.values.raster import Image, Mask

GRAPH = """\
graphflow: 1
inputs:
  photo: {type: image, default: photo.png}
  word: {type: string, default: cup}
nodes:
  soft: {type: mask_blur, mask: $photo}
  grid: {type: image_grid, images: $photo, captions: [$word]}
outputs: {soft: $soft, grid: $grid}
"""
LATIN = os.fsdecode(b"caf\xe9")
"""A name in Latin-1: on a system whose names are UTF-8 its last byte is no character."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a graph, a picture, both also under the Latin-1 name, pipes and loops of links."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.yaml").write_text(GRAPH)
    Image(bytes(8 * 6 * 3), 8, 6).save("photo.png")
    Mask(bytes(8 * 6), 8, 6).save("mask.png")
    shutil.copy("g.yaml", f"{LATIN}.yaml")
    shutil.copy("photo.png", f"{LATIN}.png")
    for ending in ("yaml", "png", "py", "safetensors"):
        os.mkfifo(f"pipe.{ending}")
        Path(f"loop.{ending}").symlink_to(f"loop.{ending}")
    return tmp_path


IMPOSSIBLE = {
    "x" * 300: "File name too long",
    "x/" * 3000 + "x": "File name too long",
    "~nobody-here/x": "home directory",
    "loop.{}": "symbolic links",
    "a\0b": "null character",
}
ENDLESS = ("pipe.{}", "/dev/zero", "/dev/null")


@pytest.mark.parametrize(("name", "why"), IMPOSSIBLE.items(), ids=["long", "deep", "nobody", "loop", "zero"])
def test_name_that_no_file_can_have_is_a_problem_of_ours(name: str, why: str) -> None:
    with pytest.raises(FileProblem) as caught:
        path_of(name.format("png"))
    assert why in caught.value.why
    assert caught.value.fix
    assert caught.value.code == "file-missing"


@pytest.mark.parametrize("name", ["nothing.png", "photo.png/x", "."])
def test_name_that_a_file_could_have_is_a_path(name: str) -> None:
    assert path_of(name) == Path(name)


@pytest.mark.parametrize("name", [*IMPOSSIBLE, *ENDLESS], ids=lambda name: name[:12])
@pytest.mark.parametrize(
    ("words", "ending"),
    [
        (["check", "{}"], "yaml"),
        (["check", "--json", "{}"], "yaml"),
        (["run", "{}", "--out", "out"], "yaml"),
        (["new", "n.yaml", "--from", "{}"], "yaml"),
        (["check", "g.yaml", "--set", "photo={}"], "png"),
        (["run", "g.yaml", "--set", "photo={}", "--out", "out"], "png"),
        (["check", "g.yaml", "--set", "soft.mask={}"], "png"),
        (["check", "text2img", "--set", "checkpoint={}"], "safetensors"),
        (["checkpoints", "verify", "{}"], "safetensors"),
        (["check", "g.yaml", "--nodes", "{}"], "py"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else words,
)
def test_every_name_on_the_command_line_ends_in_words_at_once(
    words: list[str], ending: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = name.format(ending)
    if not given.endswith(ending) and not given.startswith("/dev"):
        given += f".{ending}"
    code = main([word.replace("{}", given) for word in words])
    shown = capsys.readouterr()
    assert code in (1, 2)
    assert "Traceback" not in shown.err
    assert "plan function" not in shown.err
    if "--json" in words:
        assert json.loads(shown.out)[0]["message"]
    else:
        assert shown.err or shown.out


DOCUMENTS = {
    "picture": ("nodes: {a: {type: mask_blur, mask: %s}}", "png"),
    "list": ("nodes: {a: {type: image_grid, images: %s}}", "png"),
    "file": ("nodes: {a: {type: load_image, path: %s}}", "png"),
    "template": ("nodes: {a: {template: %s}}", "yaml"),
    "source": (
        "checkpoints: {b: {source: %s}}\nnodes: {a: {type: text2img, checkpoint: b, prompt: x}}",
        "safetensors",
    ),
    "lora": (
        "checkpoints: {b: {source: embedded/sd-sketch, loras: [%s]}}\nnodes: {a: {type: text2img, checkpoint: b}}",
        "safetensors",
    ),
}


@pytest.mark.parametrize("name", [*IMPOSSIBLE, *ENDLESS], ids=lambda name: name[:12])
@pytest.mark.parametrize(("text", "ending"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_name_in_a_document_is_a_problem_at_its_place(
    text: str, ending: str, name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = name.format(ending)
    if not given.endswith(ending) and not given.startswith("/dev"):
        given += f".{ending}"
    (here / "d.yaml").write_text("graphflow: 1\n" + text % json.dumps(given))
    assert main(["check", "d.yaml", "--json"]) == 2
    problems = json.loads(capsys.readouterr().out)
    assert all(problem["line"] for problem in problems)
    assert "not a file" in problems[0]["message"] or problems[0]["code"] != "node"


def test_files_whose_names_are_no_utf8_are_read_written_and_recorded(here: Path) -> None:
    command = [sys.executable, "-m", "graphflow", "run", f"{LATIN}.yaml", "--set", f"photo={LATIN}.png"]
    done = subprocess.run([*command, "--out", f"out-{LATIN}"], cwd=here, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    out = here / f"out-{LATIN}"
    assert {path.name for path in out.iterdir()} >= {"soft.png", "grid.png", "run.json", "report.html", "events.jsonl"}
    for name in ("run.json", "soft.png"):
        assert RunRecord.load(out / name).inputs["photo"]
    assert "caf" in (out / "report.html").read_text(encoding="utf-8")
    for line in (out / "events.jsonl").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)


def test_text_that_is_no_utf8_is_refused_before_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "g.yaml", "--set", f"word={LATIN}", "--out", "out"]) == 2
    assert "it contains bytes that are not UTF-8 text" in capsys.readouterr().err
    assert not Path("out").exists()


def test_screen_in_ascii_shows_every_problem(here: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    command = [sys.executable, "-m", "graphflow", "check", "é.yaml", f"{LATIN}x.yaml", "--json"]
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert [problem["code"] for problem in json.loads(done.stdout.decode("ascii"))] == ["file-missing"] * 2


@pytest.mark.parametrize("name", ["pipe.png", "/dev/zero"])
def test_pipe_or_device_given_in_python_is_no_picture(name: str) -> None:
    with pytest.raises(FileProblem, match=r"a pipe|a device"):
        _ = File(Path(name).absolute()).picture_size
    with pytest.raises(FileProblem, match=r"a pipe|a device"):
        _ = File(Path(name).absolute()).digest
