"""The parts of run.json as pydantic models: where models run, the environment, components, nodes, steps, outputs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

StepState = Literal["waiting", "running", "done", "cached", "failed", "not_run", "cancelled"]


class Part(BaseModel):
    """A part of a record, or the whole of it."""

    # A later version may add fields to the same format.
    model_config = ConfigDict(extra="ignore")


class ComputeRecord(Part):
    """Where models run: the device, and precision and threads, None if the call does not set them.

    A quota of a container sets the threads, too.

    Attributes:
        options: name → value of every run option, as used.
        replaced: option that the machine does not support, as the call gave it → what was used instead.
        tiled: paths of the steps whose VAE worked in tiles because memory was short.
    """

    device: str
    dtype: str | None = None
    threads: int | None = None
    options: dict[str, JsonValue] = Field(default_factory=dict)
    replaced: dict[str, str] = Field(default_factory=dict)
    tiled: list[str] = Field(default_factory=list)


class EnvironmentRecord(Part):
    """Facts besides the graph on which a run's bytes depend; without torch, only `versions` and `platform`.

    Attributes:
        versions: of graphflow, Python and the libraries that it may have used.
        platform: system, kind of processor and C library.
        device: as torch names it.
        device_name: the name of the GPU or the processor.
        dtypes: the precisions of the components.
        threads: the actual number of torch's threads on a CPU; None before torch is imported.
        cpu_capability: the vector instructions that torch uses.
        variables: environment variables that change results, if they are set.
        settings: torch's settings.
    """

    versions: dict[str, str] = Field(default_factory=dict)
    platform: str = ""
    device: str = ""
    device_name: str = ""
    dtypes: list[str] = Field(default_factory=list)
    threads: int | None = None
    cpu_capability: str = ""
    variables: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, JsonValue] = Field(default_factory=dict)


class ProcessRecord(Part):
    """How the process of a run allocated memory and let threads wait, which does not change results.

    Attributes:
        malloc: the parameters of glibc's malloc that were set while models ran, by name; empty if none were.
        malloc_untuned: the reason why none could be set; empty if they were, or if the call did not want it.
        variables: environment variables about allocation and waiting threads that were in effect.
    """

    malloc: dict[str, int] = Field(default_factory=dict)
    malloc_untuned: str = ""
    variables: dict[str, str] = Field(default_factory=dict)


class RepositoryRecord(Part):
    """A repository of the model hub that the run uses files of, `owner/name`, and the commit that these are of."""

    name: str
    commit: str


class ComponentRecord(Part):
    """A component that the run uses, or the sampler of a node.

    Attributes:
        label: its name in messages, such as `unet of embedded/sd` or `sampler of fill`.
        digest: of its weights, config and class; it depends on neither precision nor device.
        loras: digest of each LoRA that is added to it.
        embeddings: digest, tensor and words of each embedding that is added to it.
    """

    label: str
    digest: str
    loras: list[str] = Field(default_factory=list)
    embeddings: list[str] = Field(default_factory=list)

    @property
    def content(self) -> tuple[str, ...]:
        """The digests of the component and of everything that is added to it."""
        return (self.digest, *self.loras, *self.embeddings)


class PicturesRecord(Part):
    """The call's settings for the files of pictures.

    Attributes:
        format: `png`, `jpeg` or `webp`; None if the call left it to the graph.
        quality: 1 to 100, of JPEG and WebP files; None if the call left it to the graph.
        metadata: whether they contain the record; meaningful in run.json only.
    """

    format: str | None = None
    quality: int | None = None
    metadata: bool = True


class MadeRecord(Part):
    """The value that a picture shows.

    Attributes:
        output: name of the output.
        item: its index, from 0, if the output is a list.
        kind: its type.
        digest: of the value: for images and masks, of their kind, size and pixels.
    """

    output: str
    item: int | None = None
    kind: str
    digest: str


class DocumentRecord(Part):
    """The graph as it was written.

    Attributes:
        text: YAML.
        file: the file it was read from: a name in `folder`, or a path relative to the folder in which the run was
            started; empty for a graph built in Python.
        folder: the folder to which its paths are relative; `~` stands for the home folder.
    """

    text: str
    file: str = ""
    folder: str = ""


class NodeRecord(Part):
    """A node with templates and `for_each` expanded.

    Attributes:
        params: name → value, defaults included.
        inputs: port → source of its value.
        place: `file:line:column` of the node.
        used: `file:line:column as path` of each template around it, innermost first.
    """

    path: str
    type: str
    params: dict[str, JsonValue] = Field(default_factory=dict)
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    cache: bool = True
    place: str = ""
    used: list[str] = Field(default_factory=list)


class UseRecord(Part):
    """A component that a step uses."""

    role: str
    identity: str
    label: str = ""


class StepRecord(Part):
    """The state of a step.

    Attributes:
        node: path of its node.
        also: paths of equal steps that were merged into it.
        seconds: 0 for a step that was not executed.
        batch: number of steps in the call that computed it.
        savings: the measures that saved memory for it, in the order in which they were taken: `eviction`, `vae_tiling`,
            `offload model`, `offload group`.
        why: the reason why it was not run.
        problem: the reason why it failed, in the form of `check --json`.
        warnings: warnings that it gave while it ran, in the same form.
        traceback: traceback of the Python exception behind the problem.
    """

    path: str
    node: str
    type: str
    state: StepState = "waiting"
    seconds: float = 0.0
    batch: int = 1
    also: list[str] = Field(default_factory=list)
    uses: list[UseRecord] = Field(default_factory=list)
    savings: list[str] = Field(default_factory=list)
    why: str = ""
    problem: dict[str, JsonValue] | None = None
    warnings: list[dict[str, JsonValue]] = Field(default_factory=list)
    traceback: str = ""


class OutputRecord(Part):
    """An output of the graph.

    Attributes:
        files: names in the run's folder.
        kind: its type; empty until it is ready.
        digest: of the value, not of the files.
        items: number of items, if it is a list.
        missing: index of each missing item of a list, from 0 → reason; the other items keep their indices.
        why: the reason why it is absent or incomplete, or why one of its files could not be written.
    """

    files: list[str] = Field(default_factory=list)
    kind: str = ""
    digest: str = ""
    items: int | None = None
    missing: dict[int, str] = Field(default_factory=dict)
    why: str = ""


class LoadRecord(Part):
    """A component that was loaded in the run."""

    component: str
    nbytes: int
    seconds: float
