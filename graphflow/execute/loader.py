"""The pool's loader: from a component's files to the loaded component; the one place where weights are read."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.components import ComponentFiles, Placed
from graphflow.checkpoints.model_class import ModelClass
from graphflow.checkpoints.single_file import FilePart
from graphflow.checkpoints.tensor_storage import Stored
from graphflow.errors import DefinitionError, FileProblem
from graphflow.execute.out_of_memory import is_out_of_memory
from graphflow.system.docstrings import keep_docstrings
from graphflow.system.library_turns import TURNS
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
    if not model.library:
        raise ValueError(f"the class {model.name} names neither a library nor a function that loads it")
    return getattr(importlib.import_module(model.library), model.name)


def _model(placed: Placed, model: ModelClass) -> Any:
    import torch

    if placed.device != "cpu" and not torch.cuda.is_available():
        raise ValueError(f"this torch ({torch.__version__}) cannot use {placed.device}; choose the device cpu")
    files, dtype = placed.files, getattr(torch, placed.dtype)
    if model.load is not None:
        loaded = model.load(files, dtype)
    elif isinstance(files, FilePart):
        loaded = _model_of_file(files, model, dtype)
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


def _model_of_file(files: FilePart, model: ModelClass, dtype: Any) -> Any:
    """A model of a single file, with exactly the tensors that its class has, under the names of its class."""
    from accelerate import init_empty_weights
    from safetensors import safe_open

    class_ = _class(model)
    config = dict(files.config)
    with init_empty_weights():
        if model.library == "diffusers":
            loaded = class_.from_config(config)
        else:
            loaded = class_(class_.config_class.from_dict(config))
    # Names are compared as check compares them; what the model calls a tensor itself may differ in a prefix.
    places = {model.canonical(name): name for name in loaded.state_dict()}
    own: dict[str, Any] = {}
    with safe_open(files.folder, "pt") as opened:
        for name, stored in files.stored.items():
            pieces = _pieces(opened.get_tensor(name).to(dtype), stored)
            if absent := [one for one in files.names[name] if one not in places]:
                raise ValueError(f"{model.name} has no tensor {absent[0]}")
            own |= {places[one]: piece for one, piece in zip(files.names[name], pieces, strict=True)}
    loaded.load_state_dict(own, strict=True, assign=True)
    return loaded


def _pieces(tensor: Any, stored: Stored) -> tuple[Any, ...]:
    """The tensors of a component that one of a file holds."""
    if stored is Stored.THIRDS:
        return tuple(piece.clone() for piece in tensor.chunk(3))
    if stored is Stored.TRANSPOSED:
        return (tensor.T.contiguous(),)
    return (tensor[:, :, 0, 0],) if stored is Stored.CELL else (tensor,)


def _lay_over(model: Any, placed: Placed) -> None:
    """Add the LoRAs of a component to it, as pipelines do it; nobody else has this module, so nobody else sees them.

    Raises:
        ValueError: a LoRA is for another model, or none change such a component.
    """
    from diffusers.loaders.lora_base import set_adapters_for_text_encoder

    if placed.target is None:
        raise ValueError("no model family says how its LoRAs are applied")
    names, scales = [f"lora_{number}" for number in range(len(placed.loras))], [lora.scale for lora in placed.loras]
    for name, lora in zip(names, placed.loras, strict=True):
        try:
            # That there are several is what the document says.
            with filtered("ignore", UserWarning, message="Already found a `peft_config`"):
                placed.target.apply(model, lora.path, name)
        except (ValueError, RuntimeError, IndexError, KeyError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ValueError(f"the LoRA {lora.path.name} does not fit it: {first}") from error
    if hasattr(model, "set_adapters"):  # models of diffusers
        model.set_adapters(names, scales)
    else:
        set_adapters_for_text_encoder(names, model, scales)
