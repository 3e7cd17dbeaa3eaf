"""The suite in live mode against endpoints that never come to an end: each run ends within its limits and says why."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.plugin.projects import LIVE
from tests.servers import Handler, always, serving

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from tests.conftest import Run

    Answer = Callable[[Handler], None]

SUITE: Final = ("--pyargs", "pytest_cce_precheck.suite", *LIVE, "--cce-timeout=1", "--cce-run-time=2")
# no answer lasts longer than this, which is far longer than the run's own limits
SECONDS: Final = 60
# nothing comes: one wait is too long, or the run ends before that; the last try may meet either
NO_ANSWER: Final = "no answer within the time allowed|the answer was not complete after"


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "PLANTED-token-of-the-test")


def over(handler: Handler) -> threading.Event:
    server: Any = handler.server
    event: threading.Event = server.over
    return event


def silence(handler: Handler) -> None:
    over(handler).wait(SECONDS)


def one_byte_at_a_time(handler: Handler, rest: bytes, begun: bytes = b"") -> None:
    handler.close_connection = True
    with suppress(OSError):
        handler.wfile.write(begun)
        for byte in rest * 100:
            if over(handler).wait(0.4):
                return
            handler.wfile.write(bytes([byte]))


def dripping_head(handler: Handler) -> None:
    one_byte_at_a_time(handler, b"X-Slow: 1\r\n", b"HTTP/1.1 200 OK\r\n")


def dripping_status_line(handler: Handler) -> None:
    one_byte_at_a_time(handler, b"HTTP/1.1 ")


def dripping_body(handler: Handler) -> None:
    one_byte_at_a_time(handler, b'{"kind": ', b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")


def dripping_trailers(handler: Handler) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    one_byte_at_a_time(handler, b"X-Slow: 1\r\n", chunks)


def dripping_chunk_size(handler: Handler) -> None:
    one_byte_at_a_time(handler, b"0", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def dripping_gzip(handler: Handler) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    # its comment has no end
    one_byte_at_a_time(handler, b"x", head + b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\x03")


def for_ever(handler: Handler, begun: bytes, piece: bytes) -> None:
    handler.close_connection = True
    with suppress(OSError):
        handler.wfile.write(begun)
        while not over(handler).is_set():
            handler.wfile.write(piece)


def endless_headers(handler: Handler) -> None:
    for_ever(handler, b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100)


def endless_header(handler: Handler) -> None:
    for_ever(handler, b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 8192)


def endless_body(handler: Handler) -> None:
    for_ever(handler, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 0x10000 + b"\r\n")


def endless_interim_answers(handler: Handler) -> None:
    for_ever(handler, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


# what ends before a whole head is no answer
NO_HEAD: Final = (silence, dripping_head, dripping_status_line, endless_interim_answers)


def red(result: pytest.RunResult, *, answered: bool = True) -> list[str]:
    """Check what holds of every such run, and give the lines of its summary that name a finding."""
    text = result.stdout.str() + result.stderr.str()
    assert result.ret == 1, text
    assert ("\nthe contract does not hold: 1 cause" if answered else "\nnot reachable: http") in text
    assert "INTERNALERROR" not in text
    assert "PLANTED" not in text
    return [line for line in text.splitlines() if line.startswith("  PRE")]


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        (silence, NO_ANSWER),
        (dripping_head, NO_ANSWER),
        (dripping_status_line, NO_ANSWER),
        (dripping_body, NO_ANSWER),
        (dripping_trailers, NO_ANSWER),
        (dripping_chunk_size, NO_ANSWER),
        (dripping_gzip, NO_ANSWER),
        (endless_headers, "more than 100 headers"),
        (endless_header, "more than 65536 bytes"),
        (endless_body, "larger than"),
        (endless_interim_answers, NO_ANSWER),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_an_answer_without_an_end_is_one_finding_within_the_limits(run: Run, answer: Answer, fact: str) -> None:
    with serving(answer) as server:
        lines = red(run(*SUITE, f"--cce-endpoint={server.endpoint}"), answered=answer not in NO_HEAD)
    assert len(lines) == 1
    assert "PRE101" in lines[0]
    assert re.search(fact, lines[0])


def test_an_endpoint_that_accepts_and_never_speaks_tls_is_given_up(run: Run) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        lines = red(run(*SUITE, f"--cce-endpoint=https://127.0.0.1:{listener.getsockname()[1]}"), answered=False)
    assert len(lines) == 1
    assert "PRE101" in lines[0]
    assert re.search(NO_ANSWER, lines[0])


def test_a_redirect_without_an_end_is_not_followed(run: Run) -> None:

    def onwards(handler: Handler) -> None:
        handler.reply(307, b"", Location=f"{handler.path}&again=1")

    with serving(onwards) as server:
        lines = red(run(*SUITE, f"--cce-endpoint={server.endpoint}"))
        assert not [seen.path for seen in server.seen if "again=1" in seen.path]
    assert "PRE104" in lines[0]


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("3600", r"360\d s"),
        ("Fri, 31 Dec 2060 23:59:59 GMT", "more than a year"),
        ("9" * 60, "more than a year"),
        ("9" * 5000, "more than a year"),
    ],
    ids=["an hour", "a date", "long", "endless"],
)
def test_who_is_told_to_come_again_in_an_hour_says_so_and_does_not_ask_again(run: Run, value: str, wait: str) -> None:
    body = b'{"errorCode": "CCE.02429001", "errorMessage": "Too many requests."}'
    with serving(always(429, body, Retry_After=value)) as server:
        result = run(*SUITE, f"--cce-endpoint={server.endpoint}")
        assert len(server.seen) == 1
    text = result.stdout.str()
    assert result.ret == 1
    assert "\nincomplete: 14 of 14 checks not judged" in text
    assert re.search(f"to come again after {wait}, and a run waits for 30 s at most", text)


def test_a_wait_that_would_outlast_the_run_is_not_begun(run: Run) -> None:
    body = b'{"errorCode": "CCE.02429001", "errorMessage": "Too many requests."}'
    with serving(always(429, body, Retry_After="20")) as server:
        result = run(*SUITE, f"--cce-endpoint={server.endpoint}")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["incomplete: 10 of 14 checks not judged (*", "*the run's time would be over before a wait of 20.* s"]
    )


@pytest.mark.parametrize("spent", ["seconds", "requests"])
def test_a_run_that_is_over_before_its_first_answer_is_not_green(
    run: Run, pytester: pytest.Pytester, spent: str
) -> None:
    seconds = "pytestconfig.stash[budgets_key].began -= 60"
    spends = seconds if spent == "seconds" else "[requests.get(cce_config.endpoint) for _ in range(30)]"
    pytester.makeconftest(
        f"""
        import pytest
        import requests

        from pytest_cce_precheck.plugin.request_budget import budgets_key

        @pytest.fixture(scope="session", autouse=True)
        def _something_else_comes_first(cce_config, pytestconfig):
            {spends}
        """
    )
    bound = "--cce-run-time=60" if spent == "seconds" else "--cce-budget=30"
    with serving(always(200, b"{}")) as server:
        options = (*LIVE, bound, f"--cce-endpoint={server.endpoint}")
        result = run(*SUITE[:2], "--rootdir=.", "-c", "/dev/null", *options, "-p", "conftest")
        assert len(server.seen) == (0 if spent == "seconds" else 30)
    assert result.ret == 1
    sent = "no request was sent" if spent == "seconds" else "30 requests, seed 0"
    result.stdout.fnmatch_lines(["incomplete: * of 14 checks not judged (*", f"*, {sent}"])
