"""Checkpoints as data: where one is, and what its files say without torch and without reading weights."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from graphflow.checkpoints import embedded
from graphflow.checkpoints.components import ComponentFiles, Placed
from graphflow.checkpoints.details import NO_DETAILS, Details, read_details
from graphflow.checkpoints.families import Families
from graphflow.checkpoints.family import Family
from graphflow.checkpoints.hub_cache import is_repository, snapshot
from graphflow.checkpoints.lora import Lora, LoraTarget
from graphflow.checkpoints.own_code import refuse_own_code
from graphflow.checkpoints.reading import read_header, read_json
from graphflow.checkpoints.single_file import read_single_file
from graphflow.document.model import CheckpointDecl, Document
from graphflow.document.refusal import Refusal
from graphflow.document.tree import Scalar
from graphflow.errors import FileProblem
from graphflow.problems import Place, did_you_mean, nearest
from graphflow.system.compute import CPU, Compute
from graphflow.system.files import irregular
from graphflow.system.paths import path_of
from graphflow.values.component import Component

MODELS_VARIABLE = "GRAPHFLOW_MODELS"
"""Environment variable: folders (as in PATH) in which a checkpoint's file name is looked for."""

_PLAIN = "get the model as .safetensors with its original weights"
_UNSAFE = (".ckpt", ".pt", ".pth", ".bin", ".pkl")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that a document names.

    Attributes:
        name: as written.
        kind: `pipeline` (folder with model_index.json), `component` (folder with config.json),
            `file` (one .safetensors file), or `hub` (a repository that is not on this machine: its facts are unknown).
        path: the folder or file; None for `hub`.
        class_name: of the pipeline or the component; empty where unknown.
        components: role → files of it; the one of a `component` has the role "".
        missing: roles that a file's family has and the file has not.
        family: None if it is a single model, on the hub, or of no family of the call.
        known_families: names of the families of the call.
        flags: what model_index.json says of the pipeline itself, such as force_zeros_for_empty_prompt.
        details: what a document says of it beside its source.
        compute: what the call says about computing.
        source: what it is made from, as written, where a `CheckpointReader` found it: the path or name behind `name`.
    """

    name: str
    kind: str
    path: Path | None = None
    class_name: str = ""
    components: Mapping[str, ComponentFiles] = field(default_factory=dict, compare=False)
    missing: tuple[str, ...] = ()
    flags: Mapping[str, bool] = field(default_factory=dict, compare=False)
    family: Family | None = field(default=None, compare=False)
    known_families: tuple[str, ...] = field(default=(), compare=False)
    details: Details = NO_DETAILS
    compute: Compute = CPU
    source: str = ""

    word = "checkpoint"

    def __post_init__(self) -> None:
        # The facts of one checkpoint are shared by all who read it.
        object.__setattr__(self, "components", MappingProxyType(dict(self.components)))
        object.__setattr__(self, "flags", MappingProxyType(dict(self.flags)))

    def component(self, role: str) -> Component:
        """The component of this role as a step uses it: in the stage's precision, with its LoRAs, on the device."""
        loras = tuple(lora for lora in self.details.loras if role in lora.roles)
        targets = () if self.family is None else self.family.loras
        return self.placed(self.components[role], loras, next((one for one in targets if one.role == role), None))

    @property
    def only(self) -> ComponentFiles | None:
        """The component of a checkpoint that is a single model, such as a ControlNet."""
        return next(iter(self.components.values())) if len(self.components) == 1 else None

    def placed(
        self, files: ComponentFiles, loras: tuple[Lora, ...] = (), target: LoraTarget | None = None
    ) -> Component:
        """Any component as a stage of this checkpoint uses it: in the stage's precision, on its device."""
        return Placed(files, self.compute.dtype_of(self.details.dtype), self.compute.device, loras, target).component

    @property
    def digest(self) -> str:
        """What it is named by in keys of values: what it holds where it is one model, else where it is.

        Components have identities of their own.
        """
        named = self.only.identity if self.only is not None else self.path or self.name
        return f"checkpoint {named} {self.details} {self.compute}"


@dataclass
class CheckpointReader:
    """Finds checkpoints of these families and reads their facts, each once, for a call that computes like this."""

    compute: Compute
    families: Families
    _entries: dict[int, tuple[CheckpointDecl, Checkpoint]] = field(default_factory=dict)
    _known: dict[tuple[str, Path], Checkpoint] = field(default_factory=dict)

    def read(self, text: str, document: Document, folder: Path) -> Checkpoint:
        """The checkpoint that `text` names: an entry of `checkpoints`, a path, a file in GRAPHFLOW_MODELS, a hub name.

        Args:
            text: as written.
            document: where its short names are.
            folder: where relative paths start.

        Raises:
            Refusal: there is none, or it cannot be used.
        """
        decl = document.checkpoints.get(text)
        if decl is not None:
            return self.declared(decl, document)
        return _whole(self._located(text, folder, tuple(document.checkpoints)))

    def declared(self, decl: CheckpointDecl, document: Document) -> Checkpoint:
        """The checkpoint of an entry of `checkpoints`, details applied.

        Raises:
            Refusal: its source or a detail is wrong; it knows its place.
        """
        known = self._entries.get(id(decl))
        if known is None:
            # The entry is kept beside, so that its number stays its own.
            known = self._entries[id(decl)] = (decl, self._detailed(decl, document))
        return known[1]

    def _detailed(self, decl: CheckpointDecl, document: Document) -> Checkpoint:
        found = self._located_at(decl.source, decl.source.folder or document.folder)
        details = read_details(decl, document, self.families.lora_targets)
        if found.kind == "hub":
            # Nothing is known of it, so nothing can be said of its details either.
            return replace(found, name=decl.name, details=details)
        components = dict(found.components)
        if details.variant is not None:
            components = _of_variant(decl, components, details.variant)
        for role, source in details.components:
            components[role] = self._part(decl, role, source, (*components, *found.missing), document)
        family = self.families.of(found.class_name, components)
        # A single model, such as a ControlNet, takes no LoRA; its node reports that.
        for lora in details.loras if found.kind != "component" else ():
            _check_lora(decl, lora, components, self.families.lora_targets if family is None else family.loras)
        whole = replace(found, name=decl.name, components=components, family=family, details=details)
        return _whole(whole, decl.source.place)

    def _part(
        self,
        decl: CheckpointDecl,
        role: str,
        source: Scalar,
        roles: tuple[str, ...],
        document: Document,
    ) -> ComponentFiles:
        """The part of another checkpoint that takes the place of this one's."""
        if roles == ("",):
            message = f"the checkpoint {decl.name} has no parts"
            raise Refusal("checkpoint-broken", message, "it is a single model", "remove components", place=source.place)
        if roles and role not in roles:
            message, why = f"the checkpoint {decl.name} has no {role}", f"its parts are {', '.join(roles)}"
            fix = did_you_mean(role, roles, else_="they are")
            raise Refusal("checkpoint-broken", message, why, fix, place=source.place)
        other = self._located_at(source, source.folder or decl.source.folder or document.folder)
        if other.kind == "hub":
            message = f"the checkpoint {decl.name} cannot take its {role} from {source.text}"
            why, fix = "it is not on this machine", f"get it with: hf download {source.text.partition('@')[0]}"
            raise Refusal("checkpoint-missing", message, why, fix, place=source.place)
        if other.kind == "component" and other.path is not None:
            return _part(role, other.path, other.name, self.families)
        if role in other.components:
            return other.components[role]
        theirs = list(other.components) if other.kind != "component" else []
        known = theirs or list(roles)
        why = f"{source.text} has {', '.join(known)}" if theirs else f"the parts are {', '.join(known)}"
        message = f"the checkpoint {decl.name} cannot take its {role} from {source.text}"
        raise Refusal("checkpoint-broken", message, why, did_you_mean(role, known, else_="write"), place=source.place)

    def _located_at(self, source: Scalar, folder: Path) -> Checkpoint:
        try:
            return self._located(source.text, folder, ())
        except Refusal as refusal:
            refusal.place = source.place
            raise

    def _located(self, text: str, folder: Path, names: tuple[str, ...]) -> Checkpoint:
        key = (text, folder)
        if key not in self._known:
            found, known = self._look(text, folder, names), tuple(family.name for family in self.families)
            self._known[key] = replace(found, compute=self.compute, source=text, known_families=known)
        return self._known[key]

    def _look(self, text: str, folder: Path, names: tuple[str, ...]) -> Checkpoint:
        if text.startswith("embedded/"):
            return _embedded(text, self.families)
        try:
            path = path_of(text, folder)
        except FileProblem as error:
            raise Refusal("checkpoint-missing", f"the checkpoint {error.message}", error.why, error.fix) from error
        if path.exists():
            return read_checkpoint(text, path, self.families)
        for place in filter(None, os.environ.get(MODELS_VARIABLE, "").split(os.pathsep)):
            if (Path(place) / text).exists():
                return read_checkpoint(text, Path(place) / text, self.families)
        if is_repository(text) and not text.endswith((".safetensors", *_UNSAFE)):
            here = snapshot(text)
            return Checkpoint(text, "hub") if here is None else read_checkpoint(text, here, self.families)
        there = sorted(one.name for one in path.parent.iterdir()) if path.parent.is_dir() else []
        close = nearest(text, names) or (
            (found := nearest(path.name, there)) and (Path(text).parent / found).as_posix()
        )
        listed = "write a name under checkpoints, embedded/NAME, ./folder, ./file.safetensors or owner/name"
        is_file = text.endswith(".safetensors")
        why = f"it is neither where it is written nor in a folder of {MODELS_VARIABLE}" if is_file else ""
        fix = f"did you mean {close}?" if close else listed
        raise Refusal("checkpoint-missing", f"the checkpoint {text} does not exist", why, fix)


def _whole(checkpoint: Checkpoint, place: Place | None = None) -> Checkpoint:
    """The checkpoint, if its components have no faults.

    Raises:
        Refusal: files of components do not hold what their configs say, or cannot be read; holds one for each fault.
    """
    faults = [fault for files in checkpoint.components.values() for fault in files.faults]
    if faults:
        raise Refusal.together(faults, place)
    return checkpoint


def _check_lora(
    decl: CheckpointDecl, lora: Lora, components: Mapping[str, ComponentFiles], targets: tuple[LoraTarget, ...]
) -> None:
    """Refuse a LoRA of another family: left to diffusers, it ends in tensors that don't fit, or changes nothing."""
    known = {target.role: target for target in targets}
    whys = []
    for role in sorted(lora.roles, key=lambda role: (role in components, role)):
        if role not in components:
            whys.append(f"it changes a {role}, and the checkpoint has none")
        elif role not in known:
            whys.append(f"it changes a {role}, and LoRAs change none of this family")
        else:
            whys.append(lora.misfit(known[role], components[role].full_config))
    if why := next(filter(None, whys), ""):
        message = f"the LoRA {lora.path.name} does not fit the checkpoint {decl.name}"
        raise Refusal("wrong-part", message, why, "take a LoRA for models of this family", place=lora.place)


def _of_variant(decl: CheckpointDecl, components: dict[str, ComponentFiles], variant: str) -> dict[str, ComponentFiles]:
    """The components with the files of a variant; those that have none keep their own, as diffusers does it."""
    if not any(variant in files.variants for files in components.values()):
        known = sorted({name for files in components.values() for name in files.variants if name})
        why = f"it has {', '.join(known)}" if known else "it has files of one kind only"
        fix = did_you_mean(variant, known, else_="write") if known else "leave variant out"
        place = decl.details.entries["variant"].value.place
        message = f"the checkpoint {decl.name} has no variant {variant}"
        raise Refusal("checkpoint-broken", message, why, fix, place=place)
    return {
        role: replace(files, asked=variant) if variant in files.variants else files
        for role, files in components.items()
    }


def _embedded(text: str, families: Families) -> Checkpoint:
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
    parts = {role: _part(role, folder, text, families) for role, folder in folders.items()}
    family = families.of(class_name, parts)
    return Checkpoint(text, "pipeline", embedded.path_of(name), class_name, parts, family=family)


def _part(role: str, folder: Path, checkpoint: str, families: Families) -> ComponentFiles:
    """A component whose class only its own config names; the class decides what it is, not the role.

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
    role: str, library: str, class_name: str, folder: Path, checkpoint: str, families: Families
) -> ComponentFiles:
    model = families.classes.get(class_name)
    return ComponentFiles(role, library, class_name, folder, checkpoint, model=model)


def _architecture(config: Mapping[str, Any]) -> str:
    """The class that a config of transformers names; empty where it names none."""
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else ""


def read_checkpoint(name: str, path: Path, families: Families) -> Checkpoint:
    """The facts of a local checkpoint.

    Args:
        name: as written.
        path: a folder with model_index.json or config.json, or a .safetensors file.
        families: those that it may be of.

    Raises:
        Refusal: it is neither, its weights are pickled, or its files are damaged.
    """
    return _unchanged(name, path, _stamp(name, path), families)


Stamp = tuple[tuple[str, int, int, int, int], ...]


def _stamp(name: str, path: Path) -> Stamp:
    """Name, size, times and inode of each file of a checkpoint: if a file changes, so does this.

    Raises:
        Refusal: one of them is a pipe or a device; reading it could block forever.
    """
    found = [(str(path), path.stat())]
    folders = [str(path)] if stat.S_ISDIR(found[0][1].st_mode) else []
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    told = entry.stat()
                except OSError:
                    # A broken link matters only if somebody reads it, who then reports it.
                    told = entry.stat(follow_symlinks=False)
                found.append((entry.path, told))
                if stat.S_ISDIR(told.st_mode) and folder == str(path):
                    folders.append(entry.path)
    for file, told in found:
        if kind := irregular(told.st_mode):
            message = f"{name} is {kind}" if file == str(path) else f"{name} holds {kind}"
            why = f"{Path(file).name} is {kind}, and reading it could block forever"
            raise Refusal("checkpoint-broken", message, why, "replace it with a regular file")
    return tuple(sorted((file, one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino) for file, one in found))


@functools.lru_cache(maxsize=64)
def _unchanged(name: str, path: Path, _: Stamp, families: Families) -> Checkpoint:
    """The facts of a checkpoint, read once for the same files, so that what its components cache is kept."""
    if path.is_file():
        if path.suffix == ".gguf":
            raise Refusal("checkpoint-broken", f"{name} is quantized", "graphflow reads plain weights only", _PLAIN)
        if path.suffix != ".safetensors":
            why = (
                f"{path.name} is a {path.suffix or 'nameless'} file, and loading such a file can run code"
                if path.suffix in _UNSAFE
                else f"{path.name} is no .safetensors file"
            )
            raise Refusal(
                "checkpoint-unsafe",
                f"{name} is not stored as safetensors",
                why,
                "convert it to .safetensors with a tool that you trust",
            )
        single = read_single_file(name, path, families.single_files)
        family = families.of(single.class_name, single.components)
        return Checkpoint(
            name, "file", path, single.class_name, single.components, single.missing, single.flags, family
        )  # fmt: skip
    if (path / "model_index.json").is_file():
        return _pipeline(name, path, families)
    if (path / "config.json").is_file():
        config = read_json(path / "config.json")
        class_name = str(config.get("_class_name") or _architecture(config))
        refuse_own_code(name, [path])
        library = "diffusers" if "_class_name" in config else "transformers"
        files = _files("", library, class_name, path, name, families)
        _safe_weights(files)
        return Checkpoint(name, "component", path, class_name, {"": files})
    raise Refusal(
        "checkpoint-broken",
        f"{name} is no checkpoint",
        f"{path.name} holds neither model_index.json nor config.json",
        "name the folder that holds model_index.json",
    )


def _pipeline(name: str, path: Path, families: Families) -> Checkpoint:
    index = read_json(path / "model_index.json")
    components = {}
    for role, value in index.items():
        if role.startswith("_") or not isinstance(value, list) or len(value) != 2 or value[0] is None:
            continue
        folder = path / role
        if role in ("safety_checker", "feature_extractor"):
            continue
        if not folder.is_dir():
            raise Refusal(
                "checkpoint-broken",
                f"{name} has no folder {role}",
                "model_index.json names it",
                "get the whole checkpoint",
            )
        components[role] = _files(role, str(value[0]), str(value[1]), folder, name, families)
        _safe_weights(components[role])
    refuse_own_code(name, [path, *(files.folder for files in components.values())])
    flags = {key: value for key, value in index.items() if isinstance(value, bool)}
    class_name = str(index.get("_class_name", ""))
    family = families.of(class_name, components)
    return Checkpoint(name, "pipeline", path, class_name, components, flags=flags, family=family)


def _safe_weights(files: ComponentFiles) -> None:
    name, folder = files.checkpoint, files.folder
    if any(folder.glob("*.safetensors")):
        for file in folder.glob("*.safetensors"):
            read_header(file)
        return
    unsafe = sorted(file.name for file in folder.iterdir() if file.suffix in _UNSAFE)
    if unsafe:
        why = f"{folder.name} holds only {unsafe[0]}, and loading such a file can run code"
        raise Refusal(
            "checkpoint-unsafe",
            f"{name} is not stored as safetensors",
            why,
            "get the safetensors variant of this checkpoint",
        )
    if files.model is not None and files.model.kind == "model":
        quantized = sorted(file.name for file in folder.iterdir() if file.suffix == ".gguf")
        why = f"{folder.name} holds no .safetensors file"
        fix = "get the whole checkpoint"
        if quantized:
            why, fix = f"{folder.name} holds {quantized[0]}, and quantized weights are not read", _PLAIN
        raise Refusal("checkpoint-broken", f"{name} has no weights of its {files.class_name}", why, fix)
