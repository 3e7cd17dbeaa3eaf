"""What is kept of a call, and what its caller gets while it is recorded."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from pytest_cce_precheck.cassette.format import Failure, Recording, dumps
from pytest_cce_precheck.cassette.record import Recorder
from pytest_cce_precheck.cassette.replay import Replayer
from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.simulator.clock import ManualClock
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport import reading
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.simulate import Interception
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, TransportError
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.recordings import asked, cassette, origin
from tests.servers import Handler, always, chunked, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable

BODY = b'{"kind":"AddonCheck","items":[]}'
PATH = list_path("p", "c")


def only(recorder: Recorder) -> Recording:
    [recording] = recorder.recordings
    return recording


def response_of(recording: Recording) -> Response:
    assert isinstance(recording.outcome, Response)
    return recording.outcome


# ---- what is kept


def test_request_and_answer_are_kept_as_they_were_on_the_wire() -> None:
    with serving(always(201, BODY, X_Request_Id="r-1")) as server, Recorder(server.endpoint) as recorder:
        url = f"{server.endpoint}{PATH}?type=a%2Bb&type=&x"
        answer = requests.post(url, data=b"\x00\xff", headers={"X-Auth-Token": "made-up"}, timeout=5)
    assert (answer.status_code, answer.content) == (201, BODY)
    recording = only(recorder)
    request, response = recording.request, response_of(recording)
    assert (request.method, request.endpoint, request.target) == ("POST", server.endpoint, f"{PATH}?type=a%2Bb&type=&x")
    assert (request.body, request.headers["X-Auth-Token"]) == (b"\x00\xff", "made-up")
    assert (response.status, response.body, response.headers["X-Request-Id"]) == (201, BODY, "r-1")
    assert not recording.repeats


def test_repeated_headers_are_kept_each_for_itself() -> None:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        for name, value in (("Via", "a"), ("X-Request-Id", "r"), ("Via", "b"), ("Content-Length", "0")):
            handler.send_header(name, value)
        handler.end_headers()

    with serving(answer) as server, Recorder(server.endpoint) as recorder:
        assert requests.get(server.endpoint, timeout=5).headers["Via"] == "a, b"
    assert [value for name, value in response_of(only(recorder)).headers.pairs if name == "Via"] == ["a", "b"]


def zipped(handler: Handler) -> None:
    handler.reply(200, gzip.compress(BODY, mtime=0), Content_Encoding="gzip")


@pytest.mark.parametrize("answer", [zipped, chunked(BODY), always(200, BODY)])
def test_the_body_is_kept_as_it_reads_not_as_it_was_sent(answer: Callable[[Handler], None]) -> None:
    with serving(answer) as server, Recorder(server.endpoint) as recorder:
        seen = requests.get(server.endpoint, timeout=5)
    response = response_of(only(recorder))
    assert seen.content == response.body == BODY
    assert seen.headers["Content-Length"] == str(len(BODY))
    assert not {"content-encoding", "transfer-encoding", "content-length"} & {*response.headers}
    assert "Content-Encoding" not in seen.headers


def test_a_caller_may_read_the_answer_in_every_way() -> None:
    ways: list[Callable[[requests.Response], Any]] = [
        lambda answer: answer.content,
        lambda answer: answer.text.encode(),
        lambda answer: b"".join(answer.iter_content(3)),
        lambda answer: b"".join(answer.iter_lines()),
        lambda answer: answer.raw.read(),
        lambda answer: json.dumps(answer.json(), separators=(",", ":")).encode(),
    ]
    with serving(always(200, BODY)) as server, Recorder(server.endpoint) as recorder:
        for way in ways:
            with requests.get(server.endpoint, stream=True, timeout=5) as answer:
                assert way(answer) == BODY
    assert [response_of(each).body for each in recorder.recordings] == [BODY] * len(ways)


def test_head_has_no_body_to_keep() -> None:
    with serving(always(200, BODY)) as server, Recorder(server.endpoint) as recorder:
        assert requests.head(server.endpoint, timeout=5).content == b""
    assert response_of(only(recorder)).body == b""


def test_each_step_of_a_redirect_is_a_call_of_its_own() -> None:
    def answer(handler: Handler) -> None:
        if handler.path == "/":
            handler.reply(307, b"", Location="/there", Set_Cookie="seen=yes")
        else:
            handler.reply(200, str(handler.headers["Cookie"]).encode())

    with serving(answer) as server, Recorder(server.endpoint) as recorder, requests.Session() as session:
        assert session.get(server.endpoint, timeout=5).content == b"seen=yes"
    kept = [(each.request.path, response_of(each).status) for each in recorder.recordings]
    assert kept == [("/", 307), ("/there", 200)]


def test_calls_are_kept_in_their_order_and_other_hosts_not_at_all() -> None:
    with serving(always(200, b"")) as other, serving(always(200, b"")) as server, Recorder(server.endpoint) as recorder:
        for endpoint in (server.endpoint, other.endpoint, server.endpoint):
            for query in ("?b", "?a"):
                requests.get(endpoint + query, timeout=5)
    assert [each.request.query for each in recorder.recordings] == ["b", "a", "b", "a"]
    assert len(other.seen) == 2


def test_what_threads_do_is_kept_in_an_order_that_does_not_change() -> None:
    asked_for = [("GET", f"type={number}", b"") for number in (3, 1, 2)]
    asked_for += [("POST", "", json.dumps({name: 1, "x": 2}).encode()) for name in "dbca"]
    gates = [threading.Event() for _ in range(len(asked_for) + 1)]

    with serving(always(200, b"")) as server, Recorder(server.endpoint) as recorder:

        def call(number: int) -> None:
            method, query, body = asked_for[number]
            gates[number].wait(5)
            requests.request(method, f"{server.endpoint}?{query}", data=body, timeout=5)
            gates[number + 1].set()

        requests.get(f"{server.endpoint}?before", timeout=5)
        threads = [threading.Thread(target=call, args=(number,)) for number in range(len(asked_for))]
        for thread in threads:
            thread.start()
        gates[0].set()
        for thread in threads:
            thread.join()
        requests.get(f"{server.endpoint}?after", timeout=5)
    kept = [(each.request.method, each.request.query, each.request.body) for each in recorder.recordings]
    assert kept == [("GET", "before", b""), *sorted(asked_for), ("GET", "after", b"")]


def test_a_sequence_that_a_thread_polls_stays_a_sequence() -> None:
    bodies = iter(b'"%d"' % number for number in range(5))

    with serving(lambda handler: handler.reply(200, next(bodies))) as server, Recorder(server.endpoint) as recorder:
        thread = threading.Thread(target=lambda: [requests.get(server.endpoint, timeout=5) for _ in range(5)])
        thread.start()
        thread.join()
    assert [response_of(each).body for each in recorder.recordings] == [b'"%d"' % number for number in range(5)]


# ---- no answer


def cut_off(handler: Handler) -> None:
    handler.reply(200, BODY[:10], Content_Length=str(len(BODY)))
    handler.close_connection = True


def cut_within_a_chunk(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"20\r\nabc")
    handler.close_connection = True


def hung_up(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def no_http(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")
    handler.close_connection = True


def no_gzip(handler: Handler) -> None:
    handler.reply(200, b"not zipped at all", Content_Encoding="gzip")


def silent(handler: Handler) -> None:
    # until the client has gone
    handler.rfile.read(1)


FAILURES = [
    (cut_off, "truncated", requests.exceptions.ChunkedEncodingError),
    (cut_within_a_chunk, "truncated", requests.exceptions.ChunkedEncodingError),
    (hung_up, "connection-lost", requests.ConnectionError),
    (no_http, "not-http", requests.ConnectionError),
    (no_gzip, "not-http", requests.ConnectionError),
    (silent, "timeout", requests.Timeout),
]


@pytest.mark.parametrize(("answer", "reason", "kind"), FAILURES)
def test_a_call_without_an_answer_is_kept_and_replayed_as_what_it_was(
    answer: Callable[[Handler], None], reason: str, kind: type[requests.RequestException]
) -> None:
    with serving(answer) as server:
        url, transport = f"{server.endpoint}{PATH}", HttpTransport(timeout=0.2)
        request = Request("GET", server.endpoint, PATH)
        with pytest.raises(TransportError) as live:
            transport.send(request)
        with Recorder(server.endpoint) as recorder:
            with pytest.raises(TransportError) as recorded:
                transport.send(request)
            with pytest.raises(kind):
                requests.get(url, timeout=0.2)
    kept = cassette(*recorder.recordings, endpoint=server.endpoint)
    # the server is gone: nothing but the cassette can answer
    with Replayer(kept, Redaction(Credentials())):
        with pytest.raises(TransportError) as replayed:
            transport.send(request)
        with pytest.raises(kind) as others:
            requests.get(url, timeout=0.2)
    transport.close()
    assert [recording.outcome for recording in kept] == [Failure(live.value.reason, live.value.detail)] * 2
    assert live.value.reason == reason
    for ours in (recorded.value, replayed.value):
        assert (ours.reason, ours.detail) == (live.value.reason, live.value.detail)
    assert live.value.detail in str(others.value)


def test_nobody_listening_is_kept_as_a_failure_too() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    with Recorder(endpoint) as recorder, pytest.raises(requests.ConnectionError):
        requests.get(endpoint, timeout=5)
    outcome = only(recorder).outcome
    assert isinstance(outcome, Failure)
    assert outcome.reason == "unreachable"


def test_an_answer_that_is_too_large_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    with (
        serving(always(200, BODY)) as server,
        Recorder(server.endpoint) as recorder,
        pytest.raises(requests.ConnectionError),
    ):
        requests.get(server.endpoint, timeout=5)
    outcome = only(recorder).outcome
    assert isinstance(outcome, Failure)
    assert outcome.reason == "too-large"


def test_what_urllib3_reads_before_another_try_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 2**20)
    sent: list[int] = []

    def answer(handler: Handler) -> None:
        if sent:
            handler.reply(200, BODY)
            return
        with suppress(OSError):
            handler.reply(429, b"", Content_Length=str(2**25))
            for _ in range(2**9):
                handler.wfile.write(bytes(2**16))
                sent.append(2**16)

    with serving(answer) as server, Recorder(server.endpoint) as recorder, requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(2, status_forcelist=[429], backoff_factor=0)))
        assert session.get(server.endpoint, timeout=5).content == BODY
    assert sum(sent) < 2**24
    assert response_of(only(recorder)).body == BODY


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("busy", [1, 9])
def test_what_urllib3_tried_again_is_kept_and_replayed_as_what_came_of_it(busy: int, *, raises: bool) -> None:
    statuses = iter([*[429] * busy, 200])

    def get(endpoint: str) -> int | str:
        # as the vendor's SDK does it
        retry = Retry(total=2, status_forcelist=[429], raise_on_status=raises, backoff_factor=0)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            try:
                return session.get(endpoint, timeout=5).status_code
            except requests.exceptions.RetryError as error:
                return str(error)

    with serving(lambda handler: handler.reply(next(statuses), b"{}")) as server:
        with Recorder(server.endpoint) as recorder:
            recorded = get(server.endpoint)
        assert len(server.seen) == min(busy, 2) + 1
    with Replayer(cassette(*recorder.recordings, endpoint=server.endpoint), Redaction(Credentials())) as replayer:
        assert get(server.endpoint) == recorded
    assert response_of(only(recorder)).status == (200 if busy == 1 else 429)
    assert ("too many 429 error responses" in str(recorded)) == (busy == 9 and raises)
    assert replayer.playback.unused == ()


# ---- the same world gives the same file


def test_two_recordings_of_the_same_world_are_the_same_bytes() -> None:
    def recorded() -> str:
        clock = ManualClock()
        # signatures are dated by another clock than tasks
        simulator, transport = Simulator(seed=3, clock=clock, wall=clock.now), HttpTransport(timeout=1)
        client = PrecheckClient(
            transport,
            endpoint=simulator.endpoint,
            project_id=simulator.project_id,
            cluster_id=simulator.cluster_id,
            credentials=simulator.credentials,
            now=clock.now,
        )
        with Interception(simulator), Recorder(simulator.endpoint) as recorder:
            ids = [task["metadata"]["taskID"] for task in client.list_tasks().document["items"]]
            for task_id in ids:
                client.list_tasks(task_id=task_id)
            clock.advance(600)
            client.list_tasks(type="addonUpgrade")
        transport.close()
        assert len(recorder.recordings) == len(ids) + 2
        return dumps(origin(endpoint=simulator.endpoint), recorder.recordings)

    assert recorded() == recorded()


def test_after_the_block_nothing_more_is_kept() -> None:
    with serving(always(200, b"")) as server:
        with Recorder(server.endpoint) as recorder:
            requests.get(server.endpoint, timeout=5)
        requests.get(server.endpoint, timeout=5)
    assert len(recorder.recordings) == 1


def test_the_request_of_our_client_is_kept_with_the_headers_that_it_signs() -> None:
    transport = HttpTransport(timeout=5)
    with serving(always(200, b"{}")) as server, Recorder(server.endpoint) as recorder:
        sent = Request("GET", server.endpoint, PATH, "type=%C3%A9", Headers([("X-Sdk-Date", "20260102T030405Z")]))
        exchange = transport.send(sent)
    transport.close()
    assert exchange.response.body == b"{}"
    assert only(recorder).request.headers["X-Sdk-Date"] == "20260102T030405Z"
    assert only(recorder).request.target == sent.target != asked().target
