"""Colours in Pillow's notation: `orange`, `#ff8800`, `rgb(255, 136, 0)`, `hsl(32, 100%, 50%)`."""

from graphflow.problems import Fault


def color_faults(color: str, about: str = "color") -> tuple[Fault, ...]:
    """The faults of `color`, the value of the param `about`; empty if it is an opaque colour."""
    from PIL import ImageColor

    try:
        channels = ImageColor.getrgb(color)
    except ValueError:
        fix = "write a name such as orange, or #ff8800, rgb(255, 136, 0), hsl(32, 100%, 50%)"
        return (Fault(f"{color!r} is not a colour", fix=fix, about=about),)
    if len(channels) > 3:
        return (Fault(f"the colour {color} is transparent; only opaque colours are supported", about=about),)
    return ()
