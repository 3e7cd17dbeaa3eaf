"""Planted credentials are in no byte that a run prints or writes, however it ends and however loud it is."""

from __future__ import annotations

import base64
import html
import json
import random
import shlex
import sqlite3
import sys
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.staging.profiles import Profile, TokenLife
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from tests.leaks import leaks, made_up, spellings, written
from tests.servers import Handler, free_port, serving
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.servers import Answer

    Loud = Callable[..., pytest.RunResult]

SUITE: Final = ("--pyargs", "pytest_cce_precheck.suite", "--cce-budget=40")
LOUD: Final = (
    *("-vv", "--tb=long", "--showlocals", "-rA", "--log-level=DEBUG", "-o", "log_cli=true"),
    *("-o", "junit_logging=all", "--junitxml=junit.xml", "--cce-history=history.sqlite"),
    "--cce-snapshot=snapshot.json",
)
# what makes a run's output ten times as long
LOUDEST: Final = ("--full-trace", "--debug")
ECHOES: Final = ("refusal-echoes-the-token", "answers-echo-the-credentials", "refusal-reveals-the-secret-key")
DEPENDENT: Final = """
import copy, dataclasses, logging, os

import pytest
from hypothesis import given, note, settings, strategies

logging.getLogger("urllib3").setLevel(logging.DEBUG)

def shown(thing):
    return f"{thing} {thing!r} {vars(thing)!r} {copy.copy(thing)!r}"

def test_objects_show_nothing(cce_client, cce_config, cce_exchanges, _cce_harness):
    exchange = cce_client.list_tasks(type="addonStatic")
    for thing in (cce_client, cce_config, exchange, exchange.request, _cce_harness, _cce_harness.mode):
        logging.getLogger().debug("%s", shown(thing))
    for thing in (cce_config, exchange, cce_client.credentials):
        print(dataclasses.asdict(thing))
    print(cce_client.credentials, cce_exchanges, exchange.request.headers)
    assert (exchange.request, cce_client.credentials) == 5

def test_a_lost_answer(cce_client):
    cce_client.list_tasks(task_id="close")

def test_a_violation(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks(), cce_client.create_tasks([]))

@settings(max_examples=5)
@given(task_id=strategies.sampled_from(["a", "b"]))
def test_a_drawn_question(cce_client, task_id):
    exchange = cce_client.list_tasks(task_id=task_id)
    note(f"{exchange} {exchange.request.headers} {cce_client.credentials}")
    assert exchange.status == 999

@pytest.fixture
def broken(cce_client):
    exchange = cce_client.list_tasks()
    headers = dict(exchange.request.headers)
    environment = {name: text for name, text in os.environ.items() if name != "CCE_TOKEN_COMMAND"}
    raise RuntimeError(exchange)

def test_a_broken_fixture(broken): pass
"""


class World:
    """A service with made-up credentials, and the run's environment, which holds them."""

    def __init__(self, seed: int, vault: Path) -> None:
        # a file, outside of what is searched
        self.vault = vault
        rng = random.Random(seed)
        self.password = made_up(rng) + "ü密"
        self.credentials = Credentials(
            token=Secret(made_up(rng, 300)),
            access_key=Secret(made_up(rng, 24)),
            secret_key=Secret(made_up(rng)),
            security_token=Secret(made_up(rng, 120)),
        )
        self.argument = made_up(rng)
        self.others: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        return (*self.credentials.secrets, self.password, self.argument, *self.others)

    def in_use(self, kind: str) -> tuple[str, ...]:
        """Return what a service may have heard of."""
        token, *keys = self.credentials.secrets
        return {"token": (token,), "keys": (*keys,), "command": (token, self.password), "iam": (self.password,)}[kind]

    def served(self, *faults: str) -> SimulatorServer:
        service = Simulator(faults=faults, clock=RunningClock())
        service.credentials = self.credentials
        return SimulatorServer(service)

    def environment(self, kind: str, iam: str = "") -> dict[str, str]:
        token, key, secret, temporary = self.credentials.secrets
        keys = {"HUAWEICLOUD_SDK_AK": key, "HUAWEICLOUD_SDK_SK": secret, "HUAWEICLOUD_SDK_SECURITY_TOKEN": temporary}
        self.vault.write_text(token)
        code = "import pathlib, sys; sys.stderr.write(sys.argv[2]); print(pathlib.Path(sys.argv[1]).read_text())"
        command = shlex.join([sys.executable, "-S", "-c", code, str(self.vault), self.argument])
        return {
            "token": {"CCE_AUTH_TOKEN": token},
            "keys": keys,
            "command": {"CCE_TOKEN_COMMAND": command, "CCE_IAM_PASSWORD": self.password},
            "iam": {
                "CCE_IAM_USER": "u", "CCE_IAM_DOMAIN": "d", "CCE_IAM_PASSWORD": self.password, "CCE_IAM_ENDPOINT": iam
            },
        }[kind]  # fmt: skip


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(len(request.node.name), tmp_path_factory.mktemp("vault") / "token")


@pytest.fixture
def loud(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Loud:
    """Run pytest in a process of its own that tells all it can, cache and hypothesis' observations included."""
    monkeypatch.setenv("HYPOTHESIS_EXPERIMENTAL_OBSERVABILITY", "1")
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")

    def run(environment: Mapping[str, str], target: Mapping[str, Any], *arguments: str) -> pytest.RunResult:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        told = (f"--cce-endpoint={target['endpoint']}", "--cce-project-id=p", "--cce-cluster-id=c") if target else ()
        if "project_id" in target:
            told = (told[0], f"--cce-project-id={target['project_id']}", f"--cce-cluster-id={target['cluster_id']}")
        mode = () if any("--cce-mode" in word for word in arguments) else ("--cce-mode=live",)
        words = [sys.executable, "-m", "pytest", "-p", "no:randomly", *mode, *told, *LOUD, *arguments]
        return pytester.run(*words, timeout=120)

    return run


def gossip(secrets: tuple[str, ...], status: int) -> Answer:
    """Answer with all that anybody knows, in every way to write it."""

    def answer(handler: Handler) -> None:
        if "task_id=close" in handler.path:
            handler.close_connection = True
            return
        told = {f"{number}": " ".join(spellings_told(secret)) for number, secret in enumerate(secrets)}
        body = {
            "errorCode": "CCE.01500001",
            "errorMessage": str(handler.headers),
            "error": {"message": str(told)},
            **told,
        }
        latin = " ".join(map(quote, secrets))
        handler.reply(status, json.dumps(body).encode(), X_Request_Id=latin, Location=f"/?t={latin}", X_Debug=latin)

    return answer


def spellings_told(secret: str) -> Iterator[str]:
    octets = secret.encode()
    yield from (secret, quote(secret, safe=""), base64.b64encode(octets).decode(), octets.hex(), json.dumps(secret))


def facts(server: SimulatorServer) -> dict[str, Any]:
    return {**server.simulator.describe(), "endpoint": server.endpoint}


def assert_nowhere(pytester: pytest.Pytester, results: list[pytest.RunResult], world: World) -> None:
    printed = [(f"run {number}", result.stdout.str() + result.stderr.str()) for number, result in enumerate(results)]
    files = [each for each in written(pytester.path) if not each[0].endswith((".py", ".pyc"))]
    names = {name for name, _ in files}
    assert {"junit.xml", "history.sqlite"} <= names
    # what pytester keeps of the runs is what they printed
    assert leaks([*printed, *files], world.secrets) == []


# ---- the suite


@pytest.mark.parametrize(
    ("kind", "faults", "ending"),
    [("command", (), "md"), ("keys", ECHOES, "html"), ("token", ECHOES, "json")],
    ids=["green-by-command", "red-with-keys", "red-with-a-token"],
)
def test_a_run_of_the_suite_shows_no_credential(
    pytester: pytest.Pytester, loud: Loud, world: World, kind: str, faults: tuple[str, ...], ending: str
) -> None:
    with world.served(*faults) as server:
        report = f"--cce-report=findings.{ending}"
        more = LOUDEST if faults else ()
        result = loud(world.environment(kind), facts(server), report, "--cce-allow-writes", *more, *SUITE)
    assert result.ret == (1 if faults else 0)
    written = (pytester.path / f"findings.{ending}").read_text("utf-8")
    assert ("answer repeats the request" in written) == bool(faults)
    assert_nowhere(pytester, [result], world)


def test_a_run_by_two_workers_shows_no_credential(pytester: pytest.Pytester, loud: Loud, world: World) -> None:
    require_module("xdist")
    with world.served(*ECHOES) as server:
        pytester.makepyfile(DEPENDENT)
        run = ("-n", "2", "--cce-report=findings.json", "--cce-allow-writes")
        result = loud(
            world.environment("keys"), facts(server), *run, *SUITE, "test_a_run_by_two_workers_shows_no_credential.py"
        )
    assert result.ret == 1
    assert_nowhere(pytester, [result], world)


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "loadgroup")], ids=["alone", "workers"])
def test_a_run_over_targets_shows_no_credential_whatever_its_variable_is_called(
    pytester: pytest.Pytester, loud: Loud, world: World, workers: tuple[str, ...]
) -> None:
    token, key, secret, temporary = world.credentials.secrets
    environment = {"EU_TOKEN": token, "CN_AK": key, "CN_SK": secret, "CN_ST": temporary}
    names = {"eu": 'token = "EU_TOKEN"', "cn": 'access_key = "CN_AK", secret_key = "CN_SK", security_token = "CN_ST"'}
    mine = pytester.makepyfile(DEPENDENT)
    with world.served(*ECHOES) as server:
        told = facts(server)
        pytester.path.joinpath("cce-targets.toml").write_text(
            "\n".join(
                f"""[[target]]
                name = "{name}"
                endpoint = "{told["endpoint"]}"
                project_id = "{told["project_id"]}"
                clusters = ["{told["cluster_id"]}"]
                credentials = {{ {credentials} }}"""
                for name, credentials in names.items()
            )
        )
        run = ("--cce-targets=cce-targets.toml", "--cce-report=findings.json", *workers)
        result = loud(environment, {}, *run, *SUITE, mine.name)
    assert result.ret == 1
    assert "PRE608" in (pytester.path / "findings.json").read_text("utf-8")
    assert_nowhere(pytester, [result], world)


def test_a_run_that_reaches_nobody_shows_no_credential(pytester: pytest.Pytester, loud: Loud, world: World) -> None:
    result = loud(world.environment("keys"), {"endpoint": f"http://127.0.0.1:{free_port()}"}, *SUITE)
    assert result.ret == 1
    assert "unreachable" in result.stdout.str() or "no connection" in result.stdout.str()
    assert_nowhere(pytester, [result], world)


@pytest.mark.parametrize("kind", ["keys", "iam"])
def test_a_run_that_is_refused_shows_no_credential(
    pytester: pytest.Pytester, loud: Loud, world: World, kind: str
) -> None:
    with serving(gossip(world.in_use(kind), 401)) as server:
        environment = world.environment(kind, iam=server.endpoint)
        result = loud(environment, {"endpoint": server.endpoint}, "--cce-report=findings.json", *SUITE)
    assert result.ret == 1
    assert "401" in result.stdout.str()
    assert_nowhere(pytester, [result], world)


def test_a_run_with_iams_tokens_shows_neither_them_nor_the_password(
    pytester: pytest.Pytester, loud: Loud, world: World
) -> None:
    life = TokenLife(seconds=3600.0, requests=12)
    service = Staging(Profile(name="brief", summary="", tokens=life), clock=RunningClock())
    account = service.account
    world.password = account.password.reveal()
    with SimulatorServer(service) as server:
        environment = world.environment("iam", iam=server.endpoint)
        environment |= {"CCE_IAM_USER": account.user, "CCE_IAM_DOMAIN": account.domain}
        result = loud(environment, facts(server), *SUITE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["  * token* renewed"])
    assert service._tokens is not None
    world.others = (*service.credentials.secrets, *service._tokens._issued)
    assert len(service._tokens._issued) > 1
    assert_nowhere(pytester, [result], world)


# ---- somebody's own tests


@pytest.mark.parametrize("kind", ["keys", "command"])
def test_a_dependents_failing_tests_show_no_credential(
    pytester: pytest.Pytester, loud: Loud, world: World, kind: str
) -> None:
    pytester.makepyfile(DEPENDENT)
    with serving(gossip(world.in_use(kind), 500)) as server:
        report = "--cce-report=findings.json"
        result = loud(world.environment(kind), {"endpoint": server.endpoint}, report, *LOUDEST)
    assert (pytester.path / "pytestdebug.log").is_file()
    result.assert_outcomes(failed=4, errors=1)
    assert_nowhere(pytester, [result], world)


def test_recordings_ledger_and_ticket_hold_no_credential(
    pytester: pytest.Pytester, loud: Loud, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = world.environment("keys")
    with world.served(*ECHOES, "final-without-expiry") as server:
        report = "--cce-report=findings.json"
        live = loud(environment, facts(server), report, "--cce-allow-writes", *SUITE)
        recorded = loud(environment, facts(server), "--cce-mode=record", *SUITE)
        replayed = loud(environment, facts(server), "--cce-mode=replay", *SUITE)
    add = ("ledger", "add", "findings.json", "--code=PRE302", "--reason=known", "--owner=o", "--until=2999-12-31")
    commands = [
        pytester.run(sys.executable, "-m", "pytest_cce_precheck.cli", *words)
        for words in (
            add,
            ("ledger", "ticket", "findings.json", "--code=PRE608"),
            ("cassettes", "verify", "cce-cassettes"),
        )
    ]
    assert (live.ret, recorded.ret, replayed.ret) == (1, 1, 1)
    assert any((pytester.path / "cce-cassettes").rglob("*.json"))
    assert_nowhere(pytester, [live, recorded, replayed, *commands], world)


def test_a_live_run_reads_no_cassette_and_writes_none(pytester: pytest.Pytester, loud: Loud, world: World) -> None:
    pytester.makepyfile("def test_it(cce_client): assert cce_client.list_tasks().status == 200")
    with world.served() as server:
        recorded = loud(world.environment("keys"), facts(server), "--cce-mode=record")
        [cassette] = (pytester.path / "cce-cassettes").rglob("*.json")
        cassette.write_text("no cassette that anybody could read")
        live = loud(world.environment("keys"), facts(server))
        replayed = loud(world.environment("keys"), facts(server), "--cce-mode=replay")
    assert (recorded.ret, live.ret, replayed.ret) == (0, 0, 1)
    assert cassette.read_text() == "no cassette that anybody could read"
    assert [path for path in (pytester.path / "cce-cassettes").rglob("*") if path.is_file()] == [cassette]


# ---- the search itself


@pytest.mark.parametrize("secret", ["a" * 10 + "\"'/+é&<b", "".join(map(chr, range(65, 91))) + '/"'])
def test_the_search_finds_what_is_there(tmp_path: Path, secret: str) -> None:
    for number, spelling in enumerate(spellings(secret)):
        (tmp_path / f"{number}.txt").write_text(f"x{spelling}y", encoding="utf-8")
        assert {name for name, _ in leaks(written(tmp_path), [secret])} >= {f"{number}.txt"}
    (tmp_path / "page.html").write_text(html.escape(secret), encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "kept")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (?)", ["x" * 4090 + secret])
        connection.commit()
    with zipfile.ZipFile(tmp_path / "packed", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("f", 90 * secret)
    assert {name for name, _ in leaks(written(tmp_path), [secret])} >= {"page.html", "kept", "packed"}
    assert leaks([("x", "nothing of it")], [secret]) == []
