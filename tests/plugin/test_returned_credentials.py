"""Credentials that an overridden `cce_credentials` returns are masked and kept out of cassettes, whoever uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.servers import always, serving

if TYPE_CHECKING:
    from tests.conftest import Run

TOKEN: Final = "example words of a token that looks like none"
PLACE: Final = ("--cce-project-id=p", "--cce-cluster-id=c")
PATH: Final = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"
CONFTEST: Final = f"""
import pytest
from pytest_cce_precheck import Credentials, Secret

@pytest.fixture(scope="session")
def cce_credentials():
    return Credentials(token=Secret({TOKEN!r}))
"""


@pytest.fixture(autouse=True)
def conftest(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)


def test_they_are_masked_in_a_test_that_uses_no_client(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        def test_it(cce_credentials):
            token = cce_credentials.token.reveal()
            print("the token is", token)
            assert token == "x"
        """
    )
    result = run("--cce-mode=live", *PLACE, "--cce-endpoint=https://cce.example", "--junitxml=j.xml", "-l")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the token is *"])
    assert TOKEN not in result.stdout.str() + (pytester.path / "j.xml").read_text("utf-8")


def test_they_are_kept_out_of_the_cassette_of_a_test_that_uses_no_client(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        f"""
        import requests

        def test_it(cce_credentials, cce_config):
            headers = {{"X-Auth-Token": cce_credentials.token.reveal()}}
            requests.get(cce_config.service + {PATH!r}, headers=headers, timeout=5)
        """
    )
    # in a field that the contract documents, so nothing but the credential itself is a reason to mask it
    echo = f'{{"kind": "AddonCheck", "items": [{{"status": {{"message": "hello {TOKEN}"}}}}]}}'.encode()
    with serving(always(200, echo)) as server:
        endpoint = f"--cce-endpoint={server.endpoint}"
        run("--cce-mode=record", "--cce-record-in-ci", *PLACE, endpoint).assert_outcomes(passed=1)
    [cassette] = pytester.path.glob("cce-cassettes/**/*.json")
    text = cassette.read_text("utf-8")
    assert "hello" in text
    assert TOKEN not in text


def test_those_that_are_returned_again_and_again_are_known_once(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(CONFTEST.replace('scope="session"', ""))
    pytester.makepyfile(
        """
        import pytest
        from pytest_cce_precheck.plugin.fixtures import returned_key

        @pytest.mark.parametrize("number", range(5))
        def test_it(cce_credentials, number, pytestconfig):
            assert len(pytestconfig.stash[returned_key]) == 1
        """
    )
    run("--cce-mode=live", *PLACE, "--cce-endpoint=https://cce.example").assert_outcomes(passed=5)
