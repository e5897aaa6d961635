"""A value of every type that travels on edges."""

import math

import torch

import graphflow as gf
from graphflow.values.embedding_space import EmbeddingSpace
from graphflow.values.latent_space import LatentSpace, Noise
from graphflow.values.tensor_values import Conditioning, ImageEmbedding, Latents
from tests.store.pictures import picture

SPACE = LatentSpace("AutoencoderKL", 4, 0.18215, 8, weights="abc", precision="F16")
SHIFTED = LatentSpace("AutoencoderKLWan", 16, 1.0, 8, 0.1159, (0.1, -0.25), (1.0, math.pi), "def")
NOISE = Noise(0.8, "EulerDiscreteScheduler", '{"beta_start": 0.00085}', 30)


def drawn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


PLAIN = {
    "none": None,
    "true": True,
    "false": False,
    "int": 7,
    "negative int": -3,
    "int of 3,000 digits": 10**3000 + 1,
    "float": 0.1,
    "small float": 5e-324,
    "negative zero": -0.0,
    "nan": math.nan,
    "infinity": -math.inf,
    "text": "a fox, 狐, 🦊",
    "empty text": "",
    "text with half a surrogate pair": "\ud800x",
    "text with nulls": "a\0b\n",
    "list": (1, 2.5, "x", None, True),
    "empty list": (),
    "list in a list": ((1,), ((), "y")),
    "image": picture(),
    "mask": gf.Mask(bytes(range(15)), 5, 3),
    "list of pictures": (picture(1), picture(2, 7, 1), gf.Mask(b"\x01", 1, 1)),
    "animation": gf.Animation((picture(1), picture(2), picture(3)), 120, 3, "webp"),
}
"""Values that need no torch."""

TENSORS = {
    "latents": Latents(drawn(1, 4, 8, 6), SPACE),
    "latents in half precision": Latents(drawn(1, 4, 8, 6, dtype=torch.float16), SPACE),
    "latents in bfloat16": Latents(drawn(1, 4, 8, 6, dtype=torch.bfloat16), SHIFTED),
    "channels-last latents": Latents(drawn(1, 4, 8, 6).contiguous(memory_format=torch.channels_last), SPACE),
    "noisy latents": Latents(drawn(1, 4, 8, 6), SPACE, NOISE),
    "transposed latents": Latents(drawn(1, 4, 6, 8).transpose(2, 3), SPACE),
    "conditioning": Conditioning(
        {"prompt_embeds": drawn(1, 77, 16), "negative_prompt_embeds": drawn(1, 77, 16, seed=1)}, "last", "clip"
    ),
    "pooled conditioning with a mask": Conditioning(
        {
            "prompt_embeds": drawn(1, 7, 16, dtype=torch.bfloat16),
            "pooled_prompt_embeds": drawn(1, 16),
            "prompt_attention_mask": torch.tensor([[1, 1, 0]]),
            "flags": torch.tensor([True, False]),
        }
    ),
    "image embedding": ImageEmbedding(drawn(1, 12), drawn(1, 12, seed=1), EmbeddingSpace("clip", 12)),
    "image embedding with a generator": ImageEmbedding(
        drawn(1, 12), drawn(1, 12, seed=1), EmbeddingSpace("clip", 12), torch.Generator().manual_seed(3).get_state()
    ),
    "list of everything": (Latents(drawn(1, 4, 2, 2), SPACE), picture(), "text", 3),
    "conditioning of empty tensors": Conditioning({"prompt_embeds": torch.zeros(1, 0, 16)}),
    "conditioning of a single number": Conditioning({"prompt_embeds": torch.tensor(2.5)}),
}
"""Values made of tensors."""

ALL = PLAIN | TENSORS
