"""What a single file is: the configs that were published, the tokenizer, what the UNet predicts, and part digests."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPTokenizer

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.single_file import FilePart, read_single_file
from graphflow.checkpoints.tensor_storage import Stored
from graphflow.checkpoints.weights_digest import digest_of_files, tensor_digests, weights_digest
from graphflow_nodes.models import clip_vocabulary as clip_vocabulary_module
from graphflow_nodes.models.clip import CLIP_TOKENIZER
from graphflow_nodes.models.clip_tokenizer import TokenizerPart
from graphflow_nodes.models.clip_vocabulary import clip_vocabulary
from graphflow_nodes.single_files import published as configs_of
from graphflow_nodes.single_files.original import ORIGINAL
from graphflow_nodes.single_files.published import published
from tests.shipped import CLASSES
from tests.single_files.test_layouts import shapes, tensors, write

SPREAD = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"

PUBLISHED = {
    "unet": {
        "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu",
        "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": False,
        "cross_attention_dim": 768, "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        "downsample_padding": 1, "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
        "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 4, "sample_size": 64,
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
    },
    "vae": {
        "_class_name": "AutoencoderKL", "_diffusers_version": "0.6.0", "act_fn": "silu",
        "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4, "in_channels": 3,
        "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3, "sample_size": 512,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
    },
    "text_encoder": {
        "_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"], "attention_dropout": 0.0,
        "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768,
        "initializer_factor": 1.0, "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-05,
        "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 12,
        "num_hidden_layers": 12, "pad_token_id": 1, "projection_dim": 768, "torch_dtype": "float32",
        "transformers_version": "4.22.0.dev0", "vocab_size": 49408,
    },
}  # fmt: skip
"""Stable Diffusion 1.5's configs as they were published, with the versions of then."""


def saved_anew(role: str, folder: Path) -> Path:
    """The config as today's libraries write it."""
    import diffusers
    import transformers

    config = PUBLISHED[role]
    with torch.device("meta"):
        if role == "text_encoder":
            transformers.CLIPTextConfig.from_dict(config).save_pretrained(folder)
        else:
            model = getattr(diffusers, config["_class_name"]).from_config(config)
            model.save_config(folder)
    return folder


@pytest.mark.parametrize("role", PUBLISHED)
def test_config_is_that_of_a_folder_of_either_time(role, tmp_path):
    config = published("sd15", "base").configs[role]
    class_name = config.get("_class_name") or config["architectures"][0]
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text(json.dumps(PUBLISHED[role]))
    folders = [tmp_path / "old", saved_anew(role, tmp_path / "new")]
    part = FilePart(role, "", class_name, tmp_path / "none", settings=config, stored={}, model=CLASSES[class_name])
    for folder in folders:
        found = ComponentFiles(role, "", class_name, folder, model=CLASSES[class_name]).full_config
        same = ("sample_size", "architectures", "dtype")
        assert {k: v for k, v in found.items() if k not in same} == {
            k: v for k, v in part.full_config.items() if k not in same
        }


def test_vocabulary_is_clips():
    vocabulary, merges = clip_vocabulary()
    assert (len(vocabulary), len(merges)) == (49_408, 48_894)
    known = {"!": 0, "a</w>": 320, "cat</w>": 2368, "photo</w>": 1125, "<|startoftext|>": 49406, "<|endoftext|>": 49407}
    assert {token: vocabulary[token] for token in known} == known
    assert merges[:2] == [("i", "n"), ("t", "h")]


def tokenizer_part(config) -> TokenizerPart:
    """The tokenizer of a single file with this config."""
    return TokenizerPart(
        "tokenizer", "transformers", "CLIPTokenizer", Path("x"),
        settings=config, model=CLIP_TOKENIZER, vocabulary=clip_vocabulary,
    )  # fmt: skip


def token_map(pad: str) -> str:
    return json.dumps({"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": pad})


@pytest.mark.parametrize(("family", "role", "pad"), [("sd15", "tokenizer", "<|endoftext|>"), ("sd2", "tokenizer", "!")])
def test_tokenizer_is_that_of_a_folder_of_either_layout(family, role, pad, tmp_path):
    """The published folders have vocab.json and merges.txt, and say Stable Diffusion 2's pad token in a third file."""
    config = published(family, "base").configs[role]
    vocabulary, merges = clip_vocabulary()
    old = tmp_path / "old"
    old.mkdir()
    (old / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (old / "merges.txt").write_text("\n".join(["#version: 0.2", *map(" ".join, merges), ""]), encoding="utf-8")
    (old / "tokenizer_config.json").write_text(json.dumps({**config, "pad_token": "<|endoftext|>"}))
    (old / "special_tokens_map.json").write_text(token_map(pad))
    tokenizer = CLIPTokenizer.from_pretrained(old)
    assert tokenizer.pad_token == pad
    tokenizer.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new" / "vocab.json").exists()
    part = tokenizer_part(config)
    for folder in (old, tmp_path / "new"):
        assert (
            ComponentFiles(role, "transformers", "CLIPTokenizer", folder, model=CLIP_TOKENIZER).identity
            == part.identity
        )


def test_tokenizers_that_pad_otherwise_are_not_one():
    configs = [published(family, "base").configs["tokenizer"] for family in ("sd15", "sd2", "sdxl")]
    first, second, third = (tokenizer_part(config).identity for config in configs)
    assert first == third != second


def spread(path: Path, dtype: str, values: list[float]) -> Path:
    """A file of Stable Diffusion 2's layout whose telling bias has these values."""
    bias = torch.tensor(values).to(getattr(torch, dtype))
    found = dict(tensors("sd2", "base"))
    write(path, found)
    with path.open("r+b") as handle:
        (length,) = struct.unpack("<Q", handle.read(8))
        header = json.loads(handle.read(length))
        start, end = header[SPREAD]["data_offsets"]
        handle.seek(8 + length + start)
        handle.write(bias.view(torch.uint8).numpy().tobytes()[: end - start])
    return path


@pytest.mark.parametrize(("scale", "prediction", "size"), [(0.2, "v_prediction", 96), (0.02, None, 64)])
def test_a_bias_tells_what_stable_diffusion_2_predicts(scale, prediction, size, tmp_path):
    values = [scale * (-1) ** number for number in range(320)]
    single = read_single_file("x", spread(tmp_path / "x.safetensors", "float16", values), [ORIGINAL])
    assert single.components["scheduler"].config.get("prediction_type") == prediction
    assert single.components["unet"].config["sample_size"] == size


@pytest.mark.parametrize(
    ("said", "prediction"),
    [
        ({"modelspec__architecture": "stable-diffusion-v2-768-v"}, "v_prediction"),
        ({"modelspec__architecture": "stable-diffusion-v2-512"}, None),
        ({"modelspec__prediction_type": "v"}, "v_prediction"),
        ({"modelspec__prediction_type": "epsilon", "modelspec__architecture": "other"}, None),
    ],
)
def test_what_a_file_says_of_itself_counts_first(said, prediction, tmp_path):
    single = read_single_file("x", write(tmp_path / "x.safetensors", tensors("sd2", "base"), **said), [ORIGINAL])
    assert single.components["scheduler"].config.get("prediction_type") == prediction


def test_marks_of_v_prediction_reach_the_scheduler_of_any_family(tmp_path):
    marks = {name: torch.zeros(0) for name in ("v_pred", "ztsnr")}
    single = read_single_file("x", write(tmp_path / "x.safetensors", {**tensors("sdxl", "base"), **marks}), [ORIGINAL])
    scheduler = single.components["scheduler"].config
    assert (scheduler["prediction_type"], scheduler["rescale_betas_zero_snr"]) == ("v_prediction", True)


def test_more_words_and_more_channels_are_read_off_the_shapes(tmp_path):
    found = dict(tensors("sd15", "inpaint"))
    words = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    found[words] = torch.empty(49_410, 768, dtype=torch.float16, device="meta")
    single = read_single_file("x", write(tmp_path / "x.safetensors", found), [ORIGINAL])
    assert single.class_name == "StableDiffusionInpaintPipeline"
    assert single.components["text_encoder"].config["vocab_size"] == 49_410
    assert single.components["unet"].config["in_channels"] == 9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_part_digest_is_that_of_the_tensors_taken_apart(dtype, tmp_path):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(4, 5, generator=generator).to(dtype) for _ in range(3))
    projection, norm = torch.randn(3, 7, generator=generator).to(dtype), torch.ones(5, dtype=dtype)
    joined = {"in": torch.cat([q, k, v]), "projection": projection, "norm": norm, "other": norm + 1}
    save_file(joined, tmp_path / "joined.safetensors")
    save_file({"v": v, "q": q, "n": norm, "k": k, "p": projection.T.contiguous()}, tmp_path / "apart.safetensors")
    stored = {"in": Stored.THIRDS, "projection": Stored.TRANSPOSED, "norm": Stored.PLAIN}
    names = {"in": ("q", "k", "v"), "projection": ("p",), "norm": ("n",)}
    whole = digest_of_files([tmp_path / "apart.safetensors"])
    assert of_parts(tmp_path / "joined.safetensors", stored, names) == whole
    assert of_parts(tmp_path / "joined.safetensors", stored, names | {"in": ("k", "q", "v")}) != whole
    plain = stored | {"projection": Stored.PLAIN}
    assert of_parts(tmp_path / "joined.safetensors", plain, names) != whole


def of_parts(path: Path, stored: dict[str, Stored], names: dict[str, tuple[str, ...]]) -> str:
    digests = tensor_digests(path, stored)
    return weights_digest(pair for name, own in names.items() for pair in zip(own, digests[name], strict=True))


def test_published_data_is_small():
    merges = Path(clip_vocabulary_module.__file__).with_name("clip_merges.txt.gz")
    configs = Path(configs_of.__file__).parent / "configs"
    assert sum(file.stat().st_size for file in (merges, *configs.iterdir())) < 300_000


def test_no_shape_of_a_published_file_needs_its_data():
    assert all(tensor.device.type == "meta" for tensor in tensors("sd15", "base").values() if tensor.numel() > 1000)
    assert len(shapes("sd15", "base")) > 1000
