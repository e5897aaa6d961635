"""The step that makes the embedding of a picture from a text, or from texts and pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from graphflow.catalog.authoring import Context, step
from graphflow.values.embedding_space import EmbeddingSpace
from graphflow.values.raster import Image
from graphflow.values.sampling import SchedulerChoice
from graphflow.values.tensor_values import ImageEmbedding
from graphflow_nodes.steps.encode_text import warn_of_cut
from graphflow_nodes.steps.pipeline import class_named, new_scheduler


@step(version=1)
def embed(
    context: Context,
    prompt: str | None = None,
    negative_prompt: str | None = None,
    images: list[Image] | None = None,
    *,
    seed: int,
    num_inference_steps: int,
    guidance_scale: float,
    scheduler: SchedulerChoice,
    space: EmbeddingSpace,
    weights: list[float] | None = None,
    goes_on: bool = False,
) -> ImageEmbedding:
    """Make the embedding of a picture from a text, or from texts and pictures.

    Both texts are encoded and denoised here, in one batch, since the order of random draws decides the result.

    Args:
        prompt, negative_prompt: without a negative one, the embedding of a black picture takes its place.
        images: pictures whose embeddings are mixed with that of the prompt.
        weights: of the prompt, if there is one, and of each picture.
        goes_on: whether to return the generator's state, for a stage that continues with it.

    Source: KandinskyV22PriorPipeline.
    """
    roles = ["prior", "text_encoder", "tokenizer"]
    roles += ["image_encoder", "image_processor"] if images else ["image_encoder"] if negative_prompt is None else []
    pipe, generator = _pipeline(context, scheduler, roles), context.generator(seed)
    texts = [text for text in (prompt, negative_prompt) if text is not None]
    for text in texts:
        warn_of_cut(text, pipe.tokenizer, context)
    given = {"num_inference_steps": num_inference_steps, "guidance_scale": guidance_scale, "generator": generator}
    runs = 1 if not images else 1 if prompt is None else 2
    with _counted(pipe.prior, context, runs * num_inference_steps):
        if images:
            shown: list[Any] = [*([] if prompt is None else [prompt]), *(image.pil() for image in images)]
            made = pipe.interpolate(shown, list(weights or ()), negative_prompt=negative_prompt or "", **given)
        else:
            made = pipe(prompt or "", negative_prompt, **given)
    state = generator.get_state() if goes_on else None
    return ImageEmbedding(made.image_embeds, made.negative_image_embeds, space, state)


def _pipeline(context: Context, scheduler: SchedulerChoice, roles: Sequence[str]) -> Any:
    """The pipeline with a scheduler of its own; what the call does not need is None."""
    parts = {"image_encoder": None, "image_processor": None, **{role: context.borrow(role) for role in roles}}
    pipe = class_named("KandinskyV22PriorPipeline")(**parts, scheduler=new_scheduler(scheduler))
    pipe.set_progress_bar_config(disable=True)
    return pipe


@contextlib.contextmanager
def _counted(prior: Any, context: Context, steps: int) -> Iterator[None]:
    """Report each step of the prior; `interpolate` takes no callback."""
    done = count(1)
    watch = prior.register_forward_hook(lambda *_: context.progress(next(done), steps))
    try:
        yield
    finally:
        watch.remove()
