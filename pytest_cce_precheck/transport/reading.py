"""Read an answer's body, bounded in size both as it arrives and as it reads without its content codings."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Final

from urllib3 import HTTPResponse

from pytest_cce_precheck.transport.failures import failure
from pytest_cce_precheck.wire.body import MAX_BYTES

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_CHUNK: Final = 64 * 1024
# nobody needs more, and each member or coding costs a pass over the body
_MAX_CODINGS: Final = 5
_MAX_MEMBERS: Final = 64
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_BITS: Final = 16 + zlib.MAX_WBITS


def read_raw(raw: BaseHTTPResponse) -> bytes:
    """Return the whole body as it was sent; raises what urllib3 raises, and `failures.failure` if it is too large."""
    body = bytearray()
    # read1 gives what has arrived, so that the size is known while it grows
    while chunk := raw.read1(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


def read_body(raw: BaseHTTPResponse) -> bytes:
    """Return the whole body without its content codings; raises what `read_raw` raises.

    A body that is not encoded as its Content-Encoding says is a failure too. What urllib3 cannot decode stays as it is.
    """
    # not urllib3's own decoder: before 2.6 one chunk of it may grow without bound
    body = read_raw(raw)
    codings = [each.strip().lower() for each in raw.headers.get("Content-Encoding", "").split(",")]
    if len(codings) > _MAX_CODINGS:
        raise failure("not-http", f"the body has {len(codings)} content codings; at most {_MAX_CODINGS} are decoded")
    try:
        for coding in reversed(codings) if body else ():
            body = _decoded(body, coding)
    except zlib.error:
        raise failure("not-http", "the body is not encoded as its Content-Encoding says") from None
    return body


def _decoded(body: bytes, coding: str) -> bytes:
    if coding in ("", "identity"):
        return body
    if coding in ("gzip", "x-gzip"):
        return _inflated(body, _GZIP_BITS)
    if coding == "deflate":
        try:
            return _inflated(body, zlib.MAX_WBITS)
        except zlib.error:
            # what RFC 9110 (8.4.1.2) warns of: sent without the zlib format around it
            return _inflated(body, -zlib.MAX_WBITS)
    decoded = bytearray()
    wrapped = HTTPResponse(BytesIO(body), headers={"Content-Encoding": coding}, preload_content=False)
    for part in wrapped.stream(_CHUNK, decode_content=True):
        decoded += part
        if len(decoded) > MAX_BYTES:
            raise _too_large()
    return bytes(decoded)


def _inflated(data: bytes, bits: int) -> bytes:
    inflated = bytearray()
    for _ in range(_MAX_MEMBERS):
        stream = zlib.decompressobj(bits)
        inflated += stream.decompress(data, MAX_BYTES + 1 - len(inflated))
        if len(inflated) > MAX_BYTES:
            raise _too_large()
        if not stream.eof:
            raise zlib.error("the stream is cut off")
        data = stream.unused_data
        if bits != _GZIP_BITS or not data.startswith(_GZIP_MAGIC):
            return bytes(inflated)
    raise zlib.error("too many members")


def _too_large() -> Exception:
    return failure("too-large", f"the answer is larger than {MAX_BYTES:,} bytes")
