from __future__ import annotations

import hashlib
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import quote, quote_plus, unquote_to_bytes

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError, MissingCredentialsError
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.signing import SignatureError, SignatureReason, authenticate, sign, verify
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2025, 8, 5, 9, 10, 11, tzinfo=UTC)
DATE = "20250805T091011Z"
AK, SK = "HST3MAPLE0EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
PATH = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"
KEYS = Credentials(access_key=Secret(AK), secret_key=Secret(SK))
AGES = timedelta(days=365 * 9000)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
awkward = st.text("aA0 +%/~&=?#.*'\"é中\n", max_size=6)
values = texts | awkward
# in the vendor's request a name has one value or one list of them
query_params = st.dictionaries(values, values | st.lists(values, min_size=1, max_size=3), max_size=4)
header_names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda name: name.lower() not in {"host", "authorization", "content-type"} and not name.lower().startswith("x-")
)
header_values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
special_headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            [
                "application/json",
                "application/json;charset=utf-8",
                "application/bson",
                "text/plain",
                "",
                "*/*",
            ]
        ),
        "X-Sdk-Content-Sha256": st.sampled_from(["UNSIGNED-PAYLOAD", hashlib.sha256(b"{}").hexdigest(), ""]),
        "Host": st.just("elsewhere.test:8443"),
    },
)
headers = st.builds(
    lambda free, special: {**free, **special},
    st.lists(st.tuples(header_names, header_values), max_size=4, unique_by=lambda pair: pair[0].lower()).map(dict),
    special_headers,
)
paths = st.lists(values, max_size=4).flatmap(
    lambda segments: st.sampled_from(
        [
            "/" + "/".join(quote(segment, safe="") for segment in segments),
            "/" + "/".join(quote(segment, safe="~!$&'()*+,;=:@") for segment in segments) + "/",
            "//" + "//".join(quote(segment).lower() for segment in segments),
        ]
    )
)


def every_octet(text: str) -> str:
    return "".join(f"%{octet:02x}" for octet in text.encode())


encoders = st.sampled_from(
    [lambda text: quote(text, safe="~"), lambda text: quote(text, safe=""), quote_plus, every_octet]
)


def query_text(params: dict[str, Any], encode: Callable[[str], str]) -> str:
    pairs = [(name, one) for name, value in params.items() for one in (value if isinstance(value, list) else [value])]
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)


def request(**changes: Any) -> Request:
    return Request(**{"method": "GET", "endpoint": "https://cce.test", "path": PATH, **changes})


def report_of(error: SignatureError) -> str:
    """Give the traceback with locals, but for the test's own frame."""
    assert error.__traceback__
    frames = error.__traceback__.tb_next
    return "".join(traceback.TracebackException(type(error), error, frames, capture_locals=True).format())


def reason_of(tampered: Request, *, now: datetime = NOW, secret: str = SK, window: timedelta = AGES) -> SignatureReason:
    with pytest.raises(SignatureError) as caught:
        verify(tampered, secret_of={AK: secret}.get, now=now, window=window)
    assert secret not in report_of(caught.value)
    assert str(caught.value) == caught.value.detail
    assert caught.value.reason in get_args(SignatureReason)
    return caught.value.reason


def with_header(original: Request, name: str, value: str) -> Request:
    return original.with_headers(original.headers.replacing(name, value))


@pytest.fixture(scope="module")
def vendor_sign() -> Callable[..., Any]:
    """Sign with the vendor's own code; gives the vendor's request."""
    auth = require_module("huaweicloudsdkcore.auth.credentials")
    sdk_request = require_module("huaweicloudsdkcore.sdk_request")

    def signed(
        original: Request,
        params: dict[str, Any],
        header_params: dict[str, str],
        project: str | None,
        token: str | None,
    ) -> Any:
        credentials = auth.BasicCredentials(AK, SK, project)
        if token is not None:
            credentials.security_token = token
        return credentials.sign_request(
            sdk_request.SdkRequest(
                method=original.method,
                schema="https",
                host="cce.test",
                resource_path=original.path,
                query_params=[(name, list(v) if isinstance(v, list) else v) for name, v in params.items()],
                # without a date the vendor's signer would take the time of day
                header_params={**header_params, "X-Sdk-Date": DATE},
                body=original.body,
            )
        )

    return signed


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "delete"]),
    path=paths,
    params=query_params,
    encode=encoders,
    header_params=headers,
    body=st.sampled_from([b"", b"{}", "é\n".encode(), b"\x00\xff"]) | st.binary(max_size=20),
    project=st.none() | st.just("0a1b2c"),
    token=st.none() | st.just("temporary-token=="),
)
def test_the_signature_is_the_vendors(
    vendor_sign: Callable[..., Any],
    method: str,
    path: str,
    params: dict[str, Any],
    encode: Callable[[str], str],
    header_params: dict[str, str],
    body: bytes,
    project: str | None,
    token: str | None,
) -> None:
    original = request(
        method=method, path=path, query=query_text(params, encode), headers=Headers(header_params), body=body
    )
    theirs = vendor_sign(original, params, header_params, project, token)
    keys = replace(KEYS, security_token=None if token is None else Secret(token))
    ours = sign(original, keys, now=NOW, project_id=project)
    assert ours.headers["Authorization"] == theirs.header_params["Authorization"]
    assert ours.headers == Headers(theirs.header_params)
    assert (ours.path, ours.query, ours.body) == (original.path, original.query, original.body)

    _, _, sent_query = theirs.uri.partition("?")
    as_received = replace(original, query=sent_query, headers=Headers(theirs.header_params))
    # a hash that is declared but wrong is the one thing that the vendor signs and a verifier must not believe
    if body in (b"", b"{}") or header_params.get("X-Sdk-Content-Sha256", "") in ("", "UNSIGNED-PAYLOAD"):
        assert verify(as_received, secret_of={AK: SK}.get, now=NOW) == AK
        assert verify(ours, secret_of={AK: SK}.get, now=NOW) == AK


@pytest.mark.parametrize(
    ("query", "equivalent"),
    [
        ("type", "type="),
        ("type=addonStatic&task_id=1", "task_id=1&type=addonStatic"),
        ("a=2&a=1", "a=1&a=2"),
        ("a%20b=1&a=2", "a=2&a+b=1"),
        ("a=b+c", "a=b%20c"),
        ("a=%c3%a9", "a=%C3%A9"),
        ("a=é", "a=%C3%A9"),
        ("a=%7e/", "a=~%2F"),
        ("&a=1&&", "a=1"),
        ("a=b=c", "a=b%3Dc"),
        ("=", "="),
    ],
)
def test_queries_that_mean_the_same_have_one_signature(query: str, equivalent: str) -> None:
    one = sign(request(query=query), KEYS, now=NOW)
    other = sign(request(query=equivalent), KEYS, now=NOW)
    assert one.headers["Authorization"] == other.headers["Authorization"]
    assert one.query == query


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("a=b%2Bc", "a=b+c"),
        ("a=%FF", "a=%FE"),
        ("a=1", "A=1"),
        ("a=1&a=1", "a=1"),
        ("a=%2520", "a=%20"),
        ("=a", "a="),
    ],
)
def test_queries_that_mean_different_things_have_two(query: str, other: str) -> None:
    signed = sign(request(query=query), KEYS, now=NOW)
    assert reason_of(replace(signed, query=other)) == "mismatch"


def test_a_signature_is_the_recorded_one() -> None:
    signed = sign(
        request(
            query="type=addonStatic&task_id=a%20b",
            headers=Headers([("Content-Type", "application/json"), ("x_trace", "not signed")]),
        ),
        replace(KEYS, security_token=Secret("temporary")),
        now=NOW,
        project_id="p",
    )
    assert signed.headers["Authorization"] == (
        f"SDK-HMAC-SHA256 Access={AK},"
        " SignedHeaders=content-type;host;x-project-id;x-sdk-date;x-security-token,"
        " Signature=399676d4d1fb0066e2ceb6dd549867e92725913785ed601f0ff78742820da96f"
    )


def test_signing_adds_what_the_service_asks_for() -> None:
    keys = replace(KEYS, security_token=Secret("temporary"))
    signed = sign(request(endpoint="https://user@cce.test:8443"), keys, now=NOW, project_id="p")
    assert dict(signed.headers.without("Authorization")) == {
        "host": "cce.test:8443",
        "x-sdk-date": DATE,
        "x-project-id": "p",
        "x-security-token": "temporary",
    }


def test_the_date_is_utc_wherever_now_is_taken() -> None:
    east = NOW.astimezone(datetime.strptime("+0800", "%z").tzinfo)
    assert sign(request(), KEYS, now=east) == sign(request(), KEYS, now=NOW)
    with pytest.raises(ValueError, match="now has no time zone"):
        sign(request(), KEYS, now=NOW.replace(tzinfo=None))


def test_a_request_can_be_signed_again() -> None:
    later = NOW + timedelta(hours=1)
    again = sign(sign(request(), KEYS, now=NOW, project_id="p"), KEYS, now=later, project_id="p")
    assert again == sign(request(), KEYS, now=later, project_id="p")
    assert verify(again, secret_of={AK: SK}.get, now=later) == AK


def test_a_path_before_the_request_target_is_signed_too() -> None:
    prefixed = sign(request(endpoint="https://cce.test/gateway"), KEYS, now=NOW)
    assert verify(
        replace(prefixed, endpoint="https://cce.test", path="/gateway" + PATH),
        secret_of={AK: SK}.get,
        now=NOW,
    )


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


@pytest.mark.parametrize("name", ["Host", "X-Sdk-Date", "X-Project-Id", "X-Security-Token", "X-Sdk-Content-Sha256"])
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


def test_a_payload_that_is_no_json_is_not_signed() -> None:
    upload = request(method="POST", body=b"abc", headers=Headers({"Content-Type": "text/plain"}))
    signed = sign(upload, KEYS, now=NOW)
    assert signed.headers["X-Sdk-Content-Sha256"] == "UNSIGNED-PAYLOAD"
    assert verify(replace(signed, body=b"xyz"), secret_of={AK: SK}.get, now=NOW) == AK
    assert reason_of(replace(signed, body=b"")) == "mismatch"


def test_headers_that_a_client_adds_after_signing_do_no_harm() -> None:
    sent = with_header(with_header(FULL, "User-Agent", "python"), "Content-Length", "22")
    assert verify(sent, secret_of={AK: SK}.get, now=NOW) == AK


def test_a_header_beyond_ascii_is_signed_as_utf_8_however_it_is_read() -> None:
    signed = sign(request(headers=Headers({"X-Note": " 中 "})), KEYS, now=NOW)
    assert signed.headers["X-Note"] == "中".encode().decode("latin-1")
    assert verify(signed, secret_of={AK: SK}.get, now=NOW) == AK
    assert verify(with_header(signed, "X-Note", "中"), secret_of={AK: SK}.get, now=NOW) == AK


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


def test_a_secret_that_is_no_text_does_not_show_in_an_encoding_error() -> None:
    odd = replace(KEYS, secret_key=Secret("key-\udc80"))
    assert verify(sign(request(), odd, now=NOW), secret_of={AK: "key-\udc80"}.get, now=NOW) == AK


def test_a_key_pair_authenticates_by_signature_and_goes_before_a_token() -> None:
    both = replace(KEYS, token=Secret("iam-token"))
    assert authenticate(request(), both, now=NOW, project_id="p") == sign(request(), KEYS, now=NOW, project_id="p")


def test_a_token_authenticates_by_its_header_alone() -> None:
    sent = authenticate(
        request(headers=Headers({"x-auth-token": "old"})),
        Credentials(token=Secret("iam-token")),
        now=NOW,
        project_id="p",
    )
    assert sent.headers.pairs == (("X-Auth-Token", "iam-token"),)


@pytest.mark.parametrize(
    ("credentials", "half"),
    [
        (Credentials(), ""),
        (Credentials(access_key=Secret(AK)), " (an access key is configured without its secret key)"),
        (Credentials(secret_key=Secret(SK)), " (a secret key is configured without its access key)"),
    ],
)
@pytest.mark.parametrize("call", [sign, authenticate])
def test_missing_credentials_are_asked_for_by_the_names_to_set(
    call: Callable[..., Request], credentials: Credentials, half: str
) -> None:
    with pytest.raises(MissingCredentialsError) as caught:
        call(request(), credentials, now=NOW)
    assert str(caught.value) == (
        f"no credentials{half}: set CCE_AUTH_TOKEN, or HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"
        " (CLOUD_SDK_AK and CLOUD_SDK_SK are read too)"
    )


@pytest.mark.parametrize("field", ["token", "access_key", "security_token"])
def test_a_credential_with_a_line_break_is_refused_and_not_shown(field: str) -> None:
    broken: dict[str, Secret] = {field: Secret("s3cr3t\n")}
    with pytest.raises(ConfigurationError) as caught:
        authenticate(request(), replace(KEYS, **broken), now=NOW)
    assert str(caught.value) == f"the {field.replace('_', ' ')} holds a line break or another control character"
