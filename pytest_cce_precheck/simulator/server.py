"""The simulator over HTTP/1.1 on the loopback interface, for a client in any language.

One thread serves all connections: the simulator only computes, so more threads would wait for each other.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import selectors
import socket
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.http1 import (
    CONTINUE,
    END_OF_HEAD,
    MAX_HEAD,
    BadHttp,
    Head,
    format_response,
    parse_head,
)
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.simulator.refusals import internal_error, refuse
from pytest_cce_precheck.wire.exchange import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from pytest_cce_precheck.simulator.service import Simulator

HOST: Final = "127.0.0.1"
HOLD_SECONDS: Final = 60.0
_DRAIN_SECONDS: Final = 5.0
_DRAIN_BYTES: Final = 16 * 1024 * 1024
_RECEIVE: Final = 64 * 1024
_BACKLOG: Final = 128
_KNOWN_REQUESTS: Final = 256

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Connection:
    sock: socket.socket
    number: int
    received: bytearray = field(default_factory=bytearray)
    to_send: bytes = b""
    head: Head | None = None
    closing: bool = False
    """Close once everything is sent."""
    held: bool = False
    """Send what there is, and then nothing: a fault that lets the client wait."""
    drained: int = -1
    """Bytes thrown away since the end of our side; -1 while our side is open."""
    deadline: float | None = None


class SimulatorServer:
    """Serve a simulator at ``endpoint`` while the ``with`` block runs; ``port`` 0 takes a free one.

    A fault that gives no answer closes the connection, cuts it off, or holds it for a minute at most.

    >>> from pytest_cce_precheck.simulator.service import Simulator
    >>> with SimulatorServer(Simulator()) as server:
    ...     server.endpoint.rpartition(":")[0]
    'http://127.0.0.1'
    """

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        self.simulator = simulator
        self._listener = socket.create_server((HOST, port), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.endpoint = f"http://{HOST}:{self.port}"
        self._wake, self._woken = socket.socketpair()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._selector = selectors.DefaultSelector()
        self._numbers = itertools.count(1)
        self._waiting: set[_Connection] = set()
        # a client asks in the same words again and again, and parsing them costs as much as answering
        self._requests: dict[bytes, Request] = {}

    def __enter__(self) -> SimulatorServer:
        self._thread = threading.Thread(target=self.serve, name="cce-simulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving, close every connection and wait for the thread; may be called twice."""
        if self._stopped:
            return
        self._stopped = True
        self._wake.send(b"x")
        if self._thread is not None:
            self._thread.join()
        self._selector.close()
        for sock in (self._listener, self._wake, self._woken):
            sock.close()

    def serve(self) -> None:
        """Serve in this thread until `close` is called from another, or until interrupted."""
        select = self._selector
        select.register(self._listener, selectors.EVENT_READ, self._accept)
        select.register(self._woken, selectors.EVENT_READ, lambda: None)
        try:
            while not self._stopped:
                for key, events in select.select(self._next_deadline()):
                    if isinstance(key.data, _Connection):
                        self._serve(key.data, events)
                    else:
                        key.data()
                self._drop_overdue()
        finally:
            for key in list(select.get_map().values()):
                if isinstance(key.data, _Connection):
                    key.data.sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # gone again, or no descriptor is left
            sock, _ = self._listener.accept()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(sock, selectors.EVENT_READ, _Connection(sock, next(self._numbers)))

    def _serve(self, connection: _Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                data = connection.sock.recv(_RECEIVE)
                if not data:
                    self._drop(connection)
                    return
                self._receive(connection, data)
            if connection.sock.fileno() >= 0 and (connection.to_send or connection.closing):
                self._send(connection)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)

    def _receive(self, connection: _Connection, data: bytes) -> None:
        if connection.held:
            return
        if connection.drained >= 0:
            connection.drained += len(data)
            if connection.drained > _DRAIN_BYTES:
                self._drop(connection)
            return
        connection.received += data
        # a client may send several requests before it reads: answered in their order
        while connection.received and not connection.closing and not connection.held:
            if not self._answer_next(connection):
                return

    def _answer_next(self, connection: _Connection) -> bool:
        try:
            request, keep_alive = self._read_request(connection)
        except BadHttp as error:
            connection.to_send += format_response(_with_length(error.response), close=True)
            connection.closing = True
            return False
        if request is None:
            return False
        try:
            response = self._handle(request, connection)
        except NoAnswer as fault:
            connection.to_send += fault.partial
            connection.held = fault.reason == "timeout"
            connection.closing = not connection.held
            if connection.held:
                self._set_deadline(connection, HOLD_SECONDS)
            return False
        connection.closing = not keep_alive or _announces_close(response)
        connection.to_send += format_response(response, close=connection.closing)
        return True

    def _read_request(self, connection: _Connection) -> tuple[Request | None, bool]:
        received = connection.received
        head, text = connection.head, b""
        if head is None:
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
        request = Request(head.method, self.endpoint, head.path, head.query, head.headers, body)
        if text and head.keep_alive and not head.length:
            if len(self._requests) >= _KNOWN_REQUESTS:
                self._requests.clear()
            self._requests[text] = request
        return request, head.keep_alive

    def _handle(self, request: Request, connection: _Connection) -> Response:
        try:
            return self.simulator.handle(request, caller=connection.number)
        except NoAnswer:
            raise
        except Exception:
            _log.exception("the simulator failed on %s %s", request.method, request.path)
            return _with_length(refuse(internal_error()))

    def _send(self, connection: _Connection) -> None:
        if connection.to_send:
            try:
                sent = connection.sock.send(connection.to_send)
            except BlockingIOError:
                sent = 0
            connection.to_send = connection.to_send[sent:]
        if connection.to_send:
            # who does not read its answers may ask no more
            self._watch(connection, selectors.EVENT_WRITE)
            return
        self._watch(connection, selectors.EVENT_READ)
        if connection.closing and connection.drained < 0:
            # closed outright, with bytes unread, the client would lose the answer to a reset
            connection.sock.shutdown(socket.SHUT_WR)
            connection.drained = 0
            self._set_deadline(connection, _DRAIN_SECONDS)

    def _watch(self, connection: _Connection, events: int) -> None:
        if self._selector.get_key(connection.sock).events != events:
            self._selector.modify(connection.sock, events, connection)

    def _set_deadline(self, connection: _Connection, seconds: float) -> None:
        connection.deadline = monotonic() + seconds
        self._waiting.add(connection)

    def _next_deadline(self) -> float | None:
        deadlines = [connection.deadline for connection in self._waiting if connection.deadline is not None]
        return max(min(deadlines) - monotonic(), 0.0) if deadlines else None

    def _drop_overdue(self) -> None:
        now = monotonic() if self._waiting else 0.0
        for connection in [c for c in self._waiting if c.deadline is not None and c.deadline <= now]:
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        self._waiting.discard(connection)
        if connection.sock.fileno() >= 0:
            self._selector.unregister(connection.sock)
            connection.sock.close()


def serve_forever(simulator: Simulator, port: int = 0, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve in this thread until interrupted; ``ready`` is told the endpoint once it can be called."""
    server = SimulatorServer(simulator, port)
    try:
        if ready is not None:
            ready(server.endpoint)
        server.serve()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()


def _announces_close(response: Response) -> bool:
    pairs = response.headers.pairs
    return any(name.lower() == "connection" and "close" in value.lower() for name, value in pairs)


def _with_length(response: Response) -> Response:
    length = str(len(response.body))
    return Response(response.status, response.headers.replacing("Content-Length", length), response.body)
