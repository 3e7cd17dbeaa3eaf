"""Requests to the simulator: handed over in process, or caught wherever `requests` is used."""

from __future__ import annotations

import gzip
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
import requests

from pytest_cce_precheck.simulator.delivery import LateResponse
from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.transport.interception import as_request
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.simulate import InProcessTransport, Interception
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, TransportError
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.servers import always, serving

if TYPE_CHECKING:
    from pytest_cce_precheck.errors import TransportReason

QUERIES = [
    "",
    "type=addonStatic",
    "type=%FF%FE",
    "task_id=a%00b",
    "task_id=a+b%2Bc",
    "&type=x&&task_id=y&",
    "type=",
    "type",
]


class Answers:
    """In a simulator's place: answers every request in the same way and remembers it."""

    endpoint = Simulator.endpoint

    def __init__(self, answer: Response | TransportReason) -> None:
        self.answer = answer
        self.seen: list[Request] = []

    def handle(self, request: Request) -> Response:
        self.seen.append(request)
        if isinstance(self.answer, str):
            raise NoAnswer(self.answer)
        return self.answer


def answered(body: bytes, *headers: tuple[str, str], status: int = 200) -> Response:
    return Response(status, Headers(headers), body)


def in_process(service: Answers | Simulator) -> InProcessTransport:
    return InProcessTransport(service)  # type: ignore[arg-type]


def caught(service: Answers | Simulator) -> Interception:
    return Interception(service)  # type: ignore[arg-type]


def listing(query: str = "", method: str = "GET", body: bytes = b"") -> Request:
    headers = Headers([("X-Auth-Token", "t"), ("Content-Type", "application/json")])
    return Request(method, Simulator.endpoint, list_path("p", "c"), query, headers, body)


# ---- in process


def test_the_simulators_answer_is_the_exchange() -> None:
    simulator = Simulator()
    request = listing()
    exchange = in_process(simulator).send(request)
    assert exchange.request is request
    assert (exchange.status, exchange.document["errorCode"]) == (401, "CCE.01401001")
    assert exchange.response.surplus == b""


def test_what_the_simulator_sends_after_an_answer_is_kept() -> None:
    assert in_process(Answers(Response(200, surplus=b"more"))).send(listing()).response.surplus == b"more"


def test_a_gzipped_answer_is_unpacked() -> None:
    body = gzip.compress(b"{}", mtime=0)
    service = Answers(answered(body, ("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))))
    assert in_process(service).send(listing()).response.body == b"{}"


@pytest.mark.parametrize("body", [b"{}", gzip.compress(b"{}", mtime=0)[:-9]])
def test_what_says_gzip_and_is_none_is_no_http_answer(body: bytes) -> None:
    with pytest.raises(TransportError, match="not encoded as its Content-Encoding says") as raised:
        in_process(Answers(answered(body, ("Content-Encoding", "gzip")))).send(listing())
    assert raised.value.reason == "not-http"


def test_an_answer_shorter_than_its_length_is_truncated() -> None:
    with pytest.raises(TransportError, match="after 2 of the 9 bytes") as raised:
        in_process(Answers(answered(b"{}", ("Content-Length", "9")))).send(listing())
    assert raised.value.reason == "truncated"


def test_an_answer_longer_than_its_length_is_cut_as_a_client_would() -> None:
    service = Answers(answered(b"{} and more", ("Content-Length", "2")))
    assert in_process(service).send(listing()).response.body == b"{}"


@pytest.mark.parametrize("length", ["9", "0", "none"])
def test_the_answer_to_head_has_the_length_of_get_and_no_body(length: str) -> None:
    headers = (("Content-Length", length), ("Content-Encoding", "gzip"))
    for body in (b"", b"{} and more"):
        response = in_process(Answers(answered(body, *headers))).send(listing(method="HEAD")).response
        assert (response.body, response.headers.pairs) == (b"", headers)


def test_a_length_that_is_no_number_cuts_nothing() -> None:
    service = Answers(answered(b"{}", ("Content-Length", "-1")))
    assert in_process(service).send(listing()).response.body == b"{}"


@pytest.mark.parametrize("reason", ["timeout", "connection-lost", "tls", "unreachable"])
def test_an_answer_that_never_comes_keeps_its_reason(reason: TransportReason) -> None:
    request = listing()
    with pytest.raises(TransportError) as raised:
        in_process(Answers(reason)).send(request)
    assert (raised.value.reason, raised.value.request) == (reason, request)


# ---- intercepted


@pytest.mark.parametrize(
    ("timeout", "waits", "is_answered"),
    [
        (None, 5.0, True),
        (9, 5.0, True),
        (5, 5.0, True),
        (2, 2, False),
        (0.5, 0.5, False),
        # for the connection, and for the answer
        ((1, 9), 5.0, True),
        ((9, 2), 2, False),
        ((9, None), 5.0, True),
    ],
)
def test_a_late_answer_is_waited_for_as_long_as_its_caller_is_willing_to(
    monkeypatch: pytest.MonkeyPatch, timeout: Any, waits: float, *, is_answered: bool
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    with (
        caught(Answers(LateResponse(200, elapsed=5.0))),
        nullcontext() if is_answered else pytest.raises(requests.ReadTimeout, match=f"no answer within {waits:g} s"),
    ):
        assert requests.get(Simulator.endpoint, timeout=timeout).status_code == 200
    assert waited == [waits]


def test_a_call_of_requests_is_answered_by_the_simulator() -> None:
    simulator = Simulator()
    assert simulator.credentials.token is not None
    url = simulator.endpoint + list_path(simulator.project_id, simulator.cluster_id)
    with Interception(simulator):
        headers = {"X-Auth-Token": simulator.credentials.token.reveal()}
        answer = requests.get(url, params={"type": "addonStatic"}, headers=headers, timeout=1)
    assert answer.status_code == 200
    assert {item["metadata"]["type"] for item in answer.json()["items"]} == {"addonStatic"}


@pytest.mark.parametrize("query", QUERIES)
def test_our_own_transport_hands_over_what_it_would_have_sent(query: str) -> None:
    service, sender = Answers(answered(b"{}")), HttpTransport(timeout=1)
    request = listing(query)
    with caught(service):
        assert sender.send(request).response.body == b"{}"
    sender.close()
    [seen] = service.seen
    assert (seen.method, seen.endpoint, seen.path, seen.query) == (
        request.method, request.endpoint, request.path, request.query
    )  # fmt: skip
    assert set(request.headers.pairs) <= set(seen.headers.pairs)
    assert seen.headers["Host"] == "cce.simulated.example"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_service_with_its_body(method: str) -> None:
    service = Answers(answered(b""))
    with caught(service):
        requests.request(method, f"{Simulator.endpoint}/api", data='{"é": 1}'.encode(), timeout=1)
    assert [(each.method, each.body) for each in service.seen] == [(method, '{"é": 1}'.encode())]


@pytest.mark.parametrize("url", ["", "/", "?type=x", "/api/v3?type=%0A"])
def test_everything_below_the_endpoint_is_caught(url: str) -> None:
    service = Answers(answered(b"{}"))
    with caught(service):
        assert requests.get(Simulator.endpoint + url, timeout=1).json() == {}
    assert len(service.seen) == 1


@pytest.mark.parametrize("near", [".evil.invalid/", "x.invalid/", ":99999/"])
def test_a_host_that_only_starts_like_the_endpoint_is_not_caught(near: str) -> None:
    service = Answers(answered(b"{}"))
    with caught(service), pytest.raises(requests.RequestException):
        requests.get(Simulator.endpoint + near, timeout=1)
    assert service.seen == []


def test_each_answer_of_the_simulator_may_be_observed() -> None:
    observed: list[int] = []
    answers: Any = Answers(answered(b"{}", status=418))
    with Interception(answers, observe=lambda _, response: observed.append(response.status)):
        requests.get(Simulator.endpoint, timeout=1)
    assert observed == [418]


def test_other_hosts_are_reached_as_ever() -> None:
    service = Answers(answered(b"{}"))
    with serving(always(200, b'{"a": 1}')) as server, caught(service):
        assert requests.get(f"{server.endpoint}/p?x={Simulator.endpoint}/", timeout=5).json() == {"a": 1}
    assert service.seen == []


def test_after_the_block_nothing_is_caught() -> None:
    untouched = requests.adapters.HTTPAdapter.send
    with caught(Answers(answered(b"{}"))):
        assert requests.adapters.HTTPAdapter.send is not untouched
    assert requests.adapters.HTTPAdapter.send is untouched


def test_the_interception_ends_with_its_block_even_if_that_fails() -> None:
    untouched = requests.adapters.HTTPAdapter.send
    with pytest.raises(ZeroDivisionError), caught(Answers(answered(b"{}"))):
        raise ZeroDivisionError
    assert requests.adapters.HTTPAdapter.send is untouched


def test_status_headers_and_body_come_back_as_the_service_wrote_them() -> None:
    headers = (("Content-Type", "application/json"), ("Via", "a"), ("Via", "b"), ("X-Request-Id", "r-1"))
    sender = HttpTransport(timeout=1)
    with caught(Answers(answered(b"[]", *headers, status=418))):
        response = sender.send(listing()).response
    sender.close()
    assert (response.status, response.body) == (418, b"[]")
    assert response.headers.pairs == headers


@pytest.mark.parametrize("reason", ["timeout", "tls", "connection-lost", "truncated"])
def test_our_own_transport_names_a_simulated_failure(reason: TransportReason) -> None:
    sender = HttpTransport(timeout=1)
    with caught(Answers(reason)), pytest.raises(TransportError) as raised:
        sender.send(listing())
    sender.close()
    assert raised.value.reason == reason


@pytest.mark.parametrize("query", [query for query in QUERIES if query != "type=%FF%FE"])
def test_a_prepared_request_keeps_its_query_text(query: str) -> None:
    prepared = requests.Request("GET", "https://cce.example/p").prepare()
    prepared.url = f"https://cce.example/p?{query}"
    request = as_request(prepared, "https://cce.example")
    assert (request.path, request.query, request.headers["Host"]) == ("/p", query, "cce.example")


def test_a_prepared_request_keeps_a_host_header_of_its_own_and_header_bytes() -> None:
    headers = {"Host": "other.example", "X-Project-Id": b"p\xe9"}
    prepared = requests.Request("POST", "https://cce.example", headers=headers, data={"a": "b"}).prepare()
    request = as_request(prepared, "https://cce.example")
    assert request.headers["Host"] == "other.example"
    assert request.headers["X-Project-Id"] == "p\xe9"
    assert (request.path, request.body) == ("/", b"a=b")
