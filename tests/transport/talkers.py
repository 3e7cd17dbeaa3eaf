"""Servers that say the bytes they are given, and requests to them."""

from __future__ import annotations

import socket
import threading
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.wire.exchange import Headers, Request, TransportError
from tests.gates import ends_in_our_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cce_precheck.transport.live import HttpTransport

    Talk = Callable[[socket.socket], None]

TOKEN = "PLANTED-TOKEN-0123456789"
PATH = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"


def asked(endpoint: str, query: str = "", method: str = "GET", body: bytes = b"", path: str = PATH) -> Request:
    headers = Headers([("Accept", "application/json"), ("X-Auth-Token", TOKEN), ("X-Sdk-Date", "20250805T120000Z")])
    return Request(method, endpoint, path, query, headers, body)


def failed(sender: HttpTransport, request: Request) -> TransportError:
    with pytest.raises(TransportError) as raised:
        sender.send(request)
    assert raised.value.request is request
    assert not ends_in_our_code(raised)
    assert_no_credential(raised.value)
    return raised.value


def assert_no_credential(error: BaseException) -> None:
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert TOKEN not in "".join(shown.format())


@contextmanager
def talking(talk: Talk) -> Iterator[str]:
    """Accept connections one after the other and let ``talk`` write what it likes; gives the endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    try:
                        talk(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # close alone would leave accept waiting
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def head_of(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            break
        received += more
    return received


def saying(*parts: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        head_of(connection)
        for part in parts:
            connection.sendall(part)

    return talk
