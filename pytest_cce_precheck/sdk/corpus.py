"""The corpus as a service, with one cluster for each case, and as files."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import tarfile
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_cce_precheck import _files
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.schema_files import load_schema
from pytest_cce_precheck.sdk.case import FACTS, PROJECT_ID, CaseFailure
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.simulator.authorization import check_credentials
from pytest_cce_precheck.simulator.delivery import SlowResponse
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.simulator.refusals import method_not_allowed, not_found, refuse
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.wire.vocabulary import SECURITY_TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.simulator.service import Simulator
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Request, Response

FORMAT: Final = 1
INDEX: Final = "index.json"
_PATH: Final = re.compile(r"/api/v3/projects/[^/]+/clusters/case-(\d{4,9})/addons/precheck(/tasks)?", re.ASCII)
_LOGGED_REQUESTS: Final = 4096


@dataclass(frozen=True)
class ReceivedRequest:
    """The ``number``-th request, received ``at`` seconds of the monotonic clock."""

    number: int
    at: float
    request: Request


class Corpus:
    """Answers a request with the case of its cluster; its only state is a log of the last requests.

    If there are ``credentials``, it refuses requests with others or none, as the simulator does.
    """

    def __init__(self, cases: Iterable[Case] | None = None, credentials: Credentials | None = None) -> None:
        self.cases = {case.number: case for case in (corpus_cases() if cases is None else cases)}
        self._credentials = credentials
        self._lock = threading.Lock()
        self._log: deque[ReceivedRequest] = deque(maxlen=_LOGGED_REQUESTS)
        self.count = 0
        """How many requests there have been."""

    def handle(self, request: Request, *, caller: int | None = None) -> Response:  # noqa: ARG002  as the simulator's
        """Answer one request; raise `NoAnswer` if the case is a connection that fails."""
        with self._lock:
            self.count += 1
            self._log.append(ReceivedRequest(self.count, time.monotonic(), request))
        answer = self._answer(request)
        if answer.headers.get("Content-Encoding") == "gzip":
            if "gzip" in request.headers.get("Accept-Encoding", ""):
                answer = replace(answer, body=gzip.compress(answer.body, mtime=0))
            else:
                answer = replace(answer, headers=answer.headers.without("Content-Encoding"))
        if answer.status == 204:
            return answer
        return replace(answer, headers=answer.headers.replacing("Content-Length", str(len(answer.body))))

    def _answer(self, request: Request) -> Response:
        credentials = self._credentials
        if credentials and SECURITY_TOKEN_HEADER not in request.headers:
            # the same keys are temporary in some cases, and permanent in the others
            credentials = replace(credentials, security_token=None)
        refusal = credentials and check_credentials(request, credentials, datetime.now(UTC))
        if refusal:
            return refuse(refusal)
        match = _PATH.fullmatch(request.path)
        case = self.cases.get(int(match[1])) if match else None
        if match is None or case is None:
            return refuse(not_found("case", f"There is no case at {request.path}."))
        # a broken SDK may use the path of the other call
        method, path_end = {"list": ("GET", "/tasks"), "create": ("POST", None)}[case.operation]
        if (request.method, match[2]) != (method, path_end):
            return refuse(method_not_allowed(method))
        if isinstance(case.answer, CaseFailure):
            raise NoAnswer("timeout" if case.answer.connection == "holds" else "connection-lost", case.answer.raw)
        return case.answer

    def since(self, number: int) -> tuple[ReceivedRequest, ...]:
        """Return the requests after the ``number``-th."""
        with self._lock:
            return tuple(received for received in self._log if received.number > number)


def corpus_server(corpus: Corpus, port: int = 0) -> SimulatorServer:
    """Return a server of the corpus; use it like one of the simulator."""
    # `handle` is all that the server uses of a simulator
    return SimulatorServer(cast("Simulator", corpus), port)


def corpus_version() -> str:
    """Return the number of the corpus: the first heading of its changelog."""
    found = re.search(r"^## (\S+)$", _files.packaged("sdk/data/corpus_CHANGELOG.md"), re.MULTILINE)
    return found[1] if found else "0"


def corpus_files(cases: Iterable[Case]) -> dict[str, bytes]:
    """Return the content of every file of a release: the cases, ``index.json``, a README, a changelog, and the sums."""
    written: dict[str, bytes] = {}
    entries = []
    for case in cases:
        document = case_document(case)
        name = f"{case.number:04d}-{case.name}.json"
        written[name] = _encoded(document)
        facts = {key: document[key] for key in FACTS}
        entries.append({**facts, "file": name, "sha256": sha256(written[name]).hexdigest()})
    index = {"format": FORMAT, "version": corpus_version(), "project_id": PROJECT_ID, "cases": entries}
    written[INDEX] = _encoded(index)
    written["corpus_case.schema.json"] = _encoded(load_schema("corpus_case"))
    written["README.md"] = _files.packaged("sdk/data/corpus_README.md").encode()
    written["CHANGELOG.md"] = _files.packaged("sdk/data/corpus_CHANGELOG.md").encode()
    sums = (f"{sha256(data).hexdigest()}  {name}\n" for name, data in written.items())
    written["SHA256SUMS"] = "".join(sums).encode()
    return written


def export(folder: Path, cases: Iterable[Case]) -> int:
    """Write the files of a release to a folder; return the number of cases.

    Files of an earlier export are replaced. Raises `ConfigurationError` if the folder holds anything else.
    """
    written = corpus_files(cases)
    index = folder / INDEX
    if folder.exists() and not index.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} holds something else than a corpus: give a new or an empty folder")
    before = _exported_names(index) if index.is_file() else []
    for name, data in written.items():
        _files.write(folder / name, data, f"the corpus file {folder / name}", make_folders=True)
    # old files go last, so that an export that fails loses nothing
    for name in {*before} - written.keys():
        with suppress(OSError):
            (folder / name).unlink()
    return sum(name[0].isdigit() for name in written)


def write_archive(folder: Path, cases: Iterable[Case]) -> Path:
    """Write a release as a ``.tar.gz`` with its SHA-256 beside it; return its path.

    The same corpus gives the same bytes.
    """
    stem = f"cce-precheck-corpus-{corpus_version()}"
    packed = io.BytesIO()
    with tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in corpus_files(cases).items():
            member = tarfile.TarInfo(f"{stem}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    data = gzip.compress(packed.getvalue(), mtime=0)
    path = folder / f"{stem}.tar.gz"
    _files.write(path, data, f"the archive {path}", make_folders=True)
    sums = folder / f"{path.name}.sha256"
    _files.write(sums, f"{sha256(data).hexdigest()}  {path.name}\n".encode(), f"the sum {sums}")
    return path


def _exported_names(index: Path) -> list[str]:
    try:
        names = [str(entry["file"]) for entry in json.loads(_files.read_bytes(index, str(index)))["cases"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{index} is not the index of a corpus ({error}): give another folder") from None
    # an index that somebody wrote must not reach out of its folder
    return [name for name in names if re.fullmatch(r"\d{4,}-[a-z0-9.-]+\.json", name)]


def case_document(case: Case) -> dict[str, Any]:
    """Return the content of a case's file (``schemas/corpus_case.json``)."""
    call = {"addons": list(case.addons)} if case.operation == "create" else {"filters": dict(case.filters)}
    expect = case.expect
    details = {
        **{name: getattr(expect, name) for name in ("status", "code", "message")},
        "request_id": next(iter(expect.request_ids), None),
        "value": case.documented if expect.outcome == "value" else None,
    }
    return {
        "format": FORMAT,
        **{name: getattr(case, name) for name in FACTS},
        "request": {**{name: getattr(case, name) for name in ("operation", "authentication", "timeout")}, **call},
        "answer": _answer_document(case.answer),
        "expect": {"outcome": expect.outcome, **{name: fact for name, fact in details.items() if fact is not None}},
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


def _encoded(document: Any) -> bytes:
    # UTF-8 cannot hold half of a surrogate pair: it stays the escape that JSON writes it with
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode(errors="backslashreplace")
