"""Node types for tests: lists, latents, hints, and functions that go wrong in every way."""

from collections.abc import Sequence
from typing import Annotated, Any

from graphflow import Context, Fault, Ge, Image, Len, Mask, Planned, Seed, node
from graphflow.values.facts import Facts


class Latents:
    """Stands for latents: the tests look at wirings, not at tensors."""

    word = "latents"


def _hint(facts: Any, params: Any, checkpoints: Any, wanted: Any) -> Planned:
    mask = facts["mask"]
    fault = Fault("the mask is binarised at 0.5", "grey values are lost", "use overlay", "mask", "node-hint")
    return Planned(outputs={"mask": Facts(mask.width, mask.height)}, problems=(fault,))


@node(plan=_hint)
def harden(mask: Mask) -> Mask:
    """Black and white."""
    return Mask.of(mask.pil().point(lambda value: 255 if value >= 128 else 0))


@node()
def frames(*, count: Annotated[int, Ge(0)] = 2, value: int = 0) -> list[Image]:
    """Pictures whose number is known only in a run."""
    return [Image(bytes([value, 0, number]) * 4, 2, 2) for number in range(count)]


@node()
def photo(*, width: Annotated[int, Ge(1)] = 4, height: Annotated[int, Ge(1)] = 4, seed: Seed) -> Image:
    """A grey picture."""
    return Image(bytes([seed % 256]) * (width * height * 3), width, height)


@node()
def noise(*, seed: Seed) -> Latents:
    """Latents."""
    return Latents()


@node()
def denoise(latents: Latents, guide: Image | None = None) -> Latents:
    """Latents from latents."""
    return latents


@node()
def either(source: Image | Latents, others: Sequence[Image] | None = None) -> Image:
    """Takes a picture or latents."""
    return source


@node()
def weights(*, factors: Annotated[list[float], Len(1, 3)], names: list[str] | None = None) -> str:
    """Text made of lists."""
    return f"{factors} {names}"


@node()
def say(text: str, *, times: int = 1, factor: float = 1.0, loud: bool = False, title: str = "") -> str:
    """Text made of text."""
    return text * times


@node()
def doubts(image: Image, context: Context) -> Image:
    """Warn, and go on."""
    context.warn("the picture has one colour", "all its pixels are equal", "give another one")
    return image


@node()
def fails(image: Image) -> Image:
    """Raise."""
    raise RuntimeError("the picture is too beautiful")


@node()
def scribbles(image: Image) -> Image:
    """Draw into the picture that was given."""
    pixels = image.array
    pixels[0, 0] = 255
    return Image.of(pixels)


@node()
def mistakes(image: Image) -> Image:
    """Give text where a picture is declared."""
    return "no picture"


@node()
def hoards(image: Image) -> Image:
    """Want more memory than there is."""
    raise MemoryError
