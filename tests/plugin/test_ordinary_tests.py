"""The plugin changes nothing in tests that do not use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import ORDINARY

if TYPE_CHECKING:
    from tests.conftest import Run

HEAVY = ("requests", "responses", "jsonschema", "jsonschema_rs", "yaml", "jinja2", "urllib3")


def test_an_ordinary_test_is_not_touched(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import requests

        UNTOUCHED = requests.adapters.HTTPAdapter.send

        def test_other_before(cce_client): cce_client.list_tasks()

        def test_ordinary(request):
            assert requests.adapters.HTTPAdapter.send is UNTOUCHED
            assert request.node.user_properties == []
            assert not [name for name in request.fixturenames if name.startswith("cce_")]
        """
    )
    run().assert_outcomes(passed=2)


def test_an_ordinary_run_imports_nothing_heavy_from_start_to_end(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # hypothesis' own plugin imports hypothesis at the end of every run; only ours shall be seen here
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(
        f"""
        import json
        import pathlib
        import sys

        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_unconfigure(config):
            heavy = [name for name in {(*HEAVY, "hypothesis")!r} if name in sys.modules]
            ours = sorted(name for name in sys.modules if name.startswith("pytest_cce_precheck"))
            pathlib.Path("imported.json").write_text(json.dumps([heavy, ours]))
        """
    )
    pytester.makepyfile(ORDINARY)
    pytester.runpytest_subprocess("-p", "pytest_cce_precheck.plugin.hooks", "-p", "no:cacheprovider").assert_outcomes(
        passed=1
    )
    heavy, ours = json.loads((pytester.path / "imported.json").read_bytes())
    assert heavy == []
    assert set(ours) == {
        f"pytest_cce_precheck{name}"
        for name in (
            "",
            ".config",
            ".errors",
            ".plugin.fixtures",
            ".plugin.hookspecs",
            ".plugin",
            ".plugin.hooks",
            ".plugin.run_log",
            ".plugin.settings",
            ".environment",
            ".config",
            ".config.options",
        )
    }


def test_the_plugin_can_be_switched_off(pytester: pytest.Pytester, run_apart: Run) -> None:
    pytester.makepyfile(ORDINARY)
    run_apart("-p", "no:cce_precheck").assert_outcomes(passed=1)


@pytest.mark.parametrize("broken", ["raise AssertionError", "import no_such_module"])
def test_failures_of_the_projects_own_are_theirs(pytester: pytest.Pytester, run: Run, broken: str) -> None:
    pytester.makepyfile(f"def test_fails(): {broken}")
    result = run()
    result.assert_outcomes(failed=1)
    assert "cce" not in result.stdout.str().partition("FAILURES")[2]
