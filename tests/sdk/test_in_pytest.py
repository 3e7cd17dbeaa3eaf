"""The fixtures `cce_sdk` and `cce_sdk_client` in somebody's own tests."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck import ContractViolation, assert_lossless
from pytest_cce_precheck.sdk.pytest_support import sdk_driver
from tests.sdk.fakes import fake_sdk
from tests.toolchains import require_module

if TYPE_CHECKING:
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
    # two of the same name and version are told apart by their commands
    result.stdout.fnmatch_lines(["*fake_sdk.py none] PASSED*", "*fake_sdk.py count-as-text] FAILED*", "*PRE711*"])


def test_the_id_of_a_test_names_the_sdk_and_its_version(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(MAINTAINERS.replace("{BODY}", repr(BODY)))
    result = run(f"--cce-driver={FAKE} none", "-v")
    result.stdout.fnmatch_lines(["*::test_the_vendors_example_is_read_whole[[]fake-1.0[]] PASSED*"])


def test_a_failure_shows_what_was_served_and_held_and_how_to_repeat_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(MAINTAINERS.replace("{BODY}", "'every-field'"))
    result = run(f"--cce-driver={FAKE} field-lost")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*fake 1.0 (Fake 1) with every-field: silent loss",
            "*PRE710 $.items[[]0].spec was sent as *, and is gone",
            "*documents: D, C: the fields of the answer*(PRE710)",
            '*served: HTTP/1.1 200*"addonTargetVersion": "1.28.4"*',
            '*the SDK\'s result: {"kind": "AddonCheck"*',
            "*to repeat it: cce-precheck sdk run --driver=*fake_sdk.py field-lost* --case every-field --reports DIR",
        ]
    )


@pytest.mark.parametrize(
    ("defect", "case", "code"),
    [
        ("failure-as-success", "redirect-to-another-host", "PRE719"),
        ("failure-as-success", "error-403-cce", "PRE719"),
        ("values-lost", "create-one", "PRE707"),
        ("filter-lost", "filters-type", "PRE702"),
        ("undocumented", "list-closed", "PRE730"),
    ],
)
def test_what_the_table_calls_wrong_fails(defect: str, case: str, code: str) -> None:
    with sdk_driver(fake_sdk(defect)) as driver, pytest.raises(ContractViolation, match=code):
        assert_lossless(driver, case)


def test_what_was_sent_is_shown_if_it_is_wrong() -> None:
    with sdk_driver(fake_sdk("filter-lost")) as driver, pytest.raises(ContractViolation) as failed:
        assert_lossless(driver, "filters-type")
    assert "  sent: GET /api/v3/projects/" in str(failed.value)
    assert "Authorization" not in str(failed.value)


@pytest.mark.parametrize("case", ["error-403-cce", "list-closed", "kind-is-text-cluster", "every-field"])
def test_what_the_table_calls_right_passes(case: str) -> None:
    with sdk_driver(fake_sdk()) as driver:
        assert_lossless(driver, case)


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
