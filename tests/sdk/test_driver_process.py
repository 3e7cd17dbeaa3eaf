"""A driver as a process: what it is given, and a message for every way in which it can fail."""

from __future__ import annotations

import json
import os
import select
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.sdk import driver as driver_module
from pytest_cce_precheck.sdk.driver import Driver, DriverError
from pytest_cce_precheck.sdk.protocol import DriverAnswer, SdkError
from tests.sdk.fakes import CALL, CREDENTIALS, answering, script

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "_EXIT_SECONDS", 0.2)
    monkeypatch.setattr(driver_module, "_POLL_SECONDS", 0.05)


def failure_of(command: tuple[str, ...], **options: float) -> DriverError:
    with pytest.raises(DriverError) as caught, Driver(command, CREDENTIALS, **options) as driver:
        driver.call(CALL)
    return caught.value


def test_a_driver_is_started_once_and_asked_again_and_again(tmp_path: Path) -> None:
    command = answering(tmp_path, "say(message, outcome='value', status=200, value={'pid': os.getpid()})")
    with Driver(command, CREDENTIALS) as driver:
        assert driver.introduction.name == "fake 1.0"
        assert driver.introduction.operations == ("list", "create")
        first, second = driver.call(CALL), driver.call(CALL)
    assert first == second
    assert (first.status, first.error) == (200, None)


def test_an_error_has_only_the_details_that_the_sdk_reports(tmp_path: Path) -> None:
    command = answering(tmp_path, "say(message, outcome='error', error={'class': 'E', 'expected': True, 'code': 'X'})")
    with Driver(command, CREDENTIALS) as driver:
        assert driver.call(CALL) == DriverAnswer(error=SdkError("E", expected=True, message="", code="X"))


def test_a_driver_gets_its_credentials_and_nothing_else_of_the_environment(tmp_path: Path) -> None:
    command = answering(tmp_path, "say(message, outcome='value', value=dict(os.environ))")
    environment = {
        "PATH": os.environ["PATH"],
        "JAVA_HOME": "/java",
        "AWS_SECRET": "other",
        "HUAWEICLOUD_SDK_AK": "mine",
    }
    with Driver(command, CREDENTIALS, environment=environment) as driver:
        value = driver.call(CALL).value
    assert value is not None
    given = set(value) - {"LC_CTYPE"}  # the interpreter sets it for itself
    assert given == {
        *("PATH", "JAVA_HOME", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
        *("HUAWEICLOUD_SDK_SECURITY_TOKEN", "CCE_AUTH_TOKEN"),
    }
    assert value["HUAWEICLOUD_SDK_AK"] != "mine"


def test_no_credential_is_ever_in_a_message(tmp_path: Path) -> None:
    command = answering(tmp_path, "say(message, outcome='value', value={'line': line})")
    with Driver(command, CREDENTIALS) as driver:
        assert not any(secret in json.dumps(driver.call(CALL).value) for secret in CREDENTIALS.secrets)


@pytest.mark.parametrize(
    ("body", "reason", "said"),
    [
        ("print('DEBUG calling', flush=True)", "rubbish", "the line is not JSON"),
        ("print('[1]', flush=True)", "rubbish", "a message is a JSON object"),
        ("say(message, outcome='value')", "rubbish", "value is missing"),
        ("say(message, outcome='maybe', value={})", "rubbish", 'outcome must be "value"'),
        ("say(message, outcome='error', error={'class': 'E'})", "rubbish", "expected is missing"),
        (
            "say({'id': 7}, outcome='value', value={})",
            "out-of-order",
            "expected the answer to message 1, got one to 7",
        ),
        ("print(json.dumps({'protocol': 2, 'id': 1}), flush=True)", "version", "the message says 2"),
        ("sys.exit(3)", "died", "ended with exit status 3"),
        ("os.close(1); sys.stdin.read()", "died", "before it answered message 1"),
    ],
)
def test_an_invalid_answer_has_its_reason(tmp_path: Path, body: str, reason: str, said: str) -> None:
    error = failure_of(answering(tmp_path, body))
    assert error.reason == reason
    assert said in str(error)
    assert str(error).startswith(f"the driver `{sys.executable} -S -E {tmp_path}")
    assert "what to do: " in str(error).splitlines()[-1]


def test_a_driver_of_another_version_fails_when_it_introduces_itself(tmp_path: Path) -> None:
    command = script(tmp_path, "message = json.loads(input()); hello(message, protocol=2)")
    error = failure_of(command)
    assert (error.reason, "build the driver for" in str(error)) == ("version", True)


def test_a_driver_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    error = failure_of(answering(tmp_path, "sys.stdin.read()"), grace=0.3, tries=0)
    assert error.reason == "hangs"
    assert "gave no answer to message 1 within 0.3 s" in str(error)


def test_an_answer_that_comes_twice_is_a_flood(tmp_path: Path) -> None:
    command = answering(tmp_path, "say(message, outcome='value', value={})\nsay(message, outcome='value', value={})")
    with Driver(command, CREDENTIALS) as driver:
        driver.call(CALL)
        with pytest.raises(DriverError, match="expected the answer to message 2, got another to 1") as caught:
            driver.call(CALL)
    assert caught.value.reason == "floods"


def test_unread_lines_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "_UNREAD_LINES", 0)
    error = failure_of(answering(tmp_path, ""))
    assert (error.reason, "sent more lines than expected" in str(error)) == ("floods", True)


def test_a_line_without_end_is_a_flood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "MAX_BYTES", 1000)
    error = failure_of(answering(tmp_path, "print('x' * 2000, end='', flush=True); sys.stdin.read()"))
    assert (error.reason, "one of more than 1,000 bytes" in str(error)) == ("floods", True)


def test_a_missing_program_is_reported(tmp_path: Path) -> None:
    error = failure_of((str(tmp_path / "no-such-driver"),))
    assert error.reason == "not-found"
    assert "could not be started: No such file or directory" in str(error)
    assert "what to do: build the driver" in str(error)


def test_the_end_of_its_log_is_shown_without_a_credential(tmp_path: Path) -> None:
    body = "for n in range(50): print('log', n, os.environ['HUAWEICLOUD_SDK_SK'], file=sys.stderr)\nsys.exit(1)"
    text = str(failure_of(answering(tmp_path, body)))
    assert "    log 30 ***\n" in text
    assert "log 29 " not in text
    assert not any(secret in text for secret in CREDENTIALS.secrets)


def test_what_it_sent_is_shown_in_part_and_without_a_credential(tmp_path: Path) -> None:
    body = "print(os.environ['HUAWEICLOUD_SDK_SK'] + ' ' + 'x' * 500, flush=True)"
    text = str(failure_of(answering(tmp_path, body)))
    assert "it sent '*** " in text
    assert text.count("x" * 10) < 20


def test_the_end_of_a_line_is_not_part_of_what_it_sent(tmp_path: Path) -> None:
    text = str(failure_of(answering(tmp_path, """print('{"value": }', flush=True)""")))
    assert "near '}'; it sent '{\"value\": }'\n" in text


def test_a_secret_that_begins_where_what_is_shown_ends_is_masked_whole(tmp_path: Path) -> None:
    body = "print('x' * 180 + os.environ['HUAWEICLOUD_SDK_SK'], flush=True)"
    text = str(failure_of(answering(tmp_path, body)))
    assert "x***" in text
    assert "SIMULATED" not in text


def test_a_driver_that_failed_can_be_restarted(tmp_path: Path) -> None:
    with Driver(answering(tmp_path, "sys.exit(0)"), CREDENTIALS) as driver:
        with pytest.raises(DriverError, match="exit status 0"):
            driver.call(CALL)
        with pytest.raises(DriverError, match="has ended before this message"):
            driver.call(CALL)
        assert driver.start().sdk == "fake"


def test_nothing_is_left_of_a_driver_that_does_not_end_by_itself(tmp_path: Path) -> None:
    body = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    body += "say(message, outcome='value', value={'pid': os.getpid()})\nwhile True: time.sleep(1)"
    with Driver(answering(tmp_path, body), CREDENTIALS) as driver:
        value = driver.call(CALL).value
    assert value is not None
    with pytest.raises(ProcessLookupError):
        os.kill(value["pid"], 0)


# what it leaves behind holds its standard output open, and a FIFO by which its end is seen
LEAVES_A_CHILD = """
import subprocess
held = os.open({fifo!r}, os.O_WRONLY)
waits = [sys.executable, "-S", "-E", "-c", "import signal; signal.pause()"]
subprocess.Popen(waits, pass_fds=[held])
os._exit(7)
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_the_death_of_a_driver_is_reported_at_once_and_its_children_are_ended(tmp_path: Path) -> None:
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    seen = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        error = failure_of(answering(tmp_path, LEAVES_A_CHILD.format(fifo=fifo)), grace=600.0)
        assert (error.reason, "ended with exit status 7" in str(error)) == ("died", True)
        ended, _, _ = select.select([seen], [], [], 30)
        assert ended == [seen]
    finally:
        os.close(seen)


def test_a_driver_is_cancelled_by_another_thread_and_cannot_restart(tmp_path: Path) -> None:
    with Driver(answering(tmp_path, "sys.stdin.read(); import signal; signal.pause()"), CREDENTIALS) as driver:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(driver.call, CALL)
            driver.cancel()
            assert isinstance(asked.exception(timeout=30), DriverError)
        with pytest.raises(DriverError, match="was cancelled"):
            driver.start()
