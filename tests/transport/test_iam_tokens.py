"""Tokens of IAM are asked for as it documents, and an account is read from the environment."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.staging.profiles import Profile, TokenLife
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.tokens import IamAccount, IamTokens, Issued, TokenError, Tokens
from pytest_cce_precheck.wire.credentials import Secret
from tests.drips import spoken
from tests.servers import Handler, Talk, always, free_port, serving, talking

if TYPE_CHECKING:
    from collections.abc import Sequence

from tests.transport.token_sources import PASSWORD, account, assert_silent, client

ACCOUNT = {"CCE_IAM_USER": "u", "CCE_IAM_PASSWORD": PASSWORD, "CCE_IAM_DOMAIN": "d"}


def test_iam_is_asked_as_it_documents() -> None:
    def answer(handler: Any) -> None:
        end = datetime.now(UTC) + timedelta(hours=24)
        body = {"token": {"expires_at": f"{end:%Y-%m-%dT%H:%M:%S.%f}Z"}}
        handler.reply(201, json.dumps(body).encode(), X_Subject_Token="T")

    with serving(answer) as server:
        issued = IamTokens(account(server.endpoint))()
        [asked] = server.seen
    assert asked.requestline == "POST /v3/auth/tokens?nocatalog=true HTTP/1.1"
    assert (asked.headers["Content-Type"], asked.headers["Accept"]) == (
        "application/json;charset=utf8",
        "application/json",
    )
    user = {"name": "u", "password": PASSWORD, "domain": {"name": "d"}}
    assert json.loads(asked.body) == {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"id": "p"}},
        }
    }
    assert issued.token == Secret("T")
    assert issued.life is not None
    assert 86300 < issued.life < 86500


def test_the_life_of_a_token_is_told_by_the_clock_of_iam() -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    body = b'{"token": {"expires_at": "2020-01-01T01:00:00.000000Z"}}'

    def answer(handler: Any) -> None:
        handler.send_response_only(201)
        handler.send_header("Date", format_datetime(then, usegmt=True))
        handler.send_header("X-Subject-Token", "T")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with serving(answer) as server:
        assert IamTokens(account(server.endpoint))() == Issued(Secret("T"), 3600.0)


def test_without_a_clock_of_iam_this_machines_tells_the_life_of_a_token() -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    body = json.dumps({"token": {"expires_at": f"{end:%Y-%m-%dT%H:%M:%SZ}"}}).encode()

    def answer(handler: Any) -> None:
        handler.send_response_only(201)
        handler.send_header("X-Subject-Token", "T")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with serving(answer) as server:
        life = IamTokens(account(server.endpoint))().life
    assert life is not None
    assert 3500 < life <= 3600


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token": 3}', b'{"token": {"expires_at": "soon"}}'])
def test_a_token_without_an_end_is_taken(body: bytes) -> None:
    with serving(always(201, body, X_Subject_Token="T")) as server:
        assert IamTokens(account(server.endpoint))() == Issued(Secret("T"))


REFUSED = json.dumps(
    {"error": {"code": 401, "message": f"wrong password {PASSWORD}", "title": "Unauthorized"}}
).encode()


@pytest.mark.parametrize(
    ("status", "body", "told", "kind"),
    [
        (401, REFUSED, "was answered with 401: wrong password ***; check CCE_IAM_USER", TokenError),
        (401, b"<html>", "was answered with 401; check CCE_IAM_USER", TokenError),
        (401, b"{}", "was answered with 401; check CCE_IAM_USER, CCE_IAM_PASSWORD, CCE_IAM_DOMAIN and", TokenError),
        (401, b'{"error": 3}', "was answered with 401; check", TokenError),
        (401, b'{"error": {"message": "%s"}}' % (b"x" * 401), f"401: {'x' * 400}; check", TokenError),
        (499, b"{}", "was answered with 499; check", TokenError),
        (307, b"", "was answered with 307; check", TokenError),
        (201, b"{}", "was answered with 201 and no X-Subject-Token; check", TokenError),
        (500, b"{}", "was answered with 500; check", ConfigurationError),
        (503, b"{}", "was answered with 503; check", ConfigurationError),
        (429, b"{}", "was answered with 429; check", ConfigurationError),
    ],
)
def test_a_refusal_of_iam_is_told_without_the_password(status: int, body: bytes, told: str, kind: type) -> None:
    pauses: list[float] = []
    with serving(always(status, body)) as server, pytest.raises(ConfigurationError) as raised:
        IamTokens(account(server.endpoint), wait=pauses.append)()
    assert told in str(raised.value)
    assert str(raised.value).startswith(f"POST {server.endpoint}/v3/auth/tokens was answered with ")
    assert isinstance(raised.value, TokenError) == (kind is TokenError)
    # a refusal is final: who tries a wrong password too often is locked out
    assert pauses == ([] if kind is TokenError else [0.5, 2.0])
    assert_silent(raised.value)


def test_an_iam_that_is_busy_for_a_moment_is_asked_again() -> None:
    answers = [(503, b"{}"), (429, b"{}"), (201, b"{}")]

    def answer(handler: Handler) -> None:
        status, body = answers.pop(0)
        handler.reply(status, body, X_Subject_Token="PLANTED-token-of-a-patient-run")

    with serving(answer) as server:
        issued = IamTokens(account(server.endpoint), wait=lambda _: None)()
    assert issued.token.reveal() == "PLANTED-token-of-a-patient-run"
    assert answers == []


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"timeout": 0.1}, "no answer within the time allowed"),
        ({"remaining": lambda: 0.1}, "the answer was not complete after 0.1 s"),
    ],
)
def test_an_iam_that_does_not_answer_in_time_is_not_asked_again(limits: dict[str, Any], told: str) -> None:
    def listen(_: Talk, connection: Any) -> None:
        while connection.recv(65536):
            pass

    pauses: list[float] = []
    with talking(spoken(listen)) as talk, pytest.raises(ConfigurationError) as raised:
        IamTokens(account(talk.endpoint), wait=pauses.append, **limits)()
    assert str(raised.value) == f"POST {talk.endpoint}/v3/auth/tokens got no answer: {told}"
    assert pauses == []
    assert_silent(raised.value)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{}"])
def test_an_iam_whose_answer_is_lost_is_asked_again(said: bytes) -> None:
    def lose(talk: Talk, connection: Any) -> None:
        # with its body: a reset would overtake the answer
        connection.recv(65536)
        connection.sendall(said)

    pauses: list[float] = []
    with talking(spoken(lose)) as talk, pytest.raises(ConfigurationError, match="got no answer: the "):
        IamTokens(account(talk.endpoint), wait=pauses.append)()
    assert pauses == [0.5, 2.0]


def test_an_iam_that_cannot_be_reached_is_named_and_asked_again_later() -> None:
    pauses: list[float] = []
    tokens = Tokens(IamTokens(account(f"http://127.0.0.1:{free_port()}"), timeout=5, wait=pauses.append))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"/v3/auth/tokens got no answer: no connection") as raised:
            tokens.current()
        assert_silent(raised.value)
    assert pauses == [0.5, 2.0] * 2


def test_tokens_of_the_staging_service_are_renewed_when_they_are_used_up() -> None:
    service = Staging(Profile(name="brief", summary="", tokens=TokenLife(seconds=3600.0, requests=2)))
    of_staging = service.account
    with SimulatorServer(service) as server:
        account = IamAccount(
            server.endpoint, of_staging.user, of_staging.password, of_staging.domain, service.project_id
        )
        tokens, transport = Tokens(IamTokens(account)), HttpTransport()
        mine = client(
            transport, tokens,
            endpoint=server.endpoint, project_id=service.project_id, cluster_id=service.cluster_id,
        )  # fmt: skip
        assert [mine.list_tasks().status for _ in range(5)] == [200] * 5
        transport.close()
    assert tokens.renewed == 2
    assert service.happened["token expired"] == 2


# ---- the account


def test_an_account_is_read_from_the_environment() -> None:
    given = {**ACCOUNT, "CCE_IAM_ENDPOINT": "https://iam.example"}
    read = IamAccount.from_environment(given, region=None, project_id="p")
    assert read == account("https://iam.example")
    assert PASSWORD not in repr(read)


def test_a_region_has_an_iam_of_its_own() -> None:
    read = IamAccount.from_environment(ACCOUNT, region="eu-west-101", project_id="p")
    assert read is not None
    assert read.endpoint == "https://iam.eu-west-101.myhuaweicloud.com"


@pytest.mark.parametrize("environment", [{}, {"CCE_IAM_DOMAIN": "d"}, {"CCE_IAM_ENDPOINT": "https://iam.example"}])
def test_without_user_and_password_there_is_no_account(environment: dict[str, str]) -> None:
    assert IamAccount.from_environment(environment, region="r", project_id="p") is None


@pytest.mark.parametrize(
    ("without", "region", "missing"),
    [
        (["CCE_IAM_PASSWORD"], "r", "CCE_IAM_PASSWORD"),
        (["CCE_IAM_USER", "CCE_IAM_DOMAIN"], "r", "CCE_IAM_USER, CCE_IAM_DOMAIN"),
        ([], None, "CCE_IAM_ENDPOINT (or --cce-region)"),
    ],
)
def test_what_an_account_lacks_is_named(without: Sequence[str], region: str | None, missing: str) -> None:
    given = {name: value for name, value in ACCOUNT.items() if name not in without}
    with pytest.raises(ConfigurationError) as raised:
        IamAccount.from_environment(given, region=region, project_id="p")
    assert str(raised.value) == f"tokens from IAM still need: {missing}"
