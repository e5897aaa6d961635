"""CLIP tokenizers: their files as transformers 5 reads them, and their identity.

A tokenizer is stored in several ways: vocabulary and merges in two files or in tokenizer.json, added tokens in
added_tokens.json, in tokenizer.json or in tokenizer_config.json, special tokens there or in special_tokens_map.json.
The identity covers everything that changes the token numbers of a text, but not how it is stored. Unknown settings are
included: loading a tokenizer twice is better than encoding a text with the wrong one.

Source: _from_pretrained of transformers' tokenization_utils_base.py and tokenization_utils_tokenizers.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.reading import read_json
from graphflow.checkpoints.single_file import FilePart
from graphflow.document.refusal import Refusal
from graphflow.system.files import read_regular
from graphflow_nodes.models.clip_vocabulary import Vocabulary

Json = Mapping[str, Any]

_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_START, _END = "<|startoftext|>", "<|endoftext|>"
_SPECIAL_DEFAULTS = {"bos_token": _START, "eos_token": _END, "unk_token": _END, "pad_token": _END}
_DEFAULTS: dict[str, Any] = {
    "add_prefix_space": False,
    "do_lower_case": True,
    "model_input_names": ["input_ids", "attention_mask"],
    "padding_side": "right",
    "split_special_tokens": False,
    "truncation_side": "right",
}
_SAYS_NOTHING = (
    *("tokenizer_class", "backend", "processor_class", "name_or_path", "_name_or_path", "is_local", "verbose"),
    *("local_files_only", "tokenizer_file", "vocab_file", "merges_file", "special_tokens_map_file"),
    *("errors", "clean_up_tokenization_spaces", "chat_template"),
)
"""Settings about the origin of files, or about turning numbers back into text."""
_NO_SETTING = {*_SAYS_NOTHING, *_SPECIAL, "added_tokens_decoder", "additional_special_tokens"}
_LONGEST = 100_000


@dataclass(frozen=True)
class Token:
    """A token that is matched as a whole, before a text is split.

    Attributes:
        content: its text.
        single_word: whether it is matched only if no letters are next to it.
        lstrip, rstrip: whether white space on this side belongs to it.
        normalized: whether it is matched in the lower-case text.
        special: whether it starts, ends or pads a text.
    """

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    special: bool = False

    @classmethod
    def of(cls, told: Any, *, special: bool = False) -> Token:
        """A token as written in a file: its text, or a map.

        Raises:
            ValueError: it is neither.
        """
        if isinstance(told, str):
            return cls(told, normalized=not special, special=special)
        if not isinstance(told, Mapping) or not isinstance(told.get("content"), str):
            raise ValueError(f"{json.dumps(told)[:60]} is not a token")
        flags = {key: told[key] for key in ("single_word", "lstrip", "rstrip", "normalized", "special") if key in told}
        if wrong := next((key for key, flag in flags.items() if not isinstance(flag, bool)), None):
            raise ValueError(f"{wrong} of {told['content']} is {flags[wrong]}, neither true nor false")
        special = special or flags.get("special", False)
        return cls(told["content"], **{"normalized": not special, **flags, "special": special})


@dataclass(frozen=True)
class Tokenizer:
    """The content of a tokenizer's files.

    Attributes:
        vocabulary: token → number.
        merges: pairs of tokens, in their order.
        config: tokenizer_config.json with the additions of special_tokens_map.json.
        added: the tokens that are added to the vocabulary, in the order of their numbers.
        limits: padding and truncation in tokenizer.json, if the config does not set them.
        others: digests of other versions of tokenizer.json, one of which the config may select.
    """

    vocabulary: Mapping[str, int]
    merges: Sequence[Sequence[str]]
    config: Json
    added: tuple[Token, ...] = ()
    limits: tuple[Any, Any] = (None, None)
    others: tuple[str, ...] = ()

    @property
    def tokens(self) -> dict[str, Token]:
        """Text → token for all tokens that are matched as a whole, in the order of their numbers.

        The flags of an added token count; otherwise those of the token's last name.
        """
        added = {token.content: token for token in self.added}
        named = {token.content: token for token in (Token.of(told, special=True) for told in self._named())}
        return {**added, **{text: token for text, token in named.items() if text not in added}}

    @property
    def _extra(self) -> Any:
        return self.config.get("extra_special_tokens") or self.config.get("additional_special_tokens")

    def _named(self) -> Iterable[Any]:
        """The special tokens as written: named ones, the model's own, and others."""
        own = [key for key in self.config if key.endswith("_token") and key not in _SPECIAL]
        told = {**_SPECIAL_DEFAULTS, **{key: self.config[key] for key in (*_SPECIAL, *own) if key in self.config}}
        extra = self._extra or []
        ordered = [told.get(key) for key in _SPECIAL]
        ordered += [told[key] for key in own if isinstance(told[key], str | Mapping)]
        ordered += list(extra.values() if isinstance(extra, Mapping) else extra if isinstance(extra, list) else [extra])
        return [one for one in ordered if one is not None]

    @property
    def size(self) -> int:
        """The number of tokens; all token numbers of a text are below it."""
        new = sum(text not in self.vocabulary for text in self.tokens)
        return max(max(self.vocabulary.values()) + 1, len(self.vocabulary) + new)

    @property
    def length(self) -> int:
        """The length to which texts are cut or padded."""
        return int(self.config.get("model_max_length", self.config.get("max_len", 0)))

    def knows(self, token: str) -> bool:
        """Whether the vocabulary has a token with this text."""
        return token in self.vocabulary or token in self.tokens

    @cached_property
    def identity(self) -> str:
        """A digest of everything that changes the token numbers of a text.

        Raises:
            ValueError: a token is not valid.
        """
        tokens = [(self.vocabulary.get(text, -1), vars(token)) for text, token in self.tokens.items()]
        known = sorted((one for one in tokens if one[0] >= 0), key=lambda one: (one[0], one[1]["content"]))
        new = [one for one in tokens if one[0] < 0]
        special = [self.config.get(key, _SPECIAL_DEFAULTS.get(key)) for key in _SPECIAL]
        names = [one.get("content") if isinstance(one, Mapping) else one for one in special]
        settings = {key: value for key, value in self.config.items() if value is not None and key not in _NO_SETTING}
        settings = {**_DEFAULTS, **settings, "extra_special_tokens": self._extra or None}
        merges = [list(pair) for pair in self.merges]
        told = [sorted(self.vocabulary.items()), merges, known, new, names, settings, self.limits, self.others]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class TokenizerPart(FilePart):
    """A tokenizer of a single file, which leaves out its vocabulary."""

    vocabulary: Callable[[], Vocabulary]


def tokenizer_of(files: ComponentFiles) -> Tokenizer:
    """The content of a tokenizer's files, read as transformers reads them: tokenizer.json has precedence.

    Raises:
        Refusal: a file is missing or broken.
    """
    if isinstance(files, TokenizerPart):
        return Tokenizer(*files.vocabulary(), files.settings)
    folder = files.folder
    try:
        found = _read(folder)
        _ = found.identity  # computing it validates the whole content
    except (OSError, ValueError, KeyError) as error:
        message, fix = f"the tokenizer in {folder.name} cannot be read", "get its files again"
        raise Refusal("checkpoint-broken", message, _why(error), fix) from error
    return found


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{Path(str(error.filename)).name}: {error.strerror}"
    return f"{error} is missing in tokenizer.json" if isinstance(error, KeyError) else str(error)


def _read(folder: Path) -> Tokenizer:
    config: Json = read_json(folder / "tokenizer_config.json")
    whole = read_json(folder / "tokenizer.json") if (folder / "tokenizer.json").exists() else None
    vocabulary, merges = _words(folder, whole)
    added: dict[int, Token] = {}
    if "added_tokens_decoder" in config:
        told = _of_kind(config["added_tokens_decoder"], Mapping, "its added_tokens_decoder is not a map")
        for number, one in told.items():
            added[_number(number)] = Token.of(_of_kind(one, Mapping, f"{one} is not a token"))
    else:
        config, added = _of_earlier_files(folder, config, whole)
    if whole is not None:
        _check_whole(whole)
    _check(vocabulary, merges, config)
    limits = (None, None) if whole is None else (_limit(whole, "padding"), _limit(whole, "truncation"))
    others = tuple(hashlib.sha256(read_regular(path)).hexdigest() for path in sorted(folder.glob("tokenizer.*.json")))
    ordered = tuple(token for _, token in sorted(added.items(), key=lambda one: one[0]))
    read = Tokenizer(vocabulary, merges, config, ordered, limits, others)
    _check_in_every_text(read)
    return read


def _words(folder: Path, whole: Json | None) -> tuple[Mapping[str, int], list[Sequence[str]]]:
    """Vocabulary and merges."""
    if whole is not None:
        model = _of_kind(whole["model"], Mapping, "its model is not a map")
        pairs = _of_kind(model["merges"], list, "its merges are not pairs of tokens")
        return model["vocab"], [one.split(" ") if isinstance(one, str) else one for one in pairs]
    lines = read_regular(folder / "merges.txt").decode("utf-8").splitlines()
    merges: list[Sequence[str]] = [line.split() for line in lines if line and not line.startswith("#version")]
    return read_json(folder / "vocab.json"), merges


def _of_earlier_files(folder: Path, config: Json, whole: Json | None) -> tuple[Json, dict[int, Token]]:
    """The config and the added tokens if the config does not list these, as in the published folders."""
    if (folder / "special_tokens_map.json").exists():
        config = {**config, **read_json(folder / "special_tokens_map.json")}
    added: dict[int, Token] = {}
    if (folder / "added_tokens.json").exists():
        named = {Token.of(one).content for one in Tokenizer({}, [], config)._named()}
        for content, number in read_json(folder / "added_tokens.json").items():
            added[_number(number)] = Token.of(content, special=content in named)
    if whole is not None:
        for told in _of_kind(whole["added_tokens"], list, "its added_tokens is not a list"):
            added[_number(_of_kind(told, Mapping, f"{told} is not a token")["id"])] = Token.of(told)
    return config, added


def _check_whole(whole: Json) -> None:
    """Raise a ValueError if a part of tokenizer.json has a wrong type."""
    for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        part = whole.get(key)
        if part is not None and not (isinstance(part, Mapping) and isinstance(part.get("type"), str)):
            raise ValueError(f"its {key} is not a map with a type")
    for key, part in (("padding", "strategy"), ("truncation", "max_length")):
        if whole.get(key) is not None and not (isinstance(whole[key], Mapping) and part in whole[key]):
            raise ValueError(f"its {key} is not a map with a {part}")
    if not isinstance(whole.get("version", "1.0"), str):
        raise ValueError("its version is not text")


def _check_in_every_text(read: Tokenizer) -> None:
    """Raise a ValueError if a token that starts, ends or pads texts has no number in the vocabulary.

    transformers would give it the next free number, which is outside the text encoder's table.
    """
    known = {*read.vocabulary, *(token.content for token in read.added)}
    for key in ("bos_token", "eos_token", "pad_token"):
        told = read.config.get(key, _SPECIAL_DEFAULTS[key])
        if told is not None and (content := Token.of(told).content) not in known:
            raise ValueError(f"its {key} is {content}, which is neither in its vocabulary nor among its added tokens")


def _of_kind(value: Any, kind: type, else_: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(else_)
    return value


def _limit(whole: Json, key: str) -> Any:
    return None if whole.get(key) is None else _of_kind(whole[key], Mapping, f"its {key} is not a map")


def _number(told: object) -> int:
    if not isinstance(told, int | str):
        raise ValueError(f"{told} is not a number")
    return int(told)


def _check(vocabulary: Any, merges: list[Any], config: Json) -> None:
    """Raise a ValueError if they are not valid for any tokenizer."""
    if (
        not vocabulary
        or not isinstance(vocabulary, Mapping)
        or not all(type(number) is int for number in vocabulary.values())
    ):
        raise ValueError("its vocabulary is not a map from tokens to numbers")
    if not all(isinstance(pair, list) and list(map(type, pair)) == [str, str] for pair in merges):
        raise ValueError("its merges are not pairs of tokens")
    for left, right in merges:
        if missing := next((one for one in (left, right, left + right) if one not in vocabulary), None):
            raise ValueError(f"its merges give {missing}, which is not in its vocabulary")
    if "pad_token" in config and config["pad_token"] is None:
        raise ValueError("it has no pad_token, which pads texts to the same length")
    for key in ("padding_side", "truncation_side"):
        if config.get(key) not in (None, "left", "right"):
            raise ValueError(f"its {key} is {config[key]}, neither left nor right")
    longest = config.get("model_max_length", config.get("max_len"))
    if type(longest) is not int or not 0 < longest < _LONGEST:
        raise ValueError(f"its model_max_length is {longest}, but texts are padded to it")
