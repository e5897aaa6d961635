"""The words for the content of pictures, and the phrases of captions."""

from __future__ import annotations

SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond", "ring", "cross")
COLOURS = {
    "red": (214, 36, 40),
    "orange": (245, 128, 24),
    "yellow": (250, 214, 46),
    "green": (46, 164, 74),
    "blue": (40, 92, 216),
    "purple": (128, 56, 182),
    "pink": (246, 132, 188),
    "white": (244, 244, 242),
}
SIZES = ("small", "medium", "large")
PATTERNS = ("plain", "striped", "dotted")
# Rows of a 3 by 3 grid: the index is 3 * row + column.
POSITIONS = (
    "top left",
    "top",
    "top right",
    "left",
    "centre",
    "right",
    "bottom left",
    "bottom",
    "bottom right",
)
BACKGROUNDS = (
    "plain",
    "striped",
    "checkered",
    "gradient",
    "night sky",
    "sea",
    "hills",
    "bricks",
    "grass",
    "road",
    "photo",
)
STYLES = ("plain", "pixel", "sketch")

POSITION_PHRASES = {
    "top left": ("in the top left corner", "at the top left", "top left"),
    "top": ("at the top", "in the upper part", "at the top in the middle"),
    "top right": ("in the top right corner", "at the top right", "top right"),
    "left": ("on the left", "on the left side", "at the left"),
    "centre": ("in the centre", "in the center", "in the middle", "centred"),
    "right": ("on the right", "on the right side", "at the right"),
    "bottom left": ("in the bottom left corner", "at the bottom left", "bottom left"),
    "bottom": ("at the bottom", "in the lower part", "at the bottom in the middle"),
    "bottom right": ("in the bottom right corner", "at the bottom right", "bottom right"),
}
BACKGROUND_PHRASES = {
    "plain": (", plain background", " on a plain background", ", simple background", ", {tone} background"),
    "striped": (", striped background", " on a striped background", ", background with stripes"),
    "checkered": (", checkered background", " on a checkered background", " on a chess board"),
    "gradient": (", gradient background", " on a gradient background", ", sunset"),
    "night sky": (", night sky", " in the night sky", ", starry night sky background", " at night"),
    "sea": (", sea", " over the sea", ", sea background", " at the beach"),
    "hills": (", hills", " in front of hills", ", green hills background", " in a landscape with hills"),
    "bricks": (", brick wall", " on a brick wall", " in front of a brick wall"),
    "grass": (", grass", " on the grass", ", meadow background", " on a lawn"),
    "road": (", road", " on the road", " on a street"),
    "photo": ("", "", ", photograph", " in a photo", ", realistic"),
}
EMPTY_PHRASES = {
    "plain": ("plain background", "an empty {tone} background", "nothing", "plain {tone} wall"),
    "striped": ("striped background", "stripes"),
    "checkered": ("checkered background", "a chess board"),
    "gradient": ("gradient background", "sunset"),
    "night sky": ("night sky", "stars at night"),
    "sea": ("sea", "the sea", "a beach"),
    "hills": ("hills", "a landscape with hills"),
    "bricks": ("brick wall", "a wall of bricks"),
    "grass": ("grass", "a meadow", "a lawn"),
    "road": ("road", "a road", "an empty street"),
    "photo": ("background", "a photograph", "empty", "clean background", "nothing"),
}
PREFIXES = ("", "", "", "", "a photo of ", "a picture of ", "photo of ", "an image of ")
SUFFIXES = ("", "", "", "", "", ", detailed", ", high quality", ", detailed, high quality", ", sharp")
STYLE_PREFIXES = {"pixel": ("pixel art of ", "pixel art, "), "sketch": ("pencil sketch of ", "pencil sketch, ")}
STYLE_SUFFIXES = {"pixel": (", pixel art", " in pixel art style"), "sketch": (", pencil sketch", ", pencil drawing")}

# Words of everyday prompts that no caption uses: each gets a token of its own, so that it isn't split into bytes and
# doesn't push the relevant words out of the window.
SPARE_WORDS = (
    "castle tree house dog cat flower moon sun cloud mountain river city night day light dark bright soft "
    "warm cold old new beautiful best low quality blurry bad ugly worst deformed concept art digital painting oil "
    "watercolor style cinematic masterpiece highly intricate realistic render vivid colour color colorful "
    "black grey gray brown gold silver cyan shape shapes object no with without of the a an in on at and or to from "
    "big tiny huge little smooth shiny glossy matte shadow paper wood stone metal glass window door room table "
    "person face hand car boat bird fish horse bear fantasy"
)


def every_word() -> list[str]:
    """All words that captions can contain and the spare ones, sorted, without punctuation."""
    return sorted(_caption_words() | set(SPARE_WORDS.split()))


def _caption_words() -> set[str]:
    texts = ["a an and", *SHAPES, *COLOURS, *SIZES, "big", "nothing", *PATTERNS, *PREFIXES, *SUFFIXES, *TONES]
    for table in (POSITION_PHRASES, BACKGROUND_PHRASES, EMPTY_PHRASES, STYLE_PREFIXES, STYLE_SUFFIXES):
        texts += [phrase.replace("{tone}", "") for phrases in table.values() for phrase in phrases]
    return {word for text in texts for word in text.replace(",", " ").split()}


TONES = {
    "grey": (150, 152, 156),
    "white": (226, 226, 222),
    "beige": (206, 190, 164),
    "brown": (118, 92, 70),
    "black": (36, 36, 40),
    "teal": (96, 146, 150),
}

STRAYS = tuple(word for word in SPARE_WORDS.split() if word not in _caption_words())
"""Words that no caption uses."""
