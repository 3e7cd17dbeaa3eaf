"""What an SDK sent, compared with what it was asked to send: rules PRE701 to PRE708, PRE717 and PRE718."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.findings import Finding, everywhere
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.sdk.fidelity import shown
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.signing import SignatureError, verify
from pytest_cce_precheck.wire.vocabulary import PROJECT_HEADER, SECURITY_TOKEN_HEADER, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.sdk.case import CaseFailure
    from pytest_cce_precheck.sdk.corpus import ReceivedRequest
    from pytest_cce_precheck.sdk.protocol import DriverCall
    from pytest_cce_precheck.wire.credentials import Credentials, Secret
    from pytest_cce_precheck.wire.exchange import Request

# timers may end this much early
_EARLY_SECONDS: Final = 0.1


def request_findings(
    call: DriverCall, received: Sequence[ReceivedRequest], answer: Response | CaseFailure, credentials: Credentials
) -> Iterator[Finding]:
    """Yield what is wrong with the requests that an SDK sent for one call, each fact once.

    ``answer`` is the answer to each of them.
    """
    if not received:
        yield Finding("PRE708", "no request arrived for a call that the contract allows", subject=("not sent",))
        return
    found: dict[tuple[str, ...], Finding] = {}
    for each in received:
        for check in (_path, _query, _body, _headers):
            for finding in check(call, each.request):
                found.setdefault(finding.identity, finding)
        for finding in _credentials(call, each.request, credentials):
            found.setdefault(finding.identity, finding)
    yield from found.values()
    yield from _repetition(received, answer)


def _path(call: DriverCall, request: Request) -> Iterator[Finding]:
    expected = f"{call.request.method} {call.request.path}"
    sent = f"{request.method} {request.path}"
    if sent != expected:
        yield Finding("PRE701", f"{sent} was sent, expected {expected}", subject=(call.operation,))


def _query(call: DriverCall, request: Request) -> Iterator[Finding]:
    filters = dict(call.filters) if call.operation == "list" else {}
    sent = Counter(request.params)
    for name, value in filters.items():
        if not sent[name, value]:
            instead = ", ".join(shown(text) for other, text in request.params if other == name)
            came = f"{instead} was sent" if instead else "it was not sent"
            yield Finding("PRE702", f"the filter {name} was set to {shown(value)}, and {came}", subject=(name,))
    for name, value in sent - Counter(filters.items()):
        if name not in filters or sent[name, value] > 1:
            yield Finding("PRE703", f"{name}={shown(value)} was sent, but not set", subject=(name,))


def _body(call: DriverCall, request: Request) -> Iterator[Finding]:
    if call.operation == "list":
        if request.body:
            yield Finding("PRE707", f"a list call was sent with a body of {len(request.body)} bytes", path="$")
        return
    try:
        sent = parse_json(request.body)
    except BodyError as error:
        yield Finding("PRE707", f"the create call's body cannot be read: {error}", path="$")
        return
    for path, expected, came in _unequal("$", call.body, sent):
        message = f"{came} was sent for {path}, expected {expected}"
        evidence = (("wanted", expected), ("sent", came))
        yield Finding("PRE707", message, path=path, subject=(everywhere(path),), evidence=evidence)


def _unequal(path: str, expected: Any, sent: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(expected, dict) and isinstance(sent, dict):
        for name in {**expected, **sent}:
            yield from _unequal(f"{path}.{name}", expected.get(name), sent.get(name))
    elif isinstance(expected, list) and isinstance(sent, list) and len(expected) == len(sent):
        for index, part in enumerate(expected):
            yield from _unequal(f"{path}[{index}]", part, sent[index])
    elif expected != sent or isinstance(expected, bool) != isinstance(sent, bool):
        shown_pair = ["nothing" if value is None else shown(value) for value in (expected, sent)]
        yield path, shown_pair[0], shown_pair[1]


def _headers(call: DriverCall, request: Request) -> Iterator[Finding]:
    if "Content-Type" not in request.headers:
        yield Finding("PRE705", "the header Content-Type is not sent", subject=("Content-Type",))
    sent = request.headers.get(PROJECT_HEADER)
    if call.authentication != "token" and sent != call.project_id:
        fact = "not sent" if sent is None else f"{shown(sent)} in place of {shown(call.project_id)}"
        yield Finding("PRE705", f"the header {PROJECT_HEADER} is {fact}", subject=(PROJECT_HEADER,))


def _credentials(call: DriverCall, request: Request, credentials: Credentials) -> Iterator[Finding]:
    def carries(header: str, secret: Secret | None) -> bool:
        return secret is not None and request.headers.get(header) == secret.reveal()

    if call.authentication == "token":
        if not carries(TOKEN_HEADER, credentials.token):
            yield Finding("PRE705", f"the header {TOKEN_HEADER} does not carry the token", subject=(TOKEN_HEADER,))
        return
    if call.authentication == "temporary" and not carries(SECURITY_TOKEN_HEADER, credentials.security_token):
        message = f"the header {SECURITY_TOKEN_HEADER} does not carry the security token of the temporary keys"
        yield Finding("PRE706", message, subject=(SECURITY_TOKEN_HEADER,))

    def secret_of(access_key: str) -> str | None:
        known = credentials.access_key is not None and access_key == credentials.access_key.reveal()
        return credentials.secret_key.reveal() if known and credentials.secret_key else None

    try:
        verify(request, secret_of=secret_of, now=datetime.now(UTC))
    except SignatureError as error:
        yield Finding("PRE704", f"the signature is not valid for what was sent: {error}", subject=(error.reason,))


def _repetition(received: Sequence[ReceivedRequest], answer: Response | CaseFailure) -> Iterator[Finding]:
    status = answer.status if isinstance(answer, Response) else None
    posts = [each for each in received if each.request.method == "POST"]
    if len(posts) > 1 and status != HTTPStatus.TOO_MANY_REQUESTS:
        after = "no answer" if status is None else f"status {status}"
        message = f"a create was sent {len(posts)} times after {after}: each may have created its tasks"
        yield Finding("PRE717", message, subject=(after,))
    seconds = answer.headers.get("Retry-After", "") if isinstance(answer, Response) else ""
    if seconds.isascii() and seconds.isdigit():
        waits = [after.at - before.at for before, after in pairwise(received)]
        early = next((wait for wait in waits if wait < int(seconds) - _EARLY_SECONDS), None)
        if early is not None:
            message = f"repeated after {early:.2f} s, but Retry-After said {seconds} s"
            yield Finding("PRE718", message, subject=(str(status),))
