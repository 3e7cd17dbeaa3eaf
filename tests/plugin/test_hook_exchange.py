from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Run


def test_the_hook_is_called_with_every_exchange_and_its_test(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(
        """
        def pytest_cce_exchange(exchange, item):
            print(f"seen {item.name}: {exchange.request.query or 'all'} {exchange.status}")
        """
    )
    pytester.makepyfile(
        """
        def test_two(cce_client):
            cce_client.list_tasks()
            cce_client.list_tasks(type="addonStatic")

        def test_none(cce_client): pass

        def test_fails_afterwards(cce_client):
            cce_client.list_tasks(type="nonsense")
            raise AssertionError

        def test_ordinary(): pass
        """
    )
    result = run("-s")
    result.assert_outcomes(passed=3, failed=1)
    seen = [line[line.index("seen") :] for line in result.outlines if "seen test" in line]
    assert seen == [
        "seen test_two: all 200",
        "seen test_two: type=addonStatic 200",
        "seen test_fails_afterwards: type=nonsense 400",
    ]


def test_a_misspelt_hook_of_ours_is_refused(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest("def pytest_cce_exchange(exchange, items): pass")
    pytester.makepyfile("def test_passes(): pass")
    result = run()
    assert result.ret != 0
    assert "items" in result.stderr.str() + result.stdout.str()
