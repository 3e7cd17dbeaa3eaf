"""The cases of the corpus: those written by hand in ``data/cases.toml``, then those that the simulator makes."""

from __future__ import annotations

import copy
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_cce_precheck._files import packaged, packaged_table
from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.case import Case, CaseFailure, CaseKind
from pytest_cce_precheck.sdk.protocol import DriverCall
from pytest_cce_precheck.simulator.delivery import SlowResponse
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.pipeline import Fault, Variation
from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, REQUEST_ID_HEADER, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.simulator.pipeline import Behaviour

    Answer = Response | CaseFailure

Document = dict[str, Any]

_HEADERS: Final[Mapping[str, str]] = {
    "Date": "Wed, 13 Aug 2025 03:24:37 GMT",
    REQUEST_ID_HEADER: "5dbe9a1c-0f4e-4c5a-9d33-6a1f0c2b7e48",
    "Content-Type": "application/json",
}
_KINDS: Final[Mapping[str, CaseKind]] = {
    "example": CaseKind.EXAMPLE,
    "variation": CaseKind.VARIATION,
    "fault": CaseKind.FAULT,
    "create": CaseKind.VARIATION,
    "filters": CaseKind.REQUEST,
    "texts": CaseKind.REQUEST,
    "authentication": CaseKind.REQUEST,
    "error": CaseKind.ERROR,
    "transport": CaseKind.TRANSPORT,
}


@cache
def corpus_cases() -> tuple[Case, ...]:
    """Return every case, numbered from 1, in the same order and with the same content every time."""
    cases = chain(_written_cases(), simulated_cases())
    return tuple(replace(case, number=number) for number, case in enumerate(cases, 1))


def find_case(name: str) -> Case:
    """Return the case with this name; raise `ConfigurationError` with near matches if there is none."""
    cases = {case.name: case for case in corpus_cases()}
    if name not in cases:
        raise ConfigurationError(f"there is no case {name!r}{did_you_mean(name, cases)}")
    return cases[name]


def example(name: str) -> Any:
    """Return one of the vendor's own examples, ``list`` or ``create``."""
    return json.loads(packaged(f"sdk/data/example_{name}_response.json"))


def task() -> Document:
    """Return a task that has every field."""
    return copy.deepcopy(_table()["task"])


def listing(*tasks: Any) -> Document:
    """Return the body of a list call's answer."""
    return {"kind": KIND, "apiVersion": API_VERSION, "pageInfo": {"currentCount": len(tasks)}, "items": list(tasks)}


@cache
def _table() -> Mapping[str, Any]:
    return packaged_table("sdk/data/cases.toml")


def _written_cases() -> Iterator[Case]:
    for section, kind in _KINDS.items():
        entries = _table()[section].items()
        for name, entry in _of_texts(entries) if section == "texts" else entries:
            operation = entry.get("operation", "list")
            addons: Sequence[Document] = ()
            if operation == "create":
                addons = json.loads(entry["addons"]) if "addons" in entry else (_table()["addon"],)
            if "example" in entry:
                document = example(entry["example"])
                addons = document["spec"]["addonList"] if operation == "create" else ()
            elif operation == "create":
                document = _created(addons)
            else:
                document = listing() if kind is CaseKind.REQUEST else _changed(entry)
            yield Case(
                name,
                kind,
                entry["title"],
                _answer(entry, document, 201 if operation == "create" else 200),
                operation,
                filters=entry.get("filters", {}),
                addons=addons,
                authentication=entry.get("authentication", "ak/sk"),
                timeout=entry.get("timeout", 10.0),
            )


def _of_texts(texts: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, Document]]:
    for name, entry in texts:
        text = entry if isinstance(entry, str) else entry["text"] * entry["times"]
        filters = {"task_id": text, "type": "addonStatic", "addon_instance_id": text}
        yield f"value-{name}", {"title": f"Both ids that are filtered by: {name}.", "filters": filters}
        title = f"A type that the contract does not know: {name}."
        yield f"type-{name}", {"title": title, "filters": {"type": text}}


def _answer(entry: Document, document: Any, usual_status: int) -> Response | CaseFailure:
    if "connection" in entry:
        return CaseFailure(entry["connection"], entry.get("raw", "").encode())
    # UTF-8 cannot hold half of a surrogate pair: it stays the escape that JSON writes it with
    body = entry.get("body", json.dumps(document, ensure_ascii=False)).encode(errors="backslashreplace")
    headers = Headers({**_HEADERS, **entry.get("headers", {})})
    if "seconds" in entry:
        return SlowResponse(usual_status, headers, body, elapsed=entry["seconds"], drips=entry["drips"])
    return Response(entry.get("status", usual_status), headers, body)


def _changed(entry: Document) -> Any:
    document = listing(task())
    for path, text in entry.get("set", {}).items():
        parent, step = _parent(document, path)
        parent[step] = json.loads(text) * entry["times"] if "times" in entry else json.loads(text)
    if "remove" in entry:
        parent, step = _parent(document, entry["remove"])
        del parent[step]
    if entry.get("reversed"):
        return json.loads(json.dumps(document), object_pairs_hook=lambda fields: dict(reversed(fields)))
    return document


def _parent(document: Any, path: str) -> tuple[Any, str | int]:
    *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in parents:
        document = document[step]
    return document, last


def _created(addons: Sequence[Document]) -> Document:
    tasks = []
    for number, addon in enumerate(addons):
        created = task()
        created["metadata"].update(type=addon["type"], taskID=f"{number}{created['metadata']['taskID'][1:]}")
        del created["metadata"]["expireTimeStamp"]
        created["status"] = {"status": "Init", "message": "", "riskList": []}
        tasks.append(created)
    spec = {"clusterID": "case", "addonList": list(addons)}
    return {"kind": KIND, "apiVersion": API_VERSION, "spec": spec, "status": {"items": tasks}}


_NOW: Final = datetime(2025, 8, 13, 3, 24, 37, tzinfo=UTC)
# nothing listens there, so an SDK that follows the redirect reaches nobody
_NOWHERE: Final = "http://127.0.0.1:1"


def simulated_cases() -> Iterator[Case]:
    """Yield a case for each variation and operation, and one for each fault, with the first call that shows it."""
    plain = Simulator(wall=lambda: _NOW)
    calls = tuple(_calls(plain))
    usual = [_simulated_answer(plain, call) for call in calls]
    seen = {_content(answer) for answer in usual}
    yield _case("twelve-tasks", CaseKind.VARIATION, "A list of twelve tasks.", calls[0], usual[0])
    yield _case("create-simulated", CaseKind.VARIATION, "A create of two tasks.", calls[-1], usual[-1])
    for behaviour in chain(VARIATIONS.values(), FAULTS.values()):
        for case in _cases_of(behaviour, calls, usual):
            content = _content(case.answer)
            if content not in seen:
                seen.add(content)
                yield case


def _cases_of(behaviour: Behaviour, calls: Sequence[DriverCall], usual: Sequence[Answer]) -> Iterator[Case]:
    simulator = Simulator(
        wall=lambda: _NOW,
        faults=[behaviour] if isinstance(behaviour, Fault) else [],
        variations=[behaviour] if isinstance(behaviour, Variation) else [],
    )
    kind = CaseKind.FAULT if isinstance(behaviour, Fault) else CaseKind.VARIATION
    shown: set[str] = set()
    # every call is made before the first case is: the simulator's answers depend on the calls before
    answers = [_simulated_answer(simulator, call) for call in calls]
    for call, answer, plain in zip(calls, answers, usual, strict=True):
        operation = call.operation
        # a behaviour that changes only the simulator's state gives a create nothing but other ids
        applies = operation == "list" or behaviour.created or behaviour.respond or behaviour.encode
        if applies and operation not in shown and _content(answer) != _content(plain):
            shown.add(operation)
            name = f"{behaviour.name}-in-create" if operation == "create" else behaviour.name
            yield _case(name, kind, behaviour.summary, call, answer)
            if kind is CaseKind.FAULT:
                return


def _calls(plain: Simulator) -> Iterator[DriverCall]:
    every_task = DriverCall(plain.endpoint, plain.project_id, plain.cluster_id, authentication="token")
    metadata = plain.handle(_request(plain, every_task)).document["items"][-1]["metadata"]
    every = {"type": metadata["type"], "task_id": metadata["taskID"], "addon_instance_id": metadata["addonInstanceID"]}
    yield every_task
    for filters in (*({name: value} for name, value in every.items()), every, {"task_id": "none"}, {"type": "none"}):
        yield replace(every_task, filters=filters)
    yield replace(every_task, cluster_id="none")
    # the simulator gets no signature, so this is sent without credentials
    yield replace(every_task, authentication="ak/sk")
    addon = {"addonTemplateName": metadata["addonTemplateName"], "addonInstanceID": metadata["addonInstanceID"]}
    upgrade = {**addon, "type": "addonUpgrade", "targetVersion": "9.9.9", "values": {"basic": {"replicas": 2}}}
    yield replace(every_task, operation="create", addons=({**addon, "type": "addonStatic"}, upgrade))


def _request(simulator: Simulator, call: DriverCall) -> Request:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
    if call.authentication == "token" and simulator.credentials.token is not None:
        headers[TOKEN_HEADER] = simulator.credentials.token.reveal()
    return call.request.with_headers(Headers(headers))


def _simulated_answer(simulator: Simulator, call: DriverCall) -> Answer:
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


def _case(name: str, kind: CaseKind, title: str, call: DriverCall, answer: Answer) -> Case:
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
