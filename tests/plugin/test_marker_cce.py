from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.config.options import Mode
from tests.recordings import files_in
from tests.toolchains import require_module

if TYPE_CHECKING:
    from tests.conftest import Run

MISUSED = """
import pytest

@pytest.mark.cce({})
def test_misused(): pass

def test_ordinary(): pass
"""


def test_a_test_marked_for_live_is_skipped_where_nothing_is_live(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.cce(mode="live")
        def test_live(cce_client): raise AssertionError

        @pytest.mark.cce(mode="simulate")
        def test_simulated(cce_client): pass
        """
    )
    result = run("-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*marked cce(mode='live'), and this run is in mode simulate"])


def test_faults_hold_for_the_marked_test_alone(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest

        def codes(cce_client, cce_contract):
            return [finding.code for finding in cce_contract.findings(cce_client.list_tasks())]

        def test_before(cce_client, cce_contract):
            assert codes(cce_client, cce_contract) == []

        @pytest.mark.cce(faults=["final-without-expiry", "page-info-missing"])
        def test_with_faults(cce_client, cce_contract, cce_simulator):
            assert set(codes(cce_client, cce_contract)) == {"PRE201", "PRE302"}
            assert [fault.name for fault in cce_simulator.faults] == ["final-without-expiry", "page-info-missing"]

        def test_after(cce_client, cce_contract):
            assert codes(cce_client, cce_contract) == []
        """
    )
    run().assert_outcomes(passed=3)


def test_faults_of_the_run_and_of_the_test_add_up(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.cce(faults=["page-info-missing"])
        def test_both(cce_client, cce_contract):
            found = {finding.code for finding in cce_contract.findings(cce_client.list_tasks())}
            assert found == {"PRE201", "PRE302"}
        """
    )
    run("--cce-fault=final-without-expiry").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "text",
    [
        "@ONE\n@OTHER\ndef test_it(n=0): pass",
        "@ONE\n@pytest.mark.parametrize('n', [pytest.param(1, marks=OTHER)])\ndef test_it(n): pass",
        "pytestmark = [ONE, OTHER]\ndef test_it(): pass",
    ],
    ids=["stacked", "of a parameter", "of a module"],
)
def test_two_markers_in_one_place_stop_the_run_as_pytest_would_ignore_one_of_them(
    pytester: pytest.Pytester, run: Run, text: str
) -> None:
    marks = "ONE = pytest.mark.cce(mode='simulate')\nOTHER = pytest.mark.cce(faults=['page-info-missing'])"
    pytester.makepyfile(test_it=f"import pytest\n{marks}\n{text}")
    result = run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: test_it.py::test_it*: two markers @pytest.mark.cce(...) in one place: *"])


def test_the_marker_of_a_test_replaces_that_of_its_module(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.cce(mode="live")

        @pytest.mark.cce(mode="simulate")
        def test_it(cce_client): pass
        """
    )
    run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("mode='lve'", "@pytest.mark.cce(mode='lve'): expected one of simulate, replay, record, live"),
        ("cassette=5", "@pytest.mark.cce(cassette=5): expected the name of a file"),
        ("repeats='yes'", "@pytest.mark.cce(repeats='yes'): expected True or False"),
        ("faults='page-info-missing'", "@pytest.mark.cce(faults='page-info-missing'): expected a list of names"),
        ("faults=5", "@pytest.mark.cce(faults=5): expected a list of names"),
        ("faults=['page-info-mising']", "*there is no fault 'page-info-mising'; did you mean page-info-missing*?*"),
        ("mode='live', faults=['page-info-missing']", '*only the simulator has faults, so expected mode="simulate"'),
        (
            "colour='red'",
            "@pytest.mark.cce: unexpected argument 'colour': expected (mode=None, cassette=None, *, tasks=None)",
        ),
        ("fault=['page-info-missing']", "@pytest.mark.cce: unexpected argument 'fault': *; did you mean faults?"),
        ("'live', 'a', [], True, [], 1", "@pytest.mark.cce: too many positional arguments; expected (mode=None, *)"),
    ],
)
def test_a_wrong_argument_stops_the_run_before_any_test_and_names_the_test(
    pytester: pytest.Pytester, run: Run, arguments: str, message: str
) -> None:
    pytester.makepyfile(test_it=MISUSED.format(arguments))
    result = run()
    assert result.ret == 4
    # brackets mean something else to fnmatch
    result.stderr.fnmatch_lines([f"ERROR: test_it.py::test_misused: {message}".replace("[", "[[]")])
    assert "passed" not in result.stdout.str()


@pytest.mark.parametrize("mode", [*Mode])
@pytest.mark.parametrize(
    "marker",
    [
        "cce(faults=['no-such'])",
        "cce(cassette='../tasks')",
        "cce(mode='live', cassette='/tasks')",
        "cce(cassette='\\ud800')",
        "cce_allow('PRE999', reason='agreed')",
    ],
)
def test_wrong_arguments_are_refused_in_every_mode_also_of_tests_that_would_not_run(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, mode: str, marker: str
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    pytester.makepyfile(
        test_it=f"import pytest\n\n@pytest.mark.{marker}\ndef test_misused(): pass\ndef test_ok(): pass"
    )
    live = () if mode == "simulate" else ("--cce-region=r", "--cce-project-id=p", "--cce-cluster-id=c")
    result = run(f"--cce-mode={mode}", *live, "-k", "test_ok")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: test_it.py::test_misused: *"])


def test_all_wrong_markers_are_told_at_once_and_that_of_a_module_once(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_a=MISUSED.format("mode='lve'"))
    pytester.makepyfile(
        test_b="""
        import pytest

        pytestmark = pytest.mark.cce_allow("PRE302")

        def test_one(): pass
        def test_two(): pass
        """
    )
    result = run()
    assert result.ret == 4
    told = [line for line in result.errlines if "@pytest.mark" in line]
    assert [line.partition(": @")[0] for line in told] == ["ERROR: test_a.py::test_misused", "test_b.py::test_one"]


def test_on_workers_a_wrong_argument_is_the_error_of_each_test_of_ours(pytester: pytest.Pytester, run: Run) -> None:
    require_module("xdist")
    pytester.makepyfile(test_it=MISUSED.format("mode='lve'"))
    result = run("-n", "1")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["test_it.py::test_misused: @pytest.mark.cce(mode='lve'): expected one of *"])


FAULTY = """
import pytest

@pytest.mark.cce(faults=["page-info-missing"])
def test_faulty(cce_client): pass

@pytest.mark.cce(mode="simulate", faults=["page-info-missing"])
def test_simulated(cce_client): pass
"""
LIVE = ("--cce-region=r", "--cce-project-id=p", "--cce-cluster-id=c")


@pytest.mark.parametrize("how", [(), ("--collect-only",), ("-k", "simulated")])
@pytest.mark.parametrize("mode", ["live", "record", "replay"])
def test_faults_without_mode_simulate_stop_a_run_in_another_mode(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, mode: str, how: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    pytester.makepyfile(test_it=FAULTY)
    result = run(f"--cce-mode={mode}", *LIVE, *how)
    assert result.ret == 4
    assert result.errlines[0] == (
        "ERROR: test_it.py::test_faulty: @pytest.mark.cce(faults=['page-info-missing']): only the simulator has faults,"
        f' and this run is in mode {mode}: add mode="simulate"'
    )


def test_faults_with_mode_simulate_are_skipped_in_a_run_in_another_mode(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    pytester.makepyfile(test_it=FAULTY.replace("faults=", 'mode="simulate", faults=', 1))
    run("--cce-mode=live", *LIVE).assert_outcomes(skipped=2)


def test_a_marker_that_a_closer_one_replaces_needs_no_mode(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    pytester.makepyfile(
        test_it="""
        import pytest

        pytestmark = pytest.mark.cce(faults=["page-info-missing"])

        @pytest.mark.cce(mode="simulate")
        def test_it(cce_client): pass
        """
    )
    run("--cce-mode=live", *LIVE).assert_outcomes(skipped=1)


@pytest.mark.parametrize("marker", ["cce(mode='lve')", "cce(faults=['page-info-missing'])"])
def test_a_marker_that_a_conftest_adds_is_checked_too(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    pytester.makeconftest(
        f"""
        import pytest

        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.{marker})
        """
    )
    pytester.makepyfile(test_it="def test_it(): pass")
    result = run("--cce-mode=live", *LIVE)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: test_it.py::test_it: @pytest.mark.cce(*"])


# ---- cassettes

ASKS = """
import pytest

@pytest.mark.cce(cassette="shared/tasks")
def test_recorded(cce_client):
    assert cce_client.list_tasks().status == 200

@pytest.mark.cce(mode="replay", cassette="shared/tasks.json")
@pytest.mark.parametrize("number", range(2))
def test_only_replayed(cce_client, number):
    assert cce_client.list_tasks().status == 200

@pytest.mark.cce(mode="record")
def test_only_recorded(cce_client):
    assert cce_client.list_tasks().status == 200
"""


def test_a_cassette_may_be_named_and_shared_by_those_that_only_replay_it(
    pytester: pytest.Pytester, record: Run, replay: Run
) -> None:
    pytester.makepyfile(test_it=ASKS)
    record().assert_outcomes(passed=2, skipped=2)
    assert list(files_in(pytester.path / "cassettes")) == ["shared/tasks.json", "test_it/test_only_recorded.json"]
    result = replay("-rs")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*marked cce(mode='record'), and this run is in mode replay"])


@pytest.mark.parametrize("mark", ["", "@pytest.mark.cce(repeats=True)\n"])
def test_answers_may_be_given_again_and_again(pytester: pytest.Pytester, record: Run, replay: Run, mark: str) -> None:
    asks = f"import pytest\n\n{mark}def test_it(cce_client):\n    for _ in range({{}}): cce_client.list_tasks()\n"
    pytester.makepyfile(test_it=asks.format(1))
    record().assert_outcomes(passed=1)
    pytester.makepyfile(test_it=asks.format(3))
    result = replay()
    if mark:
        result.assert_outcomes(passed=1)
    else:
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*ask once, or let it repeat (cce(repeats=True), and record it again)*"])


def test_a_hypothesis_test_may_ask_as_often_as_it_likes(pytester: pytest.Pytester, record: Run, replay: Run) -> None:
    pytester.makepyfile(
        test_it="""
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=6, database=None, deadline=None)
        @given(type=st.sampled_from(["addonStatic", "addonUpgrade"]))
        def test_it(cce_client, type):
            found = cce_client.list_tasks(type=type).document["items"]
            assert {task["metadata"]["type"] for task in found} == {type}
        """
    )
    record("--hypothesis-seed=1").assert_outcomes(passed=1)
    replay("--hypothesis-seed=2").assert_outcomes(passed=1)
