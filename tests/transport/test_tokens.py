"""Tokens: when they are fetched and renewed, by a command and by IAM, and that no failure shows one."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.transport.tokens import IamTokens, Issued, TokenCommand, TokenError, Tokens
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

from tests.transport.token_sources import PASSWORD, account, assert_silent, client


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


def valid(*tokens: str) -> Service:
    return Service(lambda token: 200 if token in tokens else 401)


# ---- when a token is fetched


def test_no_token_is_fetched_before_it_is_asked_for() -> None:
    source = Source()
    tokens = source.tokens()
    assert (source.number, tokens.renewed, tokens.secrets) == (0, 0, ())
    assert tokens.current() == tokens.current() == Secret("T1")
    assert (source.number, tokens.renewed, tokens.secrets) == (1, 0, ("T1",))


@pytest.mark.parametrize(("life", "due"), [(86400.0, 86100.0), (600.0, 300.0), (30.0, 15.0), (1.0, 0.5)])
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


def test_a_refused_request_that_carried_no_token_gets_the_one_that_is_there() -> None:
    source = Source()
    tokens = source.tokens()
    bare = Request("GET", "https://cce.example", "/")
    tokens.current()
    assert (tokens.replaced(bare), source.number, tokens.superseded) == (True, 1, [bare])


def test_a_request_with_an_older_token_says_nothing_of_the_new_one() -> None:
    source = Source()
    tokens = source.tokens()
    tokens.current()
    mine = client(valid(), tokens)
    old = mine.authenticated(mine.list_request())
    assert tokens.replaced(old)
    new = mine.authenticated(mine.list_request())
    tokens.accepted(old)
    assert not tokens.replaced(new)
    tokens.accepted(new)
    tokens.accepted(old)
    assert tokens.replaced(new)
    assert source.number == 3


def test_a_token_is_known_as_one_that_was_fetched() -> None:
    tokens = Source().tokens()
    tokens.current()
    assert [tokens.issued(each) for each in (Secret("T1"), Secret("T2"), None)] == [True, False, False]


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
        (r"print('\xe9')", "printed more than a token"),
        (r"print('a\tb')", "printed more than a token"),
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


def test_a_command_that_says_nothing_complains_of_nothing() -> None:
    with pytest.raises(TokenError) as caught:
        python("raise SystemExit(3)")()
    assert str(caught.value).endswith("ended with status 3")


def test_a_command_that_cannot_be_run_is_named_without_its_arguments() -> None:
    with pytest.raises(TokenError) as raised:
        TokenCommand(("no-such-program", "--password=x"), {})()
    assert str(raised.value) == "--cce-token-command: no-such-program cannot be run: No such file or directory"


def test_an_argument_that_no_program_may_have_is_told_so() -> None:
    with pytest.raises(TokenError) as raised:
        TokenCommand(("vault's", "a\0b"), {})()
    assert str(raised.value) == (
        """--cce-token-command: 'vault'"'"'s' cannot be run: it holds a character that no argument may have"""
    )


def test_the_end_of_a_long_complaint_is_shown() -> None:
    for length, shown in ((400, "x" * 400), (401, "…" + "x" * 400)):
        with pytest.raises(TokenError) as raised:
            python(f"import sys; sys.exit('y' * ({length} > 400) + 'x' * 400)")()
        assert str(raised.value).endswith(f" ended with status 1; it complains: {shown}")


def test_words_of_eight_letters_that_were_printed_may_be_a_token_and_shorter_ones_are_none() -> None:
    with pytest.raises(TokenError, match=r"it complains: \*\*\* seven77 \*\*\*$"):
        python("""import sys; print('eight888 [seven77]{ninenine9}'); sys.exit('eight888 seven77 ninenine9')""")()


def test_a_command_that_does_not_end_is_ended() -> None:
    with pytest.raises(TokenError, match=r"did not end within 0\.2 s"):
        python("import time; print('PLANTED', flush=True); time.sleep(30)", timeout=0.2)()


def test_a_command_ends_with_the_run() -> None:
    for left, told in ((0.2, r"0\.2"), (-1.0, "0")):
        command = replace(python("import time; time.sleep(30)"), remaining=lambda left=left: left)
        with pytest.raises(TokenError, match=f"did not end within {told} s"):
            command()


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


def test_nothing_that_holds_a_secret_shows_it() -> None:
    tokens = Tokens(lambda: Issued(Secret("PLANTED-TOKEN")))
    tokens.current()
    iam = IamTokens(account("https://iam.example"))
    command = TokenCommand(shlex.split("vault read PLANTED"), {"CCE_IAM_PASSWORD": PASSWORD})
    request = iam._request()
    for each in (tokens, iam, command, command.words, command.environment, request, Issued(Secret("PLANTED-TOKEN"))):
        assert "PLANTED" not in repr(each)
