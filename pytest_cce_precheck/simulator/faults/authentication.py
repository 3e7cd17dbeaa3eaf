"""Credentials that should not be accepted, and refusals that say too much."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import combinations, product
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.authorization import check_signature
from pytest_cce_precheck.simulator.faults.tools import accept, document_of
from pytest_cce_precheck.simulator.pipeline import Call, Fault, Hook
from pytest_cce_precheck.simulator.rendering import list_document
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, encode_query
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, Filter, TaskType, create_path, list_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cce_precheck.simulator.refusals import Refusal

_fault = partial(Fault, category="authentication")
_AGES: Final = timedelta(days=36_500)


def _token_passes(same: Callable[[str, str], bool]) -> Hook[Refusal | None]:
    """Accept a wrong token that is like the right one."""

    def hook(call: Call, refusal: Refusal | None) -> Refusal | None:
        sent, token = call.request.headers.get(TOKEN_HEADER), call.credentials.token
        wrong = refusal is not None and refusal.reason == "token" and sent and token
        return None if wrong and sent and token and same(sent, token.reveal()) else refusal

    return hook


def _signed_otherwise(variants: Callable[[Call], Iterator[Request]]) -> Hook[Refusal | None]:
    """Accept a signature that is right for another request: what differs is not covered."""

    def hook(call: Call, refusal: Refusal | None) -> Refusal | None:
        if refusal is None or refusal.reason != "signature-mismatch":
            return refusal
        fits = (check_signature(other, call.credentials, call.now, _AGES) is None for other in variants(call))
        return None if any(fits) else refusal

    return hook


def _other_queries(call: Call) -> Iterator[Request]:
    params = call.request.params[:4]
    for length in range(len(params) + 1):
        for some in combinations(params, length):
            choices = (
                [(name, value) for value in {value, *TaskType}] if name == Filter.TYPE else [(name, value)]
                for name, value in some
            )
            for pairs in product(*choices):
                yield replace(call.request, query=encode_query(pairs))


def _other_paths(call: Call) -> Iterator[Request]:
    for cluster in call.world.clusters.values():
        for path in (list_path, create_path):
            yield replace(call.request, path=path(cluster.project_id, cluster.id))


def _other_last_digits(call: Call) -> Iterator[Request]:
    headers = call.request.headers
    for digit in "0123456789abcdef":
        text = headers.get("Authorization", "")[:-1] + digit
        yield call.request.with_headers(headers.replacing("Authorization", text))


def _any_date(call: Call, refusal: Refusal | None) -> Refusal | None:
    if refusal is not None and refusal.reason == "signature-expired":
        return check_signature(call.request, call.credentials, call.now, _AGES)
    return refusal


def _on_refusal(change: Callable[[Call, Response], Response]) -> Hook[Response]:
    return lambda call, response: change(call, response) if response.status == 401 else response


def _as_status(status: int, code: str) -> Hook[Response]:
    document = {"errorCode": code, "errorMessage": "Request refused."}
    return _on_refusal(lambda _, response: document_of(replace(response, status=status), document))


def _empty_list(call: Call, response: Response) -> Response:
    return document_of(replace(response, status=200), list_document([], call.now))


def _with_tasks(call: Call, response: Response) -> Response:
    tasks = call.world.tasks_of(call.places.cluster_id, call.now)
    return document_of(response, {**response.document, **list_document(tasks, call.now)})


def _echo_token(call: Call, response: Response) -> Response:
    sent = call.request.headers.get(TOKEN_HEADER, "")
    return document_of(response, {**response.document, "errorMessage": f"Token {sent} is invalid."})


def _echo_authorization(call: Call, response: Response) -> Response:
    sent = call.request.headers.get("Authorization") or call.request.headers.get(TOKEN_HEADER, "")
    pairs = (*response.headers.pairs, ("X-Debug-Credential", sent))
    return Response(response.status, Headers(pairs), response.body)


def _reveal_secret(call: Call, response: Response) -> Response:
    if call.credentials.secret_key is None or "Authorization" not in call.request.headers:
        return response
    expected = f"Signed with the wrong key, expected {call.credentials.secret_key.reveal()}."
    return document_of(response, {**response.document, "errorMessage": expected})


FAULTS: Final = (
    _fault(
        name="no-credentials-needed",
        codes=("PRE601",),
        summary="A request without any credentials is answered.",
        authorize=accept("no-credentials"),
    ),
    _fault(
        name="empty-token-accepted",
        codes=("PRE602", "PRE601"),
        subtle=True,
        summary="An empty X-Auth-Token passes.",
        authorize=lambda call, refusal: (
            None if refusal is not None and call.request.headers.get(TOKEN_HEADER) == "" else refusal
        ),
    ),
    _fault(
        name="no-credentials-needed-under-a-filter",
        codes=("PRE601",),
        subtle=True,
        summary="A request with a filter is answered without credentials.",
        authorize=lambda call, refusal: accept("no-credentials")(call, refusal) if call.question.filters else refusal,
    ),
    _fault(
        name="any-token-accepted",
        codes=("PRE602",),
        summary="Any text passes as a token.",
        authorize=accept("token"),
    ),
    _fault(
        name="token-prefix-accepted",
        codes=("PRE602",),
        subtle=True,
        summary="The beginning of a token passes as the token.",
        authorize=_token_passes(lambda sent, token: token.startswith(sent)),
    ),
    _fault(
        name="token-with-more-accepted",
        codes=("PRE602",),
        subtle=True,
        summary="The token with something after it passes.",
        authorize=_token_passes(lambda sent, token: sent.startswith(token)),
    ),
    _fault(
        name="last-character-of-token-ignored",
        codes=("PRE602",),
        subtle=True,
        summary="A token of which the last character is wrong passes.",
        authorize=_token_passes(lambda sent, token: len(sent) == len(token) and sent[:-1] == token[:-1]),
    ),
    _fault(
        name="token-in-any-case-accepted",
        codes=("PRE602",),
        subtle=True,
        summary="The token is compared without regard to case.",
        authorize=_token_passes(lambda sent, token: sent.lower() == token.lower()),
    ),
    _fault(
        name="unknown-access-key-accepted",
        codes=("PRE603",),
        summary="A signature by an access key that nobody has passes.",
        authorize=accept("signature-unknown-key"),
    ),
    _fault(
        name="malformed-authorization-accepted",
        codes=("PRE601", "PRE604"),
        subtle=True,
        summary="An Authorization header that cannot be read is passed on as accepted.",
        authorize=accept("signature-malformed"),
    ),
    _fault(
        name="signature-ignored",
        codes=("PRE604", "PRE603"),
        summary="A known access key passes with any signature.",
        authorize=accept("signature-mismatch"),
    ),
    _fault(
        name="query-not-signed",
        codes=("PRE604",),
        subtle=True,
        summary="The signature does not cover the query.",
        authorize=_signed_otherwise(_other_queries),
    ),
    _fault(
        name="path-not-signed",
        codes=("PRE604",),
        subtle=True,
        summary="The signature does not cover the path.",
        authorize=_signed_otherwise(_other_paths),
    ),
    _fault(
        name="last-digit-of-signature-ignored",
        codes=("PRE604",),
        subtle=True,
        summary="A signature of which the last digit is wrong passes.",
        authorize=_signed_otherwise(_other_last_digits),
    ),
    _fault(
        name="any-date-accepted",
        codes=("PRE605",),
        summary="A signature of any age passes, so that a request can be replayed for ever.",
        authorize=_any_date,
    ),
    _fault(
        name="refusal-as-404",
        codes=("PRE606",),
        summary="Wrong credentials are answered with 404.",
        respond=_as_status(404, "CCE.01404001"),
    ),
    _fault(
        name="refusal-as-400",
        codes=("PRE606",),
        summary="Wrong credentials are answered with 400.",
        respond=_as_status(400, "CCE.03400001"),
    ),
    _fault(
        name="refusal-as-500",
        codes=("PRE606", "PRE103"),
        summary="Wrong credentials are answered with 500.",
        respond=_as_status(500, "CCE.01500001"),
    ),
    _fault(
        name="refusal-as-an-empty-list",
        codes=("PRE606", "PRE601", "PRE602"),
        subtle=True,
        summary="Wrong credentials get 200 and an empty list.",
        respond=_on_refusal(_empty_list),
    ),
    _fault(
        name="refusal-carries-the-tasks",
        codes=("PRE607",),
        summary="The body of a 401 has the tasks in it.",
        respond=_on_refusal(_with_tasks),
    ),
    _fault(
        name="refusal-echoes-the-token",
        codes=("PRE608",),
        summary="The message of a 401 repeats the token that was sent.",
        respond=_on_refusal(_echo_token),
    ),
    _fault(
        name="answers-echo-the-credentials",
        codes=("PRE608",),
        subtle=True,
        summary="A debug header of every answer repeats the Authorization header or token.",
        respond=_echo_authorization,
    ),
    _fault(
        name="refusal-reveals-the-secret-key",
        codes=("PRE608",),
        subtle=True,
        summary="The message of a refused signature has the secret key in it.",
        respond=_on_refusal(_reveal_secret),
    ),
)
