"""``cce-precheck ledger`` and ``cce-precheck history``: known failures are kept, tickets written, checks judged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.cli.main import parser_of
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.ledger import Ledger
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.history import CheckOutcome, append
from tests.saved_reports import NO_EXPIRY, UNSOUND, UNSOUND_TASK, as_data, report_of, write_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., tuple[int, str]]

TODAY: Final = datetime.now(UTC).date()
LATER: Final = str(TODAY + timedelta(days=60))


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str]:
        options = parser_of(arguments).parse_args(arguments)
        return options.run(options), capsys.readouterr().out

    return command


@pytest.fixture
def report(tmp_path: Path) -> str:
    return str(write_report(tmp_path / "findings.json", NO_EXPIRY, UNSOUND, UNSOUND_TASK))


def known(code: str, until: str, *more: str) -> tuple[str, ...]:
    return ("--code", code, "--reason", 'fixed in "24.1"', "--owner", "team-cce", "--until", until, *more)


def test_what_follows_from_a_known_failure_is_added_with_it(command: Command, tmp_path: Path) -> None:
    followed = Finding("PRE404", "?type=a&task_id=t shows task u", "$.items[0]", ("type", "task_id"))
    respelt = Finding("PRE411", "the answers differ", "$.items[0]", ("type", "asked twice"))
    apart = Finding("PRE309", "the count is 11", "$.pageInfo.currentCount")
    report = str(write_report(tmp_path / "findings.json", UNSOUND, followed, respelt, apart))
    status, out = command("ledger", "add", report, *known("PRE401", LATER, "--where", "type", "--consequences"))
    assert status == 0
    assert out.splitlines() == [
        f"cce-known.toml has {code} at type until {LATER}: 1 of the report's 1 findings"
        for code in ("PRE401", "PRE404", "PRE411")
    ]
    ledger = Ledger.read(tmp_path / "cce-known.toml")
    assert ledger.apply([UNSOUND, followed, respelt, apart], TODAY).rest == (apart,)
    assert ledger.entries[1].said.startswith('follows from PRE401 at type: fixed in "24.1" (team-cce')


def test_what_is_added_is_listed(command: Command, report: str, tmp_path: Path) -> None:
    assert command("ledger", "add", report, *known("final-without-expiry", LATER, "--ticket", "CCE-7")) == (
        0,
        f"cce-known.toml has PRE302 until {LATER}: 1 of the report's 1 findings\n",
    )
    status, out = command("ledger", "add", report, *known("PRE401", str(TODAY), "--where", "type"))
    assert (status, out) == (0, f"cce-known.toml has PRE401 at type until {TODAY}: 1 of the report's 2 findings\n")
    status, out = command("ledger", "list")
    assert out.splitlines() == [
        f'active         PRE302          final-without-expiry: fixed in "24.1" (team-cce, CCE-7, until {LATER})',
        f'expires today  PRE401 at type  filter-unsound: fixed in "24.1" (team-cce, until {TODAY})',
    ]
    assert status == 0
    assert {entry.since for entry in Ledger.read(tmp_path / "cce-known.toml").entries} == {TODAY}


def test_check_ends_with_1_where_an_entry_has_expired(command: Command, report: str, tmp_path: Path) -> None:
    command("ledger", "add", report, *known("PRE302", LATER))
    assert command("ledger", "check") == (0, "cce-known.toml: 0 of 1 entries expired\n")
    path = tmp_path / "cce-known.toml"
    path.write_text(path.read_text().replace(LATER, "2020-01-31").replace(str(TODAY), "2020-01-01"))
    status, out = command("ledger", "check")
    assert status == 1
    assert out.startswith("PRE302 expired ")
    assert out.endswith("(team-cce, until 2020-01-31)\ncce-known.toml: 1 of 1 entries expired\n")


def test_another_file_can_be_named(command: Command, report: str, tmp_path: Path) -> None:
    command("ledger", "add", report, *known("PRE302", LATER), "--file", "other.toml")
    assert command("ledger", "list", "--file", "other.toml")[1].startswith("active  PRE302")
    assert not (tmp_path / "cce-known.toml").exists()
    (tmp_path / "empty.toml").touch()
    assert command("ledger", "list", "--file", "empty.toml") == (0, "empty.toml holds no entries\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (known("PRE305", LATER), "findings.json has no PRE305; it has PRE302, PRE401"),
        (known("PRE3o2", LATER), "unknown finding code 'PRE3o2'"),
        (known("PRE302", "2020-01-31"), "--until 2020-01-31 is in the past: expected a later day"),
        (known("PRE302", "soon"), "--until is 'soon': expected a day as YYYY-MM-DD"),
        (known("PRE401", LATER, "--where", "taskid: prefix"), "'taskid' is not a filter"),
        (
            known("PRE401", LATER, "--where", "limit"),
            "the report has it at $.items[0] or $.items[4] or task_id or type",
        ),
        (known("PRE302", LATER, "--owner", ""), "accepting PRE302 needs an owner"),
    ],
)
def test_what_cannot_be_added_is_refused(
    command: Command, report: str, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        command("ledger", "add", report, *arguments)
    assert message in str(caught.value)
    assert not (tmp_path / "cce-known.toml").exists()


def test_what_is_known_already_is_refused(command: Command, report: str) -> None:
    command("ledger", "add", report, *known("PRE302", LATER))
    with pytest.raises(ConfigurationError, match="has PRE302 already, as entry 1"):
        command("ledger", "add", report, *known("final-without-expiry", LATER))


def saved(findings: list[Any]) -> str:
    return json.dumps({**report_of(), "findings": findings})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("<html>", "is not a JSON report; expected what --cce-report=report.json writes"),
        ('{"findings": []}', "is not a report of pytest-cce-precheck"),
        (saved([3]), r"at \$\.findings\[0\], 3 is not of type 'object'"),
        (saved([{"code": "PRE302", "message": ""}]), r"at \$\.findings\[0\]\.\w+, '\w+' is a required property"),
        (saved([{**as_data(NO_EXPIRY), "code": "PRE799"}]), "has a finding of the unknown code 'PRE799'"),
        (saved([]), "has no PRE302; it has no finding at all"),
    ],
)
def test_a_file_that_is_no_report_is_named(command: Command, tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        command("ledger", "ticket", "report.json", "--code", "PRE302")


@pytest.mark.parametrize(
    ("language", "english", "chinese"), [("en", True, False), ("zh", False, True), ("both", True, True)]
)
def test_a_ticket_is_written_in_the_language_asked_for(
    command: Command, report: str, language: str, english: bool, chinese: bool
) -> None:
    status, out = command("ledger", "ticket", report, "--code", "PRE302", "--language", language)
    assert status == 0
    assert ("5. What we ask for" in out) is english
    assert ("5. 处理建议" in out) is chinese


def test_a_history_is_a_table_or_json(command: Command, tmp_path: Path) -> None:
    row = CheckOutcome(
        "r", "2026-06-01T07:28:00+00:00", "test_it", "live", "https://e", "c", "failed", "PRE302", 3, 0, 0.1
    )
    append(tmp_path / "history.sqlite", [row, row])
    status, out = command("history", "history.sqlite")
    assert status == 0
    assert out.splitlines()[-1].split() == ["2", "2", "0", "0", "100%", "100%", "failed", "test_it", "(PRE302)"]
    [judged] = json.loads(command("history", "history.sqlite", "--json", "--last", "1")[1])
    assert (judged["runs"], judged["reliability"], judged["codes"]) == (1, 1.0, ["PRE302"])
    assert judged["last_at"] == "2026-06-01T07:28:00+00:00"


def test_no_number_of_runs_is_refused(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command("history", "history.sqlite", "--last", "0")
    assert "'0' is not a number of runs: expected from 1 to 1000000" in capsys.readouterr().err


# ---- add --all, prune


def test_all_findings_of_a_report_are_added_each_at_its_place_and_once(
    command: Command, report: str, tmp_path: Path
) -> None:
    everything = ("--all", "--reason", "before us", "--owner", "team-cce", "--until", LATER)
    status, out = command("ledger", "add", report, *everything)
    assert (status, len(out.splitlines())) == (0, 3)
    ledger = Ledger.read(tmp_path / "cce-known.toml")
    assert [entry.title for entry in ledger.entries] == ["PRE302", "PRE401 at task_id", "PRE401 at type"] or [
        entry.title for entry in ledger.entries
    ] == ["PRE401 at task_id", "PRE401 at type", "PRE302 at final-without-expiry"]
    assert ledger.apply([NO_EXPIRY, UNSOUND, UNSOUND_TASK], TODAY).rest == ()
    assert command("ledger", "add", report, *everything) == (
        0, f"cce-known.toml covers every finding of {report} already: nothing is added\n"
    )  # fmt: skip


@pytest.mark.parametrize("more", [("--where", "type"), ("--consequences",)])
def test_all_and_a_place_exclude_each_other(command: Command, report: str, more: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="--all finds the places"):
        command("ledger", "add", report, "--all", "--reason", "r", "--owner", "o", "--until", LATER, *more)


PRUNED: Final = """\
# what staging lacks

# fixed long ago
[[known]]
code = "PRE302"
reason = "r"
owner = "o"
until = 2020-01-01

[[known]]
code = "PRE401"
where = "type"
reason = "r"
owner = "o"
until = {later}  # with the release
# the other one
[[known]]
code = "PRE309"
reason = "r"
owner = "o"
until = {later}
"""


def test_pruning_removes_what_has_expired_with_its_comment(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "cce-known.toml"
    path.write_text(PRUNED.format(later=LATER))
    assert command("ledger", "prune") == (
        0, "removed: PRE302 (r (o, until 2020-01-01))\ncce-known.toml: 1 removed\n"
    )  # fmt: skip
    assert path.read_text() == PRUNED.format(later=LATER).replace(
        PRUNED[PRUNED.index("# fixed") : PRUNED.index('[[known]]\ncode = "PRE401"')], ""
    )
    assert command("ledger", "prune") == (0, "cce-known.toml: 0 removed\n")


def test_pruning_by_a_report_removes_what_it_lacks_if_its_run_was_complete(
    command: Command, report: str, tmp_path: Path
) -> None:
    path = tmp_path / "cce-known.toml"
    path.write_text(PRUNED.format(later=LATER))
    command("ledger", "prune", "--report", report)
    assert [entry.title for entry in Ledger.read(path).entries] == ["PRE401 at type"]
    document = json.loads((tmp_path / "findings.json").read_text("utf-8"))
    (tmp_path / "findings.json").write_text(json.dumps({**document, "verdict": "incomplete"}))
    with pytest.raises(ConfigurationError, match="of a run that was incomplete"):
        command("ledger", "prune", "--report", report)


def test_entries_that_cannot_be_told_apart_in_the_text_are_not_pruned(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "cce-known.toml"
    text = 'known = [{code = "PRE302", reason = "r", owner = "o", until = 2020-01-01}]\n'
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="cannot be pruned: write each entry under a"):
        command("ledger", "prune")
    assert path.read_text() == text
