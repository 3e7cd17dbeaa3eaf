"""PRE1xx and the error envelopes: each rule speaks where it alone is broken, and is silent elsewhere."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.envelope import no_answer
from pytest_cce_precheck.contract.rules import Kind
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response, TransportError
from tests.contract.answers import HEADERS, Document, answered, codes, created, creation, listing, task

if TYPE_CHECKING:
    from collections.abc import Mapping

HTML = b"<html><body>502 Bad Gateway</body></html>"
TOKEN = "PLANTED-TOKEN-0123456789"


def listed(
    document: Any = None, *, query: str = "", status: int = 200, headers: Mapping[str, str | None] | None = None
) -> Exchange:
    """Return a list call's exchange, conforming where nothing is said; a header that is None is left out."""
    merged: dict[str, str | None] = {**dict(HEADERS), **(headers or {})}
    sent = [(name, value) for name, value in merged.items() if value is not None]
    body = listing() if document is None else document
    return answered(body, query=query, status=status, headers=sent, request_headers=[("X-Auth-Token", TOKEN)])


def refusal(status: int = 404, code: str | None = None, message: str = "Resource not found.") -> Document:
    """CCE's own error form."""
    return {"errorCode": f"CCE.01{status}001" if code is None else code, "errorMessage": message}


def gateway_refusal(code: str = "APIG.0301") -> Document:
    return {"error_code": code, "error_msg": "Incorrect IAM authentication information", "request_id": "2f0d"}


def severities(exchange: Exchange) -> list[tuple[str, str]]:
    return [(each.code, str(each.severity)) for each in check(exchange)]


def test_an_answer_that_never_came_is_named_by_its_reason() -> None:
    error = TransportError("tls", "the TLS connection failed: self-signed certificate", listed().request)
    finding = no_answer(error)
    assert (finding.code, finding.subject) == ("PRE101", ("tls",))
    assert finding.message.endswith("/addons/precheck/tasks: the TLS connection failed: self-signed certificate")
    assert finding.evidence == (("endpoint", "https://cce.example"),)


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_a_list_answered_with_another_success_status_is_unexpected(status: int) -> None:
    assert codes(listed(status=status)) == ["PRE102"]


def test_a_create_answered_with_200_is_unexpected() -> None:
    asked, document = creation()
    assert codes(created(document, asked, 200)) == ["PRE102"]


def test_a_refusal_is_unexpected_only_where_the_asker_expected_another_status() -> None:
    exchange = listed(refusal(404), status=404)
    assert codes(exchange) == []
    assert codes(exchange, expect={200, 404}) == []
    assert codes(exchange, expect={200}) == ["PRE102"]
    assert "status 404, but 200 was expected" in check(exchange, expect={200})[-1].message


@pytest.mark.parametrize("status", [500, 501, 505, 599])
def test_one_server_error_is_an_observation_even_where_success_was_expected(status: int) -> None:
    exchange = listed(refusal(status), status=status)
    for found in (check(exchange), check(exchange, expect={200})):
        assert [(each.code, each.kind) for each in found] == [("PRE124", Kind.OBSERVATION)]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_state_of_the_gateway_is_no_verdict_on_the_service(status: int) -> None:
    exchange = listed(gateway_refusal("APIG.0201"), status=status, headers={"Retry-After": "3"})
    assert codes(exchange, expect={200}) == []


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308])
def test_a_redirect_is_named_with_where_it_leads(status: int) -> None:
    exchange = listed({}, status=status, headers={"Location": "https://elsewhere.example/login"})
    assert codes(exchange) == ["PRE104"]
    assert "https://elsewhere.example/login" in check(exchange)[0].message


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text/html",
        "text/plain; charset=utf-8",
        "application/problem+json",
        "application/json; charset=latin-1",
        "",
    ],
)
def test_a_content_type_that_is_not_json_in_utf8_is_found(value: str | None) -> None:
    assert codes(listed(headers={"Content-Type": value})) == ["PRE105"]


@pytest.mark.parametrize(
    "value",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="UTF-8"',
        "Application/JSON",
        "application/json; charset=us-ascii",
        "application/json; profile=x",
    ],
)
def test_a_content_type_that_says_json_is_fine_however_it_is_written(value: str) -> None:
    assert codes(listed(headers={"Content-Type": value})) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"kind": "AddonCheck", "items": [', "truncated"),
        (b'\xef\xbb\xbf{"kind": "AddonCheck"}', "bom"),
        (b'{"kind": "Addon\xff"}', "not-utf8"),
        (b'{"pageInfo": {"currentCount": NaN}}', "not-json"),
        (b'{"kind": "AddonCheck", "kind": "AddonCheck"}', "duplicate-key"),
        (HTML, "html"),
        (b"{'kind': 'AddonCheck'}", "not-json"),
        (b"[" * 300 + b"]" * 300, "too-deep"),
        (b"[" * 10_000, "too-deep"),
        (b"{} {}", "not-json"),
    ],
)
def test_a_body_that_is_not_strict_json_is_named_by_its_reason(body: bytes, reason: str) -> None:
    findings = check(listed(body))
    assert [each.code for each in findings] == ["PRE106"]
    assert findings[0].subject == (reason,)


@pytest.mark.parametrize(
    ("body", "kind"), [([], "an array"), ("x", "a string"), (None, "null"), (1, "a number"), (True, "a boolean")]
)
def test_a_body_that_is_json_but_no_object_has_the_wrong_type(body: Any, kind: str) -> None:
    findings = check(listed(json.dumps(body).encode()))
    assert [(each.code, each.path) for each in findings] == [("PRE202", "$")]
    assert kind in findings[0].message


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"message": "no"},
        {"error": {"code": "CCE.01404001"}},
        {"errorCode": "CCE.01404001"},
        {"errorMessage": "no"},
        {"errorCode": "CCE.01404001", "errorMessage": None},
        {"error_code": "APIG.0301"},
        {"error_msg": "no"},
        {"error_code": 301, "error_msg": "no"},
        [],
        b"",
        HTML,
        b"null",
    ],
)
def test_an_error_in_neither_envelope_is_found(document: Any) -> None:
    assert codes(listed(document, status=404)) == ["PRE107"]


def test_an_error_in_the_form_of_cce_may_have_the_fields_of_the_gateway_too() -> None:
    error = {"errorCode": "CCE.01404001", "errorMessage": "not found"}
    assert codes(listed({**error, "error_code": "x", "error_msg": "y"}, status=404)) == []
    assert codes(listed({"errorCode": "CCE.01404001", "error_msg": "y"}, status=404)) == ["PRE107"]


@pytest.mark.parametrize(
    "document",
    [
        refusal(404, "CCE.1404001"),
        refusal(404, "CCE.01404001x"),
        refusal(404, "cce.01404001"),
        refusal(404, "404"),
        refusal(404, ""),
        refusal(404, "CCE.01404001\n"),
        refusal(404, "CCE.01400001"),
        gateway_refusal("0301"),
    ],
)
def test_an_error_code_that_is_malformed_or_names_another_status_is_found(document: Any) -> None:
    assert codes(listed(document, status=404)) == ["PRE108"]


@pytest.mark.parametrize(
    "document", [refusal(500), gateway_refusal(), {"errorMessage": "no"}, {"error_code": "APIG.0301"}]
)
@pytest.mark.parametrize("exchange", [listed, created])
def test_an_error_sent_as_success_is_found_and_not_judged_as_a_list(document: Any, exchange: Any) -> None:
    answer, findings = judge(exchange(document))
    assert answer is None
    assert [each.code for each in findings] == ["PRE109"]


def test_a_429_in_no_documented_form_need_not_say_when_to_come_back() -> None:
    assert "PRE110" not in codes(listed(b"busy", status=429))


@pytest.mark.parametrize("value", [None, "soon", "3"])
def test_whether_a_429_of_the_gateway_says_when_to_come_back_is_unspecified(value: str | None) -> None:
    document = {"error_code": "APIG.0308", "error_msg": "throttled", "request_id": "r"}
    assert codes(listed(document, status=429, headers={"Retry-After": value})) == []


TOO_LARGE = "Fri, 02 Jan 99999999999999999999 12:00:00 GMT"


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1.5", "3 s", "²", "1e3", TOO_LARGE])
def test_a_429_that_does_not_say_when_to_come_back_is_found(value: str | None) -> None:
    assert codes(listed(refusal(429), status=429, headers={"Retry-After": value})) == ["PRE110"]


@pytest.mark.parametrize("value", ["0", "120", "Tue, 05 Aug 2025 12:00:10 GMT"])
def test_a_429_with_seconds_or_a_date_is_fine(value: str) -> None:
    assert codes(listed(refusal(429), status=429, headers={"Retry-After": value})) == []


@pytest.mark.parametrize(
    "text",
    [
        'Traceback (most recent call last):\n  File "app.py", line 3',
        "boom\n    at com.huawei.cce.Handler.list(Handler.java:42)",
        "java.lang.NullPointerException",
        "goroutine 12 [running]:",
        "panic: runtime error: index out of range",
        "ORA-00942: table or view does not exist",
        "ERROR: syntax error (SQLSTATE 42601)",
    ],
)
def test_an_error_that_shows_internals_is_an_observation(text: str) -> None:
    [finding] = check(listed(refusal(400, message=text), status=400))
    assert (finding.code, finding.kind) == ("PRE111", Kind.OBSERVATION)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("space", ["\n", "\n ", " ", "\t"])
def test_an_error_of_nothing_but_space_is_read_once(space: str) -> None:
    assert codes(listed(refusal(400, message=space * 100_000 + "!"), status=400)) == []


@pytest.mark.parametrize(
    "text", ["Invalid request.", "the value at position 3 is not known", "no panic", "see SQL docs", ""]
)
def test_an_ordinary_error_message_shows_no_internals(text: str) -> None:
    assert codes(listed(refusal(400, message=text), status=400)) == []


def test_a_parameters_second_line_that_becomes_a_header_is_injected() -> None:
    query = "probe=x%0D%0AX-Precheck-Probe%3A%20injected"
    assert codes(listed(query=query, headers={"X-Precheck-Probe": "injected"})) == ["PRE112"]
    assert codes(listed(query=query)) == []
    assert codes(listed(query=query, headers={"X-Precheck-Probe": "other"})) == []


def test_a_line_that_happens_to_be_no_header_is_not_injected() -> None:
    assert codes(listed(query="probe=a%0Ab")) == []
    assert codes(listed(query="probe=a%0A%3A")) == []


@pytest.mark.parametrize("field", ["items", "pageInfo", "metadata"])
def test_an_error_that_carries_tasks_is_found(field: str) -> None:
    assert codes(listed({**refusal(404), field: listing([task()]).get(field, {})}, status=404)) == ["PRE607"]


@pytest.mark.parametrize(
    "exchange",
    [
        listed(refusal(401, message=f"bad token {TOKEN}"), status=401),
        listed(headers={"X-Debug": TOKEN}),
        listed(listing([task()]) | {"comment": TOKEN}),
    ],
)
def test_a_credential_is_found_wherever_the_answer_repeats_it_and_not_repeated_again(exchange: Exchange) -> None:
    assert codes(exchange) == ["PRE608"]
    assert TOKEN not in check(exchange)[0].message


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Auth-Token", "planted-token-text"),
        ("X-Security-Token", "planted-security-text"),
        ("Authorization", "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature=0123456789abcdef"),
    ],
)
def test_an_answer_that_repeats_a_credential_of_its_request_is_found(header: str, value: str) -> None:
    secret = value.rpartition("Signature=")[2]
    authenticated = {"status": 401, "request_headers": [(header, value)]}
    assert codes(answered(refusal(401, message=f"not known: {secret}"), **authenticated)) == ["PRE608"]
    assert codes(answered(refusal(401), **authenticated)) == []


def test_a_request_without_credentials_reveals_none() -> None:
    exchange = listed()
    for headers in (Headers(), Headers([("X-Auth-Token", "")]), Headers([("Authorization", "Signature=")])):
        assert codes(Exchange(exchange.request.with_headers(headers), exchange.response)) == []


def test_a_missing_request_id_is_an_observation() -> None:
    assert severities(listed(headers={"X-Request-Id": None})) == [("PRE190", "note")]


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (400, refusal(400, "CCE.03400001")),
        (401, refusal(401)),
        (401, gateway_refusal()),
        (401, {"error_code": "APIGW.0301", "error_msg": "no", "request_id": "1"}),
        (403, refusal(403)),
        (404, refusal(404)),
        (404, gateway_refusal("APIG.0101")),
        (404, {**refusal(404), "requestId": "more", "details": []}),
        (409, refusal(409, message="")),
    ],
)
def test_both_documented_envelopes_are_fine(status: int, document: Any) -> None:
    assert codes(listed(document, status=status)) == []
    assert codes(created(document, status=status)) == []


def test_a_captured_body_without_headers_is_judged_by_its_body_alone() -> None:
    exchange = listed()
    captured = Exchange(exchange.request, Response(200, body=exchange.response.body))
    assert check(captured) == []


def test_an_error_that_answers_head_needs_no_body() -> None:
    exchange = listed(b"", status=404)
    assert codes(Exchange(replace(exchange.request, method="HEAD"), exchange.response)) == []


def test_findings_carry_the_exchange_that_they_were_seen_in() -> None:
    exchange = listed(b"{")
    assert [each.exchanges for each in check(exchange)] == [(exchange,)]


def test_the_operation_is_known_by_the_method() -> None:
    read, _ = judge(listed())
    made, _ = judge(created(creation()[1]))
    assert read is not None
    assert made is not None
    assert (read.operation, made.operation) == ("list", "create")


def test_a_request_without_any_response_header_says_nothing_about_retry() -> None:
    request = Request("GET", "https://cce.example", "/")
    assert codes(Exchange(request, Response(429, body=json.dumps(refusal(429)).encode()))) == []


def test_an_unexpected_error_is_told_with_its_body_whatever_bytes_that_is_made_of() -> None:
    [unexpected] = [each for each in check(listed(b"no\xff", status=404), expect={200}) if each.code == "PRE102"]
    assert unexpected.message == "status 404, but 200 was expected: no\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("date", ["yesterday", TOO_LARGE])
def test_an_answer_whose_date_cannot_be_read_is_judged_all_the_same(date: str) -> None:
    assert codes(listed(headers={"Date": date})) == ["PRE116"]


def test_a_date_of_an_unknown_zone_is_taken_as_utc_wherever_this_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        # the tasks were made at 10 o'clock in UTC, which is 18 o'clock there
        found = codes(listed(headers={"Date": "Sun, 22 Nov 2026 10:00:00 -0000"}))
    time.tzset()
    # its form is not that of HTTP either
    assert found == ["PRE116"]


@pytest.mark.parametrize(
    ("exchange", "code", "subject"),
    [
        (listed(status=202), "PRE102", ("202",)),
        (listed(status=302), "PRE104", ("302",)),
        (listed(refusal(500), status=500), "PRE124", ("500",)),
        (listed(headers={"Content-Type": None}), "PRE105", ("absent",)),
        (listed(headers={"Content-Type": "Text/HTML"}), "PRE105", ("text/html",)),
        # what may be a key is not repeated in lower case, in which nobody would know it
        (listed(headers={"Content-Type": "Xk4/9aQ"}), "PRE105", ("no media type",)),
        (listed(headers={"Content-Type": "application/json; charset=gbk"}), "PRE105", ("charset",)),
        (listed(query="p=x%0AX-A%3A%20b", headers={"X-A": "b"}), "PRE112", ("X-A",)),
        (listed(headers={"X-Debug": TOKEN}), "PRE608", ("X-Auth-Token",)),
        (listed(b"{"), "PRE106", ("truncated",)),
        (listed(b"no", status=404), "PRE107", ("404", "body")),
        (listed({"errorCode": "CCE.01404001"}, status=404), "PRE107", ("$.errorMessage",)),
        (listed(refusal(404, "CCE.1"), status=404), "PRE108", ("format",)),
        (listed(refusal(404, "CCE.01401001"), status=404), "PRE108", ("status",)),
        (listed({**refusal(404), "items": []}, status=404), "PRE607", ("body",)),
    ],
)
def test_a_finding_says_what_it_is_about(exchange: Exchange, code: str, subject: tuple[str, ...]) -> None:
    assert [each.subject for each in check(exchange) if each.code == code] == [subject]


def test_a_body_that_cannot_be_read_is_told_with_the_readers_words() -> None:
    [finding] = check(listed(b"[1"))
    assert finding.message.startswith("the JSON ends too early, after 2 characters")


def test_an_unexpected_status_is_told_with_its_phrase_if_it_has_one() -> None:
    assert check(listed(refusal(500), status=500))[0].message == "status 500 Internal Server Error"
    assert check(listed(refusal(599), status=599))[0].message.rstrip() == "status 599"


@pytest.mark.parametrize(("token", "found"), [("PLANTED7", ["PRE608"]), ("PLANTED", [])])
def test_a_token_of_less_than_eight_characters_may_stand_in_an_answer_by_chance(token: str, found: list[str]) -> None:
    exchange = answered(refusal(401, message=token), status=401, request_headers=[("X-Auth-Token", token)])
    assert codes(exchange) == found


@pytest.mark.parametrize(
    ("beside", "codes"),
    [
        ({"errorCode": "CCE.01404001", "errorMessage": "not found"}, ["PRE109"]),
        ({"error_code": "APIG.0301"}, ["PRE109"]),
        ({"errorCode": None, "error_code": ""}, []),
        ({"errorCode": "0", "error_code": 0}, []),
    ],
)
def test_a_list_with_the_code_of_an_error_beside_it_is_an_error_as_success(
    beside: dict[str, object], codes: list[str]
) -> None:
    exchange = answered({**listing(), **beside})
    assert [each.code for each in check(exchange) if each.code != "PRE290"] == codes
