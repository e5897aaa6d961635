"""The details of a checkpoint: all keys of an entry of `checkpoints` except `source`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Any, NoReturn

from graphflow.checkpoints.added_file import AddedFile
from graphflow.checkpoints.added_file_search import AddedFileSearch
from graphflow.checkpoints.embedding import USUAL_FILE as EMBEDDING_FILE
from graphflow.checkpoints.embedding import Embedding, token_in
from graphflow.checkpoints.families import Families
from graphflow.checkpoints.hub import Hub
from graphflow.checkpoints.hub_errors import UnreachableHub
from graphflow.checkpoints.lora import USUAL_FILE, Lora, other_kind, roles_in
from graphflow.checkpoints.safetensors_header import Tensor
from graphflow.document.model import CheckpointDecl, Document
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import read_scalar
from graphflow.document.tree import Mapping, Scalar, Sequence, Tree
from graphflow.errors import InvalidValue
from graphflow.problems import Place, nearest
from graphflow.system.device import DTYPES
from graphflow.system.distribution import install_command


@dataclass(frozen=True)
class SamplerChoice:
    """A sampler that replaces the checkpoint's own.

    Attributes:
        name: a short name or a class of diffusers; None for the checkpoint's own class.
        changes: settings that replace those of the checkpoint's config.
        place: place in the document.
    """

    name: str | None
    changes: tuple[tuple[str, Any], ...] = ()
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Details:
    """The details of a checkpoint in a document, besides its source.

    Attributes:
        dtype: the precision in which its components run; None for that of the run.
        variant: variant of the weight files in a folder, such as `fp16`.
        components: role → source, with its place, of the checkpoint whose component is used instead.
        loras: LoRAs, in the order in which they are added.
        embeddings: embeddings of words, in the order in which they are added.
        scheduler: the sampler of its stages, unless they name one.
        prior: source, with its place, of the checkpoint that reads texts for it.
    """

    dtype: str | None = None
    variant: str | None = None
    components: tuple[tuple[str, Scalar], ...] = ()
    loras: tuple[Lora, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    scheduler: SamplerChoice | None = None
    prior: Scalar | None = None

    def to_json(self) -> dict[str, Any]:
        """The details as plain data; those that are not given are left out."""
        given: dict[str, Any] = {"dtype": self.dtype, "variant": self.variant}
        given["components"] = {role: source.text for role, source in self.components}
        given["loras"] = [{"source": str(lora.file.path), "scale": lora.scale} for lora in self.loras]
        given["embeddings"] = [{"source": str(one.file.path), "token": one.token} for one in self.embeddings]
        given["scheduler"] = (
            None if self.scheduler is None else {"name": self.scheduler.name, **dict(self.scheduler.changes)}
        )
        given["prior"] = None if self.prior is None else self.prior.text
        return {key: value for key, value in given.items() if value}


NO_DETAILS = Details()


def read_details(decl: CheckpointDecl, document: Document, families: Families, hub: Hub) -> Details:
    """Read the details of a declared checkpoint.

    Args:
        decl: the entry.
        document: the document of the entry.
        families: they say which components LoRAs and embeddings may change.
        hub: asked about files that are not on this machine.

    Raises:
        Refusal: details are not valid; holds one with its place for each.
    """
    return _Reader(decl, document, families, hub).details()


class _Reader:
    def __init__(self, decl: CheckpointDecl, document: Document, families: Families, hub: Hub) -> None:
        self._decl, self._families, self._hub = decl, families, hub
        self._folder = decl.source.folder or document.folder
        self._entries = {key: entry.value for key, entry in decl.details.entries.items()}
        self._refused: list[Refusal] = []

    def details(self) -> Details:
        found = self._details()
        if self._refused:
            raise Refusal.together(self._refused)
        return found

    def _details(self) -> Details:
        self._optional("revision", self._revision)
        return Details(
            dtype=self._optional("dtype", self._dtype),
            variant=self._optional("variant", self._text),
            components=self._optional("components", self._components) or (),
            loras=self._optional("loras", self._loras) or (),
            embeddings=self._optional("embeddings", self._embeddings) or (),
            scheduler=self._optional("scheduler", self._scheduler),
            prior=self._optional("prior", self._scalar),
        )

    def _optional(self, key: str, read: Callable[[Tree], Any]) -> Any:
        return self._tried(read, self._entries[key]) if key in self._entries else None

    def _tried(self, read: Callable[[Tree], Any], tree: Tree) -> Any:
        """What `read` returns; None if it refuses, so that the faults of other details are found, too."""
        try:
            return read(tree)
        except UnreachableHub:
            raise
        except Refusal as refusal:
            self._refused += [refusal, *refusal.more]
            return None

    def _revision(self, tree: Tree) -> None:
        why = "a revision is written behind the repository's name: owner/name@revision"
        self._refuse(tree, "revision cannot be used with it", why, "remove revision")

    def _refuse(self, tree: Tree, message: str, why: str = "", fix: str = "", code: str = "bad-value") -> NoReturn:
        raise Refusal(code, f"the checkpoint {self._decl.name}: {message}", why, fix, place=tree.place)

    def _scalar(self, tree: Tree) -> Scalar:
        if not isinstance(tree, Scalar):
            self._refuse(tree, "one word is needed here", fix="write one value", code="wrong-shape")
        return tree

    def _text(self, tree: Tree) -> str:
        return self._scalar(tree).text

    def _dtype(self, tree: Tree) -> str:
        name = self._text(tree)
        if name not in DTYPES:
            fix = f"did you mean {close}?" if (close := nearest(name, list(DTYPES))) else f"write {' or '.join(DTYPES)}"
            self._refuse(tree, f"{name!r} is not a dtype", "", fix)
        return name

    def _components(self, tree: Tree) -> tuple[tuple[str, Scalar], ...]:
        if not isinstance(tree, Mapping):
            self._refuse(tree, "components must be a map", "", "write components: {vae: ./other}", "wrong-shape")
        return tuple([(role, self._scalar(entry.value)) for role, entry in tree.entries.items()])

    def _loras(self, tree: Tree) -> tuple[Lora, ...]:
        items = tree.items if isinstance(tree, Sequence) else (tree,)
        return tuple(lora for item in items if (lora := self._tried(self._lora, item)) is not None)

    def _lora(self, tree: Tree) -> Lora:
        if isinstance(tree, Mapping):
            wrong = [key for key in tree.entries if key not in ("source", "scale")]
            if wrong or "source" not in tree.entries:
                message = f"a LoRA has no key {wrong[0]}" if wrong else "a LoRA has no source"
                self._refuse(tree, message, "", "write {source: ./file.safetensors, scale: 0.8}", "wrong-shape")
            scale = tree.entries["scale"].value if "scale" in tree.entries else None
            return self._lora_file(tree.entries["source"].value, 1.0 if scale is None else self._number(scale))
        return self._lora_file(tree, 1.0)

    def _number(self, tree: Tree) -> float:
        text = self._text(tree)
        try:
            return float(read_scalar(Scalar(text), "float"))
        except InvalidValue as error:
            self._refuse(tree, f"a LoRA's scale cannot be {text}", str(error), "write a number such as 0.8")
            raise

    def _lora_file(self, tree: Tree, scale: float) -> Lora:
        text = self._text(tree)
        file = self._added(tree, "LoRA", USUAL_FILE)
        if importlib.util.find_spec("peft") is None:
            why = "diffusers needs it to apply LoRAs"
            fix = f"install it: {install_command('peft')}"
            self._refuse(tree, "LoRAs need the package peft, which is not installed", why, fix, "checkpoint-broken")
        names = self._tensors(tree, file)
        if kind := other_kind(names):
            why = "diffusers applies plain LoRAs, and none of the other kinds that LyCORIS trains"
            fix = "use a plain LoRA, or merge it into a checkpoint with the tool that made it"
            self._refuse(tree, f"{text} is a LyCORIS file of the kind {kind}", why, fix, "checkpoint-broken")
        roles = roles_in(names, self._families.lora_targets)
        if not roles:
            why = f"its first tensor is {next(iter(names), 'missing')}"
            self._refuse(
                tree, f"{text} is not a LoRA of a UNet or a text encoder", why, "name a LoRA file", "checkpoint-broken"
            )
        return Lora(file, scale, roles, tree.place)

    def _embeddings(self, tree: Tree) -> tuple[Embedding, ...]:
        items = tree.items if isinstance(tree, Sequence) else (tree,)
        return tuple(one for item in items if (one := self._tried(self._embedding, item)) is not None)

    def _embedding(self, tree: Tree) -> Embedding:
        if not isinstance(tree, Mapping):
            return self._embedding_file(tree, None)
        wrong = [key for key in tree.entries if key not in ("source", "token")]
        if wrong or "source" not in tree.entries:
            message = f"an embedding has no key {wrong[0]}" if wrong else "an embedding has no source"
            self._refuse(tree, message, "", "write {source: ./file.safetensors, token: <word>}", "wrong-shape")
        token = tree.entries["token"].value if "token" in tree.entries else None
        return self._embedding_file(tree.entries["source"].value, token)

    def _embedding_file(self, tree: Tree, given: Tree | None) -> Embedding:
        text = self._text(tree)
        file = self._added(tree, "embedding", EMBEDDING_FILE)
        tensors = self._tensors(tree, file)
        token = token_in(tensors, file.path.stem, self._families.embedding_targets)
        if token is None:
            why = f"its first tensor is {next(iter(tensors))}"
            fix = "name a file of textual inversion"
            self._refuse(tree, f"{text} is not an embedding of a word", why, fix, "checkpoint-broken")
        token = token if given is None else self._text(given)
        if not token.strip():
            self._refuse(tree, f"{text} has an empty word", "", "write {source: …, token: <word>}")
        return Embedding(file, token, tree.place)

    def _added(self, tree: Tree, word: str, usual: str) -> AddedFile:
        """The file that a source names; see `AddedFileSearch`."""
        search = AddedFileSearch(word, usual, self._hub)
        try:
            return search.find(self._text(tree), getattr(tree, "folder", None) or self._folder)
        except Refusal as error:
            self._pass_on(tree, error)

    def _tensors(self, tree: Tree, file: AddedFile) -> Map[str, Tensor]:
        """The tensors of a file, from its header."""
        try:
            return file.header.tensors
        except Refusal as error:
            self._pass_on(tree, error)

    def _pass_on(self, tree: Tree, error: Refusal) -> NoReturn:
        """Refuse a file for the reason for which it was refused elsewhere.

        Raises:
            UnreachableHub: a later call can ask the hub, so nothing is wrong yet.
        """
        if isinstance(error, UnreachableHub) and self._hub.defers:
            raise error
        self._refuse(tree, error.message, error.why, error.fix, error.code)

    def _scheduler(self, tree: Tree) -> SamplerChoice:
        if not isinstance(tree, Mapping):
            return SamplerChoice(self._text(tree), place=tree.place)
        settings = {key: entry.value for key, entry in tree.entries.items()}
        name = settings.pop("name", None)
        changes = tuple((key, self._plain(value)) for key, value in settings.items())
        return SamplerChoice(None if name is None else self._text(name), changes, tree.place)

    def _plain(self, tree: Tree) -> Any:
        """A setting of a sampler, typed by its form: bool, int, float, or else text; the class checks it later."""
        text = self._text(tree)
        for word in ("bool", "int", "float"):
            try:
                return read_scalar(Scalar(text), word)
            except InvalidValue:
                continue
        return text
