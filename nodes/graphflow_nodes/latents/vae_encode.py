"""vae_encode: encode a picture into latents."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Planned, Seed, Step, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow.values.tensor_values import Latents
from graphflow_nodes.planning.checkpoint_rules import codec_of
from graphflow_nodes.planning.size_rules import size_faults
from graphflow_nodes.planning.workspace import encode_workspace


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    checkpoint, image = checkpoints["checkpoint"], facts["image"]
    rules, refusal = codec_of("vae_encode", checkpoint)
    if rules is None:
        return refusal
    space = rules.space(checkpoint.components)
    problems = tuple(size_faults(rules, space, checkpoint.name, (image.width, image.height), ("image", "image")))
    settings = {"space": space, "seed": params["seed"]}
    uses = {"vae": checkpoint.component(rules.vae)}
    memory = encode_workspace(checkpoint, rules, (image.width, image.height))
    step = Step("encode", rules.encode, {"image": "image"}, settings, ("latents",), uses, memory=memory)
    output = Facts(image.width, image.height, space, word="latents")
    return Planned({"latents": output}, problems=problems, steps=(step,))


@node(version=2, environment="torch", plan=_plan)
def vae_encode(
    image: Annotated[Image, Doc("A picture whose sides are multiples of the VAE's factor.")],
    *,
    checkpoint: Annotated[Checkpoint, Doc("The checkpoint whose VAE encodes.")],
    seed: Annotated[Seed, Doc("Seed of the sample from the VAE's posterior.")],
) -> Annotated[Latents, Doc("Latents, scaled as stages take them.")]:
    """Encode a picture with a checkpoint's VAE, sampling from its posterior.

    The sample has a generator of its own. A stage that takes the picture itself samples from the stage's generator
    before its noise, so the two ways give different pictures for the same seed.
    """
    raise AssertionError("it runs as its step")
