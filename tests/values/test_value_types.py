"""Words of types and the Python classes of their values."""

from pathlib import Path

import pytest

import graphflow as gf
from graphflow.values.types import ATOMS
from graphflow.values.value_types import CLASSES, value_word, word_of_class


def test_every_type_has_a_class():
    """Checkpoints lie in another folder; embeddings of pictures come with nodes of other packages."""
    assert {*CLASSES, "checkpoint", "image_embedding"} == set(ATOMS)


def test_every_class_names_its_type():
    assert {word: word_of_class(classes[0]) for word, classes in CLASSES.items()} == {word: word for word in CLASSES}
    assert {getattr(classes[0], "word", word) == word for word, classes in CLASSES.items()} == {True}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("a", "string"),
        (1, "int"),
        (1.0, "float"),
        (True, "bool"),
        (gf.File(Path("a.png")), "file"),
        (gf.Mask(b"0", 1, 1), "mask"),
        (gf.Animation((gf.Image(b"000", 1, 1),)), "animation"),
        (gf.Checkpoint("a", "hub"), "checkpoint"),
        (None, None),
        (b"a", None),
    ],
)
def test_word_of_a_value(value: object, word: str | None):
    assert value_word(value) == word
