from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import VERIFIES
from tests.plugin.replays import ASKS, keep
from tests.recordings import ENDPOINT, REPLAY, answered, failed, files_in, recording_from
from tests.servers import always, serving
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_cce_precheck.simulator.server import SimulatorServer
    from tests.conftest import Run


# ---- what it needs


def test_nothing_is_needed_but_the_cassettes(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=ASKS)
    keep(pytester, answered("type=x"))
    result = run(*REPLAY)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "cce-precheck: mode replay (option); --cce-cassette-dir cassettes (option)",
            "mode replay: recorded answers (no real service was contacted), 1 request, seed 0",
            f"  1 cassette of {ENDPOINT}, the oldest recorded * days ago (cassettes/test_it/test_it.json)",
        ]
    )
    assert "recordings were not used" not in result.stdout.str()


def test_what_was_not_asked_for_is_counted(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=ASKS + ASKS.replace("test_it", "test_other"))
    keep(pytester, answered("type=x"), answered("type=y"), answered("type=x"))
    keep(pytester, answered("type=x"), test="test_other", endpoint="https://other.example")
    result = run(*REPLAY)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            f"  2 cassettes of {ENDPOINT}, https://other.example, the oldest recorded * days ago (*)",
            "  2 of their 4 recordings were not used (cassettes/test_it/test_it.json)",
        ]
    )


def test_the_report_says_which_cassettes_were_used(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=ASKS)
    keep(pytester, answered("type=x"), answered())
    run(*REPLAY, "--cce-report=report.json")
    [used] = json.loads((pytester.path / "report.json").read_text("utf-8"))["cassettes"]
    recorded_at = "2026-01-02T03:04:05+00:00"
    assert used == {
        "name": "cassettes/test_it/test_it.json", "endpoint": ENDPOINT, "recorded_at": recorded_at, "recordings": 2,
        "unused": 1, "classes": [],
    }  # fmt: skip


def test_a_part_of_the_tests_runs_in_any_order_from_cassettes_alone(
    pytester: pytest.Pytester, run: Run, service: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_module("pytest_randomly")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_asks(cce_client, cce_contract, number):
            task = cce_client.list_tasks().document["items"][number]["metadata"]["taskID"]
            exchange = cce_client.list_tasks(task_id=task)
            cce_contract.verify(exchange)
            assert len(exchange.document["items"]) == 1
        """
    )
    run(*recording_from(service)).assert_outcomes(passed=6)
    service.close()
    monkeypatch.delenv("CCE_AUTH_TOKEN")
    before = files_in(pytester.path / "cassettes")
    run(*REPLAY, "-k", "1 or 4").assert_outcomes(passed=2, deselected=4)
    for seed in (1, 2):
        shuffled = pytester.runpytest_inprocess("-p", "randomly", f"--randomly-seed={seed}", "-W", "error", *REPLAY)
        shuffled.assert_outcomes(passed=6)
    assert files_in(pytester.path / "cassettes") == before


def test_each_test_has_the_service_and_the_cluster_of_its_own_cassette(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        def seen(client):
            names = client.credentials.names
            return client.endpoint, client.project_id, client.cluster_id, names

        def test_a(cce_client):
            assert seen(cce_client) == ("https://a.example", "pa", "ca", ("token",))

        def test_none(cce_client):
            assert seen(cce_client)[0] not in ("https://a.example", "https://b.example")

        def test_b(cce_client):
            assert seen(cce_client) == ("https://b.example", "pb", "cb", ("access_key", "secret_key"))
        """
    )
    keep(pytester, answered(), test="test_a", endpoint="https://a.example", project_id="pa", cluster_id="ca")
    keep(
        pytester, answered(), test="test_b", endpoint="https://b.example", project_id="pb", cluster_id="cb",
        credentials=("access_key", "secret_key"),
    )  # fmt: skip
    run(*REPLAY).assert_outcomes(passed=3)
    run(*REPLAY, "-k", "test_b").assert_outcomes(passed=1)


def test_settings_that_are_given_count_more_than_the_cassettes(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=ASKS)
    keep(pytester, answered("type=x"))
    elsewhere = "--cce-endpoint=https://elsewhere.example"
    run(*REPLAY, elsewhere).assert_outcomes(passed=1)
    result = run(*REPLAY, elsewhere, "--cce-project-id=q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*  differs:  the project is q, recorded p"])


def test_a_failure_is_replayed_to_our_client_and_to_others(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest, requests
        from pytest_cce_precheck import TransportError

        def test_it(cce_client):
            with pytest.raises(TransportError) as caught:
                cce_client.list_tasks()
            assert (caught.value.reason, caught.value.detail) == ("timeout", "no answer")
            with pytest.raises(requests.Timeout):
                requests.get(cce_client.list_request().url)
        """
    )
    keep(pytester, failed(), failed())
    run(*REPLAY).assert_outcomes(passed=1)


# ---- no cassette at all


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def of_another_version(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace('"cassette":1', '"cassette":2'), "utf-8")


def no_json(path: Path) -> None:
    path.write_text("cassette: 1\n", "utf-8")


def no_utf8(path: Path) -> None:
    path.write_bytes(b'{"cassette": "\xe9"}')


def unmerged(path: Path) -> None:
    path.write_text(path.read_text("utf-8") + "<<<<<<< HEAD\n", "utf-8")


def too_deep(path: Path) -> None:
    path.write_text("[" * 200_000, "utf-8")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link_out(path: Path) -> None:
    outside = path.parent.parent.parent / "outside.json"
    path.rename(outside)
    path.symlink_to(outside)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (cut, "*/test_it.json is not a cassette: *; record it again"),
        (of_another_version, "*/test_it.json is a cassette of version 2, and this tool reads version 1: *"),
        (no_json, "*/test_it.json is not a cassette: *; record it again"),
        (no_utf8, "*/test_it.json cannot be read: byte 14 is not UTF-8; move it away, and record it again *"),
        (unmerged, "*/test_it.json has the markers of an unfinished merge*"),
        (too_deep, "*/test_it.json is not a cassette: *; record it again"),
        (a_folder, "*/test_it.json cannot be read: it is a directory; expected a regular file *"),
        (a_pipe, "*/test_it.json cannot be read: it is a named pipe; expected a regular file *"),
        (a_link_out, "the cassette cassettes/*.json is not usable: a symbolic link leads out of cassettes, to *"),
    ],
)
def test_what_is_no_cassette_is_that_tests_error_and_no_other_tests(
    pytester: pytest.Pytester, run: Run, spoil: Callable[[Path], None], told: str
) -> None:
    pytester.makepyfile(test_it=ASKS + ASKS.replace("test_it", "test_other"))
    keep(pytester, answered("type=x"), test="test_other")
    spoil(keep(pytester, answered("type=x")))
    result = run(*REPLAY)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([told])
    assert "fixtures.py" not in result.stdout.str()


def test_after_a_cassette_that_cannot_be_read_nothing_is_sent_to_its_service(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_it=ASKS + ASKS.replace("test_it", "test_without_cassette"))
    with serving(always(200, b"{}")) as server:
        path = keep(pytester, answered("type=x"), endpoint=server.endpoint)
        path.write_text(path.read_text("utf-8").replace('"method":"GET"', '"method":5'), "utf-8")
        result = run(*REPLAY)
    result.assert_outcomes(failed=1, errors=1)
    assert server.seen == []


# ---- what is refused


@pytest.mark.parametrize("call", ["cce_client.list_tasks()", "requests.get(cce_client.list_request().url)"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_outside_of_a_test_is_refused_and_says_what_to_do(
    pytester: pytest.Pytester, run: Run, when: str, call: str
) -> None:
    before, after = (call, "") if when == "before" else ("", call)
    pytester.makepyfile(
        test_it=f"""
        import pytest, requests

        @pytest.fixture(scope="module")
        def shared(cce_client):
            {before}
            yield
            {after}

        def test_it(shared): pass
        """
    )
    keep(pytester, answered())
    result = run(*REPLAY)
    result.assert_outcomes(errors=1, passed=1 if when == "after" else 0)
    told = "*CassetteMissError: a call was made outside of a test, in mode replay: cassettes belong to tests, so *"
    result.stdout.fnmatch_lines([told])


def test_a_client_that_is_as_old_as_the_session_misses_what_it_could_not_know(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest, requests

        @pytest.fixture(scope="session")
        def url(cce_client):
            return cce_client.list_request().url

        def test_it(url):
            requests.get(url)
        """
    )
    keep(pytester, answered())
    result = run(*REPLAY)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no recording for GET *", "  differs:  the project is not-recorded, recorded p"])


def test_faults_are_for_the_simulator_alone(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=ASKS)
    result = run(*REPLAY, "--cce-fault=page-info-missing")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --cce-fault injects faults into the simulator alone: leave it out, or use *"])


def test_the_verdict_of_a_replay_is_that_of_the_recording(
    pytester: pytest.Pytester, record: Run, replay: Run, service: SimulatorServer
) -> None:
    pytester.makepyfile(VERIFIES)
    service.simulator = type(service.simulator)(faults=["final-without-expiry"])
    for way in (record, replay):
        result = way()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*ContractViolation: PRE302 *"])


def test_a_cassette_that_names_no_kind_of_credentials_needs_none(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=ASKS)
    keep(pytester, answered("type=x"), credentials=())
    run(*REPLAY).assert_outcomes(passed=1)
