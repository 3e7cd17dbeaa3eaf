"""Cases made by hand: the vendor's examples, ways to follow the contract, single wrong values, errors, failures."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.sdk.case import Case, CaseFailure, CaseKind
from pytest_cce_precheck.simulator.delivery import SlowResponse
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, REQUEST_ID_HEADER, RiskLevel, TaskState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cce_precheck.sdk.protocol import Authentication, Operation

Document = dict[str, Any]
Change = tuple[str, str, "Callable[[Document], object]"]

REQUEST_ID: Final = "5dbe9a1c-0f4e-4c5a-9d33-6a1f0c2b7e48"
TASK_ID: Final = "8ca259cc-553b-11e9-926f-0255ac101a31"
INSTANCE_ID: Final = "1d43577d-4b50-4723-b05b-2121f47cb219"
_DATE: Final = "Wed, 13 Aug 2025 03:24:37 GMT"
_SLOW: Final = 1.0


def ordered(addon_type: str = "addonUpgrade") -> Document:
    """Return an add-on as the create call asks for its check."""
    addon = {"addonTemplateName": "coredns", "addonInstanceID": INSTANCE_ID, "type": addon_type}
    values = {"basic": {"cluster_ip": "10.247.3.10", "rbac_enabled": True}, "custom": {}, "replicas": 2}
    return {**addon, "targetVersion": "1.28.4", "values": values}


def answered(body: bytes | object, status: int = 200, *headers: tuple[str, str]) -> Response:
    """Return an answer with the headers that every answer has; what is not bytes becomes JSON."""
    content = (
        body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
    )
    named = {"Date": _DATE, REQUEST_ID_HEADER: REQUEST_ID, "Content-Type": "application/json", **dict(headers)}
    return Response(status, Headers(named), content)


def task() -> Document:
    """Return a task that has every field."""
    return {
        "metadata": {
            "type": "addonUpgrade",
            "taskID": TASK_ID,
            "addonTemplateName": "coredns",
            "addonInstanceName": "cceaddon-coredns",
            "addonInstanceID": INSTANCE_ID,
            "createTimeStamp": "2025-08-05T17:10:44.648388017+08:00",
            "expireTimeStamp": "2025-08-06T17:10:44.648388017+08:00",
        },
        "spec": {"addonTargetVersion": "1.28.4"},
        "status": {
            "status": "Failed",
            "message": "Addon task check finish",
            "riskList": [
                {"riskName": "AddonStatus", "level": "Warning", "status": "Failed", "message": "is not running"},
                {"riskName": "AddonValidate", "level": "Fatal", "status": "Success", "message": "valid"},
            ],
        },
    }


def listing(*tasks: Any) -> Document:
    """Return a list answer's document."""
    return {"kind": KIND, "apiVersion": API_VERSION, "pageInfo": {"currentCount": len(tasks)}, "items": list(tasks)}


def example(name: str) -> Any:
    """Return one of the vendor's own examples, ``list`` or ``create``."""
    return json.loads(files("pytest_cce_precheck.sdk").joinpath("data", f"example_{name}_response.json").read_bytes())


def made_cases() -> Iterator[Case]:
    """Return every case made by hand."""
    yield from _examples()
    yield from _changed(CaseKind.VARIATION, _variations())
    yield from _changed(CaseKind.FAULT, _wrong_values())
    yield from _bodies()
    yield from _creations()
    yield from _requests()
    yield from _errors()
    yield from _failures()


def _examples() -> Iterator[Case]:
    title = "The vendor's own example of the {} call's answer."
    yield Case("example-list", CaseKind.EXAMPLE, title.format("list"), answered(example("list")))
    document = example("create")
    addons = document["spec"]["addonList"]
    answer = answered(document, 201)
    yield Case("example-create", CaseKind.EXAMPLE, title.format("create"), answer, "create", addons=addons)


def _changed(kind: CaseKind, changes: Iterator[Change]) -> Iterator[Case]:
    for name, title, change in changes:
        document = listing(task())
        change(document)
        yield Case(name, kind, title, answered(document))


def _variations() -> Iterator[Change]:
    yield "every-field", "Every field is there.", lambda _: None
    for path in (
        *("spec", "spec.addonTargetVersion", "metadata.addonInstanceName", "metadata.addonInstanceID"),
        *("metadata.expireTimeStamp", "status.riskList", "status.riskList.0.message"),
    ):
        yield f"without-{_dashed(path)}", f"`{path}` is absent.", _putting(f"items.0.{path}", _ABSENT)
    yield "no-items", "`items` is empty.", lambda document: document.update(listing())
    yield "risk-list-empty", "`riskList` is empty.", _putting("items.0.status.riskList", [])
    yield "nothing-optional", "No optional field is there.", lambda document: document.update(listing(_least()))
    for state in TaskState:
        change = _both(_putting("items.0.status.status", state), _putting("items.0.status.riskList.0.status", state))
        yield f"state-{state.lower()}", f"Task and risk are {state}.", change
    for level in RiskLevel:
        change = _putting("items.0.status.riskList.0.level", level)
        yield f"level-{level.lower()}", f"A risk's level is {level}.", change
    for name, text in (
        *(("in-utc", "2025-08-05T09:10:44.648388Z"), ("of-nine-digits", "2025-08-05T09:10:44.000000001-03:30")),
        ("of-whole-seconds", "2025-08-05T09:10:44+00:00"),
    ):
        change = _putting("items.0.metadata.createTimeStamp", text)
        yield f"time-{name}", f"A timestamp is {text}.", change
    for name, text in (
        *(("empty", ""), ("of-blanks", "  \t\n "), ("null", "null"), ("number", "0012"), ("boolean", "true")),
        *(("time", "2025-08-05T17:10:44+08:00"), ("json", '{"a": [1]}'), ("long", "risk " * 20_000)),
        *(("unicode", "存储卷挂载中 – ñ é e\u0301 👩‍💻 \u202eabc\u202c \ufeff"), ("escapes", '"\\/\b\f\r\u0000\u2028')),
        ("markup", "<a href='x'>&amp;%20+%2B</a> ${x} %s"),
    ):
        yield f"message-{name}", f"A message's text: {name}.", _putting("items.0.status.message", text)
    yield "largest-count", "`currentCount` is the largest of 32 bits.", _putting("pageInfo.currentCount", 2**31 - 1)
    yield "fields-in-reverse", "Every object's fields stand in reverse order.", _reverse


def _wrong_values() -> Iterator[Change]:
    for path, values in (
        ("pageInfo.currentCount", ("1", "many", 1.5, True, None, 2**31, -1)),
        ("pageInfo", (1, None)),
        ("kind", (3, None, "Cluster")),
        ("items", (None, "none", 0, {})),
        ("items.0", (None, "task", [])),
        ("items.0.metadata", (None, "metadata", [])),
        ("items.0.metadata.type", ("addonRollback", None)),
        ("items.0.metadata.taskID", (17, None, "")),
        ("items.0.metadata.createTimeStamp", (1754385044, None, "yesterday")),
        ("items.0.spec", (None, "1.28.4", [])),
        ("items.0.status", ("Failed", None, [])),
        ("items.0.status.status", ("Paused", 4, None)),
        ("items.0.status.message", (7, True, None, ["a"], {"text": "a"})),
        ("items.0.status.riskList", (None, {"riskName": "AddonStatus"}, "none")),
        ("items.0.status.riskList.0", (None, "AddonStatus")),
        ("items.0.status.riskList.0.level", ("Notice", 1, None)),
    ):
        for value in values:
            written = "null" if value is None else json.dumps(value)
            name = f"{_dashed(path)}-is-{_word(value)}"
            yield name, f"`{path}` is {written}.", _putting(path, value)
    yield (
        "half-a-surrogate",
        "A message ends in half of a surrogate pair.",
        _putting("items.0.status.message", "a\ud83d"),
    )


def _bodies() -> Iterator[Case]:
    for name, title, body in (
        *(("body-array", "The body is an empty array.", b"[]"), ("body-null", "The body is null.", b"null")),
        *(("body-text", "The body is a JSON text.", b'"AddonCheck"'), ("body-empty", "There is no body.", b"")),
        *(("body-object-empty", "The body is an empty object.", b"{}"), ("body-words", "The body is words.", b"OK")),
        ("body-nan", "A count is NaN.", b'{"kind":"AddonCheck","apiVersion":"v3","pageInfo":{"currentCount":NaN}}'),
        ("body-half", "The body ends half way, with a length that fits.", json.dumps(listing(task())).encode()[:300]),
        ("body-of-another-call", "The body is another call's.", b'{"apiVersion":"v3","kind":"Cluster","spec":{}}'),
        ("body-deep", "A field nests 90 levels.", b'{"kind":"AddonCheck","x":' + b"[" * 90 + b"]" * 90 + b"}"),
    ):
        yield Case(name, CaseKind.FAULT, title, answered(body))
    for status in (201, 202, 204):
        body = b"" if status == 204 else json.dumps(listing(task())).encode()
        yield Case(f"status-{status}", CaseKind.FAULT, f"A list is answered with {status}.", answered(body, status))


def _creations() -> Iterator[Case]:
    def created(*addons: Document) -> Document:
        tasks = []
        for number, addon in enumerate(addons):
            made = task()
            made["metadata"].update(type=addon["type"], taskID=f"{number}{TASK_ID[1:]}")
            del made["metadata"]["expireTimeStamp"]
            made["status"] = {"status": "Init", "message": "", "riskList": []}
            tasks.append(made)
        spec = {"clusterID": "case", "addonList": list(addons)}
        return {"kind": KIND, "apiVersion": API_VERSION, "spec": spec, "status": {"items": tasks}}

    one, other = ordered(), {**ordered("addonStatic"), "targetVersion": "", "values": {}}
    least = {name: other[name] for name in ("addonTemplateName", "addonInstanceID", "type")}
    for name, title, addons in (
        ("create-one", "One task is created.", (one,)),
        ("create-two", "Two tasks are created.", (one, other)),
        ("create-least", "An add-on has the required fields alone.", (least,)),
    ):
        yield Case(name, CaseKind.VARIATION, title, answered(created(*addons), 201), "create", addons=addons)
    free = {**one, "values": {"custom": {"größe": None, "n": 1.5, "big": 2**53 + 1, "list": [1, "a", {}, []], "": "b"}}}
    title = "`values` holds every JSON type."
    yield Case("create-values", CaseKind.VARIATION, title, answered(created(free), 201), "create", addons=(free,))


def _requests() -> Iterator[Case]:
    every = {"type": "addonUpgrade", "task_id": TASK_ID, "addon_instance_id": INSTANCE_ID}
    for chosen in range(8):
        names = [name for place, name in enumerate(every) if chosen >> place & 1]
        title = f"Asked with {' and '.join(names) or 'no filter'}."
        name = "-".join(["filters", *(part.replace("_", "-") for part in names or ["none"])])
        yield _asked(name, title, {part: every[part] for part in names})
    for name, text in (
        *(("empty", ""), ("blank", "a b"), ("plus", "a+b"), ("percent", "100%41%2F"), ("parts", "a&type=b=c;d#e?f/..")),
        *(("unicode", "存储é\u00a0👩"), ("quotes", "'\"`<>\\"), ("long", "x" * 2000), ("controls", "a\r\nb\tc\x00")),
        ("unreserved", "A-Za-z0-9-._~*!()"),
    ):
        asked = {"task_id": text, "type": "addonStatic", "addon_instance_id": text}
        yield _asked(f"value-{name}", f"Both ids that are filtered by: {name}.", asked)
        yield _asked(f"type-{name}", f"A type that the contract does not know: {name}.", {"type": text})
    yield _asked("unknown-type", "A type that the contract does not know.", {"type": "addonRollback"})
    created = replace(next(case for case in _creations()), kind=CaseKind.REQUEST)
    authentication: Authentication
    for name, title, authentication in (
        ("temporary-keys", "temporary keys", "temporary"),
        ("token", "a token of IAM", "token"),
    ):
        yield replace(_asked(name, f"A list with {title}.", every), authentication=authentication)
        title = f"A create with {title}."
        yield replace(created, name=f"create-{name}", title=title, authentication=authentication)


def _asked(name: str, title: str, filters: dict[str, str]) -> Case:
    return Case(name, CaseKind.REQUEST, title, answered(listing()), filters=filters)


def _errors() -> Iterator[Case]:
    own = {
        400: "CCE.03400001",
        401: "CCE.01401001",
        403: "CCE.01403001",
        404: "CCE.01404001",
        429: "CCE.02429001",
        500: "CCE.01500001",
        503: "CCE.01503001",
    }
    for status, code in own.items():
        headers = (("Retry-After", "1"),) if status == 429 else ()
        text = f"Why it is {status}."
        of_cce = {"errorCode": code, "errorMessage": text}
        of_gateway = {"error_code": f"APIG.0{status}", "error_msg": text, "request_id": REQUEST_ID}
        yield _error(f"error-{status}-cce", f"{status} in CCE's form.", answered(of_cce, status, *headers))
        title = f"{status} in the gateway's form."
        yield _error(f"error-{status}-gateway", title, answered(of_gateway, status, *headers))
    page = answered(b"<html><h1>502 Bad Gateway</h1></html>", 502, ("Content-Type", "text/html"))
    yield _error("error-502-html", "502 with a page of HTML.", page)
    yield _error("error-504-empty", "504 without a body.", answered(b"", 504))
    refused = answered({"errorCode": own[429], "errorMessage": "Too often."}, 429, ("Retry-After", "1"))
    yield _error("error-429-create", "A create is refused with 429.", refused, "create")
    busy = answered({"errorCode": own[503], "errorMessage": "Not now."}, 503, ("Retry-After", "1"))
    yield _error("error-503-retry-after", "503 with Retry-After.", busy)
    yield _error("error-503-create", "A create is answered with 503 and Retry-After.", busy, "create")


def _error(name: str, title: str, answer: Response, operation: Operation = "list") -> Case:
    addons = (ordered(),) if operation == "create" else ()
    return Case(name, CaseKind.ERROR, title, answer, operation, addons=addons)


def _failures() -> Iterator[Case]:
    body = json.dumps(listing(task())).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    half = head + body[: len(body) // 2]
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    operation: Operation
    for operation in ("list", "create"):
        for name, title, failure in (
            ("closed", "The connection closes without an answer.", CaseFailure("closes")),
            ("never-answered", "No answer ever comes.", CaseFailure("holds")),
        ):
            slow = _SLOW if failure.connection == "holds" else 10.0
            addons = (ordered(),) if operation == "create" else ()
            name = f"{operation}-{name}"
            yield Case(name, CaseKind.TRANSPORT, title, failure, operation, addons=addons, timeout=slow)
    for name, title, failure in (
        ("cut-short", "The connection closes half way through the body.", CaseFailure("closes", half)),
        ("cut-in-a-chunk", "It closes within a chunk.", CaseFailure("closes", chunked + b"ffff\r\n" + body[:300])),
        ("stalls", "The body stops half way, and the connection stays.", CaseFailure("holds", half)),
        ("not-http", "What comes back is no HTTP.", CaseFailure("closes", b"SSH-2.0-OpenSSH_9.6\r\n")),
    ):
        slow = _SLOW if failure.connection == "holds" else 10.0
        yield Case(f"list-{name}", CaseKind.TRANSPORT, title, failure, timeout=slow)
    usual = answered(listing(task()))
    for name, title, seconds, drips in (
        ("slow", "The answer comes late, and within the timeout.", 0.6, 0.0),
        ("drips", "The body drips, and is there within the timeout.", 0.6, 0.6),
        ("drips-past-the-timeout", "The body drips for longer than the timeout; no drop keeps it waiting.", 2.0, 2.0),
    ):
        answer = SlowResponse(200, usual.headers, usual.body, elapsed=seconds, drips=drips)
        slow = _SLOW if seconds > _SLOW else 10.0
        yield Case(f"list-{name}", CaseKind.TRANSPORT, title, answer, timeout=slow)


_ABSENT: Final = object()


def _putting(path: str, value: Any) -> Callable[[Document], object]:
    *way, last = (int(step) if step.isdigit() else step for step in path.split("."))

    def change(document: Document) -> None:
        holder: Any = document
        for step in way:
            holder = holder[step]
        if value is _ABSENT:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(value)

    return change


def _both(*changes: Callable[[Document], object]) -> Callable[[Document], object]:
    return lambda document: [change(document) for change in changes]


def _least() -> Document:
    least = task()
    metadata = {n: least["metadata"][n] for n in ("type", "taskID", "addonTemplateName", "createTimeStamp")}
    return {"metadata": metadata, "status": {"status": "Init", "message": ""}}


def _reverse(node: Any) -> None:
    for part in node.values() if isinstance(node, dict) else node:
        if isinstance(part, dict | list):
            _reverse(part)
    if isinstance(node, dict):
        for name in list(node)[::-1]:
            node[name] = node.pop(name)


def _dashed(path: str) -> str:
    names = [step for step in path.split(".") if step != "items" or path == "items"]
    return "-".join(
        "".join(f"-{c.lower()}" if c.isupper() else c for c in _singular(names, n)) for n in range(len(names))
    )


def _singular(names: list[str], place: int) -> str:
    return {"0": "entry", "taskID": "taskId", "addonInstanceID": "addonInstanceId"}.get(names[place], names[place])


def _word(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"text-{value or 'empty'}".lower()
    if isinstance(value, dict | list):
        return {dict: "an-object", list: "an-array"}[type(value)]
    return str(value).lower().replace("-", "minus-").replace(".", "-point-")
