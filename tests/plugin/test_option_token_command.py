"""``--cce-token-command``, and user and password instead: tokens that a run fetches and renews."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.staging.profiles import Profile, TokenLife
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.transport.tokens import IamAccount, IamTokens
from tests.plugin.projects import LIVE
from tests.plugin.test_secrets import FAILS, assert_silent
from tests.recordings import CASSETTES, REPLAY, files_in, recording_from
from tests.servers import Handler, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Run

ASKS: Final = """
def test_asks_often(cce_client, cce_contract):
    exchanges = [cce_client.list_tasks() for _ in range(6)]
    cce_contract.verify(*exchanges)
    assert [exchange.status for exchange in exchanges] == [200] * 6
"""
COMMAND: Final = f"{sys.executable} -S command.py"
PASSWORD: Final = "PLANTED-password"


@dataclass(frozen=True)
class Brief:
    """A service whose tokens are good for two requests."""

    server: SimulatorServer
    service: Staging

    @property
    def live(self) -> tuple[str, ...]:
        mode, _, *rest = recording_from(self.server)
        return (mode.replace("record", "live"), *rest)

    @property
    def account(self) -> dict[str, str]:
        """The environment of a run that fetches tokens from IAM."""
        account = self.service.account
        return {
            "CCE_IAM_ENDPOINT": self.server.endpoint,
            "CCE_IAM_USER": account.user,
            "CCE_IAM_PASSWORD": account.password.reveal(),
            "CCE_IAM_DOMAIN": account.domain,
        }


@pytest.fixture
def brief() -> Iterator[Brief]:
    service = Staging(Profile(name="brief", summary="", tokens=TokenLife(seconds=3600.0, requests=2)))
    with SimulatorServer(service) as server:
        yield Brief(server, service)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def prints(pytester: pytest.Pytester, code: str) -> str:
    """Write a command, and return the option with it."""
    (pytester.path / "command.py").write_text(code)
    return f"--cce-token-command={COMMAND}"


# ---- where the token comes from


def test_tokens_from_iam_are_renewed_and_the_summary_counts_them(
    pytester: pytest.Pytester, run: Run, brief: Brief, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, brief.account)
    pytester.makepyfile(ASKS)
    result = run(*brief.live, "--cce-report=report.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["  2 tokens renewed"])
    assert json.loads((pytester.path / "report.json").read_text())["tokens_renewed"] == 2


def test_a_command_gives_the_token(pytester: pytest.Pytester, run: Run, brief: Brief) -> None:
    account = brief.service.account
    issue = IamTokens(
        IamAccount(brief.server.endpoint, account.user, account.password, account.domain, brief.service.project_id)
    )
    pytester.makepyfile("def test_asks(cce_client): assert cce_client.list_tasks().status == 200")
    result = run(*brief.live, prints(pytester, f"print({issue().token.reveal()!r})"))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*; --cce-token-command {sys.executable} … (option)*"])
    result.stdout.no_fnmatch_line("*renewed*")


def test_the_command_goes_before_keys_and_a_token_before_both(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    pytester.makepyfile("def test_asks(cce_client): cce_client.list_tasks()")
    set_all(monkeypatch, {"HUAWEICLOUD_SDK_AK": "PLANTED-AK", "HUAWEICLOUD_SDK_SK": "PLANTED-SK"})
    with serving(lambda handler: handler.reply(200, b"{}")) as server:
        options = (*LIVE, f"--cce-endpoint={server.endpoint}", prints(pytester, "print('PLANTED-one')"))
        run(*options).assert_outcomes(passed=1)
        monkeypatch.delenv("HUAWEICLOUD_SDK_AK")
        monkeypatch.setenv("CCE_AUTH_TOKEN", "PLANTED-two")
        run(*options).assert_outcomes(passed=1)
        sent = [handler.headers["X-Auth-Token"] for handler in server.seen]
    assert sent == ["PLANTED-one", "PLANTED-two"]


def test_other_credentials_of_the_project_are_not_renewed(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(
        """
        import pytest
        from pytest_cce_precheck import Credentials, Secret

        @pytest.fixture(scope="session")
        def cce_credentials(): return Credentials(token=Secret("PLANTED-own"))
        """
    )
    pytester.makepyfile("def test_asks(cce_client): assert cce_client.list_tasks().status == 401")
    with serving(lambda handler: handler.reply(401, b"{}")) as server:
        run(*LIVE, f"--cce-endpoint={server.endpoint}", prints(pytester, "1/0")).assert_outcomes(passed=1)
        assert [handler.headers["X-Auth-Token"] for handler in server.seen] == ["PLANTED-own"]


# ---- what cannot be used


def test_a_command_that_fails_is_the_error_of_the_tests_that_need_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("def test_asks(cce_client): pass", test_other="def test_passes(): pass")
    result = run(*LIVE, "--cce-endpoint=http://127.0.0.1:9", prints(pytester, "raise SystemExit('log in first')"))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["--cce-token-command: * ended with status 1; it complains: log in first"])
    result.stdout.no_fnmatch_line("*tokens.py*")


@pytest.mark.parametrize(
    ("environment", "options", "told"),
    [
        ({}, ["--cce-token-command=vault 'read"], "--cce-token-command (from option) is not a valid command: no *"),
        ({}, ["--cce-token-command= "], "--cce-token-command (from option) is empty: expected a command *"),
        ({"CCE_IAM_USER": "u"}, [], "tokens from IAM still need: CCE_IAM_PASSWORD, CCE_IAM_DOMAIN*"),
        (
            {"CCE_IAM_USER": "u", "CCE_IAM_PASSWORD": PASSWORD, "CCE_IAM_DOMAIN": "d", "CCE_IAM_ENDPOINT": "http://iam"},
            [],
            "CCE_IAM_ENDPOINT: credentials are not sent over plain HTTP to iam: *",
        ),
        ({}, ["--cce-token-command=x", "--cce-endpoint=http://cce"], "credentials are not sent over plain HTTP *"),
    ],
)  # fmt: skip
def test_what_cannot_give_a_token_stops_the_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], options: list[str], told: str
) -> None:
    set_all(monkeypatch, environment)
    result = run(*LIVE, "--cce-endpoint=https://cce.example", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {told}"])
    assert_silent([result.stderr.str()], {"CCE_IAM_PASSWORD": PASSWORD})


# ---- recordings


def test_a_recording_holds_no_token_and_no_refusal_of_one_and_is_replayed(
    pytester: pytest.Pytester, run: Run, brief: Brief, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, brief.account)
    pytester.makepyfile(ASKS)
    result = run(*recording_from(brief.server))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["  2 tokens renewed"])
    cassettes = "".join(text.decode() for text in files_in(pytester.path / "cassettes").values())
    assert '"status": 401' not in cassettes
    assert_silent(
        [cassettes, result.stdout.str()], {"password": brief.account["CCE_IAM_PASSWORD"], "a": "SIMULATED-TOKEN"}
    )
    for name in brief.account:
        monkeypatch.delenv(name)
    brief.server.close()
    replayed = run(*REPLAY)
    replayed.assert_outcomes(passed=1)
    replayed.stdout.no_fnmatch_line("*renewed*")


# ---- secrets


class Gossip:
    """An IAM and a service that say everything they were told, in every answer; it wants a new token now and then."""

    def __init__(self) -> None:
        self.issued: list[str] = []
        self.received: set[str] = set()

    def __call__(self, handler: Handler) -> None:
        known = " ".join([*self.issued, PASSWORD])
        if handler.path.startswith("/v3/auth/tokens"):
            self.issued.append(f"PLANTED-token+/{len(self.issued)}==")
            handler.reply(201, json.dumps({"told": known}).encode(), X_Subject_Token=self.issued[-1])
        elif "task_id=close" in handler.path:
            handler.close_connection = True
        else:
            self.received.add(handler.headers["X-Auth-Token"])
            status = 401 if handler.headers["X-Auth-Token"] == "PLANTED-token+/0==" else 500
            told = {"errorCode": "CCE.01500001", "errorMessage": known}
            handler.reply(status, json.dumps(told).encode(), X_Request_Id=known, Location=f"/?t={known}")


FROM_A_COMMAND: Final = """
import pathlib, sys
count = pathlib.Path("count")
number = len(count.read_text()) if count.exists() else 0
count.write_text("x" * (number + 1))
sys.stderr.write(f"here is PLANTED-token+/{number}==")
print(f"PLANTED-token+/{number}==")
"""


@pytest.mark.parametrize("way", ["iam", "command"])
@pytest.mark.parametrize("mode", ["live", "record"])
def test_no_token_and_no_password_is_shown_anywhere(
    pytester: pytest.Pytester, run_apart: Run, monkeypatch: pytest.MonkeyPatch, way: str, mode: str
) -> None:
    gossip = Gossip()
    monkeypatch.setenv("CCE_IAM_PASSWORD", PASSWORD)
    monkeypatch.setenv("CCE_IAM_USER", "u")
    monkeypatch.setenv("CCE_IAM_DOMAIN", "d")
    pytester.makepyfile(FAILS + "\ndef test_passes(cce_client): cce_client.list_tasks()\n")
    loud = (
        "-vv",
        "--tb=long",
        "--showlocals",
        "--log-level=DEBUG",
        "-o",
        "log_cli=true",
        "-ra",
        "--junitxml=junit.xml",
    )
    with serving(gossip) as server:
        monkeypatch.setenv("CCE_IAM_ENDPOINT", server.endpoint)
        gossip.issued += [f"PLANTED-token+/{n}==" for n in range(2)] if way == "command" else []
        options = [prints(pytester, FROM_A_COMMAND)] if way == "command" else []
        result = run_apart(
            *LIVE, f"--cce-mode={mode}", CASSETTES, f"--cce-endpoint={server.endpoint}", *options, *loud,
            "--cce-report=findings.json",
        )  # fmt: skip
    result.assert_outcomes(passed=1, failed=5, errors=1)
    assert gossip.received == {"PLANTED-token+/0==", "PLANTED-token+/1=="}
    result.stdout.fnmatch_lines(["  1 token renewed"])
    written = files_in(pytester.path)
    assert ("cassettes" in "".join(written)) is (mode == "record")
    texts = [text.decode() for name, text in written.items() if name.endswith((".json", ".xml"))]
    secrets = {"password": PASSWORD, **{token: token for token in gossip.received}}
    assert_silent([*texts, result.stdout.str(), result.stderr.str()], secrets)
