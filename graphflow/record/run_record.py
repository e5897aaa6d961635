"""run.json as a pydantic model: the graph, its values, the environment and the results; read by `RunRecord.load`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError

from graphflow.errors import FileProblem
from graphflow.record.exif_pictures import read_comment
from graphflow.record.names import RUN_JSON
from graphflow.record.png import read_text
from graphflow.record.record_parts import (
    ComponentRecord,
    ComputeRecord,
    DocumentRecord,
    EnvironmentRecord,
    LoadRecord,
    MadeRecord,
    NodeRecord,
    OutputRecord,
    Part,
    PicturesRecord,
    ProcessRecord,
    RepositoryRecord,
    StepRecord,
)
from graphflow.system.files import open_regular
from graphflow.values.picture_files import format_of

FORMAT = 1
MAX_BYTES = 64 * 2**20
"""A record with more bytes than this is not read."""

_READERS = {"PNG": read_text, "JPEG": read_comment, "WebP": read_comment}
"""The functions that read the record in a picture of each format."""

_RECORDED = "name a picture, a run.json or the folder of a run"


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


class RunRecord(Part):
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
        pictures: the call's settings for the files of pictures.
        made: in a picture's record, what the picture shows; otherwise None.
        environment: other facts on which its bytes depend.
        process: how memory was allocated and threads waited; None for a run without torch.
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
    process: ProcessRecord | None = None
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
            raise _not_a_record(source) from error


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
                    why = "another program wrote it, or the run had the option --no-metadata"
                    raise FileProblem(f"{source} contains no record of a run", why=why, fix=_RECORDED)
                return text
            handle.seek(0)
            content = handle.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        why, fix = ("so its folder is not that of a run", _RECORDED) if source.name == RUN_JSON else ("", "")
        raise FileProblem(f"{source} does not exist", "file-missing", why=why, fix=fix) from error
    except OSError as error:
        raise FileProblem(f"{source} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise FileProblem(f"{source} has more than {MAX_BYTES:,} bytes, too many for a record of a run")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _not_a_record(source) from error


def _not_a_record(source: Path) -> FileProblem:
    fix = f"run a graph with: graphflow run {source}" if source.suffix in (".yaml", ".yml") else _RECORDED
    return FileProblem(f"{source} is not a record of a run", fix=fix)
