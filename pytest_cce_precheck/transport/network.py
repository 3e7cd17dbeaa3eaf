"""Refuse connections that a test must not make, with the way to a client that works; by Python's own sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pytest_cce_precheck.errors import NetworkRefusedError
from pytest_cce_precheck.transport.callers import callers
from pytest_cce_precheck.wire.hosts import canonical_host

_PORTS: Final = {"http": 80, "https": 443}


class Network:
    """Refuses connections to ``services``, and with ``block`` to every other machine, while the ``with`` block runs.

    A simulated or replayed service is reached by `requests`, whose calls never come here, or through `cce_service`.
    ``refused`` is called with each error, since a client may hide it.
    """

    def __init__(self, services: Sequence[str], *, block: bool, refused: Callable[[NetworkRefusedError], None]) -> None:
        self._services = {_place(each) for each in services}
        self._names = {host for host, _ in self._services if host != "localhost"}
        self._block = block
        self._refused = refused
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        # every replayed test does this, and `unittest.mock.patch` would take a hundred times as long
        for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex"), (socket, "getaddrinfo")):
            own = vars(owner).get(name)
            self._undo.append(partial(delattr, owner, name) if own is None else partial(setattr, owner, name, own))
            setattr(owner, name, self._guarded(getattr(owner, name), name))
        return self

    def __exit__(self, *_: object) -> None:
        while self._undo:
            self._undo.pop()()

    def _guarded(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            place = _looked_up(*arguments, **options) if name == "getaddrinfo" else arguments[1]
            # a path of a Unix socket, or an abstract one, leads nowhere else
            if isinstance(place, tuple) and len(place) >= 2:
                self._check(place[0], place[1])
            return original(*arguments, **options)

        return guarded

    def _check(self, host: Any, port: Any) -> None:
        __tracebackhide__ = True
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if not isinstance(name, str):
            return
        found = canonical_host(name)
        if (found, _number(port)) in self._services or found in self._names:
            error = NetworkRefusedError(self._text(f"{name}:{port}", is_service=True))
        elif self._block and found not in ("localhost", ""):
            error = NetworkRefusedError(self._text(f"{name}:{port}", is_service=False))
        else:
            return
        self._refused(error)
        raise error

    def _text(self, place: str, *, is_service: bool) -> str:
        found = callers()
        library = next((each.library for each in found if each.library), None) or "this client"
        line = f"\n  asked at: {found[0].line}" if found else ""
        if is_service:
            return (
                f"{library} was not connected to {place}: the service is simulated or replayed here, and of this"
                f" process only calls of requests are intercepted{line}\n"
                "  way out:  call cce_service.url, which every client reaches, with cce_service.headers()"
            )
        return (
            f"{library} was not connected to {place}: --cce-block-network refuses other machines{line}\n"
            "  way out:  call cce_service.url in place of a real service, or leave the option out"
        )


def _looked_up(host: Any, port: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
    return host, port


@lru_cache(maxsize=64)
def _place(endpoint: str) -> tuple[str, int | None]:
    parts = urlsplit(endpoint)
    return canonical_host(parts.hostname or ""), parts.port or _PORTS.get(parts.scheme)


def _number(port: Any) -> int | None:
    text = port.decode("ascii", "replace") if isinstance(port, bytes) else str(port)
    return int(text) if text.isdigit() else _PORTS.get(text)
