"""CLIP's vocabulary, which all checkpoints share and single files omit."""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources

from graphflow.system.files import read_only

Vocabulary = tuple[dict[str, int], list[tuple[str, str]]]
"""Token → number, and the merges in their order."""


@cache
def clip_vocabulary() -> Vocabulary:
    """The 49,408 tokens and 48,894 merges of CLIP's byte-pair encoding.

    Tokens are numbered as in CLIP: 256 signs for bytes, the same at the end of a word, the results of the merges, and
    the two tokens that start and end a text. Source of the merges: SOURCES.md.
    """
    packed = resources.files("graphflow_nodes").joinpath("models/clip_merges.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()[1:]
    merges = [(left, right) for left, right in map(str.split, lines)]
    signs = _byte_signs()
    tokens = [*signs, *(f"{sign}</w>" for sign in signs), *map("".join, merges), "<|startoftext|>", "<|endoftext|>"]
    return read_only({token: number for number, token in enumerate(tokens)}), read_only(merges)


def _byte_signs() -> list[str]:
    """One printable sign per byte: first the printable bytes, then signs from 256 on for the others."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(code) for code in (*printable, *range(256, 512 - len(printable)))]
