"""The engine's own two node types, which read a picture file given for a picture, and their nodes."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from typing import Any

from graphflow.catalog.authoring import Planned, node
from graphflow.catalog.node_type import NodeType
from graphflow.catalog.signature import node_type
from graphflow.check.checked import ExpandedNode
from graphflow.check.literals import Picture
from graphflow.check.sources import NodeOutput, NodeSource
from graphflow.values.facts import Facts
from graphflow.values.file import File
from graphflow.values.picture_files import read_picture
from graphflow.values.raster import Image, Mask
from graphflow.values.sources import Gather, Value


def _plan(_facts: Mapping[str, Facts], params: Mapping[str, Any], *_: Any) -> Planned:
    file: File = params["path"]
    width, height = file.picture_size
    image = Facts(width, height, content=lambda: Image.of(read_picture(file.path)))
    mask = Facts(width, height, content=lambda: Mask.of(read_picture(file.path)))
    return Planned(outputs={"image": image, "mask": mask})


@node(plan=_plan)
def read_image(*, path: File) -> Image:
    """Read a picture file as RGB, upright."""
    return Image.of(read_picture(path.path))


@node(plan=_plan)
def read_mask(*, path: File) -> Mask:
    """Read a picture file as a mask: its luminance, white = repaint."""
    return Mask.of(read_picture(path.path))


@functools.cache
def picture_type(word: str) -> NodeType:
    """The node type that reads a file for the type `word`, image or mask."""
    from graphflow.system.distribution import shipped_version

    return node_type({"image": read_image, "mask": read_mask}[word], shipped_version=shipped_version())


class PictureNodes:
    """Adds nodes that read picture files to an expanded graph, one for each file and type.

    Args:
        nodes: of the graph; those that read pictures are added.
    """

    def __init__(self, nodes: list[ExpandedNode]) -> None:
        self._nodes = nodes
        self._outputs: dict[tuple[str, str], NodeOutput] = {}
        self._named: Counter[str] = Counter()

    def delivered(self, source: NodeSource, position: tuple[float, ...]) -> NodeSource:
        """The source with every picture file replaced by a node that reads it.

        Args:
            source: a source of a node or an output of the graph.
            position: of the reader.
        """
        if isinstance(source, Value):
            if isinstance(source.value, Picture):
                return self._output(source.value, position)
            if isinstance(source.value, tuple) and any(isinstance(item, Picture) for item in source.value):
                return Gather(tuple([self.delivered(Value(item), position) for item in source.value]))
        elif isinstance(source, Gather):
            return Gather(tuple([self.delivered(item, position) for item in source.items]))
        return source

    def _output(self, picture: Picture, position: tuple[float, ...]) -> NodeOutput:
        key = (str(picture.file.path), picture.word)
        known = self._outputs.get(key)
        if known is None:
            type_ = picture_type(picture.word)
            number = len(self._nodes)
            # Directly before its first reader, so that pictures stay in memory only briefly.
            place = (*position[:-1], position[-1] - 0.5)
            path = self._path(picture)
            self._nodes.append(ExpandedNode(number, path, type_, place, {"path": picture.file}, {}, True, None))
            known = self._outputs[key] = NodeOutput(number, next(iter(type_.outputs)))
        return known

    def _path(self, picture: Picture) -> str:
        path = f"{picture.word}:{picture.file.path.name}"
        self._named[path] += 1
        return f"{path}#{self._named[path]}" if self._named[path] > 1 else path
