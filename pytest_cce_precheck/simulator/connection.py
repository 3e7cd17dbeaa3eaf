"""One client's connection: parse requests from the bytes received, add answers to the bytes to send. No I/O here."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import lru_cache
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator import http1
from pytest_cce_precheck.simulator.delivery import Reset, parts
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.simulator.refusals import INTERNAL_ERROR, refuse
from pytest_cce_precheck.wire.exchange import Request, Response

if TYPE_CHECKING:
    import socket
    import ssl

Handle = Callable[[Request, int], Response | Future[Response]]

_CACHED_HEADS: Final = 256
_MAX_CACHED_HEAD: Final = 4 * 1024
_MAX_UNSENT: Final = 256 * 1024

_log = logging.getLogger(__name__)


class Ending(Enum):
    """What happens to a connection after everything is sent."""

    CLOSE = auto()
    RESET = auto()
    HOLD = auto()
    """Nothing: a fault makes the client wait."""


class Wait(Enum):
    """What a connection waits for; each has its own time limit."""

    HANDSHAKE = auto()
    IDLE = auto()
    """For the first byte of a request."""
    REQUEST = auto()
    """For the rest of a request."""
    READER = auto()
    """For the client to read what was sent."""
    LATER = auto()
    """Until the next part of an answer is to be sent."""
    ANSWER = auto()
    """For another thread to make the answer."""
    HOLD = auto()
    END = auto()
    """For the client to close its side after ours."""


@dataclass(eq=False, slots=True)
class Connection:
    """The state of one client's connection."""

    sock: socket.socket
    number: int
    received: bytearray = field(default_factory=bytearray)
    to_send: bytearray = field(default_factory=bytearray)
    scheduled: deque[tuple[float, bytes]] = field(default_factory=deque)
    """Parts of an answer, each with the time at which it is to be sent."""
    head: http1.Head | None = None
    """The head of a request whose body is not complete."""
    awaited: tuple[Future[Response], bool] | None = None
    """The answer that another thread makes, and whether the client keeps the connection."""
    handshaking: ssl.SSLSocket | None = None
    """The socket, until its TLS handshake is done."""
    ending: Ending | None = None
    drained: int = -1
    """Bytes discarded since our side was closed; -1 while it is open."""
    wait: Wait | None = None
    """What the deadline is for; None if it must be set again."""
    deadline: float = float("inf")
    """When the connection is closed."""

    @property
    def due(self) -> float:
        """When there is something to do even if the client does nothing."""
        return min(self.scheduled[0][0], self.deadline) if self.scheduled else self.deadline

    @property
    def waits_for(self) -> Wait:
        """What the connection waits for now."""
        if self.handshaking is not None:
            return Wait.HANDSHAKE
        if self.to_send:
            return Wait.READER
        if self.scheduled:
            return Wait.LATER
        if self.awaited:
            return Wait.ANSWER
        if self.ending is Ending.HOLD:
            return Wait.HOLD
        if self.drained >= 0:
            return Wait.END
        return Wait.REQUEST if self.received or self.head else Wait.IDLE

    @property
    def is_answered(self) -> bool:
        """Whether an answer that another thread makes is ready to be sent."""
        return self.awaited is not None and self.awaited[0].done()

    def refuse(self, response: Response) -> None:
        """Send an error and close."""
        length = str(len(response.body))
        response = replace(response, headers=response.headers.replacing("Content-Length", length))
        self.to_send += http1.format_response(response, close=True)
        self.ending = Ending.CLOSE


class Answerer:
    """Answers the requests of all connections; an error on one connection does not affect the others."""

    def __init__(self, handle: Handle, endpoint: str) -> None:
        self._handle = handle
        self._endpoint = endpoint
        # a client repeats its requests, and to parse one costs as much as to answer it
        self._parse_cached = lru_cache(_CACHED_HEADS)(http1.parse_head)

    def answer(self, connection: Connection) -> None:
        """Answer the complete requests in order, as long as not too much is waiting to be sent."""
        while (
            (connection.is_answered if connection.awaited else connection.received)
            and not (connection.ending or connection.scheduled)
            and len(connection.to_send) < _MAX_UNSENT
            and self._answer_next(connection)
        ):
            connection.wait = None

    def _answer_next(self, connection: Connection) -> bool:
        request = None
        try:
            if connection.awaited is None:
                request, keep_alive = self._next_request(connection)
                if request is None:
                    return False
                response = self._handle(request, connection.number)
                if isinstance(response, Future):
                    connection.awaited = response, keep_alive
                    return True
            else:
                future, keep_alive = connection.awaited
                connection.awaited = None
                response = future.result()
            close = not keep_alive or "close" in response.headers.get("Connection", "").lower()
            for seconds, data in parts(response, close=close):
                if seconds or connection.scheduled:
                    connection.scheduled.append((monotonic() + seconds, data))
                else:
                    connection.to_send += data
            connection.ending = Ending.CLOSE if close else None
        except http1.BadHttp as error:
            connection.refuse(error.response)
        except NoAnswer as fault:
            connection.to_send += fault.partial
            if isinstance(fault, Reset):
                connection.ending = Ending.RESET
            else:
                connection.ending = Ending.HOLD if fault.reason == "timeout" else Ending.CLOSE
        except Exception:
            asked = f"{request.method} {request.path:.200}" if request else "a request that could not be read"
            _log.exception("the server failed on %a", asked)
            connection.scheduled.clear()
            connection.refuse(refuse(INTERNAL_ERROR))
        return True

    def _next_request(self, connection: Connection) -> tuple[Request | None, bool]:
        """Return the next request, None if it is not complete yet, and whether the client keeps the connection."""
        received, head = connection.received, connection.head
        if head is None:
            if not http1.can_begin_request(received):
                raise http1.BadHttp(HTTPStatus.BAD_REQUEST, "The request line is malformed.")
            end = received.find(http1.END_OF_HEAD)
            if end < 0 and len(received) <= http1.MAX_HEAD:
                return None, True
            if end < 0 or end > http1.MAX_HEAD:
                raise http1.BadHttp(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The head must not exceed {http1.MAX_HEAD} bytes."
                )
            text = bytes(received[:end])
            del received[: end + len(http1.END_OF_HEAD)]
            head = self._parse_cached(text) if end <= _MAX_CACHED_HEAD else http1.parse_head(text)
            if head.expects_continue and len(received) < head.length:
                connection.to_send += http1.CONTINUE
        if len(received) < head.length:
            connection.head = head
            return None, True
        connection.head = None
        body = bytes(received[: head.length])
        del received[: head.length]
        request = Request(head.method, self._endpoint, head.path, head.query, head.headers, body)
        return request.in_old_http() if head.is_old else request, head.keep_alive


def sends_too_much(connection: Connection) -> bool:
    """Return whether a client that waits for an answer has sent more than any request has."""
    return (
        bool(connection.scheduled or connection.awaited) and len(connection.received) > http1.MAX_HEAD + http1.MAX_BODY
    )
