"""What a record says about how its run was called."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphflow.errors import InvalidValue
from graphflow.record.recorded_run import RecordedRun
from graphflow.record.run_record import RunRecord


def test_an_option_that_this_version_does_not_have_is_refused() -> None:
    record = RunRecord.model_validate(
        {"graphflow": "9", "document": {"text": ""}, "compute": {"device": "cpu", "options": {"warp": True}}}
    )
    with pytest.raises(InvalidValue, match="used the option warp"):
        RecordedRun(Path("run.json"), record).compute()


def test_options_and_threads_are_the_recorded_ones() -> None:
    compute = {"device": "cpu", "dtype": "bfloat16", "options": {"attention": "eager", "vae_tiling": True}}
    record = RunRecord.model_validate(
        {"graphflow": "1", "document": {"text": ""}, "compute": compute, "environment": {"threads": 3}}
    )
    used = RecordedRun(Path("run.json"), record).compute()
    assert (used.device, used.dtype, used.threads) == ("cpu", "bfloat16", 3)
    assert (used.options.attention, used.options.vae_tiling) == ("eager", True)
    assert RecordedRun(Path("run.json"), record).compute(threads=1, dtype="float32").threads == 1


def test_a_picture_of_a_run_in_batches_is_made_with_all_others() -> None:
    made = {"output": "image", "kind": "image", "digest": "0"}
    outputs = []
    for options in ({}, {"batch": 1}, {"batch": 4}, {"batch": "auto"}):
        record = RunRecord.model_validate(
            {"graphflow": "1", "document": {"text": ""}, "made": made, "compute": {"device": "cpu", "options": options}}
        )
        outputs.append(RecordedRun(Path("image.png"), record).only())
    assert outputs == [["image"], ["image"], [], []]
