"""One client's connection: requests out of the bytes that it sent, answers into the bytes that it gets. No I/O here."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.delivery import Reset, parts
from pytest_cce_precheck.simulator.http1 import (
    CONTINUE,
    END_OF_HEAD,
    MAX_BODY,
    MAX_HEAD,
    BadHttp,
    Head,
    can_begin_request,
    format_response,
    parse_head,
)
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.simulator.refusals import internal_error, refuse
from pytest_cce_precheck.wire.exchange import Request, Response

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

_KNOWN_REQUESTS: Final = 256
_MAX_KNOWN_HEAD: Final = 4 * 1024
_MAX_UNSENT: Final = 256 * 1024

_log = logging.getLogger(__name__)


class Ending(Enum):
    """What happens to a connection once everything is sent."""

    CLOSE = auto()
    RESET = auto()
    HOLD = auto()
    """Nothing: a fault lets the client wait."""


class Wait(Enum):
    """What a connection waits for; each has a limit of its own, so that none is kept for ever."""

    HANDSHAKE = auto()
    IDLE = auto()
    """The first byte of a request."""
    REQUEST = auto()
    """The rest of a request that has begun."""
    READER = auto()
    """The client, to read what it was sent."""
    LATER = auto()
    """The moment at which the next part of an answer goes out."""
    HOLD = auto()
    END = auto()
    """The client, to close its side after ours."""


@dataclass(eq=False, slots=True)
class Connection:
    """The state of one client's connection."""

    sock: socket.socket
    number: int
    received: bytearray = field(default_factory=bytearray)
    to_send: bytearray = field(default_factory=bytearray)
    later: deque[tuple[float, bytes]] = field(default_factory=deque)
    """Parts of an answer, each with the moment at which it goes out."""
    head: Head | None = None
    """The head of a request whose body is not complete."""
    greeting: ssl.SSLSocket | None = None
    """The socket, until its TLS handshake is done."""
    ending: Ending | None = None
    drained: int = -1
    """Bytes thrown away since the end of our side; -1 while our side is open."""
    wait: Wait | None = None
    """What the deadline is for; None if it has to be set anew."""
    deadline: float = float("inf")
    """When the connection is dropped."""

    @property
    def due(self) -> float:
        """When something is to be done without the client."""
        return min(self.later[0][0], self.deadline) if self.later else self.deadline

    @property
    def waits_for(self) -> Wait:
        """What has to happen next."""
        if self.greeting is not None:
            return Wait.HANDSHAKE
        if self.to_send:
            return Wait.READER
        if self.later:
            return Wait.LATER
        if self.ending is Ending.HOLD:
            return Wait.HOLD
        if self.drained >= 0:
            return Wait.END
        return Wait.REQUEST if self.received or self.head else Wait.IDLE

    def refuse(self, response: Response) -> None:
        """Send an error and close."""
        self.to_send += format_response(_with_length(response), close=True)
        self.ending = Ending.CLOSE


class Answerer:
    """Answers the requests of all connections; what goes wrong with one of them stays with it."""

    def __init__(self, handle: Callable[[Request, int], Response], endpoint: str) -> None:
        self._handle = handle
        self._endpoint = endpoint
        # a client asks in the same words again and again, and parsing them costs as much as answering
        self._requests: dict[bytes, Request] = {}

    def answer(self, connection: Connection) -> None:
        """Answer, in their order, the complete requests that have come, unless much is still to be sent."""
        while (
            connection.received
            and not (connection.ending or connection.later)
            and len(connection.to_send) < _MAX_UNSENT
            and self._answer_next(connection)
        ):
            connection.wait = None

    def _answer_next(self, connection: Connection) -> bool:
        request = None
        try:
            request, keep_alive = self._next_request(connection)
            if request is None:
                return False
            response = self._handle(request, connection.number)
            close = not keep_alive or _announces_close(response)
            for seconds, data in parts(response, close=close):
                if seconds or connection.later:
                    connection.later.append((monotonic() + seconds, data))
                else:
                    connection.to_send += data
            connection.ending = Ending.CLOSE if close else None
        except BadHttp as error:
            connection.refuse(error.response)
        except NoAnswer as fault:
            connection.to_send += fault.partial
            held = fault.reason == "timeout"
            connection.ending = Ending.RESET if isinstance(fault, Reset) else Ending.HOLD if held else Ending.CLOSE
        except Exception:
            asked = f"{request.method} {request.path:.200}" if request else "a request that could not be read"
            _log.exception("the simulator failed on %a", asked)
            connection.later.clear()
            connection.refuse(refuse(internal_error()))
        return True

    def _next_request(self, connection: Connection) -> tuple[Request | None, bool]:
        received = connection.received
        head, text = connection.head, b""
        if head is None:
            if not can_begin_request(received):
                raise BadHttp(HTTPStatus.BAD_REQUEST, "The request line is malformed.")
            end = received.find(END_OF_HEAD)
            if end < 0 and len(received) <= MAX_HEAD:
                return None, True
            if end < 0 or end > MAX_HEAD:
                raise BadHttp(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The head may have {MAX_HEAD} bytes.")
            text = bytes(received[:end])
            del received[: end + len(END_OF_HEAD)]
            known = self._requests.get(text)
            if known is not None:
                return known, True
            head = parse_head(text)
            if head.expects_continue and len(received) < head.length:
                connection.to_send += CONTINUE
        if len(received) < head.length:
            connection.head = head
            return None, True
        connection.head = None
        body = bytes(received[: head.length])
        del received[: head.length]
        request = Request(head.method, self._endpoint, head.path, head.query, head.headers, body)
        if head.keep_alive and not head.length and 0 < len(text) <= _MAX_KNOWN_HEAD:
            if len(self._requests) >= _KNOWN_REQUESTS:
                self._requests.clear()
            self._requests[text] = request
        return request, head.keep_alive


def wants_too_much(connection: Connection) -> bool:
    """Whether a client that waits for an answer has sent more than anybody has to ask."""
    return bool(connection.later) and len(connection.received) > MAX_HEAD + MAX_BODY


def _announces_close(response: Response) -> bool:
    pairs = response.headers.pairs
    return any(name.lower() == "connection" and "close" in value.lower() for name, value in pairs)


def _with_length(response: Response) -> Response:
    length = str(len(response.body))
    return Response(response.status, response.headers.replacing("Content-Length", length), response.body)
