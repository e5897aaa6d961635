"""Checkpoints of the hub: read from this machine if they are complete here, else from the facts that the hub gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.families import Families
from graphflow.checkpoints.hub import Hub
from graphflow.checkpoints.hub_cache import is_repository, origin, snapshot
from graphflow.checkpoints.hub_errors import UnreachableHub
from graphflow.checkpoints.local_checkpoint import read_checkpoint, read_repository
from graphflow.checkpoints.remote import RemoteFiles, settled
from graphflow.document.refusal import Refusal
from graphflow.problems import Place

_HALF = "fp16"
"""The variant of weight files that repositories have for half precision."""


def of_hub(text: str, families: Families, hub: Hub) -> Checkpoint:
    """The checkpoint `owner/name` or `owner/name@revision`; of the kind `hub` if nothing is known of it now.

    Raises:
        Refusal: there is none, or it cannot be used.
    """
    known, here = hub.remembered(text), snapshot(text)
    if known is None and here is not None:
        try:
            return whole(read_checkpoint(text, here, families), hub)
        except Refusal:
            # Programs that need less of a repository download less of it.
            if hub.offline and not hub.defers:
                raise
    try:
        return read_repository(text, known or hub.ask(text), families)
    except UnreachableHub as error:
        return unknown(text, error)


def with_variant(found: Checkpoint, variant: str, families: Families, hub: Hub) -> Checkpoint:
    """The checkpoint; a repository that is on this machine without the variant may have it on the hub."""
    parts = found.components.values()
    if any(variant in files.variants or isinstance(files, RemoteFiles) for files in parts):
        return found
    named = is_repository(found.source)
    if found.path is None or origin(found.path) is None or not named or hub.offline:
        return found
    try:
        asked = read_repository(found.name, hub.ask(found.source), families)
    except UnreachableHub:
        return found
    return replace(asked, compute=found.compute, source=found.source, known_families=found.known_families)


def of_precision(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with half-precision files, if it computes so, for parts whose usual files are not here yet."""
    if checkpoint.compute.dtype_of(checkpoint.details.dtype) != "float16" or checkpoint.details.variant is not None:
        return checkpoint
    parts = {
        role: replace(files, asked=_HALF)
        if isinstance(files, RemoteFiles) and not files.asked and files.lacking and _HALF in files.variants
        else files
        for role, files in checkpoint.components.items()
    }
    return replace(checkpoint, components=parts)


def whole(checkpoint: Checkpoint, hub: Hub, place: Place | None = None) -> Checkpoint:
    """The checkpoint with all facts of its components and its prior's, if these show no faults.

    Raises:
        Refusal: files of components do not hold what their configs say, or cannot be read; holds one for each fault.
    """
    prior = checkpoint.prior
    given = (*checkpoint.components.values(), *(prior.components.values() if prior is not None else ()))
    try:
        parts = _known(given, hub)
    except UnreachableHub as error:
        return replace(
            unknown(checkpoint.source, error),
            name=checkpoint.name,
            known_families=checkpoint.known_families,
            details=checkpoint.details,
            compute=checkpoint.compute,
        )
    faults = [fault for files in parts.values() for fault in files.faults]
    if faults:
        raise Refusal.together(faults, place)
    return replace(_with_parts(checkpoint, parts), prior=None if prior is None else _with_parts(prior, parts))


def unknown(name: str, error: UnreachableHub) -> Checkpoint:
    """A checkpoint of which nothing is known, because the hub cannot be asked."""
    return Checkpoint(name, "hub", source=name, unknown=error.why, remedy=error.fix)


def _with_parts(checkpoint: Checkpoint, parts: dict[int, ComponentFiles]) -> Checkpoint:
    return replace(checkpoint, components={role: parts[id(files)] for role, files in checkpoint.components.items()})


def _known(parts: Iterable[ComponentFiles], hub: Hub) -> dict[int, ComponentFiles]:
    """The `id` of each component → the same with all its facts; one whose weights are here is an ordinary one.

    A prior's parts may be among the checkpoint's own, so that one component is given twice.
    """
    found = {id(files): settled(files) for files in parts}
    remote = {number: files for number, files in found.items() if isinstance(files, RemoteFiles)}
    for repository in {id(files.repository): files.repository for files in remote.values()}.values():
        own = {number: files for number, files in remote.items() if files.repository is repository}
        known = hub.with_headers(repository, tuple(path for files in own.values() for path in files.paths))
        found.update({number: replace(files, repository=known) for number, files in own.items()})
    return found
