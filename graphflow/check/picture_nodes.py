"""The engine's own two node types: they read a picture file that is given where a picture is needed."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from graphflow.catalog.authoring import Planned, node
from graphflow.catalog.node_type import NodeType
from graphflow.catalog.signature import node_type
from graphflow.values.facts import Facts
from graphflow.values.picture_files import read_picture
from graphflow.values.value import File, Image, Mask


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
