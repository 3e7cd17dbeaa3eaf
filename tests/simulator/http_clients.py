"""Requests to the server, as bytes."""

from __future__ import annotations

import socket

from pytest_cce_precheck.wire.vocabulary import list_path

WAIT = 10.0


def path_of(server):
    return list_path(server.simulator.project_id, server.simulator.cluster_id)


def token_of(server):
    return {"X-Auth-Token": server.simulator.credentials.token.reveal()}


def raw(server, data, *, half_close=False):
    """Send bytes, and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        sock.sendall(data)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
        return received


def nudge(server):
    """Make the server check its clock after it has read everything so far."""
    for _ in range(2):
        # it looks at the clock after an answer: once it gives the second, it has done so
        raw(server, b"GET /nudge HTTP/1.0\r\n\r\n")


def arrived(sock):
    """Return what has arrived, or None, without waiting for it."""
    sock.setblocking(False)
    try:
        return sock.recv(65536)
    except BlockingIOError:
        return None
    finally:
        sock.settimeout(WAIT)
