"""The suite in live mode against endpoints that are no service: each is named for what it is, without a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.wire.body import MAX_BYTES
from tests.plugin.projects import LIVE
from tests.servers import Handler, always, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Run

    Answer = Callable[[Handler], None]

SUITE: Final = ("--pyargs", "pytest_cce_precheck.suite", *LIVE)
FIFTY_MEGABYTES: Final = 50 * 1024 * 1024


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "PLANTED-token-of-the-test")


NOT_REACHABLE: Final = "\nnot reachable: http"


def red(result: pytest.RunResult, verdict: str = "\nthe contract does not hold: ") -> str:
    """Check what holds of every run against a broken endpoint, and give what it printed."""
    text = result.stdout.str() + result.stderr.str()
    assert result.ret == 1, text
    assert verdict in text
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    assert "PLANTED" not in text
    return text


def half_the_body(handler: Handler) -> None:
    handler.reply(200, b'{"kind": "AddonCheck", ', Content_Length="5000")
    handler.close_connection = True


def fifty_megabytes(handler: Handler) -> None:
    handler.reply(200, b'{"kind": "', Content_Length=str(FIFTY_MEGABYTES))
    for _ in range(FIFTY_MEGABYTES // 65536):
        handler.wfile.write(b"x" * 65536)


def no_answer(handler: Handler) -> None:
    handler.close_connection = True


def not_http(handler: Handler) -> None:
    handler.wfile.write(b"220 smtp.example ESMTP ready\r\n")
    handler.close_connection = True


refused = always(401, b'{"errorCode": "CCE.01401001", "errorMessage": "Authorization failed."}')


def silence(handler: Handler) -> None:
    # ends when the client gives up
    handler.rfile.read(1)


BAD_GATEWAY: Final = always(502, b"<html>Bad Gateway</html>", "text/html")
# of these nobody can say that they break the contract
VERDICTS: Final = {
    no_answer: NOT_REACHABLE,
    refused: "\nnot let in: http",
    BAD_GATEWAY: "\nincomplete: ",
}


@pytest.mark.parametrize(
    ("answer", "code", "fact"),
    [
        (always(200, b"<!doctype html><title>Sign in</title>", "text/html"), "PRE106", "HTML"),
        (BAD_GATEWAY, "not judged", "502 in all of 7 tries"),
        (always(200, b""), "PRE106", "the body is empty"),
        (always(200, b'{"kind": "AddonCheck", "items": ['), "PRE106", "ends too early"),
        (half_the_body, "PRE101", "ended before its Content-Length"),
        (always(200, b'{"kind": "Addon\xff\xfe"}'), "PRE106", "not UTF-8"),
        (always(200, b'{"kind": "AddonCheck", "kind": "AddonCheck"}'), "PRE106", 'the key "kind" occurs twice'),
        (always(200, b'{"pageInfo": {"currentCount": NaN}}'), "PRE106", "NaN is not a JSON number"),
        (always(200, b"[" * 10_000 + b"]" * 10_000), "PRE106", "deeper than 100 levels"),
        (always(200, b'{"a":' * 10_000 + b"1" + b"}" * 10_000), "PRE106", "deeper than 100 levels"),
        (fifty_megabytes, "PRE101", f"larger than {MAX_BYTES:,} bytes"),
        (no_answer, "PRE101", "the connection was lost"),
        (not_http, "PRE101", "not an HTTP answer"),
        (always(200, b"{}", Content_Encoding="gzip"), "PRE101", "not encoded as its Content-Encoding says"),
        (always(200, b"[]"), "PRE202", "object"),
        (refused, "PRE102", "401"),
    ],
    ids=[
        "html", "502", "empty", "cut-json", "cut-body", "not-utf8", "duplicate-key", "nan", "deep-arrays",
        "deep-objects", "50-megabytes", "no-answer", "not-http", "not-gzip", "array", "401",
    ],
)  # fmt: skip
def test_a_broken_answer_is_a_finding_that_names_it(run: Run, answer: Answer, code: str, fact: str) -> None:
    with serving(answer) as server:
        verdict = VERDICTS.get(answer, "\nthe contract does not hold: ")
        text = red(run(*SUITE, f"--cce-endpoint={server.endpoint}"), verdict)
    named = [line for line in text.splitlines() if code in line]
    assert any(fact in line for line in named), named


def test_an_endpoint_that_is_down_is_told_as_such(run: Run) -> None:
    text = red(run(*SUITE, f"--cce-endpoint=http://127.0.0.1:{free_port()}"), NOT_REACHABLE)
    assert "PRE101" in text
    assert "Connection refused" in text


def test_a_name_that_does_not_resolve_is_told_as_such(run: Run) -> None:
    # RFC 6761: this top-level domain never resolves
    text = red(run(*SUITE, "--cce-endpoint=https://cce.invalid"), NOT_REACHABLE)
    assert "the host's name cannot be resolved" in text


def test_an_endpoint_that_speaks_no_tls_is_told_as_such(run: Run) -> None:
    with serving(always(200, b"{}")) as server:
        text = red(run(*SUITE, f"--cce-endpoint=https://127.0.0.1:{server.server_port}"), NOT_REACHABLE)
    assert "it does not speak TLS (is the endpoint http://?)" in text


def test_an_endpoint_that_never_answers_does_not_hold_up_the_run(run: Run) -> None:
    with serving(silence) as server:
        text = red(run(*SUITE, f"--cce-endpoint={server.endpoint}", "--cce-timeout=1"), NOT_REACHABLE)
    assert "no answer within the time allowed" in text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_finding_and_never_followed(run: Run, status: int) -> None:
    with serving(always(200, b"{}")) as elsewhere:
        location = f"{elsewhere.endpoint}/api/v3/stolen"
        with serving(always(status, b"", Location=location)) as server:
            text = red(run(*SUITE, f"--cce-endpoint={server.endpoint}"))
            assert server.seen
        assert elsewhere.seen == []
    assert "PRE104" in text


def test_a_project_gets_the_same_words_for_an_answer_that_never_came(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("def test_listed(cce_client): cce_client.list_tasks()")
    result = run(*LIVE, f"--cce-endpoint=http://127.0.0.1:{free_port()}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *TransportError: GET http://127.0.0.1:*Connection refused*"])
    assert "INTERNALERROR" not in result.stdout.str()
