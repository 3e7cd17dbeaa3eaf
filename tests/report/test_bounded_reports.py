"""A report does not grow with what a service sends, whatever form it has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.contract.answers import listing, task
from tests.plugin.projects import LIVE, VERIFIES
from tests.servers import always, serving

if TYPE_CHECKING:
    from tests.conftest import Run

REPORTS: Final = ("report.json", "report.md", "report.html")


def broken(number: int) -> bytes:
    """Return a list whose tasks are all wrong, each in its own words."""
    items = [task(n, "Running") for n in range(number)]
    for n, item in enumerate(items):
        item["metadata"].update(createTimeStamp=f"yesterday {n}", expireTimeStamp="tomorrow")
        item[f"field{n}"] = n
    return json.dumps({**listing(items), "name": "x" * 100 * number}).encode()


@pytest.mark.parametrize("form", REPORTS)
def test_reports_are_as_long_for_many_wrong_tasks_as_for_some(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "a-token-for-tests")
    pytester.makepyfile(VERIFIES)
    sizes = []
    for number in (50, 1000):
        with serving(always(200, broken(number), X_Request_Id="r" * number)) as server:
            endpoint = f"--cce-endpoint={server.endpoint}"
            result = run(*LIVE, endpoint, f"--cce-report={form}", "--junitxml=junit.xml")
        assert result.ret == 1
        result.stdout.fnmatch_lines([f"*seen *{number:,} times, such as:", f"*… and {number - 3} more"])
        files = (pytester.path / name for name in (form, "junit.xml"))
        sizes.append([len(result.stdout.str()), *(len(path.read_text("utf-8")) for path in files)])
    few, many = sizes
    assert max(many) < 100_000
    assert all(abs(a - b) < 2000 for a, b in zip(few, many, strict=True))


def test_a_report_counts_every_time_that_a_fact_was_seen(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "a-token-for-tests")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_meets_the_contract(cce_client, cce_contract, number):
            first, second = cce_client.list_tasks(), cce_client.list_tasks()
            cce_contract.verify(first, second)
        """
    )
    with serving(always(200, broken(7))) as server:
        run(*LIVE, f"--cce-endpoint={server.endpoint}", "--cce-report=report.json")
    report = json.loads((pytester.path / "report.json").read_text("utf-8"))
    times = {finding["code"]: finding["times"] for finding in report["findings"]}
    assert times["PRE301"] == 3 * 2 * 7
