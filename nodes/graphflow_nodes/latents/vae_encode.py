"""vae_encode: latents from a picture."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Planned, Seed, Step, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow.values.tensor_values import Latents
from graphflow.values.value import Image
from graphflow_nodes.planning.stage import Stage
from graphflow_nodes.steps.vae import encode


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    stage = Stage("vae_encode", facts, params, checkpoints["checkpoint"])
    if not stage.known():
        return stage.refused()
    image = facts["image"]
    stage.check_size(image.width, image.height, ("image", "image"))
    settings = {"space": stage.space.to_json(), "seed": params["seed"], **stage.rule()}
    step = Step("encode", encode, {"image": "image"}, settings, ("latents",), stage.use("vae"))
    output = Facts(image.width, image.height, stage.space, word="latents")
    return Planned({"latents": output}, problems=tuple(stage.faults), steps=(step,))


@node(version=1, environment="torch", plan=_plan)
def vae_encode(
    image: Annotated[Image, Doc("Both sides a multiple of the VAE's factor.")],
    *,
    checkpoint: Annotated[Checkpoint, Doc("Whose VAE encodes.")],
    seed: Annotated[Seed, Doc("Decides the draw from the VAE's posterior.")],
) -> Annotated[Latents, Doc("Scaled, as stages take them.")]:
    """Encode a picture with a checkpoint's VAE, drawing from its posterior.

    The draw comes from a generator of its own. A stage that is given the picture itself draws from its own
    generator, before its noise, so the two ways give different pictures at one seed.
    """
    raise AssertionError("it runs as its step")
