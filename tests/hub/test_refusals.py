"""What the hub refuses, as problems with a way out."""

from __future__ import annotations

import pytest

import graphflow as gf
from tests.hub.standin import Stored
from tests.tiny import embeddings, loras

NAME = "owner/tiny-sd"


@pytest.mark.parametrize(
    ("answer", "message", "fix"),
    [
        ((401, "GatedRepo"), f"{NAME} cannot be downloaded", f"accept its terms at https://huggingface.co/{NAME}"),
        ((403, "GatedRepo"), f"{NAME} cannot be downloaded", f"accept its terms at https://huggingface.co/{NAME}"),
        ((401, "RepoNotFound"), f"the hub has no repository {NAME}", "correct the name, or log in with: hf auth login"),
        ((401, ""), f"{NAME} cannot be read from the hub", "log in with: hf auth login"),
        ((404, "RepoNotFound"), f"the hub has no repository {NAME}", "correct the name, or log in"),
    ],
)
def test_a_repository_that_may_not_be_read_is_a_problem_of_check(hub, sd, graph, answer, message, fix):
    hub.answers[NAME] = answer
    (problem,) = graph().check().problems
    assert (problem.code, problem.message) == ("checkpoint-missing", f"text2img.checkpoint: {message}")
    assert problem.fix.startswith(fix)


def test_a_repository_whose_list_is_public_and_whose_files_are_not_is_a_problem(hub, sd, graph):
    hub.answers[f"{NAME}/resolve"] = (401, "GatedRepo")
    (problem,) = graph().check().problems
    assert problem.fix.startswith(f"accept its terms at https://huggingface.co/{NAME}")


def test_a_revision_that_is_not_there_is_a_problem(hub, sd, graph):
    (problem,) = graph(f"{NAME}@v9").check().problems
    assert problem.message.endswith(f"{NAME} has no revision v9")


@pytest.mark.parametrize("answer", [(429, ""), (500, ""), (503, "")])
def test_a_hub_that_cannot_be_asked_now_is_a_warning_of_check_and_ends_a_run(hub, sd, graph, answer):
    hub.answers[NAME] = answer
    (problem,) = graph().check().problems
    assert problem.code == "checkpoint-absent"
    assert str(answer[0]) in problem.why
    with pytest.raises(gf.RunFailed, match=f"{NAME} is not on this machine"):
        gf.run(graph())


def test_facts_are_used_while_the_hub_cannot_be_asked(hub, sd, graph, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    graph().check()
    hub.answers[NAME] = (503, "")
    assert graph().check().problems == ()
    with pytest.raises(gf.DownloadFailed, match="503"):
        gf.run(graph())


def test_pickles_are_refused_without_being_read(hub, graph, tiny):
    hub.stored[NAME] = Stored(tiny("sd_pickled"))
    (problem,) = graph().check().problems
    assert problem.code == "checkpoint-unsafe"
    assert problem.fix.startswith(f"name a pull request that adds safetensors files, {NAME}@refs/pr/NUMBER")
    assert hub.weights == {}


def test_a_repository_that_is_no_checkpoint_is_refused(hub, graph, tiny):
    hub.stored[NAME] = Stored(tiny("sd") / "scheduler")
    (problem,) = graph().check().problems
    assert problem.code == "checkpoint-broken"


def test_wrong_wirings_are_found_without_weights(hub, sd, tiny, graph):
    hub.stored["owner/scaled"] = Stored(tiny("sd_scaled"))
    made = gf.Graph()
    one = made.add("text2img", checkpoint=NAME, prompt="x", num_inference_steps=2)
    two = made.add("img2img", checkpoint="owner/scaled", image=one.latents, prompt="x", num_inference_steps=2)
    made.output(image=two.image)
    assert [problem.code for problem in made.check().problems] == ["latent-space"]


def test_a_local_vae_and_the_same_one_on_the_hub_cause_no_warning(hub, sd, tiny):
    made = gf.Graph()
    one = made.add("text2img", checkpoint=NAME, prompt="x", num_inference_steps=2)
    two = made.add("img2img", checkpoint=str(tiny("sd_sibling")), image=one.latents, prompt="x", num_inference_steps=2)
    made.output(image=two.image)
    assert made.check().problems == ()


def test_a_lora_of_the_hub_is_checked_and_downloaded(hub, sd, tiny, graph, tmp_path):
    folder = tmp_path / "lora"
    folder.mkdir()
    loras.make_lora(folder / "pytorch_lora_weights.safetensors", 7)
    hub.stored["owner/lora"] = Stored(folder)
    expected = gf.run(graph(tiny("sd"), loras=str(folder)))["image"]
    assert graph(loras="owner/lora").check().problems == ()
    assert gf.run(graph(loras="owner/lora"))["image"] == expected


def test_an_embedding_of_the_hub_is_checked_and_downloaded(hub, sd, tiny, graph, tmp_path):
    folder = tmp_path / "word"
    folder.mkdir()
    embeddings.make_embedding(folder / "learned_embeds.safetensors", 7, key="circle")
    hub.stored["owner/word"] = Stored(folder)
    expected = gf.run(graph(tiny("sd"), embeddings=str(folder)))["image"]
    assert expected != gf.run(graph(tiny("sd")))["image"]
    assert graph(embeddings="owner/word").check().problems == ()
    assert not list((tmp_path / "hub").glob("models--owner--word/snapshots/*/learned_embeds.safetensors"))
    assert gf.run(graph(embeddings="owner/word"))["image"] == expected
    assert list((tmp_path / "hub").glob("models--owner--word/snapshots/*/learned_embeds.safetensors"))
