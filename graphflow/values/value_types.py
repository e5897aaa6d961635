"""The Python classes of the values of each type, and the type of a given class or value."""

from __future__ import annotations

from typing import Any

from graphflow.values.animation import Animation
from graphflow.values.control import Control
from graphflow.values.file import File
from graphflow.values.raster import Image, Mask
from graphflow.values.tensor_values import Conditioning, ImageEmbedding, Latents

CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "file": (File,),
    "image": (Image,),
    "mask": (Mask,),
    "latents": (Latents,),
    "conditioning": (Conditioning,),
    "image_embedding": (ImageEmbedding,),
    "control": (Control,),
    "animation": (Animation,),
}
"""Word of a type → class of its values, then the classes that are converted to it.

A class of another folder, such as `Checkpoint`, or of another package has the word as its attribute `word`.
"""


def word_of_class(class_: Any) -> str | None:
    """The word of the type whose values have this class; None if there is no such type."""
    for word, classes in CLASSES.items():
        if class_ is classes[0]:
            return word
    named = getattr(class_, "word", None)
    return named if isinstance(named, str) else None


def value_word(value: Any) -> str | None:
    """The word of a single value's type; None if no type fits."""
    return word_of_class(type(value))
