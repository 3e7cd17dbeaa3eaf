"""Redact recorded calls: what the contract documents is kept, everything else is masked.

Names and values are kept if a schema of the calls, a filter or a probe of the suite has them. In what is kept, known
credentials and what looks like a secret are masked. Recordings are redacted when they are saved and when they are
loaded, and so is a request that is looked up; a second time changes nothing.
"""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_plus

from pytest_cce_precheck._secret_patterns import Sighting, looks_like_secret
from pytest_cce_precheck.redaction.documents import Clean, redacted
from pytest_cce_precheck.redaction.pseudonyms import Pseudonyms, folded
from pytest_cce_precheck.redaction.reflected_secrets import HEADER, marked
from pytest_cce_precheck.redaction.spellings import MASK, Pieces, masked
from pytest_cce_precheck.redaction.texts import SHOWN_HEADERS, WORD, Redactor, decoded_and_cleaned, without_query
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from pytest_cce_precheck.cassette.format import Recording

REPLAY_CREDENTIALS: Final = Credentials(
    token=Secret("replayed-token-000000"),
    access_key=Secret("replayed-access-key-000000"),
    secret_key=Secret("replayed-secret-key-000000"),
    security_token=Secret("replayed-temporary-000000"),
)
"""What replaces credentials in a cassette, and what a replay authenticates with."""

REQUEST_HEADERS: Final = frozenset({"accept", "accept-encoding", "content-type"})
RESPONSE_HEADERS: Final = (SHOWN_HEADERS - {"accept", "user-agent", "x-project-id", "x-sdk-date"}) | {
    "www-authenticate",
    # a filter with a line break in it tries to set this one: a finding
    "x-precheck-probe",
    HEADER.lower(),
}

PROBES: Final = frozenset(
    {
        *("limit", "offset", "marker", "page", "page_size", "per_page", "sort_key", "sort_dir", "status", "callback"),
        *("cluster_id", "precheck_probe", "fields", "format", "addon_template_name"),
    }
)
"""The parameters beside the filters that the suite sends, to check that they are ignored."""

_HARMLESS: Final = re.compile(
    "|".join(
        text
        for each in REPLAY_CREDENTIALS.secrets
        for text in (each, base64.b64encode(each.encode()).decode().strip("="))
    )
)
_PARAMETERS: Final = frozenset(map(folded, (*Filter, *PROBES)))
# `precheck_probe_7`, `task_id[]`, `task_id[$ne]`
_DECORATED: Final = re.compile(r"(?s)(.*?)(?:_\d{1,3}|\[(?:\$ne)?\])?")
_ID_FILTERS: Final = frozenset(map(folded, (Filter.TASK_ID, Filter.ADDON_INSTANCE_ID)))
_SEGMENTS: Final = frozenset({"", ".", "..", "api", "v3", "projects", "clusters", "addons", "precheck", "tasks"})
_BEFORE_IDS: Final = frozenset({"projects", "clusters"})
_SCHEME: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]{0,30})(?=[\s,]|\Z)")
_PASSES: Final = 5
_CACHED: Final = 1024
_BYTE_ORDER_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Redaction:
    """Replaces ``credentials`` in recordings with `REPLAY_CREDENTIALS`, and masks other secrets, ``also``.

    With ``pseudonyms``, ids are replaced too.
    """

    def __init__(
        self, credentials: Credentials, *, also: Iterable[str] = (), pseudonyms: Pseudonyms | None = None
    ) -> None:
        secrets = (*credentials.secrets, *also)
        self._redactor = Redactor(secrets, dict(_replacements(credentials, Redactor(secrets))))
        self._pieces = Pieces(secrets)
        self._pseudonyms = pseudonyms
        self._path = lru_cache(_CACHED)(self._new_path)
        self._query = lru_cache(_CACHED)(lambda query: "&".join(map(self._parameter, query.split("&"))))
        self._header = lru_cache(_CACHED)(self._new_header)
        self._short_text = lru_cache(_CACHED)(self.text)

    def __repr__(self) -> str:
        return "<Redaction>"

    def text(self, text: str) -> str:
        """Return a text, such as a failure's, without secrets, also in the URLs that it quotes."""
        text = self._clean(self._pseudonyms.text(text) if self._pseudonyms else text)
        if "%" not in text:
            return text
        return WORD.sub(
            lambda word: self._encoded(word[0], self._clean, unquote_plus, unquote) if "%" in word[0] else word[0], text
        )

    def message(self, text: str) -> str:
        """Return a message like `text`: one that says near what something is wrong quotes a piece of it."""
        return self._pieces.masked(self.text(text))

    def recording(self, recording: Recording) -> Recording:
        """Return a recording without secrets; if its answer repeats a credential, that is noted."""
        outcome = recording.outcome
        return replace(
            recording,
            request=self.request(recording.request),
            outcome=self.response(marked(recording.request, outcome))
            if isinstance(outcome, Response)
            else replace(outcome, detail=self.message(outcome.detail)),
        )

    def request(self, request: Request) -> Request:
        """Return a request without secrets, and without the headers that authenticate it."""
        return Request(
            self._short_text(request.method),
            self._short_text(request.endpoint),
            self._path(request.path),
            self._query(request.query),
            Headers(self._kept(request.headers, REQUEST_HEADERS)),
            self._body(request.body, self._made_from_an_id),
        )

    def shown(self, request: Request) -> Request:
        """Return a redacted request for a message: an id that looks like a secret is masked too."""
        parts = (self._encoded(part, self._clean, unquote_plus, unquote) for part in request.query.split("&"))
        return replace(request, query="&".join(parts))

    def response(self, response: Response) -> Response:
        """Return a response without secrets."""
        return replace(
            response,
            headers=Headers(
                (name, self._pieces.masked(value)) for name, value in self._kept(response.headers, RESPONSE_HEADERS)
            ),
            body=self._without_pieces(self._body(response.body, self._redactor.known)),
        )

    def found_in(self, response: Response) -> bool:
        """Whether a response holds one of the known secrets."""
        texts = [value for _, value in response.headers.pairs]
        return any(self._redactor.found_in(text) for text in (*texts, response.body.decode("latin-1")))

    def _clean(self, text: str) -> str:
        return _repeated(text, self._clean_once)

    def _clean_once(self, text: str) -> str:
        text = self._redactor.known(text)
        return masked(text, ((each.start, each.end, MASK) for each in sightings(text)))

    def _kept(self, headers: Headers, kept: frozenset[str]) -> Iterator[tuple[str, str]]:
        for name, value in headers.pairs:
            plain = name.lower()
            if plain in kept:
                yield name, self._header(plain, value)

    def _new_header(self, name: str, value: str) -> str:
        if name == "location":
            # without its secrets, it may be another URL
            return _repeated(value, lambda text: self.text(without_query(text)))
        if name == "www-authenticate":
            scheme = _SCHEME.match(value)
            value = scheme[1] if scheme else MASK
        return self.text(value)

    def _new_path(self, path: str) -> str:
        before, segments = "", []
        for segment in path.split("/"):
            if segment in _SEGMENTS:
                segments.append(segment)
            else:
                segments.append(self._encoded(segment, self._clean, unquote) if before in _BEFORE_IDS else MASK)
            before = segment
        return "/".join(segments)

    def _parameter(self, part: str) -> str:
        name, sign, value = part.partition("=")
        plain = unquote_plus(name)
        if not part or _is_sent(plain):
            # the scan refuses an id that looks like a secret: masked, all such ids would be the same
            clean = self._redactor.known if folded(plain) in _ID_FILTERS else self._clean
            return name + sign + self._encoded(value, clean, unquote_plus, unquote)
        return f"masked={MASK}" if sign else "masked"

    def _encoded(self, text: str, clean: Clean, *decoders: Callable[..., str]) -> str:
        """Clean text that is percent-encoded once or more often; what is clean keeps its spelling."""
        if self._pseudonyms:
            text = self._pseudonyms.encoded(text)
        for decode in decoders:
            each = partial(decode, errors="surrogateescape")
            text = _repeated(text, partial(decoded_and_cleaned, clean=clean, decode=each))
        return text

    def _without_pieces(self, body: bytes) -> bytes:
        text, encoding = _decoded(body)
        shown = self._pieces.masked(text)
        return body if shown == text else shown.encode(encoding, "backslashreplace")

    def _made_from_an_id(self, value: str) -> str:
        return self._redactor.known(self._pseudonyms.derived(value) if self._pseudonyms else value)

    def _body(self, body: bytes, clean_id: Clean) -> bytes:
        if not body:
            return body
        text, encoding = _decoded(body)
        shown = self._pseudonyms.text(text) if self._pseudonyms else text
        # a secret may be spelled like JSON itself
        shown = _repeated(shown, lambda text: self._redactor.known(redacted(text, self._clean, clean_id)))
        # JSON escapes what an encoding has no octets for
        return body if shown == text else shown.encode(encoding, "backslashreplace")


def sightings(text: str) -> Iterator[Sighting]:
    """Yield what looks like a secret and is not one of `REPLAY_CREDENTIALS`."""
    return (each for each in looks_like_secret(text) if not _is_harmless(text[each.start : each.end]))


def _is_harmless(text: str) -> bool:
    rest = _HARMLESS.sub("", text)
    return rest != text and (not rest or not any(looks_like_secret(rest)))


def _replacements(credentials: Credentials, known: Redactor) -> Iterator[tuple[str, str]]:
    for name in REPLAY_CREDENTIALS.names:
        secret: Secret | None = getattr(credentials, name)
        replacement: Secret = getattr(REPLAY_CREDENTIALS, name)
        # a replacement must not hold a secret itself
        if secret and not known.found_in(replacement.reveal()):
            yield secret.reveal(), replacement.reveal()


def _repeated(text: str, clean: Clean) -> str:
    """Clean until nothing more changes: once something is masked, something else may look like a secret."""
    for _ in range(_PASSES):
        cleaned = clean(text)
        if cleaned == text:
            break
        text = cleaned
    return text


def _is_sent(name: str) -> bool:
    decorated = _DECORATED.fullmatch(name)
    return folded(decorated[1] if decorated else name) in _PARAMETERS


def _decoded(body: bytes) -> tuple[str, str]:
    """Return a body as text, and its encoding: UTF-8, or UTF-16 by its mark, else Latin-1."""
    encoding = _BYTE_ORDER_MARKS.get(body[:2], "utf-8")
    try:
        return body.decode(encoding), encoding
    except UnicodeDecodeError:
        return body.decode("latin-1"), "latin-1"
