"""What an SDK sent against what it was asked to send: rules PRE701 to PRE709, PRE717 and PRE718."""

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
from pytest_cce_precheck.wire.vocabulary import (
    API_VERSION,
    KIND,
    PROJECT_HEADER,
    SECURITY_TOKEN_HEADER,
    TOKEN_HEADER,
    create_path,
    list_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.sdk.case import CaseFailure
    from pytest_cce_precheck.sdk.corpus import ReceivedRequest
    from pytest_cce_precheck.sdk.protocol import DriverCall
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Request

# clocks and timers are allowed to be this much early
_EARLY_SECONDS: Final = 0.1


def request_findings(
    call: DriverCall, received: Sequence[ReceivedRequest], answer: Response | CaseFailure, credentials: Credentials
) -> Iterator[Finding]:
    """Return what is wrong with what an SDK sent for one call, once, whichever of its repetitions shows it.

    ``answer`` is what each request was answered with.
    """
    if not received:
        yield Finding("PRE708", "no request arrived for a call that the contract allows", subject=("not sent",))
        return
    found: dict[tuple[str, ...], Finding] = {}
    for each in received:
        for finding in _of_request(call, each.request, credentials):
            found.setdefault(finding.identity, finding)
    yield from found.values()
    yield from _of_repetition(received, answer)


def _of_request(call: DriverCall, request: Request, credentials: Credentials) -> Iterator[Finding]:
    yield from _of_path(call, request)
    yield from _of_query(call, request)
    yield from _of_body(call, request)
    yield from _of_headers(call, request)
    yield from _of_credentials(call, request, credentials)


def _of_path(call: DriverCall, request: Request) -> Iterator[Finding]:
    method, path = ("GET", list_path) if call.operation == "list" else ("POST", create_path)
    wanted = f"{method} {path(call.project_id, call.cluster_id)}"
    sent = f"{request.method} {request.path}"
    if sent != wanted:
        yield Finding("PRE701", f"{sent} was sent, {wanted} was to be", subject=(call.operation,))


def _of_query(call: DriverCall, request: Request) -> Iterator[Finding]:
    asked = dict(call.filters) if call.operation == "list" else {}
    sent = Counter(request.params)
    for name, value in asked.items():
        if not sent[name, value]:
            instead = [text for other, text in request.params if other == name]
            came = f"{', '.join(map(shown, instead))} was sent" if instead else "it was not sent"
            yield Finding("PRE702", f"the filter {name} was set to {shown(value)}, and {came}", subject=(name,))
    for name, value in sent - Counter(asked.items()):
        if name not in asked or sent[name, value] > 1:
            yield Finding("PRE703", f"{name}={shown(value)} was sent and never asked for", subject=(name,))


def _of_body(call: DriverCall, request: Request) -> Iterator[Finding]:
    if call.operation == "list":
        if request.body:
            yield Finding("PRE707", f"a list call was sent with a body of {len(request.body)} bytes", path="$")
        return
    try:
        sent = parse_json(request.body)
    except BodyError as error:
        yield Finding("PRE707", f"the create call's body cannot be read: {error}", path="$")
        return
    spec = {"clusterID": call.cluster_id, "addonList": [dict(addon) for addon in call.addons]}
    for path, wanted, came in _unequal("$", {"kind": KIND, "apiVersion": API_VERSION, "spec": spec}, sent):
        yield Finding(
            "PRE707", f"{path} was to be {wanted}, and {came} was sent", path=path, subject=(everywhere(path),)
        )


def _unequal(path: str, wanted: Any, sent: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(wanted, dict) and isinstance(sent, dict):
        for name in {**wanted, **sent}:
            yield from _unequal(f"{path}.{name}", wanted.get(name), sent.get(name))
    elif isinstance(wanted, list) and isinstance(sent, list) and len(wanted) == len(sent):
        for index, part in enumerate(wanted):
            yield from _unequal(f"{path}[{index}]", part, sent[index])
    elif wanted != sent or isinstance(wanted, bool) != isinstance(sent, bool):
        yield path, "absent" if wanted is None else shown(wanted), "nothing" if sent is None else shown(sent)


def _of_headers(call: DriverCall, request: Request) -> Iterator[Finding]:
    needed: dict[str, str | None] = {"Content-Type": None}
    if call.authentication != "token":
        needed[PROJECT_HEADER] = call.project_id
    for name, value in needed.items():
        sent = request.headers.get(name)
        if sent is None:
            yield Finding("PRE705", f"the header {name} is not sent", subject=(name,))
        elif value is not None and sent != value:
            yield Finding("PRE705", f"the header {name} is {shown(sent)} in place of {shown(value)}", subject=(name,))


def _of_credentials(call: DriverCall, request: Request, credentials: Credentials) -> Iterator[Finding]:
    if call.authentication == "token":
        if credentials.token is None or request.headers.get(TOKEN_HEADER) != credentials.token.reveal():
            yield Finding("PRE705", f"the header {TOKEN_HEADER} does not carry the token", subject=(TOKEN_HEADER,))
        return
    if call.authentication == "temporary":
        token = credentials.security_token
        if token is None or request.headers.get(SECURITY_TOKEN_HEADER) != token.reveal():
            message = f"the header {SECURITY_TOKEN_HEADER} does not carry the security token of the temporary keys"
            yield Finding("PRE706", message, subject=(SECURITY_TOKEN_HEADER,))

    def secret_of(access_key: str) -> str | None:
        known = credentials.access_key is not None and access_key == credentials.access_key.reveal()
        return credentials.secret_key.reveal() if known and credentials.secret_key else None

    try:
        verify(request, secret_of=secret_of, now=datetime.now(UTC))
    except SignatureError as error:
        yield Finding("PRE704", f"the signature does not hold on the wire: {error}", subject=(error.reason,))


def _of_repetition(received: Sequence[ReceivedRequest], answer: Response | CaseFailure) -> Iterator[Finding]:
    status = answer.status if isinstance(answer, Response) else None
    posts = [each for each in received if each.request.method == "POST"]
    if len(posts) > 1 and status != HTTPStatus.TOO_MANY_REQUESTS:
        after = "no answer" if status is None else f"status {status}"
        message = f"a create was sent {len(posts)} times after {after}: each may have made its tasks"
        yield Finding("PRE717", message, subject=(after,))
    wait = answer.headers.get("Retry-After", "") if isinstance(answer, Response) else ""
    if wait.isascii() and wait.isdigit():
        for before, after_it in pairwise(received):
            if after_it.at - before.at < int(wait) - _EARLY_SECONDS:
                message = f"repeated after {after_it.at - before.at:.2f} s where Retry-After said {wait} s"
                yield Finding("PRE718", message, subject=(str(status),))
                return
