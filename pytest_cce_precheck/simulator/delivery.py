"""Answers that are sent late, in small parts, or cut off by a reset. No I/O here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pytest_cce_precheck.simulator.http1 import END_OF_HEAD, format_response
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.wire.exchange import Response

_PARTS: Final = 10


@dataclass(frozen=True)
class SlowResponse(Response):
    """An answer that is complete ``elapsed`` seconds after its request; its body is sent over the last ``drips``."""

    drips: float = 0.0


@dataclass(frozen=True)
class LateResponse(SlowResponse):
    """A slow answer for which a caller in this process has to wait too."""


class Reset(NoAnswer):
    """The connection is reset after ``partial`` is sent."""

    def __init__(self, partial: bytes) -> None:
        super().__init__("connection-lost", partial)


def half_of(response: Response) -> bytes:
    """Return the bytes of the answer up to the middle of its body."""
    head, _, body = format_response(response, close=False).partition(END_OF_HEAD)
    return head + END_OF_HEAD + body[: len(body) // 2]


def parts(response: Response, *, close: bool) -> Iterator[tuple[float, bytes]]:
    """Yield the parts of the answer, each with its delay in seconds; most answers are one part without delay."""
    data = format_response(response, close=close)
    if not isinstance(response, SlowResponse) or not response.drips:
        yield response.elapsed if isinstance(response, SlowResponse) else 0.0, data
        return
    begins = response.elapsed - response.drips
    head, _, body = data.partition(END_OF_HEAD)
    yield begins, head + END_OF_HEAD
    size = -(-len(body) // _PARTS) or 1
    pieces = [body[place : place + size] for place in range(0, len(body), size)]
    for number, piece in enumerate(pieces, 1):
        yield begins + response.drips * number / len(pieces), piece
