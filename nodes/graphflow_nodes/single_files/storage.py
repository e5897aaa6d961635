"""How the original layout stores tensors: unchanged, joined, transposed, or as convolutions."""

from __future__ import annotations

from graphflow.checkpoints.model_class import Shape
from graphflow.checkpoints.tensor_storage import Stored


def storage_of(name: str, own: tuple[str, ...], shape: Shape) -> Stored:
    """How a tensor of a file is stored.

    Args:
        name: name in the file.
        own: names of the component's tensors that it contains.
        shape: in the file.
    """
    if len(own) == 3:
        return Stored.THIRDS
    if name.endswith(".text_projection"):
        return Stored.TRANSPOSED
    # The attention layers of the original VAE are convolutions of one cell.
    attends = ".mid_block.attentions." in own[0] and own[0].startswith(("encoder.", "decoder."))
    return Stored.CELL if attends and len(shape) == 4 and shape[2:] == (1, 1) else Stored.PLAIN
