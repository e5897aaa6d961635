"""The check of weighted texts agrees with compel's own parser."""

from __future__ import annotations

import pytest
from compel import PromptParser

from graphflow_nodes.planning.prompt_syntax import mistakes

READ = [
    ("a (red)1.5 circle", "[Fragment:'a'@1.0, Fragment:'red'@1.5, Fragment:'circle'@1.0]"),
    ("a (red circle)+", "[Fragment:'a'@1.0, Fragment:'red circle'@1.1]"),
    (r"a \(red\) circle", "[Fragment:'a (red) circle'@1.0]"),
    ('a "red (circle)1.5"', "[Fragment:'a red'@1.0, Fragment:'circle'@1.5]"),
    ('("a", "b").blend(1, 0.5)', "[Fragment:'b'@1.0]] | weights  [1.0, 0.5]"),
    ('("a", (b)).and()', "[Fragment:'b'@1.0]] | type AND | weights [1.0, 1.0]"),
    ('("a", "b").blend(1, -1, no_normalize)', "(non-normalized) [1.0, -1.0]"),
]
AS_PLAIN_TEXT = ["a ((red)1.5", "a (red)1.5)", '("a", "b).and()', 'x ("a", "b").blend(1, 1)', "(a b, c).and()"]
FAILING = ['("a", "b").blend(1)', '("a", "b").and(1, 2, 3)', '("a", "b").blend(x, 1)']


@pytest.mark.parametrize(("text", "words"), READ)
def test_a_text_without_mistakes_is_read_with_its_weights(text, words):
    assert list(mistakes(text)) == []
    assert words in str(PromptParser().parse_conjunction(text))


@pytest.mark.parametrize("text", AS_PLAIN_TEXT)
def test_a_mistake_makes_compel_read_syntax_as_text(text):
    assert len(list(mistakes(text))) == 1
    (prompt,) = PromptParser().parse_conjunction(text).prompts
    assert {fragment.weight for fragment in prompt.children} <= {1.0, 1.5}
    assert any(mark in str(prompt) for mark in ("(", ")", "blend", "and"))


@pytest.mark.parametrize("text", FAILING)
def test_a_mistake_makes_compel_fail(text):
    assert len(list(mistakes(text))) == 1
    with pytest.raises((ValueError, PromptParser.ParsingException)):
        PromptParser().parse_conjunction(text)
