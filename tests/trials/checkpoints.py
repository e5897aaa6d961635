"""Mangled checkpoints: told by `check`, or by the run, or run with exactly the weights of the files."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import graphflow as gf
from tests.trials import trial
from tests.trials.mangle import ways
from tests.trials.trial import Limits, Outcome, chance, is_clear, signature, unshowable

LIMITS = Limits(seconds=8, memory=16 << 30)
SOURCES = ("sd", "sdxl", "sd_single")
_SECONDS = 2.0
"""Processor time that `check` may take."""


class Checkpoints:
    """Every file of a folder of Stable Diffusion and of SDXL, and a single file, in every way of `mangle`."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder

    def start(self) -> None:
        """Make the checkpoints, and import what runs will need, so that no trial is charged with it."""
        import diffusers  # noqa: F401

        from tests import tiny

        for name in SOURCES:
            path = tiny.make(name, self.folder)
            _publish(self.folder / "sd")
            outcome = self._run(name, path)
            if outcome.end != "ran":
                raise RuntimeError(f"the whole {name} does not run: {outcome}")

    def kind(self, number: int) -> str:
        return SOURCES[number % len(SOURCES)]

    def attempt(self, number: int) -> Outcome:
        one, kind = chance(self.seed, number), self.kind(number)
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            (source,) = self.folder.glob(f"{kind}*") if kind != "sd" else [self.folder / "sd"]
            copy = Path(scratch) / source.name
            if source.is_dir():
                shutil.copytree(source, copy)
            else:
                shutil.copy(source, copy)
            changed = _mangled(copy, one, number // len(SOURCES))
            outcome = self._run(kind, copy)
        return Outcome(outcome.kind, outcome.end, outcome.fault, f"{outcome.detail}\n{changed}")

    def _run(self, kind: str, checkpoint: Path) -> Outcome:
        begun = time.process_time()
        graph, problems = _checked(checkpoint)
        spent = time.process_time() - begun
        screen = "\n".join(map(str, problems))
        if unshowable(screen):
            return Outcome(kind, "", f"{unshowable(screen)} on the screen", repr(screen))
        if spent > _SECONDS:
            return Outcome(kind, "", f"check takes more than {_SECONDS:g} s", f"{spent:.1f} s: {screen}")
        if graph is None:
            return Outcome(kind, "told by check", "", screen)
        with gf.Engine(threads=1) as engine, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = engine.run(graph)
            except gf.RunFailed as failed:
                error: BaseException = next(iter(failed.result.failed.values()))
                error = error.__cause__ or error
                return Outcome(
                    kind, "told by the run", "" if is_clear(error) else f"unclear: {signature(error)}", str(failed)
                )
            fault = differences(engine.pool.loaded, checkpoint)
            if not fault and not problems and not result.warnings and len(set(result["image"].pixels)) == 1:
                fault = "a picture of one colour, without a word"
        return Outcome(kind, "ran", fault, screen)


def _publish(folder: Path) -> None:
    """Here the published Stable Diffusion has the sizes of the tiny one, which its single file leaves out."""
    from graphflow_nodes.single_files import reader
    from graphflow_nodes.single_files.published import Published
    from tests.shipped import read_checkpoint
    from tests.tiny import parts

    found = read_checkpoint("tiny", folder)
    configs = {role: files.config for role, files in found.components.items()}
    published = Published("tiny", found.class_name, configs, found.flags, parts.bpe)
    reader.published = lambda family, variant: published


def _checked(checkpoint: Path) -> tuple[gf.Graph | None, tuple[gf.Problem, ...]]:
    """The graph where `check` lets it run, and what it says."""
    graph = gf.Graph()
    try:
        paint = graph.add(
            "text2img", id="p", checkpoint=str(checkpoint), prompt="a red cat", num_inference_steps=2, guidance_scale=2
        )
    except gf.InvalidGraph as error:
        return None, error.problems
    graph.output(image=paint.image)
    checked = graph.check()
    return graph if checked.ok else None, checked.problems


def _mangled(checkpoint: Path, one: random.Random, turn: int) -> str:
    """Change one file, each in its turn; says which and how."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file()) if checkpoint.is_dir() else [checkpoint]
    path = files[turn % len(files)]
    fitting = ways(path)
    name = (
        list(fitting)[turn // len(files) % len(fitting)]
        if turn < 2 * len(files) * len(fitting)
        else one.choice(list(fitting))
    )
    fitting[name](path, one)
    return f"{path.relative_to(checkpoint.parent)}: {name}"


def differences(loaded: Any, checkpoint: Path) -> str:
    """Where a loaded module has other tensors than its files, or a tokenizer other words; empty where all are equal."""
    modules = {component.spec.files.role: module for component, module in loaded}
    weights = {role: _canonical(one.state_dict()) for role, one in modules.items() if hasattr(one, "state_dict")}
    if checkpoint.is_file():
        return _of_single_file(modules, checkpoint)
    for role, tensors in weights.items():
        stored = _canonical(_read(sorted((checkpoint / role).glob("*.safetensors"))))
        if fault := _unequal(tensors, stored):
            return f"runs with other weights: {fault}"
    for role, tokenizer in modules.items():
        whole = checkpoint / role / "tokenizer.json"
        if role.startswith("tokenizer") and whole.is_file():
            vocabulary = json.loads(whole.read_text())["model"]["vocab"]
            added = tokenizer.added_tokens_encoder
            if {k: v for k, v in tokenizer.get_vocab().items() if k not in added} != {
                k: v for k, v in vocabulary.items() if k not in added
            }:
                return "runs with another vocabulary than the file's"
    return ""


def _of_single_file(modules: dict[str, Any], path: Path) -> str:
    """The modules written into one file again; the file may hold more than they do."""
    from tests.tiny import layouts

    state = {role: modules[role].state_dict() for role in ("unet", "vae", "text_encoder")}
    clip = layouts.old_text_encoder(state["text_encoder"])
    again, stored = layouts.single_file(state["unet"], state["vae"], clip=clip), _read([path])
    unread = ("betas", "alphas_cumprod", "model_ema.decay")
    again = {name: tensor for name, tensor in again.items() if name not in unread and "position_ids" not in name}
    fault = _unequal(again, {name: tensor for name, tensor in stored.items() if name in again})
    return fault and f"runs with other weights: {fault}"


def _read(paths: list[Path]) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {name: tensor for path in paths for name, tensor in load_file(path).items()}


def _canonical(tensors: dict[str, Any]) -> dict[str, Any]:
    """Without the prefix that only some versions of transformers write, and without positions, which are no weights."""
    return {name.removeprefix("text_model."): t for name, t in tensors.items() if not name.endswith("position_ids")}


def _unequal(loaded: dict[str, Any], stored: dict[str, Any]) -> str:
    import torch

    if loaded.keys() - stored.keys():
        return "missing in the file"
    parts = {name.partition(".")[0] for name in loaded}
    if any(name.partition(".")[0] in parts for name in stored.keys() - loaded.keys()):
        return "more in the file"  # of this model; what belongs to another one may stand there, too
    for name, tensor in loaded.items():
        first, second = (one.detach().to(torch.float32).contiguous() for one in (tensor, stored[name]))
        if first.shape != second.shape:
            return "of another shape"
        if first.view(torch.int32).tolist() != second.view(torch.int32).tolist():
            return "of other values"
    return ""


if __name__ == "__main__":
    raise SystemExit(trial.main("checkpoints", Checkpoints, count=720, limits=LIMITS))
