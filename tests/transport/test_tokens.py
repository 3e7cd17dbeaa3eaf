"""Tokens: when they are fetched and renewed, by a command and by IAM, and that no failure shows one."""

from __future__ import annotations

import json
import shlex
import sys
import threading
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.staging.profiles import Profile, TokenLife
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.tokens import IamAccount, IamTokens, Issued, TokenCommand, TokenError, Tokens
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response
from tests.servers import Handler, always, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PASSWORD = "PLANTED-password"
ACCOUNT = {"CCE_IAM_USER": "u", "CCE_IAM_PASSWORD": PASSWORD, "CCE_IAM_DOMAIN": "d"}


class Source:
    """Issues T1, T2, …, each for the same life."""

    def __init__(self, life: float | None = None) -> None:
        self.life = life
        self.number = 0
        self.time = 0.0

    def __call__(self) -> Issued:
        self.number += 1
        return Issued(Secret(f"T{self.number}"), self.life)

    def tokens(self) -> Tokens:
        return Tokens(self, now=lambda: self.time)


class Service:
    """Answers with the status that ``judge`` gives a token."""

    def __init__(self, judge: Callable[[str], int]) -> None:
        self.judge = judge
        self.sent: list[str] = []

    def send(self, request: Request) -> Exchange:
        self.sent.append(request.headers.get("X-Auth-Token", ""))
        return Exchange(request, Response(self.judge(self.sent[-1]), body=b"{}"))

    def close(self) -> None:
        pass


def client(service: Any, tokens: Tokens, **options: Any) -> PrecheckClient:
    settings = {"endpoint": "https://cce.example", "project_id": "p", "cluster_id": "c"}
    return PrecheckClient(service, credentials=Credentials(), tokens=tokens, **{**settings, **options})


def valid(*tokens: str) -> Service:
    return Service(lambda token: 200 if token in tokens else 401)


# ---- when a token is fetched


def test_no_token_is_fetched_before_it_is_asked_for() -> None:
    source = Source()
    tokens = source.tokens()
    assert (source.number, tokens.renewed, tokens.secrets) == (0, 0, ())
    assert tokens.current() == tokens.current() == Secret("T1")
    assert (source.number, tokens.renewed, tokens.secrets) == (1, 0, ("T1",))


@pytest.mark.parametrize(("life", "due"), [(86400.0, 86100.0), (600.0, 300.0), (30.0, 15.0)])
def test_a_token_is_renewed_five_minutes_before_its_end_or_at_half_its_life(life: float, due: float) -> None:
    source = Source(life)
    tokens = source.tokens()
    tokens.current()
    source.time = due - 0.1
    assert tokens.current() == Secret("T1")
    source.time = due
    assert tokens.current() == Secret("T2")
    assert tokens.renewed == 1


@pytest.mark.parametrize("life", [None, 0.0, -5.0])
def test_a_token_whose_end_is_unknown_or_over_by_this_clock_is_kept_until_it_is_refused(life: float | None) -> None:
    source = Source(life)
    tokens = source.tokens()
    tokens.current()
    source.time = 1e9
    assert tokens.current() == Secret("T1")


def test_threads_share_one_token() -> None:
    source = Source()
    tokens = source.tokens()
    threads = [threading.Thread(target=tokens.current) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.number == 1


def test_what_failed_for_good_is_not_tried_again() -> None:
    tried = []

    def issue() -> Issued:
        tried.append(1)
        raise TokenError("wrong password")

    tokens = Tokens(issue)
    for _ in range(3):
        with pytest.raises(TokenError, match="wrong password"):
            tokens.current()
    assert len(tried) == 1


# ---- when the service refuses


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_is_refused_is_sent_once_more_with_a_new_token(method: str) -> None:
    service, seen = valid("T2"), list[Exchange]()
    tokens = Source().tokens()
    mine = client(service, tokens, observe=seen.append)
    exchange = mine.list_tasks() if method == "GET" else mine.create_tasks([])
    assert (exchange.status, service.sent, tokens.renewed) == (200, ["T1", "T2"], 1)
    assert [each.status for each in seen] == [401, 200]
    assert [each.headers["X-Auth-Token"] for each in tokens.superseded] == ["T1"]
    assert mine.credentials == Credentials(token=Secret("T2"))


def test_a_request_that_is_refused_again_is_the_verdict() -> None:
    service = valid()
    mine = client(service, Source().tokens())
    assert mine.list_tasks().status == 401
    assert service.sent == ["T1", "T2"]


def test_where_new_tokens_do_not_help_no_more_are_fetched() -> None:
    service = valid()
    mine = client(service, Source().tokens())
    for _ in range(5):
        mine.list_tasks()
    assert service.sent == ["T1", "T2", "T2", "T2", "T2", "T2"]


def test_a_token_that_was_good_once_is_renewed_again() -> None:
    good = {"T1"}
    service, tokens = Service(lambda token: 200 if token in good else 401), Source().tokens()
    mine = client(service, tokens)
    for number in (2, 3):
        assert mine.list_tasks().status == 200
        good.clear()
        good.add(f"T{number}")
    assert mine.list_tasks().status == 200
    assert (service.sent, tokens.renewed) == (["T1", "T1", "T2", "T2", "T3"], 2)


def test_one_of_several_threads_renews_for_all() -> None:
    source = Source()
    tokens = source.tokens()
    tokens.current()
    mine = client(valid(), tokens)
    first, second = mine.authenticated(mine.list_request()), mine.authenticated(mine.list_request("type=x"))
    assert (tokens.replaced(first), tokens.replaced(second), source.number) == (True, True, 2)


def test_a_token_that_is_given_out_again_is_not_sent_again() -> None:
    service = valid()
    mine = client(service, Tokens(lambda: Issued(Secret("T1"))))
    assert mine.list_tasks().status == 401
    assert service.sent == ["T1"]


def test_a_refusal_that_was_wanted_renews_nothing() -> None:
    source = Source()
    service, tokens = valid("T1"), source.tokens()
    mine = client(service, tokens)
    mine.send(mine.list_request(), as_is=True)
    mine.send(mine.authenticated(mine.list_request(), Credentials(token=Secret("bad"))), as_is=True)
    assert (service.sent, source.number) == (["", "bad"], 0)


# ---- a command


def python(code: str, environment: dict[str, str] | None = None, timeout: float = 60.0) -> TokenCommand:
    return TokenCommand((sys.executable, "-S", "-c", code), environment or {}, timeout)


def test_a_command_prints_the_token() -> None:
    assert python("print('  MII+/x==  ')")() == Issued(Secret("MII+/x=="))


def test_a_command_gets_the_environment_and_no_shell() -> None:
    command = python("import os, sys; print(os.environ['MINE'] + sys.argv[-1])", {"MINE": "it-is-"})
    words = (*command.words, "$HOME;")
    assert TokenCommand(words, command.environment)().token == Secret("it-is-$HOME;")


def test_a_command_may_print_when_the_token_ends() -> None:
    end = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    issued = python(f"print({json.dumps({'token': 'T', 'expires_at': end})!r})")()
    assert issued.token == Secret("T")
    assert issued.life is not None
    assert 3500 < issued.life <= 3600
    assert python("""print('{"token": "T", "expires_at": null}')""")() == Issued(Secret("T"))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("pass", "printed no token"),
        ("print('a b')", "printed more than a token"),
        ("print('a'); print('b')", "printed more than a token"),
        ("print('{')", "begins like JSON and is not valid"),
        ("print('{}')", "printed no token"),
        ("""print('{"token": 3}')""", "printed no token"),
        ("""print('{"token": "T", "expires_at": "soon"}')""", "not an RFC 3339 timestamp"),
        ("""print('{"token": "T", "expires_at": 3}')""", "not an RFC 3339 timestamp"),
        ("raise SystemExit(3)", "ended with status 3"),
        ("import sys; sys.exit('log in first')", "ended with status 1; it complains: log in first"),
    ],
)
def test_a_command_that_gives_no_token_is_told_so(code: str, told: str) -> None:
    with pytest.raises(TokenError, match=r"^--cce-token-command: ") as raised:
        python(code)()
    assert told in str(raised.value)


def test_a_command_that_cannot_be_run_is_named_without_its_arguments() -> None:
    with pytest.raises(TokenError) as raised:
        TokenCommand(("no-such-program", "--password=x"), {})()
    assert str(raised.value) == "--cce-token-command: no-such-program cannot be run: No such file or directory"


def test_a_command_that_does_not_end_is_ended() -> None:
    with pytest.raises(TokenError, match=r"did not end within 0\.2 s"):
        python("import time; print('PLANTED', flush=True); time.sleep(30)", timeout=0.2)()


def test_a_failing_commands_complaint_is_shown_without_secrets() -> None:
    environment = {"CCE_IAM_PASSWORD": PASSWORD, "HUAWEICLOUD_SDK_AK": "PLANTED-AK", "HUAWEICLOUD_SDK_SK": "PLANTED-SK"}
    code = (
        "import os, sys; print('PLANTED-TOKEN'); sys.stderr.write('cannot log in '"
        " + ' '.join([*os.environ.values(), 'PLANTED-TOKEN', 'password=PLANTED-other'])); sys.exit(1)"
    )
    with pytest.raises(TokenError) as raised:
        python(code, environment)()
    assert "cannot log in" in str(raised.value)
    assert_silent(raised.value)


@pytest.mark.parametrize(
    "printed",
    [
        '{"token": "PLANTED-TOKEN", "expires_at": "tomorrow"}',
        '{"tokn": "PLANTED-TOKEN"}',
        '{"token": ["PLANTED-TOKEN"',
        "a PLANTED-TOKEN",
        "token=1 PLANTED-TOKEN",
    ],
)
def test_a_token_is_masked_in_the_complaint_even_if_it_was_printed_in_a_wrong_way(printed: str) -> None:
    code = f"import sys; print({printed!r}); sys.stderr.write('issued PLANTED-TOKEN to you')"
    with pytest.raises(TokenError, match=r"it complains: issued \*\*\* to you") as raised:
        python(code, {})()
    assert_silent(raised.value)


# ---- IAM


def account(endpoint: str, password: str = PASSWORD, project_id: str = "p") -> IamAccount:
    return IamAccount(endpoint, "u", Secret(password), "d", project_id)


def test_iam_is_asked_as_it_documents() -> None:
    asked: list[tuple[str, Any]] = []

    def answer(handler: Any) -> None:
        end = datetime.now(UTC) + timedelta(hours=24)
        body = {"token": {"expires_at": f"{end:%Y-%m-%dT%H:%M:%S.%f}Z"}}
        handler.reply(201, json.dumps(body).encode(), X_Subject_Token="T")

    with serving(answer) as server:
        issued = IamTokens(account(server.endpoint))()
        asked = [(f"{each.command} {each.path}", each.headers["Content-Type"]) for each in server.seen]
    assert asked == [("POST /v3/auth/tokens?nocatalog=true", "application/json;charset=utf8")]
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
        (307, b"", "was answered with 307; check", TokenError),
        (201, b"{}", "was answered with 201 and no X-Subject-Token; check", TokenError),
        (503, b"{}", "was answered with 503; check", ConfigurationError),
        (429, b"{}", "was answered with 429; check", ConfigurationError),
    ],
)
def test_a_refusal_of_iam_is_told_without_the_password(status: int, body: bytes, told: str, kind: type) -> None:
    pauses: list[float] = []
    with serving(always(status, body)) as server, pytest.raises(ConfigurationError) as raised:
        IamTokens(account(server.endpoint), wait=pauses.append)()
    assert told in str(raised.value)
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


def test_an_iam_that_cannot_be_reached_is_named_and_asked_again_later() -> None:
    tokens = Tokens(IamTokens(account(f"http://127.0.0.1:{free_port()}"), timeout=5, wait=lambda _: None))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"/v3/auth/tokens got no answer: no connection") as raised:
            tokens.current()
        assert_silent(raised.value)


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


# ---- secrets


def assert_silent(error: BaseException) -> None:
    """Look at an error as a person with --showlocals does, and at what it was raised from."""
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    frames = shown.partition("transport/tokens.py")[2]
    assert str(error) in frames
    assert "PLANTED" not in frames, shown


def test_nothing_that_holds_a_secret_shows_it() -> None:
    tokens = Tokens(lambda: Issued(Secret("PLANTED-TOKEN")))
    tokens.current()
    iam = IamTokens(account("https://iam.example"))
    command = TokenCommand(shlex.split("vault read PLANTED"), {"CCE_IAM_PASSWORD": PASSWORD})
    request = iam._request()
    for each in (tokens, iam, command, request, Issued(Secret("PLANTED-TOKEN"))):
        assert "PLANTED" not in repr(each)
