"""image_grid: pictures in rows and columns, with optional captions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isqrt
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Le, Planned, node
from graphflow.errors import InvalidValue
from graphflow.problems import Fault
from graphflow.text_helpers.words import counted
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow_nodes.planning.colors import color_faults
from graphflow_nodes.planning.pixel_limit import too_large
from graphflow_nodes.steps.captions import band_height, caption


@dataclass(frozen=True)
class _Layout:
    """The measures of a grid in pixels; every cell has the size of the largest picture, with its caption below."""

    rows: int
    columns: int
    gap: int
    cell: tuple[int, int]
    band: int
    font_size: int

    @property
    def size(self) -> tuple[int, int]:
        width, height = self.cell
        return (
            self.gap + self.columns * (width + self.gap),
            self.gap + self.rows * (height + self.band + self.gap),
        )

    def corner(self, number: int) -> tuple[int, int]:
        row, column = divmod(number, self.columns)
        width, height = self.cell
        return self.gap + column * (width + self.gap), self.gap + row * (height + self.band + self.gap)


def _layout(
    sizes: Sequence[tuple[int, int]],
    captioned: bool,
    rows: int | None,
    columns: int | None,
    gap: int,
    caption_size: int | None,
    caption_lines: int,
) -> _Layout:
    rows, columns = _shape(len(sizes), rows, columns)
    cell = (max(width for width, _ in sizes), max(height for _, height in sizes))
    font_size = caption_size or max(12, cell[0] // 24)
    band = band_height(font_size, caption_lines) if captioned else 0
    return _Layout(rows, columns, gap, cell, band, font_size)


def _shape(count: int, rows: int | None, columns: int | None) -> tuple[int, int]:
    """Rows and columns for `count` pictures; either or both may be given."""
    if columns is None:
        if rows is not None:
            columns = ceil(count / rows)
        else:
            # Up to four side by side, as for a comparison; more are arranged in about a square.
            columns = count if count <= 4 else isqrt(count - 1) + 1
    return rows or ceil(count / columns), columns


def _refusals(count: int | None, captions: int | None, rows: int | None, columns: int | None) -> list[Fault]:
    """The faults of a grid with these numbers of pictures and captions; None means unknown or not given."""
    faults = []
    if count == 0:
        faults.append(Fault("there are no pictures to arrange", about="images"))
    if count and captions is not None and captions != count:
        fix = "give one caption for each picture"
        message = f"{counted(count, 'picture')} cannot have {counted(captions, 'caption')}"
        faults.append(Fault(message, fix=fix, about="captions"))
    if count and rows and columns and rows * columns < count:
        message, why = f"there is no room for {counted(count, 'picture')}", f"{rows} × {columns} cells"
        faults.append(Fault(message, why, "leave out rows or columns", "rows"))
    return faults


def _plan(
    facts: Mapping[str, Facts], params: Mapping[str, Any], checkpoints: Mapping[str, Any], wanted: frozenset[str]
) -> Planned:
    items = facts["images"].items
    captions = facts["captions"].items if "captions" in facts else None
    count = None if items is None else len(items)
    problems = (
        *_refusals(count, None if captions is None else len(captions), params["rows"], params["columns"]),
        *color_faults(params["background"], "background"),
    )
    sizes = [item.size for item in items or ()]
    known = [size for size in sizes if size is not None]
    if problems or not known or len(known) < len(sizes):
        return Planned(problems=problems)
    keys = ("rows", "columns", "gap", "caption_size", "caption_lines")
    size = _layout(known, "captions" in facts, **{key: params[key] for key in keys}).size
    return Planned({"image": Facts(*size)}, problems=too_large(*size))


@node(plan=_plan)
def image_grid(
    images: Annotated[Sequence[Image], Doc("At least one picture, of any size; masks are shown in grey.")],
    captions: Annotated[Sequence[str] | None, Doc("One for each picture, in the same order.")] = None,
    *,
    rows: Annotated[int | None, Ge(1), Doc("By default, as many as needed.")] = None,
    columns: Annotated[
        int | None, Ge(1), Doc("By default from rows; without rows, one row for up to four pictures, else a square.")
    ] = None,
    gap: Annotated[int, Ge(0), Doc("Pixels between the pictures and around them.")] = 8,
    background: Annotated[
        str, Doc("A colour in Pillow's notation; by default grey, so that the edges of a white mask are visible.")
    ] = "gainsboro",
    caption_size: Annotated[
        int | None, Ge(6), Le(500), Doc("Pixels; by default, a 24th of the widest picture's width, at least 12.")
    ] = None,
    caption_lines: Annotated[int, Ge(1), Le(50), Doc("Space for this many lines; a longer caption ends in ….")] = 2,
) -> Image:
    """Arrange pictures row by row, from left to right; a smaller picture is centred in its cell.

    Without captions and gap, the result equals diffusers' make_image_grid. Captions use Pillow's own font, which has
    the letters of English; accents are dropped, and a missing letter is drawn as a box.

    Raises:
        InvalidValue: there are no pictures, too many for the cells, or not one caption per picture.
    """
    import PIL.Image

    refusals = _refusals(len(images), None if captions is None else len(captions), rows, columns)
    if refusals:
        raise InvalidValue("; ".join(fault.message for fault in refusals))
    sizes = [image.size for image in images]
    layout = _layout(sizes, captions is not None, rows, columns, gap, caption_size, caption_lines)
    grid = PIL.Image.new("RGB", layout.size, background)
    width, height = layout.cell
    for number, image in enumerate(images):
        x, y = layout.corner(number)
        grid.paste(image.pil(), (x + (width - image.width) // 2, y + (height - image.height) // 2))
        if captions is not None:
            text = caption(
                captions[number], width, font_size=layout.font_size, lines=caption_lines, background=background
            )
            grid.paste(text, (x, y + height))
    return Image.of(grid)
