"""Ways to mangle a file: any, one of JSON, one of safetensors."""

from __future__ import annotations

import json
import math
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trials.nasty import NASTY

Way = Callable[[Path, random.Random], None]
_NUMBERS = (0, -1, 1, 10**6, 2**31, 2**63, 10**30, -(10**9), 0.5, math.nan, math.inf, -math.inf)


def ways(path: Path) -> dict[str, Way]:
    """Name → way, of all that fit the kind of file."""
    more = _SAFETENSORS if path.suffix == ".safetensors" else _JSON if path.suffix == ".json" else {}
    return {**_ANY, **more}


# Any file


def _truncated(path: Path, one: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(
        content[: one.choice((1, 7, 8, 9, len(content) // 2, len(content) - 1, one.randrange(len(content))))]
    )


def _emptied(path: Path, one: random.Random) -> None:
    path.write_bytes(b"")


def _flipped(path: Path, one: random.Random) -> None:
    content = bytearray(path.read_bytes())
    end = one.choice((64, 4096, len(content)))
    for _ in range(one.choice((1, 2, 10))):
        content[one.randrange(min(end, len(content)))] = one.randrange(256)
    path.write_bytes(content)


def _missing(path: Path, one: random.Random) -> None:
    path.unlink()


def _replaced(path: Path, one: random.Random) -> None:
    """A folder, a pipe, a link to itself or to a device where the file was."""
    path.unlink()
    way = one.randrange(4)
    if way == 0:
        path.mkdir()
    elif way == 1:
        os.mkfifo(path)
    else:
        path.symlink_to(path.name if way == 2 else "/dev/zero")


def _other_bytes(path: Path, one: random.Random) -> None:
    path.write_bytes(
        one.choice((b"\xff\xfe\xfa" * 99, b"\0" * 4096, b"\xef\xbb\xbf" + path.read_bytes(), b"null", b"[]", b'"x"'))
    )


_ANY: dict[str, Way] = {
    "truncated": _truncated,
    "emptied": _emptied,
    "bytes flipped": _flipped,
    "missing": _missing,
    "no file": _replaced,
    "other bytes": _other_bytes,
}

# JSON


def _on_json(change: Callable[[Any, Any, random.Random], None]) -> Way:
    """A way that changes one place of the tree, given as its container and key."""

    def way(path: Path, one: random.Random) -> None:
        tree = json.loads(path.read_text(encoding="utf-8"))
        spots, pending = [], [tree]
        while pending:
            held = pending.pop()
            keys = list(held) if isinstance(held, dict) else range(len(held)) if isinstance(held, list) else ()
            spots += [(held, key) for key in keys] if len(keys) < 100 else [(held, one.choice(list(keys)))] * 3
            pending += [held[key] for key in keys]
        change(*one.choice(spots), one)
        path.write_text(json.dumps(tree), encoding="utf-8")

    return way


def _removed(held: Any, key: Any, one: random.Random) -> None:
    del held[key]


def _renamed(held: Any, key: Any, one: random.Random) -> None:
    value = held[key]
    del held[key]
    if isinstance(held, dict):
        held[one.choice((f"{key}s", str(key).upper(), "", "\x1b[31m"))] = value


def _other_type(held: Any, key: Any, one: random.Random) -> None:
    held[key] = one.choice([str(held[key]), [held[key]], {"a": held[key]}, None, True, *NASTY])


def _other_number(held: Any, key: Any, one: random.Random) -> None:
    held[key] = one.choice(_NUMBERS)


def _nested(held: Any, key: Any, one: random.Random) -> None:
    for _ in range(one.choice((2, 90, 400))):
        held[key] = {"a": held[key]} if one.random() < 0.5 else [held[key]]


def _swapped(held: Any, key: Any, one: random.Random) -> None:
    other = one.choice(list(held) if isinstance(held, dict) else range(len(held)))
    held[key], held[other] = held[other], held[key]


def _deep(path: Path, one: random.Random) -> None:
    path.write_text(one.choice(("[" * 100_000, '{"a":' * 100_000, "[" * 5000 + "]" * 5000)))


_JSON: dict[str, Way] = {
    "key removed": _on_json(_removed),
    "key renamed": _on_json(_renamed),
    "another type": _on_json(_other_type),
    "another number": _on_json(_other_number),
    "nested": _on_json(_nested),
    "values swapped": _on_json(_swapped),
    "nested deep": _deep,
}

# Safetensors: 8 bytes of length, a JSON header, the tensors' bytes


def _on_header(change: Callable[[dict[str, Any], str, random.Random], None]) -> Way:
    """A way that changes the header, given with the name of one tensor; the bytes stay."""

    def way(path: Path, one: random.Random) -> None:
        content = path.read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        change(header, one.choice([name for name in header if name != "__metadata__"]), one)
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])

    return way


def _on_tensors(change: Callable[[dict[str, Any], str, random.Random], None]) -> Way:
    """A way that changes the tensors themselves; the file is a right one afterwards."""

    def way(path: Path, one: random.Random) -> None:
        from safetensors.torch import load_file, save_file

        tensors = load_file(path)
        change(tensors, one.choice(sorted(tensors)), one)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, {"format": "pt"})

    return way


def _without(tensors: dict[str, Any], name: str, one: random.Random) -> None:
    del tensors[name]


def _with_more(tensors: dict[str, Any], name: str, one: random.Random) -> None:
    tensors[one.choice(("x", f"{name}.x", name.replace(".", "..")))] = tensors[name].clone()


def _exchanged(tensors: dict[str, Any], name: str, one: random.Random) -> None:
    """Two names of one shape, so that nothing but the names tells the two files apart."""
    alike = [other for other in sorted(tensors) if tensors[other].shape == tensors[name].shape and other != name]
    if alike:
        other = one.choice(alike)
        tensors[name], tensors[other] = tensors[other], tensors[name]


def _under_another_name(tensors: dict[str, Any], name: str, one: random.Random) -> None:
    tensors[one.choice((f"{name}_", f"model.{name}", "\x1b[31m"))] = tensors.pop(name)


def _of_another_shape(tensors: dict[str, Any], name: str, one: random.Random) -> None:
    tensor = tensors[name]
    tensors[name] = one.choice((tensor.flatten(), tensor[None], tensor[:1], tensor.new_zeros(0), tensor.sum()))


def _not_finite(tensors: dict[str, Any], name: str, one: random.Random) -> None:
    value = one.choice((math.nan, math.inf, 1e38))
    for some in tensors if one.random() < 0.5 else [name]:
        tensors[some] = tensors[some] * 0 + value


def _of_another_dtype(tensors: dict[str, Any], name: str, one: random.Random) -> None:
    import torch

    dtypes = (torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.int8, torch.bool, torch.float8_e4m3fn)
    dtype = one.choice(dtypes)
    for some in tensors if one.random() < 0.5 else [name]:
        tensors[some] = tensors[some].to(dtype)


def _header_dtype(header: dict[str, Any], name: str, one: random.Random) -> None:
    header[name]["dtype"] = one.choice(("F16", "I32", "U32", "F64", "X9", "f32", None, 5, "BOOL", "F8_E4M3"))


def _header_shape(header: dict[str, Any], name: str, one: random.Random) -> None:
    shape = header[name]["shape"]
    header[name]["shape"] = one.choice((shape[::-1], [*shape, 1], [-1, *shape[1:]], ["8"], None, [2**40, 2**40], [0]))


def _header_offsets(header: dict[str, Any], name: str, one: random.Random) -> None:
    first, last = header[name]["data_offsets"]
    other = one.choice([some for some in header if some != "__metadata__"])
    size = last - first
    header[name]["data_offsets"] = one.choice(
        (
            [last, first],
            [first + 4, last + 4],
            [first, last + 4],
            [-4, size - 4],
            header[other]["data_offsets"],
            [0, size],
            None,
            [0],
        )
    )


def _header_entry(header: dict[str, Any], name: str, one: random.Random) -> None:
    header[one.choice(("__metadata__", name))] = one.choice(
        [*NASTY, {"format": "pt", "x": 5}, {"modelspec.architecture": []}]
    )


def _header_length(path: Path, one: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(struct.pack("<Q", one.choice((0, 1, 2, 10**8, 2**40, 2**64 - 1, len(content)))) + content[8:])


def _empty_header(path: Path, one: random.Random) -> None:
    text = one.choice((b"{}", b'{"__metadata__":{"format":"pt"}}', b"[]", b"null", b"[" * 50_000))
    path.write_bytes(struct.pack("<Q", len(text)) + text)


_SAFETENSORS: dict[str, Way] = {
    "tensor removed": _on_tensors(_without),
    "tensor added": _on_tensors(_with_more),
    "names exchanged": _on_tensors(_exchanged),
    "tensor renamed": _on_tensors(_under_another_name),
    "another shape": _on_tensors(_of_another_shape),
    "not finite": _on_tensors(_not_finite),
    "another dtype": _on_tensors(_of_another_dtype),
    "header: dtype": _on_header(_header_dtype),
    "header: shape": _on_header(_header_shape),
    "header: offsets": _on_header(_header_offsets),
    "header: entry": _on_header(_header_entry),
    "header: length": _header_length,
    "header: empty": _empty_header,
}
