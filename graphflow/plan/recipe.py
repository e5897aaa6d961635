"""The recipe of a step: its function, params, components and inputs, which together determine its results.

Steps with equal recipes have equal results, so they are merged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from graphflow.catalog.node_type import StepFunction
from graphflow.plan.sources import StepOutput, StepSource
from graphflow.values.any_value import digest_of
from graphflow.values.component import Component
from graphflow.values.sources import Format, Gather, Value


def key_of(function: StepFunction, params: Mapping[str, Any], uses: Mapping[str, Component]) -> str:
    """The digest of a recipe without its inputs: the function, the params and the components."""
    lines = [function.identity]
    lines += [f"{name}={type(value).__name__} {_param_text(value)}" for name, value in sorted(params.items())]
    lines += [f"{role}:{component.identity}" for role, component in sorted(uses.items())]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def token_of(source: StepSource) -> Any:
    """A hashable key of a source; sources with equal keys have equal values."""
    if type(source) is StepOutput:
        return source
    if isinstance(source, Value):
        return digest_of(source.value)
    if isinstance(source, Gather):
        return ("list", *[token_of(item) for item in source.items])
    if isinstance(source, Format):
        return ("text", *[part if isinstance(part, str) else token_of(part) for part in source.parts])
    return source


def _param_text(value: Any) -> str:
    known = getattr(value, "digest", None)
    if known is not None:
        return str(known)
    if isinstance(value, tuple):
        return "(" + ", ".join(f"{type(item).__name__} {_param_text(item)}" for item in value) + ")"
    return repr(value)
