"""The step that turns texts and pictures into an image embedding, of a stage or of a node of its own."""

from __future__ import annotations

from typing import Any

from graphflow.catalog.authoring import Step
from graphflow.errors import DefinitionError
from graphflow.values.embedding_space import EmbeddingSpace
from graphflow_nodes.planning.request import Request
from graphflow_nodes.planning.workspace import prior_workspace


def space_of_prior(request: Request) -> EmbeddingSpace:
    """The space of the embeddings that a prior makes."""
    parts = request.checkpoint.components
    return EmbeddingSpace(parts["image_encoder"].identity, int(parts["image_encoder"].full_config["projection_dim"]))


def prior_step(request: Request, *, goes_on: bool = False, weights: tuple[float, ...] | None = None) -> Step:
    """The step that makes an image embedding.

    Args:
        request: of the stage `image_prior` of a prior's family.
        goes_on: whether a stage continues with its generator.
        weights: of the prompt, if there is one, and of each picture; None without pictures.
    """
    if request.sampler is None:
        raise DefinitionError(f"{request.family.name} has no scheduler, and its prior needs one")
    ports = [port for port in ("prompt", "negative_prompt", "images") if port in request.facts]
    roles = ["prior", "text_encoder", "tokenizer"]
    if "negative_prompt" not in ports or "images" in ports:
        roles.append("image_encoder")
    if "images" in ports:
        roles.append("image_processor")
    params: dict[str, Any] = {
        "seed": request.params["seed"],
        **{name: request.value(name) for name in request.spec.defaults},
        "scheduler": request.sampler.choice,
        "space": space_of_prior(request),
        "goes_on": goes_on,
        "weights": weights,
    }
    inputs = {port: port for port in ports}
    return Step(
        "prior", request.spec.sample, inputs, params, ("image_embedding",), request.use(*roles),
        memory=prior_workspace(request),
    )  # fmt: skip
