"""What refusals most likely mean, in either envelope, and in which texts that is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.text import describe, triage
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response

SIGNED = Headers([("Authorization", "SDK-HMAC-SHA256 Access=A, SignedHeaders=host, Signature=0")])
TOKEN = Headers([("X-Auth-Token", "PLANTED-TOKEN")])


def gateway(code: str, message: str = "…") -> dict[str, str]:
    return {"error_code": code, "error_msg": message, "request_id": "r"}


def cce(code: str) -> dict[str, str]:
    return {"errorCode": code, "errorMessage": "…"}


def refused(status: int, body: Any, *, headers: Headers = TOKEN, query: str = "", method: str = "GET") -> Exchange:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Exchange(Request(method, "https://cce.example", "/p", query, headers), Response(status, body=content))


@pytest.mark.parametrize(
    ("exchange", "skew", "beginning"),
    [
        (refused(401, gateway("APIGW.0301", "verify aksk fail"), headers=SIGNED), None, "wrong key or secret"),
        (refused(401, cce("CCE.01401001"), headers=SIGNED), None, "wrong key or secret"),
        (refused(401, gateway("APIG.0301"), headers=SIGNED), 1000.0, "wrong clock: this machine's clock is 1000 s"),
        (refused(401, cce("CCE.01401001"), headers=SIGNED), -1000.0, "wrong clock: this machine's clock is 1000 s"),
        (refused(401, cce("CCE.01401001"), headers=SIGNED), 412.0, "wrong key or secret"),
        (refused(401, gateway("APIG.0301", "failed to reach the limit"), headers=SIGNED), None, "the access key"),
        (refused(401, gateway("APIG.0307")), None, "token expired"),
        (refused(401, gateway("APIG.0301", "token expires, expires_at: x")), None, "token expired"),
        (refused(401, gateway("APIG.0301", "decrypt token fail")), 1000.0, "token not accepted"),
        (refused(401, cce("CCE.01401001")), None, "token not accepted"),
        (refused(403, cce("CCE.01403001")), None, "no permission: grant"),
        (refused(403, gateway("APIGW.0302")), None, "no permission: grant"),
        (refused(403, cce("CCE.01403001"), method="POST"), None, "no permission to create: grant"),
        (refused(403, gateway("APIGW.0310")), None, "wrong project:"),
        (refused(403, gateway("APIGW.0802")), None, "wrong region"),
        (refused(403, gateway("APIGW.0402")), None, "no permission for this machine's address"),
        (refused(404, cce("CCE.01404001")), None, "wrong project or cluster"),
        (refused(404, gateway("APIGW.0101"), query="type=x"), None, "gateway only"),
        (refused(404, b"<html>"), None, "what answers there is not CCE"),
        (refused(429, cce("CCE.02429001")), None, "throttled"),
        (refused(429, gateway("APIG.0308")), None, "throttled"),
        (refused(500, cce("CCE.01500001")), None, "the service failed"),
        (refused(500, b"<html>"), None, "the service failed"),
        (refused(502, b"<html>"), None, "gateway only"),
        (refused(504, gateway("APIG.0203")), None, "gateway only"),
        (refused(503, cce("CCE.01503001")), None, "the service is unavailable"),
    ],
)  # fmt: skip
def test_a_refusal_is_recognised_by_its_status_its_code_and_its_words(
    exchange: Exchange, skew: float | None, beginning: str
) -> None:
    advice = triage(exchange, skew)
    assert advice is not None
    assert advice.startswith(beginning)
    assert "\n" not in advice


@pytest.mark.parametrize(
    "exchange",
    [refused(200, {}), refused(400, cce("CCE.03400001")), refused(404, cce("CCE.01404001"), query="task_id=x")],
)
def test_what_is_no_refusal_or_has_reasons_of_its_own_is_not_triaged(exchange: Exchange) -> None:
    assert triage(exchange, 1000.0) is None


def test_a_clock_that_alone_does_not_explain_a_refusal_is_mentioned() -> None:
    advice = triage(refused(401, cce("CCE.01401001"), headers=SIGNED), 412.0)
    assert str(advice).endswith("also, this machine's clock is 412 s ahead of the service's")


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"\xff", b'{"error_code": 3}', b'{"errorCode": null}', b'{"error_code": "X"}']
)
@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_any_body_is_triaged(status: int, body: bytes) -> None:
    assert triage(refused(status, body), None)


# ---- where it is said


def said(code: str, exchange: Exchange, skew: float | None = None) -> list[str]:
    finding = Finding(code, "a fact").seen_in(exchange)
    text = describe([finding], Redactor(()), kind="token", skew=skew)
    return [line.strip() for line in text.splitlines() if line.startswith("  triage")]


def test_a_failure_text_has_the_triage_of_an_unexpected_refusal() -> None:
    [line] = said("PRE102", refused(401, gateway("APIG.0301"), headers=SIGNED), skew=1000.0)
    assert line.startswith("triage    wrong clock: this machine's clock is 1000 s ahead of the service's")


def test_a_refusal_that_was_asked_for_is_not_triaged() -> None:
    assert said("PRE607", refused(401, cce("CCE.01401001"))) == []
    assert said("PRE107", refused(401, b"<html>")) == []
