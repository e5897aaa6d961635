"""Find the checkpoints that a document names, and apply their details."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from graphflow.checkpoints.added_fit import check_embeddings, check_lora
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.details import Details, read_details
from graphflow.checkpoints.families import Families
from graphflow.checkpoints.hub import Hub
from graphflow.checkpoints.hub_cache import is_repository
from graphflow.checkpoints.hub_checkpoint import of_hub, of_precision, unknown, whole, with_variant
from graphflow.checkpoints.hub_errors import UnreachableHub
from graphflow.checkpoints.hub_facts import Repository
from graphflow.checkpoints.local_checkpoint import (
    embedded_checkpoint,
    part_of,
    read_checkpoint,
    read_repository,
)
from graphflow.checkpoints.models_folders import MODELS_VARIABLE, in_models_folders
from graphflow.checkpoints.prior import named_by_card, parts_of_prior
from graphflow.checkpoints.remote import RemoteFiles
from graphflow.checkpoints.single_file import FilePart
from graphflow.checkpoints.weight_files import UNSAFE
from graphflow.document.model import CheckpointDecl, Document
from graphflow.document.refusal import Refusal
from graphflow.document.tree import Scalar
from graphflow.errors import FileProblem
from graphflow.problems import did_you_mean, nearest
from graphflow.system.device import Compute
from graphflow.system.paths import path_of


@dataclass
class CheckpointReader:
    """Finds checkpoints and reads their facts, each once per call.

    Attributes:
        compute: where models are to run, and how precisely.
        families: those that a checkpoint may be of.
        hub: asked about repositories that are not on this machine.
    """

    compute: Compute
    families: Families
    hub: Hub = field(default_factory=lambda: Hub(asks_nothing=True))
    _entries: dict[int, tuple[CheckpointDecl, Checkpoint]] = field(default_factory=dict)
    _known: dict[tuple[str, Path], Checkpoint] = field(default_factory=dict)

    def read(self, text: str, document: Document, folder: Path) -> Checkpoint:
        """The checkpoint that `text` names: an entry of `checkpoints`, a path, a file in GRAPHFLOW_MODELS, a hub name.

        Args:
            text: the name as written.
            document: the document with the short names.
            folder: the folder for relative paths.

        Raises:
            Refusal: there is no such checkpoint, or it cannot be used.
        """
        decl = document.checkpoints.get(text)
        if decl is not None:
            return self.declared(decl, document)
        found = of_precision(self._located(text, folder, tuple(document.checkpoints)))
        return whole(replace(found, prior=self._prior(found)), self.hub)

    def declared(self, decl: CheckpointDecl, document: Document) -> Checkpoint:
        """The checkpoint of an entry of `checkpoints`, with its details applied.

        Raises:
            Refusal: its source or a detail is not valid; the refusal has its place.
        """
        known = self._entries.get(id(decl))
        if known is None:
            # The entry is stored, too, so that its id is not reused.
            known = self._entries[id(decl)] = (decl, self._detailed_or_unknown(decl, document))
        return known[1]

    def _detailed_or_unknown(self, decl: CheckpointDecl, document: Document) -> Checkpoint:
        try:
            return self._detailed(decl, document)
        except UnreachableHub as error:
            if not self.hub.defers:
                raise
            return self._of_call(unknown(decl.name, error), decl.source.text)

    def _detailed(self, decl: CheckpointDecl, document: Document) -> Checkpoint:
        found = self._located_at(decl.source, decl.source.folder or document.folder)
        details = read_details(decl, document, self.families, self.hub)
        if found.kind == "hub":
            # Without facts about the checkpoint, its details cannot be checked.
            return replace(found, name=decl.name, details=details)
        if details.variant is not None:
            found = with_variant(found, details.variant, self.families, self.hub)
        components = dict(found.components)
        if details.variant is not None:
            components = _of_variant(decl, components, details.variant)
        for role, source in details.components:
            components[role] = self._part(decl, role, source, found, document)
        family = self.families.of(found.class_name, components)
        # A single model, such as a ControlNet, takes neither LoRAs nor embeddings; its node reports that.
        for lora in details.loras if found.kind != "component" else ():
            check_lora(decl.name, lora, components, self.families.lora_targets if family is None else family.loras)
        if found.kind != "component":
            check_embeddings(decl.name, details.embeddings, components, family)
        detailed = replace(found, name=decl.name, components=components, family=family, details=details)
        prior = (
            self._prior(detailed)
            if details.prior is None
            else self._named_prior(decl, details.prior, detailed, document)
        )
        # All parts of a stage run in one precision.
        own = Details(dtype=details.dtype)
        detailed = replace(detailed, prior=None if prior is None else of_precision(replace(prior, details=own)))
        return whole(of_precision(detailed), self.hub, decl.source.place)

    def _part(
        self, decl: CheckpointDecl, role: str, source: Scalar, owner: Checkpoint, document: Document
    ) -> ComponentFiles:
        """The component of another checkpoint that replaces the owner's."""
        roles = (*owner.components, *owner.missing)
        if roles == ("",):
            message = f"the checkpoint {decl.name} has no parts"
            raise Refusal("checkpoint-broken", message, "it is a single model", "remove components", place=source.place)
        if roles and role not in roles:
            message, why = f"the checkpoint {decl.name} has no {role}", f"its parts are {', '.join(roles)}"
            fix = did_you_mean(role, roles, else_="they are")
            raise Refusal("checkpoint-broken", message, why, fix, place=source.place)
        other = self._located_at(source, source.folder or decl.source.folder or document.folder)
        if other.kind == "hub" and self.hub.defers:
            raise UnreachableHub(source.text, other.unknown)
        if other.kind == "hub":
            message = f"the checkpoint {decl.name} cannot take its {role} from {source.text}"
            raise Refusal("checkpoint-missing", message, other.unknown, other.remedy, place=source.place)
        if isinstance(other.only, RemoteFiles) and other.kind == "component":
            return replace(other.only, role=role)
        if isinstance(other.only, FilePart) and other.kind == "component":
            further = {} if owner.family is None else owner.family.part_settings.get(role, {})
            return replace(other.only, role=role, settings={**other.only.settings, **further})
        if other.kind == "component" and other.path is not None:
            return part_of(role, other.path, other.name, self.families)
        if role in other.components:
            return other.components[role]
        theirs = list(other.components) if other.kind != "component" else []
        known = theirs or list(roles)
        why = f"{source.text} has {', '.join(known)}" if theirs else f"the parts are {', '.join(known)}"
        message = f"the checkpoint {decl.name} cannot take its {role} from {source.text}"
        raise Refusal("checkpoint-broken", message, why, did_you_mean(role, known, else_="write"), place=source.place)

    def _prior(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """The prior in a checkpoint's own parts, or the one named in its model card; None if there is none."""
        family = None if checkpoint.family is None else checkpoint.family.prior
        if family is None or checkpoint.path is None:
            return None
        if parts := parts_of_prior(checkpoint.components, family):
            return replace(checkpoint, class_name=family.pipelines[0], components=parts, family=family)
        if (named := named_by_card(checkpoint.path)) is None:
            return None
        try:
            found = self._located(named, checkpoint.path, ())
        except Refusal:
            # A card may name a folder of another machine; a stage that needs the prior reports that there is none.
            return None
        return of_precision(found) if found.kind == "hub" or found.family is family else None

    def _named_prior(self, decl: CheckpointDecl, source: Scalar, owner: Checkpoint, document: Document) -> Checkpoint:
        """The checkpoint that the detail `prior` names.

        Raises:
            Refusal: the family has no priors, or the checkpoint is not a prior of the family.
        """
        family = None if owner.family is None else owner.family.prior
        if family is None:
            having = [one.name for one in self.families if one.prior is not None]
            why = f"only checkpoints of {' and '.join(having)} have a prior" if having else "no known family has priors"
            message = f"the checkpoint {decl.name}: prior cannot be used with it"
            raise Refusal("bad-value", message, why, "remove prior", place=source.place)
        other = self._located_at(source, source.folder or decl.source.folder or document.folder)
        found = other if other.kind == "hub" or other.family is family else self._prior(other)
        if found is None:
            kind = other.class_name or f"a {other.kind}"
            why = f"it is {kind}, but the prior of {decl.name} is {' or '.join(family.pipelines)}"
            message = f"the checkpoint {decl.name} cannot have {source.text} as its prior"
            raise Refusal("wrong-part", message, why, "name a prior", place=source.place)
        return found

    def _located_at(self, source: Scalar, folder: Path) -> Checkpoint:
        try:
            return self._located(source.text, folder, ())
        except Refusal as refusal:
            refusal.place = source.place
            raise

    def _located(self, text: str, folder: Path, names: tuple[str, ...]) -> Checkpoint:
        key = (text, folder)
        if key not in self._known:
            self._known[key] = self._of_call(self._look(text, folder, names), text)
        return self._known[key]

    def _of_call(self, found: Checkpoint, text: str) -> Checkpoint:
        """The checkpoint with the settings of the call."""
        known = tuple(family.name for family in self.families)
        return replace(found, compute=self.compute, source=text, known_families=known)

    def _look(self, text: str, folder: Path, names: tuple[str, ...]) -> Checkpoint:
        if text.startswith("embedded/"):
            return embedded_checkpoint(text, self.families)
        try:
            path = path_of(text, folder)
        except FileProblem as error:
            raise Refusal("checkpoint-missing", f"the checkpoint {error.message}", error.why, error.fix) from error
        if path.exists():
            return read_checkpoint(text, path, self.families)
        for named in in_models_folders(text)[:1]:
            return read_checkpoint(text, named, self.families)
        if is_repository(text) and not text.endswith((".safetensors", *UNSAFE)):
            return of_hub(text, self.families, self.hub)
        there = sorted(one.name for one in path.parent.iterdir()) if path.parent.is_dir() else []
        close = nearest(text, names) or (
            (found := nearest(path.name, there)) and (Path(text).parent / found).as_posix()
        )
        listed = "write a name under checkpoints, embedded/NAME, ./folder, ./file.safetensors or owner/name"
        is_file = text.endswith(".safetensors")
        why = f"it is neither at this path nor in a folder of {MODELS_VARIABLE}" if is_file else ""
        fix = f"did you mean {close}?" if close else listed
        raise Refusal("checkpoint-missing", f"the checkpoint {text} does not exist", why, fix)

    def of_repository(self, text: str, repository: Repository) -> Checkpoint:
        """The checkpoint of a repository with these facts.

        Args:
            text: as written.
            repository: as `Hub.ask` returned it.

        Raises:
            Refusal: it cannot be used.
        """
        found = of_precision(self._of_call(read_repository(text, repository, self.families), text))
        return whole(replace(found, prior=self._prior(found)), self.hub)


def _of_variant(decl: CheckpointDecl, components: dict[str, ComponentFiles], variant: str) -> dict[str, ComponentFiles]:
    """The components with the files of a variant; as in diffusers, components without that variant keep their files."""
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
