"""A model family: the parts of its checkpoints, how they are recognised, and how its stages run.

A family is defined by data and functions at the top level of a module; torch and diffusers are imported only inside
these functions. The engine does not name any family: a catalog lists those that a call may use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphflow.checkpoints.embedding import EmbeddingTarget
from graphflow.checkpoints.lora import LoraTarget
from graphflow.problems import Fault

if TYPE_CHECKING:
    from graphflow.checkpoints.components import ComponentFiles
    from graphflow.checkpoints.model_class import ModelClass
    from graphflow.checkpoints.single_file import SingleFiles
    from graphflow.values.latent_space import LatentSpace

    Parts = Mapping[str, ComponentFiles]

StepRun = Callable[..., Any]
"""A module-level function marked `@step`."""


def _no_faults(_name: str, _parts: Parts) -> Iterable[Fault]:
    return ()


def _never(_: Parts) -> bool:
    return False


@dataclass(frozen=True)
class TextReader:
    """One of the text encoders of a family.

    Attributes:
        text_encoder, tokenizer: roles of the checkpoint; empty if the step does not need one.
        encode: the step `encode(text, context, *, readout, encoder, clip_skip) -> Conditioning`. It borrows
            the roles `text_encoder` and `tokenizer`, even if they have other names in the checkpoint.
        readout: text that describes which output of the encoder is used. Families with the same encoder and readout
            share encoded texts; a conditioning with another readout is refused.
        weighted: the step `weighted(text, context, *, readout, encoder) -> Conditioning`, which encodes a text whose
            words have weights, in windows if it is long; None if the family has none.
    """

    text_encoder: str
    tokenizer: str
    encode: StepRun
    readout: str
    weighted: StepRun | None = None


@dataclass(frozen=True)
class LatentRules:
    """The conversion of pictures to latents on edges, and back.

    Attributes:
        space: returns the latent space of a checkpoint with these parts.
        encode: the step `encode(image, context, *, space, seed) -> Latents`; it borrows `vae`.
        decode: the step `decode(latents, context) -> Image`; it borrows `vae`.
        vae: the checkpoint's role that both steps borrow as `vae`.
        multiple: both sides of a picture, in pixels, must be multiples of this number, and of the cell of the space.
        upcasts: whether a VAE in half precision computes in float32 if its config requires it: a decoder in float16,
            an encoder also in bfloat16.
    """

    space: Callable[[Parts], LatentSpace]
    encode: StepRun
    decode: StepRun
    vae: str = "vae"
    multiple: int = 1
    upcasts: bool = False


@dataclass(frozen=True)
class StageSpec:
    """How a family runs a stage.

    Attributes:
        defaults: param → default value, equal to that in the signature of the class. The default of
            `controlnet_conditioning_scale` is used for every control signal without a scale. Params without an entry
            are refused.
        sample: the step `sample(positive, context, negative, image, mask, control, *, sampling) -> Latents`. `positive`
            and `negative` are lists with a Conditioning for each of the family's text readers.
        pipeline: the diffusers class that `sample` calls; empty if it calls none.
        decode: the step that decodes the result of `sample`; None for that of the family's latents.
        decode_around: class of the VAE → step that decodes latents together with the picture and the mask.
        latents: whether the stage's `image` may be latents.
        samplers: class of each scheduler that it can use → setting → values that only this stage accepts; empty if it
            can use all known schedulers.
        before: params that are only read by steps before `sample`.
        borrows: roles of further components that `sample` uses, besides the denoiser and the VAE.
        beside: whether latents as `image` must also be passed as `masked_image_latents`.
        reads_vae: whether the class reads a setting of the VAE even if it encodes nothing.
        sized: whether the class has the arguments `height` and `width`.
        normalised: whether the class uses the mean and standard deviation in the VAE's config, if there are any.
        moves_steps: whether the class always sets `steps_offset` of its scheduler to 1.
        control: name of the argument for control pictures; empty if the class has none.
        flags: arguments of the class besides its components.
        if_flag: param → flag of the family that the class needs to use the param; the flag is passed to the class.
        alone: why `sample` computes one picture at a time; empty if it has a form for several.
        rules: each `rule(request)` yields problems of the stage; see `graphflow_nodes.planning.request`.
    """

    defaults: Mapping[str, Any]
    sample: StepRun
    pipeline: str = ""
    decode: StepRun | None = None
    decode_around: Mapping[str, StepRun] = field(default_factory=dict)
    latents: bool = False
    samplers: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    borrows: tuple[str, ...] = ()
    beside: bool = False
    reads_vae: bool = False
    sized: bool = False
    normalised: bool = True
    moves_steps: bool = False
    control: str = ""
    flags: Mapping[str, Any] = field(default_factory=dict)
    if_flag: Mapping[str, str] = field(default_factory=dict)
    alone: str = ""
    rules: tuple[Callable[..., Iterable[Fault]], ...] = ()


@dataclass(frozen=True, eq=False)
class Family:
    """A kind of checkpoint.

    Attributes:
        name: name of the family in messages.
        pipelines: classes of pipelines, in model_index.json, by which it is recognised.
        has, lacks: roles that a checkpoint must have, or must not have; they distinguish families with the same
            pipeline class.
        parts: role → allowed classes; all roles are required.
        denoiser: the role that denoises.
        texts: its text encoders, in the order in which the denoiser reads them.
        joined: tensor of a conditioning → axis along which those of several encoders are concatenated; other tensors
            are taken from the last encoder.
        latents: rules for its latents; None if it makes no pictures, such as a prior.
        stages: stage → specification; a name with `+control` stands for the stage with ControlNets, `refiner+mask` for
            the refiner with a mask.
        flags: settings of the pipeline that are used if the checkpoint doesn't have them.
        adapters: classes of models that guide its stages and have checkpoints of their own, such as ControlNets.
        rules: `rules(name, parts)` yields problems if parts of the checkpoint `name` don't match each other.
        own_size: returns the (width, height) in pixels for which the checkpoint was trained; None if that is unknown.
        distilled: returns whether the guidance scale is an input of the denoiser, so that no negative text is used.
        reads_pixels: returns whether the denoiser also has a masked picture as input, as in models for inpainting.
        loras: the components that LoRA files may change.
        embeddings: the text encoders to which embeddings may add words.
        prior: the family of checkpoints that convert a text to the input of this family; None if it reads texts itself.
            A document names such a checkpoint, or a checkpoint contains its parts as `prior_ROLE`, or names it in its
            model card.
        read_prompt: `read_prompt(request)` returns the steps that read the prompt of a stage, as a
            `graphflow_nodes.planning.texts.Texts`; None for those of `texts`.
        single_files: reader for checkpoints that are a single file; None if all checkpoints are folders.
        part_settings: role → settings of a part of this family that a file with nothing but this part does not contain,
            such as the scaling factor of a VAE.
    """

    name: str
    pipelines: tuple[str, ...]
    parts: Mapping[str, tuple[ModelClass, ...]]
    denoiser: str
    texts: tuple[TextReader, ...]
    latents: LatentRules | None
    stages: Mapping[str, StageSpec]
    own_size: Callable[[Parts], tuple[int, int] | None]
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    joined: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[str, Any] = field(default_factory=dict)
    adapters: tuple[ModelClass, ...] = ()
    rules: Callable[[str, Parts], Iterable[Fault]] = _no_faults
    distilled: Callable[[Parts], bool] = _never
    reads_pixels: Callable[[Parts], bool] = _never
    loras: tuple[LoraTarget, ...] = ()
    embeddings: tuple[EmbeddingTarget, ...] = ()
    prior: Family | None = None
    read_prompt: Callable[..., Any] | None = None
    single_files: SingleFiles | None = None
    part_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def readout(self) -> str:
        """The readouts of all text encoders; conditionings with equal readouts are interchangeable."""
        return " + ".join(dict.fromkeys(reader.readout for reader in self.texts))

    @property
    def classes(self) -> tuple[ModelClass, ...]:
        """The classes of its parts, of the parts of its prior and of its adapters, without duplicates."""
        parts = [class_ for classes in self.parts.values() for class_ in classes]
        parts += self.prior.classes if self.prior is not None else ()
        return tuple(dict.fromkeys((*parts, *self.adapters)))

    def recognises(self, pipeline: str, roles: Iterable[str]) -> bool:
        """Whether a checkpoint with this pipeline class and these roles belongs to the family."""
        known = set(roles)
        return pipeline in self.pipelines and known.issuperset(self.has) and known.isdisjoint(self.lacks)
