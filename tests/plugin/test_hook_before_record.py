from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cassette.files import read
from tests.recordings import files_in

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.cassette.format import Cassette
    from pytest_cce_precheck.simulator.server import SimulatorServer
    from tests.conftest import Run

ASKS = """
def test_it(cce_client):
    for type in ("addonStatic", "addonUpgrade"):
        cce_client.list_tasks(type=type)
"""


def cassette(pytester: pytest.Pytester) -> Cassette:
    return read(pytester.path / "cassettes" / "test_it" / "test_it.json")


def old_one(pytester: pytest.Pytester) -> Path:
    path = pytester.path / "cassettes" / "test_it" / "test_it.json"
    path.parent.mkdir(parents=True)
    path.write_text("the old one")
    return path


def test_it_sees_each_call_redacted_and_as_it_was_with_its_test(
    pytester: pytest.Pytester, record: Run, service: SimulatorServer
) -> None:
    pytester.makeconftest(
        """
        def pytest_cce_before_record(recording, original, item):
            with open("seen.txt", "a") as file:
                kept, sent = recording.request.headers, original.request.headers
                print(item.nodeid, recording.request.query, "X-Auth-Token" in kept, sent["X-Auth-Token"], file=file)
                assert recording.outcome.status == original.outcome.status == 200
        """
    )
    pytester.makepyfile(test_it=ASKS)
    record().assert_outcomes(passed=1)
    token = service.simulator.credentials.token
    assert token is not None
    assert (pytester.path / "seen.txt").read_text().splitlines() == [
        f"test_it.py::test_it type={name} False {token.reveal()}" for name in ("addonStatic", "addonUpgrade")
    ]


def test_what_it_gives_is_kept_in_place_and_none_keeps_what_there_is(
    pytester: pytest.Pytester, record: Run, replay: Run
) -> None:
    pytester.makeconftest(
        """
        from dataclasses import replace

        def pytest_cce_before_record(recording, original, item):
            if recording.request.query == "type=addonUpgrade":
                return replace(recording, outcome=replace(recording.outcome, status=418, body=b"a teapot"))
        """
    )
    pytester.makepyfile(test_it=ASKS)
    record().assert_outcomes(passed=1)
    outcomes = [each.exchange for each in cassette(pytester)]
    assert [each.status for each in outcomes if each is not None] == [200, 418]
    pytester.makepyfile(
        test_it="""
        def test_it(cce_client):
            assert cce_client.list_tasks(type="addonUpgrade").response.body == b"a teapot"
        """
    )
    replay().assert_outcomes(passed=1)


def test_of_several_the_first_that_gives_one_counts(pytester: pytest.Pytester, record: Run) -> None:
    pytester.makeconftest(
        """
        from dataclasses import replace
        import pytest

        class Plugin:
            def __init__(self, status):
                self.status = status

            def pytest_cce_before_record(self, recording):
                if self.status:
                    return replace(recording, outcome=replace(recording.outcome, status=self.status))

        def pytest_configure(config):
            # the last to register is the first to be asked
            for status in (419, 418, None):
                config.pluginmanager.register(Plugin(status))
        """
    )
    pytester.makepyfile(test_it=ASKS)
    record().assert_outcomes(passed=1)
    assert [each.exchange.status for each in cassette(pytester) if each.exchange] == [418, 418]


def test_it_is_not_called_for_what_is_not_kept(pytester: pytest.Pytester, record: Run, replay: Run) -> None:
    pytester.makeconftest("def pytest_cce_before_record(): raise AssertionError('was called')")
    path = old_one(pytester)
    pytester.makepyfile(test_it=ASKS + "    assert False")
    record().assert_outcomes(failed=1)
    assert path.read_text() == "the old one"


@pytest.mark.parametrize("body", ["raise RuntimeError('of the hook')", "return 'no recording'"])
def test_a_hook_that_fails_is_an_error_and_leaves_the_old_cassette(
    pytester: pytest.Pytester, record: Run, body: str
) -> None:
    pytester.makeconftest(f"def pytest_cce_before_record(): {body}")
    path = old_one(pytester)
    pytester.makepyfile(test_it=ASKS)
    record().assert_outcomes(passed=1, errors=1)
    assert path.read_text() == "the old one"
    assert len(files_in(pytester.path / "cassettes")) == 1


def test_what_it_gives_is_looked_over_for_credentials_and_the_cassette_refused(
    pytester: pytest.Pytester, record: Run, service: SimulatorServer
) -> None:
    pytester.makeconftest("def pytest_cce_before_record(recording, original, item): return original")
    path = old_one(pytester)
    pytester.makepyfile(test_it=ASKS)
    result = record()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*/test_it.json is not written: it would hold * secret*"])
    assert "fixtures.py" not in result.stdout.str()
    token = service.simulator.credentials.token
    assert token is not None
    assert token.reveal() not in result.stdout.str()
    assert path.read_text() == "the old one"
