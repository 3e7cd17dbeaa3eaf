"""Pseudonyms for the ids of projects, clusters, add-on instances and tasks: of the same form, and always the same."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import count, pairwise
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.redaction.spellings import said_by
from pytest_cce_precheck.wire.exchange import Request, Response
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from pytest_cce_precheck.cassette.format import Recording

ID_FIELDS: Final = frozenset({"taskid", "addoninstanceid", "clusterid", "projectid", "uid"})
"""The fields that hold an id, as `folded` writes them."""

# texts that share this many characters do not do so by chance; shorter ids get no pseudonym
_RUN: Final = 6
# an id of this length is replaced anywhere, a shorter one only as a word
_UNMISTAKABLE: Final = 16
_MOST_TURNS: Final = 1000
_HEX: Final = re.compile(r"[0-9a-fA-F-]+")
_ALNUM: Final = re.compile(r"[0-9A-Za-z]")
_MEMBER: Final = re.compile(r'"([A-Za-z_-]{1,40})"\s*+:\s*+("(?:[^"\\\x00-\x1f]|\\.)++")')
# ASCII letters and their full-width forms are the same, in either case
_WIDE: Final = 0xFEE0
_FOLDED: Final = {
    **{ord(letter): ord(letter.lower()) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{code + _WIDE: ord(chr(code).lower()) for code in range(0x21, 0x7F)},
}
_LEVELS: Final = 3
_WHOLE_ID: Final = re.compile(r"[0-9A-Za-z-]+")
_ENCODED: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})++|.", re.DOTALL)


def folded(name: str) -> str:
    """Return the name of a field or parameter without case, ``-`` and ``_``.

    >>> folded("addon_instance_id") == folded("addonInstanceID")
    True
    """
    return name.lower().replace("_", "").replace("-", "")


def ids_in(body: bytes) -> frozenset[str]:
    """Return the ids in a body's fields for ids, at any depth, also if the JSON is broken.

    >>> sorted(ids_in(b'{"spec": {"clusterID": "c-1"}, "items": [{"metadata": {"taskID": "t-1", "type": "x"}}]}'))
    ['c-1', 't-1']
    """
    found = _MEMBER.findall(body.decode("utf-8", "replace"))
    return frozenset(said_by(value) for name, value in found if folded(name) in ID_FIELDS)


@dataclass(frozen=True)
class _Shared:
    """A run of characters that a text shares with an id, or with a pseudonym, which is its own pseudonym."""

    start: int
    length: int
    source: str
    offset: int


class Pseudonyms:
    """Pseudonyms for ``ids``: consistent, of the same length and form.

    A digit becomes a digit, a letter a letter of its case (a hexadecimal one in a hexadecimal id), other characters are
    kept. So is the last hexadecimal digit, which the suite changes to make an unknown id: ids that differ in it alone
    have pseudonyms that do. A pseudonym depends on its id alone, so it is the same in every cassette, unless two of one
    set would be equal. An id of fewer than six characters, or without a digit, is a word and is kept.

    >>> pseudonyms = Pseudonyms(["8ca259cc-553b-11e9-926f-0255ac101a31"])
    >>> pseudonyms.text("task 8ca259cc-553b-11e9-926f-0255ac101a31 is unknown")
    'task 3ac243ae-421b-78e7-916a-0245aa450d91 is unknown'
    >>> pseudonyms.derived("8CA259CC-553B%")
    '3AC243AE-421B%'
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._of = dict(_pseudonyms_of(sorted({each for each in ids if _is_an_id(each)})))
        # the lengths of the ids that begin with these characters, the longest first
        lengths: dict[str, set[int]] = defaultdict(set)
        for each in self._of:
            lengths[each[:_RUN]].add(len(each))
        self._lengths = {head: sorted(known, reverse=True) for head, known in lengths.items()}

    def __repr__(self) -> str:
        return f"<Pseudonyms of {len(self._of)} ids>"

    def text(self, text: str) -> str:
        """Return ``text`` with every id in it, whole and as it is spelled, as its pseudonym."""
        pieces, end = [], 0
        for start, known in _whole(text, self._lengths, self._of):
            if start >= end:
                pieces += [text[end:start], self._of[known]]
                end = start + len(known)
        return "".join(pieces) + text[end:] if pieces else text

    def derived(self, text: str) -> str:
        """Return ``text``, which was made from an id, as it would be made from the pseudonym.

        What ``text`` shares with an id, in either case and width, becomes the same part of its pseudonym.
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
        """Return percent-encoded ``text`` as `derived` makes it; what was encoded, once or twice, is so again."""
        return self._encoded(text, _LEVELS)

    def _encoded(self, text: str, levels: int) -> str:
        units = [unit for match in _ENCODED.finditer(text) for unit in _units(match[0])]
        plain = "".join(character for character, _ in units)
        deeper = levels > 1 and "%" in plain and plain != text
        made = self._encoded(plain, levels - 1) if deeper else self.derived(plain)
        return "".join(
            spelling if new == old else _spelled(new, spelling)
            for (old, spelling), new in zip(units, made, strict=True)
        )

    @cached_property
    def _folded(self) -> Mapping[str, str]:
        folded = {each.translate(_FOLDED): pseudonym.translate(_FOLDED) for each, pseudonym in self._of.items()}
        # some services write a UUID without its hyphens
        known = {each.replace("-", ""): other.replace("-", "") for each, other in folded.items()} | folded
        # a pseudonym stays as it is
        return {pseudonym: pseudonym for pseudonym in known.values()} | known

    @cached_property
    def _runs(self) -> Mapping[str, list[tuple[str, int]]]:
        """Where each run of six characters occurs in ids and pseudonyms."""
        runs: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for source in self._folded:
            for offset in range(len(source) - _RUN + 1):
                runs[source[offset : offset + _RUN]].append((source, offset))
        return dict(runs)

    def _shared(self, plain: str) -> list[_Shared]:
        """Return all runs that cannot be extended, the longest first; of equals, pseudonyms first."""
        found = []
        for start in range(len(plain) - _RUN + 1):
            for source, offset in self._runs.get(plain[start : start + _RUN], ()):
                if not (start and offset and plain[start - 1] == source[offset - 1]):
                    found.append(_Shared(start, _common(plain, start, source, offset), source, offset))
        found.sort(key=lambda each: (-each.length, self._folded[each.source] != each.source, each.start, each.source))
        return found


def _is_an_id(text: str) -> bool:
    changeable = _ALNUM.findall(text[: len(text) // 2])
    return len(text) >= _RUN and len(changeable) > 1 and any(map(str.isdigit, text)) and text.isprintable()


def _pseudonyms_of(ids: list[str]) -> Iterator[tuple[str, str]]:
    # in either case: a text may hold an id in the other one
    taken = {each.lower() for each in ids}
    for each in ids:
        for turn in range(_MOST_TURNS):
            pseudonym = _pseudonym_of(each, turn)
            if pseudonym.lower() not in taken:
                break
        else:
            raise ConfigurationError(
                f"{len(ids)} ids such as {each!r} are too alike to have a pseudonym each: record without pseudonyms"
            )
        taken.add(pseudonym.lower())
        yield each, pseudonym


def _pseudonym_of(text: str, turn: int) -> str:
    letters = "abcdef" if _HEX.fullmatch(text) else "abcdefghijklmnopqrstuvwxyz"
    last = max(map(text.rfind, "0123456789abcdef"))
    changed = last if last >= len(text) // 2 else len(text) - 1
    made = []
    # without the digit that is kept: ids that differ in it alone have pseudonyms that do
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
    for block in count():
        yield from sha256(f"{turn}/{block}/{text}".encode()).digest()


def _whole(text: str, lengths: Mapping[str, list[int]], known: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield each id in a text with its place; they may overlap."""
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
    """Return a character of a pseudonym in the case and width of the one that it replaces."""
    wide = ord(old) > _WIDE
    if (chr(ord(old) - _WIDE) if wide else old).isupper():
        new = new.upper()
    return chr(ord(new) + _WIDE) if wide else new


def _units(match: str) -> Iterator[tuple[str, str]]:
    """Yield the characters of percent-encoded text, each with its spelling."""
    if len(match) < 3:
        yield match, match
        return
    start = 0
    for character in bytes.fromhex(match.replace("%", "")).decode("utf-8", "surrogateescape"):
        stop = start + 3 * len(character.encode("utf-8", "surrogateescape"))
        yield character, match[start:stop]
        start = stop


def _spelled(character: str, like: str) -> str:
    if not like.startswith("%"):
        return character
    digits = "%{:02x}" if re.search("[a-f]", like) else "%{:02X}"
    return "".join(digits.format(octet) for octet in character.encode())


# ---- which ids recordings hold


def asked_ids(request: Request) -> set[str]:
    """Return the ids in a request: in its path, its filters and its body."""
    in_path = {
        unquote(part) for before, part in pairwise(request.path.split("/")) if before in ("projects", "clusters")
    }
    in_query = {value for name, value in request.params if name in (Filter.TASK_ID, Filter.ADDON_INSTANCE_ID)}
    return {each for each in in_path | in_query | ids_in(request.body) if each}


def pseudonyms_for(given: Iterable[str], recordings: Sequence[Recording]) -> Pseudonyms:
    """Return pseudonyms for the ids that are ``given``, those in recorded answers, and those that were asked for.

    A value that was made from such an id (a prefix, a wildcard in it) gets no pseudonym of its own: it is made from the
    id's.
    """
    answers = [each.outcome for each in recordings if isinstance(each.outcome, Response)]
    known = {*given, *(found for answer in answers for found in ids_in(answer.body))}
    lengths, real = {len(each) for each in known}, Pseudonyms(known)
    asked = {value for each in recordings for value in asked_ids(each.request)}
    return Pseudonyms(
        known.union(
            value
            for value in asked
            if (len(value) in lengths and _WHOLE_ID.fullmatch(value)) or real.derived(value) == value
        )
    )
