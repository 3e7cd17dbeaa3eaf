"""Answers from a cassette: nothing is sent, nobody waits, and what was recorded is what callers get."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from pytest_cce_precheck.cassette.format import Recording, dumps, loads
from pytest_cce_precheck.cassette.replay import Replayer
from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.errors import CassetteCorruptError, CassetteMissError
from pytest_cce_precheck.redaction.pseudonyms import Pseudonyms
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, TransportError
from tests.recordings import ENDPOINT, JSON, PATH, answered, asked, cassette, failed, origin
from tests.servers import always, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = ENDPOINT + PATH


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    transport = HttpTransport(timeout=1)
    yield transport
    transport.close()


def replaying(*recordings: Recording, **changes: Any) -> Replayer:
    return Replayer(cassette(*recordings, **changes), Redaction(Credentials()))


def with_headers(*pairs: tuple[str, str], body: bytes = b"{}") -> Recording:
    return Recording(asked(), Response(200, Headers(pairs), body))


# ---- what callers get


def test_our_client_and_others_get_what_was_recorded(transport: HttpTransport) -> None:
    client = PrecheckClient(
        transport, endpoint=ENDPOINT, project_id="p", cluster_id="c", credentials=Credentials(token=Secret("made-up"))
    )
    body = b'{"kind": "AddonCheck"}\n'
    with replaying(answered("type=addonStatic", body), answered("task_id=5", b"", status=404)) as replayer:
        exchange = client.list_tasks(type="addonStatic")
        answer = requests.get(URL, params={"task_id": "5"}, timeout=1)
    assert (exchange.status, exchange.response.body, exchange.document) == (200, body, {"kind": "AddonCheck"})
    assert (answer.status_code, answer.reason, answer.content) == (404, "Not Found", b"")
    assert answer.headers["Content-Type"] == "application/json"
    assert (replayer.playback.unused, replayer.misses) == ((), [])


@pytest.mark.parametrize("body", [b"", b"{}", b"\x00\xff", '{"kind": "\u2028"}'.encode()])
def test_the_length_is_that_of_the_body_and_repeated_headers_are_repeated(
    transport: HttpTransport, body: bytes
) -> None:
    with replaying(with_headers(("X-Request-Id", "a"), ("Server", "s"), ("X-Request-Id", "b"), body=body)):
        response = transport.send(asked()).response
    assert response.body == body
    assert sorted(response.headers.pairs) == [
        ("Content-Length", str(len(body))), ("Server", "s"), ("X-Request-Id", "a"), ("X-Request-Id", "b")
    ]  # fmt: skip


def test_what_was_imported_without_headers_has_none(transport: HttpTransport) -> None:
    with replaying(with_headers()):
        assert transport.send(asked()).response.headers.pairs == ()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_replayed(method: str) -> None:
    recorded = Recording(asked(method=method), Response(405, JSON, b"" if method == "HEAD" else b"{}"))
    with replaying(recorded):
        assert requests.request(method, URL, timeout=1).status_code == 405


def test_the_settings_endpoint_is_answered_from_the_cassette_of_another() -> None:
    kept, elsewhere = cassette(answered(), answered()), "http://127.0.0.1:1"
    with Replayer(kept, Redaction(Credentials()), [elsewhere]):
        assert [requests.get(endpoint + PATH, timeout=1).status_code for endpoint in (ENDPOINT, elsewhere)] == [
            200,
            200,
        ]


def test_other_hosts_are_reached_as_ever() -> None:
    with serving(always(200, b'{"other": true}')) as server, replaying(answered()):
        assert requests.get(server.endpoint, timeout=5).json() == {"other": True}


# ---- no waiting


@pytest.mark.parametrize("value", ["0", "30", "99999", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_nobody_is_asked_to_wait(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    def slept(_: float) -> None:
        raise AssertionError("a replay slept")

    monkeypatch.setattr(time, "sleep", slept)
    with replaying(with_headers(("Retry-After", value), ("X-Request-Id", "r"))):
        headers = transport.send(asked()).response.headers
    assert [pair for pair in headers.pairs if pair[0] == "Retry-After"] == [("Retry-After", "0")]


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "", "٣", "Wed, 99 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_cannot_be_used_stays_for_the_rule_that_it_breaks(
    transport: HttpTransport, value: str
) -> None:
    with replaying(with_headers(("Retry-After", value))):
        assert transport.send(asked()).response.headers["Retry-After"] == value


# ---- no recording


def test_a_miss_is_raised_through_requests_and_kept(transport: HttpTransport) -> None:
    with replaying(answered("type=x")) as replayer:
        with pytest.raises(CassetteMissError, match=r"no recording for GET .*type=y"):
            transport.send(asked("type=y"))
        with pytest.raises(CassetteMissError):
            requests.get(URL, timeout=1)
    assert [type(miss) for miss in replayer.misses] == [CassetteMissError] * 2


def test_no_code_that_expects_requests_failures_swallows_a_miss() -> None:
    with replaying(answered("type=x")), pytest.raises(CassetteMissError) as raised:
        requests.get(URL, timeout=1)
    assert not isinstance(raised.value, requests.RequestException | OSError | ValueError)


def test_a_recording_that_cannot_be_read_is_raised_and_kept_like_a_miss() -> None:
    document = json.loads(dumps(origin(), [answered()]))
    document["recordings"][0]["response"]["status"] = None
    kept, told = loads(json.dumps(document), "tasks.json"), r"recording 1 of tasks\.json cannot be read"
    with Replayer(kept, Redaction(Credentials())) as replayer, pytest.raises(CassetteCorruptError, match=told):
        requests.get(URL, timeout=1)
    assert [type(miss) for miss in replayer.misses] == [CassetteCorruptError]


def test_a_sequence_ends_where_the_recording_did() -> None:
    with replaying(failed(reason="timeout"), answered(status=429), answered()):
        with pytest.raises(requests.Timeout):
            requests.get(URL, timeout=1)
        assert [requests.get(URL, timeout=1).status_code for _ in range(2)] == [429, 200]
        with pytest.raises(CassetteMissError) as raised:
            requests.get(URL, timeout=1)
    assert raised.value.reason == "used-up"


def test_a_recorded_failure_names_the_request_that_was_made(transport: HttpTransport) -> None:
    recorded = failed("type=x", "timeout", "no answer within the time allowed")
    with replaying(recorded), pytest.raises(TransportError) as raised:
        transport.send(asked("type=x"))
    assert str(raised.value) == f"GET {URL}?type=x: no answer within the time allowed"
    assert raised.value.request.query == "type=x"


# ---- redaction


def test_what_is_asked_is_redacted_before_it_is_looked_up() -> None:
    credentials = Credentials(token=Secret("made-up-token-of-somebody"))
    redaction = Redaction(credentials)
    asked_with_it = asked("task_id=made-up-token-of-somebody")
    kept = cassette(Recording(redaction.request(asked_with_it), Response(200, JSON, b"{}")))
    assert "somebody" not in kept.request(0).query
    with Replayer(kept, redaction):
        assert requests.get(f"{URL}?{asked_with_it.query}", timeout=1).status_code == 200


def test_ids_that_have_a_stand_in_are_looked_up_by_it() -> None:
    pseudonyms = Pseudonyms(["0123456789abcdef0123456789abcdef"])
    redaction = Redaction(Credentials(), pseudonyms=pseudonyms)
    real = Request("GET", ENDPOINT, PATH.replace("/p/", "/0123456789abcdef0123456789abcdef/"))
    kept = cassette(Recording(redaction.request(real), Response(200, JSON, b"{}")))
    assert "0123456789abcdef" not in kept.request(0).path
    with Replayer(kept, redaction):
        assert requests.get(real.url, timeout=1).status_code == 200


@pytest.mark.parametrize("sealed", [True, False])
def test_an_answer_never_brings_back_a_credential_of_today(transport: HttpTransport, *, sealed: bool) -> None:
    today = Credentials(token=Secret("made-up-token-of-today"))
    text = dumps(origin(), [answered(body=b'{"kind":"made-up-token-of-today"}')], redacted=sealed)
    with Replayer(loads(text, "tasks.json"), Redaction(today)):
        assert b"made-up-token-of-today" not in transport.send(asked()).response.body


def test_what_somebody_put_into_a_cassette_by_hand_is_redacted_too(transport: HttpTransport) -> None:
    written = dumps(origin(), [answered(body=b'{"kind":"AddonCheck"}')], redacted=True)
    edited = written.replace('"AddonCheck"', '"password=made-up-one"')
    with Replayer(loads(edited, "tasks.json"), Redaction(Credentials())):
        assert b"made-up-one" not in transport.send(asked()).response.body
