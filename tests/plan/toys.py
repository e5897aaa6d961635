"""Toy node types of numbers, words and small pictures, and graphs of them, for tests of the engine.

A stage is three steps, `encode → work → show`; `sketch` and `polish` share the first one.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, NamedTuple

import numpy as np

import graphflow as gf
from graphflow.document.parse import parse

# Numbers


@gf.node()
def number(*, value: int = 1) -> int:
    return value


@gf.node()
def add(a: int, b: int | None = None, *, plus: int = 0) -> int:
    return a + (b or 0) + plus


@gf.node()
def total(values: list[int]) -> int:
    return sum(values)


@gf.node()
def count_to(*, last: int) -> list[int]:
    return list(range(1, last + 1))


@gf.node()
def scale(value: int, *, by: float = 1.0, name: str = "") -> float:
    return value * by


class Digits(NamedTuple):
    tens: int
    ones: int


@gf.node()
def doubt(value: int, context: gf.Context) -> int:
    context.warn("the number is odd", f"it is {value}", "take an even one")
    return value


@gf.node()
def digits(value: int) -> Digits:
    return Digits(*divmod(value, 10))


@gf.node()
def roll(*, seed: gf.Seed) -> int:
    return seed


@gf.node(deterministic=False)
def tick() -> int:
    return 1


@gf.node()
def broken(value: int | None = None) -> int:
    raise ValueError("it is broken")


# Words


@gf.node()
def say(text: str) -> str:
    return text


@gf.node()
def join(words: list[str]) -> str:
    return " | ".join(words)


# Pictures


def _of_params(facts: Any, params: Mapping[str, Any], checkpoints: Any, wanted: Any) -> gf.Planned:
    return gf.Planned(outputs={"image": gf.Facts(params["width"], params["height"])})


@gf.node(plan=_of_params)
def paint(*, shade: int = 0, width: int = 4, height: int = 2) -> gf.Image:
    return gf.Image.of(np.full((height, width, 3), shade, np.uint8))


@gf.node()
def paint_unsaid(*, shade: int = 0, width: int = 4, height: int = 2) -> gf.Image:
    """Like `paint`, but no plan function tells the size."""
    return gf.Image.of(np.full((height, width, 3), shade, np.uint8))


@gf.node()
def invert(image: gf.Image) -> Annotated[gf.Image, gf.SizeOf("image")]:
    return gf.Image.of(255 - image.array)


@gf.node()
def blend(image: gf.Image, other: Annotated[gf.Image, gf.SameSize("image")]) -> Annotated[gf.Image, gf.SizeOf("image")]:
    return gf.Image.of(image.array // 2 + other.array // 2)


@gf.node()
def shade_of(image: gf.Image) -> int:
    return int(image.array[0, 0, 0])


@gf.node()
def sheet(images: list[gf.Image], *, captions: list[str] | None = None) -> str:
    """One word a picture: its shade and its caption."""
    texts = captions if captions is not None else [""] * len(images)
    return " ".join(f"{image.array[0, 0, 0]}:{text}" for image, text in zip(images, texts, strict=True))


# Components

BYTES = {"": 0, "a": 10, "b": 20, "c": 30}
ENCODER = gf.Component("text encoder", 5, "text encoder")


def unet(model: str) -> gf.Component:
    return gf.Component(f"unet {model}", BYTES[model], f"unet of {model}")


def _with_model(facts: Any, params: Mapping[str, Any], checkpoints: Any, wanted: Any) -> gf.Planned:
    return gf.Planned(uses={"unet": unet(params["model"])} if params["model"] else {})


@gf.node(plan=_with_model)
def use(values: list[int] | None = None, *, model: str = "", tag: int = 0, context: gf.Context) -> int:
    """A node of one step that borrows `model`."""
    if model:
        context.borrow("unet")
    return sum(values or ()) + 1


# Stages


@gf.step(environment="pure")
def encode(text: str, context: gf.Context) -> str:
    context.borrow("encoder")
    return f"<{text}>"


@gf.step(environment="pure")
def work(words: str, start: int = 0, *, strength: float, context: gf.Context) -> int:
    context.borrow("unet")
    for done in (1, 2):
        context.progress(done, 2)
    return zlib.crc32(f"{words} {start} {strength}".encode()) % 200


@gf.step(environment="pure")
def show(raw: int) -> gf.Image:
    return gf.Image.of(np.full((2, 2, 3), raw, np.uint8))


class Drawn(NamedTuple):
    image: gf.Image
    raw: int


def _stage(facts: Any, params: Mapping[str, Any], checkpoints: Any, wanted: frozenset[str]) -> gf.Planned:
    inputs = {"words": "encode.string"} | ({"start": "raw"} if "raw" in facts else {})
    steps = (
        gf.Step("encode", encode, {"text": "prompt"}, {}, (), {"encoder": ENCODER}),
        gf.Step(
            "work",
            work,
            inputs,
            {"strength": params["strength"]},
            {"raw": "int"},
            {"unet": unet(params["model"])},
        ),
        gf.Step("show", show, {"raw": "work.int"}, {}, ("image",)),
    )
    return gf.Planned(outputs={"image": gf.Facts(2, 2)}, steps=steps)


@gf.node(plan=_stage)
def sketch(prompt: str, *, model: str = "a", strength: float = 1.0) -> Drawn:
    raise NotImplementedError("its steps run instead")


@gf.node(plan=_stage)
def polish(raw: int, prompt: str, *, model: str = "b", strength: float = 0.5) -> Drawn:
    raise NotImplementedError("its steps run instead")


CATALOG = gf.default_catalog().extended(
    number, add, total, count_to, scale, doubt, digits, roll, tick, broken, say, join, paint, paint_unsaid, invert,
    blend, shade_of, sheet, use, sketch, polish,
)  # fmt: skip


def graph(text: str, folder: Path | None = None, catalog: gf.Catalog = CATALOG) -> gf.Graph:
    """The graph of a document without its first line."""
    document, problems = parse("graphflow: 1\n" + dedent(text), "graph.yaml", folder)
    assert document is not None
    assert not problems, problems
    return gf.Graph.of(document, catalog=catalog)


def built(catalog: gf.Catalog = CATALOG) -> gf.Graph:
    """An empty graph, to be built in Python."""
    return gf.Graph("built", catalog=catalog)


def run(text: str, folder: Path | None = None, **options: Any) -> gf.Result:
    return gf.run(graph(text, folder), **options)


def paths(text: str, **options: Any) -> list[str]:
    """Paths of the planned steps, in the order in which they run."""
    return [step.path for step in graph(text).plan(**options).steps]


def codes(text: str, folder: Path | None = None) -> list[str]:
    """Codes of everything that check says."""
    return [problem.code for problem in graph(text, folder).check().problems]


def load(component: gf.Component) -> str:
    """A loader of components that are their labels."""
    return component.label
