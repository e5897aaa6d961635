"""Layouts of single files: the family and the components of a file, recognized by names and shapes of its tensors.

A single file is in the layout of the original training code: a UNet, a VAE and text encoders, each with a prefix.
Sources: the configs of CompVis/stable-diffusion, Stability-AI/stablediffusion and Stability-AI/generative-models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphflow.checkpoints.single_file import FOLDER_FIX, Shapes, unknown
from graphflow.document.refusal import Refusal

_UNET, _VAE = "model.diffusion_model.", "first_stage_model."
_TEXTS: dict[str, dict[str, str]] = {
    "sd15": {"text_encoder": "cond_stage_model.transformer."},
    "sd2": {"text_encoder": "cond_stage_model.model."},
    "sdxl": {
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
    "sdxl_refiner": {"text_encoder_2": "conditioner.embedders.0.model."},
}
KINDS = {
    _UNET: "unet",
    _VAE: "vae",
    "cond_stage_model.transformer.": "clip",
    "conditioner.embedders.0.transformer.": "clip",
    "cond_stage_model.model.": "open_clip",
    "conditioner.embedders.0.model.": "open_clip",
    "conditioner.embedders.1.model.": "open_clip",
}
"""Prefix of a component's tensors → kind of the original model, which determines the names of its tensors."""
_OWN = {
    "unet": r"(time_embed|label_emb|input_blocks|middle_block|output_blocks|out)\.",
    "vae": r"(encoder|decoder|quant_conv|post_quant_conv)\.",
    "clip": r"(text_model\.)?(embeddings\.(?!position_ids)|encoder\.|final_layer_norm\.)",
    "open_clip": r"(token_embedding\.|positional_embedding$|transformer\.resblocks\.|ln_final\.|text_projection$)",
}
"""Names of the tensors that belong to a component; files also contain losses, averages and schedules of training."""
_ENDS = {
    "unet": ("input_blocks.0.0.weight", "out.2.weight"),
    "vae": ("encoder.conv_in.weight", "decoder.conv_out.weight"),
    "clip": ("embeddings.token_embedding.weight", "final_layer_norm.weight"),
    "open_clip": ("token_embedding.weight", "ln_final.weight"),
}
"""A first and a last tensor of each kind; a file that has both is taken to have the whole component."""
_LORA = re.compile(r"lora_(unet|te\d?|prior)_|[._](lora[._])?(lora_)?(up|down|A|B)\.weight$|\.(hada_w1|lokr_w1|oft_)")
_CHANNELS = {5: "a depth-to-image model", 7: "the ×4 upscaler", 8: "InstructPix2Pix"}


@dataclass(frozen=True)
class Layout:
    """The content of a single file.

    Attributes:
        family: `sd15`, `sd2`, `sdxl` or `sdxl_refiner`.
        channels: number of input channels of the UNet; 4 if there is no UNet.
        prefixes: role → prefix of its tensors, for the components that the file has.
        missing: roles of the family's components that the file does not have.
    """

    family: str
    channels: int
    prefixes: dict[str, str]
    missing: tuple[str, ...]


def layout_of(name: str, shapes: Shapes) -> Layout | None:
    """The layout of a single file; its sizes are not compared with those of the family, see `check_sizes`.

    Args:
        name: name of the file, for messages.
        shapes: tensor name → shape.

    Returns:
        None if the file is not recognized.

    Raises:
        Refusal: the file is recognized as something that is not a checkpoint, or as a family that is not supported.
    """
    inner = {key.removeprefix(_UNET): shape for key, shape in shapes.items() if key.startswith(_UNET)}
    if any(_LORA.search(key) for key in shapes):
        fix = f"name a checkpoint, and this file beside its source under checkpoints: {{source: …, loras: [{name}]}}"
        raise _not_a_checkpoint(name, "a LoRA", shapes, fix)
    family = _family_by_unet(name, inner, shapes) if "input_blocks.0.0.weight" in inner else _family_by_texts(shapes)
    if family is None or (inner and "input_blocks.0.0.weight" not in inner):
        _refuse_other(name, shapes)
        return None
    channels = (*inner["input_blocks.0.0.weight"], 0, 0)[1] if inner else 4
    if channels not in (4, 9):
        what = f", as {_CHANNELS[channels]} does" if channels in _CHANNELS else ""
        raise unknown(name, f"its UNet takes {channels} channels{what}; those known take 4, or 9 for inpainting")
    if channels == 9 and family == "sdxl_refiner":
        raise unknown(name, "it is a refiner for inpainting, and none was published")
    prefixes = {"unet": _UNET, "vae": _VAE, **_TEXTS[family]}
    present = {role: prefix for role, prefix in prefixes.items() if _is_present(prefix, shapes)}
    return Layout(family, channels, present, tuple(role for role in prefixes if role not in present))


def tensors_of(prefix: str, shapes: Shapes, config: Mapping[str, Any]) -> list[str]:
    """The names of a component's tensors, in the file's order, without layers that its config does not have."""
    kind = KINDS[prefix]
    own = re.compile(_OWN[kind])
    names = [name for name in shapes if name.startswith(prefix) and own.match(name, len(prefix))]
    if kind != "open_clip":
        return names
    projected = "CLIPTextModelWithProjection" in config["architectures"]
    return [
        name
        for name in names
        if (projected or not name.endswith("text_projection")) and _layer(name) < config["num_hidden_layers"]
    ]


def check_sizes(name: str, title: str, prefix: str, shapes: Shapes, config: Mapping[str, Any]) -> None:
    """Compare a component's sizes with those of its config; input channels and the size of the vocabulary may differ.

    Args:
        name: name of the file, for messages.
        title: name of the family.
        prefix: prefix of the component.
        shapes: tensor name → shape, for the whole file.
        config: config of the component, in the form of diffusers or transformers.

    Raises:
        Refusal: they differ.
    """
    short = {without(prefix, key): shape for key, shape in shapes.items() if key.startswith(prefix)}
    for key, sides in _EXPECTED[KINDS[prefix]](config):
        shape = short.get(key)
        if shape is None and sides is None:
            continue
        fits = shape is not None and sides is not None and len(shape) == len(sides)
        if not fits or any(side not in (None, size) for side, size in zip(sides or (), shape or (), strict=True)):
            mine = "missing" if shape is None else " × ".join(map(str, shape))
            theirs = "none" if sides is None else " × ".join("any" if side is None else str(side) for side in sides)
            why = f"{prefix}{key} is {mine}; {title} has {theirs}"
            raise Refusal("checkpoint-unknown", f"{name} is laid out as {title} but has other sizes", why, FOLDER_FIX)


def without(prefix: str, name: str) -> str:
    """A tensor's name without its prefix, and without `text_model.`, which only some files have."""
    return name.removeprefix(prefix).removeprefix("text_model.")


def _family_by_unet(name: str, inner: Shapes, shapes: Shapes) -> str:
    attends_early, embeds = "input_blocks.1.1.proj_in.weight" in inner, "label_emb.0.0.weight" in inner
    if "label_emb.weight" in inner or (attends_early and embeds):
        raise unknown(name, "its UNet takes more than text, as those of the ×4 upscaler and Stable unCLIP do")
    if any(key in shapes for key in ("edm_mean", "edm_vpred.sigma_max")):
        raise unknown(name, "it uses EDM's noise schedule, as Playground 2.5 and CosXL do")
    if embeds:
        return "sdxl_refiner" if "input_blocks.9.0.op.weight" in inner else "sdxl"
    # Stable Diffusion 2 projects with linear layers, 1.5 with convolutions of one pixel.
    return "sd2" if len(inner.get("input_blocks.1.1.proj_in.weight", ())) == 2 else "sd15"


def _family_by_texts(shapes: Shapes) -> str | None:
    for family in ("sdxl", "sdxl_refiner", "sd2", "sd15"):
        if any(_is_present(prefix, shapes) for prefix in _TEXTS[family].values()):
            return family
    return None


def _is_present(prefix: str, shapes: Shapes) -> bool:
    kind = KINDS[prefix]
    middle = ("", "text_model.") if kind == "clip" else ("",)
    return all(any(f"{prefix}{part}{end}" in shapes for part in middle) for end in _ENDS[kind])


def _layer(name: str) -> int:
    match = re.search(r"resblocks\.(\d+)\.", name)
    return int(match[1]) if match else -1


def _refuse_other(name: str, shapes: Shapes) -> None:
    """Refuse a file that is recognized as something other than a checkpoint.

    Raises:
        Refusal: the file is recognized.
    """
    names = {without("", key) for key in shapes}
    part = "put it into a folder with its config.json, and name that under components: {%s: ./folder}"
    if {"conv_in.weight", "input_blocks.0.0.weight"} & names:
        raise _not_a_checkpoint(name, "a UNet alone", shapes, part % "unet")
    if {"embeddings.token_embedding.weight", "token_embedding.weight"} & names:
        raise _not_a_checkpoint(name, "a text encoder alone", shapes, part % "text_encoder")
    if {"emb_params", "clip_l", "clip_g"} & names:
        raise _not_a_checkpoint(name, "an embedding of a word", shapes, "name a checkpoint here")


def _not_a_checkpoint(name: str, what: str, shapes: Shapes, fix: str) -> Refusal:
    why = f"it has tensors such as {next(iter(shapes))}"
    return Refusal("checkpoint-unknown", f"{name} is {what}, not a checkpoint", why, fix)


Expected = Iterator[tuple[str, tuple[int | None, ...] | None]]


def _unet(config: Mapping[str, Any]) -> Expected:
    """Names and shapes of the tensors that determine the sizes of a UNet; None: any side, or no such tensor."""
    blocks, context = config["block_out_channels"], config["cross_attention_dim"]
    depths = config.get("transformer_layers_per_block", 1)
    depths = depths if isinstance(depths, list) else [depths] * len(blocks)
    step = config["layers_per_block"] + 1
    yield "input_blocks.0.0.weight", (blocks[0], None, 3, 3)
    for level, (width, depth) in enumerate(zip(blocks, depths, strict=True)):
        first = f"input_blocks.{1 + level * step}"
        yield f"{first}.0.out_layers.3.weight", (width, width, 3, 3)
        attends = config["down_block_types"][level].startswith("CrossAttn")
        last = depth - 1 if attends else -1
        if attends:
            yield f"{first}.1.transformer_blocks.{last}.attn2.to_k.weight", (width, context)
        yield f"{first}.1.transformer_blocks.{last + 1}.attn2.to_k.weight", None
    yield f"input_blocks.{len(blocks) * step}.0.in_layers.2.weight", None
    yield f"middle_block.1.transformer_blocks.{depths[-1] - 1}.attn2.to_k.weight", (blocks[-1], context)
    embedded = config.get("projection_class_embeddings_input_dim")
    yield "label_emb.0.0.weight", (4 * blocks[0], embedded) if embedded else None
    yield "out.2.weight", (config["out_channels"], blocks[0], 3, 3)


def _vae(config: Mapping[str, Any]) -> Expected:
    blocks, latent, layers = config["block_out_channels"], config["latent_channels"], config["layers_per_block"]
    yield "encoder.conv_in.weight", (blocks[0], config["in_channels"], 3, 3)
    yield f"encoder.down.{len(blocks) - 1}.block.{layers - 1}.conv2.weight", (blocks[-1], blocks[-1], 3, 3)
    yield f"encoder.down.{len(blocks)}.block.0.conv2.weight", None
    yield "quant_conv.weight", (2 * latent, 2 * latent, 1, 1)
    yield "decoder.conv_in.weight", (blocks[-1], latent, 3, 3)
    yield f"decoder.up.0.block.{layers}.conv2.weight", (blocks[0], blocks[0], 3, 3)
    yield "decoder.conv_out.weight", (config["out_channels"], blocks[0], 3, 3)


def _clip(config: Mapping[str, Any]) -> Expected:
    width, layers = config["hidden_size"], config["num_hidden_layers"]
    yield "embeddings.token_embedding.weight", (None, width)
    yield "embeddings.position_embedding.weight", (config["max_position_embeddings"], width)
    yield f"encoder.layers.{layers - 1}.mlp.fc1.weight", (config["intermediate_size"], width)
    yield f"encoder.layers.{layers}.mlp.fc1.weight", None


def _open_clip(config: Mapping[str, Any]) -> Expected:
    """The file may have more layers than the config: Stable Diffusion 2 does not use the last one."""
    width, layers = config["hidden_size"], config["num_hidden_layers"]
    yield "token_embedding.weight", (None, width)
    yield "positional_embedding", (config["max_position_embeddings"], width)
    yield f"transformer.resblocks.{layers - 1}.mlp.c_fc.weight", (config["intermediate_size"], width)
    yield f"transformer.resblocks.{layers - 1}.attn.in_proj_weight", (3 * width, width)
    if "CLIPTextModelWithProjection" in config["architectures"]:
        yield "text_projection", (width, config["projection_dim"])


_EXPECTED = {"unet": _unet, "vae": _vae, "clip": _clip, "open_clip": _open_clip}
