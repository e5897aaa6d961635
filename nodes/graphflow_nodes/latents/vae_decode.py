"""vae_decode: a picture from latents."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Planned, SizeOf, Step, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow.values.tensor_values import Latents
from graphflow.values.value import Image
from graphflow_nodes.planning.stage import Stage
from graphflow_nodes.steps.vae import decode


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    stage = Stage("vae_decode", facts, params, checkpoints["checkpoint"])
    if not stage.known():
        return stage.refused()
    stage.check_latents(facts["latents"], "latents")
    step = Step("decode", decode, {"latents": "latents"}, stage.rule(), ("image",), stage.use("vae"))
    size = Facts(facts["latents"].width, facts["latents"].height)
    return Planned({"image": size}, problems=tuple(stage.faults), steps=(step,))


@node(version=1, environment="torch", plan=_plan)
def vae_decode(
    latents: Annotated[Latents, Doc("Of the checkpoint's own latent space.")],
    *,
    checkpoint: Annotated[Checkpoint, Doc("Whose VAE decodes.")],
) -> Annotated[Image, SizeOf("latents"), Doc("The picture; a stage's own .image is the same and is merged with it.")]:
    """Decode latents with a checkpoint's VAE, as the Stable Diffusion classes do after sampling."""
    raise AssertionError("it runs as its step")
