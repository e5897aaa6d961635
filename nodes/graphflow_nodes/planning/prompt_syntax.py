"""The syntax of weighted texts, compel's, checked without it: it reads a text with a mistake as plain text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

_LORA = re.compile(r"<lora:[^<>]*>|\b(?:use|with)Lora\s*\([^()]*\)", re.IGNORECASE)
_COLON = re.compile(r"\([^()]*:\s*\d+(?:\.\d+)?\s*\)")
_WEIGHTS = re.compile(
    rf"{_COLON.pattern}"  # (red:1.5)
    r"|\([^()]*\)(?:\d+(?:\.\d+)?(?!\.?\w)|\++|-+)(?!\w)"  # (red)1.5, (red)+
    r"|\w+\+\++(?!\w)"  # red++
    r"|\)\s*\.(?:blend|and|add|attend|swap)\s*\("
)
_SWAP = re.compile(r"\S\.swap\s*\(")
_OPERATOR = re.compile(r"\)\s*\.(blend|and|add)\s*\(")
_TARGET = re.compile(r'\s*(?:"(?P<quoted>.*)"|\((?P<held>.*)\)|[^\s"()]+)\s*', re.DOTALL)
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
_DEEPEST = 5
"""Parentheses in each other; compel's time doubles with each."""


class Mistake(NamedTuple):
    """A mistake in a text.

    Attributes:
        message: what is wrong, without the text's name.
        why: with the place in the text.
        fix: what to write instead.
        harmless: whether the text still means something, though probably not what was meant.
    """

    message: str
    why: str
    fix: str
    harmless: bool = False


def lora_in(text: str) -> str:
    """A LoRA that is named in a text; empty if there is none."""
    return found[0] if (found := _LORA.search(text)) else ""


def weight_in(text: str) -> str:
    """Something in a text that looks like a weight; empty if there is nothing."""
    return found[0].strip() if (found := _WEIGHTS.search(text)) else ""


def windows_may_differ(texts: tuple[str | None, ...], window: int) -> bool:
    """Whether texts may have different numbers of windows.

    Args:
        texts: None if one is not known.
        window: tokens that fit into one. A token has at least one byte.
    """
    return any(text is None or len(text.encode()) > window or _OPERATOR.search(text) for text in texts)


def mistakes(text: str) -> Iterator[Mistake]:
    """The mistakes in a weighted text, those of brackets and quotes alone if there are any."""
    pairs = _pairs(text)
    if isinstance(pairs, Mistake):
        yield pairs
        return
    if found := _LORA.search(text):
        fix = "write it in loras of the checkpoint's entry in checkpoints"
        yield Mistake(f"{found[0]} has no effect", f"a text cannot add a LoRA; {_at(text, found.start())}", fix, True)
    if found := _COLON.search(text):
        inner, _, weight = found[0].strip("() ").rpartition(":")
        why = f"a weight is written after the parentheses; {_at(text, found.start())}"
        yield Mistake(f"{found[0]} has no weight", why, f"write ({inner}){weight.strip()}", True)
    if found := _SWAP.search(text):
        why = f"it changes the attention of the denoiser, not the text; {_at(text, found.start() + 1)}"
        yield Mistake(".swap() is not supported", why, "remove .swap()")
        return
    if text.strip() and not re.search(r'[^\s()"]', text):
        yield Mistake("there is no text", f"it has parentheses or quotes only: {text.strip()}", "write a text, or none")
    if operator := _OPERATOR.search(text):
        yield from _of_operator(text, pairs, operator)


def _at(text: str, place: int) -> str:
    """A place in a text in words, with what stands there."""
    end = text[place : place + 24]
    return f"character {place + 1} is the start of: {end}{'…' if len(text) > place + 24 else ''}"


def _pairs(text: str) -> dict[int, int] | Mistake:
    """Opening → closing bracket or quote, by place; escaped ones are text."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    deepest = 0
    for found in re.finditer(r'\\.|[()"]', text, re.DOTALL):
        mark, place = found[0], found.start()
        inside = text[opened[-1]] if opened else ""
        if mark == "(" or (mark == '"' and not any(text[one] == '"' for one in opened)):
            opened.append(place)
            deepest = max(deepest, sum(text[one] == "(" for one in opened))
            if deepest > _DEEPEST:
                why = f"{_DEEPEST} parentheses in each other are possible; {_at(text, place)}"
                return Mistake(
                    "there are too many parentheses in each other", why, "write one weight, such as (cat)1.6"
                )
        elif mark == ")" and inside == "(":
            pairs[opened.pop()] = place
        elif mark == ")":
            why = _at(text, place)
            return Mistake("a ) closes nothing", why, r"add a (, or write \) if it is part of the text")
        elif mark == '"' and inside == '"':
            pairs[opened.pop()] = place
        elif mark == '"':
            break
    if opened:
        mark = text[opened[-1]]
        closing = ")" if mark == "(" else mark
        fix = rf"add a {closing}, or write \{mark} if it is part of the text"
        return Mistake(f"a {mark} is not closed", _at(text, opened[-1]), fix)
    return pairs


def _of_operator(text: str, pairs: dict[int, int], operator: re.Match[str]) -> Iterator[Mistake]:
    """The mistakes in the use of `.blend()` or `.and()`, which apply to the whole text."""
    name, start = f".{operator[1]}()", len(text) - len(text.lstrip())
    example = f'write ("one text", "another").{operator[1]}(1, 0.5) and nothing else'
    if pairs.get(start) != operator.start():
        yield Mistake(f"{name} is not at the end of the text's first parentheses", _at(text, operator.start()), example)
        return
    options = operator.end() - 1
    end = pairs[options]
    if rest := text[end + 1 :].lstrip():
        yield Mistake(f"the text after {name} is not read", _at(text, len(text) - len(rest)), example)
        return
    targets = [_TARGET.fullmatch(one) for one in _split(text, start, operator.start(), pairs)]
    if not all(targets):
        yield Mistake(f"the texts of {name} are not separated", f"each must be in quotes; {_at(text, start)}", example)
    elif any(
        not "".join(part or "" for part in one.groups()).strip(' ()"') and '"' in one[0] for one in targets if one
    ):
        yield Mistake(f"a text of {name} is empty", _at(text, start), "write a text, or remove it")
    else:
        yield from _of_weights(text, name, text[options + 1 : end], len(targets))


def _split(text: str, start: int, end: int, pairs: dict[int, int]) -> list[str]:
    """The parts between brackets that are separated by commas, other than those in inner brackets or quotes."""
    parts, place, last = [], start + 1, start + 1
    while place < end:
        if text[place] == ",":
            parts.append(text[last:place])
            last = place + 1
        place = pairs.get(place, place) + 1
    return [*parts, text[last:end]]


def _of_weights(text: str, name: str, written: str, count: int) -> Iterator[Mistake]:
    listed = [one.strip() for one in written.split(",")] if written.strip() else []
    plain = name == ".blend()" and listed[-1:] == ["no_normalize"]
    weights = listed[:-1] if plain else listed
    strange = [one for one in weights if not _NUMBER.fullmatch(one)]
    if strange:
        why = f"{strange[0] or 'an empty value'} is not a number"
        yield Mistake(f"a weight of {name} cannot be read", why, "write numbers, separated by commas")
    elif weights and len(weights) != count:
        why = f"it has {len(weights)} for {count}"
        yield Mistake(f"{name} does not have a weight for each text", why, "write one for each, or none at all")
    elif name == ".blend()" and weights and not plain and math.isclose(sum(map(float, weights)), 0, abs_tol=1e-6):
        why = "they are divided by their sum"
        yield Mistake(f"the weights of {name} add up to 0", why, "write other weights, or add no_normalize")
