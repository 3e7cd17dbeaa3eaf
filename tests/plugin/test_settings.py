"""Where settings come from, and what the header shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.config.options import OPTIONS, Option, resolve
from tests.plugin.projects import ORDINARY

if TYPE_CHECKING:
    from tests.conftest import Run

SAMPLES = {"mode": "live", "fail-on": "note", "endpoint": "https://cce.example", "region": "eu-west-101", "lang": "zh"}
# those that need no other beside them
ALONE = [each for each in OPTIONS if "foreign" not in each.name and each.name != "baseline"]
EVERYWHERE = [each for each in ALONE if not each.command_line_only]


def sample(option: Option) -> str:
    by_kind = {"number": "77", "flag": "true", "list": "one", "age": "30d", "seconds": "2.5"}
    return SAMPLES.get(option.name) or by_kind.get(option.kind, "words")


def nothing(option: Option) -> Any:
    return None


@pytest.mark.parametrize("option", EVERYWHERE, ids=lambda each: each.name)
def test_every_setting_goes_by_option_then_environment_then_ini_then_default(option: Option) -> None:
    def given(each: Option) -> Any:
        return sample(each) if each is option else None

    variables = {option.variables[0]: sample(option)}
    assert resolve(given, variables, given).source(option.key) == "option"
    assert resolve(nothing, variables, given).source(option.key) == f"environment {option.variables[0]}"
    assert resolve(nothing, {}, given).source(option.key) == "ini"
    default = resolve(nothing, {}, nothing)
    assert default.source(option.key) == "default"
    assert getattr(resolve(given, {}, nothing), option.key) != getattr(default, option.key)


def test_an_ordinary_run_has_no_header_line_of_ours(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(ORDINARY)
    result = run()
    assert "cce-precheck:" not in result.stdout.str()


def test_the_header_names_each_setting_with_its_source(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(ORDINARY)
    pytester.makeini("[pytest]\ncce_budget = 100\ncce_seed = 3")
    monkeypatch.setenv("CCE_CLUSTER_ID", "a-cluster")
    result = run("--cce-seed=4", "--cce-allow-writes")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            (
                "cce-precheck: mode simulate (default); --cce-cluster-id a-cluster (environment CCE_CLUSTER_ID);"
                " --cce-allow-writes True (option); --cce-budget 100 (ini); --cce-seed 4 (option)"
            )
        ]
    )


def test_the_help_names_every_option_and_ini_name(run: Run) -> None:
    text = run("--help").stdout.str()
    for option in OPTIONS:
        assert f"{option.flag}" in text
        assert f"  {option.ini} (" in text


def test_markers_and_fixtures_are_listed_with_what_they_are_for(run: Run) -> None:
    markers = run("--markers").stdout.str()
    assert "@pytest.mark.cce(mode=None, cassette=None, faults=(), repeats=False, tasks=None): " in markers
    assert "@pytest.mark.cce_allow(code, reason=..., until=None): " in markers
    fixtures = run("--fixtures")
    for name in ("client", "config", "contract", "credentials", "exchanges", "server", "simulator"):
        fixtures.stdout.fnmatch_lines_random([f"cce_{name}*--*"])
    fixtures.stdout.no_fnmatch_line("_cce*")
