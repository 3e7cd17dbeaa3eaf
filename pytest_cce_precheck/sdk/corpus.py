"""The corpus as a service, one cluster a case, and as files."""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_cce_precheck import _files
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.case import PROJECT_ID, CaseFailure
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.simulator.authorization import check_credentials
from pytest_cce_precheck.simulator.delivery import SlowResponse
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.simulator.refusals import method_not_allowed, not_found, refuse
from pytest_cce_precheck.simulator.server import SimulatorServer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_cce_precheck.sdk.case import Case, Expectation
    from pytest_cce_precheck.simulator.service import Simulator
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Request, Response

FORMAT: Final = 1
INDEX: Final = "index.json"
_PATH: Final = re.compile(r"/api/v3/projects/[^/]+/clusters/case-(\d{4,9})/addons/precheck(/tasks)?", re.ASCII)
_KEPT: Final = 4096


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that the corpus got, as the ``number``-th, at ``at`` seconds of a clock that only goes forward."""

    number: int
    at: float
    request: Request


class Corpus:
    """Serves each case to who asks for its cluster; keeps nothing between requests but a log of the last ones.

    With ``credentials`` a request without them, or with others, is refused as the simulated service refuses it.
    """

    def __init__(
        self,
        cases: Iterable[Case] | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.cases = {case.number: case for case in (corpus_cases() if cases is None else cases)}
        self._credentials = credentials
        self._lock = threading.Lock()
        self._log: deque[ReceivedRequest] = deque(maxlen=_KEPT)
        self._number = 0

    def handle(self, request: Request, *, caller: int | None = None) -> Response:  # noqa: ARG002  as the simulator's
        """Answer one request; raises `NoAnswer` if the case is a connection that fails."""
        with self._lock:
            self._number += 1
            self._log.append(ReceivedRequest(self._number, time.monotonic(), request))
        refusal = self._credentials and check_credentials(request, self._credentials, datetime.now(UTC))
        if refusal:
            return _sized(refuse(refusal))
        match = _PATH.fullmatch(request.path)
        case = self.cases.get(int(match[1])) if match else None
        if match is None or case is None:
            return _sized(refuse(not_found("case", f"There is no case at {request.path}.")))
        # a broken SDK may ask for one call by the other's path
        if (request.method, match[2] or "") != {"list": ("GET", "/tasks"), "create": ("POST", "")}[case.operation]:
            return _sized(refuse(method_not_allowed("GET" if case.operation == "list" else "POST")))
        if isinstance(case.answer, CaseFailure):
            raise NoAnswer("timeout" if case.answer.connection == "holds" else "connection-lost", case.answer.raw)
        return _sized(_coded(case.answer, request))

    @property
    def count(self) -> int:
        """How many requests there have been."""
        return self._number

    def since(self, number: int) -> tuple[ReceivedRequest, ...]:
        """Return what came after the ``number``-th request."""
        with self._lock:
            return tuple(received for received in self._log if received.number > number)


def corpus_server(corpus: Corpus, port: int = 0) -> SimulatorServer:
    """Return a server of the corpus, to be used as one of the simulated service."""
    # of the simulator, the server uses `handle` alone
    return SimulatorServer(cast("Simulator", corpus), port)


def _coded(answer: Response, request: Request) -> Response:
    if answer.headers.get("Content-Encoding") != "gzip":
        return answer
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return replace(answer, headers=answer.headers.without("Content-Encoding"))
    return replace(answer, body=gzip.compress(answer.body, mtime=0))


def _sized(answer: Response) -> Response:
    if answer.status == 204:
        return answer
    return replace(answer, headers=answer.headers.replacing("Content-Length", str(len(answer.body))))


def export(folder: Path, cases: Iterable[Case]) -> int:
    """Write each case to a file of its own, and ``index.json``; give their number.

    Files of an earlier export are replaced. A folder that holds anything else is refused (`ConfigurationError`).
    """
    cases = tuple(cases)
    index = folder / INDEX
    if folder.exists() and not index.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} holds something else than a corpus: give a new or an empty folder")
    before = _exported(index) if index.is_file() else []
    names = {case.number: f"{case.number:04d}-{case.name}.json" for case in cases}
    listed = [
        {"number": c.number, "name": c.name, "kind": c.kind, "title": c.title, "file": names[c.number]} for c in cases
    ]
    for case in cases:
        _write(folder / names[case.number], case_document(case))
    _write(index, {"format": FORMAT, "project_id": PROJECT_ID, "cases": listed})
    # only now is nothing lost with them
    for name in {*before} - {*names.values()}:
        with suppress(OSError):
            (folder / name).unlink()
    return len(cases)


def _exported(index: Path) -> list[str]:
    try:
        names = [str(entry["file"]) for entry in json.loads(_files.read_bytes(index, str(index)))["cases"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{index} is not the index of a corpus ({error}): give another folder") from None
    # an index that somebody wrote must not reach out of its folder
    return [name for name in names if re.fullmatch(r"\d{4,}-[a-z0-9.-]+\.json", name)]


def case_document(case: Case) -> dict[str, Any]:
    """Return a case as its file has it (``schemas/corpus_case.json``)."""
    request: dict[str, Any] = {
        "operation": case.operation,
        "authentication": case.authentication,
        "timeout": case.timeout,
    }
    request |= {"addons": list(case.addons)} if case.operation == "create" else {"filters": dict(case.filters)}
    return {
        "format": FORMAT,
        "number": case.number,
        "name": case.name,
        "kind": case.kind,
        "title": case.title,
        "conforming": case.conforming,
        "request": request,
        "answer": _answer_document(case.answer),
        "expect": _expectation_document(case, case.expect),
    }


def _answer_document(answer: Response | CaseFailure) -> dict[str, Any]:
    if isinstance(answer, CaseFailure):
        return {"connection": answer.connection, "raw_base64": base64.b64encode(answer.raw).decode()}
    head = {"connection": "answers", "status": answer.status, "headers": [list(pair) for pair in answer.headers.pairs]}
    if isinstance(answer, SlowResponse):
        head |= {"seconds": answer.elapsed, "drips": answer.drips}
    try:
        return {**head, "body": answer.body.decode()}
    except UnicodeDecodeError:
        return {**head, "body_base64": base64.b64encode(answer.body).decode()}


def _expectation_document(case: Case, expect: Expectation) -> dict[str, Any]:
    told: dict[str, Any] = {"status": expect.status, "code": expect.code, "message": expect.message}
    told["request_id"] = next(iter(expect.request_ids), None)
    if expect.outcome == "value":
        told["value"] = case.documented
    return {"outcome": expect.outcome, **{name: fact for name, fact in told.items() if fact is not None}}


def _write(path: Path, document: Any) -> None:
    # half a surrogate, which UTF-8 cannot hold, stays the escape that JSON writes it with
    data = (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode(errors="backslashreplace")
    _files.write(path, data, f"the corpus file {path}", make_folders=True)
