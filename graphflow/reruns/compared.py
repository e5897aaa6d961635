"""Whether the outputs of a repeated run equal the recorded ones: their values, and the bytes of their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphflow.compare.differences import Difference
from graphflow.execute.result import Result
from graphflow.record.folder_claim import digest_of_file
from graphflow.record.names import output_file
from graphflow.record.recorded_run import RecordedRun
from graphflow.record.run_record import RunRecord
from graphflow.system.files import read_start
from graphflow.values.any_value import digest_of
from graphflow.values.picture_files import format_of, read_picture
from graphflow.values.raster import Image, Mask


@dataclass(frozen=True, slots=True)
class ComparedOutput:
    """An output of a repeated run beside the recorded one.

    Attributes:
        output: name of the output.
        item: index of the item that is compared, if it is one of a list.
        equal: whether the values are equal: of a picture, all pixels. None if the record has no value.
        same_file: whether the bytes of its files are equal too; None if one of them was not written.
        why: why it is not equal, or not compared.
    """

    output: str
    item: int | None
    equal: bool | None
    same_file: bool | None = None
    why: str = ""

    @property
    def name(self) -> str:
        """`image`, or `images[3]` for an item of a list."""
        return self.output if self.item is None else f"{self.output}[{self.item}]"


@dataclass(frozen=True)
class Rerun:
    """A repeated run beside the recorded one.

    Attributes:
        result: of the repeated run.
        outputs: each output beside the recorded one; of a picture only its own.
        differences: the differences from the recorded run, besides the results; not all of them can change bytes.
        picture_changed: whether somebody changed the picture's pixels after the recorded run wrote them.
    """

    result: Result
    outputs: tuple[ComparedOutput, ...]
    differences: tuple[Difference, ...] = ()
    picture_changed: bool = False

    @property
    def equal(self) -> bool:
        """Whether the values of all compared outputs equal the recorded ones, and there is at least one."""
        compared = [output.equal for output in self.outputs if output.equal is not None]
        return bool(compared) and all(compared)


@dataclass(frozen=True)
class Expected:
    """The outputs of a recorded run, read before it is repeated.

    Attributes:
        run: the recorded run.
        picture_digest: sha256 of the picture's file; empty for a run.json.
        pixels: digest of the picture's pixels, as a value of its type; empty if they are not known.
    """

    run: RecordedRun
    picture_digest: str = ""
    pixels: str = ""

    @classmethod
    def of(cls, run: RecordedRun) -> Expected:
        """Read the recorded outputs.

        Raises:
            FileProblem: the picture cannot be read.
        """
        if not run.is_picture:
            return cls(run)
        return cls(run, digest_of_file(run.path), _pixels(run))

    @property
    def changed(self) -> bool:
        """Whether somebody changed the pixels of the picture after the run wrote it."""
        recorded = self.run.record.made
        return bool(self.pixels and recorded is not None and recorded.digest and self.pixels != recorded.digest)

    def compare(self, result: Result, written: RunRecord | None) -> list[ComparedOutput]:
        """Compare the results of the repeated run.

        Args:
            result: of the repeated run.
            written: its record; None if it wrote no files.
        """
        if self.run.is_picture:
            return [self._picture(result, written)]
        return [self._output(name, result, written) for name in self.run.record.outputs if _asked(name, result)]

    def _picture(self, result: Result, written: RunRecord | None) -> ComparedOutput:
        made = self.run.made_by
        output, item = made.output, made.item
        value = result.outputs.get(output, result.partial.get(output))
        if item is not None:
            items = dict(enumerate(value)) if isinstance(value, tuple) else value
            value = items.get(item) if isinstance(items, dict) else None
        if value is None:
            return ComparedOutput(output, item, False, why=_absent(output, result))
        digest = made.digest or self.pixels
        equal = digest_of(value) == digest if digest else None
        file = None if written is None else _file_of(output, item, written)
        same = None if file is None else file == self.picture_digest
        return ComparedOutput(output, item, equal, same, "" if digest else "the record has no digest of its value")

    def _output(self, name: str, result: Result, written: RunRecord | None) -> ComparedOutput:
        recorded = self.run.record.outputs[name]
        if not recorded.digest:
            absent = name not in result.outputs and name not in result.partial
            return ComparedOutput(name, None, True if absent else None, why=recorded.why or "it was not made")
        value = result.outputs.get(name)
        if name in result.partial:
            value = tuple(item for _, item in sorted(result.partial[name].items()))
        if value is None:
            return ComparedOutput(name, None, False, why=_absent(name, result))
        same = None
        if written is not None and written.outputs[name].files and recorded.files:
            same = _digests(written, name) == _digests(self.run.record, name)
        return ComparedOutput(name, None, digest_of(value) == recorded.digest, same)


def _asked(name: str, result: Result) -> bool:
    return name in result.outputs or name in result.partial or name in result.absent


def _absent(name: str, result: Result) -> str:
    return result.absent.get(name, result.error or "it was not made")


def _digests(record: RunRecord, name: str) -> Mapping[str, str]:
    return {file: record.files.get(file, "") for file in record.outputs[name].files}


def _file_of(output: str, item: int | None, written: RunRecord) -> str | None:
    entry = written.outputs.get(output)
    for file in () if entry is None else entry.files:
        named = output_file(file)
        if named is not None and named.item == item:
            return written.files.get(file)
    return None


def _pixels(run: RecordedRun) -> str:
    """The digest of a picture's pixels as a value of its type; empty if the file doesn't hold them all."""
    kinds: dict[str, Any] = {"image": Image, "mask": Mask}
    if format_of(read_start(run.path, 16)) != "PNG":
        return ""
    picture = read_picture(run.path)
    kind = kinds.get(run.made_by.kind) if run.record.made is not None else _kind_of_mode(picture.mode)
    return "" if kind is None else str(kind.of(picture).digest)


def _kind_of_mode(mode: str) -> Any:
    return Mask if mode == Mask.mode else Image
