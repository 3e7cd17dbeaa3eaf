"""The fixtures `cce_sdk` and `cce_sdk_client` in somebody's own tests."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.toolchains import require_module

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Run

FAKE = shlex.join([sys.executable, str(Path(__file__).with_name("fake_sdk.py"))])

MAINTAINERS = """
from pytest_cce_precheck import assert_lossless

def test_the_vendors_example_is_read_whole(cce_sdk):
    assert_lossless(cce_sdk, {BODY})
"""
BODY = {
    "kind": "AddonCheck",
    "apiVersion": "v3",
    "pageInfo": {"currentCount": 0},
    "items": [],
}


def test_a_maintainers_test_is_a_few_lines_and_runs_once_for_each_driver(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(MAINTAINERS.replace("{BODY}", repr(BODY)))
    result = run(f"--cce-driver={FAKE} none", f"--cce-driver={FAKE} count-as-text", "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*fake_sdk.py none] PASSED*", "*fake_sdk.py count-as-text] FAILED*", "*PRE711*"])


def test_without_a_driver_named_the_python_sdk_is_tested(pytester: pytest.Pytester, run: Run) -> None:
    require_module("huaweicloudsdkcce")
    pytester.makepyfile(MAINTAINERS.replace("{BODY}", repr(BODY)))
    run().assert_outcomes(passed=1)


def test_a_driver_that_is_not_a_program_is_an_error_of_the_test(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(MAINTAINERS.replace("{BODY}", repr(BODY)))
    result = run("--cce-driver=no-such-driver")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no-such-driver*"])


def test_the_vendors_client_speaks_to_the_service_of_the_mode(pytester: pytest.Pytester, run: Run) -> None:
    require_module("huaweicloudsdkcce")
    pytester.makepyfile(
        """
        import huaweicloudsdkcce.v3 as cce

        def test_the_types(cce_sdk_client, cce_client):
            asked = cce.ListAddonPrecheckTasksRequest(cluster_id=cce_client.cluster_id, type="addonStatic")
            answer = cce_sdk_client.list_addon_precheck_tasks(asked)
            assert {task.metadata.type for task in answer.items} == {"addonStatic"}
        """
    )
    run().assert_outcomes(passed=1)
