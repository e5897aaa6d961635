"""A byte-level BPE vocabulary in CLIP's form, in which each word of the captions is one token."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer

from graphflow_embedded.make import models, words

BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def letters() -> list[str]:
    """One printable character for each byte, in GPT-2's order: printable bytes stand for themselves."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) for byte in shown] + [chr(256 + index) for index in range(len(hidden))]


def merges(vocabulary: list[str]) -> list[tuple[str, str]]:
    """Merge rules, most frequent pair first (ties: alphabetical), until every word is one token."""
    spelled = [[*word[:-1], word[-1] + "</w>"] for word in vocabulary]
    rules = []
    while pairs := Counter(pair for word in spelled for pair in pairwise(word)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        rules.append(best)
        spelled = [_merged(word, best) for word in spelled]
    return rules


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    result = []
    for symbol in word:
        if result and (result[-1], symbol) == pair and not result[-1].endswith("</w>"):
            result[-1] += symbol
        else:
            result.append(symbol)
    return result


def write(folder: Path) -> None:
    """Write vocab.json, merges.txt and the configuration that CLIPTokenizer reads."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = merges(words.every_word())
    tokens = [*letters(), *(letter + "</w>" for letter in letters()), *("".join(rule) for rule in rules), BEGIN, END]
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(tokens)}), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(rule) for rule in rules)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": models.TOKENS,
        "bos_token": BEGIN,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
        "do_lower_case": True,
        "add_prefix_space": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> CLIPTokenizer:
    """The tokenizer that `write` wrote into `folder`."""
    return CLIPTokenizer.from_pretrained(folder)
