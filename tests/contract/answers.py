"""Conforming exchanges to mutate: whatever a test changes is the only thing wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.lifecycle import TaskHistory
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import create_path, list_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.findings import Finding

DATA = Path(__file__).parent.parent / "data"
ENDPOINT = "https://cce.example"
HEADERS = (("Content-Type", "application/json"), ("X-Request-Id", "r-1"), ("Date", "Mon, 23 Nov 2026 10:00:00 GMT"))
Document = dict[str, Any]


def risk(state: str = "Success", level: str = "Warning", name: str = "AddonStatus") -> Document:
    return {"riskName": name, "level": level, "status": state, "message": "checked"}


def task(number: int = 1, state: str = "Success", kind: str = "addonStatic", instance: int = 1) -> Document:
    final = state in ("Failed", "Success")
    return {
        "metadata": {
            "type": kind,
            "taskID": f"0a1b2c3d-0000-4000-8000-{number:012x}",
            "addonTemplateName": "coredns",
            "addonInstanceName": f"cceaddon-coredns-{instance}",
            "addonInstanceID": f"1a1b2c3d-0000-4000-9000-{instance:012x}",
            "createTimeStamp": "2026-11-22T18:00:00.123456789+08:00",
            **({"expireTimeStamp": "2026-11-25T18:00:00+08:00"} if final else {}),
        },
        "spec": {"addonTargetVersion": "1.2.3"},
        "status": {
            "status": state,
            "message": "Addon task check finish",
            "riskList": [risk(state), risk(state, "Fatal", "X")],
        },
    }


def all_states() -> list[Document]:
    states = ("Init", "Running", "Failed", "Success")
    kinds = ("addonStatic", "addonUpgrade")
    return [task(number, states[number % 4], kinds[number // 4 % 2], number % 3) for number in range(8)]


def listing(tasks: list[Document] | None = None, count: int | None = None) -> Document:
    items = all_states() if tasks is None else tasks
    pages = {"currentCount": len(items) if count is None else count}
    return {"kind": "AddonCheck", "apiVersion": "v3", "pageInfo": pages, "items": copy.deepcopy(items)}


def answered(
    document: Any, *, query: str = "", status: int = 200, headers: Any = HEADERS, request_headers: Any = ()
) -> Exchange:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    request = Request("GET", ENDPOINT, list_path("p", "c"), query, Headers(request_headers))
    return Exchange(request, Response(status, Headers(headers), body))


def created(document: Document, asked: Document | None = None, status: int = 201) -> Exchange:
    body = json.dumps(asked).encode() if asked is not None else b""
    request = Request("POST", ENDPOINT, create_path("p", "c"), "", Headers(), body)
    return Exchange(request, Response(status, Headers(HEADERS), json.dumps(document).encode()))


def creation() -> tuple[Document, Document]:
    """Return a create request for two checks, and the answer that it must have."""
    entries = [
        {"addonTemplateName": "coredns", "addonInstanceID": "i-1", "type": "addonStatic", "values": {"a": 1}},
        {"addonTemplateName": "everest", "addonInstanceID": "i-2", "type": "addonUpgrade", "targetVersion": "2.0"},
    ]
    asked = {"kind": "AddonCheck", "apiVersion": "v3", "spec": {"clusterID": "c", "addonList": entries}}
    made = []
    for number, entry in enumerate(entries):
        item = task(100 + number, "Init", str(entry["type"]))
        item["metadata"].update(addonTemplateName=entry["addonTemplateName"], addonInstanceID=entry["addonInstanceID"])
        item["spec"] = {"addonTargetVersion": entry.get("targetVersion", "1.0")}
        item["status"]["riskList"] = [{"riskName": "AddonStatus", "level": "Warning", "status": "Init"}]
        made.append(item)
    return asked, {**copy.deepcopy(asked), "status": {"items": made}}


def codes(exchange: Exchange, **options: Any) -> list[str]:
    """Return the codes of everything but notes, each once, in order."""
    return list(dict.fromkeys(each.code for each in check(exchange, **options) if each.severity is not Severity.NOTE))


def answer_to(document: Document, query: str = "") -> Any:
    answer, _ = judge(answered(document, query=query))
    assert answer is not None
    return answer


def example(name: str) -> bytes:
    return (DATA / f"example_{name}_response.json").read_bytes()


def respelt(number: int = 1) -> Any:
    """Return a task that spells a field as the vendor's example does."""
    other = task(number)
    other["metadata"]["createTimestamp"] = other["metadata"].pop("createTimeStamp")
    return other


def beside(number: int = 1) -> Any:
    """Return a task whose risks stand beside its status."""
    other = task(number)
    other["riskList"] = other["status"].pop("riskList")
    return other


def judge_series(answers: Iterable[Answer]) -> list[Finding]:
    """Judge unfiltered lists of one cluster, in the order in which they were read."""
    history = TaskHistory()
    return [finding for answer in answers for finding in history.observe(answer)]
