"""Signatures as they are verified: whatever was changed, is missing or too old is refused with a reason."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.wire.credentials import Secret
from pytest_cce_precheck.wire.exchange import Headers
from pytest_cce_precheck.wire.signing import SignatureError, SignatureReason, sign, verify
from tests.wire.signed import AK, DATE, KEYS, NOW, SK, header_values, reason_of, report_of, request, values, with_header

FULL = sign(
    request(
        method="POST",
        path="/api/v3/a%20b/tasks",
        query="type=addonStatic&task_id=a%2Bb&x",
        headers=Headers({"Content-Type": "application/json", "X-Note": "a note"}),
        body=b'{"kind": "AddonCheck"}',
    ),
    replace(KEYS, security_token=Secret("temporary-token")),
    now=NOW,
    project_id="0a1b2c",
)
replacements = st.sampled_from("abAZ09%/+-&=;?~ é")


def change(text: str, index: int, character: str) -> str:
    index %= len(text)
    assume(text[index] != character)
    return text[:index] + character + text[index + 1 :]


def meaning_of_path(path: str) -> bytes:
    octets = unquote_to_bytes(path)
    return octets if octets.endswith(b"/") else octets + b"/"


def meaning_of_query(query: str) -> list[tuple[bytes, bytes]]:
    fields = [field.replace("+", " ").partition("=") for field in query.split("&") if field]
    return sorted((unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in fields)


@given(st.integers(0, 3), st.sampled_from("ABCDEFG"))
def test_no_other_method_is_accepted(index: int, character: str) -> None:
    assert reason_of(replace(FULL, method=change(FULL.method, index, character))) == "mismatch"


@given(st.integers(0, 100), replacements)
def test_no_other_path_is_accepted(index: int, character: str) -> None:
    path = change(FULL.path, index, character)
    assume(meaning_of_path(path) != meaning_of_path(FULL.path))
    assert reason_of(replace(FULL, path=path)) == "mismatch"


@given(st.integers(0, 100), replacements)
def test_no_other_query_is_accepted(index: int, character: str) -> None:
    query = change(FULL.query, index, character)
    assume(meaning_of_query(query) != meaning_of_query(FULL.query))
    assert reason_of(replace(FULL, query=query)) == "mismatch"


@given(st.integers(0, 21), st.integers(0, 255))
def test_no_other_body_is_accepted(index: int, octet: int) -> None:
    body = FULL.body[:index] + bytes([octet]) + FULL.body[index + 1 :]
    assume(body != FULL.body)
    assert reason_of(replace(FULL, body=body)) == "mismatch"


@given(
    st.sampled_from(["Content-Type", "Host", "X-Note", "X-Project-Id", "X-Security-Token"]),
    st.integers(0, 100),
    replacements,
)
def test_no_other_value_of_a_signed_header_is_accepted(name: str, index: int, character: str) -> None:
    value = change(FULL.headers[name], index, character)
    assume(value.strip() != FULL.headers[name])
    assert reason_of(with_header(FULL, name, value)) == "mismatch"


@given(st.integers(0, 15), st.sampled_from("0123456789TZ-"))
@example(9, "9")
@example(4, "9")
def test_no_other_date_is_accepted(index: int, character: str) -> None:
    assert reason_of(with_header(FULL, "X-Sdk-Date", change(DATE, index, character))) in {
        "mismatch",
        "date-malformed",
    }


@given(st.integers(0, 300), replacements | st.sampled_from("0123456789abcdef,"))
def test_no_other_authorization_is_accepted(index: int, character: str) -> None:
    text = change(FULL.headers["Authorization"], index, character)
    assert reason_of(with_header(FULL, "Authorization", text)) in {
        "malformed",
        "unknown-key",
        "mismatch",
        "unsigned-header",
    }


@given(st.integers(0, 100), replacements)
def test_no_other_secret_is_accepted(index: int, character: str) -> None:
    assert reason_of(FULL, secret=change(SK, index, character)) == "mismatch"


@pytest.mark.parametrize("name", ["Content-Type", "X-Note", "X-Project-Id", "X-Security-Token"])
def test_a_signed_header_cannot_be_taken_away(name: str) -> None:
    assert reason_of(FULL.with_headers(FULL.headers.without(name))) == "mismatch"


def test_a_request_of_the_vendors_go_sdk_is_verified_though_it_does_not_sign_its_host() -> None:
    """As huaweicloud-sdk-go-v3 0.1.207 sent it."""
    names = "user-agent;x-project-id;x-sdk-date"
    signature = "b9fc3cbece514e4a51c664a040de1ae1bdcad2c0f1e8f1168c712d2000073e0f"
    system = "os/Debian_GNU/Linux#12_(bookworm)#amd64 go/go1.26.8"
    sent = request(
        endpoint="http://127.0.0.1:18082",
        path="/api/v3/projects/a-project/clusters/a-cluster/addons/precheck/tasks",
        query="task_id=a%20b%2Bc%2F%C3%A9&type=addonStatic",
        headers=Headers(
            {
                "Host": "127.0.0.1:18082",
                "User-Agent": f"huaweicloud-usdk-go/3.0; {system}; app/00000000-0000-0000-0000-000000000000",
                "Authorization": f"SDK-HMAC-SHA256 Access=EXAMPLE-AK, SignedHeaders={names}, Signature={signature}",
                "Content-Type": "application/json",
                "X-Project-Id": "a-project",
                "X-Sdk-Date": "20261124T034955Z",
                "Accept-Encoding": "gzip",
            }
        ),
    )
    then = datetime(2026, 11, 24, 3, 50, tzinfo=UTC)
    verify(sent, secret_of={"EXAMPLE-AK": "EXAMPLE-SK"}.get, now=then)
    with pytest.raises(SignatureError, match="signature"):
        verify(replace(sent, query="type=addonStatic"), secret_of={"EXAMPLE-AK": "EXAMPLE-SK"}.get, now=then)


@pytest.mark.parametrize("name", ["X-Sdk-Date", "X-Project-Id", "X-Security-Token", "X-Sdk-Content-Sha256"])
def test_a_header_that_carries_weight_must_be_signed(name: str) -> None:
    plain = sign(request(headers=Headers({name: "x"})), KEYS, now=NOW, project_id="p")
    signed = plain.headers["Authorization"]
    names = signed.partition("SignedHeaders=")[2].partition(",")[0]
    without = ";".join(one for one in names.split(";") if one != name.lower())
    assert reason_of(with_header(plain, "Authorization", signed.replace(names, without))) == "unsigned-header"


def test_a_body_cannot_be_exchanged_behind_a_hash_that_is_added() -> None:
    signed = sign(request(method="POST", body=b"{}"), KEYS, now=NOW)
    forged = replace(signed, body=b'{"evil": 1}')
    forged = with_header(forged, "X-Sdk-Content-Sha256", hashlib.sha256(b"{}").hexdigest())
    assert reason_of(forged) == "unsigned-header"


def test_a_body_cannot_be_exchanged_behind_a_hash_that_was_signed() -> None:
    digest = hashlib.sha256(b"{}").hexdigest()
    signed = sign(request(method="POST", body=b"{}", headers=Headers({"X-Sdk-Content-Sha256": digest})), KEYS, now=NOW)
    assert verify(signed, secret_of={AK: SK}.get, now=NOW) == AK
    assert reason_of(replace(signed, body=b"[]")) == "mismatch"
    assert reason_of(replace(signed, body=b"")) == "mismatch"


def test_headers_that_a_client_adds_after_signing_do_no_harm() -> None:
    sent = with_header(with_header(FULL, "User-Agent", "python"), "Content-Length", "22")
    assert verify(sent, secret_of={AK: SK}.get, now=NOW) == AK


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=15), timedelta(minutes=-15)])
def test_a_signature_is_good_for_fifteen_minutes_either_way(age: timedelta) -> None:
    assert verify(FULL, secret_of={AK: SK}.get, now=NOW + age) == AK


@pytest.mark.parametrize(
    ("age", "detail"),
    [
        (901, "X-Sdk-Date is 901 s behind the verifier's clock; at most 900 s are allowed"),
        (-901, "X-Sdk-Date is 901 s ahead of the verifier's clock; at most 900 s are allowed"),
    ],
)
def test_an_expired_signature_says_by_how_much(age: int, detail: str) -> None:
    with pytest.raises(SignatureError) as caught:
        verify(FULL, secret_of={AK: SK}.get, now=NOW + timedelta(seconds=age))
    assert (caught.value.reason, caught.value.detail) == ("expired", detail)


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "missing"),
        ("", "malformed"),
        ("Bearer x", "malformed"),
        ("SDK-HMAC-SM3 Access=a, SignedHeaders=host, Signature=" + "0" * 64, "malformed"),
        ("SDK-HMAC-SHA256", "malformed"),
        ("SDK-HMAC-SHA256 Access=a, SignedHeaders=host", "malformed"),
        ("SDK-HMAC-SHA256 Access=, SignedHeaders=host, Signature=" + "0" * 64, "malformed"),
        ("SDK-HMAC-SHA256 Access=a, SignedHeaders=, Signature=" + "0" * 64, "malformed"),
        ("SDK-HMAC-SHA256 Access=a, SignedHeaders=Host, Signature=" + "0" * 64, "malformed"),
        ("SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=" + "0" * 63, "malformed"),
        ("SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=" + "A" * 64, "malformed"),
        ("SDK-HMAC-SHA256 Access=a, SignedHeaders=host;x-sdk-date, Signature=" + "0" * 64, "unknown-key"),
        (f"SDK-HMAC-SHA256 Access={AK}, SignedHeaders=host;x-sdk-date, Signature=" + "0" * 64, "mismatch"),
        (
            f"SDK-HMAC-SHA256 Access={AK}, SignedHeaders=host;x-sdk-date;x-gone, Signature=" + "0" * 64,
            "mismatch",
        ),
        (f"SDK-HMAC-SHA256 Access={AK}, SignedHeaders=host, Signature=" + "0" * 64, "unsigned-header"),
    ],
)
def test_a_refusal_has_a_reason(authorization: str | None, reason: SignatureReason) -> None:
    bare = request(headers=Headers({"Host": "cce.test", "X-Sdk-Date": DATE}))
    assert reason_of(bare if authorization is None else with_header(bare, "Authorization", authorization)) == reason


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        (None, "date-missing"),
        ("", "date-malformed"),
        ("2025-08-05T09:10:11Z", "date-malformed"),
        ("20250805T091011", "date-malformed"),
        ("20250230T091011Z", "date-malformed"),
        ("20250805T251011Z", "date-malformed"),
        ("٢٠250805T091011Z", "date-malformed"),
        ("Tue, 05 Aug 2025 09:10:11 GMT", "date-malformed"),
    ],
)
def test_a_date_that_is_none_is_refused(date: str | None, reason: SignatureReason) -> None:
    undated = FULL.with_headers(FULL.headers.without("X-Sdk-Date"))
    assert reason_of(undated if date is None else with_header(undated, "X-Sdk-Date", date)) == reason


def test_a_refusal_shows_neither_the_signature_that_would_have_fit_nor_what_was_sent() -> None:
    expected = FULL.headers["Authorization"][-64:]
    wrong = with_header(FULL, "Authorization", FULL.headers["Authorization"].replace(expected, "0" * 64))
    with pytest.raises(SignatureError) as caught:
        verify(wrong, secret_of={AK: SK}.get, now=NOW)
    assert expected not in report_of(caught.value)
    assert not [text for text in (SK, AK, "temporary-token", "0a1b2c") if text in caught.value.detail]
    assert isinstance(caught.value, CcePrecheckError)


@given(values, values, header_values, st.binary(max_size=5), st.text(max_size=40))
def test_any_request_is_verified_or_refused_with_a_reason(
    path: str, query: str, value: str, body: bytes, authorization: str
) -> None:
    any_request = request(path="/" + path, query=query, body=body, headers=Headers({"X-Sdk-Date": DATE, "A": value}))
    reason_of(with_header(any_request, "Authorization", authorization))
    signed = sign(any_request, KEYS, now=NOW)
    assert verify(signed, secret_of={AK: SK}.get, now=NOW) == AK
