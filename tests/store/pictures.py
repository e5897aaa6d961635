"""Pictures for tests of stores, without torch."""

import graphflow as gf


def picture(shade: int = 0, width: int = 5, height: int = 3) -> gf.Image:
    return gf.Image(bytes((shade + i) % 256 for i in range(width * height * 3)), width, height)
