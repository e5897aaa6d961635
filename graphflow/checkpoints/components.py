"""Components of a checkpoint on disk: their configs, weights and identities, read without torch and without loading."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from graphflow.checkpoints import weight_files
from graphflow.checkpoints.fit import integer_weights, misfits
from graphflow.checkpoints.model_class import ModelClass, Shape, Tokenizer
from graphflow.checkpoints.reading import read_header, read_json
from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.checkpoints.tensor_names import in_folder
from graphflow.checkpoints.weights_digest import digest_of_files
from graphflow.document.refusal import Refusal
from graphflow.system.files import read_only, read_regular

_CONFIGS = ("config.json", "scheduler_config.json", "preprocessor_config.json", "tokenizer_config.json")
_LEFT_OUT = (
    *("sample_size", "dtype", "torch_dtype", "transformers_version", "architectures", "model_type"),
    *("dropout", "gradient_checkpointing", "id2label", "label2id", "torchscript", "use_cache"),
)
"""Settings that do not affect results: they are read elsewhere, describe the origin of files, or are for training."""


@dataclass(frozen=True)
class ComponentFiles:
    """A component of a checkpoint on disk.

    Attributes:
        role: name in model_index.json, such as `unet` or `vae`; empty if the folder is a single component.
        library, class_name: as in model_index.json, such as diffusers, UNet2DConditionModel.
        folder: the folder with its files.
        checkpoint: name of the checkpoint, for messages.
        asked: the variant of the weights that a document asks for, such as fp16; empty for the default.
        model: its class of components; None if no family has this class.
    """

    role: str
    library: str
    class_name: str
    folder: Path
    checkpoint: str = ""
    asked: str = ""
    model: ModelClass | None = field(default=None, compare=False, repr=False)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config in config.json, scheduler_config.json or the like; empty if there is none."""
        path = next((self.folder / name for name in _CONFIGS if (self.folder / name).is_file()), None)
        return read_json(path) if path is not None else {}

    @cached_property
    def file_names(self) -> tuple[str, ...]:
        """Names of the files in its folder, sorted."""
        return tuple(sorted(path.name for path in self.folder.glob("*")))

    @cached_property
    def variants(self) -> dict[str, tuple[Path, ...]]:
        """Variant, such as fp16 (empty for the usual files) → its safetensors files, all shards."""
        return weight_files.files_by_variant(self.folder, self.file_names, self.library)

    @cached_property
    def weights(self) -> tuple[Path, ...]:
        """Its safetensors files: those of the variant asked for, or else the usual ones, or else another variant's."""
        return self.variants.get(self.variant or "", ())

    @cached_property
    def variant(self) -> str | None:
        """The variant whose files are read; None for the usual files."""
        if self.asked or "" in self.variants or not self.variants:
            return self.asked or None
        return "fp16" if "fp16" in self.variants else min(self.variants)

    @cached_property
    def headers(self) -> tuple[Tensors, ...]:
        """The headers of its weight files.

        Raises:
            Refusal: a file is truncated, or is not a safetensors file.
        """
        return tuple(read_header(path) for path in self.weights)

    @cached_property
    def weights_digest(self) -> str:
        """Digest of the weights under their current names; see `graphflow.checkpoints.weights_digest`."""
        return digest_of_files(self.weights, in_folder)

    @cached_property
    def full_config(self) -> dict[str, Any]:
        """The config with the class's defaults filled in, without keys that are not settings of the class."""
        if self._defaults is None:
            return read_only({key: value for key, value in self.config.items() if not key.startswith("_")})
        # For settings in this list of the config, diffusers uses its own defaults.
        listed = self.config.get("_use_default_values")
        ignored = listed if isinstance(listed, list) else []
        given = {key: value for key, value in self._given.items() if key in self._defaults and key not in ignored}
        return read_only({**self._defaults, **given})

    @cached_property
    def _defaults(self) -> Mapping[str, Any] | None:
        """Setting → default of the class; None if the defaults are unknown."""
        return None if self.model is None or self.model.defaults is None else self.model.defaults()

    @property
    def _given(self) -> Mapping[str, Any]:
        """The settings in the config; they are in a nested map if a text encoder was saved with an image encoder."""
        own = self.config.get(self.model.settings) if self.model is not None and self.model.settings else None
        return own if isinstance(own, Mapping) else self.config

    @property
    def _further(self) -> dict[str, Any]:
        """Settings that are not the class's own: transformers keeps them, and code that runs the model may use them."""
        if self._defaults is None or "_class_name" in self.config:
            return {}
        others = {key: value for key, value in self._given.items() if key not in self._defaults and value is not None}
        return {
            key: value
            for key, value in others.items()
            if key not in _LEFT_OUT and (not key.startswith("_") or key == "_attn_implementation")
        }

    @property
    def shapes(self) -> list[tuple[str, Shape]]:
        """Name and shape of each tensor, as in its files."""
        return [(name, tensor.shape) for header in self.headers for name, tensor in header.tensors.items()]

    @property
    def types(self) -> dict[str, str]:
        """Name → type, such as F16, for its own tensors, as in its files."""
        types = {name: tensor.dtype for header in self.headers for name, tensor in header.tensors.items()}
        return {name: type_ for name, type_ in types.items() if self.model is None or self.model.owns(name)}

    @cached_property
    def faults(self) -> tuple[Refusal, ...]:
        """Problems with its configs and the headers of its files; the weights themselves are not read."""
        try:
            return tuple(self._faults())
        except Refusal as refusal:
            return (refusal,)

    def _faults(self) -> Iterator[Refusal]:
        if self.model is not None and self.model.tokenizer is not None:
            self.model.tokenizer(self)  # all its files are read
            return
        known = self.model is not None and self.model.kind in ("model", "scheduler")
        if not self.config and known:
            yield self._broken(f"the {self.label} has no config", f"{self.folder.name} holds none")
        elif quantization := self.config.get("quantization_config"):
            method = quantization.get("quant_method") if isinstance(quantization, Mapping) else None
            why = f"its config names {method or 'a quantization_config'}, and graphflow reads plain weights only"
            yield self._broken(
                f"the weights of the {self.label} are quantized", why, "get the checkpoint with its original weights"
            )
        elif self.model is not None and self.model.kind == "model":
            yield from self._faults_of_weights(self.model)

    def _faults_of_weights(self, model: ModelClass) -> Iterator[Refusal]:
        if self.folder.is_dir():
            faults = tuple(weight_files.faults(self.label, self.folder, self.library, self.variant, self.weights))
            yield from faults
            if faults:
                return
        config = {**self.config, **self.full_config}
        yield from misfits(self.label, model, config, self.shapes)
        yield from integer_weights(self.label, self.types)

    def _broken(self, message: str, why: str, fix: str = "get the whole checkpoint") -> Refusal:
        return Refusal("checkpoint-broken", message, why, fix)

    @cached_property
    def identity(self) -> str:
        """A digest of weights, config and class; it does not depend on the place or layout of the files."""
        if self.model is not None and self.model.kind == "tokenizer":
            known = None if self.model.tokenizer is None else self.tokenizer
            return self._files_digest if known is None else known.identity
        config = {key: value for key, value in self.full_config.items() if key not in _LEFT_OUT}
        text = json.dumps([self.class_name, config, self._further, self.weights_digest], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """Facts about a tokenizer, read from its files; None if these have to be downloaded first.

        Raises:
            Refusal: a file is missing or damaged, or its class does not read them.
        """
        if self.model is None or self.model.tokenizer is None:
            raise self._broken(
                f"the {self.label} cannot be read", f"nothing is known of the files of a {self.class_name}"
            )
        return self.model.tokenizer(self)

    @property
    def _files_digest(self) -> str:
        """Digest of the class and of all files in the folder."""
        files = sorted(path for path in self.folder.glob("*") if path.is_file())
        digests = [(path.name, hashlib.sha256(read_regular(path)).hexdigest()) for path in files]
        return hashlib.sha256(json.dumps([self.class_name, digests]).encode()).hexdigest()

    @property
    def label(self) -> str:
        """Its name in messages, such as `unet of ./sd`."""
        return f"{self.role} of {self.checkpoint}" if self.role else self.checkpoint


@dataclass(frozen=True)
class ProcessorFiles(ComponentFiles):
    """The image processor in the folder of a model; it has no weights."""

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its settings: from processor_config.json if they are in it, as in transformers, or else from a separate file.

        Raises:
            Refusal: there are no settings, or they cannot be read.
        """
        together = self.folder / "processor_config.json"
        if together.is_file() and isinstance(nested := read_json(together).get("image_processor"), dict):
            return nested
        return read_json(self.folder / "preprocessor_config.json")

    @property
    def named(self) -> str:
        """The class that its settings name, by its name in transformers 5; empty if they name no class."""
        name = self.config.get("image_processor_type") or self.config.get("feature_extractor_type") or ""
        return str(name).replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast").removesuffix("Pil")

    @cached_property
    def variants(self) -> dict[str, tuple[Path, ...]]:
        return {}
