"""CLIP's image encoder and the processor of its pictures, of transformers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.model_class import ModelClass, Named
from graphflow_nodes.models.defaults import defaults_of
from graphflow_nodes.models.layers import conv, linear, norm, require
from graphflow_nodes.models.settings import wrong_settings_of


def _image_encoder(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a CLIPVisionModelWithProjection.

    Raises:
        NotModelled: its pictures or patches have sides of two lengths.
    """
    width, inner, side, patch = (
        config[name] for name in ("hidden_size", "intermediate_size", "image_size", "patch_size")
    )
    require(isinstance(side, int) and isinstance(patch, int))
    yield "vision_model.embeddings.class_embedding", (width,)
    yield from conv("vision_model.embeddings.patch_embedding", width, config["num_channels"], patch, bias=False)
    yield "vision_model.embeddings.position_embedding.weight", ((side // patch) ** 2 + 1, width)
    yield from norm("vision_model.pre_layrnorm", width)  # so written in transformers
    for number in range(config["num_hidden_layers"]):
        name = f"vision_model.encoder.layers.{number}"
        for one in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from linear(f"{name}.self_attn.{one}", width, width)
        yield from norm(f"{name}.layer_norm1", width)
        yield from linear(f"{name}.mlp.fc1", inner, width)
        yield from linear(f"{name}.mlp.fc2", width, inner)
        yield from norm(f"{name}.layer_norm2", width)
    yield from norm("vision_model.post_layernorm", width)
    yield from linear("visual_projection", config["projection_dim"], width, bias=False)


CLIP_VISION_WITH_PROJECTION = ModelClass(
    "CLIPVisionModelWithProjection",
    "transformers",
    defaults=defaults_of("CLIPVisionModelWithProjection"),
    wrong=wrong_settings_of("CLIPVisionModelWithProjection"),
    settings="vision_config",
    layout=_image_encoder,
    own=r"(vision_model|visual_projection)\.",
)

_NAME = "CLIPImageProcessor"


def _load_processor(files: ComponentFiles, _: Any) -> Any:
    """The processor as diffusers loads it: in the form that is named, or in the one that transformers prefers."""
    import transformers
    from transformers.utils import is_torchvision_available

    pillow = files.class_name.endswith("Pil") or not is_torchvision_available()
    return getattr(transformers, f"{_NAME}Pil" if pillow else _NAME).from_dict(files.config)


CLIP_IMAGE_PROCESSORS = tuple(
    ModelClass(name, "transformers", "processor", load=_load_processor)
    for name in (_NAME, f"{_NAME}Pil", "CLIPFeatureExtractor")
)
"""Under its name, its name if torchvision was not installed when it was saved, and its name in early checkpoints."""
