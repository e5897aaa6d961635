"""Why a repeated run may give other bytes: the differences between two records besides their graphs and inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.record.record_parts import ComponentRecord, EnvironmentRecord, NodeRecord
from graphflow.record.run_record import RunRecord
from graphflow.record.same_recipe import merged

HARMLESS = {
    "Python": "it computes no pixels",
    "accelerate": "it only loads weights",
    "safetensors": "it only reads files",
}
"""Libraries whose version changes no results → reason."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_SHOWN_DIGITS = 12
_MACHINE = re.compile(r"(x86_64|AMD64|aarch64|arm64|i686)(?:-.*)?\Z")


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that differs between a recorded run and its repetition.

    Attributes:
        cause: the fact, such as `torch`, `threads`, `weights of unet of embedded/sd`.
        before: its value in the record, as text.
        now: its present value, as text.
        matters: whether it can change the bytes of results.
        why: the reason why it cannot; empty if it can, or if there is no short reason.
    """

    cause: str
    before: str
    now: str
    matters: bool = True
    why: str = ""


def differences(before: RunRecord, now: RunRecord) -> list[Difference]:
    """The differences between the record of a run and that of its repetition, the most likely causes first."""
    return [
        *_weights(before.components, now.components),
        *environment_differences(before.environment, now.environment),
        *_options(before, now),
        *_functions(before.functions, now.functions),
        *_changed_nodes(before.nodes, now.nodes),
    ]


def environment_differences(before: EnvironmentRecord, now: EnvironmentRecord) -> Iterator[Difference]:
    """The differences of machine, libraries and settings; facts that only one of the records has are left out."""
    yield from _versions(before, now)
    yield from _fact("device", before.device, now.device)
    # A record of a repetition that makes one output has only the precisions of its components.
    if before.dtypes and not set(now.dtypes) <= set(before.dtypes):
        yield Difference("dtype", ", ".join(before.dtypes), ", ".join(now.dtypes))
    yield from _fact("processor or GPU", before.device_name, now.device_name)
    yield from _fact("vector instructions", before.cpu_capability, now.cpu_capability)
    yield from _fact("threads", before.threads, now.threads)
    yield from _platform(before.platform, now.platform)
    if before.device and now.device:
        same_threads = before.threads is not None and before.threads == now.threads
        harmless = dict.fromkeys(_THREAD_VARIABLES, "torch has the same number of threads") if same_threads else {}
        yield from _settings("variable ", before.variables, now.variables, harmless)
    if before.settings and now.settings:
        yield from _settings("torch's ", before.settings, now.settings, {})


def _fact(cause: str, before: object, now: object) -> Iterator[Difference]:
    if before and now and before != now:
        yield Difference(cause, str(before), str(now))


def _versions(before: EnvironmentRecord, now: EnvironmentRecord) -> Iterator[Difference]:
    for name, version in before.versions.items():
        if name not in now.versions and before.device and not now.device:
            continue  # The repetition has no step that uses it.
        new = now.versions.get(name, "not installed")
        if new != version:
            yield Difference(name, version, new, name not in HARMLESS, HARMLESS.get(name, ""))


def _settings(
    prefix: str, before: Mapping[str, Any], now: Mapping[str, Any], harmless: Mapping[str, str]
) -> Iterator[Difference]:
    """The settings with another value; those that change no results have a reason in `harmless`."""
    for name in dict.fromkeys([*before, *now]):
        old, new = (str(one.get(name, "not set")) for one in (before, now))
        if old != new:
            yield Difference(prefix + name, old, new, name not in harmless, harmless.get(name, ""))


def _platform(before: str, now: str) -> Iterator[Difference]:
    if before and now and before != now:
        machines = [found[0] if (found := _MACHINE.search(text)) else text for text in (before, now)]
        same = machines[0] == machines[1]
        yield Difference("system", before, now, not same, "machine and C library are the same" if same else "")


def _weights(before: Sequence[ComponentRecord], now: Sequence[ComponentRecord]) -> Iterator[Difference]:
    """Components with other weights, config or added files; those that the repetition doesn't use are left out."""
    if not before:
        return
    contents = [part.content for part in before]
    left = [part for part in before if part.content not in [one.content for one in now]]
    for part in now:
        if part.content in contents:
            continue
        old = next((one for one in left if one.label == part.label), left[0] if left else None)
        if old is not None:
            left.remove(old)
        cause = part.label if part.label.startswith("sampler ") else f"weights of {part.label}"
        yield Difference(cause, "none" if old is None else _content(old), _content(part))


def _content(part: ComponentRecord) -> str:
    digest, *added = (one[:_SHOWN_DIGITS] for one in part.content)
    return f"{digest} with {', '.join(added)}" if added else digest


def _functions(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    """Functions of another version or with other source."""
    for name, version in now.items():
        if before.get(name, version) != version:
            yield Difference(f"function {name}", _shown(before[name]), _shown(version))


def _options(before: RunRecord, now: RunRecord) -> Iterator[Difference]:
    """Run options with another value, such as one that this machine does not support."""
    if before.compute is None or now.compute is None:
        return
    used = now.compute.options
    for name, value in before.compute.options.items():
        if used.get(name) != value:
            yield Difference(f"option {name}", str(value), str(used.get(name, "not available")))


def _changed_nodes(before: Sequence[NodeRecord], now: Sequence[NodeRecord]) -> Iterator[Difference]:
    """Nodes into which the same document now expands differently, since a template or a default has changed."""
    old, new = ({node.path: node for node in nodes} for nodes in (before, now))
    for path in [*old, *(path for path in new if path not in old)]:
        if path not in old or path not in new:
            words = [nodes[path].type if path in nodes else "none" for nodes in (old, new)]
            yield Difference(f"node {path}", words[0], words[1])
            continue
        if old[path].type != new[path].type:
            yield Difference(f"node {path}", old[path].type, new[path].type)
        for kind in ("params", "inputs"):
            theirs, ours = getattr(old[path], kind), getattr(new[path], kind)
            for key, value in ours.items():
                # A param that a later version added has no effect if it is not given.
                if merged(value, theirs.get(key)) != theirs.get(key):
                    yield Difference(f"{path}.{key}", _shown(theirs.get(key)), _shown(value))


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
