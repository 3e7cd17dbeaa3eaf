"""Recording: what a run refuses, before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import VERIFIES
from tests.recordings import files_in, recording_from
from tests.toolchains import require_module

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.simulator.server import SimulatorServer
    from tests.conftest import Run


def cassettes(pytester: pytest.Pytester) -> Path:
    return pytester.path / "cassettes"


def names(pytester: pytest.Pytester) -> list[str]:
    return list(files_in(cassettes(pytester)))


# ---- what is refused


def test_a_run_with_nothing_is_told_at_once_what_it_needs(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    result = run("--cce-mode=record", "--pyargs", "pytest_cce_precheck.suite")
    assert result.ret == 4
    told = (
        "ERROR: --cce-mode=record still needs: --cce-endpoint (or --cce-region); --cce-project-id; --cce-cluster-id;"
        " credentials in the environment: CCE_AUTH_TOKEN, or HUAWEICLOUD_SDK_AK with HUAWEICLOUD_SDK_SK*"
    )
    result.stderr.fnmatch_lines([told])


def test_defects_are_for_the_embedded_service_alone(pytester: pytest.Pytester, record: Run) -> None:
    pytester.makepyfile(VERIFIES)
    result = record("--cce-fault=page-info-missing")
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: --cce-fault injects faults into the simulator alone: leave it out, or use --cce-mode=simulate"]
    )


@pytest.mark.parametrize("other", ["tasks", "Tasks", "tasks.json", "./tasks"])
def test_two_tests_that_claim_one_cassette_stop_the_run_before_either(
    pytester: pytest.Pytester, record: Run, service: SimulatorServer, other: str
) -> None:
    pytester.makepyfile(
        test_it=f"""
        import pytest

        @pytest.mark.cce(cassette="tasks")
        def test_a(cce_client): cce_client.list_tasks()

        @pytest.mark.cce(cassette={other!r})
        def test_b(cce_client): cce_client.list_tasks()

        def test_c(): pass
        """
    )
    result = record()
    assert result.ret == 4
    told = (
        "ERROR: two tests would record the cassette *asks.json: test_it.py::test_a and test_it.py::test_b;"
        " give one of them another (cce(cassette=...))"
    )
    result.stderr.fnmatch_lines([told])
    assert names(pytester) == []
    # where one of them is left out there is no quarrel
    record("-k", "test_b").assert_outcomes(passed=1)


def test_on_workers_two_tests_that_claim_one_cassette_stop_the_run_too(
    pytester: pytest.Pytester, service: SimulatorServer
) -> None:
    require_module("xdist")
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.cce(cassette="tasks")
        @pytest.mark.parametrize("number", range(3))
        def test_a(cce_client, number): cce_client.list_tasks()

        def test_b(): pass
        """
    )
    result = pytester.runpytest_subprocess("-n", "1", "-p", "no:randomly", *recording_from(service))
    result.assert_outcomes(passed=1, errors=3)
    told = "two tests would record the cassette tasks.json: test_it.py::test_a[0] and test_it.py::test_a[1]; give one"
    assert result.stdout.str().count(told) >= 3
    assert "fixtures.py" not in result.stdout.str()
    assert names(pytester) == []


def test_tests_that_have_nothing_to_do_with_us_claim_nothing(pytester: pytest.Pytester, record: Run) -> None:
    pytester.makepyfile(
        test_a="def test_it(): pass", test_A="def test_it(): pass", test_b="def test_it(cce_client): pass"
    )
    record().assert_outcomes(passed=3)


@pytest.mark.parametrize("name", ["../tasks", "/tmp/tasks", "a/../../tasks", "a\x00b"])
def test_a_cassette_outside_of_the_folder_stops_the_run(pytester: pytest.Pytester, record: Run, name: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.cce(cassette={name!r})
        def test_outside(cce_client): cce_client.list_tasks()

        def test_inside(cce_client): cce_client.list_tasks()
        """
    )
    result = record()
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: *::test_outside: @pytest.mark.cce(cassette=*): expected a name within the folder*"]
    )
    assert names(pytester) == []
    assert not (pytester.path / "tasks.json").exists()


@pytest.mark.parametrize("call", ["cce_client.list_tasks()", "requests.get(cce_client.list_request().url)"])
@pytest.mark.parametrize("scope", ["session", "module", "class"])
def test_a_call_outside_of_a_test_is_refused_and_says_what_to_do(
    pytester: pytest.Pytester, record: Run, scope: str, call: str
) -> None:
    pytester.makepyfile(
        f"""
        import pytest, requests

        @pytest.fixture(scope={scope!r})
        def shared(cce_client):
            return {call}

        def test_shares(shared): pass
        def test_does_not(cce_client): cce_client.list_tasks()
        """
    )
    result = record()
    result.assert_outcomes(passed=1, errors=1)
    told = (
        "*a call was made outside of a test, in mode record: cassettes belong to tests, so let the test make it,"
        " or a fixture of function scope*"
    )
    result.stdout.fnmatch_lines([told])
    assert len(names(pytester)) == 1
