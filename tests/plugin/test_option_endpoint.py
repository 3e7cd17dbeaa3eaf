from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import LIVE, ORDINARY, VERIFIES

if TYPE_CHECKING:
    from tests.conftest import Run

EVERYTHING = (
    "ERROR: --cce-mode=live still needs: --cce-endpoint (or --cce-region); --cce-project-id; --cce-cluster-id;"
    " credentials in the environment: CCE_AUTH_TOKEN, or HUAWEICLOUD_SDK_AK with HUAWEICLOUD_SDK_SK*"
)


@pytest.mark.parametrize("extra", [(), ("--pyargs", "pytest_cce_precheck.suite")])
def test_a_live_run_with_nothing_is_told_at_once_what_it_needs(
    pytester: pytest.Pytester, run: Run, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(VERIFIES)
    result = run("--cce-mode=live", *extra)
    assert result.ret == 4
    result.stderr.fnmatch_lines([EVERYTHING])
    assert result.stderr.str().count("still needs") == 1
    assert "collected" not in result.stdout.str()


def test_a_live_run_on_several_workers_is_told_once(pytester: pytest.Pytester, run_apart: Run) -> None:
    pytester.makepyfile(VERIFIES)
    result = run_apart("--cce-mode=live", "-n", "2")
    assert result.ret == 4
    result.stderr.fnmatch_lines([EVERYTHING])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_only_what_is_missing_is_listed(pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(VERIFIES)
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    monkeypatch.setenv("HUAWEICLOUD_SDK_PROJECT_ID", "p")
    result = run("--cce-mode=live", "--cce-region=eu-west-101")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --cce-mode=live still needs: --cce-cluster-id"])


def test_the_suite_does_not_start_without_credentials(pytester: pytest.Pytester, run: Run) -> None:
    result = run(*LIVE, "--cce-region=eu-west-101", "--pyargs", "pytest_cce_precheck.suite")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --cce-mode=live still needs: credentials in the environment: *"])


def test_a_project_without_credentials_gets_one_line_for_each_test_that_needs_them(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_ordinary=ORDINARY, test_live=VERIFIES)
    result = run(*LIVE, "--cce-region=eu-west-101")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["--cce-mode=live still needs: credentials in the environment: *"])
    assert "fixtures.py" not in result.stdout.str()


def test_credentials_may_come_from_the_projects_own_fixture(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(
        """
        import pytest
        from pytest_cce_precheck import Credentials, Secret

        @pytest.fixture(scope="session")
        def cce_credentials():
            return Credentials(token=Secret("from-the-vault"))
        """
    )
    pytester.makepyfile(
        """
        def test_the_client_has_them(cce_client):
            assert cce_client.credentials.token.reveal() == "from-the-vault"
            assert cce_client.endpoint == "https://cce.eu-west-101.myhuaweicloud.com"
        """
    )
    run(*LIVE, "--cce-region=eu-west-101").assert_outcomes(passed=1)


def test_endpoint_and_region_together_stop_the_run(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(ORDINARY)
    result = run("--cce-endpoint=https://cce.example", "--cce-region=eu-west-101")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --cce-endpoint and --cce-region are both given, *"])


@pytest.mark.parametrize(
    "endpoint", ["cce.example", "ftp://cce.example", "https://", "https://cce.example/v3", "https://me:pw@cce.example"]
)
def test_an_endpoint_is_scheme_and_host_alone(pytester: pytest.Pytester, run: Run, endpoint: str) -> None:
    pytester.makepyfile(ORDINARY)
    result = run(*LIVE, f"--cce-endpoint={endpoint}")
    assert result.ret == 4
    assert "expected scheme and host alone" in result.stderr.str() or "still needs" in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


@pytest.mark.parametrize("variables", [("CCE_AUTH_TOKEN",), ("CLOUD_SDK_AK", "CLOUD_SDK_SK")])
def test_credentials_over_plain_http_to_another_machine_stop_the_run(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, variables: tuple[str, ...]
) -> None:
    pytester.makepyfile(VERIFIES)
    for name in variables:
        monkeypatch.setenv(name, "made-up-secret")
    result = run(*LIVE, "--cce-endpoint=http://cce.example")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: credentials are not sent over plain HTTP to cce.example: use https://*"])
    assert "made-up-secret" not in result.stderr.str()


def test_credentials_that_no_header_can_carry_stop_the_run_unseen(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(VERIFIES)
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up\nsecret")
    result = run(*LIVE, "--cce-region=eu-west-101")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: the token holds a line break*"])
    assert "secret" not in result.stderr.str()


@pytest.mark.parametrize("given", ["project", "cluster"])
def test_a_foreign_project_and_its_cluster_belong_together(pytester: pytest.Pytester, run: Run, given: str) -> None:
    pytester.makepyfile(ORDINARY)
    result = run(f"--cce-foreign-{given}-id=x")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --cce-foreign-project-id and --cce-foreign-cluster-id belong together: *"])


@pytest.mark.parametrize("option", ["--cce-endpoint=https://cce.example.com", "--cce-region=eu-west-101"])
def test_an_endpoint_on_the_command_line_is_refused_where_nobody_would_ask_it(run: Run, option: str) -> None:
    result = run(option)
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*{option.partition('=')[0]} names a real service*add --cce-mode=live*"])
