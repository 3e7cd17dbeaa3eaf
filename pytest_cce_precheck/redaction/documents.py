"""Mask what a JSON text, whole or broken, holds beyond the calls' schemas; everything else keeps its spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from pytest_cce_precheck._secret_patterns import names_a_secret
from pytest_cce_precheck.redaction.pseudonyms import ID_FIELDS, folded
from pytest_cce_precheck.redaction.spellings import MASK, is_closed, said_by
from pytest_cce_precheck.schema_files import OPENAPI, load_schema

Clean = Callable[[str], str]
Keys = Literal["known", "free", "masked"]

# in the Python, Go and Java SDKs: some answers to the create call have the status of another call
_OF_THE_SDKS: Final = ("phase", "itemsStatus")
# the settings of an add-on: the test's own data, which the answer repeats and a rule compares
_FREE: Final = "values"

_STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+'
_TOKEN: Final = re.compile(
    # strings as JSON and as Python write them
    rf"(?P<string>{_STRING}\"?|'[^'\"\\\n]*+')(?P<colon>\s*+:)?"
    r"|(?P<open>[{\[])|(?P<close>[}\]])|(?P<comma>,)|(?P<word>[^\s\"'{}\[\],:]++)|\s++|.",
    re.DOTALL,
)
_KEY: Final = re.compile(rf'({_STRING}")(\s*+:)?', re.DOTALL)
_OTHER_KEY: Final = re.compile(r"'\s*:")
_NUMBER: Final = re.compile(r"[-+]?[0-9.][0-9.eE+-]*")
_LITERALS: Final = frozenset({"true", "false", "null", "NaN", "Infinity", "-Infinity", "True", "False", "None"})


def redacted(text: str, clean: Clean, clean_id: Clean) -> str:
    """Return ``text`` with every unknown key as ``masked_1`` …, its value masked, and everything else cleaned.

    ``clean`` removes the secrets of a text, ``clean_id`` those of the value of a field for ids. A masked value keeps
    its type: a string becomes ``***``, a number 0. Text that is not JSON is read as JSON as far as possible; its words
    are cleaned.

    >>> redacted('{"kind": "AddonCheck", "owner": {"name": "x", "age": 1.5}', str, str)
    '{"kind": "AddonCheck", "masked_1": {"masked_1": "***", "masked_2": 0}'
    """
    if _is_documented(text) and clean(text) == text:
        return text
    walk = _Walk(clean, clean_id)
    shown = "".join(walk.tokens(text))
    # outside of quotes, a secret may have several tokens
    return clean(shown) if walk.prose else shown


def is_known(name: str) -> bool:
    """Whether a schema has a field of this name, in any case, with or without ``-`` and ``_``.

    >>> is_known("createTimestamp"), is_known("password")
    (True, False)
    """
    return folded(name) in _known_names()


@cache
def _known_names() -> frozenset[str]:
    return frozenset(map(folded, (*_properties(load_schema(OPENAPI)), *_OF_THE_SDKS)))


def _properties(schema: Any) -> Iterator[str]:
    for name, part in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if isinstance(part, dict | list) and name not in ("example", "examples"):
            yield from part if name == "properties" else ()
            yield from _properties(part)


def _is_documented(text: str) -> bool:
    """Whether all keys are known and no string is escaped: a quick test that makes the walk unnecessary."""
    if "\\" in text or text.count('"') % 2 or ("'" in text and _OTHER_KEY.search(text)):
        return False
    keys = {string for string, colon in _KEY.findall(text) if colon}
    return all(name != _FREE and is_known(name) for name in (key[1:-1] for key in keys))


@dataclass
class _Container:
    keys: Keys
    is_object: bool
    numbers: dict[str, int] = field(default_factory=dict)


class _Walk:
    """Reads a text token by token; ``prose`` is set if there are words outside of quotes."""

    def __init__(self, clean: Clean, clean_id: Clean) -> None:
        self.prose = False
        self._clean = clean
        self._clean_id = clean_id
        self._within = [_Container("known", is_object=False)]
        self._start_of_member()

    def tokens(self, text: str) -> Iterator[str]:
        """Yield each token as it is shown."""
        for match in _TOKEN.finditer(text):
            string, colon = match["string"], match["colon"]
            if string and colon:
                yield self._key(string) + colon
            elif string:
                yield self._string(string)
            elif match["word"]:
                yield self._word(match[0])
            else:
                self._punctuation(match.lastgroup, match[0])
                yield match[0]

    def _start_of_member(self) -> None:
        # whether the next value is masked, whether its keys are free, whether it is an id, whether it has a key
        self._hidden, self._free, self._is_id, self._keyed = False, False, False, False

    def _punctuation(self, kind: str | None, mark: str) -> None:
        if kind == "open":
            keys: Keys = "masked" if self._masking else "free" if self._free else self._within[-1].keys
            self._within.append(_Container(keys, mark == "{"))
        elif kind == "close" and len(self._within) > 1:
            self._within.pop()
        if kind:
            self._start_of_member()

    @property
    def _masking(self) -> bool:
        return self._hidden or self._within[-1].keys == "masked"

    def _key(self, string: str) -> str:
        name, within = said_by(string), self._within[-1]
        self._start_of_member()
        self._keyed = True
        if within.keys == "free":
            self._hidden = names_a_secret(name)
            return _changed(string, self._clean)
        if within.keys == "known" and is_known(name):
            self._free, self._is_id = name == _FREE, folded(name) in ID_FIELDS
            return string
        self._hidden = True
        number = within.numbers.setdefault(name, len(within.numbers) + 1)
        return f"{string[0]}masked_{number}{string[-1]}"

    def _string(self, string: str) -> str:
        within, closed = self._within[-1], is_closed(string)
        if within.is_object and not self._keyed and not closed and within.keys != "free":
            # the text ends within a key
            is_known_yet = within.keys == "known" and _begins_a_known_name(string[1:])
            return string if is_known_yet else f"{string[0]}masked_{len(within.numbers) + 1}"
        if self._masking:
            return string[0] + MASK + (string[0] if closed else "")
        return _changed(string, self._clean_id if self._is_id else self._clean)

    def _word(self, word: str) -> str:
        if word in _LITERALS:
            return word
        is_number = _NUMBER.fullmatch(word)
        if self._masking:
            return "0" if is_number else MASK
        self.prose = self.prose or not is_number
        return word


def _begins_a_known_name(start: str) -> bool:
    return any(name.startswith(folded(start)) for name in _known_names())


def _changed(string: str, clean: Clean) -> str:
    """Clean what a string says; if nothing changes, it keeps its spelling."""
    said = said_by(string)
    cleaned = clean(said)
    if cleaned == said:
        return string
    escaped = json.dumps(cleaned, ensure_ascii=string.isascii())[1:-1] if "\\" in string else cleaned
    return string[0] + escaped + (string[0] if is_closed(string) else "")
