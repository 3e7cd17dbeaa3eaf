"""The simulator over HTTP/1.1 on the loopback interface, for a client in any language.

One thread serves all connections: the simulator only computes, so more threads would wait for each other. Nothing that
takes time holds it up: not a TLS handshake, nor an answer that is to be late.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import selectors
import socket
import ssl
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.simulator.delivery import Reset, parts
from pytest_cce_precheck.simulator.http1 import (
    CONTINUE,
    END_OF_HEAD,
    MAX_BODY,
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
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from pytest_cce_precheck.simulator.service import Simulator

HOST: Final = "127.0.0.1"
HOLD_SECONDS: Final = 60.0
_HANDSHAKE_SECONDS: Final = 10.0
_DRAIN_SECONDS: Final = 5.0
_DRAIN_BYTES: Final = 16 * 1024 * 1024
_RECEIVE: Final = 64 * 1024
_BACKLOG: Final = 128
_KNOWN_REQUESTS: Final = 256
_AT_ONCE: Final = struct.pack("ii", 1, 0)
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Connection:
    sock: socket.socket
    number: int
    received: bytearray = field(default_factory=bytearray)
    to_send: bytes = b""
    later: deque[tuple[float, bytes]] = field(default_factory=deque)
    """Parts of an answer, each with the moment at which it goes out."""
    head: Head | None = None
    greeting: ssl.SSLSocket | None = None
    """The socket, until its TLS handshake is done."""
    closing: bool = False
    """Close once everything is sent."""
    resetting: bool = False
    """Close with a reset."""
    held: bool = False
    """Send what there is, and then nothing: a fault that lets the client wait."""
    drained: int = -1
    """Bytes thrown away since the end of our side; -1 while our side is open."""
    deadline: float | None = None
    """When the connection is dropped."""

    @property
    def due(self) -> float:
        """When something is to be done without the client."""
        moments = [self.later[0][0]] if self.later else []
        return min(moments if self.deadline is None else [*moments, self.deadline], default=float("inf"))


class SimulatorServer:
    """Serve a simulator at ``endpoint`` while the ``with`` block runs; ``port`` 0 takes a free one.

    A fault that gives no answer closes the connection, cuts it off, or holds it for a minute at most. With ``tls`` it
    speaks HTTPS; a connection on which nothing is asked for ``idle`` seconds is closed.

    >>> from pytest_cce_precheck.simulator.service import Simulator
    >>> with SimulatorServer(Simulator()) as server:
    ...     server.endpoint.rpartition(":")[0]
    'http://127.0.0.1'
    """

    def __init__(
        self, simulator: Simulator, port: int = 0, *, tls: ssl.SSLContext | None = None, idle: float | None = None
    ) -> None:
        self.simulator = simulator
        self._tls = tls
        self._idle = idle
        self._listener = socket.create_server((HOST, port), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.endpoint = f"{'https' if tls else 'http'}://{HOST}:{self.port}"
        self._wake, self._woken = socket.socketpair()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._accept_again: float | None = None
        self._selector = selectors.DefaultSelector()
        self._numbers = itertools.count(1)
        self._waiting: set[_Connection] = set()
        # a client asks in the same words again and again, and parsing them costs as much as answering
        self._requests: dict[bytes, Request] = {}

    def __enter__(self) -> SimulatorServer:
        self._thread = threading.Thread(target=self._serve_in_thread, name="cce-simulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving, close every connection and wait for the thread; may be called twice.

        Raises `CcePrecheckError` if the server had ended before: clients were refused since then.
        """
        if self._stopped:
            return
        self._stopped = True
        self._wake.send(b"x")
        if self._thread is not None:
            self._thread.join()
        self._selector.close()
        for sock in (self._listener, self._wake, self._woken):
            sock.close()
        self._raise_failure()

    def wait(self) -> None:
        """Wait until the serving thread ends; raises `CcePrecheckError` if it ended by an error."""
        if self._thread is not None:
            self._thread.join()
        self._raise_failure()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise CcePrecheckError(f"the simulator's server ended by an error: {failure!r}") from failure

    def _serve_in_thread(self) -> None:
        try:
            self.serve()
        except BaseException as error:
            _log.exception("the simulator's server ended by an error")
            self._failure = error

    def serve(self) -> None:
        """Serve in this thread until `close` is called from another, or until interrupted."""
        select = self._selector
        select.register(self._listener, selectors.EVENT_READ, self._accept)
        select.register(self._woken, selectors.EVENT_READ, lambda: None)
        try:
            while not self._stopped:
                for key, events in select.select(self._next_deadline()):
                    if isinstance(key.data, _Connection):
                        with self._kept_apart(key.data):
                            self._serve(key.data, events)
                    else:
                        key.data()
                self._act_on_time()
        finally:
            # a client that would come later is refused, and does not wait for an answer that nobody gives
            self._listener.close()
            for key in list(select.get_map().values()):
                if isinstance(key.data, _Connection):
                    key.data.sock.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            if error.errno in _OUT_OF_RESOURCES:
                # the client stays in the backlog; the listener would report it again and again until there is room
                self._selector.unregister(self._listener)
                self._accept_again = monotonic() + _PAUSE_SECONDS
            return
        connection = _Connection(sock, next(self._numbers))
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                secured = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                connection.sock = connection.greeting = secured
                self._set_deadline(connection, _HANDSHAKE_SECONDS)
            elif self._idle is not None:
                self._set_deadline(connection, self._idle)
            self._selector.register(connection.sock, selectors.EVENT_READ, connection)
        except (OSError, ValueError):  # it went away meanwhile, or there is no room to watch it
            self._waiting.discard(connection)
            connection.sock.close()
            sock.close()

    @contextlib.contextmanager
    def _kept_apart(self, connection: _Connection) -> Iterator[None]:
        """Let no error of one connection reach another: it is logged, and costs this connection alone."""
        try:
            yield
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            self._drop(connection)
        except Exception:
            _log.exception("serving connection %d failed", connection.number)
            self._drop(connection)

    def _serve(self, connection: _Connection, events: int) -> None:
        if connection.greeting is not None:
            self._greet(connection, connection.greeting)
            return
        if events & selectors.EVENT_READ:
            data = connection.sock.recv(_RECEIVE)
            if not data:
                self._drop(connection)
                return
            self._receive(connection, data)
        if connection.sock.fileno() >= 0 and (connection.to_send or connection.closing):
            self._send(connection)

    def _greet(self, connection: _Connection, sock: ssl.SSLSocket) -> None:
        try:
            sock.do_handshake()
        except ssl.SSLWantWriteError:
            self._watch(connection, selectors.EVENT_WRITE)
            return
        except ssl.SSLWantReadError:
            self._watch(connection, selectors.EVENT_READ)
            return
        self._watch(connection, selectors.EVENT_READ)
        connection.greeting = connection.deadline = None
        if self._idle is not None:
            self._set_deadline(connection, self._idle)

    def _receive(self, connection: _Connection, data: bytes) -> None:
        if connection.held:
            return
        if connection.drained >= 0:
            connection.drained += len(data)
            if connection.drained > _DRAIN_BYTES:
                self._drop(connection)
            return
        connection.deadline = None
        connection.received += data
        self._answer(connection)
        if connection.later and len(connection.received) > MAX_HEAD + MAX_BODY:
            # nobody who waits for an answer has so much to ask
            self._drop(connection)

    def _answer(self, connection: _Connection) -> None:
        # a client may send several requests before it reads: answered in their order
        while connection.received and not (connection.closing or connection.held or connection.later):
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
            connection.resetting = isinstance(fault, Reset)
            connection.held = fault.reason == "timeout"
            connection.closing = not connection.held
            if connection.held:
                self._set_deadline(connection, HOLD_SECONDS)
            return False
        connection.closing = not keep_alive or _announces_close(response)
        for seconds, data in parts(response, close=connection.closing):
            if seconds or connection.later:
                connection.later.append((monotonic() + seconds, data))
            else:
                connection.to_send += data
        if connection.later:
            self._waiting.add(connection)
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
            except (BlockingIOError, ssl.SSLWantWriteError):
                sent = 0
            connection.to_send = connection.to_send[sent:]
        if connection.to_send:
            # who does not read its answers may ask no more
            self._watch(connection, selectors.EVENT_WRITE)
            return
        self._watch(connection, selectors.EVENT_READ)
        if connection.later:
            return
        if connection.resetting:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self._drop(connection)
        elif connection.closing and connection.drained < 0:
            # closed outright, with bytes unread, the client would lose the answer to a reset
            _say_goodbye(connection.sock)
            connection.sock.shutdown(socket.SHUT_WR)
            connection.drained = 0
            self._set_deadline(connection, _DRAIN_SECONDS)
        elif self._idle is not None and not (connection.held or connection.closing):
            self._set_deadline(connection, self._idle)

    def _watch(self, connection: _Connection, events: int) -> None:
        if self._selector.get_key(connection.sock).events != events:
            self._selector.modify(connection.sock, events, connection)

    def _set_deadline(self, connection: _Connection, seconds: float) -> None:
        connection.deadline = monotonic() + seconds
        self._waiting.add(connection)

    def _next_deadline(self) -> float | None:
        due = min((connection.due for connection in self._waiting), default=float("inf"))
        if self._accept_again is not None:
            due = min(due, self._accept_again)
        return max(due - monotonic(), 0.0) if due < float("inf") else None

    def _act_on_time(self) -> None:
        if not self._waiting and self._accept_again is None:
            return
        now = monotonic()
        if self._accept_again is not None and self._accept_again <= now:
            self._accept_again = None
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        for connection in [connection for connection in self._waiting if connection.due <= now]:
            if connection.deadline is not None and connection.deadline <= now:
                _say_goodbye(connection.sock)
                self._drop(connection)
                continue
            while connection.later and connection.later[0][0] <= now:
                connection.to_send += connection.later.popleft()[1]
            with self._kept_apart(connection):
                self._answer(connection)
                self._send(connection)

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


def _say_goodbye(sock: socket.socket) -> None:
    """End TLS in its own words; a client takes a silent end for an attack."""
    if isinstance(sock, ssl.SSLSocket):
        # the client's own goodbye is not waited for, and after an end there is nothing left to end
        with contextlib.suppress(OSError, ValueError):
            sock.unwrap()


def _announces_close(response: Response) -> bool:
    pairs = response.headers.pairs
    return any(name.lower() == "connection" and "close" in value.lower() for name, value in pairs)


def _with_length(response: Response) -> Response:
    length = str(len(response.body))
    return Response(response.status, response.headers.replacing("Content-Length", length), response.body)
