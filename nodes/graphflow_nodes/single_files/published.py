"""The configs of published models, which single files omit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from graphflow.system.files import read_only
from graphflow_nodes.models.clip_vocabulary import Vocabulary, clip_vocabulary


@dataclass(frozen=True)
class Published:
    """A published model: the data that a single file omits.

    Attributes:
        title: of its family.
        class_name: the diffusers class of its pipeline.
        configs: role → config, in the form of diffusers or transformers.
        flags: the pipeline's own settings in its model_index.json.
        vocabulary: of its tokenizers.
    """

    title: str
    class_name: str
    configs: Mapping[str, Mapping[str, Any]]
    flags: Mapping[str, bool] = field(default_factory=dict)
    vocabulary: Callable[[], Vocabulary] = clip_vocabulary


def published(family: str, variant: str) -> Published:
    """The model of a family: `base`, `inpaint`, or `v` for Stable Diffusion 2 of 768 pixels.

    Raises:
        KeyError: the family has no such variant.
    """
    known = _read(family)
    chosen = known["variants"][variant]
    changes = chosen.get("changes", {})
    configs = {role: {**config, **changes.get(role, {})} for role, config in known["components"].items()}
    return Published(known["name"], chosen["class"], configs, known.get("flags", {}))


@cache
def _read(family: str) -> dict[str, Any]:
    text = resources.files("graphflow_nodes").joinpath(f"single_files/configs/{family}.json").read_text("utf-8")
    found: dict[str, Any] = read_only(json.loads(text))
    return found
