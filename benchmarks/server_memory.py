"""Ask the embedded server many times over many connections, and print how much memory it holds along the way.

    python benchmarks/server_memory.py [REQUESTS]

Well-formed lists, malformed requests and broken-off connections take turns; memory has to stay flat.
"""

from __future__ import annotations

import gc
import resource
import socket
import sys

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.vocabulary import list_path

PER_CONNECTION = 50


def memory() -> float:
    """Return the memory that this process holds, in MiB."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def converse(server: SimulatorServer, start: int) -> None:
    simulator = server.simulator
    path = list_path(simulator.project_id, simulator.cluster_id)
    token = simulator.credentials.token
    assert token is not None
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        for number in range(start, start + PER_CONNECTION):
            query = f"?task_id=unknown-{number}" if number % 3 else ""
            sock.sendall(f"GET {path}{query} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token.reveal()}\r\n\r\n".encode())
            received = b""
            while b"\r\n\r\n" not in received:
                received += sock.recv(65536)
            head, _, body = received.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += sock.recv(65536)
        # every connection ends badly
        sock.sendall(b"GET http://[::1/x HTTP/1.1\r\n\r\n" if start % 2 else b"GET / HT")


def main() -> None:
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with SimulatorServer(Simulator()) as server:
        for number in range(0, total + 1, PER_CONNECTION):
            if number % (total // 10) == 0:
                print(f"{number:>8} requests: {memory():.1f} MiB, {len(server._selector.get_map()) - 2} connections")
            converse(server, number)


if __name__ == "__main__":
    main()
