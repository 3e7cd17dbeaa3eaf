from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cassette.files import read
from tests.plugin.projects import VERIFIES
from tests.recordings import CASSETTES, files_in, recording_from
from tests.servers import serving
from tests.toolchains import require_module

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.simulator.server import SimulatorServer
    from tests.conftest import Run
    from tests.servers import Handler

NAMED = "test_upgrade_checks_meet_the_contract"


def cassettes(pytester: pytest.Pytester) -> Path:
    return pytester.path / "cassettes"


def names(pytester: pytest.Pytester) -> list[str]:
    return list(files_in(cassettes(pytester)))


# ---- what is written


def test_a_test_has_one_cassette_that_says_where_it_is_from(
    pytester: pytest.Pytester, record: Run, service: SimulatorServer
) -> None:
    pytester.makepyfile(test_it=VERIFIES)
    result = record()
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"mode record: {service.endpoint}, 1 request, seed 0"])
    assert names(pytester) == [f"test_it/{NAMED}.json"]
    cassette = read(cassettes(pytester) / "test_it" / f"{NAMED}.json")
    [recording] = cassette
    assert recording.request.query == "type=addonUpgrade"
    assert recording.exchange is not None
    assert recording.exchange.document["kind"] == "AddonCheck"
    origin = cassette.origin
    assert (origin.endpoint, origin.test) == (service.endpoint, f"test_it.py::{NAMED}")
    assert (origin.project_id, origin.cluster_id) == (service.simulator.project_id, service.simulator.cluster_id)
    assert (origin.credentials, origin.source, cassette.sealed) == (("token",), "record", True)


def test_what_is_recorded_is_replayed_when_the_service_is_gone(
    pytester: pytest.Pytester, record: Run, replay: Run
) -> None:
    pytester.makepyfile(
        """
        import pytest, requests

        @pytest.fixture
        def everything(cce_client):
            yield cce_client.list_tasks().document
            assert cce_client.list_tasks(task_id="afterwards").status == 200

        @pytest.mark.parametrize("type", ["addonStatic", pytest.param("addonUpgrade", id="a/b: é")])
        def test_listed(cce_client, everything, type):
            listed = cce_client.list_tasks(type=type).document["items"]
            assert listed == [task for task in everything["items"] if task["metadata"]["type"] == type]

        class TestOthers:
            def test_that_use_requests(self, cce_client):
                request = cce_client.authenticated(cce_client.list_request("type=addonStatic"))
                answer = requests.get(request.url, headers=dict(request.headers.pairs), timeout=5)
                assert answer.json() == cce_client.list_tasks(type="addonStatic").document
        """
    )
    record().assert_outcomes(passed=3)
    module = "test_what_is_recorded_is_replayed_when_the_service_is_gone"
    recorded = names(pytester)
    assert {f"{module}/test_listed[addonStatic].json", f"{module}/TestOthers.test_that_use_requests.json"} < {*recorded}
    assert len(recorded) == 3
    before = files_in(cassettes(pytester))
    replay().assert_outcomes(passed=3)
    assert files_in(cassettes(pytester)) == before


def test_a_second_recording_replaces_the_first_one_whole(
    pytester: pytest.Pytester, record: Run, service: SimulatorServer
) -> None:
    ask = "def test_it(cce_client):\n    " + "cce_client.list_tasks(type={!r})"
    pytester.makepyfile(test_it=ask.format("a") + "\n    cce_client.list_tasks()")
    record().assert_outcomes(passed=1)
    pytester.makepyfile(test_it=ask.format("b"))
    record().assert_outcomes(passed=1)
    assert [each.request.query for each in read(cassettes(pytester) / "test_it" / "test_it.json")] == ["type=b"]


def test_no_credential_is_in_a_cassette(pytester: pytest.Pytester, record: Run, service: SimulatorServer) -> None:
    pytester.makepyfile(VERIFIES)
    record()
    for content in files_in(cassettes(pytester)).values():
        assert not [secret for secret in service.simulator.credentials.secrets if secret.encode() in content]


# ---- when it is written

FINISHED = """
import pytest
from pytest_cce_precheck import ContractViolation

@pytest.fixture
def asked(cce_client):
    return cce_client.list_tasks(type="addonUpgrade")

def test_passed(asked): pass

def test_skipped(asked):
    pytest.skip("seen enough")

def test_violation(asked, cce_contract):
    cce_contract.verify(asked)

@pytest.mark.cce_allow("PRE302", reason="agreed")
def test_accepted(asked, cce_contract):
    cce_contract.verify(asked)
"""
UNFINISHED = """
import pytest

@pytest.fixture
def asked(cce_client):
    return cce_client.list_tasks(type="addonUpgrade")

@pytest.fixture
def broken(asked):
    raise RuntimeError("in a fixture")

@pytest.fixture
def skipping(asked):
    pytest.skip("in a fixture")

def test_failed(asked): assert False
def test_error(asked): raise OSError
def test_pytest_fail(asked): pytest.fail("so")
def test_error_in_setup(broken): pass
def test_skipped_in_setup(skipping): pass
@pytest.mark.skip
def test_not_run(asked): pass
@pytest.mark.xfail
def test_xfail(asked): assert False
@pytest.mark.xfail(strict=False)
def test_xpass(asked): pass
@pytest.mark.xfail(strict=True)
def test_xpass_strict(asked): pass
def test_xfail_called(asked): pytest.xfail("so")
@pytest.mark.cce(mode="simulate")
def test_of_another_mode(cce_client): raise AssertionError
def test_that_asks_nothing(cce_client): pass
"""


def old_cassettes(pytester: pytest.Pytester, source: str) -> dict[str, bytes]:
    """Leave an old cassette for each test of a module; give them."""
    folder = cassettes(pytester) / "test_it"
    folder.mkdir(parents=True)
    tests = [line.split("(")[0].removeprefix("def ") for line in source.splitlines() if line.startswith("def test_")]
    for test in tests:
        (folder / f"{test}.json").write_bytes(b"the old one\r\n")
    return files_in(cassettes(pytester))


def test_what_came_to_its_end_is_kept_a_violation_too(
    pytester: pytest.Pytester, record: Run, service: SimulatorServer
) -> None:
    pytester.makepyfile(test_it=FINISHED)
    old = old_cassettes(pytester, FINISHED)
    service.simulator = type(service.simulator)(faults=["final-without-expiry"])
    result = record()
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["mode record: *", "  4 cassettes written"])
    new = files_in(cassettes(pytester))
    assert new.keys() == old.keys()
    for name in new:
        assert [each.request.query for each in read(cassettes(pytester) / name)] == ["type=addonUpgrade"]


def test_whatever_did_not_leaves_the_old_cassette_byte_for_byte(pytester: pytest.Pytester, record: Run) -> None:
    pytester.makepyfile(test_it=UNFINISHED)
    old = old_cassettes(pytester, UNFINISHED)
    result = record("-p", "no:randomly", "--cce-report=report.json")
    result.assert_outcomes(passed=1, failed=4, errors=1, skipped=3, xfailed=2, xpassed=1)
    assert files_in(cassettes(pytester)) == old
    result.stdout.fnmatch_lines(
        [
            "mode record: *",
            "  not recorded, because it failed for another reason than an answer: test_it.py::test_failed",
            "  not recorded, because it failed for another reason than an answer: test_it.py::test_error",
            "  … and 4 more",
        ]
    )
    assert "written" not in result.stdout.str().partition("= cce-precheck =")[2].replace("report written", "")
    assert json.loads((pytester.path / "report.json").read_text())["recorded"] == []


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("raise KeyboardInterrupt", 2),
        ("pytest.exit('enough')", 2),
        ("signal.raise_signal(signal.SIGINT)", 2),
    ],
)
def test_an_interrupted_test_leaves_the_old_cassette_byte_for_byte(
    pytester: pytest.Pytester, service: SimulatorServer, ending: str, status: int
) -> None:
    source = f"""
import pytest, signal

def test_before(cce_client):
    cce_client.list_tasks()

def test_interrupted(cce_client):
    cce_client.list_tasks()
    {ending}
"""
    pytester.makepyfile(test_it=source)
    old = old_cassettes(pytester, source)
    options = ("-p", "no:cacheprovider", "-p", "no:randomly", "-W", "error", *recording_from(service))
    assert pytester.runpytest_inprocess(*options, no_reraise_ctrlc=True).ret == status
    new = files_in(cassettes(pytester))
    assert new["test_it/test_interrupted.json"] == old["test_it/test_interrupted.json"]
    assert b"the old one" not in new["test_it/test_before.json"]
    assert new.keys() == old.keys()


def test_what_cannot_be_written_is_an_error_and_leaves_nothing(pytester: pytest.Pytester, record: Run) -> None:
    pytester.makepyfile(test_it=VERIFIES)
    pytester.makefile("", cassettes="somebody's file")
    result = record()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["the cassette cassettes/test_it/*.json cannot be written: *"])
    assert "fixtures.py" not in result.stdout.str()
    assert (pytester.path / "cassettes").read_text() == "somebody's file"


# ---- the same again


def constant(handler: Handler) -> None:
    """Answer the same to the same question, with no date."""
    body = json.dumps({"kind": "AddonCheck", "message": handler.path}).encode()
    handler.send_response_only(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


SEVERAL = """
import pytest, requests, threading

@pytest.mark.parametrize("number", range(6))
def test_asks(cce_client, number):
    for _ in range(2):
        cce_client.list_tasks(task_id=str(number))

def test_asks_in_threads(cce_client):
    threads = [threading.Thread(target=cce_client.list_tasks, kwargs={"task_id": str(n)}) for n in range(5)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

def test_creates(cce_client):
    addon = {"addonTemplateName": "a", "addonInstanceID": "b", "type": "addonStatic"}
    cce_client.create_tasks([addon])
"""


def test_the_same_world_gives_the_same_files_alone_on_workers_and_in_any_order(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_module("xdist")
    require_module("pytest_randomly")
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up-token")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    pytester.makepyfile(test_it=SEVERAL)
    with serving(constant) as server:
        place = (f"--cce-endpoint={server.endpoint}", "--cce-project-id=p", "--cce-cluster-id=c")
        options = ("--cce-mode=record", "--cce-allow-writes", *place)
        ways = {
            "alone": run,
            "again": run,
            "workers": lambda *more: pytester.runpytest_subprocess(
                "-n", "2", "-p", "no:randomly", "-W", "error", *more
            ),
            "shuffled": lambda *more: pytester.runpytest_inprocess("-p", "randomly", "-W", "error", *more),
        }
        for name, way in ways.items():
            way("-p", "no:cacheprovider", f"--cce-cassette-dir={name}", *options).assert_outcomes(passed=8)
    alone = files_in(pytester.path / "alone")
    assert len(alone) == 8
    assert read(pytester.path / "alone" / "test_it" / "test_creates.json").origin.recorded_at.year == 2023
    for name in ways:
        assert files_in(pytester.path / name) == alone
    # and from any of them the tests are replayed on workers
    monkeypatch.delenv("CCE_AUTH_TOKEN")
    replayed = pytester.runpytest_subprocess(
        "-n", "2", "-W", "error", "--cce-mode=replay", "--cce-cassette-dir=workers"
    )
    replayed.assert_outcomes(passed=8)


# ---- credentials from elsewhere


def test_credentials_of_the_projects_own_fixture_are_kept_out_and_replayed(
    pytester: pytest.Pytester, service: SimulatorServer, run: Run, replay: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = service.simulator.credentials.token
    assert token is not None
    monkeypatch.delenv("CCE_AUTH_TOKEN")
    monkeypatch.setenv("FROM_THE_VAULT", token.reveal())
    pytester.makeconftest(
        """
        import os
        import pytest
        from pytest_cce_precheck import Credentials, Secret

        @pytest.fixture(scope="session")
        def cce_credentials():
            return Credentials(token=Secret(os.environ["FROM_THE_VAULT"]))
        """
    )
    pytester.makepyfile(
        test_it="""
        def test_echo(cce_client):
            token = cce_client.credentials.token.reveal()
            assert cce_client.list_tasks(task_id=token).status == 200
        """
    )
    run(*recording_from(service)).assert_outcomes(passed=1)
    [content] = files_in(cassettes(pytester)).values()
    assert token.reveal().encode() not in content
    assert json.loads(content)["credentials"] == ["token"]
    replay().assert_outcomes(passed=1)


def test_a_folder_option_is_needed_by_nobody(pytester: pytest.Pytester, run: Run, service: SimulatorServer) -> None:
    pytester.makepyfile(test_it=VERIFIES)
    run(*(option for option in recording_from(service) if option != CASSETTES)).assert_outcomes(passed=1)
    assert list(files_in(pytester.path / "cce-cassettes")) == [f"test_it/{NAMED}.json"]


def test_a_live_run_reads_no_cassette_and_writes_none(
    pytester: pytest.Pytester, run: Run, service: SimulatorServer
) -> None:
    source = "def test_passed(cce_client): assert cce_client.list_tasks().status == 200\n"
    pytester.makepyfile(test_it=source)
    live = ("--cce-mode=live", *recording_from(service)[1:])
    run(*live).assert_outcomes(passed=1)
    assert not cassettes(pytester).exists()
    old = old_cassettes(pytester, source)
    result = run(*live)
    result.assert_outcomes(passed=1)
    assert files_in(cassettes(pytester)) == old
    assert "cassette " not in result.stdout.str().partition("= cce-precheck =")[2]
