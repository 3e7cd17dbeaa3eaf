"""Settings in every file that pytest reads, as texts and as TOML's own types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.plugin.projects import ORDINARY

if TYPE_CHECKING:
    from tests.conftest import Run

AS_TEXT: Final = {
    "pytest.ini": "[pytest]",
    ".pytest.ini": "[pytest]",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
TOML_OF_TEXTS: Final = {"pyproject.toml [tool.pytest.ini_options]": "[tool.pytest.ini_options]"}
TOML: Final = {
    "pyproject.toml [tool.pytest]": "[tool.pytest]",
    "pytest.toml": "[pytest]",
    ".pytest.toml": "[pytest]",
}
SECTIONS: Final = {**AS_TEXT, **TOML_OF_TEXTS, **TOML}

HEADER: Final = (
    "cce-precheck: mode simulate (default); --cce-token-command vault … (ini); --cce-allow-writes {flag} (ini);"
    " --cce-max-age 30d (ini); --cce-fail-on note (ini); --cce-accept PRE302: one, PRE210: two (ini);"
    " --cce-budget 60 (ini); --cce-rate 0 (ini); --cce-timeout 5 (ini)"
)


def needs(where: str) -> None:
    if where in TOML and pytest.version_tuple < (9,):
        pytest.skip("pytest reads native TOML from version 9 on")


def write(pytester: pytest.Pytester, where: str, *lines: str) -> None:
    pytester.makepyfile(ORDINARY)
    (pytester.path / where.partition(" ")[0]).write_text("\n".join([SECTIONS[where], *lines, ""]))


def settings(where: str, *, flag: bool) -> list[str]:
    word = str(flag).lower()
    if where in AS_TEXT:
        return [
            *("cce_budget = 60", "cce_rate = 0", "cce_timeout = 5", f"cce_allow_writes = {word}"),
            *("cce_accept =", "    PRE302: one", "    PRE210: two"),
            *("cce_fail_on = note", "cce_max_age = 30d", "cce_token_command = vault read token"),
        ]
    return [
        *("cce_budget = 60", "cce_rate = 0", "cce_timeout = 5", f"cce_allow_writes = {word}"),
        'cce_accept = ["PRE302: one", "PRE210: two"]',
        *('cce_fail_on = "note"', 'cce_max_age = "30d"', 'cce_token_command = "vault read token"'),
    ]


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("where", SECTIONS)
def test_each_file_sets_numbers_flags_lists_choices_ages_and_commands(
    pytester: pytest.Pytester, run: Run, where: str, *, flag: bool
) -> None:
    needs(where)
    write(pytester, where, *settings(where, flag=flag))
    result = run()
    assert (result.ret, result.stderr.str()) == (0, "")
    assert HEADER.format(flag=flag) in result.stdout.lines


@pytest.mark.parametrize("where", SECTIONS)
def test_the_environment_and_the_command_line_go_before_each_file(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    needs(where)
    write(pytester, where, *settings(where, flag=True))
    monkeypatch.setenv("CCE_ALLOW_WRITES", "false")
    monkeypatch.setenv("CCE_BUDGET", "70")
    [line] = [line for line in run("--cce-budget=80").stdout.lines if line.startswith("cce-precheck: ")]
    assert "--cce-allow-writes False (environment CCE_ALLOW_WRITES)" in line
    assert "--cce-budget 80 (option)" in line
    assert "--cce-rate 0 (ini)" in line


@pytest.mark.parametrize("where", [None, *SECTIONS])
def test_a_setting_of_the_file_is_overridden_by_minus_o(pytester: pytest.Pytester, run: Run, where: str | None) -> None:
    if where is None:
        pytester.makepyfile(ORDINARY)
    else:
        needs(where)
        write(pytester, where, *settings(where, flag=True))
    result = run("-o", "cce_budget=90", "-o", "cce_allow_writes=false", "-o", "cce_seed=3")
    [line] = [line for line in result.stdout.lines if line.startswith("cce-precheck: ")]
    assert "--cce-allow-writes False (ini); " in line
    assert "--cce-budget 90 (ini); " in line
    assert line.count("(ini)") == (3 if where is None else 9)


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("budget", "many", "a whole number from 30 to 1000000"),
        ("budget", "-1", "a whole number from 30 to 1000000"),
        ("timeout", "2.5", "a whole number from 1 to 86400"),
        ("allow_writes", "maybe", "true or false"),
        ("fail_on", "often", "one of error, warning, note, never, new"),
        ("max_age", "30", "a number with h, d or w, such as 30d"),
    ],
)
@pytest.mark.parametrize("where", SECTIONS)
def test_a_text_that_is_not_right_is_named_with_setting_file_and_what_was_expected(
    pytester: pytest.Pytester, run: Run, where: str, setting: str, value: str, expected: str
) -> None:
    needs(where)
    write(pytester, where, f"cce_{setting} = {value}" if where in AS_TEXT else f'cce_{setting} = "{value}"')
    assert_refused(run(), setting, where, value, expected)


@pytest.mark.parametrize(
    ("setting", "text", "expected"),
    [("budget", "60", "a whole number from 30 to 1000000"), ("allow_writes", "true", "true or false")],
)
@pytest.mark.parametrize("where", TOML)
def test_a_text_is_no_number_and_no_flag_where_toml_has_types(
    pytester: pytest.Pytester, run: Run, where: str, setting: str, text: str, expected: str
) -> None:
    needs(where)
    write(pytester, where, f'cce_{setting} = "{text}"')
    assert_refused(run(), setting, where, text, expected)


@pytest.mark.parametrize(
    ("setting", "value", "shown", "expected"),
    [
        ("budget", "2.5", "2.5", "a whole number from 30 to 1000000"),
        ("budget", "-1", "-1", "a whole number from 30 to 1000000"),
        ("budget", "true", "True", "a whole number from 30 to 1000000"),
        ("budget", "[60]", "[60]", "a whole number from 30 to 1000000"),
        ("budget", "9999999999", "9999999999", "a whole number from 30 to 1000000"),
        ("allow_writes", "2", "2", "true or false"),
        ("allow_writes", "[true]", "[True]", "true or false"),
        ("accept", '["PRE302: one", 2]', "2", "a list of texts"),
        ("fail_on", '["note"]', "['note']", "one of error, warning, note, never, new"),
        ("max_age", "30", "30", "a number with h, d or w, such as 30d"),
        ("endpoint", '["https://cce.example"]', "['https://cce.example']", "a text"),
    ],
)
@pytest.mark.parametrize("where", [*TOML_OF_TEXTS, *TOML])
def test_a_value_of_another_type_is_named_with_setting_file_and_what_was_expected(
    pytester: pytest.Pytester, run: Run, where: str, setting: str, value: str, shown: str, expected: str
) -> None:
    needs(where)
    write(pytester, where, f"cce_{setting} = {value}")
    assert_refused(run(), setting, where, shown, expected)


@pytest.mark.parametrize("where", [*TOML_OF_TEXTS, *TOML])
def test_the_words_of_a_command_that_is_not_one_text_are_not_shown(
    pytester: pytest.Pytester, run: Run, where: str
) -> None:
    needs(where)
    write(pytester, where, 'cce_token_command = ["vault", "--password=PLANTED"]')
    assert_refused(run(), "token_command", where, "not one text", "a command and its arguments")


def assert_refused(result: pytest.RunResult, setting: str, where: str, shown: str, expected: str) -> None:
    assert result.ret == 4
    [line] = result.stderr.str().strip().splitlines()
    file = where.partition(" ")[0]
    assert line.startswith(f"ERROR: --cce-{setting.replace('_', '-')} (from ini {file}) ")
    assert shown.lower() in line.lower()
    assert line.endswith(f" expected {expected}")
    assert "PLANTED" not in line


@pytest.mark.parametrize("where", ["pyproject.toml [tool.pytest]", "pytest.toml"])
def test_the_examples_of_the_reference_are_read_in_the_file_that_they_name(
    pytester: pytest.Pytester, run: Run, where: str
) -> None:
    needs(where)
    page = (Path(__file__).parents[2] / "docs" / "reference.md").read_text("utf-8")
    file = where.partition(" ")[0]
    [text] = re.findall(rf"^```toml\n(# {re.escape(file)}\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    pytester.makepyfile(ORDINARY)
    (pytester.path / file).write_text(text)
    [line] = [line for line in run().outlines if line.startswith("cce-precheck: mode")]
    assert "--cce-allow-writes True (ini); " in line
    assert line.endswith("--cce-budget 60 (ini)")
