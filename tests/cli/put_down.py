"""Cassettes for the commands to work on, and the errors of these."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.cassette.format import Recording, dumps
from tests.contract.answers import answered, listing
from tests.recordings import ENDPOINT, origin

if TYPE_CHECKING:
    from collections.abc import Callable

    Ended = tuple[int, str, str]
    Cassettes = Callable[..., Ended]

DATA: Final = Path(__file__).parent.parent / "data" / "recordings"
TOKEN: Final = "made-up-token-of-the-environment"


def recorded(exchange: Any) -> Recording:
    return Recording(replace(exchange.request, endpoint=ENDPOINT), exchange.response)


def asked(query: str = "", document: Any = None, status: int = 200) -> Recording:
    """Return a recorded list call."""
    return recorded(answered(listing() if document is None else document, query=query, status=status))


def put_down(path: Path, *recordings: Recording, **about: Any) -> Path:
    """Write a cassette, as a recording run does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(origin(**about), recordings or [asked()], redacted=True), "utf-8")
    return path


def one_line(error: str) -> str:
    """Return the error of a command, which is one line."""
    assert error.startswith("cce-precheck: ")
    assert error.count("\n") == 1
    return error.removeprefix("cce-precheck: ").rstrip("\n")
