"""Stand-ins for the ids of projects, clusters, add-on instances and tasks, of the same form and always the same."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ID_FIELDS: Final = frozenset({"taskid", "addoninstanceid", "clusterid", "projectid", "uid"})
"""The fields that hold an id, as `folded` writes them."""

# what is shared by chance is shorter than this; so are the ids that are too short to stand for anybody
_RUN: Final = 6
# so long an id is replaced wherever it is met, a shorter one as a word
_UNMISTAKABLE: Final = 16
_MOST_TURNS: Final = 1000
_HEX: Final = re.compile(r"[0-9a-fA-F-]+")
_ALNUM: Final = re.compile(r"[0-9A-Za-z]")
_MEMBER: Final = re.compile(r'"([A-Za-z_-]{1,40})"\s*+:\s*+("(?:[^"\\\x00-\x1f]|\\.)++")')
# the letters of ASCII and their full-width forms are one, in either case
_WIDE: Final = 0xFEE0
_FOLDED: Final = {
    **{ord(letter): ord(letter.lower()) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{code + _WIDE: ord(chr(code).lower()) for code in range(0x21, 0x7F)},
}
_LEVELS: Final = 3
_ENCODED: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})++|.", re.DOTALL)


def folded(name: str) -> str:
    """Return a field's or parameter's name without regard to case, ``-`` and ``_``.

    >>> folded("addon_instance_id") == folded("addonInstanceID")
    True
    """
    return name.lower().replace("_", "").replace("-", "")


def ids_in(body: bytes) -> frozenset[str]:
    """Return the ids that a body shows in the fields for ids, wherever these are, also where the JSON is broken.

    >>> sorted(ids_in(b'{"spec": {"clusterID": "c-1"}, "items": [{"metadata": {"taskID": "t-1", "type": "x"}}]}'))
    ['c-1', 't-1']
    """
    found = _MEMBER.findall(body.decode("utf-8", "replace"))
    return frozenset(_decoded(value) for name, value in found if folded(name) in ID_FIELDS)


def _decoded(literal: str) -> str:
    try:
        return str(json.loads(literal))
    except ValueError:
        return literal[1:-1]


@dataclass(frozen=True)
class _Shared:
    """A run of characters that a text shares with an id, or with a stand-in, which then stands for itself."""

    start: int
    length: int
    source: str
    offset: int


class Pseudonyms:
    """Stand-ins for ``ids``: consistent, as long, and of the same form.

    A digit stands for a digit, a letter for a letter of its case (a hexadecimal one in a hexadecimal id), all else for
    itself; the last hexadecimal digit is kept, since that is where an id is made one that nothing has, and ids that
    differ in it alone have stand-ins that do. A stand-in depends on its id alone, so it is the same in every cassette,
    unless two of one set would be the same. An id of fewer than six characters, or without a digit, is a word.

    >>> stand_ins = Pseudonyms(["8ca259cc-553b-11e9-926f-0255ac101a31"])
    >>> stand_ins.text("task 8ca259cc-553b-11e9-926f-0255ac101a31 is unknown")
    'task 3ac243ae-421b-78e7-916a-0245aa450d91 is unknown'
    >>> stand_ins.derived("8CA259CC-553B%")
    '3AC243AE-421B%'
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._of = dict(_stand_ins(sorted({each for each in ids if _is_somebodys(each)})))
        # the lengths of the ids that begin with these characters, the longest first
        lengths: dict[str, set[int]] = defaultdict(set)
        for each in self._of:
            lengths[each[:_RUN]].add(len(each))
        self._lengths = {head: sorted(known, reverse=True) for head, known in lengths.items()}

    def __repr__(self) -> str:
        return f"<Pseudonyms of {len(self._of)} ids>"

    def text(self, text: str) -> str:
        """Return ``text`` with every id in it, whole and as it is spelt, as its stand-in."""
        pieces, end = [], 0
        for start, known in _whole(text, self._lengths, self._of):
            if start >= end:
                pieces += [text[end:start], self._of[known]]
                end = start + len(known)
        return "".join(pieces) + text[end:] if pieces else text

    def derived(self, text: str) -> str:
        """Return ``text``, which was made from an id, as the same would be made from the stand-in.

        Whatever ``text`` shares with an id, in either case and width, becomes the same part of its stand-in.
        """
        plain, taken, made = text.translate(_FOLDED), bytearray(len(text)), list(text)
        for shared in self._shared(plain):
            start, stop = shared.start, shared.start + shared.length
            while start < stop and taken[start]:
                start += 1
            while start < stop and taken[stop - 1]:
                stop -= 1
            if stop - start < _RUN:
                continue
            taken[start:stop] = b"\1" * (stop - start)
            other = self._folded[shared.source]
            for place in range(start, stop):
                made[place] = _as(text[place], other[place - shared.start + shared.offset])
        return "".join(made)

    def encoded(self, text: str) -> str:
        """Return percent-encoded ``text`` as `derived` makes it, spelt as it was: encoded where it was, or twice."""
        return self._encoded(text, _LEVELS)

    def _encoded(self, text: str, levels: int) -> str:
        units = [unit for match in _ENCODED.finditer(text) for unit in _units(match[0])]
        plain = "".join(character for character, _ in units)
        deeper = levels > 1 and "%" in plain and plain != text
        made = self._encoded(plain, levels - 1) if deeper else self.derived(plain)
        return "".join(
            spelt if new == old else _spelt(new, spelt) for (old, spelt), new in zip(units, made, strict=True)
        )

    @cached_property
    def _folded(self) -> Mapping[str, str]:
        known = {each.translate(_FOLDED): stand_in.translate(_FOLDED) for each, stand_in in self._of.items()}
        # what is a stand-in already stays as it is
        return {stand_in: stand_in for stand_in in known.values()} | known

    @cached_property
    def _runs(self) -> Mapping[str, list[tuple[str, int]]]:
        """Where each run of six characters stands, in ids and stand-ins."""
        runs: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for source in self._folded:
            for offset in range(len(source) - _RUN + 1):
                runs[source[offset : offset + _RUN]].append((source, offset))
        return dict(runs)

    def _shared(self, plain: str) -> list[_Shared]:
        """Find all runs that cannot be made longer, the longest first; of equals, stand-ins first."""
        found = []
        for start in range(len(plain) - _RUN + 1):
            for source, offset in self._runs.get(plain[start : start + _RUN], ()):
                if not (start and offset and plain[start - 1] == source[offset - 1]):
                    found.append(_Shared(start, _common(plain, start, source, offset), source, offset))
        found.sort(key=lambda each: (-each.length, self._folded[each.source] != each.source, each.start, each.source))
        return found


def _is_somebodys(text: str) -> bool:
    changeable = _ALNUM.findall(text[: len(text) // 2])
    return len(text) >= _RUN and len(changeable) > 1 and any(map(str.isdigit, text)) and text.isprintable()


def _stand_ins(ids: list[str]) -> Iterator[tuple[str, str]]:
    # whatever the case: a text may hold an id in the other one
    taken = {each.lower() for each in ids}
    for each in ids:
        for turn in range(_MOST_TURNS):
            stand_in = _stand_in(each, turn)
            if stand_in.lower() not in taken:
                break
        else:
            raise ConfigurationError(
                f"{len(ids)} ids such as {each!r} are too alike to have a stand-in each: record without pseudonyms"
            )
        taken.add(stand_in.lower())
        yield each, stand_in


def _stand_in(text: str, turn: int) -> str:
    letters = "abcdef" if _HEX.fullmatch(text) else "abcdefghijklmnopqrstuvwxyz"
    last = max(map(text.rfind, "0123456789abcdef"))
    changed = last if last >= len(text) // 2 else len(text) - 1
    made = []
    # without the digit that is kept: ids that differ in it alone have stand-ins that do
    for character, octet in zip(text[:changed], _octets(text[:changed] + text[changed + 1 :], turn), strict=False):
        if character in "0123456789":
            made.append(chr(ord("0") + octet % 10))
        elif character.isascii() and character.isalpha():
            letter = letters[octet % len(letters)]
            made.append(letter if character.islower() else letter.upper())
        else:
            made.append(character)
    return "".join(made) + text[changed:]


def _octets(text: str, turn: int) -> Iterator[int]:
    block = 0
    while True:
        yield from sha256(f"{turn}/{block}/{text}".encode()).digest()
        block += 1


def _whole(text: str, lengths: Mapping[str, list[int]], known: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Return each id in a text with its place; they may overlap."""
    for start in range(len(text) - _RUN + 1):
        if text[start : start + _RUN] in lengths:
            for length in lengths[text[start : start + _RUN]]:
                found = text[start : start + length]
                if found in known and (length >= _UNMISTAKABLE or _is_word(text, start, start + length)):
                    yield start, found
                    break


def _is_word(text: str, start: int, stop: int) -> bool:
    return not any(beside.isalnum() for beside in (text[start - 1 : start], text[stop : stop + 1]))


def _common(one: str, start: int, other: str, offset: int) -> int:
    length, most = _RUN, min(len(one) - start, len(other) - offset)
    while length < most and one[start + length] == other[offset + length]:
        length += 1
    return length


def _as(old: str, new: str) -> str:
    """Return a character of a stand-in in the case and width of the one that it stands for."""
    wide = ord(old) > _WIDE
    if (chr(ord(old) - _WIDE) if wide else old).isupper():
        new = new.upper()
    return chr(ord(new) + _WIDE) if wide else new


def _units(match: str) -> Iterator[tuple[str, str]]:
    """Split what is percent-encoded into its characters, each with how it is spelt."""
    if len(match) < 3:
        yield match, match
        return
    start = 0
    for character in bytes.fromhex(match.replace("%", "")).decode("utf-8", "surrogateescape"):
        stop = start + 3 * len(character.encode("utf-8", "surrogateescape"))
        yield character, match[start:stop]
        start = stop


def _spelt(character: str, like: str) -> str:
    if not like.startswith("%"):
        return character
    digits = "%{:02x}" if re.search("[a-f]", like) else "%{:02X}"
    return "".join(digits.format(octet) for octet in character.encode())
