"""How an answer goes out where that matters: late, in drips, or cut off by a reset. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.http1 import END_OF_HEAD, format_response
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.wire.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

_DROPS: Final = 10


@dataclass(frozen=True)
class SlowResponse(Response):
    """An answer that is complete ``elapsed`` seconds after its request; over the last ``drips`` of them it drips."""

    drips: float = 0.0


class Reset(NoAnswer):
    """The connection is reset as soon as ``partial`` has gone out."""

    def __init__(self, partial: bytes) -> None:
        super().__init__("connection-lost", partial)


def half_of(response: Response) -> bytes:
    """Return the answer's bytes up to the middle of its body."""
    head, _, body = format_response(response, close=False).partition(END_OF_HEAD)
    return head + END_OF_HEAD + body[: len(body) // 2]


def parts(response: Response, *, close: bool) -> Iterator[tuple[float, bytes]]:
    """Yield the parts that are sent, each with its delay in seconds; most answers are one part, sent at once."""
    data = format_response(response, close=close)
    if not isinstance(response, SlowResponse):
        yield 0.0, data
        return
    begins = response.elapsed - response.drips
    if not response.drips:
        yield begins, data
        return
    head, _, body = data.partition(END_OF_HEAD)
    yield begins, head + END_OF_HEAD
    size = -(-len(body) // _DROPS) or 1
    drops = [body[place : place + size] for place in range(0, len(body), size)]
    for number, drop in enumerate(drops, 1):
        yield begins + response.drips * number / len(drops), drop
