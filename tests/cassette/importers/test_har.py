"""HAR: what a browser or a proxy recorded is taken in, and a cassette given out is HAR 1.2."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pytest_cce_precheck.cassette.format import Failure, Recording
from pytest_cce_precheck.cassette.importers.har import from_har, is_har, to_har
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from tests.contract.documents import drop, put
from tests.recordings import ENDPOINT, PATH, answered, asked, cassette, failed

REAL: Final = Path(__file__).parents[2] / "data" / "recordings" / "mitmproxy-11.har"
TOKEN: Final = "made-up-token-of-a-test-000000"


def read(document: Any) -> Any:
    return from_har(document, "browser.har")


def entry(url: str = f"{ENDPOINT}{PATH}", **changes: Any) -> dict[str, Any]:
    """Return an entry with the fewest fields that hold a call."""
    return {
        "startedDateTime": "2026-11-22T10:00:00.123Z",
        "request": {"method": "GET", "url": url, "headers": []},
        "response": {"status": 200, "headers": [], "content": {"size": 2, "text": "{}"}},
        **changes,
    }


def archive(*entries: Any) -> dict[str, Any]:
    return {"log": {"version": "1.2", "entries": list(entries)}}


def refusal(document: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(document)
    return str(raised.value)


# ---- taken in


def test_what_mitmproxy_wrote_is_taken_in_whole() -> None:
    taken = read(json.loads(REAL.read_text()))
    assert (taken.source, len(taken.recordings), taken.left_out) == ("har", 5, 1)
    assert taken.recorded_at == datetime(2026, 11, 24, 4, 0, 57, taken.recorded_at.microsecond, UTC)
    exchanges = [recording.exchange for recording in taken.recordings]
    assert [(each.request.method, each.status) for each in exchanges] == [
        *(("GET", 200), ("GET", 200), ("GET", 200), ("GET", 401), ("POST", 201)),
    ]
    assert exchanges[2].request.query == "addon_instance_id=%E6%8F%92+x"
    assert exchanges[4].request.body.startswith(b'{"kind": "AddonCheck"')
    assert exchanges[0].request.headers["x-auth-token"] == TOKEN
    for each in exchanges:
        # it was compressed, and here is not
        assert {"content-encoding", "content-length", "transfer-encoding"} & set(each.response.headers) == set()
        assert [found.code for found in check(each) if found.severity is Severity.ERROR] == []


def test_other_calls_are_left_out_whatever_they_look_like() -> None:
    others = [
        entry("https://cce.example/api/v3/projects/p/clusters"),
        entry("data:image/png;base64,AAAA"),
        entry("https://[broken/addons/precheck"),
        {"request": {"method": "OPTIONS", "url": f"{ENDPOINT}{PATH}"}},
        {"request": {"method": "GET", "url": "wss://cce.example/addons/precheck/tasks"}},
    ]
    taken = read(archive(*others, entry(), *others))
    assert (len(taken.recordings), taken.left_out) == (1, 10)
    assert read(archive()).recorded_at is None


def test_the_earliest_call_says_when_it_was_recorded() -> None:
    times = ["2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.000+02:00", "2026-11-22T09:00:00"]
    taken = read(archive(*(entry(startedDateTime=each) for each in times)))
    assert taken.recorded_at == datetime(2026, 11, 22, 8, tzinfo=UTC)


def test_what_only_http_2_has_and_who_called_is_left_behind() -> None:
    headers = [{"name": ":authority", "value": "x"}, {"name": "accept", "value": "*/*"}]
    request = {"method": "GET", "url": f"HTTPS://me:pass@CCE.Recorded.example{PATH}?type=#top", "headers": headers}
    [recording] = read(archive(entry(request=request))).recordings
    assert recording.request.url == f"{ENDPOINT}{PATH}?type="
    assert recording.request.headers.pairs == (("accept", "*/*"),)


def test_a_body_in_base64_is_decoded() -> None:
    content = {"size": 3, "mimeType": "", "encoding": "base64", "text": base64.b64encode(b"\xff{}").decode()}
    [recording] = read(archive(entry(response={"status": 200, "headers": [], "content": content}))).recordings
    assert recording.outcome.body == b"\xff{}"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "its log is missing; expected an object"),
        ({"log": []}, "its log is an array; expected an object"),
        ({"log": {"entries": {}}}, "its entries is an object; expected an array"),
        (archive([]), "its request is missing; expected an object"),
        (archive(drop(entry(), "request", "url")), "its url is missing; expected a text"),
        (archive(drop(entry(), "response")), "its response is missing; expected an object"),
        (archive(drop(entry(), "response", "content")), "its content is missing"),
        (archive(put(entry(), "request", "headers", {"a": "b"})), "its headers is an object; expected an array"),
        (archive(put(entry(), "request", "headers", [{"name": "a"}])), "its value is missing; expected a text"),
        (archive(put(entry(), "request", "postData", [])), "its postData is an array; expected an object"),
        (archive(put(entry(), "request", "postData", {"params": [{"name": "a"}]})), "its body was kept as a form"),
        (archive(put(entry(), "response", "status", "200")), "its status is '200'; expected a number"),
        (archive(put(entry(), "response", "status", True)), "its status is 'True'; expected a number"),
        (archive(put(entry(), "response", "status", 0)), "its status is 0, so no answer arrived"),
        (archive(put(entry(), "response", "content", {"size": 0, "text": 1})), "its text is '1'; expected a text"),
        (archive(put(entry(), "response", "content", {"size": 9})), "its answer had 9 bytes that the file does not"),
        (
            archive(put(entry(), "response", "content", {"text": "***", "encoding": "base64"})),
            "its body is not valid Base64",
        ),
        (archive(put(entry(), "response", "content", {"text": "x", "encoding": "br"})), "is in the encoding 'br'"),
        (archive(put(entry(), "startedDateTime", "yesterday")), "Invalid isoformat string: 'yesterday'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_har_that_cannot_be_used_is_refused_in_one_line_that_names_the_entry(document: Any, said: str) -> None:
    text = refusal(document)
    place = "entry 1 of " if document.get("log") and isinstance(document["log"].get("entries"), list) else ""
    assert text.startswith(f"{place}browser.har cannot be imported: ")
    assert said in text
    assert "\n" not in text


def test_why_no_answer_arrived_is_said_where_the_file_tells() -> None:
    failed_call = put(put(entry(), "response", "status", 0), "response", "_error", "net::ERR_ABORTED")
    assert refusal(archive(entry(), failed_call)) == (
        "entry 2 of browser.har cannot be imported: its status is 0, so no answer arrived (net::ERR_ABORTED):"
        " take the entry out of the file"
    )


# ---- given out


def required(*names: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": [*names], "properties": properties}


TEXT: Final = {"type": "string"}
SIZE: Final = {"type": "integer", "minimum": -1}
PAIRS: Final = {"type": "array", "items": required("name", "value", name=TEXT, value=TEXT)}
# http://www.softwareishard.com/blog/har-12-spec/: the fields that are not optional there
HAR_12: Final = required(
    "log",
    log=required(
        *("version", "creator", "entries"),
        version={"const": "1.2"},
        creator=required("name", "version", name=TEXT, version=TEXT),
        entries={
            "type": "array",
            "items": required(
                *("startedDateTime", "time", "request", "response", "cache", "timings"),
                startedDateTime={"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"},
                time={"type": "number", "minimum": 0},
                request=required(
                    *("method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"),
                    method=TEXT,
                    url={"pattern": "^https?://"},
                    httpVersion=TEXT,
                    cookies=PAIRS,
                    headers=PAIRS,
                    queryString=PAIRS,
                    headersSize=SIZE,
                    bodySize=SIZE,
                    # of text and params there is one
                    postData={**required("mimeType", "text", mimeType=TEXT, text=TEXT), "maxProperties": 3},
                ),
                response=required(
                    *("status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL"),
                    *("headersSize", "bodySize"),
                    status={"type": "integer"},
                    statusText=TEXT,
                    httpVersion=TEXT,
                    cookies=PAIRS,
                    headers=PAIRS,
                    redirectURL=TEXT,
                    headersSize=SIZE,
                    bodySize=SIZE,
                    content=required("size", "mimeType", size=SIZE, mimeType=TEXT, text=TEXT, encoding=TEXT),
                ),
                cache={"type": "object"},
                # these three must be given, the others may be -1
                timings=required(
                    *("send", "wait", "receive"),
                    **{name: {"type": "number", "minimum": 0} for name in ("send", "wait", "receive")},
                    **{name: {"type": "number", "minimum": -1} for name in ("blocked", "dns", "connect", "ssl")},
                ),
            ),
        },
    ),
)


def meets_the_specification(document: Any) -> bool:
    Draft202012Validator(HAR_12).validate(document)
    return True


def test_the_specification_is_met_by_what_mitmproxy_wrote() -> None:
    real = json.loads(REAL.read_text())
    for each in real["log"]["entries"]:
        each["request"].get("postData", {}).pop("params", None)
    assert meets_the_specification(real)


texts = st.text(st.characters(codec="utf-8"), max_size=8)
headers = st.lists(st.tuples(st.sampled_from(["Via", "Content-Type", "X-Request-Id"]), texts), max_size=3).map(
    lambda pairs: Headers(sorted(pairs, key=lambda pair: pair[0]))
)
bodies = st.binary(max_size=12) | texts.map(str.encode)
queries = st.text("abc=&%2F+.~", max_size=12)
calls = st.builds(
    Recording,
    st.builds(
        Request, st.sampled_from(["GET", "POST", "DELETE"]), st.just(ENDPOINT), st.just(PATH), queries, headers, bodies
    ),
    st.builds(Response, st.integers(100, 999), headers, bodies) | st.builds(Failure, st.just("timeout"), texts),
    st.booleans(),
)


@given(st.lists(calls, max_size=3))
def test_a_cassette_given_out_meets_the_specification_and_comes_back(kept: list[Recording]) -> None:
    document = json.loads(json.dumps(to_har(cassette(*kept))))
    assert is_har(document)
    assert meets_the_specification(document)
    taken = read(document)
    assert list(taken.recordings) == kept
    assert taken.left_out == 0


def test_an_export_says_what_it_knows_and_no_more() -> None:
    call = Recording(asked("type=addonStatic&x=%E6%8F%92", body=b"\xff"), answered().outcome)
    log = to_har(cassette(call, failed(), recorded_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)))["log"]
    assert log["creator"]["name"] == "pytest-cce-precheck"
    first, second = log["entries"]
    assert first["startedDateTime"] == "2026-01-02T03:04:05.000Z"
    assert first["request"]["queryString"] == [{"name": "type", "value": "addonStatic"}, {"name": "x", "value": "插"}]
    assert first["request"]["postData"] == {"mimeType": "application/json", "text": "/w==", "_encoding": "base64"}
    assert first["response"]["statusText"] == "OK"
    assert first["timings"]["connect"] == -1
    assert (second["response"]["status"], second["response"]["_error"]) == (0, "no answer")
    assert second["_failure"] == {"reason": "timeout", "detail": "no answer"}
