"""Servers to compare on loopback, each in a process of its own, and a client that keeps eight connections busy.

Started as a program it is one of the servers: it prints its port and ends when its standard input is closed.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, list_path

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = 8


def question(simulator: Simulator) -> Request:
    token = simulator.credentials.token
    path = list_path(simulator.project_id, simulator.cluster_id)
    return Request("GET", simulator.endpoint, path, "", Headers(((TOKEN_HEADER, token.reveal() if token else ""),)))


def answer() -> bytes:
    """Return the body of the unfiltered list of 12 tasks."""
    simulator = Simulator()
    return simulator.handle(question(simulator)).body


class Ready(BaseHTTPRequestHandler):
    """The stdlib's handler, head and body in one write: in two, a keep-alive connection waits 40 ms each time."""

    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024
    content = answer()

    def body(self) -> bytes:
        return self.content

    def do_GET(self) -> None:
        body = self.body()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Rendering(Ready):
    """As `Ready`, but the body is made from the document for each request."""

    document = json.loads(Ready.content)

    def body(self) -> bytes:
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":")).encode()


class Stdlib(ThreadingHTTPServer):
    daemon_threads = True
    # five by default: eight connections at once would wait a second for their turn
    request_queue_size = 128


def serve(kind: str) -> None:
    if kind == "simulator":
        with SimulatorServer(Simulator()) as server:
            print(server.port, flush=True)
            sys.stdin.read()
        return
    with Stdlib(("127.0.0.1", 0), Rendering if kind == "rendering" else Ready) as plain:
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        print(plain.server_port, flush=True)
        sys.stdin.read()
        plain.shutdown()


@contextmanager
def serving(kind: str) -> Iterator[int]:
    """Run a server in its own process and give its port."""
    with started(kind) as (port, _):
        yield port


@contextmanager
def started(kind: str) -> Iterator[tuple[int, int]]:
    """Run a server in its own process and give its port and the number of its process."""
    process = subprocess.Popen(
        [sys.executable, __file__, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def requests_a_second(port: int, seconds: float) -> float:
    """Ask again and again over eight connections, one question on the way on each, and count the answers."""
    asked = question(Simulator())
    lines = (f"GET {asked.path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"{TOKEN_HEADER}: {asked.headers[TOKEN_HEADER]}")
    message = "\r\n".join((*lines, "", "")).encode()
    length = _answer_length(port, message)
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, [length])
        connection.sendall(message)
    done, busy, started = 0, CONNECTIONS, time.perf_counter()
    while busy:
        for key, _ in selector.select(10.0):
            assert isinstance(key.fileobj, socket.socket)
            key.data[0] -= len(key.fileobj.recv(256 * 1024))
            if key.data[0]:
                continue
            if time.perf_counter() - started > seconds:
                busy -= 1
                selector.unregister(key.fileobj)
                key.fileobj.close()
                continue
            done += 1
            key.data[0] = length
            key.fileobj.sendall(message)
    selector.close()
    return done / seconds


def _answer_length(port: int, message: bytes) -> int:
    """Return the bytes of one answer; they are as many each time, since dates and request ids have a fixed length."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(message)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(64 * 1024)
        head, _, _ = received.partition(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        assert head.startswith(b"HTTP/1.1 200"), head
        return len(head) + 4 + int(lines[b"content-length"])


if __name__ == "__main__":
    serve(sys.argv[1])
