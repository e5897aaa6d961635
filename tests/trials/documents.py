"""Broken documents: whatever stands in one, each command tells problems with a place, or goes on."""

from __future__ import annotations

import io
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

import graphflow as gf
from graphflow.cli import main as command_line
from graphflow.problems import CODES
from tests.trials import trial
from tests.trials.explosive import EXPLOSIVE
from tests.trials.nasty import BROKEN_REFERENCES, NASTY, TOKENS
from tests.trials.trial import Outcome, chance, is_clear, signature, unshowable

ROOT = Path(__file__).parents[2]
_USES = ("check", "check --json", "plan", "save", "--set")


class Documents:
    """Library graphs and documents of the tests, broken in text or tree, and some that explode."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        self.graphs, self.tests = (sorted(ROOT.glob(f"{name}/**/*.yaml")) for name in ("graphs", "tests"))

    def start(self) -> None:
        """A folder with what the documents name becomes the current one."""
        self.folder = Path(tempfile.mkdtemp(dir=self.folder))
        os.chdir(self.folder)
        for name in ("graphs", "tests"):
            Path(name).symlink_to(ROOT / name)
        Path("assets").symlink_to(ROOT / "graphs/assets")
        os.mkfifo("pipe.png")
        os.mkfifo("pipe.safetensors")
        Path("loop").symlink_to("loop")
        for depth in range(30):
            shape = "type: mask_shape, shape: rectangle, box: [0, 0, 1, 1], width: 8, height: 8"
            inner = f"template: ./t{depth + 1}.yaml" if depth < 29 else shape
            nodes = f"nodes: {{a: {{{inner}}}, b: {{{inner}}}}}"
            Path(f"t{depth}.yaml").write_text(f"graphflow: 1\n{nodes}\noutputs: {{mask: $b}}\n")

    def kind(self, number: int) -> str:
        if number % 40 == 39:
            return f"explosive: {list(EXPLOSIVE)[number // 40 % len(EXPLOSIVE)]}"
        return ("text", "tree")[number % 2] if self._use(number) != "--set" else "call"

    def attempt(self, number: int) -> Outcome:
        one, kind, use = chance(self.seed, number), self.kind(number), self._use(number)
        if kind.startswith("explosive"):
            content = EXPLOSIVE[kind.removeprefix("explosive: ")]().encode()
        elif use == "--set":
            return self._called(one, kind)
        else:
            content = self._broken(one, kind)
        (self.folder / "d.yaml").write_bytes(content)
        end, fault, detail = saved() if use == "save" else told(use.split(), json_lines="--json" in use)
        return Outcome(kind, end, fault, f"{use}\n{content.decode(errors='replace')[:3000]}\n{detail}")

    def _use(self, number: int) -> str:
        return _USES[chance(self.seed, -1 - number).randrange(len(_USES))] if number % 40 != 39 else "check"

    def _broken(self, one: random.Random, kind: str) -> bytes:
        source = one.choice(self.graphs if one.random() < 0.7 else self.tests).read_bytes()
        if kind == "text":
            for _ in range(one.choice((1, 1, 2, 5))):
                source = one.choice(_TEXT)(source, one)
            return source
        try:
            tree = yaml.safe_load(source)
        except (yaml.YAMLError, RecursionError):
            tree = {"graphflow": 1, "nodes": {}}
        for _ in range(one.choice((1, 1, 2, 4))):
            _break_tree(tree, one)
        try:
            text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=one.random() < 0.3)
        except RecursionError:  # deeper than PyYAML itself can write
            text = "[" * 1000
        return text.encode(errors="surrogatepass")

    def _called(self, one: random.Random, kind: str) -> Outcome:
        """A whole library graph with a nasty value for an input or a key of a node."""
        graph = one.choice(sorted(ROOT.glob("graphs/*.yaml")))
        tree = yaml.safe_load(graph.read_bytes())
        names = [*tree.get("inputs", {}), *(f"{id_}.{key}" for id_, node in tree["nodes"].items() for key in node)]
        texts = [value for value in (*NASTY, *BROKEN_REFERENCES) if isinstance(value, str) and "\0" not in value]
        words = ["check", graph.stem, "--set", f"{one.choice([*names, *texts])}={one.choice(texts)}"]
        if one.random() < 0.2:
            words += ["--seed", one.choice(texts)]
        end, fault, detail = told(words[:1], words[1:])
        return Outcome(kind, end, fault, f"graphflow {words!r}\n{detail}")


def told(command: list[str], more: list[str] | None = None, *, json_lines: bool = False) -> tuple[str, str, str]:
    """How a command ended, what is wrong with it, and what it said."""
    before = sys.stdout, sys.stderr
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in before]
    sys.stdout, sys.stderr = streams
    try:
        code = command_line([*command, *(more if more is not None else ["d.yaml"])])
    except SystemExit as error:
        code = int(error.code or 0)
    finally:
        sys.stdout, sys.stderr = before
    out, err = (stream.buffer.getvalue().decode() for stream in streams)
    fault = wrong_screen(code, out, err)
    if json_lines and not fault:
        fault = wrong_json(out)
    return "passed" if code == 0 else "told", fault, f"{out[-1000:]}{err[-2000:]}"


def wrong_screen(code: int, out: str, err: str) -> str:
    if sign := unshowable(out + err):
        return f"{sign} on the screen"
    if code not in (0, 2):
        return f"exit code {code}"
    if code == 2 and not (out + err).strip():
        return "refused without a word"
    return "traceback on the screen" if "Traceback" in err else ""


def wrong_json(out: str) -> str:
    """What is wrong with the problems that `check --json` printed."""
    try:
        problems = json.loads(out)
    except ValueError:
        return "check --json prints no JSON"
    for problem in problems:
        if problem["code"] not in CODES or not problem["message"].strip():
            return f"a problem without code or message: {problem['code']}"
        if not problem["file"]:
            return f"a problem without a place: {problem['code']}"
    return ""


def saved() -> tuple[str, str, str]:
    """Load, check, save elsewhere and load again: the same graph, with as many problems."""
    try:
        graph = gf.load("d.yaml")
        first = graph.check().problems
        Path("elsewhere").mkdir(exist_ok=True)
        graph.save("elsewhere/d.yaml")
    except gf.GraphflowError as error:
        if not is_clear(error) or unshowable(str(error)):
            return "", f"unclear: {signature(error)}", repr(error)
        return "told", "", str(error)
    try:
        again = gf.load("elsewhere/d.yaml")
    except gf.GraphflowError as error:
        return "", "a saved graph cannot be loaded", str(error)
    if again != graph:
        return "", "a saved graph is another one", Path("elsewhere/d.yaml").read_text()
    codes = [sorted({problem.code for problem in some}) for some in (first, again.check().problems)]
    return (
        ("told" if first else "passed"),
        "" if codes[0] == codes[1] else "a saved graph has other problems",
        str(codes),
    )


# Text


def _flip(source: bytes, one: random.Random) -> bytes:
    content = bytearray(source or b"\0")
    for _ in range(one.choice((1, 3, 20))):
        content[one.randrange(len(content))] = one.randrange(256)
    return bytes(content)


def _lines(source: bytes, one: random.Random) -> bytes:
    lines = source.splitlines(keepends=True) or [b"\n"]
    first, second = one.randrange(len(lines)), one.randrange(len(lines))
    way = one.randrange(4)
    if way == 0:
        lines[first], lines[second] = lines[second], lines[first]
    elif way == 1:
        lines.insert(second, lines[first])
    elif way == 2:
        del lines[first]
    else:
        lines[first] = b" " * one.choice((1, 2, 4)) + lines[first]
    return b"".join(lines)


def _slice(source: bytes, one: random.Random) -> bytes:
    first, second = sorted(one.randrange(len(source) + 1) for _ in range(2))
    return one.choice((source[:first] + source[second:], source[:second] + source[first:], source[:first]))


def _insert(source: bytes, one: random.Random) -> bytes:
    at = one.randrange(len(source) + 1)
    return source[:at] + one.choice(TOKENS) + source[at:]


def _word(source: bytes, one: random.Random) -> bytes:
    """Another value in the place of one that a line ends with."""
    lines = source.split(b"\n")
    places = [number for number, line in enumerate(lines) if b": " in line] or [0]
    place = one.choice(places)
    value = yaml.safe_dump(one.choice(NASTY), default_flow_style=True).strip().removesuffix("...").strip()
    lines[place] = lines[place].partition(b": ")[0] + b": " + value.encode(errors="surrogatepass")
    return b"\n".join(lines)


_TEXT: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flip, _lines, _lines, _slice, _insert, _insert, _word)


# Trees


def _spots(tree: Any) -> list[tuple[Any, Any]]:
    """Each place of a tree, as its container and key; a container that contains itself is met once."""
    found, pending, seen = [], [tree], set()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        keys = list(one) if isinstance(one, dict) else list(range(len(one))) if isinstance(one, list) else []
        found += [(one, key) for key in keys]
        pending += [one[key] for key in keys]
    return found


def _break_tree(tree: Any, one: random.Random) -> None:
    spots = _spots(tree)
    if not spots:
        return
    held, key = one.choice(spots)
    other, its_key = one.choice(spots)
    way = one.randrange(12)
    if way == 0:
        del held[key]
    elif way == 1 and isinstance(held, dict):
        held[one.choice([value for value in NASTY if isinstance(value, (str, int, float))])] = held.pop(key)
    elif way == 2 and isinstance(held, dict):
        held[its_key if isinstance(its_key, str) else "x"] = held.pop(key)
    elif way == 3:
        held[key] = other[its_key]  # an alias, or a tree that holds itself
    elif way == 4:
        held[key] = one.choice(BROKEN_REFERENCES)
    elif way == 5:
        held[key] = f"{held[key]}{one.choice(BROKEN_REFERENCES)}" if isinstance(held[key], str) else [held[key]]
    elif way == 6 and isinstance(held, dict):
        held[one.choice(("for_each", "when", "cache", "template", "type", "graphflow", "outputs"))] = one.choice(
            [*NASTY, {"x": [1, 2]}, [{"image": ["$photo"]}, {"seed": [1, 2, 3]}], {"seed": list(range(50))}]
        )
    elif way == 7:
        for _ in range(one.choice((3, 60, 300))):
            held[key] = [held[key]] if one.random() < 0.7 else {"a": held[key]}
    elif way == 8 and isinstance(tree, dict):
        tree.setdefault("checkpoints", {})
        if isinstance(tree["checkpoints"], dict):
            details = {
                "source": one.choice(NASTY),
                one.choice(("loras", "components", "dtype", "x")): one.choice(NASTY),
            }
            tree["checkpoints"][one.choice(("base", "x", "photo"))] = details
    else:
        held[key] = one.choice(NASTY)


if __name__ == "__main__":
    raise SystemExit(trial.main("documents", Documents, count=3000))
