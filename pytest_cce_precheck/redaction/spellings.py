"""How a secret may be spelled, what a text says without its escapes, and what is left of a secret that was cut."""

from __future__ import annotations

import base64
import html
import json
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"

Span = tuple[int, int, str]
"""From where to where a text is masked, and with what."""

# HTML in JSON in a URL
_DEPTH: Final = 3
# a reader does not see these: a soft hyphen, zero-width blanks and joiners, a byte order mark
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_HINTS: Final = ("\\", "%", "&", "\x1b", *_INVISIBLE)
_ESCAPE: Final = re.compile(
    # a colour of a terminal
    r"\x1b\[[0-9;:?]*[A-Za-z]"
    rf"|[{_INVISIBLE}]"
    r"|%[0-9A-Fa-f]{2}"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
    # JSON in JSON has a run of backslashes
    r"|\\+(?:u[dD][89abAB][0-9A-Fa-f]{2}\\+u[dD][c-fC-F][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[^\x1b])",
)
# pytest writes this for the middle of a value that it shortens; so much beside it is taken for a piece of a secret
_ELLIPSIS: Final = "..."
_BESIDE_ELLIPSIS: Final = 6
# so much is taken for a piece anywhere; a text is examined in steps that no piece fits between
_SHORTEST_PIECE: Final = 16
_GRAM: Final = 8


def masked(text: str, spans: Iterable[Span]) -> str:
    """Return ``text`` with each span replaced; spans that overlap are replaced together, by the first and longest."""
    pieces, end = [], 0
    for start, stop, shown in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= end:
            pieces += [text[end:start], shown]
        end = max(end, stop)
    return "".join(pieces) + text[end:] if pieces else text


class Needles:
    """Finds any of many texts, each with its replacement; a text without the longer of them is passed in one scan."""

    def __init__(self, replaced: Iterable[tuple[str, str]]) -> None:
        known = sorted(replaced)
        self._short = [each for each in known if len(each[0]) < _SHORTEST_PIECE]
        self._long = known_long = [each for each in known if len(each[0]) >= _SHORTEST_PIECE]
        # a text is examined in steps that none of the longer ones fits between
        self._step = (min((len(form) for form, _ in known_long), default=0) + 1) // 2
        self._grams = {form[at : at + self._step] for form, _ in known_long for at in range(self._step)}

    def spans(self, text: str) -> Iterator[Span]:
        """Yield where ``text`` holds one, and its replacement; they may overlap."""
        yield from _occurrences(text, self._short)
        if self._long and not self._grams.isdisjoint(steps(text, self._step)):
            yield from _occurrences(text, self._long)


def steps(text: str, size: int) -> list[str]:
    """Return a text in pieces of this size, without what is left at its end."""
    return [text[at : at + size] for at in range(0, len(text) - size + 1, size)]


def _occurrences(text: str, needles: Iterable[tuple[str, str]]) -> Iterator[Span]:
    for needle, shown in needles:
        start = text.find(needle)
        while start >= 0:
            yield start, start + len(needle), shown
            # occurrences may overlap
            start = text.find(needle, start + 1)


def spellings(secret: str) -> Iterator[str]:
    """Yield the spellings of a secret: as many for each and in the same order, so that they can be exchanged."""
    octets = secret.encode("utf-8", "surrogatepass")
    yield secret
    # HTTP libraries decode a header's UTF-8 so
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
    coded = base64.b32encode(octets).decode()
    yield coded
    yield coded.rstrip("=")
    yield octets.hex()
    yield octets.hex().upper()


def within_base64(secret: str) -> Iterator[str]:
    """Yield what a secret becomes in the Base64 of a longer text, such as ``user:SECRET``, wherever it begins."""
    octets = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        coded = base64.b64encode(b"\x00" * before + octets).decode()
        # only the characters whose bits are all of the secret
        part = coded[-(-before * 8 // 6) : (before + len(octets)) * 8 // 6]
        yield part
        yield part.replace("+", "-").replace("/", "_")


def nested_base64(secret: str) -> Iterator[str]:
    """Yield what a secret becomes in the Base64 of its own Base64, or of its hexadecimal digits."""
    digits = secret.encode("utf-8", "surrogatepass").hex()
    for inner in dict.fromkeys((*within_base64(secret), digits, digits.upper())):
        yield from within_base64(inner)


def escaped(text: str) -> Iterator[str]:
    """Yield how Python, JSON and HTML escape a text within another, whichever quotes are around it."""
    # with both kinds of quotes in it, the single ones are escaped
    single = repr(text + "'\"")[1:-4]
    octets = repr(text.encode("utf-8", "surrogatepass") + b"'\"")[2:-4]
    for form in (single, octets):
        yield from (form, form.replace("\\'", "'"))
    yield from (html.escape(text), html.escape(text, quote=False))
    yield json.dumps(text)[1:-1]


def plain_forms(secret: str) -> Iterator[str]:
    """Yield what `readings` may make of a secret, whose own characters may look like escapes."""
    octets = repr(secret.encode("utf-8", "surrogatepass"))[2:-1]
    for written in dict.fromkeys((*spellings(secret), repr(secret)[1:-1], octets)):
        for text in (written, *(reading.text for reading in readings(written))):
            # a backslash at its end escapes the next character
            yield from (text, text.rstrip("\\"))


def is_closed(string: str) -> bool:
    """Whether a string of JSON or Python, which begins with its quote, ends with it too."""
    if len(string) < 2 or string[-1] != string[0]:
        return False
    return (len(string) - len(string[:-1].rstrip("\\"))) % 2 == 1


def said_by(string: str) -> str:
    """Return what a string in quotes says, as far as it can be read."""
    content = string[1:-1] if is_closed(string) else string[1:]
    if "\\" not in content:
        return content
    try:
        return str(json.loads(f'"{content}"', strict=False))
    except ValueError:
        return content


def lower(text: str) -> str:
    """Return a text of the same length in lower case, each character whatever stands beside it."""
    # the first would become two characters; of the others, what they become depends on their place in a word
    return text.lower() if text.isascii() else text.replace("İ", "i").replace("Σ", "σ").replace("ς", "σ").lower()


def in_every_case(secrets: Iterable[str]) -> Iterator[str]:
    """Yield secrets, and those that are not ASCII in upper and lower case too: these encode to other octets."""
    for secret in secrets:
        yield secret
        if not secret.isascii():
            yield from (secret.upper(), secret.lower())


class Reading:
    """What a text says without its escapes; ``span`` returns where in the text a part of that was written.

    Escapes are percent-encoding, character references of HTML, backslashes and colours of a terminal.
    """

    def __init__(self, written: str, of: Reading | None = None) -> None:
        self.text = _ESCAPE.sub(_undone, written)
        self._written = written
        self._of = of

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return from where to where the first text spells ``self.text[start:stop]``, with its escapes."""
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
    """Yield what a text says without its escapes, and without the escapes in that; nothing if it has none.

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
    if written[0] == "\x1b" or written in _INVISIBLE:
        return ""
    if written[0] == "&" and written[1] != "#":
        return html.unescape(written)
    if written[0] in "%&":
        return _character(written.strip("%&#;"), 16 if written[0] == "%" or written[2] in "xX" else 10)
    character = written.lstrip("\\")
    if character.startswith("u{"):
        return _character(character[2:-1], 16)
    if len(character) > 9:
        pair = bytes.fromhex(character[1:5] + character[-4:])
        return pair.decode("utf-16-be")
    # in a run at the end of the text, the last backslash is what the others escape
    return _character(character[1:], 16) if len(character) > 1 else character or "\\"


def _character(digits: str, base: int) -> str:
    code = int(digits.lstrip("xX"), base)
    return chr(code) if code <= sys.maxunicode else ""


class Pieces:
    """Masks pieces of secrets that a repr, the end of a line or a difference of two texts has cut.

    They have at least 16 characters anywhere, or six beside the ``...`` of a shortened value, in any spelling of the
    secret, in any case.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        long = [secret for secret in in_every_case(secrets) if len(secret) > _BESIDE_ELLIPSIS]
        self._forms = list(dict.fromkeys(lower(form) for secret in long for form in _forms(secret)))
        self._grams = {
            form[start : start + _GRAM]
            for form in self._forms
            if len(form) > _SHORTEST_PIECE
            for start in range(len(form) - _GRAM + 1)
        }

    def found_in(self, text: str) -> bool:
        """Whether a text holds a piece of a secret."""
        return self.masked(text) != text

    def masked(self, text: str) -> str:
        """Return a text with the pieces of secrets masked."""
        if not self._forms:
            return text
        folded = lower(text)
        if not self._grams.isdisjoint(steps(folded, _GRAM)):
            text = masked(text, self._spans(folded))
        return self._beside_ellipses(text) if _ELLIPSIS in text else text

    def _spans(self, text: str) -> Iterator[Span]:
        grams, at = self._grams, 0
        while at + _GRAM <= len(text):
            start, stop = at, at
            if text[at : at + _GRAM] in grams:
                stop = at + _GRAM
                while start > 0 and text[start - 1 : start - 1 + _GRAM] in grams:
                    start -= 1
                while text[stop - _GRAM + 1 : stop + 1] in grams:
                    stop += 1
                if stop - start >= _SHORTEST_PIECE:
                    yield start, stop, MASK
            at = max(at + _GRAM, stop)

    def _beside_ellipses(self, text: str) -> str:
        pieces = text.split(_ELLIPSIS)
        for form in self._forms:
            for number in range(len(pieces) - 1):
                pieces[number] = _without_start_of(form, pieces[number])
                pieces[number + 1] = _without_start_of(form[::-1], pieces[number + 1][::-1])[::-1]
        return _ELLIPSIS.join(pieces)


def _forms(secret: str) -> Iterator[str]:
    yield from spellings(secret)
    yield from within_base64(secret)
    once = list(escaped(secret))
    yield from once
    for form in once:
        yield from escaped(form)


def _without_start_of(form: str, text: str) -> str:
    folded = lower(text)
    start = folded.find(form[:_BESIDE_ELLIPSIS], max(0, len(text) - len(form)))
    while start >= 0:
        if form.startswith(folded[start:]):
            return text[:start] + MASK
        start = folded.find(form[:_BESIDE_ELLIPSIS], start + 1)
    return text
