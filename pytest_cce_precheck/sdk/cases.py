"""The cases of the corpus: those written by hand in ``data/cases.toml``, then those that the simulator makes."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import packaged, packaged_table
from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.case import Case, CaseFailure, CaseKind
from pytest_cce_precheck.sdk.simulated_cases import simulated_cases
from pytest_cce_precheck.simulator.delivery import SlowResponse
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, REQUEST_ID_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
