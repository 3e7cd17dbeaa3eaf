"""The proxy: answers each request as its mode does, and the calls by which other programs control it (``/_cce/``)."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from pytest_cce_precheck._text import count_of, shortened
from pytest_cce_precheck.cassette.format import Failure, Recording
from pytest_cce_precheck.contract.findings import Finding, gathered
from pytest_cce_precheck.errors import BodyError, CcePrecheckError, ConfigurationError
from pytest_cce_precheck.explore.recorded import lists_a_task
from pytest_cce_precheck.proxy.open_tests import OpenTest, OpenTests, named_by
from pytest_cce_precheck.proxy.service import UNANSWERED, UNKNOWN, sized
from pytest_cce_precheck.redaction.texts import in_every_text
from pytest_cce_precheck.simulator.refusals import Refusal, refuse
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Response, TransportError
from pytest_cce_precheck.wire.signing import SignatureError, verify
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_cce_precheck.proxy.modes import ProxyMode
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Request

    Observe = Callable[[dict[str, Any], OpenTest], None]

CONTROL: Final = "/_cce/"
NO_TEST: Final = "requests of no test"
_TESTS: Final = "/_cce/tests"
_REPORT: Final = "/_cce/report"
_MOST_PROBLEMS: Final = 50
_JSON: Final = Headers([("Content-Type", "application/json")])


class Proxy:
    """Answers the requests of a `Service` as ``mode`` does, and those below ``/_cce/`` itself.

    ``ids`` are a project and a cluster for tests that have none of their own. ``observe`` is given each event as data,
    which may hold secrets, with its test; ``report`` returns the report of the run so far, and ``fails`` whether a
    finding fails a test. Clients authenticate with the credentials of ``signers`` or of a test. With ``keeps``, every
    call that was answered is kept, redacted, for a HAR file.
    """

    def __init__(
        self,
        mode: ProxyMode,
        tests: OpenTests,
        ids: Mapping[str, str],
        *,
        observe: Observe,
        report: Callable[[], Mapping[str, Any]],
        fails: Callable[[Finding], bool] = lambda _: True,
        signers: Sequence[Credentials] = (),
        keeps: bool = False,
    ) -> None:
        self.mode = mode
        self.tests = tests
        self.ended: list[OpenTest] = []
        self.rest = OpenTest(NO_TEST)
        self.passed: list[Recording] = []
        self._ids = ids
        self._observe = observe
        self._report = report
        self._fails = fails
        self._signers = signers
        self._keeps = keeps
        self._lock, self._beginning = threading.Lock(), threading.Lock()
        self._said: set[int] = set()

    @property
    def all_tests(self) -> list[OpenTest]:
        """Every test so far, and last what belongs to none if there was anything."""
        rest = self.rest
        return [*self.ended, *self.tests, *([rest] if rest.sent or rest.problems or rest.findings else [])]

    @property
    def accepted(self) -> list[Credentials]:
        """The credentials that clients may have."""
        return [*self._signers, *(each.credentials for each in self.tests)]

    # ---- requests

    def answer(self, request: Request) -> Response:
        """Return the answer to a request; raises `TransportError`, or another error that says why there is none."""
        if request.path.startswith(CONTROL):
            return self._controlled(request)
        began, test = monotonic(), self.rest
        try:
            test = self._test_of(request)
            response = self.mode.answer(request, test)
        except TransportError as error:
            self._keep(test, request, Failure(error.reason, error.detail))
            self._count(test, request, None, began)
            raise
        except _EndedError as error:
            self.problem(test, error)
            return sized(refuse(Refusal("ended", HTTPStatus.CONFLICT, UNANSWERED, str(error))), request)
        except CcePrecheckError as error:
            self._said.add(id(error))
            self.problem(test, error)
            raise
        self._keep(test, request, response)
        self._count(test, request, response, began)
        return response

    def _test_of(self, request: Request) -> OpenTest:
        # one request begins a test, and others of the same test wait until that is done
        with self._beginning:
            test, name = self.tests.of(request), named_by(request)
            if test is None and name is not None:
                # a request that comes late must not replace what the test has recorded
                if any(each.name == name for each in self.ended):
                    raise _EndedError(
                        f"{request.method} {shortened(request.path, 200)} came after its test {name} had ended:"
                        f" begin it again with POST {_TESTS}"
                    )
                test = self._begin(OpenTest(name, ends_itself=True, named=True))
        if test is None and self.mode.needs_test:
            raise self.tests.unknown()
        return test or self.rest

    def _count(self, test: OpenTest, request: Request, response: Response | None, began: float) -> None:
        with self._lock:
            test.sent += 1
            test.answered += response is not None
            is_list = request.method == "GET" and request.path.endswith("/tasks")
            if response is not None and is_list:
                test.listed = test.listed or lists_a_task(response)
                test.first_list = test.first_list or response.status
        event = {"event": "request", "method": request.method, "target": request.target}
        status = response.status if response is not None else None
        self._tell(test, {**event, "status": status, "seconds": round(monotonic() - began, 4)})
        self._tell_findings(test)

    def _keep(self, test: OpenTest, request: Request, outcome: Response | Failure) -> None:
        if self._keeps:
            self.passed.append(self.mode.means.redaction(test).recording(Recording(request, outcome)))

    def problem(self, test: OpenTest, error: CcePrecheckError) -> None:
        """Report why a test must not pass."""
        with self._lock:
            if str(error) in test.problems:
                return
            if len(test.problems) >= _MOST_PROBLEMS:
                # nobody reads so many, and anyone on this machine can cause them
                test.problems_left_out += 1
                return
            test.problems.append(str(error))
        self._tell(test, {"event": "problem", "message": str(error)})

    def failed(self, error: CcePrecheckError) -> None:
        """Report an error of the service, unless it was one of ours."""
        if id(error) in self._said:
            self._said.discard(id(error))
        else:
            self.problem(self.rest, error)

    def refused(self, request: Request, refusal: Refusal) -> None:
        """Report a client whose credentials are wrong."""
        if request.path.startswith(CONTROL):
            return
        reason = refusal.reason.removeprefix("signature-")
        code = "PRE721" if refusal.reason in UNKNOWN else "PRE720"
        exchange = Exchange(request, sized(refuse(refusal), request))
        detail = _UNKNOWN_TEXTS.get(refusal.reason) or self._why(request, reason)
        named = f"{request.method} {request.path}"
        finding = Finding(code, f"{named} was refused: {detail}", subject=(reason,)).seen_in(exchange)
        test = self.tests.of(request) or self.rest
        with self._lock:
            test.findings[:] = gathered([*test.findings, finding])
        self._tell_findings(test)

    def _why(self, request: Request, reason: str) -> str:
        for each in self.accepted:
            if each.access_key is None or each.secret_key is None:
                continue
            keys = {each.access_key.reveal(): each.secret_key.reveal()}
            try:
                verify(request, secret_of=keys.get, now=datetime.now(UTC))
            except SignatureError as error:
                if error.reason == reason:
                    return error.detail
        return f"its signature is not valid ({reason})"

    # ---- control

    def _controlled(self, request: Request) -> Response:
        """Answer a call that controls the proxy."""
        try:
            response = self._control(request)
        except CcePrecheckError as error:
            self.problem(self.rest, error)
            response = _as_json(HTTPStatus.CONFLICT, {"error": str(error)})
        return sized(response, request)

    def _control(self, request: Request) -> Response:
        method, path = request.method, request.path
        if method == "POST" and path == _TESTS:
            return _as_json(HTTPStatus.CREATED, self.begin(**_arguments(request.body)))
        if method == "DELETE" and path.startswith(f"{_TESTS}/"):
            failed = dict(request.params).get("failed", "") not in ("", "0", "false")
            test = self.end(unquote(path.removeprefix(f"{_TESTS}/")), is_finished=not failed)
            summary = test.summary(self._fails)
            return _as_json(HTTPStatus.OK, in_every_text(summary, self.mode.means.redaction(test).message))
        if method == "GET" and path == _REPORT:
            return _as_json(HTTPStatus.OK, self._report())
        text = f"{method} {path} is no call: expected POST {_TESTS}, DELETE {_TESTS}/NAME or GET {_REPORT}"
        return refuse(Refusal("control", HTTPStatus.NOT_FOUND, UNANSWERED, text))

    def begin(self, name: str, *, repeats: bool = False, ends_itself: bool = False) -> dict[str, Any]:
        """Begin a test, and return what its program has to know; raises `CcePrecheckError` if it cannot begin."""
        with self._beginning:
            test = self._begin(OpenTest(name, repeats=repeats, ends_itself=ends_itself))
        ids = {**self._ids, **{key: test.used[key] for key in self._ids if key in test.used}}
        return {"test": name, **ids, **test.credentials.revealed()}

    def _begin(self, test: OpenTest) -> OpenTest:
        self.tests.begin(test)
        try:
            self.mode.begin(test)
        except CcePrecheckError:
            self.tests.end(test.name)
            raise
        return test

    def end(self, name: str, *, is_finished: bool = True) -> OpenTest:
        """End a test, whose cassette is written if it finished; raises `ConfigurationError` if it is not open."""
        with self._beginning:
            test = self.tests.end(name)
            self.ended.append(test)
        try:
            self.mode.end(test, is_finished=is_finished)
        except CcePrecheckError as error:
            self.problem(test, error)
        self._tell(test, {"event": "test", **test.summary(self._fails)})
        # what was recorded is in its file now
        test.calls.clear()
        return test

    def end_all(self) -> None:
        """End what is still open: a test that nobody had to end has finished."""
        for test in self.tests:
            if not test.ends_itself:
                self.problem(test, ConfigurationError("the proxy ended before the test: it was not ended with DELETE"))
            asked = len(test.calls)
            if test.ends_itself:
                test.calls[:] = [each for each in test.calls if each.outcome is not None]
            left_out = asked - len(test.calls)
            self.end(test.name, is_finished=test.ends_itself)
            if left_out:
                calls = count_of(left_out, "call")
                self.problem(test, ConfigurationError(f"{calls} left out: no answer had come when the proxy ended"))
        if self.rest.problems_left_out:
            self._tell(self.rest, {"event": "problem", "message": f"and {self.rest.problems_left_out:,} more"})
        self.rest.findings += self.mode.findings()
        self._tell_findings(self.rest)

    def _tell_findings(self, test: OpenTest) -> None:
        """Report each finding of a test once."""
        with self._lock:
            new, test.told = test.findings[test.told :], len(test.findings)
        for each in new:
            severity = str(each.severity)
            self._tell(test, {"event": "finding", "code": each.code, "severity": severity, "message": each.message})

    def _tell(self, test: OpenTest, event: dict[str, Any]) -> None:
        self._observe({**event, "test": test.name if test is not self.rest else None}, test)


class _EndedError(ConfigurationError):
    """A request names a test that was ended."""


_UNKNOWN_TEXTS: Final = {
    "no-credentials": f"it has neither {TOKEN_HEADER} nor Authorization",
    "token": f"its {TOKEN_HEADER} is none that this proxy knows",
    "security-token": "its security token does not belong to its key",
    "signature-unknown-key": "it is signed with an access key that this proxy does not know",
}


def _as_json(status: int, document: Mapping[str, Any]) -> Response:
    return Response(status, _JSON, json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def _arguments(body: bytes) -> dict[str, Any]:
    try:
        given = parse_json(body)
    except BodyError as error:
        raise ConfigurationError(f'the body is not JSON ({error}): expected {{"name": "…"}}') from None
    kinds = {"name": str, "repeats": bool}
    if not isinstance(given, dict) or "name" not in given or not given.keys() <= kinds.keys():
        raise ConfigurationError('expected {"name": "…"} as the body, and perhaps "repeats": true')
    wrong = [name for name, value in given.items() if not isinstance(value, kinds[name])]
    if wrong:
        raise ConfigurationError(f"{wrong[0]} is not {'a text' if wrong[0] == 'name' else 'true or false'}")
    return given
