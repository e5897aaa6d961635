"""Models that enlarge pictures by themselves, such as ESRGAN, as the package spandrel loads them."""

from __future__ import annotations

from typing import Any

from graphflow.checkpoints.model_class import ModelClass


def _load(files: Any, dtype: Any) -> Any:
    """The model in a file, with its scale and its needs, in a dtype that its class can compute in.

    Raises:
        ValueError: spandrel does not know the model, or it needs a mask beside the picture.
    """
    import spandrel
    from safetensors.torch import load_file

    try:
        model = spandrel.ModelLoader().load_from_state_dict(load_file(files.folder))
    except spandrel.UnsupportedModelError as error:
        raise ValueError("spandrel does not know models with such tensors") from error
    if not isinstance(model, spandrel.ImageModelDescriptor):
        raise ValueError(f"{model.architecture.name} needs a mask beside the picture")
    try:
        return model.to(dtype)
    except spandrel.UnsupportedDtypeError:
        # It stays in the precision of its file.
        return model.float()


UPSCALING_MODEL = ModelClass("UpscalingModel", load=_load)
