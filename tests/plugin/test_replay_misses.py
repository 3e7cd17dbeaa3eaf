"""Requests that have no recording: what is told of them, and that no test hides them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.replays import ASKS, keep
from tests.recordings import REPLAY, answered, files_in

if TYPE_CHECKING:
    from pytest_cce_precheck.cassette.format import Recording
    from tests.conftest import Run


def test_a_test_without_a_cassette_fails_at_its_first_call_and_is_told_how_to_record_it(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_it=ASKS + "\ndef test_asks_nothing(cce_client): pass")
    result = run(*REPLAY)
    result.assert_outcomes(passed=1, failed=1)
    told = "there is no cassette */test_it/test_it.json; record it: pytest --cce-mode=record *test_it.py::test_it"
    result.stdout.fnmatch_lines([told])


def test_a_miss_says_what_was_asked_and_what_was_recorded(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=ASKS)
    keep(pytester, answered("type=y"), answered())
    result = run(*REPLAY)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "no recording for GET */tasks?type=x",
            "*  mode:     replay, of cassettes/test_it/test_it.json (2 recordings of 2026-01-02)",
            "*  closest:  recording 1, GET */tasks?type=y (not used yet)",
            "*  differs:  the parameter type is 'x', recorded 'y'",
            "  asked at: test_it.py:*, in test_it",
            "*  way out:  record it again (with CCE_AUTH_TOKEN in the environment), or ask what was recorded",
            "    pytest --cce-mode=record --cce-endpoint=https://cce.recorded.example * test_it.py::test_it",
        ]
    )


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ([answered("type=y")], "the test passed, but 2 requests had no recording:"),
        ([answered("type=x")], "the test passed, but a request had no recording:"),
        (None, "the test passed, but 2 requests had no recording:"),
    ],
)
def test_a_miss_that_the_tests_code_swallowed_fails_the_test_all_the_same(
    pytester: pytest.Pytester, run: Run, kept: list[Recording] | None, told: str
) -> None:
    pytester.makepyfile(
        test_it="""
        import requests

        def test_it(cce_client):
            for _ in range(2):
                try:
                    cce_client.list_tasks(type="x")
                except Exception:
                    pass

        def test_after(cce_client): pass
        """
    )
    if kept is not None:
        keep(pytester, *kept)
    result = run(*REPLAY)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([told])
    expected = "no recording for GET */tasks[?]type=x" if kept else "there is no cassette *; record it: pytest *"
    result.stdout.fnmatch_lines([expected])
    # the same twice is said once
    assert result.stdout.str().count("way out:" if kept else "; record it: ") == 1


SWALLOWS = """
import pytest

def ask(client):
    try:
        client.list_tasks(type="x")
    except BaseException:
        pass

@pytest.fixture
def cleaned(cce_client):
    yield
    ask(cce_client)

@pytest.fixture(scope="module")
def before(cce_client):
    ask(cce_client)
    yield

@pytest.fixture(scope="module")
def after(cce_client):
    yield
    ask(cce_client)

"""


@pytest.mark.parametrize(
    ("source", "outcomes", "told"),
    [
        ("def test_it(cleaned): pass", {"passed": 1, "errors": 1}, "the teardown passed, but a request had no record*"),
        (
            "def test_it(cce_client, request): request.addfinalizer(lambda: ask(cce_client))",
            {"passed": 1, "errors": 1},
            "the teardown passed, but a request had no recording:",
        ),
        ("def test_it(before): pass", {"failed": 1}, "the test passed, but a request had no recording:"),
        (
            "def test_it(after): pass",
            {"passed": 1, "errors": 1},
            "the teardown passed, but a request had no recording:",
        ),
    ],
)
def test_a_miss_that_a_fixture_swallowed_fails_the_test_or_its_teardown(
    pytester: pytest.Pytester, run: Run, source: str, outcomes: dict[str, int], told: str
) -> None:
    pytester.makepyfile(test_it=SWALLOWS + source)
    result = run(*REPLAY)
    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines([told])


def test_a_miss_after_a_test_that_uses_nothing_of_ours_fails_its_teardown(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=SWALLOWS + "def test_it(after): pass\n\ndef test_other(): pass")
    result = run(*REPLAY, "-p", "no:randomly")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["the teardown passed, but a request had no recording:"])


def test_a_setup_that_tells_its_miss_fails_no_other_test(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.fixture(scope="module")
        def before(cce_client):
            cce_client.list_tasks()

        def test_it(before): pass

        def test_other(cce_client): pass
        """
    )
    run(*REPLAY).assert_outcomes(passed=1, errors=1)


def test_a_recording_that_cannot_be_read_fails_the_test_even_if_that_is_swallowed(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        test_it="""
        def test_it(cce_client):
            try:
                cce_client.list_tasks(type="x")
            except Exception:
                pass
        """
    )
    path = keep(pytester, answered("type=x"))
    path.write_text(path.read_text("utf-8").replace('"status":200', '"status":"fine"'), "utf-8")
    result = run(*REPLAY)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["recording 1 of */test_it.json cannot be read: a response's status is a number of*"])


@pytest.mark.parametrize("mark", ["xfail(strict=True)", "skipif(False, reason='never')"])
def test_a_test_that_fails_by_itself_is_told_its_own_failure(pytester: pytest.Pytester, run: Run, mark: str) -> None:
    pytester.makepyfile(
        test_it=f"""
        import pytest

        @pytest.mark.{mark}
        def test_it(cce_client):
            try:
                cce_client.list_tasks(type="x")
            except Exception:
                pass
            assert 1 == 2
        """
    )
    keep(pytester, answered())
    result = run(*REPLAY)
    result.assert_outcomes(**({"xfailed": 1} if "xfail" in mark else {"failed": 1}))
    assert "the test passed" not in result.stdout.str()


def test_what_is_expected_to_fail_is_never_recorded_and_may_fail_of_that(
    pytester: pytest.Pytester, record: Run, replay: Run
) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.xfail(reason="not there yet")
        def test_it(cce_client):
            assert cce_client.list_tasks().document["items"] == []
        """
    )
    for way in (record, replay):
        way().assert_outcomes(xfailed=1)
    assert files_in(pytester.path / "cassettes") == {}
