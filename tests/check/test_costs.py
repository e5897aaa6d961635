"""The cost of a check, as the number of times that each thing is read."""

from collections import Counter

import pytest

from graphflow.document import tree
from graphflow.document.text import read_text
from tests.plan.toys import graph

CHAIN = """
nodes:
  start: {type: number, value: 3}
  middle: {type: add, a: $start, plus: 7}
  end: {type: add, a: $middle, b: $start}
outputs: {end: $end}
"""


def test_each_text_of_a_document_is_split_into_its_references_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()

    def counted(text: str) -> tuple:
        read[text] += 1
        return read_text(text)

    monkeypatch.setattr(tree, "read_text", counted)
    chain = graph(CHAIN)
    assert chain.check().ok
    assert chain.check({}, seed=1).ok
    assert read == {"$start": 2, "$middle": 1, "$end": 1}
