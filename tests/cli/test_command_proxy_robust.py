"""``cce-precheck proxy``: what late, careless or unlucky clients cannot spoil."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import requests

from pytest_cce_precheck import Credentials, SimulatorServer
from pytest_cce_precheck.cassette.format import Recording, dumps
from pytest_cce_precheck.cli.printing import LineWriter
from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.proxy.answering import Proxy
from pytest_cce_precheck.proxy.modes import Means, ReplayingProxy
from pytest_cce_precheck.proxy.open_tests import OpenTests
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.vocabulary import TEST_HEADER, list_path
from tests.proxies import cassette, environment, proxy, recording, tasks_of
from tests.recordings import PATH, asked, origin
from tests.servers import Handler, always, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOKEN = {"CCE_AUTH_TOKEN": "t-0123456789"}


def queries(folder: Path, name: str) -> list[str]:
    return [each["request"]["query"] for each in cassette(folder, name)["recordings"]]


# ---- good cassettes stay


@pytest.mark.parametrize("query", ["", "?failed=true"])
def test_a_late_request_does_not_begin_a_test_anew_that_was_ended(
    server: SimulatorServer, tmp_path: Path, query: str
) -> None:
    with recording(tmp_path, server) as running:
        running.begin("T")
        running.get(tasks_of(server), "T")
        running.end("T")
        running.begin("T")
        running.end("T", query)
        late = running.get(f"{tasks_of(server)}?type=addonStatic", "T")
        said = f"GET {tasks_of(server)} came after its test T had ended: begin it again with POST /_cce/tests"
        assert (late.status_code, late.json()["errorMessage"]) == (409, said)
        assert running.stop() == 1
        assert [each["message"] for each in running.of("problem")] == [said]
    assert queries(tmp_path, "T.json") == [""]


@pytest.mark.parametrize(
    ("one", "other"), [("T/y", "T//y"), ("T/y", "./T/y"), ("T/y", "T/y.json"), ("m.py::T::t", "m/T.t"), ("T/y", "t/Y")]
)
def test_two_tests_that_are_open_at_the_same_time_cannot_record_the_same_cassette(
    server: SimulatorServer, tmp_path: Path, one: str, other: str
) -> None:
    with recording(tmp_path, server) as running:
        running.begin(one)
        told = requests.post(f"{running.url}/_cce/tests", json={"name": other}, headers=running.token, timeout=10)
        assert told.status_code == 409
        assert f"the tests {one} and {other} would record the same cassette" in told.json()["error"]


def lost(handler: Handler) -> None:
    handler.close_connection = True


@pytest.mark.parametrize(
    "bad",
    [always(401, b"{}"), always(403, b"{}"), always(503, b"<html>", "text/html"), lost],
    ids=["401", "403", "503", "lost"],
)
def test_a_service_that_only_refuses_does_not_replace_what_was_recorded(
    tmp_path: Path, bad: Callable[[Handler], None]
) -> None:
    for answer, kept in ((always(200, b"{}"), True), (bad, False)):
        with serving(answer) as server, proxy(tmp_path, "--mode=record", "--to", server.endpoint, **TOKEN) as running:
            try:
                running.get("/api/v3/x", "T")
            except requests.ConnectionError:
                assert answer is lost
            assert running.stop() == (0 if kept else 1)
            [ended] = running.of("test")
            assert ended["kept"] is kept
    [problem] = ended["problems"]
    assert problem.startswith("not recorded: every call was refused (401, 403) or not answered by the service")
    assert problem.endswith("cce-cassettes/T.json has other answers; remove it to record these")
    assert cassette(tmp_path, "T.json")["recordings"][0]["response"]["status"] == 200


def test_a_token_that_expires_halfway_does_not_replace_what_was_recorded(tmp_path: Path) -> None:
    limits = [9, 3]

    def expiring(handler: Handler) -> None:
        limits[0] -= 1
        handler.reply(200 if limits[0] >= 0 else 401, b"{}")

    with serving(expiring) as server:
        for status in (0, 1):
            with proxy(tmp_path, "--mode=record", "--to", server.endpoint, **TOKEN) as running:
                for number in range(6):
                    running.get(f"{PATH}?task_id={status}{number}", "T")
                # a test that begins after it is refused from its first call on
                running.get(PATH, "U")
                assert running.stop() == status
                kept = {each["test"]: each["kept"] for each in running.of("test")}
                problems = [each["message"] for each in running.of("problem")]
            assert kept == dict.fromkeys("TU", not status)
            limits.pop(0)
    said = "refused with 401 where the service had let others in: has the token expired? Get a new one, or let"
    assert problems == [
        f"not recorded: 3 of 6 calls {said} --token-command renew it",
        f"not recorded: 1 of 1 call {said} --token-command renew it",
    ]
    assert queries(tmp_path, "T.json") == [f"task_id=0{number}" for number in range(6)]


def test_a_refusal_by_another_project_is_recorded(tmp_path: Path) -> None:
    def strict(handler: Handler) -> None:
        handler.reply(401 if "/projects/foreign/" in handler.path else 200, b"{}")

    with serving(strict) as server, proxy(tmp_path, "--mode=record", "--to", server.endpoint, **TOKEN) as running:
        for project in ("own", "foreign"):
            running.get(list_path(project, "c"), "T")
        assert running.end("T")["kept"] is True


def test_a_cassette_of_refusals_can_be_recorded_again(tmp_path: Path) -> None:
    with serving(always(401, b"{}")) as server:
        for _ in range(2):
            with proxy(tmp_path, "--mode=record", "--to", server.endpoint, **TOKEN) as running:
                running.get("/api/v3/x", "T")
                assert running.end("T")["kept"] is True


# ---- the end


def test_at_the_end_calls_that_are_asked_have_a_moment_and_what_was_answered_is_kept(tmp_path: Path) -> None:
    arrived, over = threading.Event(), threading.Event()

    def slow(handler: Handler) -> None:
        if "endless" in handler.path:
            arrived.set()
            over.wait(30)
        handler.reply(200, b"{}")

    with serving(slow) as late, proxy(tmp_path, "--mode=record", "--to", late.endpoint, **TOKEN) as running:
        assert running.get(f"{PATH}?type=addonStatic", "T").status_code == 200
        asking = threading.Thread(
            target=pytest.raises, args=(requests.ConnectionError, running.get, f"{PATH}?limit=endless", "T")
        )
        asking.start()
        assert arrived.wait(30)
        assert running.stop() == 1
        over.set()
        asking.join()
        assert running.of("test")[0]["kept"] is True
        [problem] = running.of("problem")
        assert problem["message"] == "1 call left out: no answer had come when the proxy ended"
    assert queries(tmp_path, "T.json") == ["type=addonStatic"]


def test_a_reader_who_does_not_read_keeps_no_client_and_no_end_waiting(server: SimulatorServer, tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "pytest_cce_precheck.cli",
        "proxy",
        "--mode=judge",
        "--json",
        "--to",
        server.endpoint,
    ]
    token = server.simulator.credentials.token
    assert token is not None
    own = environment(CCE_AUTH_TOKEN=token.reveal())
    with subprocess.Popen(words, cwd=tmp_path, env=own, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            facts = json.loads(running.stdout.readline())
            with requests.Session() as session:
                session.headers["X-Auth-Token"] = facts["token"]
                # more than any pipe holds
                for _ in range(40):
                    told = session.get(f"{facts['endpoint']}/_cce/{'x' * 8000}", timeout=10)
                    assert told.status_code == 404
                for _ in range(40):
                    told = session.get(f"{facts['endpoint']}{tasks_of(server)}?task_id={'x' * 8000}", timeout=10)
                    assert told.status_code in (200, 400)
            running.send_signal(signal.SIGTERM)
            assert running.wait(30) in (0, 1)
        finally:
            running.kill()


FAILING = """
import sys
from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.proxy.answering import Proxy

def answer(*_):
    raise RuntimeError("a mistake in the proxy, near s3cr3t-of-the-client")

Proxy.answer = answer
sys.exit(main(["proxy", "--mode=replay", "--json"]))
"""


def test_errors_of_the_proxy_itself_are_problems_and_fill_no_pipe(tmp_path: Path) -> None:
    words, own = [sys.executable, "-c", FAILING], environment(CCE_CLIENT_TOKEN="s3cr3t-of-the-client")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=tmp_path, env=own, text=True, **pipes) as running:
        try:
            assert running.stdout is not None
            facts = json.loads(running.stdout.readline())
            with requests.Session() as session:
                session.headers["X-Auth-Token"] = facts["token"]
                # their tracebacks are more than a pipe holds
                statuses = {
                    session.get(f"{facts['endpoint']}/{number}", timeout=20).status_code for number in range(120)
                }
            running.terminate()
            output, errors = running.communicate(timeout=30)
        finally:
            running.kill()
    problems = [each["message"] for each in map(json.loads, output.splitlines()) if each["event"] == "problem"]
    assert (statuses, running.returncode, errors) == ({500}, 1, "")
    assert (len(problems), problems[-1]) == (51, "and 70 more")
    assert problems[0].startswith(
        "the server failed on 'GET /0': RuntimeError: a mistake in the proxy, near ***, line 7 in"
    )


def test_lines_that_nobody_reads_are_counted_and_the_others_are_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with_room = threading.Event()
        write = LineWriter._run
        monkeypatch.setattr(LineWriter, "_run", lambda self: (with_room.wait(20), write(self)))
        lines = LineWriter(lambda number: f"{number} lost", most=10)
        for text in ("12345678", "lost", "lost"):
            lines.put(text)
        lines.put("the end", always=True)
        with_room.set()
        lines.close()
    assert (tmp_path / "out").read_text().splitlines() == ["12345678", "2 lost", "the end"]


# ---- what is kept of requests that are not answered


def replaying(folder: Path, kept: str) -> tuple[Proxy, ReplayingProxy, list[dict[str, object]]]:
    (folder / "T.json").write_text(kept)
    events: list[dict[str, object]] = []
    means = Means(folder, pytest.fail, lambda _: Redaction(Credentials()), lambda *_: "", lambda *_: None)
    mode = ReplayingProxy(means)
    return Proxy(mode, OpenTests(), {}, observe=lambda event, _: events.append(event), report=dict), mode, events


def test_of_misses_and_other_problems_a_few_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    running, mode, events = replaying(tmp_path, dumps(origin(), []))
    for number in range(120):
        with pytest.raises(CcePrecheckError, match="no recording for"):
            running.answer(asked(f"task_id={number}").with_headers(Headers({TEST_HEADER: "T"})))
    [replayer] = mode._replayers.values()
    assert not isinstance(replayer, CcePrecheckError)
    assert len(replayer.misses) <= 1
    problems = running.end("T").summary(lambda _: True)["problems"]
    assert (len(problems), problems[-1]) == (51, "and 70 more")
    assert len([each for each in events if each["event"] == "problem"]) == 50


def test_a_host_that_is_long_is_shortened_and_few_are_kept(tmp_path: Path) -> None:
    with proxy(tmp_path, "--mode=replay") as running:
        with requests.Session() as session:
            for number in range(60):
                told = session.get(f"{running.url}/x", headers={"Host": f"{number}{'a' * 9000}"}, timeout=10)
                assert told.status_code == 421
        assert running.stop() == 1
        messages = [each["message"] for each in running.of("problem")]
        assert (len(messages), messages[-1]) == (51, "and 10 more")
        assert max(map(len, messages)) < 500


# ---- what travels


@pytest.mark.parametrize("query", ["%zz&a=%ff", "a=%2f%2F&b=%", 'x="<|>"'])
def test_a_query_is_sent_as_it_was_received(tmp_path: Path, query: str) -> None:
    with (
        serving(always(200, b"{}")) as server,
        proxy(tmp_path, "--mode=judge", "--to", server.endpoint, **TOKEN) as running,
    ):
        head = f"GET /api/v3/x?{query} HTTP/1.1\r\nHost: {running.url[7:]}\r\n"
        head += f"X-Auth-Token: {running.facts['token']}\r\nConnection: close\r\n\r\n"
        host, _, port = running.url[7:].partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head.encode())
            while connection.recv(4096):
                pass
        assert [each.path for each in server.seen] == [f"/api/v3/x?{query}"]


@pytest.mark.parametrize("name_and_value", [("A", "b\r\nSet-Cookie: c"), ("A\r\nB", "c"), ("A", "b\n"), ("A", "b\rc")])
def test_a_cassette_whose_header_has_a_line_break_is_not_replayed(
    tmp_path: Path, name_and_value: tuple[str, str]
) -> None:
    request = asked()
    kept = Recording(request, Response(200, Headers([name_and_value]), b"{}"))
    running, _, _ = replaying(tmp_path, dumps(origin(), [kept], redacted=True))
    with pytest.raises(CcePrecheckError, match="a line break in its headers would let"):
        running.answer(request.with_headers(Headers({TEST_HEADER: "T"})))


def test_a_header_that_a_service_folded_is_replayed(tmp_path: Path) -> None:
    request = asked()
    kept = Recording(request, Response(200, Headers([("A", "b\r\n c")]), b"{}"))
    running, _, _ = replaying(tmp_path, dumps(origin(), [kept], redacted=True))
    assert running.answer(request.with_headers(Headers({TEST_HEADER: "T"}))).headers["A"] == "b\r\n c"
