"""What reaches a service is counted once, spaced and bounded, whoever sends it; what goes elsewhere is not touched."""

from __future__ import annotations

import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests
import responses
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from pytest_cce_precheck.cassette.record import Recorder
from pytest_cce_precheck.errors import BudgetExhaustedError
from pytest_cce_precheck.sdk.vendor import v3, vendor_client
from pytest_cce_precheck.transport.gate import Gate
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.pacing import SharedBudget
from pytest_cce_precheck.transport.watched import Watch
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, TransportError
from tests.drips import SPEECHES, spoken
from tests.gates import BODY, Guarded, bounds, by_a_manager
from tests.servers import Handler, Server, always, free_port, serving, talking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.drips import Speech

PATH = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(always(200, BODY)) as running:
        yield running


# ---- whoever sends


def by_our_client(endpoint: str) -> None:
    transport = HttpTransport(timeout=8)
    try:
        transport.send(Request("GET", endpoint, PATH))
    finally:
        transport.close()


def by_requests(endpoint: str) -> None:
    requests.get(endpoint + PATH, timeout=8)


def by_a_session(endpoint: str) -> None:
    with requests.Session() as session:
        session.post(endpoint + PATH, json={}, timeout=8)


def streaming(endpoint: str) -> None:
    with requests.get(endpoint + PATH, timeout=8, stream=True) as answer:
        assert b"".join(answer.iter_content(3)) == BODY


def by_urllib3(endpoint: str) -> None:
    with urllib3.PoolManager() as manager:
        assert manager.request("GET", endpoint + PATH).data == BODY


def by_the_sdk(endpoint: str) -> None:
    if v3 is None:
        pytest.skip("the vendor's SDK is not installed")
    client = vendor_client(endpoint, "p", Credentials(access_key=Secret("made-up"), secret_key=Secret("made-up-too")))
    client.list_addon_precheck_tasks(v3.ListAddonPrecheckTasksRequest(cluster_id="c"))


def past_a_mock_of_somebody_else(endpoint: str) -> None:
    with responses.RequestsMock(passthru_prefixes=("",)) as mock:
        mock.get("https://other.example", json={})
        requests.get("https://other.example", timeout=8)
        requests.get(endpoint + PATH, timeout=8)


def while_it_is_recorded(endpoint: str) -> None:
    with Recorder(endpoint):
        requests.get(endpoint + PATH, timeout=8)


def our_client_while_it_is_recorded(endpoint: str) -> None:
    with Recorder(endpoint):
        by_our_client(endpoint)


WAYS = [
    by_our_client,
    by_requests,
    by_a_session,
    streaming,
    by_urllib3,
    by_the_sdk,
    past_a_mock_of_somebody_else,
    while_it_is_recorded,
    our_client_while_it_is_recorded,
]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
limited = pytest.mark.parametrize("limit", ["seconds", "deadline"])


@ways
@bounds
def test_every_call_is_counted_once_and_the_one_too_many_is_not_sent(
    server: Server, way: Callable[[str], None], seconds: int | None
) -> None:
    with Guarded(server.endpoint, limit=2, seconds=seconds) as meter:
        for number in (1, 2):
            way(server.endpoint)
            assert (meter.sent, len(server.seen)) == (number, number)
        with pytest.raises(BudgetExhaustedError, match=r"all 2 requests of the budget are sent \(--cce-budget\)"):
            way(server.endpoint)
    assert len(server.seen) == 2


@ways
def test_nothing_is_sent_when_the_time_of_the_run_is_over(server: Server, way: Callable[[str], None]) -> None:
    with (
        Guarded(server.endpoint, seconds=1, began=time.monotonic() - 2),
        pytest.raises(BudgetExhaustedError, match=r"the 1 seconds of the run are over \(--cce-run-time\)"),
    ):
        way(server.endpoint)
    assert server.seen == []


def test_each_redirect_is_counted() -> None:
    def onwards(handler: Handler) -> None:
        handler.reply(302, b"", Location="/there") if handler.path == "/here" else handler.reply(200, BODY)

    with serving(onwards) as server, Guarded(server.endpoint, limit=3) as meter:
        assert requests.get(f"{server.endpoint}/here", timeout=8).content == BODY
        assert meter.sent == len(server.seen) == 2
        with pytest.raises(BudgetExhaustedError):
            requests.get(f"{server.endpoint}/here", timeout=8)
        assert meter.sent == len(server.seen) == 3


@bounds
@pytest.mark.parametrize("rate", [None, 1000])
def test_each_try_of_urllib3_is_counted(seconds: int | None, rate: int | None) -> None:
    with serving(always(429, b"{}")) as server, Guarded(server.endpoint, limit=5, seconds=seconds, rate=rate) as meter:
        with requests.Session() as session:
            retry = Retry(total=3, status_forcelist=[429], raise_on_status=False, backoff_factor=0)
            session.mount("http://", HTTPAdapter(max_retries=retry))
            assert session.get(server.endpoint, timeout=8).status_code == 429
            assert meter.sent == len(server.seen) == 4
            with pytest.raises(BudgetExhaustedError):
                session.get(server.endpoint, timeout=8)
        assert meter.sent == len(server.seen) == 5


def test_a_call_that_is_tried_again_does_not_wait_for_itself() -> None:
    with serving(always(429, b"{}")) as server, requests.Session() as session:
        slept: list[float] = []
        clock = [1000.0]

        def wait(seconds: float) -> None:
            slept.append(seconds)
            clock[0] += seconds

        with Guarded(server.endpoint, rate=1, now=lambda: clock[0], wait=wait):
            retry = Retry(total=2, status_forcelist=[429], raise_on_status=False, backoff_factor=0)
            session.mount("http://", HTTPAdapter(max_retries=retry))
            session.get(server.endpoint, timeout=8)
        assert len(server.seen) == 3
        assert sum(slept) < 2.1


def test_a_call_that_nobody_answers_is_counted_too() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    with Guarded(endpoint, seconds=60) as meter:
        with pytest.raises(requests.ConnectionError):
            by_requests(endpoint)
        with pytest.raises(TransportError, match="Connection refused"):
            by_our_client(endpoint)
        assert meter.sent == 2


@pytest.mark.parametrize(
    "spelled",
    [
        "http://127.0.0.1:{}",
        "HTTP://127.0.0.1:{}/",
        "http://user@127.0.0.1:{}",
        "http://127.0.0.1:{}?a=http://x.example",
    ],
)
def test_a_service_is_known_however_its_address_is_spelled(server: Server, spelled: str) -> None:
    with Guarded(server.endpoint) as meter:
        requests.get(spelled.format(server.server_port), timeout=8)
        assert meter.sent == 1


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://cce.example", "http://CCE.example:80/x"),
        ("http://cce.example:80", "http://cce.example./x"),
        ("http://[::1]:8000", "http://[::1]:8000/x?y=1"),
    ],
)
def test_what_is_asked_of_a_proxy_is_counted_for_the_service_behind_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, endpoint: str, url: str
) -> None:
    monkeypatch.setenv("http_proxy", server.endpoint)
    with Guarded(endpoint) as meter:
        requests.get(url, timeout=8)
        requests.get("http://other.example", timeout=8)
        assert (meter.sent, len(server.seen)) == (1, 2)


def test_other_services_are_not_touched(server: Server) -> None:
    with Guarded("http://cce.example", limit=0, seconds=1, began=0.0) as meter:
        with requests.get(server.endpoint, timeout=8, stream=True) as answer:
            connection = answer.raw.connection or answer.raw._pool.ConnectionCls
            assert "Watched" not in str(connection)
            assert answer.content == BODY
        assert meter.sent == 0


def test_a_meter_is_made_when_something_is_sent_and_the_last_one_of_a_service_counts(server: Server) -> None:
    first, last, gate = SharedBudget(), SharedBudget(), Gate()
    gate.put("http://cce.example", lambda: pytest.fail("nothing was sent there"))
    with gate:
        gate.put(server.endpoint, lambda: first)
        gate.put(server.endpoint, lambda: last)
        by_requests(server.endpoint)
    assert (first.sent, last.sent) == (0, 1)
    first.close()
    last.close()


def test_behind_the_gate_urllib3_is_as_it_was(server: Server) -> None:
    before = urllib3.HTTPConnectionPool.urlopen
    with Guarded(server.endpoint):
        assert urllib3.HTTPConnectionPool.urlopen is not before
    assert urllib3.HTTPConnectionPool.urlopen is before


def test_no_error_of_the_gate_shows_our_credential(server: Server) -> None:
    transport = HttpTransport(timeout=8)
    request = Request("GET", server.endpoint, PATH, headers=Headers([("X-Auth-Token", "PLANTED-token")]))
    with Guarded(server.endpoint, limit=0), pytest.raises(BudgetExhaustedError) as raised:
        transport.send(request)
    transport.close()
    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "PLANTED" not in shown


# ---- at any rate


def test_threads_of_every_client_never_exceed_the_rate_that_the_service_sees() -> None:
    seen: list[float] = []
    lock = threading.Lock()

    def answer(handler: Handler) -> None:
        with lock:
            seen.append(time.monotonic())
        handler.reply(200, BODY)

    calls = [by_our_client, by_requests, by_a_session, streaming]
    with serving(answer) as server, Guarded(server.endpoint, rate=20), ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda number: calls[number % len(calls)](server.endpoint), range(25)))
    assert len(seen) == 25
    assert max(sum(first <= each < first + 1 for each in seen) for first in seen) <= 20


def test_waiting_for_ones_turn_is_no_part_of_an_answers_time(server: Server) -> None:
    transport = HttpTransport(timeout=8, deadline=0.9)
    with Guarded(server.endpoint, rate=1):
        transport.send(Request("GET", server.endpoint, PATH))
        # it is sent a second later
        exchange = transport.send(Request("GET", server.endpoint, PATH))
    transport.close()
    assert exchange.status == 200
    assert exchange.response.elapsed < 0.9


# ---- to the end of the run


@pytest.mark.parametrize("say", SPEECHES.values(), ids=SPEECHES.keys())
@pytest.mark.parametrize("stream", [False, True])
@limited
def test_its_deadline_and_the_end_of_the_run_cut_off_every_answer_of_a_plain_call(
    say: Speech, limit: str, *, stream: bool
) -> None:
    with talking(spoken(say)) as talk, Guarded(talk.endpoint, **{limit: 0.1}) as meter:
        with pytest.raises(requests.Timeout, match="not complete after"):
            _ = requests.get(talk.endpoint, timeout=8, stream=stream).content
        assert talk.hung_up.wait(10)
        assert meter.sent == 1


@limited
def test_a_call_that_was_cut_off_is_not_tried_again(limit: str) -> None:
    with talking(spoken(SPEECHES["status line"])) as talk, requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=3))
        with Guarded(talk.endpoint, **{limit: 0.1}) as meter:
            with pytest.raises(requests.Timeout, match="not complete after"):
                session.get(talk.endpoint)
            assert meter.sent == 1


def test_who_has_answered_is_not_blamed_for_the_end_of_the_run() -> None:
    with talking(spoken(SPEECHES["trailers"])) as talk, Guarded(talk.endpoint, seconds=0.1) as meter:
        meter.has_answered = True
        with pytest.raises(BudgetExhaustedError, match=r"the 0\.1 seconds of the run are over"):
            by_requests(talk.endpoint)


def test_who_has_answered_is_blamed_for_an_answer_that_its_deadline_cuts_off() -> None:
    with talking(spoken(SPEECHES["trailers"])) as talk, Guarded(talk.endpoint, deadline=0.1, seconds=60) as meter:
        meter.has_answered = True
        with pytest.raises(requests.Timeout, match=r"not complete after 0\.1 s"):
            by_requests(talk.endpoint)


def test_a_watch_of_somebody_else_ends_with_the_run_too() -> None:
    with talking(spoken(SPEECHES["trailers"])) as talk, Guarded(talk.endpoint, seconds=0.1):
        with pytest.raises(TransportError, match="not complete"):
            by_our_client(talk.endpoint)
        assert talk.hung_up.wait(10)


# ---- however long a service says to wait


HTTP_DATE = "Fri, 31 Dec 2060 23:59:59 GMT"


@pytest.mark.timeout(20)
@limited
@pytest.mark.parametrize(
    ("status", "value"), [(503, "3000"), (429, HTTP_DATE), (413, "9" * 400), (302, "3000"), (503, "")]
)
def test_no_wait_of_urllib3_lasts_longer_than_its_call_may(limit: str, status: int, value: str) -> None:
    # without Retry-After, what urllib3 waits by itself
    retry = Retry(5, status_forcelist=[503], backoff_factor=100)
    named = {"Retry_After": value} if value else {}
    with (
        serving(always(status, b"{}", Location="/", **named)) as server,
        Guarded(server.endpoint, **{limit: 8}) as meter,
    ):
        told = r"^HTTPConnectionPool\(host='127\.0\.0\.1', port=\d+\): .*there is a wait of .* s are left"
        with pytest.raises(urllib3.exceptions.ReadTimeoutError, match=told):
            urllib3.connection_from_url(server.endpoint).request("GET", "/", retries=retry)
        assert meter.sent == len(server.seen) == (1 if value else 2)


def test_a_wait_that_is_too_long_is_a_timeout_of_requests_under_a_watch_of_its_caller() -> None:
    with serving(always(503, b"{}", Retry_After="3000")) as server, Guarded(server.endpoint, deadline=60) as meter:
        with pytest.raises(requests.ReadTimeout, match=r"there is a wait of .* s are left"), Watch(8):
            by_a_manager(server.endpoint, retries=1)
        assert meter.sent == 1


def test_a_wait_that_fits_is_waited_for_and_others_are_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    statuses = iter([503, 200, 503, 200])
    with (
        serving(lambda handler: handler.reply(next(statuses), BODY, Retry_After="50")) as server,
        serving(always(503, b"{}", Retry_After="3000")) as other,
    ):
        with Guarded(server.endpoint, deadline=60):
            assert by_a_manager(server.endpoint).data == BODY
            assert by_a_manager(other.endpoint, retries=1).status == 503
        assert by_a_manager(server.endpoint).data == BODY
    assert slept == [50, 3000, 50]
