"""image_prior: what a picture is to show, as the embedding of a picture."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Le, Planned, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.problems import Fault
from graphflow.text_helpers.words import counted
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow.values.tensor_values import ImageEmbedding
from graphflow_nodes.families.default_texts import usual
from graphflow_nodes.planning.checkpoint_rules import not_here, requested
from graphflow_nodes.planning.image_prior import prior_step, space_of_prior
from graphflow_nodes.planning.stage_params import Guidance, Steps
from graphflow_nodes.planning.stage_params import Seed as StageSeed
from graphflow_nodes.planning.stage_rules import stage_faults

_OUTPUT = "image_embedding"


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    checkpoint = checkpoints["checkpoint"]
    if checkpoint.family is not None and checkpoint.family.prior is not None:
        if checkpoint.prior is None:
            why = f"it is {checkpoint.family.name}, and no prior of it is known"
            fix = "name a prior, or write prior: ./other beside its source under checkpoints"
            return Planned(problems=(Fault(f"{checkpoint.name} has no prior", why, fix, "checkpoint"),))
        checkpoint = checkpoint.prior
    if checkpoint.kind == "hub":
        return not_here(checkpoint, (_OUTPUT,))
    # The class has no such param.
    settings = {name: value for name, value in params.items() if name != "weights"}
    request = requested("image_prior", facts, settings, checkpoint, wanted)
    if isinstance(request, Planned):
        return request
    problems = (*stage_faults(request), *_faults_of_means(facts, params))
    items = len(facts["images"].items or ()) if "images" in facts else 0
    weights = _weights(params, items + ("prompt" in facts)) if items else None
    output = Facts(space=space_of_prior(request), word=_OUTPUT)
    return Planned({_OUTPUT: output}, problems=problems, steps=(prior_step(request, weights=weights),))


def _weights(params: Mapping[str, Any], items: int) -> tuple[float, ...]:
    return tuple(params["weights"]) if params["weights"] is not None else (1 / items,) * items


def _faults_of_means(facts: Mapping[str, Facts], params: Mapping[str, Any]) -> Iterator[Fault]:
    """No prompt and no picture, or a number of weights that differs from theirs."""
    text, images = "prompt" in facts, facts["images"].items if "images" in facts else ()
    if images is None:
        why = "their weights are computed before the run"
        yield Fault("the items of images are not known before the run", why, "write the list out: [$a, $b]", "images")
    elif not images and not text:
        yield Fault("there is nothing to embed", "neither prompt nor images is given", "give one of them")
    elif params["weights"] is not None and not images:
        why = "a prompt alone is not weighted"
        yield Fault("weights cannot be used without images", why, "remove weights, or give images", "weights")
    elif params["weights"] is not None and len(params["weights"]) != len(images) + text:
        of = f"{'prompt and ' if text else ''}{counted(len(images), 'picture')}"
        why = f"{counted(len(params['weights']), 'weight')} for {of}"
        fix = f"write {counted(len(images) + text, 'weight')}, that of the prompt first"
        yield Fault("the number of weights is wrong", why, fix, "weights")


@node(version=1, environment="torch", plan=_plan, usual=usual("image_prior"))
def image_prior(
    prompt: Annotated[str | None, Doc("What to show.")] = None,
    negative_prompt: Annotated[
        str | None, Doc("What not to show; if it is not given, the embedding of a black picture.")
    ] = None,
    images: Annotated[list[Image] | None, Doc("Pictures whose embeddings are mixed with that of the prompt.")] = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("A prior of Kandinsky 2.2, or a decoder that names one.")],
    weights: Annotated[
        list[Annotated[float, Ge(-10), Le(10)]] | None,
        Doc("With images: of the prompt, if there is one, then of each picture; equal if they are not given."),
    ] = None,
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
    seed: StageSeed,
) -> Annotated[ImageEmbedding, Doc("For the prompt of a stage with a decoder of Kandinsky 2.2.")]:
    """Make the embedding of a picture from a text, from pictures, or from both, for Kandinsky 2.2.

    A stage whose prompt is a text does this itself and continues with the same generator; this node has a generator of
    its own, so the picture differs at the same seed. Equal, byte for byte, to diffusers'
    KandinskyV22PriorPipeline, with images to its `interpolate`, with the same components, parameters and CPU generator.
    """
    raise AssertionError("it runs as its step")
