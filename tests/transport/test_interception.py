"""One place where the calls of `requests` are caught, whoever makes them; what is not ours is left alone."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
import requests
import responses
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.transport.failures import failure, reason_of
from pytest_cce_precheck.transport.interception import Interceptor, as_request, as_response
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, TransportError
from tests.recordings import ENDPOINT, PATH, asked
from tests.servers import always, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from requests import PreparedRequest

    from pytest_cce_precheck.errors import TransportReason

    Way = Literal["answer", "sent"]

OTHER = "https://cce.other.example:8443"
USED_UP = r"Max retries exceeded with url: .*/ \(Caused by ResponseError\('too many 503 error responses'\)\)"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Caught:
    """Answers what is caught, by either way, and remembers it."""

    def __init__(self, response: Response | TransportReason = Response(200)) -> None:  # noqa: B008  it is immutable
        self.response = response
        self.seen: list[Request] = []

    def by(self, way: Way, *endpoints: str) -> Interceptor:
        if way == "answer":
            return Interceptor(endpoints or [ENDPOINT], answer=self._answer)
        return Interceptor(endpoints or [ENDPOINT], send_instead=self._sent)

    def _answer(self, request: Request) -> Response:
        self.seen.append(request)
        if isinstance(self.response, str):
            raise TransportError(self.response, "so it was said", request)
        return self.response

    def _sent(self, adapter: HTTPAdapter, prepared: PreparedRequest, _: object) -> requests.Response:
        try:
            return as_response(adapter, prepared, self._answer(as_request(prepared, ENDPOINT)))
        except TransportError as error:
            raise failure(error.reason, error.detail) from None


ways = pytest.mark.parametrize("way", ["answer", "sent"])


# ---- whoever asks


@ways
@pytest.mark.parametrize(
    ("endpoint", "url", "is_ours"),
    [
        ("https://cce.recorded.example", "https://cce.recorded.example:443/x", True),
        ("https://cce.recorded.example:443", "https://CCE.recorded.example/x", True),
        ("http://cce.recorded.example", "http://cce.recorded.example:80/x", True),
        ("HTTPS://CCE.recorded.example", "https://cce.recorded.example:443/x", True),
        ("http://cce.recorded.example:80", "http://cce.recorded.example/x", True),
        ("http://cce.recorded.example", "http://cce.recorded.example:443/x", False),
        ("https://cce.recorded.example:8443", "https://cce.recorded.example:8443/x", True),
        ("https://cce.recorded.example", "https://cce.recorded.example:4430/x", False),
        ("https://cce.recorded.example:8443", "https://cce.recorded.example/x", False),
    ],
)
def test_the_port_of_a_scheme_may_be_written_or_left_out(way: Way, endpoint: str, url: str, *, is_ours: bool) -> None:
    caught = Caught()
    with Caught(Response(404)).by("answer", url.removesuffix("/x")), caught.by(way, endpoint):
        assert requests.get(url, timeout=1).status_code == (200 if is_ours else 404)
    assert bool(caught.seen) == is_ours


@ways
@pytest.mark.parametrize("method", METHODS)
def test_every_call_of_any_user_is_caught_as_it_would_have_been_sent(way: Way, method: str) -> None:
    caught = Caught(Response(207, Headers([("Via", "a"), ("Via", "b")]), b"" if method == "HEAD" else b"[]"))
    with caught.by(way):
        answer = requests.request(
            method, f"{ENDPOINT}{PATH}?type=a%2Bb&x=%00", data=b"\x00\xff", headers={"X-A": "1"}, timeout=1
        )
    [request] = caught.seen
    assert (request.method, request.endpoint, request.target) == (method, ENDPOINT, f"{PATH}?type=a%2Bb&x=%00")
    assert (request.body, request.headers["X-A"], request.headers["Host"]) == (b"\x00\xff", "1", "cce.recorded.example")
    assert (answer.status_code, answer.reason, answer.headers["Via"]) == (207, "Multi-Status", "a, b")
    assert answer.content == (b"" if method == "HEAD" else b"[]")


@ways
def test_our_own_client_and_others_are_caught_in_one_place(way: Way) -> None:
    caught, transport = Caught(Response(200, Headers(), b"{}")), HttpTransport(timeout=1)
    client = PrecheckClient(
        transport, endpoint=ENDPOINT, project_id="p", cluster_id="c", credentials=Credentials(token=Secret("made-up"))
    )
    with caught.by(way), requests.Session() as session:
        assert client.list_tasks(type="addonStatic").document == {}
        assert session.get(f"{ENDPOINT}{PATH}", params={"type": "addonStatic"}, timeout=1).json() == {}
    client.close()
    assert [request.target for request in caught.seen] == [f"{PATH}?type=addonStatic"] * 2


@ways
def test_calls_of_other_threads_are_caught_too(way: Way) -> None:
    caught = Caught()
    with caught.by(way):
        threads = [threading.Thread(target=requests.get, args=(ENDPOINT,), kwargs={"timeout": 1}) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(caught.seen) == 4


@ways
def test_an_adapter_of_somebodys_own_is_caught_as_well(way: Way) -> None:
    class Mine(HTTPAdapter):
        def send(self, request: PreparedRequest, *arguments: Any, **how: Any) -> requests.Response:
            request.headers["X-Mine"] = "yes"
            return super().send(request, *arguments, **how)

    caught = Caught()
    with caught.by(way), requests.Session() as session:
        session.mount("https://", Mine())
        session.get(ENDPOINT, timeout=1)
    assert caught.seen[0].headers["X-Mine"] == "yes"


@ways
@pytest.mark.parametrize("given", [bytes.decode, bytes, BytesIO])
def test_a_body_may_be_given_as_text_bytes_or_file(way: Way, given: Callable[[bytes], Any]) -> None:
    caught, body = Caught(), '{"é":1}'.encode()
    with caught.by(way):
        requests.post(ENDPOINT, data=given(body), timeout=1)
    assert caught.seen[0].body == body


@ways
def test_a_cookie_of_an_answer_is_kept_by_the_session(way: Way) -> None:
    caught = Caught(Response(200, Headers([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/")])))
    with caught.by(way), requests.Session() as session:
        session.get(ENDPOINT, timeout=1)
    assert session.cookies.get_dict() == {"a": "1", "b": "2"}


@ways
def test_the_answer_to_head_may_name_the_length_of_get(way: Way) -> None:
    with Caught(Response(200, Headers([("Content-Length", "9")]))).by(way):
        answer = requests.head(ENDPOINT, timeout=1)
    assert (answer.content, answer.headers["Content-Length"]) == (b"", "9")


def test_a_status_that_nobody_knows_has_no_reason() -> None:
    with Caught(Response(299)).by("answer"):
        assert requests.get(ENDPOINT, timeout=1).reason is None


@pytest.mark.parametrize("raises", [True, False])
def test_an_adapter_that_tries_again_asks_again_until_its_tries_are_used_up(*, raises: bool) -> None:
    caught = Caught(Response(503))
    with caught.by("answer"), requests.Session() as session:
        tries = Retry(2, status_forcelist=[503], raise_on_status=raises, backoff_factor=0)
        session.mount("https://", HTTPAdapter(max_retries=tries))
        with pytest.raises(requests.exceptions.RetryError, match=USED_UP) if raises else nullcontext() as raised:
            assert session.get(ENDPOINT, timeout=1).status_code == 503
    assert len(caught.seen) == 3
    if raised is not None:
        assert raised.value.request.url == f"{ENDPOINT}/"


@pytest.mark.parametrize(
    ("tries", "method", "headers", "times"),
    [
        (Retry(9, status=2, status_forcelist=[503], raise_on_status=False), "GET", [], 3),
        # as urllib3 does, after a time that the service names
        (Retry(2, raise_on_status=False), "GET", [("Retry-After", "0")], 3),
        (Retry(2, raise_on_status=False), "GET", [], 1),
        (Retry(2, status_forcelist=[503], raise_on_status=False), "POST", [], 1),
        (Retry(2, status_forcelist=[502], raise_on_status=False), "GET", [], 1),
    ],
)
def test_an_adapter_tries_again_what_its_retries_cover(
    tries: Retry, method: str, headers: list[tuple[str, str]], times: int
) -> None:
    caught = Caught(Response(503, Headers(headers)))
    with caught.by("answer"), requests.Session() as session:
        session.mount("https://", HTTPAdapter(max_retries=tries))
        assert session.request(method, ENDPOINT, timeout=1).status_code == 503
    assert len(caught.seen) == times


@pytest.mark.parametrize(
    ("method", "status", "raises", "is_error"),
    [("GET", 503, True, True), ("GET", 503, False, False), ("POST", 503, True, False), ("GET", 404, True, False)],
)
def test_one_answer_for_an_adapter_that_would_try_again_is_its_last(
    method: str, status: int, *, raises: bool, is_error: bool
) -> None:
    caught = Caught(Response(status))
    with caught.by("sent"), requests.Session() as session:
        tries = Retry(2, status_forcelist=[503], raise_on_status=raises)
        session.mount("https://", HTTPAdapter(max_retries=tries))
        told = rf"HTTPSConnectionPool\(host='cce.recorded.example', port=443\): {USED_UP}"
        with pytest.raises(requests.exceptions.RetryError, match=told) if is_error else nullcontext() as raised:
            assert session.request(method, ENDPOINT, timeout=1).status_code == status
    assert len(caught.seen) == 1
    if raised is not None:
        assert raised.value.request.url == f"{ENDPOINT}/"


# ---- what is ours


@ways
def test_several_endpoints_may_be_caught_and_each_is_named(way: Way) -> None:
    caught = Caught()
    with caught.by(way, ENDPOINT, OTHER):
        for endpoint in (ENDPOINT, OTHER, f"{OTHER}/", f"{ENDPOINT}?x"):
            requests.get(endpoint, timeout=1)
    assert [request.target for request in caught.seen] == ["/", "/", "/", "/?x"]
    if way == "answer":
        assert [request.endpoint for request in caught.seen] == [ENDPOINT, OTHER, OTHER, ENDPOINT]


@ways
def test_other_hosts_are_reached_as_ever(way: Way) -> None:
    caught = Caught()
    with serving(always(200, b'{"other": true}')) as server, caught.by(way):
        answer = requests.get(f"{server.endpoint}/p?of={ENDPOINT}/", timeout=5)
        assert answer.json() == {"other": True}
        assert requests.get(ENDPOINT, timeout=1).status_code == 200
    assert (len(server.seen), len(caught.seen)) == (1, 1)


@ways
def test_how_other_hosts_are_asked_is_passed_on_by_name_or_by_place(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[dict[str, Any]] = []

    def send(adapter: HTTPAdapter, request: PreparedRequest, **how: Any) -> requests.Response:
        passed.append(how)
        return as_response(adapter, request, Response(204))

    monkeypatch.setattr(HTTPAdapter, "send", send)
    how = {"stream": True, "timeout": 5, "verify": False, "cert": "c", "proxies": {"https": "p"}}
    prepared = requests.Request("GET", OTHER).prepare()
    with Caught().by(way):
        HTTPAdapter().send(prepared, *how.values())  # type: ignore[arg-type]  # each has its place
        HTTPAdapter().send(prepared, True, 5, cert="c")
    assert passed == [how, {"stream": True, "timeout": 5, "cert": "c"}]


@ways
@pytest.mark.parametrize("near", [".evil.invalid/", "x.invalid/", ":99999/", "@evil.invalid/"])
def test_a_host_that_only_begins_like_ours_is_not_ours(way: Way, near: str) -> None:
    caught = Caught()
    with caught.by(way), pytest.raises(requests.RequestException):
        requests.get(ENDPOINT + near, timeout=0.01)
    assert caught.seen == []


def test_where_requests_sends_it_may_be_sent_indeed() -> None:
    def sent(adapter: HTTPAdapter, prepared: PreparedRequest, send: Callable[[Any], Any]) -> requests.Response:
        answer: requests.Response = send(adapter)
        answer.headers["X-Seen"] = str(prepared.url)
        return answer

    with serving(always(200, b"{}")) as server, Interceptor([server.endpoint], send_instead=sent):
        answer = requests.get(f"{server.endpoint}/a", timeout=5)
    assert (answer.headers["X-Seen"], answer.content, len(server.seen)) == (f"{server.endpoint}/a", b"{}", 1)


# ---- beside others


@ways
def test_a_mock_of_somebodys_own_keeps_what_is_not_ours(way: Way) -> None:
    caught = Caught()
    with responses.RequestsMock() as theirs:
        theirs.get("https://theirs.example/x", json={"theirs": True})
        with caught.by(way):
            assert requests.get("https://theirs.example/x", timeout=1).json() == {"theirs": True}
            assert requests.get(ENDPOINT, timeout=1).status_code == 200
        assert len(theirs.calls) == 1
    assert len(caught.seen) == 1


@pytest.mark.parametrize("inner", ["answer", "sent"])
@pytest.mark.parametrize("outer", ["answer", "sent"])
def test_of_two_that_stand_within_each_other_the_inner_one_is_asked_first(outer: Way, inner: Way) -> None:
    first, second = Caught(Response(201)), Caught(Response(202))
    with first.by(outer, ENDPOINT, OTHER), second.by(inner):
        assert [requests.get(url, timeout=1).status_code for url in (ENDPOINT, OTHER)] == [202, 201]
    assert (len(first.seen), len(second.seen)) == (1, 1)


@ways
def test_after_the_block_nothing_is_caught_however_it_ended(way: Way) -> None:
    untouched, interceptor = HTTPAdapter.send, Caught().by(way)
    with interceptor:
        assert HTTPAdapter.send is not untouched
    assert HTTPAdapter.send is untouched
    with pytest.raises(KeyboardInterrupt), interceptor:
        raise KeyboardInterrupt
    assert HTTPAdapter.send is untouched


# ---- no answer


@ways
@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("timeout", requests.ReadTimeout),
        ("tls", requests.exceptions.SSLError),
        ("truncated", requests.exceptions.ChunkedEncodingError),
        ("connection-lost", requests.ConnectionError),
        ("unreachable", requests.ConnectionError),
        ("name-not-found", requests.ConnectionError),
        ("not-http", requests.ConnectionError),
        ("too-large", requests.ConnectionError),
    ],
)
def test_no_answer_is_requests_own_failure_for_others_and_ours_for_our_client(
    way: Way, reason: TransportReason, kind: type[requests.RequestException]
) -> None:
    transport = HttpTransport(timeout=1)
    with Caught(reason).by(way):
        with pytest.raises(kind, match="so it was said") as raised:
            requests.get(ENDPOINT, timeout=1)
        assert reason_of(raised.value) == (reason, "so it was said")
        with pytest.raises(TransportError) as ours:
            transport.send(asked())
    transport.close()
    assert (ours.value.reason, ours.value.detail) == (reason, "so it was said")


def test_each_answer_is_observed_with_the_request_that_it_answers() -> None:
    observed: list[tuple[Request, Response]] = []
    caught = Caught(Response(200, body=b"{}"))

    def observe(request: Request, response: Response) -> None:
        observed.append((request, response))

    with Interceptor([ENDPOINT], answer=caught._answer, observe=observe):
        requests.get(ENDPOINT + PATH, params={"type": "addonStatic"}, timeout=5)
    assert [request.query for request, _ in observed] == ["type=addonStatic"]
    assert observed == [(caught.seen[0], caught.response)]
