"""The steps of a stage after its texts, and the result of its plan function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from graphflow.catalog.authoring import Batchable, Planned, Step, Workspace
from graphflow.problems import Fault
from graphflow.values.component import Component
from graphflow.values.facts import Facts
from graphflow.values.sampling import Sampling
from graphflow_nodes.planning.batching import decode_batch, sample_batch
from graphflow_nodes.planning.control_rules import nets
from graphflow_nodes.planning.request import Request
from graphflow_nodes.planning.texts import Texts
from graphflow_nodes.planning.workspace import decode_workspace, most_of, sample_workspace
from graphflow_nodes.steps.sample import paint_crop


def sample_step(
    request: Request, texts: Texts, ports: Iterable[str] = (), *, encodes: bool = False, **settings: Any
) -> Step:
    """The step that samples latents.

    Args:
        request: of the stage.
        texts: of the stage.
        ports: those of `image` and `mask` that the stage reads.
        encodes: whether it encodes pictures.
        settings: further arguments of the call, such as width and height if there is no picture.
    """
    ports, spec = tuple(ports), request.spec
    size = request.image.size if "image" in ports else (settings.get("width"), settings.get("height"))
    sampling = sampling_of(request, settings, vae=encodes or spec.reads_vae, sized=spec.sized and "image" in ports)
    uses = request.use(request.family.denoiser, *spec.borrows) | (request.vae if sampling.vae else {})
    return Step(
        "sample",
        spec.sample,
        _inputs(request, texts, ports),
        {"sampling": sampling},
        ("latents",),
        uses | _nets(request),
        sample_batch(request, sampling, ports, size or (None, None)),
    )


def crop_step(request: Request, texts: Texts, **settings: Any) -> Step:
    """The step that paints the surroundings of a mask's white part and pastes them back."""
    sampling = sampling_of(request, settings, vae=True)
    uses = request.use(request.family.denoiser) | request.vae | _nets(request)
    inputs = _inputs(request, texts, ("image", "mask"))
    alone = Batchable(why_not="padding_mask_crop cuts out and pastes back one picture")
    size = (settings.get("width"), settings.get("height"))
    # The class encodes, samples and decodes the part that it crops.
    parts = (
        sample_workspace(request, size, encoded=size, nets=len(_nets(request))),
        decode_workspace(request.checkpoint, request.latents, size),
    )
    return Step("paint", paint_crop, inputs, {"sampling": sampling}, ("image",), uses, alone, most_of(parts))


def _nets(request: Request) -> dict[str, Component]:
    return nets(request.checkpoint, request.facts)


def _inputs(request: Request, texts: Texts, ports: tuple[str, ...]) -> dict[str, str | tuple[str, ...]]:
    if request.spec.control:
        ports = (*ports, "control")
    return {**texts.inputs, **{port: port for port in ports}}


def sampling_of(request: Request, settings: Mapping[str, Any], *, vae: bool, sized: bool = False) -> Sampling:
    """How the stage samples.

    Args:
        request: of the stage.
        settings: further arguments of the call.
        vae: whether the class needs the VAE.
        sized: whether the call has the size of `image`.
    """
    spec = request.spec
    flags = {flag: request.flag(flag) for flag in dict.fromkeys(spec.if_flag.values())}
    return Sampling(
        denoiser=request.family.denoiser,
        scheduler=request.sampler.choice if request.sampler else None,
        space=request.made,
        seed=request.params["seed"],
        settings={**{name: request.value(name) for name in spec.defaults if name not in spec.before}, **settings},
        pipeline=spec.pipeline,
        flags={**spec.flags, **flags},
        vae=vae,
        vae_argument=request.latents.vae,
        sized=sized,
        beside=spec.beside and request.image.word == "latents",
        control=spec.control,
        readout=request.family.readout,
        joined=request.family.joined,
        guided=request.guided,
        zeros=request.zeros,
        noise=request.noise_left,
    )


def answer(
    request: Request, texts: Texts, sample: Step, size: tuple[int | None, int | None], faults: Iterable[Fault]
) -> Planned:
    """The stage's texts, `sample`, then `decode`, with the facts of its outputs."""
    noise = request.noise_left
    outputs = {
        "image": Facts(*size, request.made if noise is None else None),
        "latents": Facts(*size, request.made, word="latents", noise=noise),
    }
    problems = (*faults, *texts.faults, *_noisy_picture(request))
    sample = replace(sample, memory=_sampling_memory(request, sample, size))
    return Planned(outputs, problems=problems, steps=(*texts.steps, sample, _decode(request, size)))


def _sampling_memory(request: Request, sample: Step, size: tuple[int | None, int | None]) -> Workspace:
    """What the sampling step needs; it encodes a picture that it reads if it borrows the VAE."""
    encodes = "vae" in sample.uses and "image" in sample.inputs and request.image.word != "latents"
    encoded = (request.image.width, request.image.height) if encodes else None
    return sample_workspace(request, size, encoded=encoded, nets=len(_nets(request)))


def _noisy_picture(request: Request) -> Iterator[Fault]:
    end = request.split("denoising_end")
    if end is not None and "image" in request.wanted:
        why = f"denoising stops at {end:g} of the steps"
        fix = "read .latents with a refiner, or remove denoising_end"
        yield Fault("the picture is noisy", why, fix, "denoising_end", "noisy-picture")


def _decode(request: Request, size: tuple[int | None, int | None]) -> Step:
    """The step that decodes the latents of `sample`, by the rule of the class that sampled."""
    inputs = {"latents": "sample.latents"}
    memory = decode_workspace(request.checkpoint, request.latents, size)
    vae = request.checkpoint.components[request.latents.vae].class_name
    if around := request.spec.decode_around.get(vae):
        inputs |= {"image": "image", "mask": "mask"}
        alone = Batchable(why_not="the decoder also reads the picture and the mask")
        return Step("decode", around, inputs, {}, ("image",), request.vae, alone, memory)
    batch = decode_batch(request, size)
    decode = request.spec.decode or request.latents.decode
    return Step("decode", decode, inputs, {}, ("image",), request.vae, batch, memory)
