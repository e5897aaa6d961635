"""Find the file that a document names to add to a checkpoint: by its path, by its name, in a folder, or on the hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphflow.checkpoints.added_file import AddedFile
from graphflow.checkpoints.hub import Hub
from graphflow.checkpoints.hub_cache import is_repository, snapshot
from graphflow.checkpoints.models_folders import MODELS_VARIABLE, in_models_folders, names_in_models_folders
from graphflow.checkpoints.remote import RemoteAddedFile
from graphflow.checkpoints.weight_files import UNSAFE
from graphflow.document.refusal import Refusal
from graphflow.errors import FileProblem
from graphflow.problems import nearest
from graphflow.system.paths import path_of

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class AddedFileSearch:
    """How files of one kind are found.

    Attributes:
        word: the kind in messages, such as `LoRA`.
        usual: name of the file that is taken from a folder with several.
        hub: asked about repositories that are not on this machine.
    """

    word: str
    usual: str
    hub: Hub

    def find(self, text: str, folder: Path) -> AddedFile:
        """The file that `text` names: a file, the one in a folder, or the one in a repository of the hub.

        Args:
            text: a path, a name in a folder of GRAPHFLOW_MODELS, or `owner/name`.
            folder: the folder for relative paths.

        Raises:
            Refusal: there is none, or it is not a .safetensors file; `UnreachableHub` if a later call can find it.
        """
        try:
            path = path_of(text, folder)
        except FileProblem as error:
            raise _missing(f"the {self.word} {error.message}", error.why, error.fix) from error
        if not path.exists() and (named := self._in_models_folders(text)) is not None:
            path = named
        if path.is_dir():
            return self._safe(text, self._only_one(text, path, sorted(one.name for one in path.iterdir())))
        if path.exists() or path.suffix in UNSAFE:
            return self._safe(text, path)
        if path.suffix != _SUFFIX and is_repository(text):
            return self._of_hub(text)
        raise self._nowhere(text, path)

    def _safe(self, text: str, path: Path) -> AddedFile:
        if path.suffix != _SUFFIX:
            why = "files of other kinds can run code when they are loaded"
            fix = "name a .safetensors file, a folder with one, or a repository: owner/name"
            if path.suffix in UNSAFE:
                fix = f"convert it to .safetensors with a tool that you trust, or {fix}"
            message = f"the {self.word} {text} is not a .safetensors file"
            raise Refusal("checkpoint-unsafe", message, why, fix)
        return AddedFile(path)

    def _in_models_folders(self, text: str) -> Path | None:
        found = in_models_folders(text)
        if len(found) > 1:
            message = f"the {self.word} {text} is in several folders of {MODELS_VARIABLE}"
            raise _missing(message, " and ".join(map(str, found)), f"name one by its path, such as {found[0]}")
        return found[0] if found else None

    def _nowhere(self, text: str, path: Path) -> Refusal:
        beside = Path(text).parent
        there = path.parent.iterdir() if path.parent.is_dir() else ()
        known = [*((beside / one.name).as_posix() for one in there), *names_in_models_folders(text)]
        # All names begin and end alike.
        by_stem = {Path(name).stem: name for name in known if name.endswith(_SUFFIX)}
        close = by_stem.get(nearest(Path(text).stem, by_stem) or "")
        fix = f"did you mean {close}?" if close else "name a file that is there"
        why = f"it is neither at this path nor in a folder of {MODELS_VARIABLE}"
        return _missing(f"the {self.word} {text} does not exist", why, fix)

    def _of_hub(self, text: str) -> AddedFile:
        """The file of a repository; a name of a folder that does not exist is taken for one, too."""
        known, here = self.hub.remembered(text), snapshot(text)
        names = [] if here is None else sorted(one.name for one in here.iterdir())
        has_file = any(name.endswith(_SUFFIX) for name in names)
        if known is None and here is not None and (has_file or self.hub.offline):
            return self._safe(text, self._only_one(text, here, names))
        try:
            known = known or self.hub.ask(text)
        except Refusal as error:
            if self.hub.defers:
                raise
            raise _missing(f"the {self.word} {text} is not on this machine", error.why, error.fix) from error
        path = self._only_one(text, known.folder, known.names_in(known.folder))
        if not known.lacking([path]):
            return AddedFile(path)
        return RemoteAddedFile(path, repository=self.hub.with_headers(known, (known.path_of(path),)))

    def _only_one(self, text: str, folder: Path, names: Sequence[str]) -> Path:
        """The file of a folder with these files: the usual one, or the only one.

        Raises:
            Refusal: there is none, or several.
        """
        own = [name for name in names if name.endswith(_SUFFIX)]
        chosen = [name for name in own if name == self.usual] or own
        if len(chosen) == 1:
            return folder / chosen[0]
        message = f"the folder {text} holds {f'several {self.word}s' if own else f'no {self.word}'}"
        if own:
            raise _missing(message, ", ".join(own[:5]), f"name one, such as {folder / own[0]}")
        unsafe = next((name for name in names if name.endswith(UNSAFE)), None)
        if unsafe is None:
            raise _missing(message, "there is no .safetensors file in it", "name a .safetensors file")
        why = f"it holds only {unsafe}, and loading such a file can run code"
        raise Refusal("checkpoint-unsafe", message, why, "convert it to .safetensors with a tool that you trust")


def _missing(message: str, why: str, fix: str) -> Refusal:
    return Refusal("checkpoint-missing", message, why, fix)
