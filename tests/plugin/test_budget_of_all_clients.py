"""Budget, rate and run time bind every request that a live or recording run sends to its service, whoever sends it."""

from __future__ import annotations

import re
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.plugin import request_budget
from tests.drips import SPEECHES, spoken
from tests.plugin.projects import LIVE
from tests.servers import Handler, Server, always, serving, talking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Run

BODY = b'{"kind":"AddonCheck","apiVersion":"v3","pageInfo":{"currentCount":0},"items":[]}'
USERS = """
import threading

import pytest
import requests

SESSION = requests.Session()

@pytest.fixture(scope="session")
def prepared(cce_config):
    for _ in range(3):
        requests.get(cce_config.endpoint, timeout=8)

def test_before_any_fixture_of_ours_makes_a_client(prepared): pass

@pytest.mark.parametrize("number", range(3))
def test_plain(cce_config, number):
    requests.get(cce_config.endpoint, timeout=8)

def test_client(cce_client):
    for _ in range(3):
        assert cce_client.list_tasks().status == 200

def test_threads_of_its_own(cce_config):
    threads = [threading.Thread(target=SESSION.get, args=(cce_config.endpoint,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
SDK = """
def test_sdk(cce_sdk_client, cce_client):
    from huaweicloudsdkcce.v3 import ListAddonPrecheckTasksRequest
    for _ in range(3):
        cce_sdk_client.list_addon_precheck_tasks(ListAddonPrecheckTasksRequest(cluster_id=cce_client.cluster_id))
"""
CALLS = ["requests.get(cce_client.endpoint, timeout=8)", "cce_client.list_tasks()"]
COUNTS = """
def test_each_was_counted_once(_cce_harness):
    assert _cce_harness._budget.sent == 15
"""


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", "MADEUPACCESSKEY")
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "made-up-secret-key-of-a-test")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(always(200, BODY, X_Request_Id="r")) as running:
        yield running


def options(server: Server, *more: str) -> tuple[str, ...]:
    return (*LIVE, f"--cce-endpoint={server.endpoint}", *more)


def test_all_clients_of_a_live_run_share_one_budget_and_each_call_counts_once(
    pytester: pytest.Pytester, run: Run, server: Server
) -> None:
    pytest.importorskip("huaweicloudsdkcce")
    pytester.makepyfile(USERS + SDK + COUNTS)
    run(*options(server, "--cce-budget=30")).assert_outcomes(passed=8)
    assert len(server.seen) == 15


def test_the_workers_and_their_threads_share_the_budget_and_never_exceed_the_rate_that_the_service_sees(
    pytester: pytest.Pytester, run_apart: Run
) -> None:
    pytester.makepyfile(
        """
        from concurrent.futures import ThreadPoolExecutor

        import pytest
        import requests

        from pytest_cce_precheck.errors import BudgetExhaustedError

        @pytest.mark.parametrize("number", range(4))
        def test_many_at_once(cce_client, number):
            def call(number):
                try:
                    requests.get(cce_client.endpoint, timeout=8) if number % 3 else cce_client.list_tasks()
                except BudgetExhaustedError:
                    pass

            with ThreadPoolExecutor(6) as pool:
                list(pool.map(call, range(9)))
        """
    )
    seen: list[float] = []
    lock = threading.Lock()

    def answer(handler: Handler) -> None:
        with lock:
            seen.append(time.monotonic())
        handler.reply(200, BODY)

    with serving(answer) as server:
        run_apart(*options(server, "--cce-budget=30", "--cce-rate=20"), "-n", "2").assert_outcomes(passed=4)
    assert len(seen) == 30
    assert max(sum(first <= each < first + 1 for each in seen) for first in seen) <= 20


@pytest.mark.parametrize("call", CALLS)
def test_a_used_up_budget_is_shown_where_the_test_asked_and_not_within_the_plugin(
    pytester: pytest.Pytester, run: Run, server: Server, call: str
) -> None:
    pytester.makepyfile(
        f"""
        import requests

        def test_asks_too_much(cce_client):
            for _ in range(31):
                {call}
        """
    )
    result = run(*options(server, "--cce-budget=30"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *all 30 requests of the budget are sent (--cce-budget)"])
    assert re.findall(r"pytest_cce_precheck/\S+:\d+", result.stdout.str()) == []


@pytest.mark.parametrize("call", CALLS)
def test_after_the_time_of_the_run_nothing_is_sent_and_the_test_names_the_option(
    pytester: pytest.Pytester, run: Run, server: Server, call: str
) -> None:
    pytester.makepyfile(
        f"""
        import requests

        def test_late(cce_client, _cce_harness):
            cce_client.list_tasks()
            _cce_harness._budget._ends_at -= 60
            {call}
        """
    )
    result = run(*options(server, "--cce-run-time=60"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * the 60 seconds of the run are over (--cce-run-time)"])
    assert len(server.seen) == 1


@pytest.mark.parametrize("mode", ["live", "record"])
def test_a_plain_call_without_a_timeout_has_the_deadline_of_any_other(
    pytester: pytest.Pytester, run: Run, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_budget, "TIMEOUTS", 0.1)
    pytester.makepyfile(
        """
        import requests

        def test_plain(cce_client):
            requests.get(cce_client.endpoint)
        """
    )
    with talking(spoken(SPEECHES["trailers"])) as talk:
        result = run(*LIVE, f"--cce-endpoint={talk.endpoint}", "--cce-timeout=1", f"--cce-mode={mode}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *the answer was not complete after 0.1 s*"])


def test_hypothesis_ends_with_the_run_and_its_test_is_red(pytester: pytest.Pytester, run: Run, server: Server) -> None:
    pytester.makepyfile(
        """
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=100, deadline=None, database=None)
        @given(st.text(alphabet="abc"))
        def test_whatever_is_asked(cce_client, value):
            assert cce_client.list_tasks(type=value).status == 200
        """
    )
    result = run(*options(server, "--cce-budget=30"))
    result.assert_outcomes(failed=1)
    assert len(server.seen) == 30
    result.stdout.fnmatch_lines(["*all 30 requests of the budget are sent (--cce-budget)"])


def test_a_run_without_bounds_and_other_services_are_left_alone(
    pytester: pytest.Pytester, run: Run, server: Server
) -> None:
    pytester.makepyfile(
        """
        import os

        import requests

        def test_elsewhere(cce_client):
            for _ in range(40):
                requests.get(os.environ["ELSEWHERE"], timeout=8)
        """
    )
    with serving(always(200, b"")) as other, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELSEWHERE", other.endpoint)
        run(*options(server, "--cce-budget=30", "--cce-rate=1")).assert_outcomes(passed=1)
        assert (len(other.seen), len(server.seen)) == (40, 0)
    pytester.makepyfile(USERS)
    run(*options(server)).assert_outcomes(passed=6)


def test_what_a_target_sends_by_any_client_is_counted_for_it(
    pytester: pytest.Pytester, run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up-token-of-a-test")
    target = '[[target]]\nname = "{0}"\nendpoint = "{1}"\nproject_id = "p"\nclusters = ["{0}"]\nbudget = {2}\n'
    tables = [target.format(name, server.endpoint, budget) for name, budget in (("one", 30), ("two", 40))]
    pytester.path.joinpath("cce-targets.toml").write_text("\n".join(tables))
    pytester.makepyfile(
        """
        import pytest
        import requests

        @pytest.mark.parametrize("number", range(50))
        def test_plain(cce_client, number):
            requests.get(cce_client.endpoint + "/" + cce_client.cluster_id, timeout=8)
        """
    )
    # thirty tracebacks take longer to draw than all else, and are not looked at
    run("--cce-mode=live", "--cce-targets=cce-targets.toml", "--tb=no").assert_outcomes(passed=70, failed=30)
    asked = [each.path for each in server.seen]
    assert (asked.count("/one"), asked.count("/two")) == (30, 40)


# ---- a run's beginning


def test_a_worker_is_told_how_long_the_run_has_taken_by_no_clock_of_another_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def config(**more: Any) -> Any:
        return SimpleNamespace(add_cleanup=cleanups.append, **more)

    cleanups: list[Callable[[], None]] = []
    controller, node = config(), SimpleNamespace(workerinput={})
    monkeypatch.setattr(request_budget, "monotonic", lambda: 1000.0)
    budgets = request_budget.RequestBudgets(controller)
    budgets.began = 990.0
    budgets.inform_worker(node)
    worker = config(workerinput=node.workerinput)
    # another machine, which was started a moment ago
    monkeypatch.setattr(request_budget, "monotonic", lambda: 5.0)
    assert request_budget.RequestBudgets(worker).began == 5.0 - 10.0
    for cleanup in cleanups:
        cleanup()
