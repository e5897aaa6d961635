"""`graphflow checkpoints pull`: download checkpoints of the model hub before a run needs them."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from graphflow.catalog.catalog import Catalog
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.checkpoint_reader import CheckpointReader
from graphflow.checkpoints.hub_cache import is_repository
from graphflow.checkpoints.remote import Lacking, lacking, lora_of
from graphflow.cli.codes import DONE, FAILED, WRONG
from graphflow.cli.load_graph import load_checked
from graphflow.cli.progress import Display, live, plain
from graphflow.cli.screens import echo, show
from graphflow.cli.shared_options import catalog_of, hub_of
from graphflow.document.refusal import Refusal
from graphflow.errors import DownloadFailed
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.download import download_files
from graphflow.problems import Level, Place
from graphflow.system.device import CPU
from graphflow.text_helpers.words import counted, size_text


def pull_checkpoints(arguments: argparse.Namespace) -> int:
    """Download what each name or graph needs and this machine lacks."""
    arguments.offline = False
    catalog, code = catalog_of(arguments), DONE
    for name in arguments.names:
        code = max(code, _pull(arguments, name, catalog))
    return code


def _pull(arguments: argparse.Namespace, name: str, catalog: Catalog) -> int:
    is_name = is_repository(name) and not Path(name).exists()
    try:
        files = _of_repository(arguments, name, catalog) if is_name else _of_graph(arguments, name, catalog)
        if files is None:
            return WRONG
        with _display(len(files)) as display:
            download_files(files, hub_of(arguments), display.show, Cancellation())
    except DownloadFailed as error:
        echo(f"graphflow: {error}", error=True)
        return FAILED
    count, size = counted(len(files), "file"), size_text(sum(one.file.size for one in files))
    echo(f"{name}: {count} downloaded, {size}" if files else f"{name}: all files are on this machine")
    return DONE


def _of_repository(arguments: argparse.Namespace, name: str, catalog: Catalog) -> tuple[Lacking, ...] | None:
    """The weights that the repository's newest commit has and this machine lacks; None if a problem was shown."""
    hub = hub_of(arguments)
    try:
        repository = hub.ask(name)
        if lora := lora_of(repository):
            return () if repository.has(lora) else (Lacking(repository, lora),)
        checkpoint = CheckpointReader(CPU, catalog.families, hub).of_repository(name, repository)
    except Refusal as refusal:
        show(refusal.problems(Place(name)))
        return None
    for one in (checkpoint, checkpoint.prior):
        _require_known(one)
    parts = [*checkpoint.components.values()]
    parts += () if checkpoint.prior is None else checkpoint.prior.components.values()
    return lacking(checkpoint.placed(files) for files in parts)


def _require_known(checkpoint: Checkpoint | None) -> None:
    """Refuse a checkpoint whose files are not known, since the hub could not be asked.

    Raises:
        DownloadFailed: it is one.
    """
    if checkpoint is not None and checkpoint.kind == "hub":
        message = f"{checkpoint.source} cannot be downloaded"
        raise DownloadFailed(message, "checkpoint-missing", why=checkpoint.unknown, fix=checkpoint.remedy)


def _of_graph(arguments: argparse.Namespace, name: str, catalog: Catalog) -> tuple[Lacking, ...] | None:
    """The weights that the steps of a graph use and this machine lacks; None if a problem was shown.

    Raises:
        DownloadFailed: the hub cannot be asked.
    """
    loaded = load_checked(arguments, name, catalog, complete=False)
    show(loaded.problems, least=Level.PROBLEM)
    if loaded.checked is None or not loaded.checked.ok:
        return None
    named = [value for node in loaded.checked.nodes for value in node.params.values() if isinstance(value, Checkpoint)]
    for one in named:
        _require_known(one)
    steps = [step for node in loaded.checked.nodes if node.planned is not None for step in node.planned.steps]
    return lacking(component for step in steps for component in step.uses.values())


@contextlib.contextmanager
def _display(count: int) -> Iterator[Display]:
    with live(count, "file") if sys.stderr.isatty() and count else plain(count) as display:
        yield display
