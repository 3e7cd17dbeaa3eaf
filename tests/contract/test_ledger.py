"""A ledger says what is known, where, by whom and until when; what it does not say as it should is refused."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.ledger import Known, Ledger, find_ledger, known_failures
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.verdict import sort_findings

if TYPE_CHECKING:
    from pathlib import Path

TODAY: Final = date(2026, 6, 1)
ENTRY: Final = 'code = "PRE302"\nreason = "fixed in 24.1"\nowner = "team-cce"\nuntil = 2026-12-31\n'
NO_EXPIRY: Final = Finding("PRE302", "none", "$.items[2].metadata.expireTimeStamp", ("final-without-expiry",))


def ledger(*entries: str) -> Ledger:
    return Ledger.parse("".join(f"[[known]]\n{entry}" for entry in entries))


def known(code: str, where: str = "", until: date = date(2026, 12, 31)) -> Known:
    return Known.checked(code, "agreed", until, owner="team-cce", where=where)


def test_an_entry_is_read_with_everything_that_it_says() -> None:
    [entry] = ledger(ENTRY + 'where = "$.items[*].metadata"\nsince = "2026-05-01"\nticket = "CCE-7"').entries
    assert entry == Known(
        "PRE302",
        "fixed in 24.1",
        date(2026, 12, 31),
        "$.items[*].metadata",
        "team-cce",
        date(2026, 5, 1),
        "CCE-7",
    )
    assert entry.said == "fixed in 24.1 (team-cce, CCE-7, until 2026-12-31)"


def test_a_code_may_be_given_by_the_rules_name_and_a_day_as_a_text() -> None:
    [entry] = ledger(ENTRY.replace("PRE302", "final-without-expiry").replace("2026-12-31", '"2026-12-31"')).entries
    assert (entry.code, entry.until) == ("PRE302", date(2026, 12, 31))


def test_a_ledger_without_entries_covers_nothing() -> None:
    assert Ledger.parse("# nothing yet\n").apply([NO_EXPIRY], TODAY).rest == (NO_EXPIRY,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[known]", "k.toml is not valid TOML: "),
        (
            '[[knwon]]\ncode = "PRE302"',
            "k.toml has the unknown key 'knwon'; expected [[known]] tables; did you mean known?",
        ),
        ("known = 3", "known is not a list of tables"),
        ("[known]\ncode = 1", "known is not a list of tables"),
        (f"[[known]]\n{ENTRY}when = 1", "entry 1 (line 1): unknown key 'when'; an entry may have code, where, reason"),
        (f"[[known]]\n{ENTRY}tickt = 'x'", "since, ticket; did you mean ticket?"),
        (f"\n[[known]]\n{ENTRY}\n[[known]]\ncode = 'PRE302'", "entry 2 (line 8): reason and owner and until missing"),
        (f"[[known]]\n{ENTRY}".replace("PRE302", "PRE30"), "unknown finding code 'PRE30'; did you mean PRE"),
        (f"[[known]]\n{ENTRY}".replace("fixed in 24.1", " "), "entry 1 (line 1): accepting PRE302 needs a reason"),
        (f"[[known]]\n{ENTRY}".replace("team-cce", ""), "accepting PRE302 needs an owner"),
        (f"[[known]]\n{ENTRY}".replace('"team-cce"', "7"), "owner is 7: expected a text"),
        (f"[[known]]\n{ENTRY}".replace("2026-12-31", '"soon"'), "until is 'soon': expected a day as YYYY-MM-DD"),
        (f"[[known]]\n{ENTRY}".replace("2026-12-31", '"2026-13-01"'), "until is '2026-13-01': expected a day"),
        (f"[[known]]\n{ENTRY}".replace("2026-12-31", "2026-12-31T10:00:00Z"), "until is '2026-12-31 10:00:00"),
        (f"[[known]]\n{ENTRY}since = 2027-01-01", "since 2027-01-01 is after until 2026-12-31"),
        (f"[[known]]\n{ENTRY}where = '$.items['", "where '$.items[' is not a JSON path"),
        (f"[[known]]\n{ENTRY}where = 'items[*].status'", "one starts with $"),
        (
            f"[[known]]\n{ENTRY}where = 'taskid: prefix'",
            "'taskid' is not a filter; expected one of type, task_id, addon_instance_id; did you mean task_id?",
        ),
        (f"[[known]]\n{ENTRY}[[known]]\n{ENTRY}", "entry 2 (line 6): PRE302 is known from entry 1 already"),
    ],
)
def test_what_is_wrong_with_a_ledger_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Ledger.parse(text, "k.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("k.toml")


def test_no_line_is_better_than_a_wrong_one() -> None:
    with pytest.raises(ConfigurationError, match=r"^k.toml, entry 1: "):
        Ledger.parse('known = [{code = "PRE302"}]', "k.toml")
    with pytest.raises(ConfigurationError, match=r"^k.toml, entry 1: "):
        Ledger.parse(f'[[known]]\n{ENTRY}ticket = """\n[[known]]\n"""\nwo = 1', "k.toml")


@pytest.mark.parametrize(("content", "message"), [(None, "No such file"), (b"\xff", "not UTF-8")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "k.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        Ledger.read(path)


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("$.items[*].status.riskList", "$.items[12].status.riskList"),
        ("$.items[2].status", "$.items[2].status"),
        ("$.items[*].*", "$.items[0].status"),
        ("$.items[*].status", "$.items[*].status"),
        ('$.items[*]["a.b"]', '$.items[0]["a.b"]'),
        ("$.items[*].*", '$.items[0]["a.b"]'),
        ("$", "$"),
    ],
)
def test_a_json_path_meets_the_places_that_it_describes(where: str, path: str) -> None:
    assert known("PRE202", where).matches(Finding("PRE202", "wrong", path))


@pytest.mark.parametrize(
    "path", ["$.items[2].status.riskList", "$.items[2]", "$.items[2].statusX", "$.items[*].state", "$xitems[2].status"]
)
def test_a_json_path_meets_no_other_place(path: str) -> None:
    assert not known("PRE202", "$.items[*].status").matches(Finding("PRE202", "wrong", path))


@pytest.mark.parametrize(
    ("where", "subject", "met"),
    [
        ("type", ("type",), True),
        ("type", ("task_id", "type"), True),
        ("type", ("task_id",), False),
        ("type: Accept */*", ("type", "Accept */*"), True),
        ("type: Accept */*", ("type", "Content-Type text/plain"), False),
        ("task_id: prefix", ("task_id",), False),
        ("task_id: prefix", ("task_id", "prefix"), True),
        ("limit", ("limit",), True),
    ],
)
def test_a_subject_meets_what_the_finding_is_about(where: str, subject: tuple[str, ...], met: bool) -> None:
    assert known("PRE406", where).matches(Finding("PRE406", "selects", subject=subject)) is met


def test_findings_are_settled_by_the_first_entry_that_covers_them() -> None:
    other = Finding("PRE401", "type", subject=("type",))
    wide, narrow, ended = known("PRE302"), known("PRE302", "$.items[*].*.*"), known("PRE401", until=date(2026, 5, 31))
    never = known("PRE305")
    settled = Ledger((wide, narrow, ended, never)).apply([NO_EXPIRY, other], TODAY)
    assert settled.known == ((NO_EXPIRY, wide),)
    assert settled.rest == (other,)
    assert settled.expired == (ended,)
    # the narrow one was met too, if only in the second place
    assert settled.unused == (never,)


def test_an_entry_covers_on_its_last_day_and_no_longer() -> None:
    entry = known("PRE302", until=TODAY)
    assert Ledger((entry,)).apply([NO_EXPIRY], TODAY).known == ((NO_EXPIRY, entry),)
    assert Ledger((entry,)).apply([NO_EXPIRY], date(2026, 6, 2)).rest == (NO_EXPIRY,)


def test_entries_are_acceptances_to_a_verdict() -> None:
    elsewhere = Finding("PRE302", "none", "$.status.items[0].metadata.expireTimeStamp")
    entry = known("PRE302", "$.items[*].metadata.expireTimeStamp")
    told = sort_findings([NO_EXPIRY, elsewhere], fail_on="error", acceptances=[entry], today=TODAY)
    assert told.accepted == ((NO_EXPIRY, entry),)
    assert told.failing == (elsewhere,)


def test_the_usual_file_is_taken_where_it_is_and_another_where_it_is_named(tmp_path: Path) -> None:
    assert find_ledger(None, tmp_path) is None
    assert known_failures(None, tmp_path) == ()
    (tmp_path / "cce-known.toml").write_text(f"[[known]]\n{ENTRY}")
    assert [entry.code for entry in known_failures(None, tmp_path)] == ["PRE302"]
    assert find_ledger(None, tmp_path) == tmp_path / "cce-known.toml"
    assert find_ledger("other.toml", tmp_path) == tmp_path / "other.toml"


def test_known_failures_are_those_of_the_file_that_is_given(tmp_path: Path) -> None:
    (tmp_path / "cce-known.toml").write_text("[[known]]", "utf-8")
    other = 'code = "PRE302"\nreason = "why"\nowner = "me"\nuntil = 2027-01-31\n'
    (tmp_path / "other.toml").write_text(f"[[known]]\n{other}", "utf-8")
    assert [entry.code for entry in known_failures("other.toml", tmp_path)] == ["PRE302"]


def test_an_entry_is_called_by_its_code_and_its_place() -> None:
    places = ("", "task_id")
    entries = [Known.checked("PRE302", "why", date(2027, 1, 31), owner="me", where=where) for where in places]
    assert [entry.title for entry in entries] == ["PRE302", "PRE302 at task_id"]
