"""Check, before a cassette is written, that no secret is left in it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

from pytest_cce_precheck._secret_patterns import names_a_secret
from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.redaction.recordings import REPLAY_CREDENTIALS, sightings
from pytest_cce_precheck.redaction.spellings import MASK, Pieces
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.wire.credentials import Credentials

KNOWN: Final = "a credential in use"
CUT: Final = "a piece of a credential in use"
NAMED: Final = "password or token by its name"

Path = tuple[str | int, ...]

_BASE64: Final = "base64"
_SHOWN: Final = 10
# texts are searched together, and nothing that looks like a secret has this in it
_BETWEEN: Final = "\x00"
_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{4}|[\"\\/bfnrt])")
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_LEVELS: Final = 3
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class SecretInCassetteError(CcePrecheckError):
    """A cassette would hold a secret, and is not written."""


@dataclass(frozen=True)
class Leak:
    """A secret in a cassette: its kind, and its JSON path, which does not show it."""

    kind: str
    where: str


def leaks(text: str, credentials: Credentials) -> list[Leak]:
    """Return every place of a cassette's text that holds a credential, in any spelling, or looks like a secret.

    Percent-encoded and escaped texts and Base64 are decoded.
    """
    found = dict.fromkeys(_found(_texts_in(text), credentials))
    leaking = {step for path, _ in found for step in path[-1:] if isinstance(step, _Key)}
    return list(dict.fromkeys(Leak(kind, _written(path, leaking)) for path, kind in found))


def refuse(text: str, credentials: Credentials, name: str) -> None:
    """Raise `SecretInCassetteError` if a cassette's text holds a secret; ``name`` is the file's."""
    found = leaks(text, credentials)
    if found:
        places = "".join(f"\n  {leak.where}: {leak.kind}" for leak in found[:_SHOWN])
        more = f"\n  and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise SecretInCassetteError(
            f"{name} is not written: it would hold {count_of(len(found), 'secret')}, or what looks like one:"
            f"{places}{more}\nMask the value in the hook pytest_cce_before_record; one that is not a secret can be"
            " replaced there too"
        )


class _Key(str):
    """The name of a member, as the last step of the path to this name."""

    __slots__ = ()


def _texts_in(text: str) -> Iterator[tuple[Path, str]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        yield (), text
        return
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, dict):
            # the last is taken first
            for name, value in reversed(node.items()):
                waiting += [((*path, name), value), ((*path, _Key(name)), name)]
        elif isinstance(node, list):
            waiting += [((*path, number), node[number]) for number in reversed(range(len(node)))]
        elif isinstance(node, str) and node:
            yield path, node


def _found(texts: Iterable[tuple[Path, str]], credentials: Credentials) -> Iterator[tuple[Path, str]]:
    seen = [(path, view) for path, text in texts for view in _views(text, path[-1:] == (_BASE64,), _LEVELS)]
    whole = _BETWEEN.join(view for _, view in seen)
    starts = [0, *accumulate(len(view) + 1 for _, view in seen)]

    def path_at(place: int) -> Path:
        return seen[bisect_right(starts, place) - 1][0]

    places = {(start, KNOWN) for start, _ in Redactor(credentials.secrets).found(whole)}
    places |= {(each.start, each.kind) for each in sightings(whole)}
    yield from ((path_at(place), kind) for place, kind in sorted(places))
    pieces = Pieces(credentials.secrets)
    if pieces.found_in(whole):
        # a whole one was found already
        known = {path_at(place) for place, kind in places if kind == KNOWN}
        yield from ((path, CUT) for path, view in seen if path not in known and pieces.found_in(view))
    of_a_secret = cache(names_a_secret)
    yield from (
        (path, NAMED)
        for path, text in seen
        if of_a_secret(_name_of(path)) and text.strip("*") and text not in REPLAY_CREDENTIALS.secrets
    )


def _name_of(path: Path) -> str:
    """Return the name of the member that holds a value or the list that it is in; empty for a name itself."""
    name = next((step for step in reversed(path) if not isinstance(step, int)), "")
    return "" if isinstance(name, _Key) else name


def _views(text: str, is_base64: bool, levels: int) -> Iterator[str]:
    """Yield a text and what it says decoded, in each way in which it may be encoded."""
    if is_base64:
        # the encoded text looks like a token itself
        text = _of_base64(text)
    yield text
    if not levels:
        return
    if "%" in text and _ENCODED.search(text):
        yield from _views(unquote(text), False, levels - 1)
        if "+" in text:
            yield from _views(unquote_plus(text), False, levels - 1)
    if "\\" in text and _ESCAPE.search(text):
        yield from _views(_ESCAPE.sub(lambda match: str(json.loads(f'"{match[0]}"')), text), False, levels - 1)
    if "\x00" in text:
        # UTF-16 of what is ASCII
        yield text.replace("\x00", "")


def _of_base64(text: str) -> str:
    try:
        octets = base64.b64decode(text)
    except (binascii.Error, ValueError):
        return text
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _written(path: Path, leaking: set[_Key]) -> str:
    steps = []
    for step in path:
        if isinstance(step, int):
            steps.append(f"[{step}]")
        else:
            shown = MASK if step in leaking else step
            steps.append(f".{shown}" if _PLAIN_NAME.fullmatch(shown) else f"[{json.dumps(shown)}]")
    return "".join(steps).removeprefix(".") or "the file"
