"""Values as plain JSON data, for records."""

from __future__ import annotations

from typing import Any

from graphflow.check.literals import Picture
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.record.home_paths import home_relative
from graphflow.values.any_value import digest_of
from graphflow.values.file import File
from graphflow.values.value_types import value_word


def plain(value: Any) -> Any:
    """A value as JSON data; see `RunRecord` for values that JSON cannot hold."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, Picture):
        return plain(value.file)
    if isinstance(value, File):
        return {"kind": "file", "path": home_relative(value.path), "sha256": value.digest}
    if isinstance(value, Checkpoint):
        path = "" if value.path is None else home_relative(value.path)
        return {"kind": "checkpoint", "name": value.name, "path": path, "details": value.details.to_json()}
    return {"kind": value_word(value) or type(value).__name__, "digest": digest_of(value)}
