"""A client of the simulator without HTTP, and a script of requests: every fault must change one of the answers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests

from pytest_cce_precheck.explore.classes import ID_CLASSES, TYPE_CLASSES
from pytest_cce_precheck.simulator.clock import ManualClock
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, encode_query
from pytest_cce_precheck.wire.signing import sign
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, create_path, list_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WALL: Final = datetime(2025, 8, 13, 12, 0, tzinfo=UTC)

Answer = tuple[int, tuple[tuple[str, str], ...], bytes] | tuple[str, bytes]


class Caller:
    """Calls one simulator, with its token by default."""

    def __init__(self, **options: Any) -> None:
        self.simulator = Simulator(**{"wall": lambda: WALL, "clock": ManualClock(), **options})
        self.connection = 1

    def request(self, query: str = "", *, method: str = "GET", cluster: str = "", project: str = "") -> Request:
        simulator = self.simulator
        path = list_path(project or simulator.project_id, cluster or simulator.cluster_id)
        headers = Headers([("Host", "cce.simulated.example"), ("Content-Type", "application/json")])
        return Request(method, simulator.endpoint, path, query, headers)

    def with_token(self, request: Request, token: str | None = None) -> Request:
        assert self.simulator.credentials.token is not None
        text = self.simulator.credentials.token.reveal() if token is None else token
        return request.with_headers(request.headers.replacing(TOKEN_HEADER, text))

    def signed(self, request: Request, *, now: datetime = WALL, credentials: Credentials | None = None) -> Request:
        keys = credentials or self.simulator.credentials
        return sign(request, keys, now=now, project_id=self.simulator.project_id)

    def send(self, request: Request) -> Response:
        return self.simulator.handle(request, caller=self.connection)

    def ask(self, query: str = "", **place: str) -> Response:
        return self.send(self.with_token(self.request(query, **place)))

    def ask_for(self, *pairs: tuple[str, str]) -> Response:
        return self.ask(encode_query(pairs))

    def items(self, query: str = "", **place: str) -> list[Any]:
        response = self.ask(query, **place)
        assert response.status == 200, response.body
        items: list[Any] = response.document["items"]
        return items

    def ids(self, query: str = "", **place: str) -> list[str]:
        return [item["metadata"]["taskID"] for item in self.items(query, **place)]

    def order(self, *entries: dict[str, Any], **fields: Any) -> dict[str, Any]:
        spec = {"clusterID": self.simulator.cluster_id, "addonList": list(entries)}
        return {"kind": "AddonCheck", "apiVersion": "v3", "spec": spec, **fields}

    def entry(self, place: int = 0, type: str = "addonStatic", **fields: Any) -> dict[str, Any]:
        instance = self.simulator.state.clusters[self.simulator.cluster_id].instances[place]
        entry = {"addonTemplateName": instance.template, "addonInstanceID": instance.id, "type": type}
        if type == "addonUpgrade":
            entry["targetVersion"] = instance.versions[-1]
        return {**entry, "values": {"basic": {"replicas": 2}}, **fields}

    def create(self, order: Any) -> Response:
        body = order if isinstance(order, bytes) else json.dumps(order).encode()
        path = create_path(self.simulator.project_id, self.simulator.cluster_id)
        return self.send(self.with_token(replace(self.request(method="POST"), path=path, body=body)))


@pytest.fixture
def call() -> Callable[..., Caller]:
    """Make a caller of a new simulator with the given options."""
    return Caller


@pytest.fixture
def caller() -> Caller:
    """A caller of the plain simulator."""
    return Caller()


@pytest.fixture
def script() -> Callable[[Caller], list[Answer]]:
    """Send every kind of request to a caller's simulator, and return its answers."""
    return run_script


def run_script(caller: Caller) -> list[Answer]:
    return [_answer(caller, request) for request in _questions(caller)]


def _answer(caller: Caller, request: Request) -> Answer:
    try:
        response = caller.send(request)
    except NoAnswer as failure:
        return failure.reason, failure.partial
    return response.status, response.headers.pairs, response.body + (response.surplus or b"")


def _questions(caller: Caller) -> Iterator[Request]:
    simulator = caller.simulator
    # from the state, since the answers of the simulator under test may be wrong
    tasks = simulator.state.tasks_of(simulator.cluster_id, simulator.clock.now())
    others = simulator.state.tasks_of(simulator.other_cluster_id, simulator.clock.now())
    yield from (caller.with_token(caller.request(query)) for query in _queries(tasks, others))
    yield from _places(caller)
    yield from _credentials(caller)
    yield from _methods_and_headers(caller)
    caller.connection = 2
    yield caller.with_token(caller.request("type=addonUpgrade"))
    yield from _creations(caller)


def _queries(tasks: list[Any], others: list[Any]) -> Iterator[str]:
    yield from [""] * 9
    types = ("addonStatic", "addonUpgrade")
    instances = {task.instance.id: None for task in tasks}
    yield from (f"type={known}" for known in types)
    yield from (f"addon_instance_id={instance}" for instance in instances)
    yield from (f"task_id={task.id}" for task in tasks)
    yield from (f"type={known}&addon_instance_id={instance}" for known in types for instance in instances)
    yield from (f"addon_instance_id={instance}&type={known}" for known in types for instance in instances)
    for task in tasks:
        yield f"type={task.type}&task_id={task.id}"
        yield f"task_id={task.id}&type={task.type}"
        yield f"addon_instance_id={task.instance.id}&task_id={task.id}"
        yield f"type={task.type}&task_id={task.id}&addon_instance_id={task.instance.id}"
    first, last = tasks[0], tasks[-1]
    yield f"type={last.type}&task_id={first.id}&addon_instance_id={first.instance.id}"
    yield f"type={first.type}&task_id={first.id}&addon_instance_id={last.instance.id}"
    yield f"task_id={first.id}&addon_instance_id={last.instance.id}"
    yield f"type={last.type}&task_id={first.id}"
    yield f"type=&task_id={first.id}"
    yield "addon_instance_id=%20"
    yield "type=addonStatic&task_id=nothing"
    yield f"task_id={others[0].id}"
    yield f"addon_instance_id={others[0].instance.id}"
    yield from (encode_query([("type", str(each.make(first.type)))]) for each in TYPE_CLASSES)
    yield from (f"type={value}" for value in ("bogus", "ADDONSTATIC", "addonS", "", "addon%53tatic"))
    for name, known in (("task_id", first.id), ("addon_instance_id", first.instance.id)):
        for value in (*_values_like(known), *filter(None, (each.make(known) for each in ID_CLASSES))):
            yield encode_query([(name, value)])
        yield f"{name}={known.replace('-', '%2d')}"
    yield f"task_id={first.id}&task_id={first.id}"
    yield "type=addonStatic&&type=addonUpgrade"
    yield from ("limit=3", "offset=2", "foo=bar&type=addonStatic", "Type=addonStatic")
    yield f"TASK_ID={first.id}"


def _values_like(known: str) -> Iterator[str]:
    yield from ("", "unknown", known.upper(), known[:8], f"{known}0", f" {known} ", f"{known},x", f"{known[:9]}%")
    yield from (f"{known[:-1]}*", f"{known[:-1]}.", "' OR '1'='1", "é", f"{known[:-1]}\uff10", "x" * 1000, "a\nb")
    yield from (f"{known[:-1]}{chr(ord(known[-1]) + 0xFEE0)}", f"x\r\nX-Injected: {known[:4]}", "100%")


def _places(caller: Caller) -> Iterator[Request]:
    simulator = caller.simulator
    clusters = (simulator.other_cluster_id, simulator.empty_cluster_id, simulator.foreign_cluster_id)
    cluster_id = simulator.cluster_id
    for cluster in (*clusters, "nowhere", cluster_id.upper(), f"{cluster_id}0", "%", "-"):
        yield caller.with_token(caller.request(cluster=cluster))
    yield caller.request(cluster=simulator.other_cluster_id)
    yield caller.with_token(caller.request("type=addonStatic", cluster=simulator.foreign_cluster_id))
    yield caller.with_token(caller.request("type=addonStatic", cluster=cluster_id[:18]))
    for task in simulator.state.tasks_of(simulator.other_cluster_id, simulator.clock.now()):
        for query in (f"type={task.type}", f"addon_instance_id={task.instance.id}"):
            yield caller.with_token(caller.request(query, cluster=simulator.other_cluster_id))
    for cluster in (simulator.cluster_id, simulator.foreign_cluster_id):
        for project in (
            simulator.foreign_project_id,
            "nobody",
            f"{simulator.project_id[:-1]}x",
            simulator.project_id.upper(),
            f"{simulator.project_id} ",
        ):
            yield caller.with_token(caller.request(project=project, cluster=cluster))


def _credentials(caller: Caller) -> Iterator[Request]:
    plain, filtered = caller.request(), caller.request("type=addonStatic")
    keys = caller.simulator.credentials
    assert keys.token is not None
    token = keys.token.reveal()
    yield from (plain, filtered, replace(plain, path=f"{plain.path}/"))
    for wrong in ("", "wrong", token[:10], f"{token}x", f"{token[:-1]}x", token.lower()):
        yield caller.with_token(plain, wrong)
    signed = caller.signed(filtered)
    yield signed
    yield replace(signed, query="type=addonUpgrade")
    yield replace(signed, headers=signed.headers.without("X-Project-Id"))
    task = caller.simulator.state.tasks_of(caller.simulator.cluster_id, caller.simulator.clock.now())[0]
    every = f"type={task.type}&task_id={task.id}&addon_instance_id={task.instance.id}"
    yield replace(caller.signed(caller.request(every)), query="")
    yield signed.with_headers(signed.headers.replacing("Content-Type", "application/json;charset=utf-8"))
    yield replace(signed, path=caller.request(cluster=caller.simulator.other_cluster_id).path)
    authorization = signed.headers["Authorization"]
    last = "0" if authorization[-1] != "0" else "1"
    yield signed.with_headers(signed.headers.replacing("Authorization", authorization[:-1] + last))
    yield signed.with_headers(signed.headers.replacing("Authorization", "SDK-HMAC-SHA256 Access=x"))
    yield caller.signed(plain, credentials=replace(keys, secret_key=Secret("wrong")))
    yield caller.signed(plain, credentials=replace(keys, access_key=Secret("nobody")))
    assert keys.access_key is not None
    yield caller.signed(plain, credentials=replace(keys, access_key=Secret(keys.access_key.reveal().swapcase())))
    yield caller.signed(plain, credentials=replace(keys, secret_key=Secret("")))
    yield caller.signed(plain, credentials=replace(keys, secret_key=Secret(""), access_key=Secret("nobody")))
    by_id = caller.request("task_id=nothing")
    yield caller.signed(by_id, credentials=replace(keys, access_key=Secret("nobody")))
    yield caller.signed(by_id, credentials=replace(keys, secret_key=Secret("wrong")))
    half = authorization[:-64] + "".join("1" if each == "0" else "0" for each in authorization[-64:-32])
    yield signed.with_headers(signed.headers.replacing("Authorization", half + authorization[-32:]))
    yield plain.with_headers(Headers((*plain.headers.pairs, ("X-Forwarded-For", "127.0.0.1"))))
    yield plain.with_headers(Headers((*plain.headers.pairs, ("X-Security-Token", "wrong"))))
    yield plain.with_headers(Headers((*plain.headers.pairs, ("Authorization", "Basic YTpi"))))
    yield plain.with_headers(Headers((*plain.headers.pairs, ("Authorization", "Bearer wrong"))))
    wrong_token = caller.with_token(plain, "wrong")
    yield wrong_token.with_headers(wrong_token.headers.replacing("Authorization", "Basic YTpi"))
    yield plain.with_headers(caller.signed(caller.request(method="POST")).headers)
    yield caller.with_token(plain, "null")
    yield caller.with_token(caller.request(cluster=caller.simulator.other_cluster_id), "wrong")
    yield caller.with_token(filtered, "wrong")
    yield caller.signed(plain, now=WALL - timedelta(days=1))


def _methods_and_headers(caller: Caller) -> Iterator[Request]:
    for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
        yield caller.with_token(caller.request(method=method))
    plain = caller.with_token(caller.request())
    yield plain.with_headers(plain.headers.replacing("Range", "bytes=0-9"))
    since = plain.headers.replacing("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")
    yield plain.with_headers(since.replacing("If-None-Match", '"another"'))
    yield plain.with_headers(plain.headers.replacing("Content-Type", "text/plain"))
    yield plain.with_headers(plain.headers.replacing("Accept-Language", "de-DE"))
    yield plain.with_headers(plain.headers.replacing("Accept-Language", "zh-CN")).in_old_http()
    yield plain.with_headers(plain.headers.replacing("Connection", "close"))
    yield plain.with_headers(plain.headers.replacing("Accept", "application/json, text/html;q=0.5"))
    yield plain.with_headers(plain.headers.replacing("Accept", "*/*"))
    form = caller.with_token(caller.request("type=addonStatic"))
    yield form.with_headers(form.headers.replacing("Content-Type", "application/x-www-form-urlencoded"))
    yield plain.with_headers(plain.headers.replacing("Content-Type", "application/json; charset=ISO-8859-1"))
    yield plain.with_headers(plain.headers.replacing("User-Agent", "huaweicloud-usdk-python/3.0"))
    yield plain.with_headers(Headers((name.lower(), value) for name, value in plain.headers.pairs))


def _creations(caller: Caller) -> Iterator[Request]:
    sent: list[Request] = []
    original = caller.send
    caller.send = lambda request: sent.append(request) or Response(0)  # type: ignore[method-assign,func-returns-value]
    entry = caller.entry
    for order in (
        caller.order(entry(0), entry(1, "addonUpgrade")),
        caller.order(entry(0), kind="Addon"),
        caller.order(entry(0), apiVersion="v4"),
        caller.order(entry(0), spec={"clusterID": "other", "addonList": [entry(0)]}),
        caller.order(),
        caller.order(entry(0, "addonOther")),
        caller.order({name: value for name, value in entry(0).items() if name != "type"}),
        caller.order(entry(0, "addonUpgrade", targetVersion="")),
        caller.order(entry(0, addonInstanceID="nothing")),
        caller.order(entry(0, values="none")),
        json.dumps(caller.order(entry(0, values={"text": "é" * 300})), ensure_ascii=False).encode(),
        caller.order(entry(0, addonTemplateName="npd")),
        caller.order(entry(0), entry(1, "addonOther")),
        b"{",
        caller.order(
            entry(
                0,
                values={
                    "text": "<b>",
                    "date": "2025-08-13",
                    "more": [1.5, True, None, {"none": []}],
                },
            ),
            entry(0, "addonUpgrade", targetVersion="1.2.3-rc.1"),
            entry(1, "addonUpgrade", targetVersion="1.10"),
        ),
        caller.order({name: value for name, value in entry(0, "addonUpgrade").items() if name != "values"}),
        caller.order(entry(0)),
    ):
        caller.create(order)
    caller.send = original  # type: ignore[method-assign]
    simulator = caller.simulator
    *before, last = sent
    yield from before
    yield last.with_headers(caller.signed(replace(last, body=b"", headers=Headers())).headers)
    yield last.with_headers(last.headers.replacing("Content-Type", "application/json; charset=utf-8"))
    accepted = caller.signed(last.with_headers(Headers()))
    yield accepted
    yield replace(accepted, body=sent[0].body)
    posted = simulator.state.tasks_of(simulator.cluster_id, simulator.clock.now())[-3:]
    caller.connection = 3
    yield last
    for seconds in (4, 4, 1):
        yield caller.with_token(caller.request(cluster=simulator.other_cluster_id))
        yield caller.with_token(caller.request())
        for task in posted:
            yield caller.with_token(caller.request(f"task_id={task.id}"))
            yield caller.with_token(caller.request(f"addon_instance_id={task.instance.id}"))
            yield caller.with_token(caller.request(f"type={task.type}"))
        simulator.clock.advance(seconds)
    yield caller.with_token(caller.request())


class StandingClock:
    """Stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StandingClock:
    """The clock of every server of the test; a server looks at it whenever something is sent to it."""
    standing = StandingClock()
    monkeypatch.setattr("pytest_cce_precheck.simulator.server.monotonic", standing)
    monkeypatch.setattr("pytest_cce_precheck.simulator.connection.monotonic", standing)
    return standing


@pytest.fixture
def server():
    with SimulatorServer(Simulator()) as running:
        yield running


@pytest.fixture
def session():
    with requests.Session() as one:
        yield one


@pytest.fixture
def staging(call):
    """Make a caller of a new staging."""

    def make(profile, **options):
        caller = call()
        caller.simulator = Staging(profile, **{"clock": ManualClock(), "wall": lambda: WALL, **options})
        return caller

    return make
