"""Read an answer's body as it arrives, bounded in time and size."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.transport.failures import failure
from pytest_cce_precheck.wire.body import MAX_BYTES

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_CHUNK: Final = 64 * 1024


def read_body(raw: BaseHTTPResponse, *, started: float, deadline: float) -> bytes:
    """Give the whole body, freed of its content coding.

    ``started`` is a reading of `time.monotonic`, ``deadline`` counts seconds from there. Raises what `requests` raises,
    and `failures.failure` for a body that is not complete by then or too large.
    """
    body = bytearray()
    # read1 gives what has arrived, so that an answer which drips is noticed
    while chunk := raw.read1(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > MAX_BYTES:
            raise failure("too-large", f"the answer is larger than {MAX_BYTES:,} bytes")
        if time.monotonic() - started > deadline:
            raise failure("timeout", f"the answer was not complete after {deadline:g} s")
    return bytes(body)
