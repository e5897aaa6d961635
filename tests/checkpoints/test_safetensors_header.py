"""Headers are read as safetensors reads them."""

from __future__ import annotations

import random
import re

import pytest
from safetensors import SafetensorError, safe_open

from graphflow.checkpoints import safetensors_header
from graphflow.checkpoints.safetensors_header import Tensors
from tests.checkpoints.safetensors_files import file, tensor

BROKEN = {
    "overlap": ({"x": tensor(0, 8), "y": tensor(4, 12)}, 12, "x and y share bytes"),
    "same place": ({"x": tensor(0, 8), "y": tensor(0, 8)}, 8, "x and y share bytes"),
    "a hole": ({"x": tensor(0, 4), "y": tensor(8, 12)}, 12, "4 bytes before y belong to no tensor"),
    "a hole first": ({"x": tensor(4, 8)}, 8, "4 bytes before x belong to no tensor"),
    "unknown type": ({"x": tensor(0, 4, "F31")}, 4, "x is of the type F31, which is not a type of safetensors"),
    "no text for a type": ({"x": tensor(0, 4, 32)}, 4, "x is of the type 32"),
    "negative": ({"x": tensor(0, 4, shape=[-1, -1])}, 4, "x has the shape [-1, -1]"),
    "backwards": ({"x": tensor(4, 0, shape=[0])}, 4, "x has the shape [0] and lies at [4, 0]"),
    "fraction": ({"x": tensor(0, 4, shape=[1.0])}, 4, "x has the shape [1.0]"),
    "true": ({"x": tensor(0, 4, shape=[True])}, 4, "x has the shape [True]"),
    "metadata": ({"__metadata__": {"a": 1}, "x": tensor(0, 4)}, 4, "a value of its __metadata__ is not text"),
    "NaN": (b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "z": NaN}}', 4, "NaN in its header"),
    "no name": (b'{"\\ud800": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', 4, "surrogates not allowed"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_header_that_safetensors_refuses_is_refused_when_it_is_read(case, tmp_path):
    header, size, why = BROKEN[case]
    path = file(tmp_path / "a.safetensors", header, bytes(size))
    with pytest.raises((SafetensorError, ValueError)), safe_open(path, "pt"):
        pass
    with pytest.raises(ValueError, match=re.escape(why)):
        Tensors.of(path)


@pytest.mark.parametrize("header", [{}, {"__metadata__": {"format": "pt"}}])
def test_file_without_tensors_holds_no_component(header, tmp_path):
    with pytest.raises(ValueError, match="it holds no tensor"):
        Tensors.of(file(tmp_path / "a.safetensors", header, b""))


@pytest.mark.parametrize("dtype", safetensors_header._BITS)
def test_every_type_of_safetensors_is_read(dtype, tmp_path):
    size = safetensors_header._BITS[dtype]  # bytes of eight elements
    path = file(tmp_path / "a.safetensors", {"x": tensor(0, size, dtype, [8])}, bytes(size))
    with safe_open(path, "pt"):
        assert Tensors.of(path).tensors["x"].count == 8


def test_mutated_headers_are_refused_exactly_where_safetensors_refuses_them(tmp_path):
    """Offsets, shapes and types of two small tensors, changed by chance."""
    choose = random.Random(0)
    told = {True: 0, False: 0}
    for _ in range(600):
        header = {"x": tensor(0, 4), "y": tensor(4, 12), "z": tensor(12, 12)}
        for _ in range(choose.randint(0, 2)):
            one = header[choose.choice("xyz")]
            one["data_offsets"] = choose.choice([one["data_offsets"], [choose.choice((0, 4, 8, 12)) for _ in "ab"]])
            one["shape"] = choose.choice([one["shape"], [0], [1], [2], [1, 2], [], ["1"]])
            one["dtype"] = choose.choice([one["dtype"], "F32", "I32", "F64", "BOOL", "Q8"])
        path = file(tmp_path / "a.safetensors", header, bytes(choose.choice((12, 12, 12, 8))))
        try:
            with safe_open(path, "pt"):
                expected = True
        except SafetensorError:
            expected = False
        try:
            Tensors.of(path)
            found = True
        except ValueError:
            found = False
        assert found is expected, header
        told[found] += 1
    assert min(told.values()) > 50


def test_what_a_header_tells_cannot_be_changed(tmp_path):
    found = safetensors_header.read_tensors(file(tmp_path / "a.safetensors", {"x": tensor(0, 4)}, bytes(4)))
    with pytest.raises(TypeError):
        found.tensors["y"] = found.tensors["x"]  # type: ignore[index]
    assert list(safetensors_header.read_tensors(tmp_path / "a.safetensors").tensors) == ["x"]
