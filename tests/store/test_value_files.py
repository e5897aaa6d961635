"""Values come back from their files as they were, or are refused."""

import random
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open

from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.store.value_files import DamagedContent, UnstoredType, decode, encode
from graphflow.values.any_value import digest_of
from graphflow.values.control import Control
from graphflow.values.tensor_values import Latents
from tests.store.pictures import picture
from tests.store.samples import ALL, PLAIN, SPACE, TENSORS, drawn


def content(value):
    return b"".join(encode(value))


def tensors_of(value):
    items = value if isinstance(value, tuple) else (value,)
    for item in items:
        found = [item.tensor] if isinstance(item, Latents) else [*getattr(item, "tensors", {}).values()]
        generator = getattr(item, "generator", None)
        yield from [*found, *([] if generator is None else [generator])]


@pytest.mark.parametrize("name", ALL)
def test_a_value_comes_back_as_it_was(name):
    value = ALL[name]
    back = decode(content(value), digest_of(value))
    assert type(back) is type(value)
    assert digest_of(back) == digest_of(value)
    if name in PLAIN and name != "nan":
        assert (back, repr(back)) == (value, repr(value))


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_come_back_with_their_type_and_memory_format(name):
    value = ALL[name]
    both = list(zip(tensors_of(value), tensors_of(decode(content(value), digest_of(value))), strict=True))
    assert both
    for before, after in both:
        assert (after.dtype, after.shape, after.requires_grad) == (before.dtype, before.shape, False)
        assert torch.equal(after, before)
    if name == "channels-last latents":
        assert both[0][1].stride() == both[0][0].stride()


def test_everything_that_is_no_tensor_comes_back_too():
    value = TENSORS["noisy latents"]
    back = decode(content(value), digest_of(value))
    assert (back.space, back.space.precision, back.noise) == (value.space, value.space.precision, value.noise)
    value = TENSORS["conditioning"]
    back = decode(content(value), digest_of(value))
    assert (back.readout, back.encoder, back.encoding) == (value.readout, value.encoder, value.encoding)
    value = TENSORS["image embedding with a generator"]
    back = decode(content(value), digest_of(value))
    assert back.space == value.space
    before, after = torch.Generator(), torch.Generator()
    before.set_state(value.generator)
    after.set_state(back.generator)
    assert torch.equal(torch.rand(3, generator=after), torch.rand(3, generator=before))


def test_a_tensor_that_is_changed_later_does_not_change_what_was_read():
    value = Latents(drawn(1, 4, 2, 2), SPACE)
    written = content(value)
    first = decode(written, value.digest)
    first.tensor.add_(1)
    assert torch.equal(decode(written, value.digest).tensor, value.tensor)


@pytest.mark.parametrize("name", ["image", "list of pictures", "latents in bfloat16", "conditioning"])
def test_a_file_is_a_safetensors_file(name, tmp_path):
    path = tmp_path / "value.safetensors"
    path.write_bytes(content(ALL[name]))
    with safe_open(path, "pt") as file:
        assert sorted(file.keys()) == sorted(Tensors.of(path).tensors)
        assert sum(file.get_tensor(key).nbytes for key in file.keys()) > 0  # noqa: SIM118


def test_the_value_of_a_type_that_names_other_files_is_not_written():
    class Net:
        identity = "net"

    class Other:
        digest = "other"

    for value in (Control(picture(), Net()), Other(), [1], (1, Other()), 1j):
        with pytest.raises(UnstoredType):
            encode(value)
    with pytest.raises(UnstoredType):
        encode(Latents(torch.zeros(1, dtype=torch.complex64), SPACE))


@pytest.mark.parametrize("name", ["text", "int", "list of everything", "image", "animation", "noisy latents"])
def test_a_damaged_file_is_refused_or_is_the_same_value(name):
    value, chance = ALL[name], random.Random(name)
    whole, digest = content(value), digest_of(value)
    places = range(len(whole)) if len(whole) < 600 else chance.sample(range(len(whole)), 500) + list(range(100))
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        refuse_or_same(bytes(damaged), digest)
    for end in (0, 1, 7, 8, 9, 40, len(whole) // 2, len(whole) - 9):
        with pytest.raises(DamagedContent):
            decode(whole[:end], digest)


def refuse_or_same(damaged, digest):
    """A byte of the header's padding may be any; every other one counts."""
    try:
        value = decode(damaged, digest)
    except DamagedContent:
        return
    assert digest_of(value) == digest


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"__metadata__": {}}',
        b'{"__metadata__": {"kind": "graphflow-value-1", "value": "[]"}}',
        b'{"__metadata__": {"kind": "graphflow-value-1", "value": "[\\"image\\", 0]"}}',
        b'{"__metadata__": {"kind": "graphflow-value-1", "value": "[\\"int\\", 5]"}}',
        b'{"__metadata__": {"kind": "graphflow-value-1", "value": "[\\"float\\", \\"0x1p99999\\"]"}}',
        b'{"__metadata__": {"kind": "graphflow-value-1", "value": "[\\"list\\", 5]"}}',
        b'{"__metadata__": {"kind": "graphflow-value-0", "value": "[\\"none\\", null]"}}',
        b"""{"__metadata__": {"kind": "graphflow-value-1", "value": "[\\"latents\\", [0, false], \\"{}\\", null]"},
        "0": {"dtype": "F32", "shape": [-1, -4], "data_offsets": [0, 4]}}""",
        b"[" * 100_000,
    ],
)
def test_a_header_of_something_else_is_refused(header):
    with pytest.raises(DamagedContent):
        decode(len(header).to_bytes(8, "little") + header + bytes(4), digest_of(None))


def test_another_value_than_the_one_that_is_asked_for_is_refused():
    with pytest.raises(DamagedContent, match="another value"):
        decode(content(1), digest_of(2))


def test_values_without_tensors_are_written_and_read_without_torch():
    program = """
import sys
import graphflow as gf
from graphflow.store.value_files import decode, encode
from graphflow.values.any_value import digest_of
picture = gf.Image(bytes(12), 2, 2)
for value in (1, "text", (picture, gf.Mask(bytes(4), 2, 2)), gf.Animation((picture,))):
    assert decode(b"".join(encode(value)), digest_of(value)) == value
assert not {"torch", "numpy", "safetensors", "filelock"} & sys.modules.keys(), sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
