"""The pool's loader: from a component's files to the loaded component; the one place where weights are read."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.components import ComponentFiles, Placed
from graphflow.checkpoints.lora import Lora
from graphflow.checkpoints.model_class import ModelClass
from graphflow.checkpoints.single_file import FilePart
from graphflow.checkpoints.single_layouts import without
from graphflow.errors import DefinitionError, FileProblem
from graphflow.execute.out_of_memory import is_out_of_memory
from graphflow.system.docstrings import keep_docstrings
from graphflow.system.libraries import TURNS
from graphflow.system.warning_filters import filtered
from graphflow.values.component import Component


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' notes on packages and configs and their loading bars off the screen; errors are still shown.

    Both belong to the process, so nobody else loads or computes meanwhile.
    """
    with TURNS.loading():
        keep_docstrings()
        from diffusers.utils import logging as diffusers_logging
        from transformers.utils import logging

        verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        other_verbosity = diffusers_logging.get_verbosity()
        logging.set_verbosity_error()
        diffusers_logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            diffusers_logging.set_verbosity(other_verbosity)
            if bars:
                logging.enable_progress_bar()


def import_libraries() -> None:
    """Import what loads and computes at once: two threads that import parts of it would meet half-made modules."""
    with quiet():
        import diffusers.image_processor  # noqa: F401


def load(component: Component) -> Any:
    """Load a component in its precision onto its device, from safetensors only.

    Nobody else in this process loads or computes meanwhile.

    Raises:
        FileProblem: its class is not one that can be loaded, or its files cannot be read.
        MemoryError, RuntimeError, OSError: the memory does not suffice; as torch or Python raised it.
    """
    placed = component.spec
    if not isinstance(placed, Placed):
        why = f"{component.label or component.identity} does not say where its files are"
        raise DefinitionError(f"this engine cannot load components of this kind: {why}; give the Engine a loader")
    files = placed.files
    if files.model is None:
        why = "no model family of the catalog has it"
        raise FileProblem(f"{component.label} is of the class {files.class_name}, which is not known: {why}")
    try:
        with quiet():
            return _model(placed, files.model) if files.model.kind == "model" else _small(files, files.model)
    except Exception as error:
        # Of a file that is laid out otherwise the libraries raise errors of any type, tokenizers a bare Exception.
        if is_out_of_memory(error):
            error.add_note(f"while the {component.label} was loaded")
            raise
        raise FileProblem(f"{component.label} cannot be loaded: {error}") from error


def _small(files: ComponentFiles, model: ModelClass) -> Any:
    """What has no weights: a tokenizer, a processor, a scheduler."""
    if model.load is not None:
        return model.load(files, None)
    more = {"trust_remote_code": False} if model.library == "transformers" else {}
    return _class(model).from_pretrained(files.folder, local_files_only=True, **more)


def _class(model: ModelClass) -> Any:
    return getattr(importlib.import_module(model.library), model.name)


def _model(placed: Placed, model: ModelClass) -> Any:
    import torch

    if placed.device != "cpu" and not torch.cuda.is_available():
        raise ValueError(f"this torch ({torch.__version__}) cannot use {placed.device}; choose the device cpu")
    files, dtype = placed.files, getattr(torch, placed.dtype)
    if model.load is not None:
        loaded = model.load(files, dtype)
    elif isinstance(files, FilePart):
        loaded = _model_of_file(files, _class(model), dtype)
    else:
        # Models of diffusers have no such argument, and never run code of a checkpoint.
        own_code = {"trust_remote_code": False} if model.library == "transformers" else {}
        loaded, told = _class(model).from_pretrained(
            files.folder, dtype=dtype, variant=files.variant, use_safetensors=True, local_files_only=True,
            output_loading_info=True, **own_code,
        )  # fmt: skip
        _require_whole(model, told)
    if placed.loras:
        _lay_over(loaded, placed)
    return loaded.to(placed.device).eval()


def _require_whole(model: ModelClass, told: Mapping[str, Any]) -> None:
    """Refuse a model with weights that no file gave: the libraries make them up, at random, and only log it.

    Args:
        model: its class.
        told: what `from_pretrained` says of its loading, of both libraries.

    Raises:
        ValueError: a tensor is missing or of another shape, or a layer of the file has no place in the model.
    """
    missing = [name for name in told["missing_keys"] if not model.never_reads(name)]
    other = [name if isinstance(name, str) else name[0] for name in told["mismatched_keys"]]
    surplus = [name for name in told["unexpected_keys"] if model.owns(name)]
    for names, what in ((missing, "are missing"), (other, "have another shape"), (surplus, "are not in its config")):
        if names:
            raise ValueError(f"{len(names)} of its tensors {what}, such as {min(names)}")
    if told["error_msgs"]:
        raise ValueError(str(told["error_msgs"][0]))


def _model_of_file(files: FilePart, class_: Any, dtype: Any) -> Any:
    """A model of a single file, with exactly the tensors that its class has, under the names of its class."""
    from accelerate import init_empty_weights
    from safetensors import safe_open

    with safe_open(files.folder, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in files.stored}
    config = dict(files.config)
    with init_empty_weights():
        if files.library == "diffusers":
            model = class_.from_config(config)
        else:
            model = class_(class_.config_class.from_dict(config))
    try:
        own = {name: tensor.to(dtype) for name, tensor in converted(tensors, files, model).items()}
    except KeyError as error:
        raise ValueError(f"{files.folder.name} has no tensor {error}") from error
    model.load_state_dict(own, strict=True, assign=True)
    return model


def converted(tensors: dict[str, Any], files: FilePart, model: Any) -> dict[str, Any]:
    """The tensors as diffusers converts them when it reads a single file."""
    from diffusers.loaders import single_file_utils as convert

    if files.library == "diffusers":
        converter = "convert_ldm_vae_checkpoint" if files.role == "vae" else "convert_ldm_unet_checkpoint"
        found: dict[str, Any] = getattr(convert, converter)(tensors, config=files.config)
        return found
    if any(name.startswith(f"{files.prefix}transformer.") for name in tensors):
        found = convert.convert_open_clip_checkpoint(model, tensors, prefix=files.prefix)
    else:
        found = {without(files.prefix, name): tensor for name, tensor in tensors.items()}
    # Since transformers 5 the encoder without a projection has no `text_model` around its layers.
    around = "text_model." if hasattr(model, "text_model") else ""
    return {
        name if name.startswith("text_projection") else f"{around}{name.removeprefix('text_model.')}": tensor
        for name, tensor in found.items()
    }


def _lay_over(model: Any, placed: Placed) -> None:
    """Add the LoRAs of a component to it, as pipelines do it; nobody else has this module, so nobody else sees them.

    Source: load_lora_weights of StableDiffusionLoraLoaderMixin and of SDXL's, and set_adapters.

    Raises:
        ValueError: a LoRA is for another model.
    """
    from diffusers.loaders.lora_base import set_adapters_for_text_encoder

    names, scales = [f"lora_{number}" for number in range(len(placed.loras))], [lora.scale for lora in placed.loras]
    for name, lora in zip(names, placed.loras, strict=True):
        try:
            # That there are several is what the document says.
            with filtered("ignore", UserWarning, message="Already found a `peft_config`"):
                _lay_one_over(model, placed, lora, name)
        except (ValueError, RuntimeError, IndexError, KeyError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ValueError(f"the LoRA {lora.path.name} does not fit it: {first}") from error
    if placed.files.role == "unet":
        model.set_adapters(names, scales)
    else:
        set_adapters_for_text_encoder(names, model, scales)


def _lay_one_over(model: Any, placed: Placed, lora: Lora, name: str) -> None:
    from diffusers.loaders import StableDiffusionLoraLoaderMixin, StableDiffusionXLLoraLoaderMixin

    role = placed.files.role
    # SDXL's UNet reads sizes beside the text; its LoRAs may use the names of the original code.
    xl = role == "text_encoder_2" or (role == "unet" and model.config.get("addition_embed_type") == "text_time")
    mixin = StableDiffusionXLLoraLoaderMixin if xl else StableDiffusionLoraLoaderMixin
    more = {"unet_config": model.config} if xl and role == "unet" else {}
    weights, alphas, metadata = mixin.lora_state_dict(
        str(lora.path), local_files_only=True, use_safetensors=True, return_lora_metadata=True, **more
    )
    given = {"network_alphas": alphas, "adapter_name": name, "metadata": metadata}
    if role == "unet":
        mixin.load_lora_into_unet(weights, unet=model, **given)
    else:
        mixin.load_lora_into_text_encoder(weights, text_encoder=model, prefix=role, **given)
