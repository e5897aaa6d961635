"""Options that several commands have, and what they say: the node types, and the device of a call."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from graphflow.catalog.catalog import Catalog, default_catalog, named_catalog
from graphflow.checkpoints.hub import Hub
from graphflow.cli.screens import echo
from graphflow.errors import InvalidValue
from graphflow.system.byte_sizes import parse_bytes
from graphflow.system.cache_folder import usual_size
from graphflow.system.device import Compute
from graphflow.system.paths import path_of
from graphflow.system.run_options import ATTENTIONS, OFFLOADS, RunOptions

if TYPE_CHECKING:
    from graphflow.store.disk_store import DiskStore


def add_graph_arguments(parser: argparse.ArgumentParser) -> None:
    """GRAPH, and the options of every command that reads one graph."""
    known = "a YAML file, the name of a library graph, or a picture or run.json of a run"
    parser.add_argument("graph", metavar="GRAPH", help=known)
    add_nodes_argument(parser)


def add_nodes_argument(parser: argparse.ArgumentParser) -> None:
    """`--nodes`."""
    parser.add_argument(
        "--nodes",
        action="append",
        default=[],
        metavar="PACKAGE|FILE.py",
        help="allow the node types of an installed package or a Python file; this runs its code",
    )


def add_value_arguments(parser: argparse.ArgumentParser) -> None:
    """`--set` and `--seed`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="set an input, or with NODE.KEY=VALUE a value of a node; write a list as [a, b]",
    )
    parser.add_argument(
        "--seed",
        default=None,
        metavar="N|random",
        help="the run's seed, and the value of the input seed; random draws a seed and prints it",
    )


def add_compute_arguments(parser: argparse.ArgumentParser) -> None:
    """`--device`, `--dtype`, `--threads` and the run options."""
    add_device_arguments(parser)
    parser.add_argument("--attention", metavar="A", help=f"how attention is computed: {', '.join(ATTENTIONS)}")
    parser.add_argument(
        "--offload", metavar="O", help=f"what is moved from the GPU to the CPU's memory: {', '.join(OFFLOADS)}"
    )
    parser.add_argument(
        "--compile", action="store_true", help="compile UNets first, which takes minutes and makes steps faster"
    )
    parser.add_argument(
        "--vae-tiling", action="store_true", help="encode and decode large pictures in tiles, which takes less memory"
    )
    parser.add_argument(
        "--batch", metavar="N|auto", help="compute up to N steps that are alike in one call; affects bits of results"
    )


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """`--device`, `--dtype` and `--threads`."""
    parser.add_argument(
        "--device", metavar="D", help="where models run: cpu, cuda, cuda:N (by default a GPU if available)"
    )
    parser.add_argument(
        "--dtype", metavar="T", help="precision of all models: float32, float16, bfloat16, or auto for the fastest"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads of torch on a CPU; affects bits of results")


def add_budget_argument(parser: argparse.ArgumentParser) -> None:
    """`--memory-budget`."""
    parser.add_argument("--memory-budget", metavar="8GiB", help="most memory for components and computing")


def add_malloc_argument(parser: argparse.ArgumentParser) -> None:
    """`--no-malloc-tuning`."""
    parser.add_argument(
        "--no-malloc-tuning",
        action="store_true",
        help="leave memory allocation as it is, instead of keeping freed memory while the run computes",
    )


def budget_of(arguments: argparse.Namespace) -> int | None:
    """The bytes of `--memory-budget`; None if it is not given."""
    return None if arguments.memory_budget is None else parse_bytes(arguments.memory_budget)


def add_cache_arguments(parser: argparse.ArgumentParser) -> None:
    """`--cache`, `--cache-size` and `--no-cache`."""
    parser.add_argument("--cache", metavar="DIR", help="keep results in this folder instead of the user's cache folder")
    parser.add_argument("--cache-size", metavar="10GiB", help="most bytes of results in the cache; 0 for no cache")
    parser.add_argument("--no-cache", action="store_true", help="neither use results of earlier runs nor keep new ones")


def store_of(arguments: argparse.Namespace) -> DiskStore | None:
    """The store of results that the call names; None for `--no-cache`, and for a size of 0.

    Raises:
        InvalidValue: `--no-cache` is given together with another option of the cache.
        GraphflowError: the size is not a size.
    """
    from graphflow.store.disk_store import LIMIT, DiskStore

    if arguments.no_cache and (arguments.cache is not None or arguments.cache_size is not None):
        raise InvalidValue("--no-cache contradicts --cache and --cache-size; remove one of them")
    limit = usual_size(LIMIT) if arguments.cache_size is None else parse_bytes(arguments.cache_size)
    if arguments.no_cache or limit == 0:
        return None
    return DiskStore(None if arguments.cache is None else path_of(arguments.cache), limit)


def add_offline_argument(parser: argparse.ArgumentParser) -> None:
    """`--offline`."""
    parser.add_argument(
        "--offline", action="store_true", help="never ask the model hub: use only checkpoints of this machine"
    )


def hub_of(arguments: argparse.Namespace) -> Hub:
    """The model hub as the call may use it; a command without `--offline` never asks it."""
    return Hub(getattr(arguments, "offline", True), lambda sentence: echo(sentence, error=True))


def compute_of(arguments: argparse.Namespace) -> Compute:
    """The device, precision, threads and options of the call; the CPU for a command without these options."""
    if not hasattr(arguments, "device"):
        return Compute()
    options = RunOptions.of(
        attention=arguments.attention,
        offload=arguments.offload,
        compile=arguments.compile,
        vae_tiling=arguments.vae_tiling,
        batch=arguments.batch,
    )
    # Commands that run nothing do not have it.
    tuning = not getattr(arguments, "no_malloc_tuning", False)
    return Compute.of(arguments.device, arguments.dtype, arguments.threads, options, malloc_tuning=tuning)


def catalog_of(arguments: argparse.Namespace) -> Catalog:
    """The node types that the call allows."""
    return named_catalog(arguments.nodes) if arguments.nodes else default_catalog()
