"""`graphflow cache`: its screens, its exit codes, and that it needs no torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import graphflow as gf
from graphflow.cli import main
from graphflow.store.contents import content_id
from graphflow.store.disk_store import DiskStore
from graphflow.values.any_value import digest_of

SCREENS = Path(__file__).parent / "screens"
UPDATE = "UPDATE_SCREENS"
"""Environment variable: write the screens anew instead of comparing them; read them before you commit them."""

PICTURES = [gf.Image(bytes([shade]) * 30000, 100, 100) for shade in range(3)]


@pytest.fixture
def folder(tmp_path):
    """A cache of three pictures and a number, last used in 2026."""
    store = DiskStore(tmp_path / "results", clock=lambda: 1.78e9)
    for number, picture in enumerate(PICTURES):
        store.put(f"key {number}", {"image": (picture.digest, picture), "number": (digest_of(number), number)})
    store.close()
    return store.folder


def damage(folder):
    store = DiskStore(folder)
    store.contents.place(content_id(PICTURES[0].digest)).write_bytes(b"damaged")


def leave_over(folder):
    DiskStore(folder).contents.write([b"unfinished"], "1-of-a-killed-process")


CALLS = {
    "info": (["info"], lambda folder: None, 0),
    "prune_nothing": (["prune"], lambda folder: None, 0),
    "prune": (["prune"], leave_over, 0),
    "prune_size": (["prune", "--cache-size", "65kB"], lambda folder: None, 0),
    "prune_age": (["prune", "--older-than", "1m"], lambda folder: None, 0),
    "clear": (["clear"], lambda folder: None, 0),
    "verify": (["verify"], lambda folder: None, 0),
    "verify_damaged": (["verify"], damage, 1),
}
"""Name of the screen → the call, what happens to the cache before it, and the exit code."""


def called(capsys, folder, *words):
    code = main(["cache", words[0], "--cache", str(folder), *words[1:]])
    shown = capsys.readouterr()
    assert shown.err == ""
    return code, shown.out.replace(str(folder), "FOLDER")


@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_exactly_the_stored_screen(name, folder, capsys):
    words, before, expected = CALLS[name]
    before(folder)
    code, screen = called(capsys, folder, *words)
    stored = SCREENS / f"cache_{name}.txt"
    if os.environ.get(UPDATE):
        stored.write_text(screen, encoding="utf-8")
    assert (code, screen) == (expected, stored.read_text(encoding="utf-8"))


def test_json_has_the_same_facts(folder, capsys):
    code, shown = called(capsys, folder, "info", "--json")
    facts = json.loads(shown)
    assert (code, facts["results"], facts["contents"], facts["limit"]) == (0, 3, 6, 10 * 2**30)
    assert facts["oldest"] == "2026-05-28 20:26 UTC"
    damage(folder)
    code, shown = called(capsys, folder, "verify", "--json")
    assert code == 1
    assert [one["name"] for one in json.loads(shown)["damaged"]] == [PICTURES[0].digest]
    code, shown = called(capsys, folder, "clear", "--json")
    assert (code, json.loads(shown)["contents"], json.loads(shown)["kept"]) == (0, 5, 0)


def test_the_limit_is_that_of_runs(folder, capsys, monkeypatch):
    monkeypatch.setenv("GRAPHFLOW_CACHE_SIZE", "65kB")
    assert json.loads(called(capsys, folder, "info", "--json")[1])["limit"] == 65_000
    assert called(capsys, folder, "prune")[1] == "removed 2 values, 29.5 KiB\n"


def test_runs_without_a_cache_do_not_empty_it(folder, capsys, monkeypatch):
    monkeypatch.setenv("GRAPHFLOW_CACHE_SIZE", "0")
    assert called(capsys, folder, "prune")[1] == "nothing to remove\n"


def test_values_that_a_process_uses_are_kept_and_counted(folder, capsys):
    with DiskStore(folder).running():
        store = DiskStore(folder)
        store.content(PICTURES[0].digest)
        assert "in use   1 value, by 1 running process\n" in called(capsys, folder, "info")[1]
        assert "kept 1 value that running processes use\n" in called(capsys, folder, "clear")[1]
        assert store.content(PICTURES[0].digest) == PICTURES[0]
        store.close()


def test_a_cache_that_does_not_exist_is_an_empty_one(tmp_path, capsys):
    for words in (["info"], ["prune"], ["clear"], ["verify"]):
        assert called(capsys, tmp_path / "none", *words)[0] == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("words", [["--older-than", "much"], ["--older-than=-1d"], ["--cache-size", "much"]])
def test_an_age_or_a_size_that_is_none_is_refused(words, folder, capsys):
    assert main(["cache", "prune", "--cache", str(folder), *words]) == 2
    assert "is not a" in capsys.readouterr().err


def test_an_option_of_another_action_is_refused(folder, capsys):
    assert main(["cache", "clear", "--cache", str(folder), "--older-than", "30d"]) == 2
    assert "options of prune" in capsys.readouterr().err
    assert DiskStore(folder).lookup("key 1") is not None


def test_no_call_needs_torch(folder):
    program = """
import sys
from graphflow.cli import main
for action in ("info", "prune", "clear", "verify"):
    assert main(["cache", action, "--cache", sys.argv[1]]) == 0
heavy = {"torch", "numpy", "PIL", "huggingface_hub", "pydantic", "networkx", "rich"} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program, folder], check=True)
