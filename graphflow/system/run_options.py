"""Options of a run that change how models compute: part of a call, never of a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

from graphflow.errors import InvalidValue

ATTENTIONS = ("sdpa", "eager", "xformers")
"""How attention is computed: by torch's own function, by plain products of matrices, or by the library xFormers."""

OFFLOADS = ("auto", "none", "model", "group")
"""What is moved from the GPU to the CPU's memory: what does not fit; nothing; models that the step does not use; all
layers but one."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run; by default, models compute as a plain call of diffusers does.

    Attributes:
        attention: one of ATTENTIONS; `eager` and `xformers` change bits of results.
        offload: one of OFFLOADS; it does not change results.
        compile: whether UNets are compiled by torch, which takes minutes once and makes each step faster; it changes
            bits of results.
        vae_tiling: whether pictures larger than the VAE's own size are encoded and decoded in overlapping tiles, which
            takes less memory; it changes results.
        batch: most steps that are computed in one call if they are alike, at least 1; `auto` for as many as are
            fastest and fit the memory. It changes bits of results.
    """

    attention: str = "sdpa"
    offload: str = "auto"
    compile: bool = False
    vae_tiling: bool = False
    batch: int | Literal["auto"] = 1

    @classmethod
    def of(
        cls,
        *,
        attention: str | None = None,
        offload: str | None = None,
        compile: bool = False,
        vae_tiling: bool = False,
        batch: int | str | None = None,
    ) -> Self:
        """Options from a call's arguments; None for the default.

        Raises:
            InvalidValue: a value is not allowed.
        """
        return cls(
            attention=_one_of("attention", attention, ATTENTIONS),
            offload=_one_of("offload", offload, OFFLOADS),
            compile=switch("compile", compile),
            vae_tiling=switch("vae_tiling", vae_tiling),
            batch=batch_size(batch),
        )

    def only(self, names: Iterator[str] | tuple[str, ...]) -> Self:
        """The options with these names; the others have their defaults."""
        return type(self)(**{name: getattr(self, name) for name in names})

    def without(self, name: str) -> Self:
        """The options, with this one as it is by default."""
        return replace(self, **{name: getattr(NO_OPTIONS, name)})

    @property
    def given(self) -> Mapping[str, Any]:
        """Name → value of the options that differ from their defaults."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value != getattr(NO_OPTIONS, name)}


NO_OPTIONS = RunOptions()
"""All options at their defaults."""


def batch_size(value: object) -> int | Literal["auto"]:
    """The value of the option `batch`, given as a number, as its text, or as `auto`; None for the default.

    Raises:
        InvalidValue: it is something else.
    """
    if value is None:
        return 1
    if value == "auto":
        return "auto"
    count = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InvalidValue(f"{value!r} is not a batch size; give 1 or more, or auto")
    return count


def flag_of(name: str) -> str:
    """The option of the command line: `vae_tiling` → `--vae-tiling`."""
    return f"--{name.replace('_', '-')}"


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if value is None:
        return allowed[0]
    if value not in allowed:
        raise InvalidValue(f"{value!r} is not a value of {name}; write {', '.join(allowed[:-1])} or {allowed[-1]}")
    return str(value)


def switch(name: str, value: object) -> bool:
    """The value of an option that is on or off.

    Raises:
        InvalidValue: it is neither True nor False.
    """
    if not isinstance(value, bool):
        raise InvalidValue(f"{value!r} is not a value of {name}; give True or False")
    return value
