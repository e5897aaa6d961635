"""Validation of a class's settings: whether a config's values have the right types and possible sizes.

It comes before anything is computed from a config, such as products of sizes or numbers of layers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from graphflow.text_helpers.words import counted
from graphflow_nodes.models.defaults import class_defaults

MOST_LAYERS = 1_000
"""Layers, transformer blocks, heads."""
MOST_WIDE = 1_000_000
"""Channels, words, positions; CLIP's vocabulary has 49,408."""
MOST_ITEMS = 64
"""Items of a list with one item per block or latent channel."""


class _Rule(NamedTuple):
    """A rule in words, for messages, and as a function."""

    words: str
    holds: Callable[[Any], bool]

    def or_null(self) -> _Rule:
        return _Rule(f"{self.words}, or null", lambda value: value is None or self.holds(value))

    def or_list(self) -> _Rule:
        return _Rule(f"{self.words}, or a list of these", lambda value: self.holds(value) or _each(self, value))

    def listed(self) -> _Rule:
        return _Rule(f"a list whose items are each {self.words}", lambda value: _each(self, value))


def _each(rule: _Rule, value: Any) -> bool:
    return isinstance(value, (list, tuple)) and 0 < len(value) <= MOST_ITEMS and all(map(rule.holds, value))


def _whole(low: int, high: int) -> _Rule:
    def holds(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return _Rule(f"a whole number from {low} to {high:,}", holds)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


_COUNT, _DEPTH, _SIZE = _whole(1, MOST_LAYERS), _whole(0, MOST_LAYERS), _whole(1, MOST_WIDE)
_NUMBER = _Rule("a number", _is_number)
_FACTOR = _Rule("a number above 0", lambda value: _is_number(value) and value > 0)
_FLAG = _Rule("true or false", lambda value: isinstance(value, bool))
_WORD = _Rule("a name", lambda value: isinstance(value, str))
_SHARE = _Rule("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
_TOKEN = _whole(-1, MOST_WIDE)


def _one_of(*words: str) -> _Rule:
    return _Rule(f"one of {', '.join(words)}", lambda value: isinstance(value, str) and value in words)


ACTIVATIONS = ("gelu", "mish", "relu", "silu", "swish")
"""Of diffusers' models."""
TEXT_ACTIVATIONS = (
    *("gelu", "gelu_10", "gelu_accurate", "gelu_fast", "gelu_new", "gelu_python", "gelu_pytorch_tanh", "quick_gelu"),
    *("hardswish", "laplace", "leaky_relu", "linear", "mish", "relu", "relu2", "relu6", "sigmoid", "silu", "swish"),
    "tanh",
)
"""Of transformers' models."""
TYPES = ("bfloat16", "float16", "float32", "float64")
"""Dtypes of saved weights, as written in configs."""

_RULES_OF_SETTINGS: Mapping[str, _Rule] = {
    **dict.fromkeys(("num_hidden_layers", "num_layers", "addition_embed_type_num_heads"), _COUNT),
    "additional_embeddings": _DEPTH,
    **dict.fromkeys(("layers_per_block", "attention_head_dim", "num_attention_heads"), _COUNT.or_list()),
    "transformer_layers_per_block": _DEPTH.or_list().or_list(),
    "reverse_transformer_layers_per_block": _DEPTH.or_list().or_list(),
    **dict.fromkeys(
        (
            *("in_channels", "out_channels", "latent_channels", "conditioning_channels", "num_channels"),
            *("vocab_size", "hidden_size", "intermediate_size", "max_position_embeddings", "projection_dim"),
            *("fusion_hidden_size", "patch_size", "conv_in_kernel", "conv_out_kernel", "time_embedding_dim"),
            *("time_cond_proj_dim", "num_class_embeds", "projection_class_embeddings_input_dim"),
            *("addition_time_embed_dim", "encoder_hid_dim", "embedding_dim", "num_embeddings", "num_vq_embeddings"),
            *("embedding_proj_dim", "clip_embed_dim", "time_embed_dim", "vq_embed_dim"),
        ),
        _SIZE,
    ),
    "norm_num_groups": _SIZE.or_null(),
    "cross_attention_dim": _SIZE.or_list().or_null(),
    "image_size": _SIZE.or_list(),
    "sample_size": _SIZE.or_list().or_null(),
    **dict.fromkeys(("block_out_channels", "conditioning_embedding_out_channels", "neck_hidden_sizes"), _SIZE.listed()),
    **dict.fromkeys(("down_block_types", "up_block_types"), _WORD.listed()),
    "mid_block_type": _one_of("UNetMidBlock2D", "UNetMidBlock2DCrossAttn", "UNetMidBlock2DSimpleCrossAttn").or_null(),
    **dict.fromkeys(
        ("act_fn", "time_embed_act_fn", "timestep_post_act", "time_embedding_act_fn"), _one_of(*ACTIVATIONS)
    ),
    **dict.fromkeys(("hidden_act", "pooler_act"), _one_of(*TEXT_ACTIVATIONS)),
    "addition_embed_type": _one_of("text", "text_image", "text_time", "image", "image_hint"),
    "attention_type": _one_of("default", "gated", "gated-text-image"),
    "class_embed_type": _one_of("timestep", "identity", "projection", "simple_projection"),
    "cross_attention_norm": _one_of("layer_norm", "group_norm"),
    "added_emb_type": _one_of("prd"),
    "encoder_hid_proj_type": _one_of("linear"),
    **dict.fromkeys(("embedding_proj_norm_type", "norm_in_type"), _one_of("layer")),
    "norm_type": _one_of("group", "spatial"),
    "encoder_hid_dim_type": _one_of("text_proj", "text_image_proj", "image_proj"),
    "resnet_time_scale_shift": _one_of("default", "scale_shift", "ada_group", "spatial"),
    "time_embedding_type": _one_of("positional", "fourier"),
    **dict.fromkeys(("dropout", "attention_dropout", "hidden_dropout_prob", "attention_probs_dropout_prob"), _SHARE),
    **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), _TOKEN.or_null()),
    "backbone_config": _Rule("a map", lambda value: isinstance(value, Mapping)),
    "reassemble_factors": _FACTOR.listed(),
    "scaling_factor": _FACTOR,
    "shift_factor": _NUMBER,
    "latents_mean": _NUMBER.listed(),
    "latents_std": _FACTOR.listed(),
    "only_cross_attention": _FLAG.or_list(),
}
_SAVED: Mapping[str, _Rule] = {
    "dtype": _one_of(*TYPES),
    "torch_dtype": _one_of(*TYPES),
    "_diffusers_version": _Rule(
        "a version", lambda value: isinstance(value, str) and bool(re.match(r"\d+\.\d", value))
    ),
}
"""Keys of configs that are not settings but describe how they were saved; the libraries read them."""
_OF_BACKBONE = (
    *("num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_dropout_prob"),
    *("attention_probs_dropout_prob", "layer_norm_eps", "image_size", "patch_size", "num_channels"),
)
"""Settings that transformers saves as null in a config with a `backbone_config`, which has its own."""
_ONE_VALUE = {"layers_per_block": "latent_channels", "num_attention_heads": "num_hidden_layers"}
"""Settings that only some classes take as a list → a setting of the other classes."""
_RULES: Mapping[str, _Rule] = {**_RULES_OF_SETTINGS, **_SAVED}
"""Setting → its rule, if the class's default does not imply it; null is allowed if it is the default."""


def wrong_settings_of(class_name: str) -> Callable[[Mapping[str, Any]], list[str]]:
    """A function that returns the faults of a config of one class; see `wrong_settings`."""
    return partial(_wrong_of_class, class_name)


def _wrong_of_class(class_name: str, config: Mapping[str, Any]) -> list[str]:
    return wrong_settings(config, class_defaults()[class_name])


def wrong_settings(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """The faults of a config, in words; empty if the class can be built with it.

    Args:
        config: with the class's defaults filled in.
        defaults: of the class: setting → value.
    """
    unset = _OF_BACKBONE if config.get("backbone_config") is not None else ()
    given = [name for name in defaults if config[name] is not None or name not in unset]
    wrong = [fault for name in given if (fault := _misfit(name, config[name], defaults[name]))]
    saved = {name: config.get(name) for name in _SAVED}
    wrong += [fault for name, value in saved.items() if (fault := _misfit(name, value, None))]
    return wrong or list(_relations(config))


def _misfit(name: str, value: Any, default: Any) -> str:
    rule = _RULES.get(name) or _like(default)
    if rule is None or rule.holds(value) or (value is None and default is None):
        return ""
    return f"{name} is {_shown(value)}, but must be {rule.words}"


def _like(default: Any) -> _Rule | None:
    """The rule of a setting, inferred from its default."""
    if isinstance(default, bool):
        return _FLAG.or_null()
    if isinstance(default, (int, float)):
        return _NUMBER
    if isinstance(default, str):
        return _WORD
    return None


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _relations(config: Mapping[str, Any]) -> Iterator[str]:
    """Settings that do not fit together."""
    for name, other in _ONE_VALUE.items():
        if other in config and isinstance(config.get(name), list):
            yield f"{name} is {_shown(config[name])}, but must be {_COUNT.words}"
    widths = config.get("block_out_channels")
    for name in ("down_block_types", "up_block_types") if widths else ():
        if name in config and len(config[name]) != len(widths or ()):
            yield f"{name} has {counted(len(config[name]), 'item')}, but block_out_channels has {len(widths or ())}"
    groups = config.get("norm_num_groups")
    if widths and groups and any(width % groups for width in widths):
        yield f"block_out_channels is {widths}, but norm_num_groups {groups} does not divide all of them"
    width, heads = config.get("hidden_size"), config.get("num_attention_heads")
    if isinstance(width, int) and isinstance(heads, int) and width % heads:
        yield f"hidden_size is {width}, but num_attention_heads {heads} does not divide it"
    for name in ("latents_mean", "latents_std"):
        if config.get(name) is not None and len(config[name]) != config["latent_channels"]:
            yield f"{name} has {counted(len(config[name]), 'item')}, but latent_channels is {config['latent_channels']}"
