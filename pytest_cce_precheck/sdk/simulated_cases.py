"""Cases that the simulated service makes: its conforming variations, and every fault that shows in an answer."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_cce_precheck.sdk.case import Case, CaseFailure, CaseKind
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.pipeline import Fault, Variation
from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, encode_query
from pytest_cce_precheck.wire.vocabulary import (
    API_VERSION,
    KIND,
    REQUEST_ID_HEADER,
    TOKEN_HEADER,
    create_path,
    list_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.simulator.pipeline import Behaviour

_WALL: Final = datetime(2025, 8, 13, 3, 24, 37, tzinfo=UTC)
# nobody listens there, so an SDK that follows the redirect goes nowhere
_NOWHERE: Final = "http://127.0.0.1:1"
_SLOW: Final = 1.0


@dataclass(frozen=True)
class _Question:
    filters: Mapping[str, str] = field(default_factory=dict)
    addons: Sequence[Mapping[str, Any]] = ()
    cluster_id: str | None = None
    token: bool = True


def simulated_cases() -> Iterator[Case]:
    """Return a case for each variation and call, and one for each fault, at the first question that shows it."""
    plain = Simulator(wall=lambda: _WALL)
    questions = tuple(_questions(plain))
    usual = _answers(plain, questions)
    seen = {_content(answer) for answer in usual}
    yield _case("twelve-tasks", CaseKind.VARIATION, "A list of twelve tasks.", questions[0], usual[0])
    yield _case("create-simulated", CaseKind.VARIATION, "A create of two tasks.", questions[-1], usual[-1])
    for kind, behaviours in ((CaseKind.VARIATION, VARIATIONS), (CaseKind.FAULT, FAULTS)):
        for behaviour in behaviours.values():
            for case in _shown(kind, behaviour, questions, usual):
                content = _content(case.answer)
                if content not in seen:
                    seen.add(content)
                    yield case


def _shown(
    kind: CaseKind, behaviour: Behaviour, questions: tuple[_Question, ...], usual: list[Response | CaseFailure]
) -> Iterator[Case]:
    simulator = Simulator(
        wall=lambda: _WALL,
        faults=[behaviour] if isinstance(behaviour, Fault) else [],
        variations=[behaviour] if isinstance(behaviour, Variation) else [],
    )
    answers = _answers(simulator, questions)
    shown: set[str] = set()
    for question, answer, plain in zip(questions, answers, usual, strict=True):
        call = "create" if question.addons else "list"
        # what changes the world alone shows a create nothing but other ids
        shapes = call == "list" or behaviour.created or behaviour.respond or behaviour.encode
        if shapes and call not in shown and _content(answer) != _content(plain):
            shown.add(call)
            name = f"{behaviour.name}-in-create" if call == "create" else behaviour.name
            yield _case(name, kind, behaviour.summary, question, answer)
            if kind is CaseKind.FAULT:
                return


def _questions(plain: Simulator) -> Iterator[_Question]:
    document = plain.handle(_request(plain, _Question())).document
    metadata = document["items"][-1]["metadata"]
    every = {"type": metadata["type"], "task_id": metadata["taskID"], "addon_instance_id": metadata["addonInstanceID"]}
    yield _Question()
    for name, text in every.items():
        yield _Question({name: text})
    yield _Question(every)
    yield _Question({"task_id": "none"})
    yield _Question({"type": "none"})
    yield _Question(cluster_id="none")
    yield _Question(token=False)
    addon = {"addonTemplateName": metadata["addonTemplateName"], "addonInstanceID": metadata["addonInstanceID"]}
    upgrade = {**addon, "type": "addonUpgrade", "targetVersion": "9.9.9", "values": {"basic": {"replicas": 2}}}
    yield _Question(addons=({**addon, "type": "addonStatic"}, upgrade))


def _request(simulator: Simulator, question: _Question) -> Request:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
    token = simulator.credentials.token
    if question.token and token is not None:
        headers[TOKEN_HEADER] = token.reveal()
    cluster_id = question.cluster_id or simulator.cluster_id
    if not question.addons:
        path = list_path(simulator.project_id, cluster_id)
        return Request("GET", simulator.endpoint, path, encode_query(question.filters.items()), Headers(headers))
    spec = {"clusterID": cluster_id, "addonList": list(question.addons)}
    body = json.dumps({"kind": KIND, "apiVersion": API_VERSION, "spec": spec}).encode()
    path = create_path(simulator.project_id, cluster_id)
    return Request("POST", simulator.endpoint, path, "", Headers(headers), body)


def _answers(simulator: Simulator, questions: tuple[_Question, ...]) -> list[Response | CaseFailure]:
    return [_answer(simulator, question) for question in questions]


def _answer(simulator: Simulator, question: _Question) -> Response | CaseFailure:
    try:
        response = simulator.handle(_request(simulator, question), caller=0)
    except NoAnswer as failure:
        return CaseFailure("holds" if failure.reason == "timeout" else "closes", failure.partial)
    headers = response.headers
    if 300 <= response.status < 400 and "Location" in headers:
        headers = headers.replacing("Location", f"{_NOWHERE}/{urlsplit(headers['Location']).path.lstrip('/')}")
    length = headers.get("Content-Length", "")
    if length.isdigit() and int(length) > len(response.body):
        # a length that does not fit is a connection that ends too early
        lines = [f"HTTP/1.1 {response.status} OK", *(f"{name}: {value}" for name, value in headers.pairs)]
        return CaseFailure("closes", "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)
    packed = headers.get("Content-Encoding") == "gzip"
    body = gzip.decompress(response.body) if packed else response.body
    return Response(response.status, headers.without("Content-Length"), body)


def _case(name: str, kind: CaseKind, title: str, question: _Question, answer: Response | CaseFailure) -> Case:
    failed = isinstance(answer, CaseFailure)
    return Case(
        name,
        CaseKind.TRANSPORT if failed else kind,
        title,
        answer,
        operation="create" if question.addons else "list",
        filters=question.filters,
        addons=question.addons,
        timeout=_SLOW if isinstance(answer, CaseFailure) and answer.connection == "holds" else 10.0,
    )


def _content(answer: Response | CaseFailure) -> object:
    if isinstance(answer, CaseFailure):
        return answer.connection, answer.raw
    return answer.status, answer.headers.without("Date").without(REQUEST_ID_HEADER).pairs, answer.body
