"""A tokenizer is what it does to texts: whatever changes a number changes its identity, and no layout does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from transformers import CLIPTokenizer

from graphflow.checkpoints.components import ComponentFiles
from graphflow.document.refusal import Refusal
from graphflow_nodes.models.clip import CLIP_TOKENIZER
from graphflow_nodes.models.clip_tokenizer import TokenizerPart
from tests.tiny import make, parts

Edit = Callable[[Path], object]
TEXTS = (
    "a cat <cat> of <|endoftext|> red <CAT> dog",
    "<|ENDOFTEXT|> x <|STARTOFTEXT|>",
    "a <cat>cat",
    " <cat>  y",
    "!",
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> dict[str, Path]:
    """The tiny tokenizer in vocab.json and merges.txt, and in tokenizer.json."""
    folder = tmp_path_factory.mktemp("tiny")
    return {"old": make("sd_old", folder) / "tokenizer", "new": make("sd", folder) / "tokenizer"}


def identity(folder: Path) -> str:
    return ComponentFiles("tokenizer", "transformers", "CLIPTokenizer", folder, model=CLIP_TOKENIZER).identity


@cache
def does(folder: Path) -> Any:
    """What transformers makes of texts with this tokenizer, filled up, cut and whole, and which tokens it adds."""
    one = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    most = one.model_max_length
    filled = [one(text, padding="max_length", max_length=most, truncation=True) for text in (*TEXTS, "a cat " * most)]
    return [dict(tokens) for tokens in filled], repr(one.added_tokens_decoder), most


def setting(**changes: object) -> Edit:
    return lambda folder: rewrite(folder / "tokenizer_config.json", lambda config: config.update(changes))


def whole(change: Callable[[dict[str, Any]], object]) -> Edit:
    return lambda folder: rewrite(folder / "tokenizer.json", change)


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


def put(name: str, content: object) -> Edit:
    return lambda folder: (folder / name).write_text(json.dumps(content))


def token(content: str = "<cat>", **flags: object) -> dict[str, object]:
    return {
        "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True,
        "special": False, **flags,
    }  # fmt: skip


def adding(**flags: object) -> Edit:
    return whole(lambda found: found["added_tokens"].append(token(id=548, **flags)))


def other_merges(folder: Path) -> None:
    lines = (folder / "merges.txt").read_text().splitlines()
    (folder / "merges.txt").write_text("\n".join(lines[:4]))


FILLED = {
    "strategy": {"Fixed": 12}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 3, "pad_type_id": 0,
    "pad_token": "$",
}  # fmt: skip
CUT = {"direction": "Left", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
CHANGES: dict[str, tuple[str, Edit]] = {
    "old: added_tokens.json": ("old", put("added_tokens.json", {"<cat>": 548})),
    "old: two added": ("old", put("added_tokens.json", {"<cat>": 548, "cat": 549})),
    "old: two added in another order": ("old", put("added_tokens.json", {"<cat>": 549, "cat": 548})),
    "old: added in the config": ("old", setting(added_tokens_decoder={"548": token("dog")})),
    "old: extra special tokens": ("old", setting(extra_special_tokens=["<cat>"])),
    "old: additional special tokens": ("old", setting(additional_special_tokens=["red"])),
    "old: a special token of its own": ("old", setting(my_token="dog")),
    "old: a special token by name": ("old", setting(mask_token="of")),
    "old: other pad token": ("old", put("special_tokens_map.json", {"pad_token": "!"})),
    "old: flags of a special token": ("old", setting(bos_token={"__type": "AddedToken", **token("<|startoftext|>")})),
    "old: filled up on the left": ("old", setting(padding_side="left")),
    "old: cut on the left": ("old", setting(truncation_side="left")),
    "old: shorter": ("old", setting(model_max_length=20)),
    "old: special tokens are taken apart": ("old", setting(split_special_tokens=True)),
    "old: no mask": ("old", setting(model_input_names=["input_ids"])),
    "old: other vocabulary": ("old", put("vocab.json", parts.bpe()[0] | {"!</w>": 257, '"</w>': 256})),
    "old: other merges": ("old", other_merges),
    "new: added": ("new", adding()),
    "new: added, with white space before": ("new", adding(lstrip=True)),
    "new: added, with white space after": ("new", adding(rstrip=True)),
    "new: added, as a word": ("new", adding(single_word=True)),
    "new: added, in this case": ("new", adding(normalized=False)),
    "new: added, special": ("new", adding(special=True)),
    "new: filled up on the left": ("new", setting(padding_side="left")),
    "new: filled up by tokenizer.json": ("new", whole(lambda found: found.update(padding=FILLED))),
    "new: cut by tokenizer.json": ("new", whole(lambda found: found.update(truncation=CUT))),
    "new: other vocabulary": ("new", whole(lambda found: found["model"]["vocab"].update({"!</w>": 257, '"</w>': 256}))),
    "new: other pad token": ("new", put("special_tokens_map.json", {"pad_token": "!"})),
}


@pytest.fixture(scope="module")
def changed(tiny, tmp_path_factory) -> dict[str, Path]:
    """Name of a change → the folder changed so; and the two unchanged ones."""
    found = {"old": tiny["old"], "new": tiny["new"]}
    for number, (name, (layout, edit)) in enumerate(CHANGES.items()):
        found[name] = shutil.copytree(tiny[layout], tmp_path_factory.mktemp("changed") / str(number))
        edit(found[name])
    return found


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_a_tokenizer_changes_its_identity(name, changed):
    assert does(changed[name]) != does(changed["new"])
    assert identity(changed[name]) != identity(changed["new"])


def test_tokenizers_of_one_identity_do_the_same(changed):
    known: dict[str, tuple[str, Any]] = {}
    for name, folder in changed.items():
        first, done = known.setdefault(identity(folder), (name, does(folder)))
        assert does(folder) == done, (first, name)
    assert len(known) > 20


RARE = ("old: a special token of its own", "new: filled up by tokenizer.json", "new: cut by tokenizer.json")
"""Saved anew, these have more settings than before; they are then two, which costs a second loading."""


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in RARE])
def test_tokenizer_saved_anew_is_the_same(name, changed, tmp_path):
    """Whatever layout it had, transformers writes tokenizer.json."""
    CLIPTokenizer.from_pretrained(changed[name], local_files_only=True).save_pretrained(tmp_path)
    assert does(tmp_path) == does(changed[name])
    assert identity(tmp_path) == identity(changed[name])


def test_old_layout_new_layout_and_single_file_are_one(tiny, tmp_path):
    settings = json.loads((tiny["old"] / "tokenizer_config.json").read_text())
    part = TokenizerPart(
        "tokenizer", "", "CLIPTokenizer", tmp_path, settings=settings, vocabulary=parts.bpe, model=CLIP_TOKENIZER
    )
    assert identity(tiny["old"]) == identity(tiny["new"]) == part.identity


NOTHING: dict[str, tuple[str, Edit]] = {
    "where it was": ("new", setting(name_or_path="/somewhere", is_local=True, local_files_only=False)),
    "how numbers become text": ("new", setting(errors="strict", clean_up_tokenization_spaces=True)),
    "what is usual": ("old", setting(padding_side="right", truncation_side="right", add_prefix_space=False)),
    "no further tokens": ("new", setting(extra_special_tokens=[], added_tokens_decoder={})),
    "a vocabulary beside tokenizer.json": ("new", put("vocab.json", {"a": 0})),
    "added by number": ("old", put("special_tokens_map.json", {"pad_token": "<|endoftext|>"})),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_changes_nothing_keeps_the_identity(name, tiny, tmp_path):
    layout, edit = NOTHING[name]
    folder = shutil.copytree(tiny[layout], tmp_path / "x")
    edit(folder)
    assert does(folder) == does(tiny[layout])
    assert identity(folder) == identity(tiny[layout])


def test_added_tokens_are_the_same_wherever_they_are_told(tiny, tmp_path):
    ways: list[tuple[str, Edit]] = [
        ("old", put("added_tokens.json", {"<cat>": 548})),
        ("old", setting(added_tokens_decoder={"548": token()})),
        ("new", adding()),
        ("new", put("added_tokens.json", {"<cat>": 548})),
    ]
    found = []
    for number, (layout, edit) in enumerate(ways):
        folder = shutil.copytree(tiny[layout], tmp_path / str(number))
        edit(folder)
        found.append((json.dumps(does(folder)), identity(folder)))
    assert len(set(found)) == 1


def unlink(name: str) -> Edit:
    return lambda folder: (folder / name).unlink()


def pipe(name: str) -> Edit:
    return lambda folder: ((folder / name).unlink(missing_ok=True), os.mkfifo(folder / name))


BROKEN: dict[str, tuple[str, Edit, str]] = {
    "no vocabulary": ("old", unlink("vocab.json"), "vocab.json"),
    "no merges": ("old", unlink("merges.txt"), "merges.txt: No such file"),
    "no tokenizer.json": ("new", unlink("tokenizer.json"), "merges.txt: No such file"),
    "no UTF-8": ("old", lambda folder: (folder / "merges.txt").write_bytes(b"\xff\xfe a"), "codec can't decode"),
    "vocabulary of texts": ("old", put("vocab.json", {"a": "b"}), "not a map from tokens to numbers"),
    "vocabulary of nothing": ("old", put("vocab.json", {}), "not a map from tokens to numbers"),
    "merges of three": ("old", lambda folder: (folder / "merges.txt").write_text("a b c\n"), "not pairs"),
    "model is a list": ("new", whole(lambda found: found.update(model=[])), "model is not a map"),
    "model is null": ("new", whole(lambda found: found.update(model=None)), "model is not a map"),
    "no model": ("new", whole(lambda found: found.pop("model")), "'model' is missing"),
    "no added tokens": ("new", whole(lambda found: found.pop("added_tokens")), "'added_tokens' is missing"),
    "added token without a number": ("new", whole(lambda f: f["added_tokens"].append(token())), "'id' is missing"),
    "added number": ("new", whole(lambda found: found["added_tokens"].append({"id": 1, "content": 5})), "not a token"),
    "decoder of numbers": ("old", setting(added_tokens_decoder={"548": 3}), "3 is not a token"),
    "decoder is a list": ("old", setting(added_tokens_decoder=[3]), "added_tokens_decoder is not a map"),
    "added token by its text": (
        "new",
        whole(lambda found: found["added_tokens"].append("<cat>")),
        "<cat> is not a token",
    ),
    "flag": ("new", adding(lstrip=1), "lstrip of <cat> is 1, neither true nor false"),
    "token of a number": ("old", setting(eos_token=3), "3 is not a token"),
    "no pad token": ("old", setting(pad_token=None), "no pad_token"),
    "text for a token of the decoder": ("old", setting(added_tokens_decoder={"548": "<cat>"}), "<cat> is not a token"),
    "merge of no token": ("old", lambda folder: (folder / "merges.txt").write_text("c q\n"), "give cq, which"),
    "padding by a text": ("new", whole(lambda found: found.update(padding="x")), "padding is not a map"),
    "added tokens in a map": ("new", whole(lambda found: found.update(added_tokens={})), "added_tokens is not a list"),
    "added tokens by name": ("old", put("added_tokens.json", {"<cat>": "x"}), "invalid literal"),
    "merges of numbers": ("new", whole(lambda found: found["model"].update(merges=[1])), "not pairs"),
    "side": ("old", setting(padding_side="up"), "up, neither left nor right"),
    "opens texts with a word it does not have": (
        "new",
        setting(bos_token="<cat>"),
        "bos_token is <cat>, which is neither",
    ),
    "no length": ("old", setting(model_max_length=None), "model_max_length is None"),
    "no end": ("old", setting(model_max_length=10**30), "padded to it"),
    "pipe for merges": ("old", pipe("merges.txt"), "merges.txt: it is a pipe"),
    "pipe for the vocabulary": ("old", pipe("vocab.json"), "it is a pipe"),
    "pipe for tokenizer.json": ("new", pipe("tokenizer.json"), "it is a pipe"),
    "pipe for the config": ("new", pipe("tokenizer_config.json"), "it is a pipe"),
    "pipe for added tokens": ("old", pipe("added_tokens.json"), "it is a pipe"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.usefixtures("in_time")
def test_broken_files_are_told_with_what_is_wrong(name, tiny, tmp_path):
    layout, edit, why = BROKEN[name]
    folder = shutil.copytree(tiny[layout], tmp_path / "x")
    edit(folder)
    with pytest.raises(Refusal) as caught:
        identity(folder)
    assert caught.value.code == "checkpoint-broken"
    assert why in f"{caught.value.message} {caught.value.why}"
