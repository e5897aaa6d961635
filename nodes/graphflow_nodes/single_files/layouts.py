"""Layouts of single files: which family's tensors a file holds, told by their names and shapes alone.

A single file is one that the original training code wrote: a UNet, a VAE and text encoders, each under a prefix.
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
"""How the names of a component's tensors begin → which code wrote it, and so how it names them."""
_OWN = {
    "unet": r"(time_embed|label_emb|input_blocks|middle_block|output_blocks|out)\.",
    "vae": r"(encoder|decoder|quant_conv|post_quant_conv)\.",
    "clip": r"(text_model\.)?(embeddings\.(?!position_ids)|encoder\.|final_layer_norm\.)",
    "open_clip": r"(token_embedding\.|positional_embedding$|transformer\.resblocks\.|ln_final\.|text_projection$)",
}
"""What belongs to a component; beside it stand losses, averages, schedules and what only training reads."""
_ENDS = {
    "unet": ("input_blocks.0.0.weight", "out.2.weight"),
    "vae": ("encoder.conv_in.weight", "decoder.conv_out.weight"),
    "clip": ("embeddings.token_embedding.weight", "final_layer_norm.weight"),
    "open_clip": ("token_embedding.weight", "ln_final.weight"),
}
_LORA = re.compile(r"lora_(unet|te\d?|prior)_|[._](lora[._])?(lora_)?(up|down|A|B)\.weight$|\.(hada_w1|lokr_w1|oft_)")
_CHANNELS = {5: "a depth-to-image model", 7: "the ×4 upscaler", 8: "InstructPix2Pix"}


@dataclass(frozen=True)
class Layout:
    """What a single file holds.

    Attributes:
        family: `sd15`, `sd2`, `sdxl` or `sdxl_refiner`.
        channels: that the UNet takes; 4 where there is none.
        prefixes: role → how the names of its tensors begin, for the components that are there.
        missing: roles of components that the file has not, though its family does.
    """

    family: str
    channels: int
    prefixes: dict[str, str]
    missing: tuple[str, ...]


def layout_of(name: str, shapes: Shapes) -> Layout | None:
    """What a single file holds; sizes are not compared with the family's, `check_sizes` does that.

    Args:
        name: how the file is called, for messages.
        shapes: tensor name → shape.

    Returns:
        None if nothing is known of such a file.

    Raises:
        Refusal: it is no checkpoint, or of a family that no stage runs; says what it is.
    """
    inner = {key.removeprefix(_UNET): shape for key, shape in shapes.items() if key.startswith(_UNET)}
    if any(_LORA.search(key) for key in shapes):
        fix = f"name a checkpoint, and this file beside its source under checkpoints: {{source: …, loras: [{name}]}}"
        raise _no_checkpoint(name, "a LoRA", shapes, fix)
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
    there = {role: prefix for role, prefix in prefixes.items() if _is_there(prefix, shapes)}
    return Layout(family, channels, there, tuple(role for role in prefixes if role not in there))


def tensors_of(prefix: str, shapes: Shapes, config: Mapping[str, Any]) -> list[str]:
    """The names of a component's tensors, in the file's order; layers that its config has not are left out."""
    kind = KINDS[prefix]
    own = re.compile(_OWN[kind])
    found = [name for name in shapes if name.startswith(prefix) and own.match(name, len(prefix))]
    if kind != "open_clip":
        return found
    projected = "CLIPTextModelWithProjection" in config["architectures"]
    return [
        name
        for name in found
        if (projected or not name.endswith("text_projection")) and _layer(name) < config["num_hidden_layers"]
    ]


def check_sizes(name: str, title: str, prefix: str, shapes: Shapes, config: Mapping[str, Any]) -> None:
    """Compare a component's sizes with those of its config; its own input channels and words may differ.

    Args:
        name: how the file is called.
        title: the family's name.
        prefix: of the component.
        shapes: tensor name → shape, of the whole file.
        config: in the form of diffusers or transformers.

    Raises:
        Refusal: they differ.
    """
    short = {without(prefix, key): shape for key, shape in shapes.items() if key.startswith(prefix)}
    for key, sides in _EXPECTED[KINDS[prefix]](config):
        found = short.get(key)
        if found is None and sides is None:
            continue
        fits = found is not None and sides is not None and len(found) == len(sides)
        if not fits or any(side not in (None, one) for side, one in zip(sides or (), found or (), strict=True)):
            mine = "missing" if found is None else " × ".join(map(str, found))
            theirs = "none" if sides is None else " × ".join("any" if one is None else str(one) for one in sides)
            why = f"{prefix}{key} is {mine}; {title} has {theirs}"
            raise Refusal("checkpoint-unknown", f"{name} is laid out as {title} but has other sizes", why, FOLDER_FIX)


def without(prefix: str, name: str) -> str:
    """A tensor's name without its prefix; some files leave `text_model.` out, and it is left out everywhere."""
    return name.removeprefix(prefix).removeprefix("text_model.")


def _family_by_unet(name: str, inner: Shapes, shapes: Shapes) -> str:
    attends_early, embeds = "input_blocks.1.1.proj_in.weight" in inner, "label_emb.0.0.weight" in inner
    if "label_emb.weight" in inner or (attends_early and embeds):
        raise unknown(name, "its UNet takes more than text, as those of the ×4 upscaler and Stable unCLIP do")
    if any(key in shapes for key in ("edm_mean", "edm_vpred.sigma_max")):
        raise unknown(name, "it uses EDM's noise schedule, as Playground 2.5 and CosXL do")
    if embeds:
        return "sdxl_refiner" if "input_blocks.9.0.op.weight" in inner else "sdxl"
    # Stable Diffusion 2 projects by linear layers what 1.5 does by convolutions of one pixel.
    return "sd2" if len(inner.get("input_blocks.1.1.proj_in.weight", ())) == 2 else "sd15"


def _family_by_texts(shapes: Shapes) -> str | None:
    for family in ("sdxl", "sdxl_refiner", "sd2", "sd15"):
        if any(_is_there(prefix, shapes) for prefix in _TEXTS[family].values()):
            return family
    return None


def _is_there(prefix: str, shapes: Shapes) -> bool:
    kind = KINDS[prefix]
    middle = ("", "text_model.") if kind == "clip" else ("",)
    return all(any(f"{prefix}{one}{end}" in shapes for one in middle) for end in _ENDS[kind])


def _layer(name: str) -> int:
    found = re.search(r"resblocks\.(\d+)\.", name)
    return int(found[1]) if found else -1


def _refuse_other(name: str, shapes: Shapes) -> None:
    """Refuse a file without the prefixes of a checkpoint, if it is known what it is.

    Raises:
        Refusal: it is.
    """
    names = {without(_VAE, key) for key in shapes}
    part = "put it into a folder with its config.json, and name that under components: {%s: ./folder}"
    if any(key.startswith("controlnet_cond_embedding.") for key in names):
        fix = (
            "put it into a folder with its config.json, and name that folder as the checkpoint of controlnet_condition"
        )
        raise _no_checkpoint(name, "a ControlNet", shapes, fix)
    if any(key.startswith(("control_model.", "input_hint_block.")) for key in names):
        fix = "get it in diffusers' layout, and name its folder, with config.json, as that of controlnet_condition"
        raise _no_checkpoint(name, "a ControlNet in the original layout", shapes, fix)
    if {"encoder.conv_in.weight", "decoder.conv_in.weight"} & names:
        raise _no_checkpoint(name, "a VAE alone", shapes, part % "vae")
    if {"conv_in.weight", "input_blocks.0.0.weight"} & names:
        raise _no_checkpoint(name, "a UNet alone", shapes, part % "unet")
    if {"embeddings.token_embedding.weight", "token_embedding.weight"} & names:
        raise _no_checkpoint(name, "a text encoder alone", shapes, part % "text_encoder")
    if {"emb_params", "clip_l", "clip_g"} & names:
        raise _no_checkpoint(name, "an embedding of a word", shapes, "name a checkpoint here")


def _no_checkpoint(name: str, what: str, shapes: Shapes, fix: str) -> Refusal:
    why = f"it has tensors such as {next(iter(shapes))}"
    return Refusal("checkpoint-unknown", f"{name} is {what}, not a checkpoint", why, fix)


Expected = Iterator[tuple[str, tuple[int | None, ...] | None]]


def _unet(config: Mapping[str, Any]) -> Expected:
    """Names and shapes that tell the sizes of a UNet (None: any, or no such tensor)."""
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
    """Layers beyond the config's may be there: Stable Diffusion 2 leaves the last one unread."""
    width, layers = config["hidden_size"], config["num_hidden_layers"]
    yield "token_embedding.weight", (None, width)
    yield "positional_embedding", (config["max_position_embeddings"], width)
    yield f"transformer.resblocks.{layers - 1}.mlp.c_fc.weight", (config["intermediate_size"], width)
    yield f"transformer.resblocks.{layers - 1}.attn.in_proj_weight", (3 * width, width)
    if "CLIPTextModelWithProjection" in config["architectures"]:
        yield "text_projection", (width, config["projection_dim"])


_EXPECTED = {"unet": _unet, "vae": _vae, "clip": _clip, "open_clip": _open_clip}
