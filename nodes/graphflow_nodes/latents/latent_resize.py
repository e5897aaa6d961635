"""latent_resize: resize latents without decoding them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from graphflow.catalog.authoring import Doc, Ge, Gt, Le, Planned, Step, node
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.latent_space import LatentSpace
from graphflow.values.tensor_values import Latents
from graphflow_nodes.planning.pixel_limit import too_large
from graphflow_nodes.steps.latent_resize import cells_after, resize_latents


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Any],
    wanted: frozenset[str],
) -> Planned:
    latents = facts["latents"]
    faults = [*_size_faults(params)]
    if isinstance(latents.space, LatentSpace) and latents.noise is not None:
        why = f"its denoising stopped at {latents.noise.fraction:g}, and the noise of neighbouring cells would be mixed"
        fix = "resize after the refiner, or let the first stage paint at this size"
        faults.append(Fault("{sender} is noisy, and noise cannot be resized", why, fix, "latents", "latent-noise"))
    output = Facts(space=latents.space, word="latents")
    sides = {name: params[name] for name in ("scale", "width", "height")}
    if not faults and isinstance(latents.space, LatentSpace):
        factor = latents.space.factor
        faults += _cell_faults(params, factor)
        if latents.size is not None:
            before = latents.size[0] // factor, latents.size[1] // factor
            width, height = (factor * side for side in cells_after(before, factor, **sides))
            faults += too_large(width, height)
            output = Facts(width, height, latents.space, word="latents")
    step = Step("resize", resize_latents, {"latents": "latents"}, {**sides, "method": params["method"]}, ("latents",))
    return Planned({"latents": output}, problems=tuple(faults), steps=(step,))


def _size_faults(params: Mapping[str, Any]) -> Iterator[Fault]:
    sides = [name for name in ("width", "height") if params[name] is not None]
    if params["scale"] is not None and sides:
        message = f"the size is given twice, by scale and by {' and '.join(sides)}"
        yield Fault(message, fix="give one of them", about="scale")
    elif params["scale"] is None and not sides:
        yield Fault("no size is given", fix="write scale, or width or height")


def _cell_faults(params: Mapping[str, Any], factor: int) -> Iterator[Fault]:
    for side in ("width", "height"):
        value = params[side]
        if value is not None and value % factor:
            near = sorted({max(factor, value // factor * factor), (value // factor + 1) * factor})
            why = f"a cell of these latents stands for {factor} pixels"
            fix = f"write {' or '.join(map(str, near))}"
            yield Fault(f"the {side} {value} is not a multiple of {factor}", why, fix, side)


@node(version=1, environment="torch", plan=_plan)
def latent_resize(
    latents: Annotated[Latents, Doc("Latents without noise.")],
    *,
    scale: Annotated[float | None, Gt(0), Le(16), Doc("Factor for both sides; rounded to whole cells.")] = None,
    width: Annotated[int | None, Ge(1), Doc("Pixels; without height, proportions are kept.")] = None,
    height: Annotated[int | None, Ge(1), Doc("Pixels; without width, proportions are kept.")] = None,
    method: Annotated[
        Literal["nearest", "bilinear", "bicubic"], Doc("How the values between cells are computed.")
    ] = "bicubic",
) -> Annotated[Latents, Doc("Latents in the same space, for an img2img that repaints the details.")]:
    """Resize latents without decoding them.

    Unlike a resized picture, the result is blurred or coarse when it is decoded: repaint it with img2img, at a strength
    of about one half. The node `upscale` doubles latents with a model instead.
    """
    raise AssertionError("it runs as its step")
