"""Checkpoints on this machine: their facts are read from files, without torch and without reading weights."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphflow.checkpoints import embedded
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.families import Families
from graphflow.checkpoints.hub_facts import NOT_READ, Repository
from graphflow.checkpoints.own_code import refuse_own_code
from graphflow.checkpoints.reading import read_header, read_json
from graphflow.checkpoints.remote import RemoteFiles
from graphflow.checkpoints.single_file import read_single_file
from graphflow.checkpoints.weight_files import UNSAFE
from graphflow.document.refusal import Refusal
from graphflow.problems import nearest
from graphflow.system.files import irregular

_PLAIN = "get the model as .safetensors with its original weights"


def embedded_checkpoint(text: str, families: Families) -> Checkpoint:
    """The checkpoint `embedded/NAME`, which comes with graphflow.

    Raises:
        Refusal: there is no such checkpoint.
    """
    name = text.removeprefix("embedded/")
    try:
        known = embedded.names()
    except ModuleNotFoundError:
        known = []
    if name not in known:
        close, listed = nearest(name, known), " or ".join(f"embedded/{one}" for one in known)
        fix = f"did you mean embedded/{close}?" if close else f"write {listed}" if known else "use a folder or file"
        raise Refusal("checkpoint-missing", f"there is no checkpoint {text}", fix=fix)
    folders, class_name = embedded.components(name), str(embedded.describe(name).get("class", ""))
    parts = {role: part_of(role, folder, text, families) for role, folder in folders.items()}
    family = families.of(class_name, parts)
    return Checkpoint(text, "pipeline", embedded.path_of(name), class_name, parts, family=family)


def part_of(role: str, folder: Path, checkpoint: str, families: Families) -> ComponentFiles:
    """A component whose class is named only by its own config; its kind depends on the class, not on the role.

    Raises:
        Refusal: no config names a class.
    """
    config = ComponentFiles(role, "", "", folder).config
    if "_class_name" in config:
        return _files(role, "diffusers", str(config["_class_name"]), folder, checkpoint, families)
    if class_name := str(config.get("tokenizer_class") or _architecture(config)):
        return _files(role, "transformers", class_name, folder, checkpoint, families)
    message, why = f"{checkpoint} has no {role}", f"no config in {folder.name} names its class"
    raise Refusal("checkpoint-broken", message, why, "get the whole checkpoint")


def _files(
    role: str,
    library: str,
    class_name: str,
    folder: Path,
    checkpoint: str,
    families: Families,
    repository: Repository | None = None,
) -> ComponentFiles:
    model = families.classes.get(class_name)
    if repository is not None:
        return RemoteFiles(role, library, class_name, folder, checkpoint, model=model, repository=repository)
    return ComponentFiles(role, library, class_name, folder, checkpoint, model=model)


def _architecture(config: Mapping[str, Any]) -> str:
    """The class that a config of transformers names; empty if there is none."""
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else ""


def read_checkpoint(name: str, path: Path, families: Families) -> Checkpoint:
    """Read the facts about a local checkpoint.

    Args:
        name: the name as written.
        path: a folder with model_index.json or config.json, or a .safetensors file.
        families: the families to which it may belong.

    Raises:
        Refusal: it is neither of these, its weights are pickled, or its files are damaged.
    """
    return _unchanged(name, path, _stamp(name, path), families)


def read_repository(name: str, repository: Repository, families: Families) -> Checkpoint:
    """The facts of a checkpoint of the hub, whose weights need not be on this machine.

    Args:
        name: as written.
        repository: its facts; the small files are in its folder.
        families: those that it may be of.

    Raises:
        Refusal: it is none, or its weights are pickled.
    """
    return _folder(name, repository.folder, families, repository)


Stamp = tuple[tuple[str, int, int, int, int], ...]


def _stamp(name: str, path: Path) -> Stamp:
    """Name, size, times and inode of each file of a checkpoint; the result changes if a file changes.

    Raises:
        Refusal: a file is a pipe or a device; reading it could block forever.
    """
    files = [(str(path), path.stat())]
    folders = [str(path)] if stat.S_ISDIR(files[0][1].st_mode) else []
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat()
                except OSError:
                    # A broken link is reported if the file is needed.
                    status = entry.stat(follow_symlinks=False)
                files.append((entry.path, status))
                if stat.S_ISDIR(status.st_mode) and folder == str(path):
                    folders.append(entry.path)
    for file, status in files:
        if kind := irregular(status.st_mode):
            message = f"{name} is {kind}" if file == str(path) else f"{name} holds {kind}"
            why = f"{Path(file).name} is {kind}, and reading it could block forever"
            raise Refusal("checkpoint-broken", message, why, "replace it with a regular file")
    return tuple(sorted((file, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for file, s in files))


@functools.lru_cache(maxsize=64)
def _unchanged(name: str, path: Path, _: Stamp, families: Families) -> Checkpoint:
    """The facts about a checkpoint, cached for unchanged files, so that the caches of its components are kept."""
    if path.is_file():
        if path.suffix == ".gguf":
            raise Refusal("checkpoint-broken", f"{name} is quantized", "graphflow reads plain weights only", _PLAIN)
        if path.suffix != ".safetensors":
            why = (
                f"{path.name} is a {path.suffix or 'nameless'} file, and loading such a file can run code"
                if path.suffix in UNSAFE
                else f"{path.name} is not a .safetensors file"
            )
            raise Refusal(
                "checkpoint-unsafe",
                f"{name} is not stored as safetensors",
                why,
                "convert it to .safetensors with a tool that you trust",
            )
        single = read_single_file(name, path, families.single_files)
        family = families.of(single.class_name, single.components)
        kind = "component" if "" in single.components else "file"
        return Checkpoint(
            name, kind, path, single.class_name, single.components, single.missing, single.flags, family
        )  # fmt: skip
    return _folder(name, path, families)


def _folder(name: str, path: Path, families: Families, repository: Repository | None = None) -> Checkpoint:
    if (path / "model_index.json").is_file():
        return _pipeline(name, path, families, repository)
    if (path / "config.json").is_file():
        config = read_json(path / "config.json")
        class_name = str(config.get("_class_name") or _architecture(config))
        refuse_own_code(name, [path])
        library = "diffusers" if "_class_name" in config else "transformers"
        files = _files("", library, class_name, path, name, families, repository)
        _safe_weights(files)
        return Checkpoint(name, "component", path, class_name, {"": files})
    raise Refusal(
        "checkpoint-broken",
        f"{name} is not a checkpoint",
        f"{path.name} holds neither model_index.json nor config.json",
        "name the folder that holds model_index.json",
    )


def _pipeline(name: str, path: Path, families: Families, repository: Repository | None) -> Checkpoint:
    index = read_json(path / "model_index.json")
    components = {}
    for role, value in index.items():
        if role.startswith("_") or not isinstance(value, list) or len(value) != 2 or value[0] is None:
            continue
        folder = path / role
        if role in NOT_READ:
            continue
        if not folder.is_dir():
            raise Refusal(
                "checkpoint-broken",
                f"{name} has no folder {role}",
                "model_index.json names it",
                "get the whole checkpoint",
            )
        components[role] = _files(role, str(value[0]), str(value[1]), folder, name, families, repository)
        _safe_weights(components[role])
    refuse_own_code(name, [path, *(files.folder for files in components.values())])
    flags = {key: value for key, value in index.items() if isinstance(value, bool)}
    class_name = str(index.get("_class_name", ""))
    family = families.of(class_name, components)
    return Checkpoint(name, "pipeline", path, class_name, components, flags=flags, family=family)


def _safe_weights(files: ComponentFiles) -> None:
    name, folder = files.checkpoint, files.folder
    if any(named.endswith(".safetensors") for named in files.file_names):
        for file in () if isinstance(files, RemoteFiles) else folder.glob("*.safetensors"):
            read_header(file)
        return
    unsafe = [named for named in files.file_names if named.endswith(UNSAFE)]
    if unsafe:
        why = f"{folder.name} holds only {unsafe[0]}, and loading such a file can run code"
        fix = "get the safetensors files of this checkpoint, or convert it with a tool that you trust"
        if isinstance(files, RemoteFiles):
            pull_request = f"{files.repository.name}@refs/pr/NUMBER"
            fix = f"name a pull request that adds safetensors files, {pull_request}, or the folder of a converted copy"
        raise Refusal("checkpoint-unsafe", f"{name} is not stored as safetensors", why, fix)
    if files.model is not None and files.model.kind == "model":
        quantized = [named for named in files.file_names if named.endswith(".gguf")]
        why = f"{folder.name} holds no .safetensors file"
        fix = "get the whole checkpoint"
        if quantized:
            why, fix = f"{folder.name} holds {quantized[0]}, and quantized weights are not read", _PLAIN
        raise Refusal("checkpoint-broken", f"{name} has no weights of its {files.class_name}", why, fix)
