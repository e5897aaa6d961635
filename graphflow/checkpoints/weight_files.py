"""The weight files in a component's folder that the libraries read: their names, variants and shards.

Sources: diffusers' ModelMixin.from_pretrained, transformers' PreTrainedModel.from_pretrained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from graphflow.checkpoints.reading import read_json, reading
from graphflow.document.refusal import Refusal
from graphflow.text_helpers.words import counted

UNSAFE = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
"""Endings of files that can run code when they are loaded."""
_STEMS = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}
"""Library → beginning of the names of the files that it looks for."""
_NAME = re.compile(r"(?P<stem>[^.]+?)(?P<early>-\d+-of-\d+)?(\.(?P<variant>\w+?)(?P<late>-\d+-of-\d+)?)?\.safetensors")
_FIX = "get the whole checkpoint"


def files_by_variant(folder: Path, names: Iterable[str], library: str) -> dict[str, tuple[Path, ...]]:
    """Variant, such as fp16 (empty for the usual files) → the safetensors files that are read for it, all shards.

    If no file has a name that the library looks for, all files are listed; `faults` reports this.

    Args:
        folder: of the component.
        names: of the files in it, sorted; weight files need not be there.
        library: that reads them.
    """
    found: dict[str, list[tuple[Path, bool]]] = {}
    parts = [(folder / name, match) for name in names if (match := _NAME.fullmatch(name))]
    stem = _STEMS.get(library)
    own = [part for part in parts if part[1]["stem"] == stem]
    for path, match in own or parts:
        found.setdefault(match["variant"] or "", []).append((path, bool(match["early"] or match["late"])))
    return {variant: _read_by(library, folder, variant, paths) for variant, paths in found.items()}


def _read_by(library: str, folder: Path, variant: str, paths: list[tuple[Path, bool]]) -> tuple[Path, ...]:
    """The whole file or the shards of a variant: if there are both, diffusers prefers shards with an index."""
    whole = tuple(path for path, sharded in paths if not sharded)
    shards = tuple(path for path, sharded in paths if sharded)
    if library == "diffusers" and shards and _index(folder, library, variant).is_file():
        return shards
    return whole or shards


def _index(folder: Path, library: str, variant: str) -> Path:
    """The index, which names the shard of each tensor; early versions of diffusers write the variant before `index`."""
    name = f"{_STEMS[library]}.safetensors"
    early = folder / f"{name}.{variant}.index.json"
    if variant and library == "diffusers" and early.is_file():
        return early
    return folder / (f"{name}.index.{variant}.json" if variant else f"{name}.index.json")


def faults(label: str, folder: Path, library: str, variant: str | None, paths: Iterable[Path]) -> Iterator[Refusal]:
    """Yield problems with the names of a component's weight files.

    Args:
        label: name of the component.
        folder: the folder with the files.
        library: the library that reads them.
        variant: the variant that is read; None for the usual files.
        paths: the files of the variant.
    """
    stem, names = _STEMS.get(library), [path.name for path in paths]
    if stem is None or not names:
        return
    end = f".{variant}" if variant else ""
    if not names[0].startswith((f"{stem}.", f"{stem}-")):
        why = f"{library} looks for {stem}{end}.safetensors, and {folder.name} holds {names[0]}"
        fix = f"rename it to {stem}{end}.safetensors"
        yield Refusal("checkpoint-broken", f"the weight file of the {label} has the wrong name", why, fix)
        return
    index = _index(folder, library, variant or "")
    sharded = re.search(r"-\d+-of-\d+", names[0]) is not None
    if sharded and not index.is_file():
        why = f"its weights are in {counted(len(names), 'file')}, and {index.name} says which tensors each holds"
        yield Refusal("checkpoint-broken", f"the {label} has no {index.name}", why, _FIX)
    elif sharded:
        shard_of = read_json(index).get("weight_map")
        with reading(index):
            if not isinstance(shard_of, Mapping) or not all(isinstance(name, str) for name in shard_of.values()):
                raise ValueError("it holds no weight_map from tensors to files")
        for name in sorted(set(shard_of.values()) - set(names)):
            count = sum(shard == name for shard in shard_of.values())
            why = f"{index.name} says that it holds {count} of {counted(len(shard_of), 'tensor')}"
            yield Refusal("checkpoint-broken", f"the {label} has no {name}", why, _FIX)
