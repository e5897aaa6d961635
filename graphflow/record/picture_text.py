"""The texts that a picture's file contains: the record of its run, and the parameters that other programs read."""

from __future__ import annotations

from typing import NamedTuple


class PictureText(NamedTuple):
    """The texts of one picture.

    Attributes:
        record: the record, as JSON on one line; None for a picture without one.
        parameters: the parameters as A1111 writes them; empty for none.
    """

    record: str | None = None
    parameters: str = ""


NO_TEXT = PictureText()
