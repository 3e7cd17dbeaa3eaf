"""How a secret may be written, and what a text says once its escapes are undone."""

from __future__ import annotations

import base64
import html
import json
import re
import string
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    Span = tuple[int, int]

# HTML in JSON in a URL
_DEPTH: Final = 3
_HINTS: Final = ("\\", "%", "&", "\x1b")
_ESCAPE: Final = re.compile(
    # how a terminal is told a colour
    r"\x1b\[[0-9;:?]*[A-Za-z]"
    r"|%[0-9A-Fa-f]{2}"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
    # JSON in JSON has a run of backslashes
    r"|\\+(?:u[dD][89abAB][0-9A-Fa-f]{2}\\+u[dD][c-fC-F][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[^\x1b])",
)
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def spellings(secret: str) -> Iterator[str]:
    """Yield the ways to write a secret: as many for each secret and in one order, so that one replaces another."""
    octets = secret.encode("utf-8", "surrogatepass")
    yield secret
    # a header's value, as HTTP libraries show UTF-8
    yield octets.decode("latin-1")
    for encoded in (quote(octets, safe=""), quote(octets), quote_plus(octets)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    for coded in (base64.b64encode(octets).decode(), base64.urlsafe_b64encode(octets).decode()):
        yield coded
        yield coded.rstrip("=")
    for escaped in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
    yield octets.hex()
    yield octets.hex().upper()


def within_base64(secret: str) -> Iterator[str]:
    """Yield what a secret adds to the Base64 of a longer text, such as ``user:SECRET``, wherever it begins in it."""
    octets = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        coded = base64.b64encode(b"\x00" * before + octets).decode()
        # the characters that hold bits of the secret alone
        part = coded[-(-before * 8 // 6) : (before + len(octets)) * 8 // 6]
        yield part
        yield part.replace("+", "-").replace("/", "_")


def escaped(text: str) -> Iterator[str]:
    """Yield how Python, JSON and HTML write a text within another, whichever quotes stand around that."""
    # with both kinds of quotes in it, the single ones are escaped
    single = repr(text + "'\"")[1:-4]
    octets = repr(text.encode("utf-8", "surrogatepass") + b"'\"")[2:-4]
    for form in (single, octets):
        yield from (form, form.replace("\\'", "'"))
    yield from (html.escape(text), html.escape(text, quote=False))
    yield json.dumps(text)[1:-1]


def plain_forms(secret: str) -> Iterator[str]:
    """Yield what `readings` may make of a secret: its escapes undone, and those that were written around it."""
    octets = repr(secret.encode("utf-8", "surrogatepass"))[2:-1]
    for written in dict.fromkeys((*spellings(secret), repr(secret)[1:-1], octets)):
        for text in (written, *(reading.text for reading in readings(written))):
            # a backslash at its end escapes what follows
            yield from (text, text.rstrip("\\"))


def lower(text: str) -> str:
    """Return a text with A to Z in lower case: as long as it was, whatever else is in it."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


class Reading:
    """What a text says once its escapes are undone; ``span`` returns where in the text a part of that was written.

    Undone are percent-encoding, character references of HTML, backslashes and colours of a terminal.
    """

    def __init__(self, written: str, of: Reading | None = None) -> None:
        self.text = _ESCAPE.sub(_undone, written)
        self._written = written
        self._of = of

    def span(self, start: int, stop: int) -> Span:
        """Return from where to where the first text holds ``self.text[start:stop]``, with what escapes it."""
        starts, stops = self._places
        span = (starts[start], stops[stop - 1])
        return self._of.span(*span) if self._of is not None else span

    @cached_property
    def _places(self) -> tuple[list[int], list[int]]:
        starts: list[int] = []
        stops: list[int] = []
        end = 0
        for escape in _ESCAPE.finditer(self._written):
            starts += range(end, escape.start())
            stops += range(end + 1, escape.start() + 1)
            end = escape.end()
            length = len(_undone(escape))
            starts += [escape.start()] * length
            stops += [end] * length
        return [*starts, *range(end, len(self._written))], [*stops, *range(end + 1, len(self._written) + 1)]


def readings(text: str) -> Iterator[Reading]:
    """Yield what a text says once its escapes are undone, once and again; nothing if it has none.

    >>> [reading.text for reading in readings("a%2526b")]
    ['a%26b', 'a&b']
    """
    reading = None
    for _ in range(_DEPTH):
        if not any(hint in text for hint in _HINTS):
            return
        reading = Reading(text, reading)
        if reading.text == text:
            return
        yield reading
        text = reading.text


def _undone(escape: re.Match[str]) -> str:
    written = escape[0]
    if written[0] == "\x1b":
        return ""
    if written[0] == "&" and written[1] != "#":
        return html.unescape(written)
    if written[0] in "%&":
        return _character(written.strip("%&#;"), 16 if written[0] == "%" or written[2] in "xX" else 10)
    character = written.lstrip("\\")
    if len(character) > 9:
        pair = bytes.fromhex(character[1:5] + character[-4:])
        return pair.decode("utf-16-be")
    # of a run that ends the text, the last backslash is what the others escape
    return _character(character[1:], 16) if len(character) > 1 else character or "\\"


def _character(digits: str, base: int) -> str:
    code = int(digits.lstrip("xX"), base)
    return chr(code) if code <= sys.maxunicode else ""
