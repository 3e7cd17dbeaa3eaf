"""Recordings and cassettes made by hand, and cassettes as somebody's pytest run leaves them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.cassette.format import Cassette, Failure, Origin, Recording, dumps, loads
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import list_path

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.errors import TransportReason
    from pytest_cce_precheck.simulator.server import SimulatorServer

CASSETTES = "--cce-cassette-dir=cassettes"
REPLAY = ("--cce-mode=replay", CASSETTES)
ENDPOINT = "https://cce.recorded.example"
PATH = list_path("p", "c")
JSON = Headers([("Content-Type", "application/json")])


def origin(**changes: Any) -> Origin:
    """Return an origin that says nothing in particular."""
    known = {"tool": "a test", "recorded_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "endpoint": ENDPOINT}
    return Origin(**{**known, **changes})


def asked(query: str = "", method: str = "GET", path: str = PATH, body: bytes = b"") -> Request:
    """Return a request to the recorded service."""
    return Request(method, ENDPOINT, path, query, JSON, body)


def answered(query: str = "", body: bytes = b"{}", *, status: int = 200, repeats: bool = False) -> Recording:
    """Return the recording of a list call."""
    return Recording(asked(query), Response(status, JSON, body), repeats)


def failed(query: str = "", reason: TransportReason = "timeout", detail: str = "no answer") -> Recording:
    """Return the recording of a list call that got no answer."""
    return Recording(asked(query), Failure(reason, detail))


def cassette(*recordings: Recording, **changes: Any) -> Cassette:
    """Return the recordings as a cassette that was written and read again."""
    return loads(dumps(origin(**changes), recordings), "tasks.json")


def recording_from(server: SimulatorServer) -> tuple[str, ...]:
    """Return the options of a run that records from ``server``."""
    service = server.simulator
    return (
        "--cce-mode=record", CASSETTES, f"--cce-endpoint={server.endpoint}",
        f"--cce-project-id={service.project_id}", f"--cce-cluster-id={service.cluster_id}",
    )  # fmt: skip


def credentials_of(server: SimulatorServer) -> dict[str, str]:
    """Return the environment of a run that may call ``server``."""
    token = server.simulator.credentials.token
    assert token is not None
    return {"CCE_AUTH_TOKEN": token.reveal()}


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder, by its name from there, with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
