"""Small servers on loopback that answer as no service should."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers every request with the server's ``answer``, and remembers it."""

    protocol_version = "HTTP/1.1"
    # a client that goes away shall not hold a thread
    timeout = 10
    # head and body are two writes, and the second would wait for the first one's acknowledgement
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            # the client is gone, or it says nothing
            self.close_connection = True

    def _answer(self) -> None:
        server: Any = self.server
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.seen.append(self)
        server.answer(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_CONNECT = _answer  # noqa: N815

    def reply(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """One that leaves no thread behind: at its end, whoever still answers has ``over`` set and no connection."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.seen: list[Handler] = []
        self.over = threading.Event()
        self._connections: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        self.over.set()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        # waits for the threads of its connections
        super().server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """Answer every request with ``answer`` while the block runs."""
    with Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def always(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> Answer:
    """Answer every request in the same way."""
    return lambda handler: handler.reply(status, body, content_type, **headers)


def chunked(body: bytes) -> Answer:
    """Answer every request with a body in two chunks."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:5], body[5:], b"")))

    return answer


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


class Talk:
    """What a server on bare sockets says on each connection, and whether it saw the client hang up."""

    def __init__(self, say: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> None:
        self.say = say
        self.context = context
        self.hung_up = threading.Event()
        self.over = threading.Event()
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}"

    def met(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            connection.settimeout(10)
            try:
                if self.context is None:
                    self.say(connection)
                else:
                    with self.context.wrap_socket(connection, server_side=True) as secured:
                        self.say(secured)
            except (ConnectionError, ssl.SSLError):
                self.hung_up.set()

    def drip(self, connection: socket.socket, piece: bytes) -> None:
        """Send a piece again and again until the client hangs up; at most for ten seconds."""
        for _ in range(1000):
            if self.over.wait(0.01):
                return
            connection.sendall(piece)

    def wait(self, connection: socket.socket) -> None:
        """Send nothing until the client hangs up."""
        if not connection.recv(1):
            self.hung_up.set()


@contextmanager
def talking(talk: Talk) -> Iterator[Talk]:
    """Let ``talk`` speak on every connection, each in a thread of its own, while the block runs."""
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        talk.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threads.append(threading.Thread(target=talk.met, args=(connection,)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield talk
        finally:
            talk.over.set()
            # close alone would leave accept waiting
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join()


def head_of(connection: socket.socket) -> bytes:
    """Read a request up to its empty line."""
    received = b""
    while b"\r\n\r\n" not in received and (more := connection.recv(65536)):
        received += more
    return received
