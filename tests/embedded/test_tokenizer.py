"""The vocabulary: every caption word is one token, any text can be spelled."""

from itertools import pairwise

from graphflow_embedded.make import tokenizer, words


def test_letters_stand_for_every_byte_once() -> None:
    assert len(set(tokenizer.letters())) == 256


def test_merging_leaves_every_caption_word_whole() -> None:
    rules = tokenizer.merges(["star", "start", "stars", "at", "that"])
    ranks = {rule: rank for rank, rule in enumerate(rules)}
    for word in ("star", "start", "stars", "at", "that"):
        symbols = [*word[:-1], word[-1] + "</w>"]
        while pairs := [pair for pair in pairwise(symbols) if pair in ranks]:
            symbols = tokenizer._merged(symbols, min(pairs, key=ranks.__getitem__))
        assert symbols == [word + "</w>"]


def test_vocabulary_holds_the_words_of_every_attribute() -> None:
    known = set(words.every_word())
    assert known >= {*words.SHAPES, *words.COLOURS, "small", "large", "pixel", "sketch", "road"}
