"""Classes of models, tokenizers, schedulers and processors: a kind a file, each with its `ModelClass` values."""

from graphflow_nodes.models.clip import CLIP_TEXT, CLIP_TEXT_WITH_PROJECTION, CLIP_TOKENIZER, CLIP_TOKENIZER_FAST
from graphflow_nodes.models.dpt import DPT, DPT_PROCESSOR
from graphflow_nodes.models.schedulers import SCHEDULERS
from graphflow_nodes.models.unet import CONTROLNET, UNET
from graphflow_nodes.models.vae import ASYMMETRIC_AUTOENCODER_KL, AUTOENCODER_KL, AUTOENCODER_TINY

CLASSES = (
    *(UNET, CONTROLNET, AUTOENCODER_KL, AUTOENCODER_TINY, ASYMMETRIC_AUTOENCODER_KL),
    *(CLIP_TEXT, CLIP_TEXT_WITH_PROJECTION, CLIP_TOKENIZER, CLIP_TOKENIZER_FAST),
    *(DPT, DPT_PROCESSOR, *SCHEDULERS),
)
"""All of them."""
