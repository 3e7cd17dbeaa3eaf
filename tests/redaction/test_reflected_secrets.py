"""An answer that repeats a credential of its request: the fact is recorded, and comes back with the replay's own."""

from __future__ import annotations

import pytest

from pytest_cce_precheck.cassette.format import Failure, Recording
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.reflected_secrets import HEADER, marked, repeated
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, Response

AUTHORIZATION = "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature="


def request(**headers: str) -> Request:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request("GET", "https://cce.example", "/x", headers=Headers(named))


def answer(body: bytes = b"", **headers: str) -> Response:
    return Response(401, Headers([(name.replace("_", "-"), value) for name, value in headers.items()]), body, 1.5)


def noted(asked: Request, response: Response) -> list[str]:
    return [value for name, value in marked(asked, response).headers.pairs if name == "X-Repeats-Request-Header"]


def test_the_note_has_a_name_of_its_own() -> None:
    assert HEADER == "X-Repeats-Request-Header"


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("X-Auth-Token", "planted1", "planted1"),
        ("x-security-token", "planted-2", "planted-2"),
        ("Authorization", f"{AUTHORIZATION}0123abcd", "0123abcd"),
    ],
)
def test_each_credential_that_an_answer_repeats_is_noted_by_its_header(name: str, value: str, secret: str) -> None:
    asked = request(**{name: value})
    for response in (answer(f"no {secret}!".encode()), answer(X_Debug=f"sent {secret}")):
        [noted_name] = noted(asked, response)
        assert noted_name.lower() == name.lower()
    assert noted(asked, answer(b"no")) == []


def test_what_was_sent_beside_the_signature_is_no_credential() -> None:
    assert noted(request(Authorization=f"{AUTHORIZATION}0123abcd"), answer(b"SignedHeaders=host")) == []


def test_a_token_of_less_than_eight_characters_may_stand_in_an_answer_by_chance() -> None:
    assert noted(request(X_Auth_Token="planted"), answer(b"planted")) == []


def test_an_answer_that_repeats_nothing_stays_as_it_is() -> None:
    response = answer(b"no", X_Odd="\udcff")
    assert marked(request(X_Auth_Token="planted1"), response) is response
    assert marked(request(), response) is response
    assert repeated(request(X_Auth_Token="planted1"), response) is response


def test_a_replayed_answer_repeats_the_credentials_that_it_is_asked_with() -> None:
    asked = request(X_Auth_Token="planted1", Authorization=f"{AUTHORIZATION}0123abcd")
    recorded = marked(asked, answer(b"planted1 0123abcd", Via="a"))
    assert (recorded.status, recorded.body, recorded.elapsed) == (401, b"planted1 0123abcd", 1.5)
    now = request(X_Auth_Token="another-token", Authorization=f"{AUTHORIZATION}ffffffff")
    names = Headers([("Via", "a"), (HEADER, "X-Auth-Token, Authorization")])
    replayed = repeated(now, Response(401, names, b"*** ***", 1.5))
    assert replayed.headers.pairs == (("Via", "a"), (HEADER, "another-token"), (HEADER, "ffffffff"))
    assert (replayed.status, replayed.body, replayed.elapsed) == (401, b"*** ***", 1.5)
    assert repeated(request(), Response(401, names)).headers.pairs == (("Via", "a"),)


def test_a_recording_is_kept_without_secrets_in_its_request_and_in_what_came_of_it() -> None:
    redaction = Redaction(Credentials(token=Secret("planted-token")))
    asked = Request(
        "planted-token", "https://planted-token.example", "/planted-token", "task_id=planted-token",
        Headers([("X-Auth-Token", "planted-token"), ("Accept", "planted-token")]), b'{"a": "planted-token"}',
    )  # fmt: skip
    kept = redaction.recording(Recording(asked, answer(b'{"errorMessage": "planted-token"}'), repeats=True))
    assert isinstance(kept.outcome, Response)
    request_parts = (kept.request.method, kept.request.url, str(kept.request.headers.pairs), kept.request.body.decode())
    for text in (*request_parts, kept.outcome.body.decode()):
        assert "planted-token" not in text
    assert kept.outcome.headers.pairs == ((HEADER, "X-Auth-Token"),)
    assert kept.repeats
    failed = redaction.recording(Recording(asked, Failure("timeout", "no answer for planted-token")))
    assert isinstance(failed.outcome, Failure)
    assert "planted-token" not in failed.outcome.detail
