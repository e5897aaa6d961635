"""A run downloads the files that it needs, and no others; broken downloads and wrong bytes are told."""

from __future__ import annotations

import errno
import threading
import time
from types import SimpleNamespace

import huggingface_hub.constants
import numpy as np
import pytest

import graphflow as gf
from graphflow.checkpoints import hub_client
from graphflow.execute.events import DownloadFinished, DownloadProgress, DownloadStarted, RunStarted
from tests.hub.standin import Stored
from tests.hub.test_facts import LIMIT

NAME = "owner/tiny-sd"
UNET = "unet/diffusion_pytorch_model.safetensors"


def weights_of(stored: Stored) -> set[str]:
    return {path for path in stored.files if path.endswith(".safetensors")}


def downloaded(hub) -> set[str]:
    """The weight files that were asked for as a whole."""
    files = [line.partition("/resolve/")[2].partition("/")[2] for line in hub.requests if line.startswith("HEAD")]
    return {file for file in files if file.endswith((".safetensors", ".bin"))}


def test_run_of_a_hub_name_downloads_its_files_and_paints_as_from_a_folder(hub, sd, graph, tiny):
    expected = gf.run(graph(tiny("sd")))["image"]
    assert gf.run(graph())["image"] == expected
    assert downloaded(hub) == weights_of(sd)


def test_the_second_run_asks_the_hub_nothing(hub, sd, graph):
    gf.run(graph())
    hub.forget()
    gf.run(graph())
    assert hub.requests == []


def test_parts_that_no_step_uses_are_not_downloaded(hub, sd, picture):
    made = gf.Graph()
    photo = made.input("photo", "image")
    made.output(latents=made.add("vae_encode", image=photo, checkpoint=NAME))
    gf.run(made, inputs={"photo": picture})
    assert downloaded(hub) == {"vae/diffusion_pytorch_model.safetensors"}


def test_files_that_are_never_read_are_not_downloaded(hub, sd, graph, tmp_path, tiny):
    sd.files |= {
        "safety_checker/config.json": b"{}",
        "safety_checker/model.safetensors": b"x" * 1000,
        "unet/diffusion_pytorch_model.bin": b"x" * 1000,
        "v1-5-pruned.safetensors": b"x" * 1000,
        "unet/diffusion_pytorch_model.non_ema.safetensors": b"x" * 1000,
    }
    expected = weights_of(Stored(tiny("sd")))
    gf.run(graph())
    assert downloaded(hub) == expected
    assert not any("safety_checker" in line for line in hub.requests)


def test_half_precision_needs_the_smaller_files_only(hub, sd, graph, tiny):
    sd.files |= Stored(tiny("sd_fp16")).files
    expected = gf.run(graph(tiny("sd_fp16"), dtype="float16"))["image"]
    assert gf.run(graph(dtype="float16"))["image"] == expected
    assert {".fp16." in file for file in downloaded(hub)} == {True}
    hub.forget()
    assert gf.run(graph())["image"] == gf.run(graph(tiny("sd")))["image"]
    assert {".fp16." in file for file in downloaded(hub)} == {False}
    hub.forget()
    # Both kinds are here: the usual one is read.
    assert gf.run(graph(dtype="float16"))["image"] == gf.run(graph(tiny("sd"), dtype="float16"))["image"]
    assert downloaded(hub) == set()


def test_the_variant_asked_for_is_downloaded_and_the_other_is_not(hub, graph, tiny):
    hub.stored[NAME] = both = Stored(tiny("sd"))
    both.files |= Stored(tiny("sd_fp16")).files
    expected = gf.run(graph(tiny("sd_fp16")))["image"]
    assert gf.run(graph(variant="fp16"))["image"] == expected
    assert {".fp16." in file for file in downloaded(hub)} == {True}


def test_a_variant_of_a_repository_that_is_here_without_it_is_downloaded(hub, graph, tiny):
    hub.stored[NAME] = both = Stored(tiny("sd"))
    both.files |= Stored(tiny("sd_fp16")).files
    plain = gf.run(graph())["image"]
    hub.forget()
    assert gf.run(graph(variant="fp16"))["image"] != plain
    assert {".fp16." in file for file in downloaded(hub)} == {True}


def test_a_variant_that_is_not_there_names_those_that_are(hub, graph, tiny):
    hub.stored[NAME] = both = Stored(tiny("sd"))
    both.files |= Stored(tiny("sd_fp16")).files
    (problem,) = graph(variant="fp32").check().problems
    assert (problem.code, problem.why) == ("checkpoint-broken", "it has fp16")


def test_downloads_are_told_as_events_before_the_run(hub, sd, graph):
    events = []
    gf.run(graph(), on_event=events.append)
    kinds = [type(event) for event in events]
    first = kinds.index(RunStarted)
    started = [event.file for event in events[:first] if isinstance(event, DownloadStarted)]
    ended = [event.file for event in events[:first] if isinstance(event, DownloadFinished)]
    assert set(started) == weights_of(sd)
    assert started == ended
    assert set(kinds[:first]) <= {DownloadStarted, DownloadProgress, DownloadFinished}


def test_a_download_that_breaks_off_ends_the_run_and_the_next_call_goes_on(hub, sd, graph, tiny):
    hub.broken[UNET] = 1
    with pytest.raises(gf.DownloadFailed, match="connection"):
        gf.run(graph())
    first = downloaded(hub)
    hub.forget()
    assert gf.run(graph())["image"] == gf.run(graph(tiny("sd")))["image"]
    # Files that came whole are not asked for again.
    assert downloaded(hub) & first == {UNET}
    assert downloaded(hub) | first == weights_of(sd)


def test_a_download_whose_connection_is_closed_goes_on_where_it_was(hub, sd, graph, tiny, monkeypatch):
    # A piece of ten megabytes, as it is otherwise, is kept only as a whole.
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 2**10)
    graph().check()
    hub.forget()
    hub.closed[UNET] = 1
    assert gf.run(graph())["image"] == gf.run(graph(tiny("sd")))["image"]
    assert 0 <= hub.sent[UNET] - len(sd.files[UNET]) < 2**10


def test_a_file_that_another_repository_has_is_not_downloaded_again(hub, sd, graph, tiny):
    expected = gf.run(graph())["image"]
    hub.stored["other/copy"] = Stored(tiny("sd"))
    hub.forget()
    assert gf.run(graph("other/copy"))["image"] == expected
    assert all(count <= LIMIT for count in hub.weights.values())


def test_wrong_bytes_are_downloaded_again(hub, sd, graph, tiny):
    hub.wrong[UNET] = 1
    assert gf.run(graph())["image"] == gf.run(graph(tiny("sd")))["image"]


def test_wrong_bytes_twice_are_refused_and_not_kept(hub, sd, graph):
    hub.wrong[UNET] = 2
    with pytest.raises(gf.DownloadFailed, match=f"wrong bytes came for {UNET} of owner/tiny-sd"):
        gf.run(graph())
    gf.run(graph())


def test_a_run_can_be_cancelled_while_it_downloads(hub, sd, graph, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    hub.slow[UNET] = threading.Event()
    with gf.Engine() as engine:

        def stop(event):
            if isinstance(event, DownloadProgress) and event.file == UNET:
                assert 0 < event.done < event.total
                engine.cancel()

        start = time.monotonic()
        with pytest.raises(gf.Cancelled):
            engine.run(graph(), on_event=stop)
    assert time.monotonic() - start < 10


def test_too_little_space_is_told_before_anything_is_downloaded(hub, sd, graph, monkeypatch):
    plan = graph().plan()
    hub.forget()
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(gf.DownloadFailed, match="there is no space left for owner/tiny-sd"):
        gf.run(plan)
    assert hub.requests == []


def test_a_disk_that_is_full_meanwhile_is_told(hub, sd, graph, monkeypatch):
    plan = graph().plan()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
    with pytest.raises(gf.DownloadFailed, match="there is no space left for owner/tiny-sd"):
        gf.run(plan)


def test_progress_of_the_other_protocol_is_taken(monkeypatch):
    from huggingface_hub.utils._xet_progress_reporting import XetDownloadProgressReporter

    ticks = []
    bar = hub_client._bar(ticks.append)
    report = SimpleNamespace(
        total_bytes_completed=6,
        total_transfer_bytes_completed=4,
        total_bytes=10,
        total_bytes_completion_rate=1.0,
        total_transfer_bytes_completion_rate=1.0,
    )
    told = {"reconstruction_desc": "a", "log_level": 0, "tqdm_class": bar, "total": 10}
    with XetDownloadProgressReporter(**told) as reporter:
        reporter.update_progress(report)
    assert ticks == [6]


def test_a_model_of_the_hub_that_is_no_pipeline_is_downloaded(hub, tiny, picture):
    hub.stored["owner/depth"] = Stored(tiny("depth"))
    made = gf.Graph()
    photo = made.input("photo", "image")
    for name, checkpoint in {"far": "owner/depth", "near": tiny("depth")}.items():
        made.output(**{name: made.add("depth_map", image=photo, checkpoint=str(checkpoint))})
    result = gf.run(made, inputs={"photo": picture})
    assert result["far"] == result["near"]
    assert downloaded(hub) == {"model.safetensors"}


def test_a_plan_made_before_its_files_are_here_runs_as_it_is(hub, sd, graph, tiny):
    plan = graph().plan()
    assert gf.run(plan)["image"] == gf.run(graph(tiny("sd")))["image"]


def test_an_offline_engine_names_what_must_be_downloaded_first(hub, sd, graph):
    plan = graph().plan()
    hub.forget()
    with gf.Engine(offline=True) as engine, pytest.raises(gf.DownloadFailed) as caught:
        engine.run(plan)
    assert caught.value.message == "owner/tiny-sd must be downloaded first"
    assert caught.value.why.startswith("3 files of ")
    assert caught.value.fix == "get it with: graphflow checkpoints pull owner/tiny-sd"
    assert hub.requests == []


def test_a_component_of_another_repository_is_downloaded_alone(hub, sd, graph, tiny):
    hub.stored["other/sd"] = Stored(tiny("sd_other_vae"))
    expected = gf.run(graph(tiny("sd"), components={"vae": str(tiny("sd_other_vae"))}))["image"]
    assert gf.run(graph(components={"vae": "other/sd"}))["image"] == expected
    asked = [line for line in hub.requests if line.startswith("HEAD /other/sd") and line.endswith(".safetensors")]
    assert [line.rpartition("/resolve/")[2].partition("/")[2] for line in asked] == [
        "vae/diffusion_pytorch_model.safetensors"
    ]


def test_a_prior_that_a_model_card_names_is_downloaded_too(hub, tiny):
    hub.stored["owner/prior"] = Stored(tiny("kandinsky_prior"))
    hub.stored["owner/decoder"] = decoder = Stored(tiny("kandinsky"))
    decoder.files |= {"README.md": b"---\nprior:\n- owner/prior\n---\n"}
    made = gf.Graph()
    made.checkpoint("here", str(tiny("kandinsky")), prior=str(tiny("kandinsky_prior")))
    steps = {"num_inference_steps": 2, "prior_num_inference_steps": 2}
    for name, checkpoint in {"far": "owner/decoder", "near": "here"}.items():
        made.output(**{name: made.add("text2img", checkpoint=checkpoint, prompt="a circle", seed=5, **steps)})
    assert made.check().problems == ()
    result = gf.run(made)
    assert result["far"] == result["near"]


def test_pictures_are_equal_to_those_of_plain_diffusers(hub, sd, graph, tiny):
    from tests import plain

    expected = plain.text2img(tiny("sd"), "a red circle", seed=5, steps=2)
    assert np.array_equal(gf.run(graph())["image"].array, expected)
