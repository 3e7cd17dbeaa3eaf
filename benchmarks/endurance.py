"""Whether the simulator's server keeps its size: its memory while clients of all kinds send it 200,000 requests.

One request in ten is distinct from all others, one in twenty is not HTTP or is left unfinished, one in twenty comes on
a connection of its own. Creations are left out: what they create is to be kept.

    python benchmarks/endurance.py [--requests N]
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, list_path

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = 8
STEPS = 10
BROKEN = (
    b"GET http://[::1/x HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01",
    b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
    b"GET",
)
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")


def connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


@contextmanager
def serving() -> Iterator[tuple[int, dict[str, Any]]]:
    """Run ``cce-precheck serve``; gives the id of the process and what it says of itself."""
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "serve", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, json.loads(process.stdout.readline())
        finally:
            process.terminate()


def message(facts: dict[str, Any], query: str) -> bytes:
    path = list_path(facts["project_id"], facts["cluster_id"])
    return f"GET {path}?{query} HTTP/1.1\r\n{TOKEN_HEADER}: {facts['token']}\r\n\r\n".encode()


def ask(connection: socket.socket, data: bytes) -> None:
    connection.sendall(data)
    received = connection.recv(256 * 1024)
    head, _, body = received.partition(b"\r\n\r\n")
    found = LENGTH.search(head + b"\r\n")
    assert received.startswith(b"HTTP/1.1 200 "), received[:80]
    assert found is not None
    left = int(found[1]) - len(body)
    while left > 0:
        left -= len(connection.recv(256 * 1024))


def break_off(port: int, data: bytes) -> None:
    with connected(port) as connection, suppress(ConnectionError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(64 * 1024):
            pass


def kilobytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200_000, metavar="N", help="how many to send")
    options = parser.parse_args()
    with serving() as (process, facts), ExitStack() as stack:
        port = int(facts["endpoint"].rpartition(":")[2])
        usual, marked = message(facts, "type=addonStatic"), message(facts, "task_id=MARK")
        kept = [stack.enter_context(connected(port)) for _ in range(CONNECTIONS)]
        for number in range(options.requests):
            if number % 20 == 7:
                break_off(port, BROKEN[number // 20 % len(BROKEN)])
            elif number % 20 == 13:
                with connected(port) as alone:
                    ask(alone, usual)
            else:
                data = marked.replace(b"MARK", str(number).encode()) if number % 10 == 0 else usual
                ask(kept[number % CONNECTIONS], data)
            if (number + 1) % (options.requests // STEPS) == 0:
                sys.stdout.write(f"{number + 1:>9,} requests  {kilobytes(process) / 1024:6.1f} MiB\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
