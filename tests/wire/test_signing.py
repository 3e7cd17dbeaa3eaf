"""Signatures as they are made: the vendor's own for every request, and what is asked for where none can be made."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.errors import ConfigurationError, MissingCredentialsError
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.signing import authenticate, sign, verify
from tests.toolchains import require_module
from tests.wire.signed import AK, DATE, KEYS, NOW, PATH, SK, header_values, reason_of, request, values, with_header

if TYPE_CHECKING:
    from collections.abc import Callable

# in the vendor's request a name has one value or one list of them
query_params = st.dictionaries(values, values | st.lists(values, min_size=1, max_size=3), max_size=4)
header_names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda name: name.lower() not in {"host", "authorization", "content-type"} and not name.lower().startswith("x-")
)
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


def test_a_payload_that_is_no_json_is_not_signed() -> None:
    upload = request(method="POST", body=b"abc", headers=Headers({"Content-Type": "text/plain"}))
    signed = sign(upload, KEYS, now=NOW)
    assert signed.headers["X-Sdk-Content-Sha256"] == "UNSIGNED-PAYLOAD"
    assert verify(replace(signed, body=b"xyz"), secret_of={AK: SK}.get, now=NOW) == AK
    assert reason_of(replace(signed, body=b"")) == "mismatch"


def test_a_header_beyond_ascii_is_signed_as_utf_8_however_it_is_read() -> None:
    signed = sign(request(headers=Headers({"X-Note": " 中 "})), KEYS, now=NOW)
    assert signed.headers["X-Note"] == "中".encode().decode("latin-1")
    assert verify(signed, secret_of={AK: SK}.get, now=NOW) == AK
    assert verify(with_header(signed, "X-Note", "中"), secret_of={AK: SK}.get, now=NOW) == AK


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
