"""The pool's loader: it loads a component from its files; weights are read nowhere else."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.model_class import ModelClass
from graphflow.checkpoints.placed import AddedWords, Placed
from graphflow.checkpoints.single_file import FilePart
from graphflow.checkpoints.tensor_storage import Stored
from graphflow.errors import DefinitionError, FileProblem
from graphflow.execute.out_of_memory import is_out_of_memory
from graphflow.system.docstrings import keep_docstrings
from graphflow.system.gc_pause import importing
from graphflow.system.library_turns import TURNS
from graphflow.system.run_options import RunOptions
from graphflow.system.warning_filters import filtered
from graphflow.values.component import Component

_MOST_SIZES = 256
"""Sizes for which a compiled model gets code."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hide the libraries' remarks on packages and configs, and their progress bars; errors are still shown.

    These settings belong to the whole process, so no other thread loads or computes meanwhile.
    """
    with TURNS.loading():
        keep_docstrings()
        with importing():
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
    """Import the libraries in one go: threads that each import a part could see half-initialized modules."""
    with quiet(), importing():
        import diffusers.image_processor  # noqa: F401


def load(component: Component) -> Any:
    """Load a component in its precision onto its device, from safetensors only.

    No other thread of this process loads or computes meanwhile.

    Raises:
        FileProblem: its class cannot be loaded, or its files cannot be read.
        MemoryError, RuntimeError, OSError: there is not enough memory; as raised by torch or Python.
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
            return _model(placed, files.model) if files.model.kind == "model" else _small(placed, files.model)
    except Exception as error:
        # For a file with another layout, the libraries raise errors of any type; tokenizers raises a bare Exception.
        if is_out_of_memory(error):
            error.add_note(f"while the {component.label} was loaded")
            raise
        raise FileProblem(f"{component.label} cannot be loaded: {error}") from error


def _small(placed: Placed, model: ModelClass) -> Any:
    """Load a component without weights: a tokenizer, a processor or a scheduler."""
    loaded = _plain(placed.files, model)
    if placed.words is not None:
        placed.words.target.add(loaded, None, dict.fromkeys(placed.words.tokens))
    return loaded


def _plain(files: ComponentFiles, model: ModelClass) -> Any:
    if model.load is not None:
        return model.load(files, None)
    more = {"trust_remote_code": False} if model.library == "transformers" else {}
    return _class(model).from_pretrained(files.folder, local_files_only=True, **more)


def _class(model: ModelClass) -> Any:
    if not model.library:
        raise ValueError(f"the class {model.name} names neither a library nor a function that loads it")
    # These packages import a class's module when the class is asked for.
    with importing():
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
        # Models of diffusers have no such argument; they never run code from a checkpoint.
        own_code = {"trust_remote_code": False} if model.library == "transformers" else {}
        loaded, loading_info = _class(model).from_pretrained(
            files.folder, dtype=dtype, variant=files.variant, use_safetensors=True, local_files_only=True,
            output_loading_info=True, **own_code,
        )  # fmt: skip
        _require_whole(model, loading_info)
    if placed.words is not None:
        _add_words(loaded, placed.words)
    if placed.loras:
        _lay_over(loaded, placed)
    _set_options(loaded, placed.options)
    if placed.options.offload == "group":
        return _in_groups(loaded.eval(), placed.device)
    return loaded.to(placed.device).eval()


def move(component: Component, model: Any, *, away: bool) -> None:
    """Move a loaded component to the CPU's memory, or back to its device."""
    if isinstance(component.spec, Placed) and component.spec.files.weights:
        model.to("cpu" if away else component.spec.device)


def _in_groups(model: Any, device: str) -> Any:
    """Let each layer of a model be moved to the device when it computes, and back.

    Without streams: with them, the layers keep copies of their weights, which a change of precision does not reach.
    """
    import torch
    from diffusers.hooks import apply_group_offloading

    apply_group_offloading(
        model, onload_device=torch.device(device), offload_device=torch.device("cpu"), offload_type="leaf_level"
    )
    return model


def _set_options(model: Any, options: RunOptions) -> None:
    """Give a model its run options; no component without them shares this module."""
    if options.attention == "eager":
        model.set_default_attn_processor()
    elif options.attention == "xformers":
        model.enable_xformers_memory_efficient_attention()
    if options.vae_tiling:
        model.enable_tiling()
    if options.compile:
        _compile(model)


def _compile(model: Any) -> None:
    """Have a model compiled at its first call; it keeps its class, unlike the result of `torch.compile(model)`.

    Every size gets code of its own, so that results do not depend on the sizes of earlier calls: code for all sizes
    computes other bits, and torch runs a model uncompiled if it would have to compile it too often.
    """
    import torch

    own = {"isolate_recompiles": True, "recompile_limit": _MOST_SIZES}
    known = inspect.signature(torch.compile).parameters  # earlier versions of torch lack these
    model.compile(dynamic=False, **{name: value for name, value in own.items() if name in known})


def _require_whole(model: ModelClass, loading_info: Mapping[str, Any]) -> None:
    """Refuse a model if weights are missing from its files: the libraries only log this, and use random numbers.

    Args:
        model: its class.
        loading_info: as returned by `from_pretrained` of either library.

    Raises:
        ValueError: a tensor is missing or has another shape, or the model does not have a layer that the file has.
    """
    missing = [name for name in loading_info["missing_keys"] if not model.never_reads(name)]
    other = [name if isinstance(name, str) else name[0] for name in loading_info["mismatched_keys"]]
    surplus = [name for name in loading_info["unexpected_keys"] if model.owns(name)]
    for names, what in ((missing, "are missing"), (other, "have another shape"), (surplus, "are not in its config")):
        if names:
            raise ValueError(f"{len(names)} of its tensors {what}, such as {min(names)}")
    if loading_info["error_msgs"]:
        raise ValueError(str(loading_info["error_msgs"][0]))


def _model_of_file(files: FilePart, model: ModelClass, dtype: Any) -> Any:
    """Load a model from a single file; it has exactly the tensors of its class, under the names of its class."""
    from accelerate import init_empty_weights
    from safetensors import safe_open

    class_ = _class(model)
    config = dict(files.config)
    with init_empty_weights():
        if model.library == "diffusers":
            loaded = class_.from_config(config)
        else:
            loaded = class_(class_.config_class.from_dict(config))
    # Names are compared in the same way as by check; the model's own name of a tensor may have another prefix.
    places = {model.canonical(name): name for name in loaded.state_dict()}
    own: dict[str, Any] = {}
    with safe_open(files.folder, "pt") as opened:
        for name, stored in files.stored.items():
            pieces = _pieces(opened.get_tensor(name).to(dtype), stored)
            if absent := [target for target in files.names[name] if target not in places]:
                raise ValueError(f"{model.name} has no tensor {absent[0]}")
            own |= {places[target]: piece for target, piece in zip(files.names[name], pieces, strict=True)}
    loaded.load_state_dict(own, strict=True, assign=True)
    return loaded


def _pieces(tensor: Any, stored: Stored) -> tuple[Any, ...]:
    """Split or reshape a tensor of a file into the tensors of its component."""
    if stored is Stored.THIRDS:
        return tuple(piece.clone() for piece in tensor.chunk(3))
    if stored is Stored.TRANSPOSED:
        return (tensor.T.contiguous(),)
    return (tensor[:, :, 0, 0],) if stored is Stored.CELL else (tensor,)


def _add_words(model: Any, added: AddedWords) -> None:
    """Add the vectors of words to a text encoder; no other component shares this module."""
    from safetensors import safe_open

    vectors: dict[str, Any] = {}
    for words in added.words:
        with safe_open(words.file.path, "pt") as opened:
            tensor = opened.get_tensor(words.tensor)
        vectors |= zip(words.tokens, tensor.reshape(len(words.tokens), -1), strict=True)
    if added.tokenizer.model is None:
        raise ValueError(f"the class {added.tokenizer.class_name} of its tokenizer is not known")
    added.target.add(_plain(added.tokenizer, added.tokenizer.model), model, vectors)


def _lay_over(model: Any, placed: Placed) -> None:
    """Add its LoRAs to a component, in the same way as pipelines; no other component shares this module.

    Raises:
        ValueError: a LoRA is for another model, or LoRAs of this component are not supported.
    """
    from diffusers.loaders.lora_base import set_adapters_for_text_encoder

    if placed.target is None:
        raise ValueError("no model family says how its LoRAs are applied")
    names, scales = [f"lora_{number}" for number in range(len(placed.loras))], [lora.scale for lora in placed.loras]
    for name, lora in zip(names, placed.loras, strict=True):
        try:
            # The document lists several LoRAs, so this warning is expected.
            with filtered("ignore", UserWarning, message="Already found a `peft_config`"):
                placed.target.apply(model, lora.file.path, name)
        except (ValueError, RuntimeError, IndexError, KeyError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ValueError(f"the LoRA {lora.file.path.name} does not fit it: {first}") from error
    if hasattr(model, "set_adapters"):  # models of diffusers
        model.set_adapters(names, scales)
    else:
        set_adapters_for_text_encoder(names, model, scales)
