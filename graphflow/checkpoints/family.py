"""A model family: what its checkpoints consist of, how they are recognised, and how its stages run.

A family is data and functions at the top of a module; torch and diffusers are imported inside these functions only.
Nothing else in graphflow names a family: a catalog holds those that a call may use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
        text_encoder, tokenizer: roles of the checkpoint; empty if the step needs none.
        encode: the step `encode(text, context, *, readout, encoder, clip_skip) -> Conditioning`. It borrows
            `text_encoder` and `tokenizer`, whatever the roles are called in the checkpoint.
        readout: what is read of the encoder, in words. Families that read the same encoder in the same way share
            encoded texts; a conditioning with another readout is refused.
    """

    text_encoder: str
    tokenizer: str
    encode: StepRun
    readout: str


@dataclass(frozen=True)
class LatentRules:
    """How pictures become latents on edges, and back.

    Attributes:
        space: returns the latent space of a checkpoint, from its parts.
        encode: the step `encode(image, context, *, space, seed) -> Latents`; it borrows `vae`.
        decode: the step `decode(latents, context) -> Image`; it borrows `vae`.
        vae: the role that both borrow.
        multiple: both sides of a picture must be a multiple of so many pixels, and of the space's cell.
    """

    space: Callable[[Parts], LatentSpace]
    encode: StepRun
    decode: StepRun
    vae: str = "vae"
    multiple: int = 1


@dataclass(frozen=True)
class StageSpec:
    """How a family runs a stage.

    Attributes:
        defaults: param → what the class takes if it is not given; equal to the class's signature. The default of
            `controlnet_conditioning_scale` stands for every control signal without a scale. Params without an entry
            are refused.
        sample: the step `sample(positive, context, negative, image, mask, control, *, sampling) -> Latents`. `positive`
            and `negative` are lists with a Conditioning for each of the family's text readers.
        pipeline: the diffusers class that `sample` calls; empty if it calls none.
        decode: the step that decodes what `sample` gives; None for that of the family's latents.
        decode_around: class of the VAE → step that decodes with the picture and the mask beside the latents.
        latents: whether the stage's `image` may be latents.
        samplers: classes of schedulers that it can use → setting → values that other stages refuse; empty if it can use
            all known ones.
        before: params that only the steps before `sample` read.
        beside: whether the class takes latents as `image` only beside themselves as `masked_image_latents`.
        reads_vae: whether the class reads a setting off the VAE even if it encodes nothing.
        sized: whether the class has `height` and `width`.
        normalised: whether the class uses the VAE's mean and deviation, if there are any.
        moves_steps: whether the class sets `steps_offset` of its scheduler to 1, whatever the checkpoint says.
        control: the argument that takes control pictures; empty if the class has none.
        flags: arguments of the class beside its components.
        if_flag: param → flag of the family without which the class doesn't read the param; the class is given the flag.
        rules: each `rule(request)` yields what the stage refuses; see `graphflow_nodes.planning.request`.
    """

    defaults: Mapping[str, Any]
    sample: StepRun
    pipeline: str = ""
    decode: StepRun | None = None
    decode_around: Mapping[str, StepRun] = field(default_factory=dict)
    latents: bool = False
    samplers: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    beside: bool = False
    reads_vae: bool = False
    sized: bool = False
    normalised: bool = True
    moves_steps: bool = False
    control: str = ""
    flags: Mapping[str, Any] = field(default_factory=dict)
    if_flag: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Callable[..., Iterable[Fault]], ...] = ()


@dataclass(frozen=True, eq=False)
class Family:
    """A kind of checkpoint.

    Attributes:
        name: as messages show it.
        pipelines: classes of pipelines in whose model_index.json it is recognised.
        has, lacks: roles by which families with the same pipeline class are told apart.
        parts: role → classes that it may be; all roles are needed.
        denoiser: the role that denoises.
        texts: its text encoders, in the order in which the denoiser reads them.
        joined: tensor of a conditioning → axis along which those of several encoders are joined; of other tensors the
            last encoder's counts.
        latents: its latent space; None if it makes no pictures, as priors do.
        stages: stage → how it runs; a name with `+control` is the stage with ControlNets, `refiner+mask` the refiner
            with a mask.
        flags: settings of the pipeline, if the checkpoint doesn't say them.
        adapters: classes of models that steer its stages and are checkpoints of their own, such as ControlNets.
        rules: `rules(name, parts)` yields what doesn't fit between the parts of the checkpoint `name`.
        own_size: returns (width, height) in pixels for which the checkpoint was trained; None if it doesn't say.
        distilled: whether the denoiser takes the guidance scale as an input, so that no negative text is read.
        reads_pixels: whether the denoiser reads a masked picture beside latents, as models for inpainting do.
        loras: what LoRA files may change.
        prior: the family of the checkpoints that turn a text into what its own read; None if it reads texts itself. A
            document names one, a checkpoint has its parts as `prior_ROLE` among its own, or its model card names it.
        read_prompt: `read_prompt(request)` returns the steps that read the prompt of a stage, as a
            `graphflow_nodes.planning.texts.Texts`; None for those of `texts`.
        single_files: how its checkpoints are read that are one file; None if they are folders only.
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
    prior: Family | None = None
    read_prompt: Callable[..., Any] | None = None
    single_files: SingleFiles | None = None

    @property
    def readout(self) -> str:
        """What conditionings of one kind have in common, so that they can be exchanged."""
        return " + ".join(dict.fromkeys(reader.readout for reader in self.texts))

    @property
    def classes(self) -> tuple[ModelClass, ...]:
        """The classes of its parts, of its prior's and of its adapters, each once."""
        parts = [one for classes in self.parts.values() for one in classes]
        parts += self.prior.classes if self.prior is not None else ()
        return tuple(dict.fromkeys((*parts, *self.adapters)))

    def recognises(self, pipeline: str, roles: Iterable[str]) -> bool:
        """Whether a checkpoint of this pipeline class, with these roles, is of the family."""
        known = set(roles)
        return pipeline in self.pipelines and known.issuperset(self.has) and known.isdisjoint(self.lacks)
