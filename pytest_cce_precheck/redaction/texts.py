"""Show texts, headers and requests without secrets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache, partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from pytest_cce_precheck._secret_patterns import looks_like_secret
from pytest_cce_precheck.redaction.spellings import (
    MASK,
    Needles,
    Pieces,
    Span,
    in_every_case,
    lower,
    masked,
    nested_base64,
    plain_forms,
    readings,
    spellings,
    within_base64,
)
from pytest_cce_precheck.wire.hosts import SIMULATED
from pytest_cce_precheck.wire.vocabulary import CREDENTIAL_HEADERS, TOKEN_HEADER

if TYPE_CHECKING:
    from pytest_cce_precheck.wire.credentials import AuthKind
    from pytest_cce_precheck.wire.exchange import Headers, Request

    Clean = Callable[[str], str]

SHOWN_HEADERS: Final = frozenset(
    {
        *("accept", "allow", "connection", "content-encoding", "content-length", "content-type", "date", "location"),
        *("retry-after", "server", "transfer-encoding", "user-agent", "x-project-id", "x-request-id", "x-sdk-date"),
    }
)
"""The headers, in lower case, whose values may be shown; of ``location``, only scheme, host and path."""

_SHORT: Final = 6
_OCTET: Final = re.compile("%[0-9A-Fa-f]{2}")
WORD: Final = re.compile(r"[^\s\"'<>\\]+")
_PART: Final = re.compile(r"[^\s\"'<>\\/?&=#;,:]+")
_LINE: Final = re.compile(r"[^\r\n\"'<>\\]+")
# curl computes its own
_LEFT_TO_CURL: Final = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "host", "transfer-encoding"),
        *("x-sdk-content-sha256", "x-sdk-date"),
    }
)


class Redactor:
    """Masks known secrets in every likely spelling, and what looks like a secret.

    A secret is found raw, in hexadecimal, in Base64 (standard and URL-safe, padded or not, alone or within a longer
    text, and of hexadecimal or Base64), and as percent-encoding, JSON, Python and HTML escape it, once or more often;
    in any case. One of fewer than six characters is masked only as a whole word, since it may be part of any other.
    ``instead`` maps known secrets to what replaces them, which is then spelled as the secret was.

    >>> Redactor(["s3cr3t/key"]).text("GET /?q=s3cr3t%2Fkey&password=other")
    'GET /?q=***&password=***'
    """

    def __init__(self, secrets: Iterable[str], instead: Mapping[str, str] | None = None) -> None:
        secrets = list(dict.fromkeys(in_every_case(filter(str.strip, secrets))))
        self._instead = instead or {}
        self._long = [secret for secret in secrets if len(secret) >= _SHORT]
        self._short = [secret for secret in secrets if len(secret) < _SHORT]

    # computed when it is needed: most redactors are made for findings that are not made

    @cached_property
    def _exact(self) -> Needles:
        return Needles(self._replaced(secret for secret in self._long if secret in self._instead))

    @cached_property
    def _folded(self) -> Needles:
        forms = {
            lower(form)
            for secret in self._long
            for form in (*spellings(secret), *within_base64(secret), *nested_base64(secret))
        }
        return Needles((form, MASK) for form in forms)

    @cached_property
    def _plain(self) -> Needles:
        forms = {lower(form): self._instead.get(each, MASK) for each in self._long for form in plain_forms(each)}
        return Needles((form, shown) for form, shown in forms.items() if len(form) >= _SHORT)

    @cached_property
    def _pieces(self) -> Pieces:
        return Pieces(secret for secret in self._long if secret not in self._instead)

    @cached_property
    def _words(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple(
            (re.compile(rf"(?<!\w){re.escape(word)}(?!\w)"), other) for word, other in self._replaced(self._short)
        )

    def _replaced(self, secrets: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Return each spelling of the secrets with its replacement."""
        replaced: dict[str, str] = {}
        for secret in secrets:
            shown = spellings(self._instead[secret]) if secret in self._instead else repeat(MASK)
            for spelling, other in zip(spellings(secret), shown, strict=False):
                replaced.setdefault(spelling, other)
        return tuple(sorted(replaced.items()))

    def __repr__(self) -> str:
        return "<Redactor>"

    def text(self, text: str) -> str:
        """Return ``text`` with all secrets, and what looks like one, as ``***``, also within percent-encoding."""
        # first whole ones, then what is left of one in a text that was shortened
        text = self._pieces.masked(self._text(text))
        if "%" not in text:
            return text
        # first small parts, so that the rest keeps its spelling; then secrets that have a slash or a blank in them
        for piece in (_PART, WORD, _LINE):
            text = piece.sub(self._within, text)
        return text

    def _within(self, match: re.Match[str]) -> str:
        text = match[0]
        for decode in (unquote_plus, unquote) if _OCTET.search(text) else ():
            each = partial(decode, errors="surrogateescape")
            text = decoded_and_cleaned(text, self._text, each)
        return text

    def _text(self, text: str) -> str:
        alike = [(each.start, each.end, MASK) for each in looks_like_secret(text)]
        # JSON may escape every letter
        for reading in readings(text) if "\\u" in text else ():
            alike += [(*reading.span(each.start, each.end), MASK) for each in looks_like_secret(reading.text)]
        return self._without_words(masked(text, chain(self._spans(text), alike)))

    def known(self, text: str) -> str:
        """Return ``text`` with the known secrets masked, and nothing else."""
        return self._without_words(masked(text, self._spans(text)))

    def found(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield from where to where ``text`` holds a known secret."""
        return ((start, end) for start, end, _ in chain(self._spans(text), self._word_spans(text)))

    def found_in(self, text: str) -> bool:
        """Whether ``text`` holds a known secret."""
        return any(True for _ in self.found(text))

    def headers(self, headers: Headers) -> tuple[tuple[str, str], ...]:
        """Return every header in order; only harmless ones (`SHOWN_HEADERS`) keep their value."""
        return tuple((self.text(name), self._header_value(name, value)) for name, value in headers.pairs)

    def _header_value(self, name: str, value: str) -> str:
        if name.lower() not in SHOWN_HEADERS:
            return MASK
        return self.text(without_query(value) if name.lower() == "location" else value)

    def _without_words(self, text: str) -> str:
        # last: what touches a secret is a word once that is masked
        return masked(text, self._word_spans(text))

    def _spans(self, text: str) -> Iterator[Span]:
        if not self._long:
            return
        folded = list(self._folded.spans(lower(text)))
        if folded:
            # these are among them
            yield from self._exact.spans(text)
        yield from folded
        for reading in readings(text):
            for start, stop, shown in self._plain.spans(lower(reading.text)):
                yield *reading.span(start, stop), shown

    def _word_spans(self, text: str) -> Iterator[Span]:
        for word, shown in self._words:
            for match in word.finditer(text):
                yield *match.span(), shown


def in_every_text(data: Any, change: Clean) -> Any:
    """Return JSON's data with each text of it changed; names are kept."""
    if isinstance(data, dict):
        return {name: in_every_text(member, change) for name, member in data.items()}
    if isinstance(data, list | tuple):
        return [in_every_text(member, change) for member in data]
    return change(data) if isinstance(data, str) else data


@lru_cache(maxsize=16)
def redactor_of(secrets: tuple[str, ...]) -> Redactor:
    """Return the redactor of these secrets; a token may be renewed, but most texts are redacted of the same ones."""
    return Redactor(secrets)


def decoded_and_cleaned(text: str, clean: Clean, decode: Clean, levels: int = 3) -> str:
    """Clean percent-encoded text, and what it says once it is decoded, up to ``levels`` times.

    What is clean keeps its spelling.
    """
    plain = decode(text)
    if levels and plain != text:
        # the innermost first: its spelling may cut a secret in two
        inner = decoded_and_cleaned(plain, clean, decode, levels - 1)
        text = text if inner == plain else quote(inner, safe="*~", errors="surrogateescape")
    return clean(text)


def without_query(location: str) -> str:
    """Return a URL without user, password, query and fragment; ``***`` for one that cannot be read."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return MASK
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def curl(request: Request, redactor: Redactor, *, kind: AuthKind | None) -> str:
    """Return one shell line that repeats ``request``, with the token as ``$CCE_AUTH_TOKEN`` and no secret.

    ``kind`` is how requests are authenticated. curl cannot sign, so a signed request is repeated with a token. What the
    simulator answered can be repeated with one that is served.
    Headers that are not known to be harmless lose their value; if ``kind`` is None, so do credentials that were sent.
    """
    words = ["curl", "-sS", "-i"]
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != "GET" or request.body:
        words += ["-X", request.method]
    url = re.sub(r"[\x00-\x20\x7f]", lambda match: quote(match[0]), redactor.text(request.url))
    # by default, curl expands brackets in a URL and resolves dots in its path
    words += ["--globoff"] if re.search(r"[\[\]{}]", url) else []
    words += ["--path-as-is"] if "/." in request.path else []
    left_out = _LEFT_TO_CURL if kind is None else _LEFT_TO_CURL | CREDENTIAL_HEADERS
    for header in _curl_headers(request, redactor, left_out):
        words += ["-H", header]
    feed, data = _curl_body(redactor.text(request.body.decode("utf-8", "surrogateescape")))
    line = shlex.join([*words, *data, url])
    notes = []
    if url.startswith(SIMULATED):
        rest = shlex.quote(url.removeprefix(SIMULATED))
        line = f'{shlex.join([*words, *data])} "$CCE_ENDPOINT"{rest}'
        notes.append("the simulator answered: CCE_ENDPOINT is what cce-precheck serve prints, with the same --fault")
    if kind is not None:
        line += f' -H "{TOKEN_HEADER}: $CCE_AUTH_TOKEN"'
    if kind == "ak/sk" and TOKEN_HEADER not in request.headers:
        notes.append("was signed with AK/SK; needs a token to repeat")
    return feed + line + (f" # {'; '.join(notes)}" if notes else "")


def _curl_headers(request: Request, redactor: Redactor, left_out: frozenset[str]) -> Iterator[str]:
    host = request.headers.get("Host")
    if host not in (None, urlsplit(request.endpoint).netloc):
        yield f"Host: {redactor.text(str(host))}"
    if request.body and "Content-Type" not in request.headers:
        # by default, curl calls the body a form
        yield "Content-Type:"
    for name, value in redactor.headers(request.headers):
        if name.lower() not in left_out:
            # a colon without a value would tell curl to leave the header out
            header = f"{name}: {value}" if value.strip() else f"{name};"
            # a folded line means a space (RFC 9112, 5.2)
            yield re.sub(r"[\r\n]", " ", header)


def _curl_body(body: str) -> tuple[str, list[str]]:
    """Return a command whose output is piped to curl, and curl's options that read it."""
    if not body:
        return "", []
    if body.isprintable():
        return "", ["--data-raw", body]
    # line breaks would end the line, and octets that are not text cannot be in it
    octets = body.encode("utf-8", "surrogateescape").replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    plain = "".join(chr(octet) if 0x20 <= octet < 0x7F else f"\\0{octet:03o}" for octet in octets)
    return f"printf %b {shlex.quote(plain)} | ", ["--data-binary", "@-"]
