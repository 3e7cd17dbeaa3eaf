"""Clients of the server that write their own bytes."""

from __future__ import annotations

import socket
from contextlib import suppress

WAIT = 10.0
PLAIN = b"GET / HTTP/1.1\r\n\r\n"
LAST = b"GET / HTTP/1.0\r\n\r\n"


def connected(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)


def until_closed(sock):
    received = b""
    with suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            received += chunk
    return received


def raw(server, data):
    """Send bytes, and return all that comes back until the server closes."""
    with connected(server) as sock:
        sock.sendall(data)
        return until_closed(sock)


def serves(server):
    """Return whether the server answers another client; by then it has handled everything that it received before."""
    return raw(server, LAST).startswith(b"HTTP/1.1 401 ")


def answers(sock, data=PLAIN):
    sock.sendall(data)
    return sock.recv(65536).startswith(b"HTTP/1.1 401 ")
