"""Budget and rate bind every client that reaches the service on requests, each call once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import always, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Run
    from tests.servers import Server

EMPTY = b'{"kind":"AddonCheck","apiVersion":"v3","pageInfo":{"currentCount":0},"items":[]}'

TESTS = """
    import requests
    from requests.adapters import HTTPAdapter

    def test_three_clients(cce_client, cce_sdk_client):
        from huaweicloudsdkcce import v3
        for _ in range(11):
            cce_client.list_tasks()
            requests.get(cce_client.endpoint + "/plain", timeout=5)
            cce_sdk_client.list_addon_precheck_tasks(v3.ListAddonPrecheckTasksRequest(cluster_id=cce_client.cluster_id))
        with requests.Session() as session:
            with session.get(cce_client.endpoint + "/streamed", timeout=5, stream=True) as answer:
                assert list(answer.iter_lines())
"""

RETRIES = """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    def test_retries(cce_client):
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=Retry(total=50, status_forcelist=[200], backoff_factor=0)))
            session.get(cce_client.endpoint + "/again", timeout=5)
"""

THREADS = """
    import requests
    from concurrent.futures import ThreadPoolExecutor

    def test_threads(cce_client):
        def ask(_):
            try:
                return requests.get(cce_client.endpoint, timeout=5).status_code
            except Exception as error:
                return str(error)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(37)))
        assert answers.count(200) == 30
        assert answers.count("all 30 requests of the budget are sent (--cce-budget)") == 7
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", "MADE-UP-ACCESS-KEY")
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "made-up-secret-key-of-a-test")
    with serving(always(200, EMPTY)) as running:
        yield running


def arguments(server: Server, mode: str) -> tuple[str, ...]:
    return (f"--cce-mode={mode}", f"--cce-endpoint={server.endpoint}", "--cce-project-id=p", "--cce-cluster-id=c")


MODES = pytest.mark.parametrize("mode", ["live", "record"])


@MODES
def test_each_call_of_each_client_counts_once(server: Server, run: Run, pytester: pytest.Pytester, mode: str) -> None:
    pytest.importorskip("huaweicloudsdkcce", reason="the vendor's SDK (extra [sdk]) is not installed")
    pytester.makepyfile(TESTS)
    run(*arguments(server, mode), "--cce-budget=34").assert_outcomes(passed=1)
    assert len(server.seen) == 34


@MODES
@pytest.mark.parametrize("budget", [30, 31, 33])
def test_no_client_sends_more_than_the_budget(
    server: Server, run: Run, pytester: pytest.Pytester, mode: str, budget: int
) -> None:
    pytest.importorskip("huaweicloudsdkcce", reason="the vendor's SDK (extra [sdk]) is not installed")
    pytester.makepyfile(TESTS)
    result = run(*arguments(server, mode), f"--cce-budget={budget}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(f"*all {budget} requests of the budget are sent (--cce-budget)*")
    assert len(server.seen) == budget


@MODES
def test_what_urllib3_tries_again_counts_too(server: Server, run: Run, pytester: pytest.Pytester, mode: str) -> None:
    pytester.makepyfile(RETRIES)
    result = run(*arguments(server, mode), "--cce-budget=30")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*all 30 requests of the budget are sent*")
    assert len(server.seen) == 30


@MODES
def test_threads_of_a_test_share_the_budget(server: Server, run: Run, pytester: pytest.Pytester, mode: str) -> None:
    pytester.makepyfile(THREADS)
    run(*arguments(server, mode), "--cce-budget=30").assert_outcomes(passed=1)
    assert len(server.seen) == 30


def test_calls_outside_a_test_count_in_a_live_run(server: Server, run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        import requests

        @pytest.fixture(scope="session")
        def warm(cce_client):
            for _ in range(15):
                requests.get(cce_client.endpoint, timeout=5)
                cce_client.list_tasks()

        def test_it(warm, cce_client):
            cce_client.list_tasks()
        """
    )
    result = run(*arguments(server, "live"), "--cce-budget=30")
    result.assert_outcomes(failed=1)
    assert len(server.seen) == 30


def test_other_hosts_are_not_counted(server: Server, run: Run, pytester: pytest.Pytester) -> None:
    with serving(always(200, b"{}")) as other:
        pytester.makepyfile(
            f"""
            import requests

            def test_it(cce_client):
                for _ in range(40):
                    assert requests.get("{other.endpoint}", timeout=5).json() == {{}}
                cce_client.list_tasks()
            """
        )
        run(*arguments(server, "live"), "--cce-budget=30").assert_outcomes(passed=1)
        assert (len(server.seen), len(other.seen)) == (1, 40)
