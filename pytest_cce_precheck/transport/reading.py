"""Read an answer's body and decode its content codings, in steps that are bounded with every release of urllib3."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import BytesIO
from itertools import chain
from typing import Final, NoReturn

import urllib3.response
from requests.exceptions import RequestException
from urllib3 import BaseHTTPResponse, HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import DecodeError, HTTPError

from pytest_cce_precheck.transport.failures import FAILURES, failure
from pytest_cce_precheck.wire.body import MAX_BYTES
from pytest_cce_precheck.wire.exchange import Headers
from pytest_cce_precheck.wire.vocabulary import FRAMING_HEADERS

_CHUNK: Final = 64 * 1024
# octets that Brotli and Zstandard get at once: a few may become 16 MB, and not every release has a limit
_SLICE: Final = 8
# nobody needs more, and each few octets could cost a new decoder
_MOST_CODINGS: Final = 5
_MOST_MEMBERS: Final = 64
_GZIP: Final = 16 + zlib.MAX_WBITS


def read_body(raw: BaseHTTPResponse) -> bytes:
    """Return the whole body without its content codings; an unknown coding is left as it is.

    Raises what urllib3 raises, and `failures.failure` if the body is too large: as sent, decoded, or in between.
    """
    codings = [coding.strip() for coding in raw.headers.get("Content-Encoding", "").lower().split(",")]
    if len(codings) > _MOST_CODINGS:
        raise DecodeError(f"{len(codings)} content codings")
    # not urllib3's own decoding: in older releases, a piece of 64 KB may become any size at once
    pieces = _bounded(iter(partial(raw.read1, _CHUNK, decode_content=False), b""))
    for coding in reversed(codings):
        decoder = _DECODERS.get(coding) or _decoder_of_urllib3(coding)
        if decoder is None:
            break
        pieces = _bounded(decoder(pieces))
    return b"".join(pieces)


def read_whole(response: HTTPResponse, *, preload_content: bool, hang_up: Callable[[], object]) -> HTTPResponse:
    """Read an answer that nobody has read, and return one that holds its body.

    An error is raised at once with ``preload_content``, or else when the answer is read; ``hang_up`` is called, since
    the rest of the body would be the beginning of the next answer.
    """
    if response.isclosed():
        return response
    source: BytesIO
    try:
        source = BytesIO(read_body(response))
    except FAILURES as error:
        hang_up()
        if preload_content:
            # urllib3 would take an error of requests for a lost connection, and try again
            raise HTTPError(str(error)) if isinstance(error, RequestException) else error from None
        source = _Broken(error)
    headers = Headers(response.headers.items())
    if "Content-Encoding" in headers or "Transfer-Encoding" in headers:
        headers = headers.without(*FRAMING_HEADERS)
    return HTTPResponse(
        source,
        headers=HTTPHeaderDict(headers.pairs),
        status=response.status,
        version=response.version,
        reason=response.reason,
        preload_content=preload_content,
        # it was enforced while the body was read
        enforce_content_length=False,
        # requests looks for cookies there
        original_response=response._original_response,
        request_url=response.url,
    )


class _Broken(BytesIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def read(self, _: int | None = -1, /) -> NoReturn:
        raise self._error

    read1 = read


def _bounded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_BYTES:
            raise failure("too-large", f"the answer is larger than {MAX_BYTES:,} bytes")
        yield piece


def _inflated(pieces: Iterable[bytes], bits: int) -> Iterator[bytes]:
    inflater, members, begun = zlib.decompressobj(bits), 1, False
    for piece in pieces:
        begun, rest = begun or bool(piece), piece
        while rest:
            if inflater.eof:
                # RFC 1952, 2.2: a file may have several members; after the last, other tools ignore anything
                inflater, members = zlib.decompressobj(_GZIP), members + 1
                if members > _MOST_MEMBERS:
                    raise DecodeError(f"more than {_MOST_MEMBERS} members")
            try:
                yield inflater.decompress(rest, _CHUNK)
            except zlib.error as error:
                if members == 1:
                    raise DecodeError(error) from None
                yield from (b"" for _ in pieces)
                return
            rest = inflater.unconsumed_tail or inflater.unused_data
    yield inflater.flush()
    if begun and not inflater.eof:
        raise DecodeError("it ends too early")


def _deflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pieces, head = iter(pieces), b""
    while len(head) < 2 and (piece := next(pieces, None)) is not None:
        head += piece
    # RFC 9110, 8.4.1.2: in zlib's format; some servers send it without
    is_zlib = len(head) > 1 and head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return _inflated(chain([head], pieces), zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)


def _decoder_of_urllib3(coding: str) -> Callable[[Iterable[bytes]], Iterator[bytes]] | None:
    """Return a decoder that urllib3 has if other packages are installed, whose codings other clients may accept."""
    name = {"br": "BrotliDecoder", "zstd": "ZstdDecoder"}.get(coding, "")
    known = getattr(urllib3.response, name, None)
    if known is None:
        return None

    def step(decode: Callable[..., bytes], *data: bytes) -> bytes:
        try:
            return decode(*data)
        except urllib3.response.HTTPResponse.DECODER_ERROR_CLASSES as error:
            raise DecodeError(error) from None

    def decoded(pieces: Iterable[bytes]) -> Iterator[bytes]:
        decoder = known()
        for piece in pieces:
            yield from (step(decoder.decompress, piece[at : at + _SLICE]) for at in range(0, len(piece), _SLICE))
        yield step(decoder.flush)

    return decoded


_DECODERS: Final[dict[str, Callable[[Iterable[bytes]], Iterator[bytes]]]] = {
    "": iter,
    "identity": iter,
    "gzip": partial(_inflated, bits=_GZIP),
    "x-gzip": partial(_inflated, bits=_GZIP),
    "deflate": _deflated,
}
