"""What looks like a key, a token or a password: a second net, for secrets that are not known."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Sighting:
    """A place in a text, from ``start`` to before ``end``, that looks like a secret of this ``kind``."""

    kind: str
    start: int
    end: int


def looks_like_secret(text: str) -> Iterator[Sighting]:
    """Yield every place that looks like a secret; places may overlap.

    Ids, hashes, timestamps, paths, names and sentences do not. Of ``name=value``, a header or a URL, only the value
    does. JSON whose sightings are masked is still JSON.

    >>> [(each.kind, each.start, each.end) for each in looks_like_secret("GET /?user=x&password=12345&a=b")]
    [('password or token by its name', 22, 27)]
    """
    folded = text.lower()
    for look in _LOOKS:
        if not any(hint in folded for hint in look.hints):
            continue
        for match in look.pattern.finditer(text):
            if look.accept(match):
                start = match.start(match.lastgroup or 0)
                yield Sighting(look.kind, start, start + len(_value(match)))
    for run in _RUN.finditer(text):
        start = run.start() + _escape_before(text, run.start())
        yield from _in_run(text[start : run.end()], start)


def names_a_secret(name: str) -> bool:
    """Whether the value of this name is a secret.

    >>> names_a_secret("X-Auth-Token"), names_a_secret("secretAccessKey"), names_a_secret("task_id")
    (True, True, False)
    """
    return _SECRET_NAME.search(name) is not None


@dataclass(frozen=True)
class _Look:
    kind: str
    # a text is searched only if one of these is in its lower case
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    accept: Callable[[re.Match[str]], bool]


def _value(match: re.Match[str]) -> str:
    """Return the last named group that matched, or else the whole match, without the end of a sentence."""
    value = match[match.lastgroup or 0]
    return value.rstrip(_PUNCTUATION) if match.lastgroup == "bare" else value


# ---- long runs of letters and digits: keys and tokens

_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{20,}+={0,2}")
_ESCAPE: Final = re.compile(r"[nrtbf/]|u[0-9a-fA-F]{4}")
_PIECE: Final = re.compile(r"[A-Za-z0-9]+")
_ACCESS_KEY_LENGTH: Final = 20
_SECRET_KEY_LENGTH: Final = 40
_TOKEN_LENGTH: Final = 40
# words of paths, ids and camel-case names have at least this many characters on average, those of random texts two
_WORD: Final = re.compile(r"[0-9a-f]{4,}|[0-9A-F]{4,}|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_WORD_LENGTH: Final = 4.5


def _escape_before(text: str, start: int) -> int:
    """Return the length of an escape's end that a run begins with: in ``\\nABC`` the run is ``ABC``."""
    escape = _ESCAPE.match(text, start) if text[start - 1 : start] == "\\" else None
    return len(escape[0]) if escape else 0


def _in_run(run: str, start: int) -> Iterator[Sighting]:
    if run.islower() or run.isdigit():
        return
    # a token may have slashes, and the words of a path around one make the whole look less random
    for part in (run, *run.split("/")):
        plain = part.rstrip("=")
        if len(plain) >= _TOKEN_LENGTH and _is_random(plain):
            at = start + run.index(part)
            yield Sighting(_kind_of(plain), at, at + len(part))
    for piece in _PIECE.finditer(run):
        if len(piece[0]) == _ACCESS_KEY_LENGTH and _is_access_key(piece[0]):
            yield Sighting("access key id", start + piece.start(), start + piece.end())


def _is_access_key(piece: str) -> bool:
    return piece.isupper() and not piece.isalpha() and not set(piece) <= set("0123456789ABCDEF")


def _is_random(run: str) -> bool:
    lower, upper = (sum(map(kind, run)) for kind in (str.islower, str.isupper))
    if min(lower, upper) < 2 or not any(map(str.isdigit, run)):
        return False
    return len(run) < _WORD_LENGTH * len(_WORD.findall(run))


def _kind_of(run: str) -> str:
    if run.startswith("MII"):
        return "IAM token"
    return "secret key" if len(run) == _SECRET_KEY_LENGTH and run.isalnum() else "token"


# ---- values that their name makes secrets

_NAMES: Final = (
    r"(?i:pass(?:word|wd|phrase)|pwd|secret(?:[-_ ]?(?:id|value))?|token|authorization|cookie|signature"
    r"|(?:secret|access|api|auth|private)[-_ ]?key(?:[-_ ]?id)?)|密码|口令|密钥"
)
_INITIALS: Final = "[asAS][kK]"
_SECRET_NAME: Final = re.compile(rf"(?:{_NAMES}|(?<![A-Za-z0-9]){_INITIALS})\Z")
# up to what separates it from the next value, which may be percent-encoded. Not possessive (`++`): within such a group
# Python 3.11.2 and older look ahead wrongly
_BARE: Final = r"(?:(?!%(?:2[0267cC]|3[bB]|0[aAdD]))[^\s\"'\\,;&<>)}\]\x00-\x1f])+"
# quotes may be escaped, as in JSON within JSON, or percent-encoded
_IS: Final = (
    r"(?P<closed>(?:[\"'\]\\]|%22|%27|%5[cCdD]){0,6})[ \t]{0,8}"
    r"(?P<sign>[:：]|%3[aA]|={1,2}>?|%3[dD])(?P<gap>(?:[ \t+]|%20){0,8})"
    r"(?:\"(?P<json>(?:[^\"\\\r\n\x00]|\\.)*+)"
    r"|(?P<escape>\\+)\"(?P<nested>[^\"\\\r\n\x00]*+)"
    r"|\\*'(?P<quoted>[^\"'\\\r\n\x00]*+)"
    rf"|(?:%22|%27)?(?P<bare>(?:(?i:basic|bearer|sdk-hmac-sha256)[ ]{{1,3}})?{_BARE}))"
)
_PUNCTUATION: Final = ".,:!?。，：！？"
_NAME_HINTS: Final = (
    *("password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "cookie", "signature", "key"),
    *("密码", "口令", "密钥"),
)
_LITERAL: Final = re.compile(r"(?i:true|false|null|none|nil|undefined|nan|-?infinity)")
# after a quoted name: a number, an array or an object, which masked would not be JSON any more
_JSON: Final = re.compile(r"-?[0-9][0-9.eE+-]*|[\[{].*")
# a word or a number of a sentence, or a URL
_SAID: Final = re.compile(r"[A-Z]?[a-z]+(?:[-'][a-z]+)*|[A-Z]+|[0-9]{1,5}|https?://.*")
# nothing, or masked already, perhaps with the rest of a URL
_MASKED: Final = re.compile(r"\**(?:\Z|(?<=\*\*\*)[^A-Za-z0-9])")
# a placeholder: `$CCE_AUTH_TOKEN`, `%s`, `{token}`, `os.environ[`
_PLACEHOLDER: Final = re.compile(r"\$\{?\w+\}?|\$\(.*|%[sdr]|\{\w*|[A-Za-z_][\w.]*[(\[]|\.\.\.|…")


def _is_value(match: re.Match[str]) -> bool:
    value = _value(match)
    if _MASKED.match(value) or _PLACEHOLDER.fullmatch(value):
        return False
    if match.lastgroup == "quoted":
        # as in: the parameter 'token': 'token' is required
        return not _SECRET_NAME.fullmatch(value)
    if match.lastgroup != "bare":
        # in `"the password:", "…"`, the quote before the comma closes the string that the name is in
        alike = match["closed"].count("\\") == len(match["escape"] or "")
        return ('"' in match["closed"] and alike) or value.lstrip()[:1] not in tuple(",:}]")
    if not any(map(str.isalnum, value)) or _LITERAL.fullmatch(value) or (match["closed"] and _JSON.fullmatch(value)):
        return False
    if match["gap"] or match["sign"] in (":", "："):
        # part of a sentence, unless it is not a word
        return value.isascii() and not _SAID.fullmatch(value)
    return True


def _is_value_of_initials(match: re.Match[str]) -> bool:
    return not match.string[match.start() - 1 : match.start()].isalnum() and _is_value(match)


# ---- forms of their own


def _is_basic(match: re.Match[str]) -> bool:
    try:
        return b":" in base64.b64decode(match["basic"], validate=True)
    except binascii.Error:
        return False


def _is_shown(match: re.Match[str]) -> bool:
    return bool(_value(match).strip("*"))


_EDGE: Final = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"

_LOOKS: Final = (
    _Look("password or token by its name", _NAME_HINTS, re.compile(f"(?:{_NAMES}){_IS}"), _is_value),
    _Look("access or secret key by its name", ("ak", "sk"), re.compile(_INITIALS + _IS), _is_value_of_initials),
    _Look(
        "private key",
        ("-----begin",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----(?:[A-Za-z0-9+/=\s:,.]|\\+[nrt]|-(?!----))*"
            r"(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----)?"
        ),
        _is_shown,
    ),
    _Look("JWT", ("eyj",), re.compile(_EDGE + r"eyJ[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*+)?", re.ASCII), _is_shown),
    _Look(
        "password in a URL",
        ("://", ":\\/"),
        re.compile(r":(?:\\?/){2}[^\s/?#@:\"'<>\\\x00]*+:(?P<password>[^\s/?#\"'<>\\\x00]+)@"),
        _is_shown,
    ),
    _Look(
        "Basic credentials", ("basic ",), re.compile(r"(?i:basic) {1,3}(?P<basic>[A-Za-z0-9+/]{8,}+={0,2})"), _is_basic
    ),
    _Look(
        "credentials of a scheme",
        ("bearer ", "sdk-hmac-sha256 "),
        re.compile(r"(?i:bearer|sdk-hmac-sha256) {1,3}(?P<bearer>[A-Za-z0-9._~+/-]{16,}+=*)"),
        lambda match: any(map(str.isdigit, _value(match))),
    ),
    _Look(
        "access key id",
        ("access=",),
        # the end may be cut off
        re.compile(
            r"SDK-HMAC-SHA256 {1,3}Access=(?P<signed>[^\s,=\"'\\]++)"
            r"|Access=(?P<access>[^\s,=\"'\\]++), {0,3}SignedHeaders"
        ),
        _is_shown,
    ),
)
