"""Secrets, and every way in which one may be spelt."""

from __future__ import annotations

import base64
import html
import json
import re
import struct
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = 'tok+en/"ü~=?'

# not the mask's own character: masking could then make a secret anew
characters = st.characters(exclude_categories=["Cs"], exclude_characters="*")
secrets = st.text(characters, min_size=6, max_size=12).filter(str.strip)
surroundings = st.text(characters, max_size=8)

SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "quote": lambda secret: quote(secret, safe=""),
    "quote-slash": quote,
    "quote-plus": quote_plus,
    "quote-lower": lambda secret: "".join(
        character if character.isascii() and (character.isalnum() or character in "-._~") else every_octet(character)
        for character in secret
    ),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64-bare": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "base64-url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base64-url-bare": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "base64-of-base64": lambda secret: base64.b64encode(base64.b64encode(secret.encode())).decode(),
    "base64-of-bare-base64": lambda secret: base64.b64encode(base64.b64encode(secret.encode()).rstrip(b"=")).decode(),
    "base64-of-base64-url": lambda secret: base64.urlsafe_b64encode(base64.urlsafe_b64encode(secret.encode())).decode(),
    "base64-of-hexadecimal": lambda secret: base64.b64encode(secret.encode().hex().encode()).decode(),
    "base64-of-capital-hexadecimal": lambda secret: base64.b64encode(secret.encode().hex().upper().encode()).decode(),
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json-unicode": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "json-slash": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "utf-8-as-latin-1": lambda secret: secret.encode().decode("latin-1"),
    "percent-every-octet": lambda secret: every_octet(secret),
    "json-every-character": lambda secret: "".join(f"\\u{unit:04X}" for unit in utf_16(secret)),
    "python-every-octet": lambda secret: "".join(f"\\x{octet:02x}" for octet in secret.encode()),
    "html-decimal": lambda secret: "".join(f"&#{ord(character)};" for character in secret),
    "html-hexadecimal": lambda secret: "".join(f"&#x{ord(character):X};" for character in secret),
    "html-in-json": lambda secret: json.dumps(html.escape(secret))[1:-1],
    "json-in-a-url": lambda secret: quote(json.dumps(secret)[1:-1], safe=""),
    "base32": lambda secret: base64.b32encode(secret.encode()).decode(),
    "base32-bare": lambda secret: base64.b32encode(secret.encode()).decode().rstrip("="),
    "javascript-every-character": lambda secret: "".join(f"\\u{{{ord(character):x}}}" for character in secret),
    "invisible-between": "\u200b".join,
    "soft-hyphen-between": "\u00ad".join,
    "hexadecimal": lambda secret: secret.encode().hex(),
}
# of A to Z alone: "İ" has no lower case of one character
CASES: dict[str, Callable[[str], str]] = {
    "upper": lambda secret: re.sub("[a-z]", lambda match: match[0].upper(), secret),
    "lower": lambda secret: re.sub("[A-Z]", lambda match: match[0].lower(), secret),
}
SPELLINGS |= CASES


def every_octet(text: str) -> str:
    return "".join(f"%{octet:02x}" for octet in text.encode())


def utf_16(text: str) -> tuple[int, ...]:
    octets = text.encode("utf-16-be")
    return struct.unpack(f">{len(octets) // 2}H", octets)
