"""Short documents that would become large: each must be refused, or done, in little time and memory."""

from __future__ import annotations

from collections.abc import Callable

_RECTANGLE = "type: mask_shape, shape: rectangle, box: [0, 0, 1, 1]"
_SHAPE = f"{{{_RECTANGLE}, width: 8, height: 8}}"


def _document(nodes: str, *more: str) -> str:
    return "\n".join(["graphflow: 1", *more, "nodes:", nodes, ""])


def _aliases() -> str:
    """Nine levels of nine aliases: 9⁹ items in 550 bytes."""
    rows = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for last, name in zip("abcdefgh", "bcdefghi", strict=True):
        rows.append(f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]")
    return "graphflow: 1\ninputs:\n" + "\n".join(f"  {row}" for row in rows)


def _aliases_of_nodes() -> str:
    lines = [f"  a0: &a0 {_SHAPE}"] + [f"  a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}" for n in range(1, 40)]
    return _document("\n".join(lines))


def _templates() -> str:
    """A template that uses one twice, which uses one twice, … 2²⁹ nodes."""
    return _document("  a: {template: ./t0.yaml}")


def _product(size: int) -> str:
    rows = ", ".join(f"{{{key}: {list(range(8, 8 + size))}}}" for key in ("width", "height"))
    return _document(f"  a: {{{_RECTANGLE}, for_each: [{rows}]}}")


def _long_texts() -> str:
    """An input of 100,000 letters, 20,000 times."""
    inputs = "inputs: {t: {type: string, default: " + "x" * 100_000 + "}}"
    lines = [f"  a{n}: {{type: text2img, checkpoint: embedded/sd, prompt: {'$t ' * 500}}}" for n in range(40)]
    return _document("\n".join(lines), inputs)


def _labels() -> str:
    """Two hundred lists made of the one before."""
    first = f"  a0: {{{_RECTANGLE}, for_each: {{width: [8, 9]}}, height: 8}}"
    lines = [first] + [
        f"  a{n}: {{type: mask_blur, mask: '$a{n - 1}[0]', for_each: {{blur_factor: [1, 2]}}}}" for n in range(1, 200)
    ]
    return _document("\n".join(lines))


def _misspelt(count: int) -> str:
    names = "\n".join(f"  some_node_{n}: {_SHAPE}" for n in range(count))
    uses = "\n".join(f"  use_{n}: {{type: mask_blur, mask: $sme_nodd_{n}}}" for n in range(count))
    return _document(f"{names}\n{uses}")


def _misspelt_keys() -> str:
    keys = "\n".join(f"    widht_{n}: 1" for n in range(3000))
    return _document(f"  a:\n    type: mask_shape\n    shape: rectangle\n{keys}")


def _long_word() -> str:
    return _document(f"  a: {{type: {'mask_shap' * 20_000}}}\n  b: {{type: mask_blur, mask: ${'a' * 100_000}}}")


def _everything() -> str:
    return _document("  a: {type: image_grid, images: '/**/*.png'}\n  b: {type: image_grid, images: '/usr/**/*'}")


def _deep(start: str, end: str, count: int) -> str:
    return _document(f"  a: {{{_RECTANGLE}, width: {start * count}1{end * count}}}")


def _circle() -> str:
    count = 3000
    return _document("\n".join(f"  a{n}: {{type: mask_blur, mask: $a{(n + 1) % count}}}" for n in range(count)))


def _chain() -> str:
    count = 3000
    first = f"  a0: {_SHAPE}"
    return _document("\n".join([first, *(f"  a{n}: {{type: mask_blur, mask: $a{n - 1}}}" for n in range(1, count))]))


def _dollars() -> str:
    return _document("  a: {type: text2img, checkpoint: embedded/sd, prompt: '" + "$" * 100_000 + "'}")


def _digits() -> str:
    return _document(f"  a: {{{_RECTANGLE}, width: {'9' * 100_000}, height: 1e{'9' * 50}}}")


EXPLOSIVE: dict[str, Callable[[], str]] = {
    "aliases": _aliases,
    "aliases of nodes": _aliases_of_nodes,
    "templates": _templates,
    "product of 90,000": lambda: _product(300),
    "product of a million": lambda: _product(1000),
    "long texts": _long_texts,
    "labels": _labels,
    "misspelt references": lambda: _misspelt(1000),
    "misspelt keys": _misspelt_keys,
    "long word": _long_word,
    "every file": _everything,
    "deep lists": lambda: _deep("[", "]", 20_000),
    "deep maps": lambda: _deep("{a: ", "}", 5000),
    "circle": _circle,
    "chain": _chain,
    "dollars": _dollars,
    "digits": _digits,
}
"""Name → what makes the document."""
