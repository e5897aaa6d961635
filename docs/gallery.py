"""Run the library's graphs that need no download, and arrange their pictures in `docs/gallery.jpg`."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

import graphflow as gf
from graphflow import library

PLACE = Path(__file__).with_name("gallery.jpg")
CELL = {"width": 420, "height": 200, "fit": "contain"}


def embedded_graphs() -> list[str]:
    """The graphs whose checkpoints come with graphflow."""
    return [name for name, path in library.graphs().items() if all(map(_is_here, _checkpoints(path)))]


def _checkpoints(path: Path) -> list[object]:
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))["inputs"].values()
    return [one["default"] for one in declared if one["type"] == "checkpoint"]


def _is_here(default: object) -> bool:
    return str(default).startswith("embedded/")


def pictures_of(result: gf.Result) -> list[gf.Image]:
    """The sheet of a graph that has one, or frames of its animation; else its pictures, `image` last."""
    outputs = result.outputs
    if "sheet" in outputs:
        return [result["sheet"]]
    if "animation" in outputs:
        return list(result["animation"].frames[::2])
    return [outputs[name] for name in sorted(outputs, key=lambda name: name == "image")]


def sheet(shown: dict[str, list[gf.Image]]) -> gf.Graph:
    """The graph that arranges pictures under the names of the graphs that painted them."""
    graph, cells = gf.Graph("gallery"), []
    for name, pictures in shown.items():
        row = graph.add(
            "image_grid", images=[graph.input(f"{name}_{i}", "image") for i in range(len(pictures))], rows=1
        )
        cells.append(graph.add("resize", image=row, **CELL))
    graph.output(image=graph.add("image_grid", images=cells, captions=[*shown], columns=3, caption_size=16))
    return graph


def main() -> None:
    """Write the gallery."""
    with gf.Engine() as engine:
        shown = {name: pictures_of(engine.run(name)) for name in embedded_graphs()}
        inputs = {f"{name}_{i}": one for name, pictures in shown.items() for i, one in enumerate(pictures)}
        gallery = engine.run(sheet(shown), inputs=inputs)["image"]
    gallery.pil().save(PLACE, quality=88)
    sys.stdout.write(f"{PLACE}: {len(shown)} graphs\n")


if __name__ == "__main__":
    main()
