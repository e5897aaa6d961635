"""vae_decode: decode latents into a picture."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Planned, SizeOf, Step, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow.values.tensor_values import Latents
from graphflow_nodes.planning.checkpoint_rules import codec_of
from graphflow_nodes.planning.latent_rules import clean_faults, space_faults
from graphflow_nodes.planning.workspace import decode_workspace


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    checkpoint, latents = checkpoints["checkpoint"], facts["latents"]
    rules, refusal = codec_of("vae_decode", checkpoint)
    if rules is None:
        return refusal
    space = rules.space(checkpoint.components)
    problems = (*space_faults(space, checkpoint.name, latents, "latents"), *clean_faults(latents, "latents"))
    uses = {"vae": checkpoint.component(rules.vae)}
    memory = decode_workspace(checkpoint, rules, (latents.width, latents.height))
    step = Step("decode", rules.decode, {"latents": "latents"}, {}, ("image",), uses, memory=memory)
    return Planned({"image": Facts(latents.width, latents.height)}, problems=problems, steps=(step,))


@node(version=2, environment="torch", plan=_plan)
def vae_decode(
    latents: Annotated[Latents, Doc("Latents in the checkpoint's latent space.")],
    *,
    checkpoint: Annotated[Checkpoint, Doc("The checkpoint whose VAE decodes.")],
) -> Annotated[Image, SizeOf("latents"), Doc("The picture; it equals the stage's own .image and is merged with it.")]:
    """Decode latents with a checkpoint's VAE, as the pipelines of its family do after sampling."""
    raise AssertionError("it runs as its step")
