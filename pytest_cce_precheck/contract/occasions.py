"""What an answer gives each rule to judge: pairs of a rule's code and whether the answer holds what the rule is about.

Nothing here decides whether an answer is right. A rule that is left out has not been asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from pytest_cce_precheck.contract.answer import Answer, part_of
from pytest_cce_precheck.contract.documented import CALLS
from pytest_cce_precheck.contract.envelope import PASSING, THROTTLED, is_gateway_error, read_object
from pytest_cce_precheck.contract.filters import Bracket, Query
from pytest_cce_precheck.contract.schema import schema_errors
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.exchange import Exchange, Request
from pytest_cce_precheck.wire.signing import SignatureError, verify
from pytest_cce_precheck.wire.vocabulary import CREDENTIAL_HEADERS, TOKEN_HEADER, create_path, list_path

Occasion = tuple[str, bool]

REFUSED: Final = frozenset({401, 403})
_UNFINISHED: Final = frozenset({"Init", "Running"})
_FINAL: Final = frozenset({"Failed", "Success"})
# a request with such a signature must be refused: by what is wrong with it, the rule
_OF_SIGNATURES: Final = {"malformed": "PRE601", "unknown-key": "PRE603", "expired": "PRE605"}


def document_of(exchange: Exchange) -> Mapping[str, Any]:
    """Return the body of an answer as it was sent, empty if it is no JSON object."""
    return read_object(exchange)[0] or {}


def creates(exchange: Exchange) -> bool:
    """Return whether an exchange is of the create call."""
    return exchange.request.method == "POST" and exchange.request.path.endswith("/precheck")


def of_envelope(exchange: Exchange) -> Iterator[Occasion]:
    """Yield what any answer gives the rules on status, headers, body and error forms to judge."""
    status, headers, failed = exchange.status, exchange.response.headers, exchange.status >= 400
    yield from ((code, True) for code in ("PRE101", "PRE102", "PRE103", "PRE104"))
    document = document_of(exchange)
    yield "PRE105", bool(headers)
    yield from ((code, status < 300) for code in ("PRE106", "PRE109"))
    yield from ((code, failed) for code in ("PRE107", "PRE111", "PRE607"))
    yield "PRE108", failed and "errorCode" in document
    yield "PRE110", status == THROTTLED and not is_gateway_error(document)
    yield "PRE112", any(len(value.splitlines()) > 1 for _, value in exchange.request.params)
    yield "PRE608", any(name.lower() in CREDENTIAL_HEADERS for name, _ in exchange.request.headers.pairs)
    yield from _of_http(exchange)


def _of_http(exchange: Exchange) -> Iterator[Occasion]:
    """Yield what an answer gives the rules of `http_rules` to judge."""
    headers, request = exchange.response.headers, exchange.request
    yield "PRE114", bool(headers)
    yield "PRE115", any(name in headers for name in ("Content-Length", "Transfer-Encoding"))
    yield "PRE116", any(name in headers for name in ("Date", "Last-Modified", "ETag", "Age"))
    yield "PRE117", exchange.status == HTTPStatus.METHOD_NOT_ALLOWED
    yield "PRE119", "Authorization" in request.headers
    # no tag is no tag of two answers either
    yield "PRE126", exchange.status == HTTPStatus.OK and request.method == "GET"
    yield "PRE125", exchange.response.surplus is not None
    if "If-None-Match" in request.headers:
        yield "PRE118", True
    if "Range" in request.headers:
        yield "PRE121", exchange.status == HTTPStatus.PARTIAL_CONTENT
    if request.method == "HEAD":
        yield "PRE122", exchange.status == HTTPStatus.OK and "Content-Length" in headers


@dataclass(frozen=True)
class Shape:
    """What a rule, or a count of fields, asks of a task; tasks of the same shape differ in values only."""

    task: Mapping[str, Any]
    type: str
    state: str
    metadata: Mapping[str, Any]
    risks: Sequence[Any]


def shapes_of(items: Any) -> tuple[Counter[Hashable], dict[Hashable, Shape]]:
    """Return how many tasks of each shape a list has, and the first task of each shape, by what they have in common."""
    numbers: Counter[Hashable] = Counter()
    shapes: dict[Hashable, Shape] = {}
    # a list that is one object is a deviation
    for task in items if isinstance(items, list) else [items]:
        if not isinstance(task, dict):
            continue
        metadata, status, spec = part_of(task, "metadata"), part_of(task, "status"), part_of(task, "spec")
        risks = status.get("riskList", task.get("riskList"))
        risks = risks if isinstance(risks, list) else ()
        kind, state = str(metadata.get("type")), str(status.get("status"))
        # a long list has few shapes: this runs for each of its tasks, all else for each shape
        fields = frozenset([tuple(risk) for risk in risks if isinstance(risk, dict)])
        key = (kind, state, tuple(task), tuple(metadata), tuple(status), tuple(spec), fields)
        numbers[key] += 1
        if key not in shapes:
            shapes[key] = Shape(task, kind, state, metadata, risks)
    return numbers, shapes


def of_answer(exchange: Exchange, shapes: Iterable[Shape], number: int) -> Iterator[Occasion]:
    """Yield what a success answer with tasks of these shapes gives the rules on one answer to judge."""
    found = list(shapes)
    states = {shape.state for shape in found}
    with_risks = {shape.state for shape in found if shape.risks}
    document = document_of(exchange)
    yield from ((code, bool(document)) for code in ("PRE201", "PRE202", "PRE203"))
    yield from ((code, bool(found)) for code in ("PRE204", "PRE206", "PRE211"))
    yield "PRE213", "Init" in states
    yield "PRE212", bool(with_risks)
    yield "PRE301", bool(states & _UNFINISHED)
    yield "PRE304", number > 1
    yield "PRE308", bool(found) and exchange.date is not None
    if creates(exchange):
        yield from (("PRE214", True), ("PRE320", "spec" in document), ("PRE324", bool(found)))
        yield from ((code, bool(found)) for code in ("PRE321", "PRE322", "PRE323"))
        return
    yield from ((code, "pageInfo" in document) for code in ("PRE205", "PRE309"))
    yield "PRE210", bool(found)
    yield "PRE302", bool(states & _FINAL)
    yield from ((code, any("expireTimeStamp" in shape.metadata for shape in found)) for code in ("PRE207", "PRE303"))
    of_states = {"PRE305": "Failed", "PRE306": "Success", "PRE307": "Init", "PRE311": "Failed"}
    yield from ((code, state in with_risks) for code, state in of_states.items())


def of_create_request(exchange: Exchange) -> Iterator[Occasion]:
    """Yield whether a create request that the service read breaks the contract."""
    # who may not create is refused whatever the request holds
    if exchange.status not in REFUSED | PASSING:
        try:
            is_bad = any(schema_errors(parse_json(exchange.request.body), "create_request"))
        except BodyError:
            is_bad = True
        yield "PRE508", is_bad


def of_place(exchange: Exchange, project_id: str, cluster_id: str, other_cluster_id: str | None) -> Iterator[Occasion]:
    """Yield what the path of a request gives the rules on isolation to judge."""
    path, method = exchange.request.path, exchange.request.method
    if (path.endswith("/tasks") and method not in CALLS) or (method == "POST" and not creates(exchange)):
        yield "PRE609", True
    elif method == "GET" and path == (other_cluster_id and list_path(project_id, other_cluster_id)):
        yield "PRE610", exchange.status < 300
    elif path not in (list_path(project_id, cluster_id), create_path(project_id, cluster_id)):
        yield "PRE611", True


def of_credentials(exchange: Exchange, own: Credentials) -> Iterator[Occasion]:
    """Yield the rule that the acceptance of a request would break, if its credentials are not the run's own."""
    code = _broken_if_accepted(exchange.request, own)
    if code:
        yield code, True
        yield "PRE606", exchange.status >= 300


def _broken_if_accepted(request: Request, own: Credentials) -> str:
    token, signature = request.headers.get(TOKEN_HEADER), request.headers.get("Authorization")
    if not token and not signature:
        return "PRE601"
    if token:
        return "" if own.token is not None and own.token.reveal() == token else "PRE602"
    keys = {own.access_key.reveal(): own.secret_key.reveal()} if own.access_key and own.secret_key else {}
    try:
        verify(request, secret_of=keys.get, now=datetime.now(UTC))
    except SignatureError as error:
        names_own = any(key in str(signature) for key in keys)
        return "PRE604" if names_own and error.reason != "expired" else _OF_SIGNATURES.get(error.reason, "PRE604")
    return ""


def of_selection(query: Query, answer: Answer, bracket: Bracket) -> Iterator[Occasion]:
    """Yield what the answer to a query gives the relations to the lists around it to judge."""
    own = query.code or ("PRE404" if len(query.about) > 1 else "")
    if own:
        yield own, bool(bracket.present)
    else:
        selected = bracket.selected(query.meanings[0])
        yield "PRE401", len(selected) < len(bracket.present)
        yield "PRE402", bool(selected)
    yield from ((code, any(key in bracket.stable for key in answer.by_id)) for code in ("PRE403", "PRE416"))
    yield "PRE405", bool(answer.tasks)
    yield "PRE310", answer.count is not None


def of_series(earlier: Answer, answer: Answer, *, complete: bool) -> Iterator[Occasion]:
    """Yield what an answer gives the rules on the life cycle to judge, after an unfiltered list before it."""
    both = [task for key, task in earlier.by_id.items() if key in answer.by_id]
    final = any(task.state and task.state.final for task in both)
    yield from ((code, bool(both)) for code in ("PRE501", "PRE504"))
    yield from ((code, final) for code in ("PRE502", "PRE503"))
    if complete:
        yield from (("PRE505", bool(earlier.tasks)), ("PRE506", bool(both)), ("PRE509", True))
