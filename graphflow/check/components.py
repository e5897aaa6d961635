"""Components of a checkpoint on disk: what each one *is*, found out without torch and without loading it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from graphflow.check.refusal import Refusal
from graphflow.latent_space import LatentSpace
from graphflow.marker import Component
from graphflow.weights import Tensors, weights_digest

_CONFIGS = ("config.json", "scheduler_config.json", "preprocessor_config.json", "tokenizer_config.json")
_LEFT_OUT = ("sample_size", "dtype", "torch_dtype", "transformers_version", "architectures", "model_type")
_TOKENIZERS = ("CLIPTokenizer", "CLIPTokenizerFast")


@dataclass(frozen=True)
class ComponentFiles:
    """A component of a checkpoint on disk.

    Attributes:
        role: `unet`, `vae`, … as model_index.json names it; empty where the folder is one component.
        library, class_name: as written there, such as diffusers, UNet2DConditionModel.
        folder: where its files are.
        checkpoint: how the checkpoint is called, for messages.
    """

    role: str
    library: str
    class_name: str
    folder: Path
    checkpoint: str = ""

    @cached_property
    def config(self) -> dict[str, Any]:
        """config.json, or scheduler_config.json and the like; empty where there is none."""
        path = next((self.folder / name for name in _CONFIGS if (self.folder / name).is_file()), None)
        return read_json(path) if path is not None else {}

    @cached_property
    def weights(self) -> tuple[Path, ...]:
        """Its safetensors files: all shards of one precision, the full one where there are two."""
        found = sorted(self.folder.glob("*.safetensors"))
        full = [path for path in found if ".fp16." not in path.name]
        return tuple(full or found)

    @cached_property
    def variant(self) -> str | None:
        """`fp16` where only files of that variant are there."""
        return "fp16" if self.weights and all(".fp16." in path.name for path in self.weights) else None

    @cached_property
    def headers(self) -> tuple[Tensors, ...]:
        """What the weights' headers tell.

        Raises:
            Refusal: a file is cut off or is no safetensors file.
        """
        return tuple(read_header(path) for path in self.weights)

    @cached_property
    def weights_digest(self) -> str:
        """Digest of the weights; see `graphflow.weights`."""
        return weights_digest(self.weights)

    @cached_property
    def full_config(self) -> dict[str, Any]:
        """The config with its class's defaults filled in; keys that are no setting of the class are left out."""
        defaults = class_defaults().get(self.class_name)
        if defaults is None:
            return {key: value for key, value in self.config.items() if not key.startswith("_")}
        return {**defaults, **{key: value for key, value in self.config.items() if key in defaults}}

    @cached_property
    def identity(self) -> str:
        """What the component is: weights, config and class, wherever it lies and however it is stored."""
        if self.class_name in _TOKENIZERS:
            return self._tokenizer_identity
        config = {key: value for key, value in self.full_config.items() if key not in _LEFT_OUT}
        text = json.dumps([self.class_name, config, self.weights_digest], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _tokenizer_identity(self) -> str:
        """Vocabulary, merges and special tokens, whether in the two old files or in tokenizer.json."""
        whole = self.folder / "tokenizer.json"
        if (self.folder / "vocab.json").is_file():
            vocabulary = read_json(self.folder / "vocab.json")
            lines = (self.folder / "merges.txt").read_text(encoding="utf-8").splitlines()
            merges = [line.split() for line in lines if line and not line.startswith("#version")]
        else:
            model = read_json(whole).get("model", {})
            vocabulary = model.get("vocab", {})
            merges = [one.split() if isinstance(one, str) else one for one in model.get("merges", ())]
        config = read_json(self.folder / "tokenizer_config.json")
        special = [_token(config, key) for key in ("pad_token", "unk_token", "bos_token", "eos_token")]
        text = json.dumps([sorted(vocabulary.items()), merges, special, config.get("model_max_length", 77)])
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def component(self) -> Component:
        """The component as a step uses it; its bytes are those of float32, in which a CPU computes."""
        label = f"{self.role} of {self.checkpoint}" if self.role else self.checkpoint
        return Component(self.identity, 4 * sum(header.count for header in self.headers), label, self)

    @cached_property
    def latent_space(self) -> LatentSpace:
        """The space of a VAE's latents."""
        types = sorted({tensor.dtype for header in self.headers for tensor in header.tensors.values()})
        return LatentSpace.of_config(self.class_name, self.full_config, self.weights_digest, " ".join(types))


def _token(config: Mapping[str, Any], key: str) -> Any:
    """A special token as text; some versions store a map with its content."""
    value = config.get(key, "<|endoftext|>")
    return value.get("content") if isinstance(value, Mapping) else value


@cache
def class_defaults() -> dict[str, dict[str, Any]]:
    """Class name → default of every setting, as the tested versions of diffusers and transformers have them."""
    text = resources.files("graphflow").joinpath("check/class_defaults.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def read_header(path: Path) -> Tensors:
    """The header of a safetensors file.

    Raises:
        Refusal: the file is cut off or is no safetensors file.
    """
    try:
        return Tensors.of(path)
    except ValueError as error:
        fix = "get the file again; it may have been cut off on its way"
        raise Refusal("checkpoint-broken", f"{path.name} is no whole safetensors file", str(error), fix) from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Refusal: the file cannot be read, or holds something else.
    """
    shown = f"{path.parent.name}/{path.name}"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else f"it is no JSON: {error}"
        raise Refusal("checkpoint-broken", f"{shown} cannot be read", str(why), "get the file again") from error
    if not isinstance(value, dict):
        raise Refusal("checkpoint-broken", f"{shown} cannot be read", "it holds no JSON object", "get the file again")
    return value
