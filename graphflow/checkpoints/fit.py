"""Compare a component's tensors with its config: all must exist, with known names and the expected shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphflow.checkpoints.model_class import MOST, ModelClass, Shape
from graphflow.document.refusal import Refusal
from graphflow.text_helpers.words import counted

_COUNTER = ".num_batches_tracked"
"""Ending of the name of a batch normalisation's counter, the only tensor of these classes that contains an integer."""
_WHOLE = "get the file again; it may not be whole, or not belong to its config"
_CONFIG = "get the config that belongs to the file, or the file that belongs to the config"


def misfits(
    label: str, model: ModelClass, config: Mapping[str, Any], shapes: Sequence[tuple[str, Shape]]
) -> Iterator[Refusal]:
    """Yield differences between a component's config and its tensors.

    Args:
        label: name of the component, such as `unet of ./sd`.
        model: class of the component.
        config: its config, with the class's defaults filled in.
        shapes: (name, shape) of each tensor, as in its files.
    """
    message = f"the config of the {label} does not describe a {model.name}"
    if model.wrong is not None and (wrong := model.wrong(config)):
        yield _broken(message, "; ".join(wrong[:3]), "get its config file again")
        return
    try:
        wanted = model.tensors(config)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        yield _broken(message, f"{type(error).__name__}: {error}", "get its config file again")
        return
    if wanted is None:
        return
    if len(wanted) > MOST:
        yield _broken(message, f"it describes more than {MOST:,} tensors", "get its config file again")
        return
    yield from _compared(label, model, wanted, shapes)


def integer_weights(label: str, types: Mapping[str, str]) -> Iterator[Refusal]:
    """Yield a problem if weights are stored as integers, which cannot be used without the scales of their quantization.

    Args:
        label: name of the component.
        types: name → type, for the component's own tensors.
    """
    integers = [
        name for name, type_ in types.items() if not type_.startswith(("F", "BF")) and not name.endswith(_COUNTER)
    ]
    if integers:
        kinds = ", ".join(sorted({types[name] for name in integers}))
        message = f"{_tensors(integers)} of the {label} {'does' if len(integers) == 1 else 'do'} not hold floats"
        why = f"{_few(integers)}: {kinds}; graphflow does not read quantized weights"
        yield _broken(message, why, "get the file in float32, float16 or bfloat16")


def _compared(
    label: str, model: ModelClass, wanted: Mapping[str, Shape], shapes: Sequence[tuple[str, Shape]]
) -> Iterator[Refusal]:
    given: dict[str, Shape] = {}
    twice = []
    for name, shape in shapes:
        known = model.canonical(name)
        if known in given:
            twice.append(known)
        if known is not None:
            given[known] = shape
    missing = [name for name in wanted if name not in given and not model.never_reads(name)]
    surplus = [name for name in given if model.owns(name) and name not in wanted]
    other = [name for name, shape in wanted.items() if name in given and given[name] != shape]
    of_all = f"of {counted(len(wanted), 'tensor')} of the {label}"
    if missing:
        message = f"{len(missing)} {of_all} {'is' if len(missing) == 1 else 'are'} missing"
        yield _broken(message, f"its files do not hold {_few(missing)}", _WHOLE)
    if other:
        first = other[0]
        why = f"{first} is {_sides(given[first])}, and its config says {_sides(wanted[first])}"
        rest = f"; the same goes for {_few(other[1:])}" if other[1:] else ""
        message = f"{len(other)} {of_all} {'does' if len(other) == 1 else 'do'} not have the shape of its config"
        yield _broken(message, why + rest, _CONFIG)
    if surplus:
        message = f"the {label} has {_tensors(surplus)} that its config does not describe"
        yield _broken(message, f"its files hold {_few(surplus)}", _CONFIG)
    if twice:
        message = f"{_tensors(twice)} of the {label} {'is' if len(twice) == 1 else 'are'} stored twice"
        yield _broken(message, _few(twice), _WHOLE)


def _tensors(names: list[str]) -> str:
    return counted(len(names), "tensor")


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown}, and {len(names) - 3} more" if len(names) > 3 else shown


def _sides(shape: Shape) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _broken(message: str, why: str, fix: str) -> Refusal:
    return Refusal("checkpoint-broken", message, why, fix)
