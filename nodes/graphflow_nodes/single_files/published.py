"""The configs of published models, which single files do not contain."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from graphflow.system.files import read_only
from graphflow_nodes.models.clip_vocabulary import Vocabulary, clip_vocabulary
from graphflow_nodes.models.defaults import class_defaults


@dataclass(frozen=True)
class Published:
    """A published model, with the data that a single file does not contain.

    Attributes:
        title: name of its family.
        class_name: diffusers class of its pipeline.
        configs: role → config, in the form of diffusers or transformers.
        flags: settings of the pipeline in model_index.json.
        vocabulary: returns the vocabulary of its tokenizers.
    """

    title: str
    class_name: str
    configs: Mapping[str, Mapping[str, Any]]
    flags: Mapping[str, bool] = field(default_factory=dict)
    vocabulary: Callable[[], Vocabulary] = clip_vocabulary


def published(family: str, variant: str) -> Published:
    """The published model of a family: `base`, `inpaint`, or `v` for Stable Diffusion 2 with 768 pixels.

    Raises:
        KeyError: the family has no such variant.
    """
    known = _read(family)
    chosen = known["variants"][variant]
    changes = chosen.get("changes", {})
    configs = {role: {**config, **changes.get(role, {})} for role, config in known["components"].items()}
    return Published(known["name"], chosen["class"], configs, known.get("flags", {}))


def published_controlnet(family: str) -> dict[str, Any]:
    """The config of the ControlNets that were published for a family: they share the settings of its UNet.

    Raises:
        KeyError: there is no such family.
    """
    own, unet = class_defaults()["ControlNetModel"], published(family, "base").configs["unet"]
    return {**own, **{key: unet[key] for key in own if key in unet}, "_class_name": "ControlNetModel"}


@cache
def _read(family: str) -> dict[str, Any]:
    text = resources.files("graphflow_nodes").joinpath(f"single_files/configs/{family}.json").read_text("utf-8")
    data: dict[str, Any] = read_only(json.loads(text))
    return data
