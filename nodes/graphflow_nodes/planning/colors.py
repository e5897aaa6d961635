"""Colours as Pillow writes them: `orange`, `#ff8800`, `rgb(255, 136, 0)`, `hsl(32, 100%, 50%)`."""

from graphflow.problems import Fault


def color_faults(color: str, about: str = "color") -> tuple[Fault, ...]:
    """What is wrong with `color`, the value of the param `about`; empty where it is an opaque colour."""
    from PIL import ImageColor

    try:
        channels = ImageColor.getrgb(color)
    except ValueError:
        fix = "write a name such as orange, or #ff8800, rgb(255, 136, 0), hsl(32, 100%, 50%)"
        return (Fault(f"{color!r} is no colour", fix=fix, about=about),)
    if len(channels) > 3:
        return (Fault(f"the colour {color} has a transparency, which pictures here do not", about=about),)
    return ()
