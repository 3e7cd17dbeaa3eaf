"""Let calls through and keep them: each request with its outcome."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.cassette.format import Failure, Recording, dumps
from pytest_cce_precheck.redaction.scan import refuse
from pytest_cce_precheck.transport.failures import FAILURES, failure, reason_of
from pytest_cce_precheck.transport.interception import Interceptor, as_request, as_response
from pytest_cce_precheck.transport.reading import read_body
from pytest_cce_precheck.transport.watched import Watch, watched
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Response, parameter_octets
from pytest_cce_precheck.wire.vocabulary import FRAMING_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests
    from requests import PreparedRequest
    from requests.adapters import HTTPAdapter

    from pytest_cce_precheck.cassette.format import Origin
    from pytest_cce_precheck.transport.interception import Send
    from pytest_cce_precheck.wire.exchange import Request


class Recorder(Interceptor):
    """Keeps every call of this process to ``endpoint`` while the ``with`` block runs.

    Each may take ``deadline`` seconds. A caller gets the body without its content coding, as it will on replay.
    """

    def __init__(self, endpoint: str, *, deadline: float = 120.0, **more: Any) -> None:
        super().__init__([endpoint], send_instead=self._record, **more)
        self._endpoint = endpoint
        self._deadline = deadline
        self._kept: list[tuple[bool, Recording]] = []
        self._lock = threading.Lock()

    @property
    def recordings(self) -> list[Recording]:
        """What was kept, in its order; what other threads did in between, in an order that does not depend on time."""
        ordered: list[Recording] = []
        for in_main_thread, kept in groupby(self._kept, key=lambda each: each[0]):
            recordings = [recording for _, recording in kept]
            ordered += recordings if in_main_thread else sorted(recordings, key=_by_request)
        return ordered

    def _record(self, adapter: HTTPAdapter, prepared: PreparedRequest, send: Send) -> requests.Response:
        request = as_request(prepared, self._endpoint)
        try:
            with Watch(self._deadline, reads=True), send(_RecordingAdapter(adapter)) as received:
                body = read_body(received.raw)
        except FAILURES as error:
            reason, detail = reason_of(error)
            self._keep(request, Failure(reason, detail))
            raise failure(reason, detail) from error
        # a cassette keeps what was sent, not how
        headers = Headers(received.raw.headers.items()).without(*FRAMING_HEADERS)
        kept = Response(received.status_code, headers, body)
        self._keep(request, kept)
        self.observe(request, kept)
        headers = headers.replacing("Content-Length", str(len(body)))
        # requests looks for cookies there
        original = getattr(received.raw, "_original_response", None)
        whole = Response(received.status_code, headers, body)
        return as_response(adapter, prepared, whole, reason=received.reason, original_response=original)

    def _keep(self, request: Request, outcome: Response | Failure) -> None:
        in_main_thread = threading.current_thread() is threading.main_thread()
        with self._lock:
            self._kept.append((in_main_thread, Recording(request, outcome)))


def sealed(
    origin: Origin,
    redacted: Iterable[Recording],
    secrets: Iterable[Credentials | str],
    name: str,
    *,
    repeats: bool = False,
) -> str:
    """Return the text of a cassette of redacted recordings; if they ``repeat``, each answers many calls.

    Raises `SecretInCassetteError`, which calls it ``name``, if it would hold one of the ``secrets`` or what looks like
    one.
    """
    kept = [replace(each, repeats=True) if repeats else each for each in redacted]
    text = dumps(origin, kept, redacted=True)
    known = (Credentials(token=Secret(each)) if isinstance(each, str) else each for each in secrets if each != "")
    for each in dict.fromkeys(known):
        refuse(text, each, name)
    return text


class _RecordingAdapter:
    """An adapter whose connections a `Watch` limits, and that returns the last answer if no try was successful.

    By itself urllib3 would raise then, and the answer could not be kept.
    """

    def __init__(self, adapter: HTTPAdapter) -> None:
        self._adapter = adapter
        self.max_retries = adapter.max_retries.new(raise_on_status=False)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        # get_connection, and get_connection_with_tls_context since requests 2.32
        return (lambda *what, **how: watched(found(*what, **how))) if name.startswith("get_connection") else found


def _by_request(recording: Recording) -> tuple[object, ...]:
    # by the octets: `key_of` has an order that differs from one process to the next
    request = recording.request
    return request.method, request.path, sorted(parameter_octets(request.query)), request.body
