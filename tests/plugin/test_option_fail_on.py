from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import ORDINARY

if TYPE_CHECKING:
    from tests.conftest import Run

# an answer that shows one finding of each severity
ONE_OF_EACH = """
import pytest

@pytest.mark.cce(faults=["final-without-expiry"])
def test_error(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks())

@pytest.mark.cce(faults=["failed-with-an-unfinished-risk"])
def test_warning(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks())

def test_note(cce_client, cce_contract):
    from dataclasses import replace
    exchange = cce_client.list_tasks()
    response = replace(exchange.response, headers=exchange.response.headers.without("X-Request-Id"))
    cce_contract.verify(replace(exchange, response=response))
"""


def test_an_unknown_severity_stops_the_run(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(ORDINARY)
    result = run("--cce-fail-on=fatal")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --cce-fail-on (from option) is 'fatal': expected one of error, warning, *"])


@pytest.mark.parametrize(("level", "failed"), [("never", 0), ("error", 1), ("warning", 2), ("note", 3)])
def test_findings_fail_from_the_given_severity_upwards(
    pytester: pytest.Pytester, run: Run, level: str, failed: int
) -> None:
    pytester.makepyfile(ONE_OF_EACH)
    result = run(f"--cce-fail-on={level}")
    result.assert_outcomes(failed=failed, passed=3 - failed)
    shown = result.stdout.str()
    # what does not fail is shown all the same
    assert ("note: PRE190" in shown) == (level != "note")
    assert ("warning: PRE311" in shown) == (level in ("never", "error"))
