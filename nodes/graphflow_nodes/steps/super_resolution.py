"""The step that paints a picture at four times its size."""

from __future__ import annotations

import copy
from types import SimpleNamespace

from graphflow.catalog.authoring import Context, step
from graphflow.values.latent_space import LatentSpace
from graphflow.values.raster import Image
from graphflow.values.sampling import Sampling
from graphflow.values.tensor_values import Conditioning, Latents
from graphflow_nodes.steps.conditioning import arguments_of
from graphflow_nodes.steps.pipeline import call


@step(version=1)
def sample_beside_picture(
    positive: list[Conditioning],
    image: Image,
    context: Context,
    negative: list[Conditioning] | None = None,
    *,
    sampling: Sampling,
) -> Latents:
    """Sample latents from noise, by a denoiser that also reads a picture: one cell for each of its pixels.

    Args:
        positive, negative: texts, as each of the family's encoders reads them.
        image: the picture; the pipeline adds noise of the level in `sampling` to it.
        sampling: the pipeline and its settings.
    """
    arguments = {**sampling.settings, "image": image.pil(), **arguments_of(positive, negative, sampling)}
    parts = {
        "vae": _Described(sampling.space),
        # The class moves the scheduler's tensors to the device of the call, and borrowed components must not change.
        "low_res_scheduler": copy.deepcopy(context.borrow("low_res_scheduler")),
    }
    return Latents(call(sampling, context, parts=parts, output_type="latent", **arguments), sampling.space)


class _Described:
    """Stands for the VAE, of which only the config is read while latents are sampled.

    The pipeline's constructor changes the scaling factor of the VAE that it is given, which other stages may use.
    """

    def __init__(self, space: LatentSpace) -> None:
        levels = space.factor.bit_length()
        self.config = SimpleNamespace(
            scaling_factor=space.scaling_factor, latent_channels=space.channels, block_out_channels=(1,) * levels
        )
