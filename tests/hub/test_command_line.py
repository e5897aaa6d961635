"""The command line and the hub: run, check --offline, checkpoints pull; in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphflow.cli import main
from graphflow.cli.progress import live
from graphflow.execute.events import DownloadFinished, DownloadProgress, DownloadStarted

GRAPH = """\
graphflow: 1
checkpoints:
  base: {source: owner/tiny-sd}
nodes:
  paint: {type: text2img, checkpoint: base, prompt: a red circle, num_inference_steps: 2, seed: 5}
outputs: {image: $paint}
"""
TOKEN = "hf_ThisIsATokenOfATest"


@dataclass(frozen=True)
class Done:
    """What a call printed, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def call(tmp_path, hub, monkeypatch, capsys):
    (tmp_path / "graph.yaml").write_text(GRAPH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    def call(*words):
        code = main(words)
        return Done(code, *capsys.readouterr())

    return call


def test_run_downloads_records_the_commit_and_shows_no_token(call, hub, sd, tmp_path):
    done = call("run", "graph.yaml", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("reading facts of owner/tiny-sd from the hub") == 1
    assert "downloading owner/tiny-sd/unet/diffusion_pytorch_model.safetensors, " in done.stderr
    assert "[3/3] downloaded owner/tiny-sd/" in done.stderr
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["repositories"] == [{"name": "owner/tiny-sd", "commit": sd.commit}]
    assert hub.tokens == {f"Bearer {TOKEN}"}
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [content for content in written if TOKEN.encode() in content]
    assert TOKEN not in done.stdout + done.stderr


def test_events_of_downloads_are_json_lines(call, hub, sd):
    done = call("run", "graph.yaml", "--out", "out", "--json")
    kinds = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert kinds[0] == "download_started"
    assert kinds.count("download_finished") == 3
    assert kinds[-1] == "written"


def test_the_live_display_shows_files_and_their_bytes(capsys):
    file = ("owner/tiny-sd", "unet/a.safetensors")
    with live(1, "file") as display:
        display.show(DownloadStarted(*file, 2048))
        display.show(DownloadProgress(*file, 1024, 2048))
        shown = display.show.__self__
        assert [shown.unit(part) for part in shown.parts] == ["1.0 KiB", "2.0 KiB"]
        display.show(DownloadFinished(*file, 2048, 2.0))
    screen = capsys.readouterr().err
    assert "1 of 1 file" in screen
    assert "downloaded owner/tiny-sd/unet/a.safetensors 2.0 s" in screen


def test_an_offline_run_of_what_is_not_here_says_how_to_get_it(call, hub, sd):
    done = call("run", "graph.yaml", "--offline", "--out", "out")
    assert done.returncode == 1
    assert "the checkpoint owner/tiny-sd is not on this machine: this call is offline" in done.stderr
    assert "fix: get it with: graphflow checkpoints pull owner/tiny-sd" in done.stderr
    assert hub.requests == []


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_the_variables_of_the_hub_make_a_call_offline(call, hub, sd, variable, monkeypatch):
    monkeypatch.setenv(variable, "1")
    done = call("check", "graph.yaml")
    assert done.returncode == 0
    assert f"why: {variable} is set, so it cannot be checked" in done.stderr
    assert hub.requests == []


def test_strict_fails_while_a_checkpoint_is_not_here_and_plain_check_does_not(call, hub, sd):
    assert call("check", "graph.yaml").returncode == 0
    done = call("check", "--strict", "graph.yaml")
    assert done.returncode == 2
    assert "warning: checkpoint-absent: paint: owner/tiny-sd is not on this machine" in done.stderr
    assert "why: a run would first download 3 files of it, " in done.stderr
    assert "fix: get it with: graphflow checkpoints pull owner/tiny-sd" in done.stderr
    assert call("checkpoints", "pull", "owner/tiny-sd").returncode == 0
    done = call("check", "--strict", "graph.yaml")
    assert (done.returncode, "checkpoint-absent" in done.stderr) == (0, False)


def test_strict_fails_offline_if_nothing_is_known_of_a_checkpoint(call, hub, sd):
    assert call("check", "--offline", "graph.yaml").returncode == 0
    assert call("check", "--offline", "--strict", "graph.yaml").returncode == 2


def test_pull_of_a_graph_downloads_what_its_run_needs(call, hub, sd):
    done = call("checkpoints", "pull", "graph.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("graph.yaml: 3 files downloaded, ")
    hub.forget()
    assert call("run", "graph.yaml", "--offline", "--out", "out").returncode == 0
    assert hub.requests == []


def test_pull_of_a_name_downloads_its_weights_and_looks_for_newer_ones(call, hub, sd):
    done = call("checkpoints", "pull", "owner/tiny-sd")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("owner/tiny-sd: 3 files downloaded, ")
    sd.files["unet/README.md"] = b"new"
    del sd.commit
    hub.forget()
    again = call("checkpoints", "pull", "owner/tiny-sd")
    assert again.returncode == 0, again.stderr
    # Files that have not changed are here already, under another commit.
    assert [path for path, count in hub.weights.items() if count > 100_001] == [], (hub.sent, hub.requests)


def test_pull_of_a_name_that_is_wrong_says_so(call, hub):
    done = call("checkpoints", "pull", "owner/tiny-ds")
    assert done.returncode == 2
    assert "checkpoint-missing: the hub has no repository owner/tiny-ds" in done.stderr


def test_check_without_a_network_passes_with_a_hint(call, hub, sd, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = call("check", "graph.yaml")
    assert done.returncode == 0
    assert "the connection failed (" in done.stderr


def test_check_of_a_graph_without_hub_names_does_not_import_the_client(tmp_path):
    code = (
        "import sys; from graphflow.cli import main; main(['check', 'text2img']); "
        "sys.exit('huggingface_hub' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=Path(tmp_path), check=False, timeout=60)
    assert done.returncode == 0
