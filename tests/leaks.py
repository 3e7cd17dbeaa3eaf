"""Secrets made up at run time, and the search for them in everything that a run has written and printed."""

from __future__ import annotations

import base64
import html
import json
import sqlite3
import string
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# of what has to be escaped in a URL, in JSON, in XML and in Python; the last two shares are letters and digits
AWKWARD: Final = "\"'\\/+=&%<>{}$`#?;:~" + 2 * (string.ascii_letters + string.digits)
# of what is left of a secret that was shortened, so many characters are too many
PIECE: Final = 16
STEP: Final = 8


def made_up(rng: random.Random, length: int = 40, alphabet: str = AWKWARD) -> str:
    """Make a secret that begins and ends with a letter, and has some of what is to be escaped."""
    inner = "".join(rng.choice(alphabet) for _ in range(length - 4))
    return f"{rng.choice(string.ascii_letters)}{inner}\"'{rng.choice(string.ascii_letters)}"


def spellings(secret: str) -> Iterator[str]:
    """Return the ways in which a secret may be written."""
    octets = secret.encode()
    once = json.dumps(secret)[1:-1]
    yield from (secret, repr(secret)[1:-1], repr(once)[1:-1], once, json.dumps(once)[1:-1], once.replace("/", "\\/"))
    yield from (json.dumps(secret, ensure_ascii=False)[1:-1], octets.decode("latin-1"))
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield from (encoded, encoded.lower() if encoded.lower() != secret.lower() else encoded, quote(encoded, safe=""))
    for coded in (base64.b64encode(octets), base64.urlsafe_b64encode(octets)):
        yield coded.decode().rstrip("=")
    yield from (octets.hex(), octets.hex().upper())
    if len(secret) > PIECE:
        yield from (secret[start : start + PIECE] for start in range(0, len(secret) - PIECE, STEP))


def leaks(texts: Iterable[tuple[str, str]], secrets: Iterable[str]) -> list[tuple[str, str]]:
    """Return each place where a secret stands, and what stands around it; ``texts`` are named."""
    sought = [spelling for secret in secrets for spelling in dict.fromkeys(spellings(secret))]
    found = {}
    for name, text in texts:
        for shown in (text, html.unescape(text)) if name.endswith((".xml", ".html", ".md")) else (text,):
            for spelling in sought:
                start = shown.find(spelling)
                if start >= 0:
                    found.setdefault(name, shown[max(0, start - 60) : start + len(spelling) + 20])
    return list(found.items())


def written(folder: Path) -> Iterator[tuple[str, str]]:
    """Return every file's name and content, of databases and archives what is in them too."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        yield "a name", name
        if not path.is_file():
            continue
        octets = path.read_bytes()
        yield name, octets.decode("utf-8", "surrogateescape")
        if octets.startswith(b"SQLite format 3"):
            with closing(sqlite3.connect(path)) as connection:
                yield name, "\n".join(connection.iterdump())
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from (
                    (name, archive.read(each).decode("utf-8", "surrogateescape")) for each in archive.namelist()
                )
