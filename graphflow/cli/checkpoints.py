"""`graphflow checkpoints`: list embedded checkpoints, verify files, export a checkpoint for plain diffusers."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

from graphflow.catalog.catalog import default_catalog
from graphflow.checkpoints import embedded
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.checkpoint_reader import CheckpointReader
from graphflow.checkpoints.remote import RemoteFiles
from graphflow.cli.codes import DONE, FAILED
from graphflow.cli.pull import pull_checkpoints
from graphflow.cli.screens import echo
from graphflow.cli.shared_options import add_nodes_argument, add_value_arguments
from graphflow.document.model import Document
from graphflow.document.refusal import Refusal
from graphflow.errors import GraphflowError
from graphflow.system.device import CPU
from graphflow.system.distribution import DISTRIBUTION
from graphflow.system.paths import path_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    actions.add_parser("list", help="list the embedded checkpoints with size, class, licence and purpose")
    verify = actions.add_parser("verify", help="read every byte and compare with the published digests")
    verify.add_argument("names", nargs="*", metavar="CHECKPOINT", help="by default all embedded checkpoints")
    export = actions.add_parser("export", help="write an embedded checkpoint as a folder for from_pretrained")
    export.add_argument("name", metavar="NAME", help="such as sd-inpaint")
    export.add_argument("folder", type=Path, metavar="DIR")
    pull = actions.add_parser("pull", help="download checkpoints of the model hub, or those that graphs need")
    pull.add_argument("names", nargs="+", metavar="NAME|GRAPH", help="owner/name[@revision], or a graph")
    add_nodes_argument(pull)
    add_value_arguments(pull)


def execute(arguments: argparse.Namespace) -> int:
    """Run the action."""
    if arguments.action == "list":
        return _list()
    if arguments.action == "export":
        return _export(arguments.name.removeprefix("embedded/"), arguments.folder)
    if arguments.action == "pull":
        return pull_checkpoints(arguments)
    return _verify(arguments.names or [f"embedded/{name}" for name in _embedded()])


def _embedded() -> list[str]:
    try:
        return embedded.names()
    except ModuleNotFoundError as error:
        raise GraphflowError(f"the embedded checkpoints are not installed: {error}") from error


def _list() -> int:
    known = _embedded()
    width = max(map(len, known), default=0)
    for name in known:
        card, parts = embedded.describe(name), embedded.components(name).values()
        size = sum(file.stat().st_size for part in parts for file in part.rglob("*") if file.is_file())
        echo(f"embedded/{name:<{width}}  {size / 1e6:5.1f} MB  Apache-2.0  {card['class']}")
        echo(f"{'':<{width + 9}}  {card['about']}")
    echo("Parts that checkpoints share are stored once.")
    return DONE


def _export(name: str, folder: Path) -> int:
    known = _embedded()
    if name not in known:
        raise GraphflowError(f"there is no embedded/{name}; available: {', '.join(known)}")
    folder = path_of(str(folder))
    if folder.exists() and any(folder.iterdir()):
        raise GraphflowError(f"{folder} already exists and is not empty; name another folder")
    written = importlib.import_module(f"{embedded.PACKAGE}.export").export(name, folder)
    echo(f"wrote {written}; its files are in half precision: load them with dtype=torch.float32 on a CPU")
    return DONE


def _published() -> dict[str, str]:
    """Folder of each embedded component → digest of its weights."""
    _embedded()
    digests: dict[str, str] = json.loads((embedded.folder() / "digests.json").read_text(encoding="utf-8"))
    return digests


def _verify(names: list[str]) -> int:
    """Read all weights of these checkpoints; embedded ones are compared with the installed digests."""
    published = _published() if any(name.startswith("embedded/") for name in names) else {}
    reader = CheckpointReader(CPU, default_catalog().families)
    wrong = 0
    for name in names:
        try:
            checkpoint = reader.read(name, Document(), Path.cwd())
            lines = _verified(checkpoint, published if name.startswith("embedded/") else {})
        except (Refusal, ValueError) as error:
            lines = [(False, str(error))]
        for good, text in lines:
            echo(f"{name}: {text}")
            wrong += not good
    return FAILED if wrong else DONE


def _verified(checkpoint: Checkpoint, published: dict[str, str]) -> list[tuple[bool, str]]:
    if checkpoint.kind == "hub":
        return [(False, f"not on this machine; get it with: graphflow checkpoints pull {checkpoint.source}")]
    lines = []
    for role, files in checkpoint.components.items():
        if not files.weights:
            continue
        named = role or files.class_name
        if isinstance(files, RemoteFiles):
            lines.append((False, f"{named} is not on this machine"))
            continue
        digest = files.weights_digest
        expected = published.get(files.folder.name, digest)
        if digest == expected:
            result = "as published" if files.folder.name in published else "complete"
            lines.append((True, f"{named} {result} ({digest[:12]})"))
        else:
            lines.append(
                (False, f"{named} differs from the published weights; pip install --force-reinstall {DISTRIBUTION}")
            )
    return lines
