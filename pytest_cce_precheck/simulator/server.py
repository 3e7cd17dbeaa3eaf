"""HTTP/1.1 on the loopback interface, for a client in any language: the simulator, or whatever else answers.

One thread serves all connections: the simulator only computes, so more threads would wait for each other. It never
blocks on a connection, whether for a TLS handshake, for an answer that is to be late or for one that others make.
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
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from pytest_cce_precheck.simulator.connection import Answerer, Connection, Ending, Handle, Wait, sends_too_much
from pytest_cce_precheck.simulator.http1 import REQUEST_TIMED_OUT

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.service import Simulator
    from pytest_cce_precheck.wire.exchange import Request, Response

HOST: Final = "127.0.0.1"
# seconds that a connection may wait for each
LIMITS: Final = {
    Wait.HANDSHAKE: 10.0,
    Wait.IDLE: 300.0,
    Wait.REQUEST: 60.0,
    Wait.READER: 60.0,
    Wait.LATER: float("inf"),
    # who makes the answer has limits of its own
    Wait.ANSWER: float("inf"),
    Wait.HOLD: 60.0,
    Wait.END: 5.0,
}
# seconds until it tries again to accept clients after it had no file descriptor for one
SHORTAGE_SECONDS: Final = 0.2
# a client that does nothing for so many seconds makes room for another one if descriptors are short
PATIENCE_SECONDS: Final = 5.0
_CLIENTS_TURN: Final = {Wait.HANDSHAKE, Wait.IDLE, Wait.REQUEST}
_SHORTAGE: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_DRAIN_BYTES: Final = 16 * 1024 * 1024
_RECEIVE: Final = 64 * 1024
_BACKLOG: Final = 128
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)

_log = logging.getLogger(__name__)


class LoopbackServer:
    """Serve what ``handle`` answers at ``endpoint`` while the ``with`` block runs; ``port`` 0 means a free one.

    ``handle`` gets a request and the number of its connection. It must not block: an answer that takes time is a
    `Future` that another thread completes. `NoAnswer` closes the connection, cuts it off, or holds it for at most a
    minute. With ``tls``, the server speaks HTTPS. A connection without a request for ``idle`` seconds (five minutes by
    default) is closed; if the process may open no more files, that without one for longest is closed for a new client.
    If the server fails, new clients are refused, and the end of the block raises `RuntimeError`.
    """

    def __init__(
        self, handle: Handle, port: int = 0, *, tls: ssl.SSLContext | None = None, idle: float | None = None
    ) -> None:
        self._handle = handle
        self._tls = tls
        self._limits = LIMITS if idle is None else {**LIMITS, Wait.IDLE: idle}
        self._listener = socket.create_server((HOST, port), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.endpoint = f"{'https' if tls else 'http'}://{HOST}:{self.port}"
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._selector = selectors.DefaultSelector()
        self._numbers = itertools.count(1)
        self._answerer = Answerer(self._begun, self.endpoint)
        self._next_due = float("inf")
        """Neither a connection nor the listener is due before."""
        self._accept_again: float | None = None
        """When to accept clients again after there was no file descriptor for one."""
        self._warned = False

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve_in_thread, name="cce-simulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving, close every connection and wait for the thread; may be called twice.

        Raises `RuntimeError` if the thread has failed.
        """
        if self._stopped:
            return
        self._stopped = True
        self._wake_up()
        if self._thread is not None:
            self._thread.join()
        self._selector.close()
        for sock in (self._listener, self._wake, self._woken):
            sock.close()
        if self._failure is not None:
            raise RuntimeError(f"the simulator's server had stopped: {self._failure!r}") from self._failure

    def serve(self) -> None:
        """Serve in this thread until `close` is called from another, or until interrupted."""
        select = self._selector
        select.register(self._listener, selectors.EVENT_READ)
        select.register(self._woken, selectors.EVENT_READ)
        try:
            while not self._stopped:
                for key, events in select.select(self._seconds_left()):
                    if isinstance(key.data, Connection):
                        self._guarded(self._serve, key.data, events)
                    elif key.fileobj is self._listener:
                        self._accept()
                    else:
                        self._woken.recv(_RECEIVE)
                        self._answer_late()
                self._meet_deadlines()
        finally:
            # a client that connects now would wait for ever
            self._listener.close()
            self._answer_late()
            for connection in self._connections():
                connection.sock.close()

    def _serve_in_thread(self) -> None:
        try:
            self.serve()
        except BaseException as error:
            # not only Exception: a fault of the user's own may call pytest.fail
            self._failure = error
            _log.critical("the simulator's server has stopped", exc_info=True)

    def _begun(self, request: Request, caller: int) -> Response | Future[Response]:
        answer = self._handle(request, caller)
        if isinstance(answer, Future):
            answer.add_done_callback(self._wake_up)
        return answer

    def _wake_up(self, _: object = None) -> None:
        # a full pipe wakes the server too, and a late answer may find it closed
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    def _answer_late(self) -> None:
        for connection in self._connections():
            if connection.is_answered:
                self._guarded(self._advance, connection)

    def _seconds_left(self) -> float | None:
        return max(self._next_due - monotonic(), 0.0) if self._next_due < float("inf") else None

    def _connections(self) -> list[Connection]:
        return [key.data for key in self._selector.get_map().values() if isinstance(key.data, Connection)]

    def _guarded(self, act: Callable[..., None], connection: Connection, *arguments: float) -> None:
        """Act on a connection; an error ends this connection and nothing else."""
        try:
            act(connection, *arguments)
        except OSError:
            self._drop(connection)
        except Exception:
            _log.exception("a connection failed and is closed")
            self._drop(connection)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # the client is gone
        except OSError as error:
            if error.errno not in _SHORTAGE:
                raise
            if self._close_longest_idle():
                return  # the client in the queue is accepted next
            if not self._warned:
                _log.warning("new clients have to wait: %s", error)
            self._warned = True
            # else it would be ready all the time; clients wait in its queue
            self._selector.unregister(self._listener)
            self._accept_again = monotonic() + SHORTAGE_SECONDS
            self._next_due = min(self._next_due, self._accept_again)
            return
        self._warned = False
        self._guarded(self._add, Connection(sock, next(self._numbers)))

    def _close_longest_idle(self) -> bool:
        """Close the connection whose client has done nothing for longest; return whether there was one."""
        idle = [each for each in self._connections() if each.wait in _CLIENTS_TURN]
        since = {each: each.deadline - self._limits[each.waits_for] for each in idle}
        longest = min(idle, key=since.__getitem__, default=None)
        if longest is None or monotonic() - since[longest] < PATIENCE_SECONDS:
            return False
        self._drop(longest)
        return True

    def _add(self, connection: Connection) -> None:
        sock = connection.sock
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            secured = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            connection.sock = connection.handshaking = secured
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)
        self._set_deadline(connection)

    def _serve(self, connection: Connection, events: int) -> None:
        if connection.handshaking is not None:
            self._handshake(connection, connection.handshaking)
            return
        if events & selectors.EVENT_READ:
            try:
                data = connection.sock.recv(_RECEIVE)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            if not data or not self._receive(connection, data):
                self._drop(connection)
                return
        self._advance(connection)

    def _handshake(self, connection: Connection, sock: ssl.SSLSocket) -> None:
        events = selectors.EVENT_READ
        try:
            sock.do_handshake()
            connection.handshaking = None
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLWantWriteError:
            events = selectors.EVENT_WRITE
        self._watch(connection, events)
        self._set_deadline(connection)

    def _receive(self, connection: Connection, data: bytes) -> bool:
        if connection.drained >= 0:
            connection.drained += len(data)
            return connection.drained <= _DRAIN_BYTES
        if connection.ending is not Ending.HOLD:
            connection.received += data
        return not sends_too_much(connection)

    def _advance(self, connection: Connection) -> None:
        """Answer and send as much as possible now, and set the next deadline."""
        self._answerer.answer(connection)
        while connection.to_send and self._send(connection):
            self._answerer.answer(connection)
        # no more requests are read from a client that does not read its answers
        self._watch(connection, selectors.EVENT_WRITE if connection.to_send else selectors.EVENT_READ)
        if not (connection.to_send or connection.scheduled or connection.awaited):
            self._end(connection)
        self._set_deadline(connection)

    def _send(self, connection: Connection) -> bool:
        try:
            sent = connection.sock.send(connection.to_send)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return False
        del connection.to_send[:sent]
        connection.wait = None
        return not connection.to_send

    def _end(self, connection: Connection) -> None:
        if connection.ending is Ending.RESET:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            self._drop(connection)
        elif connection.ending is Ending.CLOSE and connection.drained < 0:
            # if it were closed with bytes unread, a reset would cost the client the answer
            _end_tls(connection.sock)
            connection.sock.shutdown(socket.SHUT_WR)
            connection.drained = 0
            connection.received.clear()

    def _watch(self, connection: Connection, events: int) -> None:
        if self._selector.get_key(connection.sock).events != events:
            self._selector.modify(connection.sock, events, connection)

    def _set_deadline(self, connection: Connection) -> None:
        wait = connection.waits_for
        if connection.wait is not wait:
            connection.wait = wait
            connection.deadline = monotonic() + self._limits[wait]
        self._next_due = min(self._next_due, connection.due)

    def _meet_deadlines(self) -> None:
        now = monotonic()
        if now < self._next_due:
            return
        self._next_due = float("inf")
        if self._accept_again is not None:
            self._resume_accepting()
        for connection in self._connections():
            if connection.due <= now:
                self._guarded(self._act, connection, now)
            else:
                self._next_due = min(self._next_due, connection.due)

    def _act(self, connection: Connection, now: float) -> None:
        if connection.deadline > now:
            while connection.scheduled and connection.scheduled[0][0] <= now:
                connection.to_send += connection.scheduled.popleft()[1]
            self._advance(connection)
        elif connection.wait is Wait.REQUEST:
            connection.refuse(REQUEST_TIMED_OUT)
            self._advance(connection)
        else:
            _end_tls(connection.sock)
            self._drop(connection)

    def _resume_accepting(self) -> None:
        self._accept_again = None
        self._selector.register(self._listener, selectors.EVENT_READ)

    def _drop(self, connection: Connection) -> None:
        with contextlib.suppress(KeyError):  # it may not be registered yet
            self._selector.unregister(connection.sock)
        connection.sock.close()
        if self._accept_again is not None:
            self._resume_accepting()


class SimulatorServer(LoopbackServer):
    """Serve a simulator, or anything else that has its ``handle``, at ``endpoint`` while the ``with`` block runs.

    >>> from pytest_cce_precheck.simulator.service import Simulator
    >>> with SimulatorServer(Simulator()) as server:
    ...     server.endpoint.rpartition(":")[0]
    'http://127.0.0.1'
    """

    def __init__(
        self, simulator: Simulator, port: int = 0, *, tls: ssl.SSLContext | None = None, idle: float | None = None
    ) -> None:
        self.simulator = simulator
        # looked up for each request: `simulator` may have been replaced
        super().__init__(lambda asked, caller: self.simulator.handle(asked, caller=caller), port, tls=tls, idle=idle)


def _end_tls(sock: socket.socket) -> None:
    """End TLS as its protocol wants; a client takes any other end for an attack."""
    if isinstance(sock, ssl.SSLSocket):
        # does not wait for the client's reply; TLS may have ended already
        with contextlib.suppress(OSError, ValueError):
            sock.unwrap()
