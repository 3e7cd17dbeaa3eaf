"""Cases that the simulator makes: its conforming variations, and every fault that shows in an answer."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_cce_precheck.sdk.case import Case, CaseFailure, CaseKind
from pytest_cce_precheck.sdk.protocol import DriverCall
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.pipeline import Fault, Variation
from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.sdk.protocol import Operation
    from pytest_cce_precheck.simulator.pipeline import Behaviour

    Answer = Response | CaseFailure

_NOW: Final = datetime(2025, 8, 13, 3, 24, 37, tzinfo=UTC)
# nothing listens there, so an SDK that follows the redirect reaches nobody
_NOWHERE: Final = "http://127.0.0.1:1"


@dataclass(frozen=True)
class _Call:
    """A list call, or a create call if there are ``addons``."""

    filters: Mapping[str, str] = field(default_factory=dict)
    addons: Sequence[Mapping[str, Any]] = ()
    cluster_id: str | None = None
    token: bool = True

    @property
    def operation(self) -> Operation:
        return "create" if self.addons else "list"


def simulated_cases() -> Iterator[Case]:
    """Yield a case for each variation and operation, and one for each fault, with the first call that shows it."""
    plain = Simulator(wall=lambda: _NOW)
    calls = tuple(_calls(plain))
    usual = [_answer(plain, call) for call in calls]
    seen = {_content(answer) for answer in usual}
    yield _case("twelve-tasks", CaseKind.VARIATION, "A list of twelve tasks.", calls[0], usual[0])
    yield _case("create-simulated", CaseKind.VARIATION, "A create of two tasks.", calls[-1], usual[-1])
    for behaviour in chain(VARIATIONS.values(), FAULTS.values()):
        for case in _cases_of(behaviour, calls, usual):
            content = _content(case.answer)
            if content not in seen:
                seen.add(content)
                yield case


def _cases_of(behaviour: Behaviour, calls: Sequence[_Call], usual: Sequence[Answer]) -> Iterator[Case]:
    simulator = Simulator(
        wall=lambda: _NOW,
        faults=[behaviour] if isinstance(behaviour, Fault) else [],
        variations=[behaviour] if isinstance(behaviour, Variation) else [],
    )
    kind = CaseKind.FAULT if isinstance(behaviour, Fault) else CaseKind.VARIATION
    shown: set[str] = set()
    # every call is made before the first case is: the simulator's answers depend on the calls before
    answers = [_answer(simulator, call) for call in calls]
    for call, answer, plain in zip(calls, answers, usual, strict=True):
        operation = call.operation
        # a behaviour that changes only the simulator's state gives a create nothing but other ids
        applies = operation == "list" or behaviour.created or behaviour.respond or behaviour.encode
        if applies and operation not in shown and _content(answer) != _content(plain):
            shown.add(operation)
            name = f"{behaviour.name}-in-create" if call.addons else behaviour.name
            yield _case(name, kind, behaviour.summary, call, answer)
            if kind is CaseKind.FAULT:
                return


def _calls(plain: Simulator) -> Iterator[_Call]:
    metadata = plain.handle(_request(plain, _Call())).document["items"][-1]["metadata"]
    every = {"type": metadata["type"], "task_id": metadata["taskID"], "addon_instance_id": metadata["addonInstanceID"]}
    yield _Call()
    yield from (_Call({name: value}) for name, value in every.items())
    yield _Call(every)
    yield _Call({"task_id": "none"})
    yield _Call({"type": "none"})
    yield _Call(cluster_id="none")
    yield _Call(token=False)
    addon = {"addonTemplateName": metadata["addonTemplateName"], "addonInstanceID": metadata["addonInstanceID"]}
    upgrade = {**addon, "type": "addonUpgrade", "targetVersion": "9.9.9", "values": {"basic": {"replicas": 2}}}
    yield _Call(addons=({**addon, "type": "addonStatic"}, upgrade))


def _request(simulator: Simulator, call: _Call) -> Request:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
    if call.token and simulator.credentials.token is not None:
        headers[TOKEN_HEADER] = simulator.credentials.token.reveal()
    cluster_id, operation = call.cluster_id or simulator.cluster_id, call.operation
    wanted = DriverCall(simulator.endpoint, simulator.project_id, cluster_id, operation, call.filters, call.addons)
    return wanted.request.with_headers(Headers(headers))


def _answer(simulator: Simulator, call: _Call) -> Answer:
    try:
        response = simulator.handle(_request(simulator, call), caller=0)
    except NoAnswer as failure:
        return CaseFailure("holds" if failure.reason == "timeout" else "closes", failure.partial)
    headers = response.headers
    if 300 <= response.status < 400 and "Location" in headers:
        headers = headers.replacing("Location", f"{_NOWHERE}/{urlsplit(headers['Location']).path.lstrip('/')}")
    length = headers.get("Content-Length", "")
    if length.isdigit() and int(length) > len(response.body):
        # to a client, a length that is too large is a connection that ends too early
        lines = [f"HTTP/1.1 {response.status} OK", *(f"{name}: {value}" for name, value in headers.pairs)]
        return CaseFailure("closes", "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)
    body = gzip.decompress(response.body) if headers.get("Content-Encoding") == "gzip" else response.body
    return Response(response.status, headers.without("Content-Length"), body)


def _case(name: str, kind: CaseKind, title: str, call: _Call, answer: Answer) -> Case:
    return Case(
        name,
        CaseKind.TRANSPORT if isinstance(answer, CaseFailure) else kind,
        title,
        answer,
        operation=call.operation,
        filters=call.filters,
        addons=call.addons,
        timeout=1.0 if isinstance(answer, CaseFailure) and answer.connection == "holds" else 10.0,
    )


def _content(answer: Answer) -> object:
    if isinstance(answer, CaseFailure):
        return answer
    return answer.status, answer.headers.without("Date").without(REQUEST_ID_HEADER).pairs, answer.body
