"""run.json as a pydantic model: the graph, its values, the environment and the results; read by `RunRecord.load`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from graphflow.errors import FileProblem
from graphflow.record.exif_pictures import read_comment
from graphflow.record.names import RUN_JSON
from graphflow.record.png import read_text
from graphflow.system.files import open_regular
from graphflow.values.picture_files import format_of

FORMAT = 1
MAX_BYTES = 64 * 2**20
"""A record with more bytes than this is not read."""

_READERS = {"PNG": read_text, "JPEG": read_comment, "WebP": read_comment}
"""The functions that read the record in a picture of each format."""


_RECIPE = frozenset(
    {
        "format",
        "graphflow",
        "name",
        "description",
        "seed",
        "document",
        "only",
        "inputs",
        "nodes",
        "compute",
        "environment",
        "repositories",
        "components",
        "functions",
        "pictures",
    }
)

State = Literal["running", "done", "failed", "cancelled", "error"]
StepState = Literal["waiting", "running", "done", "cached", "failed", "not_run", "cancelled"]


class _Part(BaseModel):
    # A later version may add fields to the same format.
    model_config = ConfigDict(extra="ignore")


class ComputeRecord(_Part):
    """Where models run: the device, and precision and threads, None if the call does not set them.

    Attributes:
        options: name → value of every run option, as used.
        replaced: option that the machine cannot do, as the call gave it → what was used instead.
    """

    device: str
    dtype: str | None = None
    threads: int | None = None
    options: dict[str, JsonValue] = Field(default_factory=dict)
    replaced: dict[str, str] = Field(default_factory=dict)


class EnvironmentRecord(_Part):
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


class RepositoryRecord(_Part):
    """A repository of the model hub that the run uses files of, `owner/name`, and the commit that these are of."""

    name: str
    commit: str


class ComponentRecord(_Part):
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
        """The digests of everything in it."""
        return (self.digest, *self.loras, *self.embeddings)


class PicturesRecord(_Part):
    """What the call said about the files of pictures; None for what it left to the graph.

    Attributes:
        metadata: whether they contain the record; meaningful in run.json only.
    """

    format: str | None = None
    quality: int | None = None
    metadata: bool = True


class MadeRecord(_Part):
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


class DocumentRecord(_Part):
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


class NodeRecord(_Part):
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


class UseRecord(_Part):
    """A component that a step uses."""

    role: str
    identity: str
    label: str = ""


class StepRecord(_Part):
    """The state of a step.

    Attributes:
        node: path of its node.
        also: paths of equal steps that were merged into it.
        seconds: 0 for a step that was not executed.
        batch: number of steps in the call that computed it.
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
    why: str = ""
    problem: dict[str, JsonValue] | None = None
    warnings: list[dict[str, JsonValue]] = Field(default_factory=list)
    traceback: str = ""


class OutputRecord(_Part):
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


class LoadRecord(_Part):
    """A component that was loaded in the run."""

    component: str
    nbytes: int
    seconds: float


class RunRecord(_Part):
    """A run: everything that is needed to repeat it, and its results.

    Values are plain JSON; a value that JSON cannot hold is a map with `kind`: a file (`path`, `sha256`), a
    checkpoint (`name`, `path`, `details`), another node's output (`node`, `output`, and `item` for an item of a
    list), text made of `parts`, an absent value (`why`), a value given in Python (`digest`).

    Attributes:
        format: version of this file's format.
        graphflow: version that ran it.
        state: `running` in a picture's record, and if the run was killed; `error` if something other than a step
            ended the run.
        error: that error; empty in every other state.
        started: None in a picture's record, so that equal runs write equal files.
        command: the command line, if there was one.
        only: the requested outputs; empty for all.
        skipped: path of a node that is not in the plan → reason.
        files: name → sha256 of every file in the folder that this run or an earlier one wrote, except run.json.
        earlier: files of earlier runs that are still in the folder.
        replaced: files that existed before and that the run replaced with other bytes.
        removed: outputs of earlier runs that the run removed.
        compute: where its models run; None if it has no models.
        repositories: of the model hub, by name.
        components: the components and samplers that it uses, in the order of the steps.
        functions: name of each function that its steps call → its version, and for one that is not graphflow's a digest
            of its source.
        pictures: the call's choice of a format for pictures.
        made: in a picture's record, what the picture shows; otherwise None.
        environment: other facts on which its bytes depend.
        peak_memory_bytes: the most memory that the process ever used; None if the system does not report it.
    """

    format: int = FORMAT
    graphflow: str
    name: str = ""
    description: str = ""
    state: State = "running"
    error: str = ""
    started: datetime | None = None
    seconds: float | None = None
    seed: int = 0
    command: list[str] | None = None
    document: DocumentRecord
    only: list[str] = Field(default_factory=list)
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    outputs: dict[str, OutputRecord] = Field(default_factory=dict)
    steps: list[StepRecord] = Field(default_factory=list)
    nodes: list[NodeRecord] = Field(default_factory=list)
    skipped: dict[str, str] = Field(default_factory=dict)
    loads: list[LoadRecord] = Field(default_factory=list)
    compute: ComputeRecord | None = None
    repositories: list[RepositoryRecord] = Field(default_factory=list)
    components: list[ComponentRecord] = Field(default_factory=list)
    functions: dict[str, str] = Field(default_factory=dict)
    pictures: PicturesRecord = Field(default_factory=PicturesRecord)
    made: MadeRecord | None = None
    environment: EnvironmentRecord = Field(default_factory=EnvironmentRecord)
    peak_memory_bytes: int | None = None
    files: dict[str, str] = Field(default_factory=dict)
    earlier: list[str] = Field(default_factory=list)
    replaced: list[str] = Field(default_factory=list)
    removed: list[str] = Field(default_factory=list)

    def to_json(self) -> str:
        """The text of run.json."""
        return _json(self, indent=1) + "\n"

    def recipe(self) -> str:
        """Everything needed to repeat the run, as JSON on one line."""
        return _json(self, include=set(_RECIPE))

    @classmethod
    def load(cls, path: Path) -> RunRecord:
        """Read a record from run.json, from its folder, or from a picture that was written with metadata.

        Raises:
            FileProblem: there is no record, or it cannot be read; the message gives the reason.
        """
        source = path / RUN_JSON if path.is_dir() else path
        text = _record_text(source)
        try:
            data: Any = json.loads(text)
            version = data.get("format") if isinstance(data, dict) else None
            if isinstance(version, int) and version > FORMAT:
                raise FileProblem(f"{source} is a record of format {version}; this graphflow reads {FORMAT}")
            return cls.model_validate(data)
        except (ValidationError, ValueError, RecursionError) as error:
            raise FileProblem(f"{source} is not a record of a run") from error


def _json(model: BaseModel, *, indent: int | None = None, include: set[str] | None = None) -> str:
    """The model as JSON, with escapes for bytes of file names that are not UTF-8."""
    try:
        return model.model_dump_json(indent=indent, include=include)
    except ValueError:  # PydanticSerializationError
        data = model.model_dump(mode="json", include=include)
        text = json.dumps(data, indent=indent, ensure_ascii=False, separators=None if indent else (",", ":"))
        return text.encode("utf-8", "backslashreplace").decode()


def _record_text(source: Path) -> str:
    try:
        with open_regular(source) as handle:
            if read := _READERS.get(format_of(handle.read(16))):
                text = read(source)
                if text is None:
                    raise FileProblem(f"{source} contains no record of a run; it was written without metadata")
                return text
            handle.seek(0)
            content = handle.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise FileProblem(f"{source} does not exist", "file-missing") from error
    except OSError as error:
        raise FileProblem(f"{source} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise FileProblem(f"{source} has more than {MAX_BYTES:,} bytes, too many for a record of a run")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise FileProblem(f"{source} is not a record of a run") from error
