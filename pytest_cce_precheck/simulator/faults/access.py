"""Credentials that should not be accepted, refusals that say too much, and inputs and connections that fail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from string import hexdigits
from typing import Final

from pytest_cce_precheck.errors import TransportReason
from pytest_cce_precheck.simulator.authorization import check_signature
from pytest_cce_precheck.simulator.hooks import (
    INSTANCE,
    TASK_ID,
    TYPE,
    Condition,
    accept,
    each,
    filtered,
    given,
    only,
    refuse_with,
    several_filters,
    when,
    when_empty,
    with_document,
    with_fields,
)
from pytest_cce_precheck.simulator.http1 import format_response
from pytest_cce_precheck.simulator.pipeline import Call, Hook, HookTable, NoAnswer
from pytest_cce_precheck.simulator.refusals import INTERNAL_ERROR, Refusal, refuse, unauthorized
from pytest_cce_precheck.simulator.rendering import list_document
from pytest_cce_precheck.simulator.routing import Route, admit, find_route
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, encode_query
from pytest_cce_precheck.wire.signing import sign
from pytest_cce_precheck.wire.vocabulary import (
    DATE_HEADER,
    PROJECT_HEADER,
    SECURITY_TOKEN_HEADER,
    TOKEN_HEADER,
    Filter,
    TaskType,
    create_path,
    list_path,
)

_ACCESS_KEY: Final = re.compile(r"Access=([^,]+)")
# of the digits of a signature
_HALF: Final = 32


def _authorization(call: Call) -> str:
    return call.request.headers.get("Authorization", "")


def _accept_token(same: Callable[[str, str], bool]) -> Hook[Refusal | None]:
    """Accept a wrong token that is like the right one."""

    def is_like(call: Call) -> bool:
        sent, token = call.request.headers.get(TOKEN_HEADER), call.credentials.token
        return bool(sent and token and same(sent, token.reveal()))

    return accept("token", where=is_like)


def _has_key_in_any_case(call: Call) -> bool:
    sent, key = _ACCESS_KEY.search(_authorization(call)), call.credentials.access_key
    return bool(sent and key and sent[1].lower() == key.reveal().lower())


def _in_the_other_cluster(call: Call) -> bool:
    return call.ids.other_cluster_id in call.request.path


def _is_signed(call: Call, request: Request, credentials: Credentials) -> bool:
    """Return whether a request is signed with these credentials, whenever that was."""
    return check_signature(request, credentials, call.now, timedelta(days=36_500)) is None


def _accept_signature(variants: Callable[[Call], Iterable[Request]]) -> Hook[Refusal | None]:
    """Accept a signature that is right for a variant of the request: the difference is not covered."""
    return accept(
        "signature-mismatch",
        where=lambda call: any(_is_signed(call, other, call.credentials) for other in variants(call)),
    )


def _accept_again(call: Call, refusal: Refusal | None) -> Refusal | None:
    """Accept a create request with a signature that another one was accepted with."""
    known = call.memory.setdefault("accepted", set())
    if call.request.method != "POST" or "Authorization" not in call.request.headers:
        return refusal
    if refusal is None:
        known.add(_authorization(call))
    return None if _authorization(call) in known else refusal


def _other_queries(call: Call) -> Iterator[Request]:
    params = call.request.params[:4]
    for length in range(len(params) + 1):
        for some in combinations(params, length):
            choices = (
                [(name, each) for each in ({value, *TaskType} if name == TYPE else {value})] for name, value in some
            )
            for pairs in product(*choices):
                yield replace(call.request, query=encode_query(pairs))


def _other_paths(call: Call) -> Iterator[Request]:
    for cluster in call.state.clusters.values():
        for path in (list_path, create_path):
            yield replace(call.request, path=path(cluster.project_id, cluster.id))


def _with_header(call: Call, name: str, value: str) -> Request:
    return call.request.with_headers(call.request.headers.replacing(name, value))


def _with_every_filter(call: Call) -> Iterator[Request]:
    """Yield the request with the filters of each task of the cluster: what a replayed signature may have covered."""
    if call.request.query:
        return
    for task in call.state.tasks_of(call.ids.cluster_id, call.now):
        pairs = [(str(name), field_of(task, name)) for name in Filter]
        yield replace(call.request, query=encode_query(pairs))


def _other_first_half(call: Call) -> Iterator[Request]:
    """Yield the request with the right first half of its signature, and the second half that was sent."""
    headers = call.request.headers
    sent = _authorization(call)
    names = sent.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    covered = Headers(pair for pair in headers.pairs if pair[0].lower() in names)
    date = datetime.strptime(headers[DATE_HEADER], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    right = sign(call.request.with_headers(covered), call.credentials, now=date).headers["Authorization"]
    yield _with_header(call, "Authorization", right[:-_HALF] + sent[-_HALF:])


def _has_empty_secret(call: Call) -> bool:
    """Return whether the request is signed with an empty secret key."""
    sent = _ACCESS_KEY.search(_authorization(call))
    keys = replace(call.credentials, access_key=Secret(sent[1] if sent else ""), secret_key=Secret(""))
    return sent is not None and _is_signed(call, call.request, keys)


def _on_refusal(change: Callable[[Call, Response], Response]) -> Hook[Response]:
    return lambda call, response: change(call, response) if response.status == 401 else response


def _as_status(status: int, code: str) -> Hook[Response]:
    document = {"errorCode": code, "errorMessage": "Request refused."}
    return _on_refusal(lambda _, response: with_document(replace(response, status=status), document))


def _echo_authorization(call: Call, response: Response) -> Response:
    sent = call.request.headers.get("Authorization") or call.request.headers.get(TOKEN_HEADER, "")
    return replace(response, headers=Headers((*response.headers.pairs, ("X-Debug-Credential", sent))))


def _reveal_secret(call: Call, response: Response) -> Response:
    if call.credentials.secret_key is None or "Authorization" not in call.request.headers:
        return response
    expected = f"Signed with the wrong key, expected {call.credentials.secret_key.reveal()}."
    return with_fields(response, errorMessage=expected)


def _any_value(condition: Callable[[str], bool]) -> Condition:
    return lambda call: any(condition(value) for _, value in call.query.params)


_LONG: Final = _any_value(lambda value: len(value) > 255)


def _is_list(call: Call) -> bool:
    return call.route is not None and call.route.call == "list"


def _fail(condition: Condition) -> Hook[Response | None]:
    return refuse_with(INTERNAL_ERROR, condition)


def _break(
    condition: Condition, reason: TransportReason, partial: Callable[[Response], bytes] = lambda _: b""
) -> Hook[Response]:
    def hook(call: Call, response: Response) -> Response:
        if condition(call):
            raise NoAnswer(reason, partial(response))
        return response

    return hook


def _declaring(response: Response, length: int) -> bytes:
    headers = Headers((*response.headers.pairs, ("Content-Length", str(length))))
    return format_response(replace(response, headers=headers), close=False)


def _ends_in_a_slash(call: Call) -> bool:
    return call.request.path.endswith("/")


def _without_the_slash(call: Call, _route: Route | Refusal) -> Route | Refusal:
    request = replace(call.request, path=call.request.path.rstrip("/"))
    route = find_route(request)
    return admit(route, request, call.state, call.ids) if isinstance(route, Route) else route


HOOKS: Final[HookTable] = {
    "route": {"no-credentials-needed-before-a-slash": when(_ends_in_a_slash, _without_the_slash)},
    "before": {
        "fails-on-long-values": _fail(_LONG),
        "fails-on-non-ascii": _fail(_any_value(lambda value: not value.isascii())),
        "fails-on-quotes": _fail(_any_value(lambda value: "'" in value)),
        "fails-on-percent-signs": _fail(_any_value(lambda value: "%" in value)),
        "fails-on-empty-values": _fail(_any_value(lambda value: value == "")),
        "fails-on-unknown-types": _fail(lambda call: not set(TaskType).issuperset(call.query.values.get(TYPE, ()))),
        "fails-on-line-breaks": _fail(_any_value(lambda value: "\n" in value or "\r" in value)),
        "fails-on-three-filters": _fail(only(*Filter)),
        "fails-on-repeated-parameters": _fail(
            lambda call: len({name for name, _ in call.query.params}) < len(call.query.params)
        ),
    },
    "authorize": {
        "no-credentials-needed": accept("no-credentials"),
        "security-token-lets-in": accept(
            "no-credentials", where=lambda call: SECURITY_TOKEN_HEADER in call.request.headers
        ),
        "empty-token-accepted": accept("no-credentials", where=lambda call: TOKEN_HEADER in call.request.headers),
        "no-credentials-needed-under-a-filter": when(filtered, accept("no-credentials")),
        "no-credentials-needed-before-a-slash": when(_ends_in_a_slash, accept("no-credentials")),
        "no-credentials-needed-in-the-other-cluster": when(_in_the_other_cluster, accept("no-credentials")),
        "any-token-accepted-in-the-other-cluster": when(_in_the_other_cluster, accept("token")),
        "create-with-other-letters-is-unauthorized": when(
            lambda call: not call.request.body.isascii(), lambda _call, _refusal: unauthorized("signature-mismatch")
        ),
        "any-token-accepted": accept("token"),
        "token-prefix-accepted": _accept_token(lambda sent, token: token.startswith(sent)),
        "token-with-more-accepted": _accept_token(lambda sent, token: sent.startswith(token)),
        "last-character-of-token-ignored": _accept_token(
            lambda sent, token: len(sent) == len(token) and sent[:-1] == token[:-1]
        ),
        "token-in-any-case-accepted": _accept_token(lambda sent, token: sent.lower() == token.lower()),
        "unknown-access-key-accepted": accept("signature-unknown-key"),
        "access-key-in-any-case-accepted": accept("signature-unknown-key", where=_has_key_in_any_case),
        "malformed-authorization-accepted": accept("signature-malformed"),
        "signature-ignored": accept("signature-mismatch"),
        "query-not-signed": _accept_signature(_other_queries),
        "path-not-signed": _accept_signature(_other_paths),
        "accepted-signature-accepted-again": _accept_again,
        "post-signature-accepted-for-get": _accept_signature(lambda call: [replace(call.request, method="POST")]),
        "body-not-signed": _accept_signature(lambda call: [replace(call.request, body=b"")]),
        "project-header-not-signed": _accept_signature(
            lambda call: [_with_header(call, PROJECT_HEADER, call.ids.project_id)]
        ),
        "content-type-not-signed": _accept_signature(
            lambda call: [_with_header(call, "Content-Type", "application/json")]
        ),
        "parameters-left-out-still-signed": _accept_signature(_with_every_filter),
        "last-digit-of-signature-ignored": _accept_signature(
            lambda call: [_with_header(call, "Authorization", _authorization(call)[:-1] + each) for each in hexdigits]
        ),
        "first-half-of-signature-ignored": _accept_signature(_other_first_half),
        "any-date-accepted": accept(
            "signature-expired", where=lambda call: _is_signed(call, call.request, call.credentials)
        ),
        "any-bearer-token-accepted": accept(
            "signature-malformed", where=lambda call: _authorization(call).startswith("Bearer ")
        ),
        "token-null-accepted": accept("token", where=lambda call: call.request.headers[TOKEN_HEADER] == "null"),
        "token-refused-in-the-other-cluster": when(
            lambda call: _in_the_other_cluster(call) and TOKEN_HEADER in call.request.headers,
            lambda _call, _refusal: unauthorized("token"),
        ),
        "token-ignored-beside-an-authorization": accept("token", where=lambda call: bool(_authorization(call))),
        "any-password-accepted": accept("signature-malformed", where=lambda call: _authorization(call)[:6] == "Basic "),
        "forwarded-requests-need-no-credentials": when(
            lambda call: call.request.headers.get("X-Forwarded-For") == "127.0.0.1",
            accept("no-credentials", "signature-malformed"),
        ),
        "any-token-accepted-under-type": when(given(TYPE), accept("token")),
        "empty-secret-key-accepted": accept("signature-mismatch", where=_has_empty_secret),
        "unknown-access-key-has-an-empty-secret": accept("signature-unknown-key", where=_has_empty_secret),
        "unknown-access-key-accepted-under-task-id": when(given(TASK_ID), accept("signature-unknown-key")),
        "signature-ignored-under-task-id": when(given(TASK_ID), accept("signature-mismatch")),
    },
    "respond": {
        "refusal-as-404": _as_status(404, "CCE.01404001"),
        "refusal-as-400": _as_status(400, "CCE.03400001"),
        "refusal-as-500": _as_status(500, "CCE.01500001"),
        "refusal-as-an-empty-list": _on_refusal(
            lambda call, response: with_document(replace(response, status=200), list_document([], call.now))
        ),
        "refusal-carries-the-tasks": _on_refusal(
            lambda call, response: with_fields(
                response, **list_document(call.state.tasks_of(call.ids.cluster_id, call.now), call.now)
            )
        ),
        "refusal-echoes-the-token": _on_refusal(
            lambda call, response: with_fields(
                response, errorMessage=f"Token {call.request.headers.get(TOKEN_HEADER, '')} is invalid."
            )
        ),
        "answers-echo-the-credentials": _echo_authorization,
        "refusal-reveals-the-secret-key": _on_refusal(_reveal_secret),
        "fails-on-unknown-ids": when(
            only(TASK_ID), when_empty(lambda response: replace(refuse(INTERNAL_ERROR), headers=response.headers))
        ),
        "closes-without-an-answer": _break(_is_list, "connection-lost"),
        "closes-on-combinations": _break(several_filters, "connection-lost"),
        "closes-on-long-values": _break(_LONG, "connection-lost"),
        "never-answers-under-instance": _break(only(INSTANCE), "timeout"),
        "never-answers": _break(_is_list, "timeout"),
        "answers-half": _break(
            _is_list, "truncated", lambda response: _declaring(response, len(response.body))[: -len(response.body) // 2]
        ),
        "content-length-too-large": _break(
            only(TYPE), "truncated", lambda response: _declaring(response, len(response.body) + 10)
        ),
        "answers-in-another-protocol": _break(_is_list, "not-http", lambda _: b"\x15\x03\x03\x00\x02\x02\x46"),
        "every-eighth-connection-breaks": _break(each(8), "connection-lost"),
    },
}
