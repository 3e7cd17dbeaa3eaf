"""One request and its response, as they were on the wire: every mode makes them and every check reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property, lru_cache, partial
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.errors import CcePrecheckError, ReleasedBodyError, TransportReason
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.dates import parse_http_date
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER

_LONGEST_ID: Final = 200
LARGE: Final = 1 << 20
"""A body of more bytes is not kept parsed, which takes ten times its size."""
_BEGINNING: Final = 4096


class Headers(Mapping[str, str]):
    """An immutable list of header fields; names are matched without regard to case.

    >>> headers = Headers([("Content-Type", "application/json"), ("Via", "a"), ("via", "b")])
    >>> headers["content-type"], headers["Via"], headers.get("Retry-After")
    ('application/json', 'a, b', None)
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] | Mapping[str, str] = ()) -> None:
        # as a mapping, `Headers` loses the case of names and merges repeated ones
        source = pairs.pairs if isinstance(pairs, Headers) else pairs
        items = source.items() if isinstance(source, Mapping) else source
        self.pairs: tuple[tuple[str, str], ...] = tuple([(str(name), str(value)) for name, value in items])

    @cached_property
    def _by_name(self) -> dict[str, str]:
        merged: dict[str, str] = {}
        for name, value in self.pairs:
            key = name.lower()
            merged[key] = f"{merged[key]}, {value}" if key in merged else value
        return merged

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __hash__(self) -> int:
        # Mapping defines __eq__ without it, and `Request` hashes its fields
        return hash(frozenset(self._by_name.items()))

    def __repr__(self) -> str:
        # values may be credentials, and tracebacks with locals show reprs
        return f"Headers({', '.join(name for name, _ in self.pairs)})"

    def replacing(self, name: str, value: str) -> Headers:
        """Return these headers with ``value`` as the only one of ``name``."""
        return Headers((*self.without(name).pairs, (name, value)))

    def without(self, *names: str) -> Headers:
        """Return these headers without ``names``."""
        left_out = {name.lower() for name in names}
        return Headers(pair for pair in self.pairs if pair[0].lower() not in left_out)


@dataclass(frozen=True)
class Request:
    """A request as sent: ``path`` and ``query`` (without ``?``) are the percent-encoded text on the wire."""

    method: str
    endpoint: str
    path: str
    query: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    version: ClassVar[str] = "1.1"

    @property
    def target(self) -> str:
        """The request target: path, and query if there is one."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def url(self) -> str:
        """The absolute URL."""
        return self.endpoint + self.target

    @cached_property
    def params(self) -> tuple[tuple[str, str], ...]:
        """The query's names and values, decoded, in order; empty values are kept."""
        return tuple(parse_qsl(self.query, keep_blank_values=True, encoding="utf-8", errors="replace"))

    def with_headers(self, headers: Headers) -> Request:
        """Return this request with other headers."""
        return replace(self, headers=headers)

    def in_old_http(self) -> Request:
        """Return this request in HTTP/1.0, as old proxies send it."""
        return _InOldHttp(self.method, self.endpoint, self.path, self.query, self.headers, self.body)


class _InOldHttp(Request):
    version = "1.0"


@dataclass(frozen=True)
class Response:
    """A response as received; ``elapsed`` is in seconds.

    ``released`` is the size of a body of which only the beginning is kept (`Exchange.abridged`), 0 if it is whole.
    ``surplus`` is the beginning of what was sent after the end of the answer, None if nobody looked for it.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)
    elapsed: float = 0.0
    released: int = field(default=0, kw_only=True)
    surplus: bytes | None = field(default=None, repr=False, kw_only=True)

    @property
    def size(self) -> int:
        """How many bytes the body has, or had."""
        return self.released or len(self.body)

    @property
    def document(self) -> Any:
        """The body as strict JSON; raises `BodyError`, and `ReleasedBodyError` if the body is not kept."""
        if self.released:
            raise ReleasedBodyError(
                f"the body of this answer, {self.released:,} bytes, was released when others had arrived:"
                " judge a large answer before you ask for more"
            )
        return self._document if len(self.body) <= LARGE else _latest_document(self)

    @cached_property
    def _document(self) -> Any:
        return parse_json(self.body)


@dataclass(frozen=True)
class RepeatedResponse(Response):
    """A response with the same large body as an earlier one, which is held and parsed once for both."""

    first: Response = field(kw_only=True)

    @property
    def document(self) -> Any:
        """As `Response.document`; whoever changes it changes that of the earlier response too."""
        return self.first._document

    @classmethod
    def of(cls, response: Response, earlier: Response) -> Response:
        """Return a large response as one that repeats an earlier one; as it is if it does not."""
        if response.body != earlier.body:
            return response
        first = earlier.first if isinstance(earlier, RepeatedResponse) else earlier
        kept = {each.name: getattr(response, each.name) for each in fields(Response)}
        return cls(**{**kept, "body": first.body}, first=first)


@lru_cache(maxsize=1)
def _latest_document(response: Response) -> Any:
    # the rules ask for it one after the other
    return parse_json(response.body)


@dataclass(frozen=True)
class Exchange:
    """One request with its response."""

    request: Request
    response: Response

    @property
    def status(self) -> int:
        """The response's HTTP status."""
        return self.response.status

    @property
    def document(self) -> Any:
        """The response's body as strict JSON; raises `BodyError` and `ReleasedBodyError`."""
        return self.response.document

    def abridged(self) -> Exchange:
        """Return this exchange without a large body: for what only shows where something was seen."""
        if len(self.response.body) <= LARGE:
            return self
        kept = {each.name: getattr(self.response, each.name) for each in fields(Response)}
        # not of the class of a `RepeatedResponse`, which holds the whole body
        beginning = {"body": self.response.body[:_BEGINNING], "released": len(self.response.body)}
        return replace(self, response=Response(**{**kept, **beginning}))

    @property
    def request_id(self) -> str | None:
        """The service's id of this exchange (``X-Request-Id``), shortened if it is much longer than ids are."""
        found = self.response.headers.get(REQUEST_ID_HEADER)
        return found and shortened(found, _LONGEST_ID)

    @property
    def date(self) -> datetime | None:
        """When the service answered by its own ``Date``, in UTC; None if that is missing or not valid."""
        try:
            return parse_http_date(self.response.headers["Date"])
        except (KeyError, ValueError):
            return None


def encode_query(params: Iterable[tuple[str, str]]) -> str:
    """Return a query string as the vendor's signer writes it: everything but ``A-Za-z0-9-._~`` is encoded.

    >>> encode_query([("type", "addonStatic"), ("task_id", "a b+c/é")])
    'type=addonStatic&task_id=a%20b%2Bc%2F%C3%A9'
    """
    # half of a surrogate pair, which JSON can hold, is sent as its three octets
    encoded = partial(quote, safe="~", errors="surrogatepass")
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in params)


def parameter_octets(query: str) -> list[tuple[bytes, bytes]]:
    """Return the names and values of a query as the octets that they mean, in order, repeated ones too.

    >>> parameter_octets("type=a%20b&type=a+b&x")
    [(b'type', b'a b'), (b'type', b'a b'), (b'x', b'')]
    """
    parts = [part for part in query.replace("+", " ").split("&") if part]
    # half of a surrogate pair can be in a cassette that somebody edited
    octets = [part.encode("utf-8", "surrogatepass").partition(b"=") for part in parts]
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in octets]


class TransportError(CcePrecheckError):
    """No usable HTTP answer came back.

    ``reason`` is one of a closed set (for programs), ``detail`` is for people and never holds a credential.
    """

    def __init__(self, reason: TransportReason, detail: str, request: Request) -> None:
        super().__init__(f"{request.method} {request.url}: {detail}")
        self.reason: TransportReason = reason
        self.detail = detail
        self.request = request
