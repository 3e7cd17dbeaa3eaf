"""What may stand where a file is expected, and a look at who reads it without end."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOT_FILES: Final = {
    "a directory": "it is a directory",
    "a named pipe": "it is a named pipe",
    "a socket": "it is a socket",
    "a device": "it is a device",
    "a file of absurd size": "it has 1,099,511,627,776 bytes",
}
"""What may be there, and what a refusal says of it."""


def put(what: str, path: Path) -> Path:
    """Put it at ``path``."""
    if what == "a directory":
        path.mkdir()
    elif what == "a named pipe":
        os.mkfifo(path)
    elif what == "a socket":
        # a name of more than 107 bytes has no room in an address
        here = os.open(path.parent, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)
    elif what == "a device":
        # a link to one is as endless, and needs no root
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    return path


def outcome(call: Callable[[], Any]) -> Any:
    """Return what ``call`` returns or raises; an `AssertionError` if it waits, as one that opens a pipe does."""
    ended: list[Any] = []

    def work() -> None:
        try:
            ended.append(call())
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert ended, "it waits, or reads without end"
    return ended[0]


def refusal(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """Return what the caller is told when a file is refused."""
    with pytest.raises(ConfigurationError) as raised:
        call(*arguments, **named)
    return str(raised.value)
