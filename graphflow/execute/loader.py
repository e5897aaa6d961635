"""The pool's loader: from a component's files to the loaded component; the one place where weights are read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from graphflow.check.components import ComponentFiles
from graphflow.errors import DefinitionError, FileProblem
from graphflow.marker import Component

LIBRARIES = {
    "AutoencoderKL": "diffusers",
    "UNet2DConditionModel": "diffusers",
    "CLIPTextModel": "transformers",
    "CLIPTokenizer": "transformers",
    "CLIPTokenizerFast": "transformers",
}
"""The classes that can be loaded: a checkpoint's files name one of these, and never code to import."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' notes on optional packages and its loading bars off the screen; errors are still shown."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def load(component: Component) -> Any:
    """Load a component in float32 onto the CPU, from safetensors only.

    Raises:
        FileProblem: its class is not one that can be loaded, or its files cannot be read.
    """
    files = component.spec
    if not isinstance(files, ComponentFiles):
        why = f"{component.label or component.identity} does not say where its files are"
        raise DefinitionError(f"this engine cannot load components of this kind: {why}; give the Engine a loader")
    library = LIBRARIES.get(files.class_name)
    if library is None:
        known = ", ".join(LIBRARIES)
        raise FileProblem(f"{component.label} is of the class {files.class_name}; the classes known are {known}")
    try:
        with quiet():
            return _tokenizer(files) if "Tokenizer" in files.class_name else _model(files, library)
    except (OSError, ValueError, RuntimeError) as error:
        raise FileProblem(f"{component.label} cannot be loaded: {error}") from error


def _model(files: ComponentFiles, library: str) -> Any:
    import importlib

    import torch

    class_ = getattr(importlib.import_module(library), files.class_name)
    model = class_.from_pretrained(
        files.folder, dtype=torch.float32, variant=files.variant, use_safetensors=True, local_files_only=True
    )
    return model.eval()


def _tokenizer(files: ComponentFiles) -> Any:
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(files.folder, local_files_only=True)
