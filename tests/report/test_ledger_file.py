"""An entry is added as text: what the file holds stays, and what was added reads as what was meant."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.contract.ledger import Known, Ledger
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.ledger_file import add, appended, listing, state
from tests.saved_reports import NO_EXPIRY, UNSOUND, UNSOUND_TASK

if TYPE_CHECKING:
    from pathlib import Path

TODAY: Final = date(2026, 6, 1)
TEXT: Final = """\
# what we wait for
[[known]] # asked in May
code = "items-object"   # not PRE210
reason = '''two
lines'''
owner = "team-cce"
until = 2026-07-01
"""


def known(code: str, where: str = "", *, reason: str = "agreed", until: date = date(2026, 12, 31)) -> Known:
    return Known.checked(code, reason, until, owner="team-cce", where=where, since=date(2026, 5, 1), ticket="CCE-7")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cce-known.toml"
    path.write_text(TEXT)
    return path


def test_an_entry_is_added_below_and_all_else_stays(path: Path) -> None:
    add(path, known("PRE302", "$.items[*].metadata.expireTimeStamp"), [NO_EXPIRY], TODAY)
    assert path.read_text() == TEXT + (
        '\n[[known]]\ncode = "PRE302"\nwhere = "$.items[*].metadata.expireTimeStamp"\nreason = "agreed"\n'
        'owner = "team-cce"\nuntil = 2026-12-31\nsince = 2026-05-01\nticket = "CCE-7"\n'
    )
    assert [entry.code for entry in Ledger.read(path).entries] == ["PRE210", "PRE302"]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    add(path, known("PRE302"), [NO_EXPIRY], TODAY)
    assert path.read_text().startswith('[[known]]\ncode = "PRE302"\n')


def test_a_link_stays_one_and_the_file_keeps_its_mode(path: Path) -> None:
    link = path.with_name("link.toml")
    link.symlink_to(path)
    path.chmod(0o640)
    add(link, known("PRE302"), [NO_EXPIRY], TODAY)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(Ledger.read(path).entries) == 2


def test_line_ends_stay_what_they_are() -> None:
    text = appended(TEXT.replace("\n", "\r\n"), known("PRE302"), "k.toml")
    assert text.count("\n") == text.count("\r\n")


def test_a_last_line_without_an_end_gets_one() -> None:
    assert appended(TEXT.rstrip("\n"), known("PRE302"), "k.toml") == appended(TEXT, known("PRE302"), "k.toml")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_text_reads_back_as_itself(reason: str) -> None:
    entry = known("PRE302", reason=reason)
    assert Ledger.parse(appended(TEXT, entry, "k.toml")).entries[-1] == entry


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="half surrogate pairs"):
        appended(TEXT, known("PRE302", reason="\ud800"), "k.toml")


def test_entries_written_as_one_array_cannot_be_added_to() -> None:
    array = 'known = [{code = "PRE210", reason = "a", owner = "b", until = 2026-07-01}]\n'
    with pytest.raises(ConfigurationError, match=r"write each entry under \[\[known\]\]"):
        appended(array, known("PRE302"), "k.toml")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            known("PRE302", "$.items"),
            r"no finding of the report is PRE302 at \$\.items; the report has it at \$\.items\[2\]",
        ),
        (known("items-object"), r"has PRE210 already, as entry 1 \(expires in 30 days\): change that entry"),
    ],
)
def test_what_makes_no_sense_is_not_added(path: Path, entry: Known, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        add(path, entry, [NO_EXPIRY], TODAY)
    assert path.read_text() == TEXT


def test_what_another_entry_covers_is_not_added(path: Path) -> None:
    add(path, known("PRE401"), [UNSOUND, UNSOUND_TASK], TODAY)
    with pytest.raises(ConfigurationError, match="covers PRE401 at type already, by the entry PRE401"):
        add(path, known("PRE401", "type"), [UNSOUND, UNSOUND_TASK], TODAY)


def test_what_an_expired_entry_covered_can_be_added_in_one_place(path: Path) -> None:
    add(path, known("PRE401", until=TODAY), [UNSOUND], TODAY)
    add(path, known("PRE401", "type"), [UNSOUND], date(2026, 6, 2))
    assert [entry.title for entry in Ledger.read(path).entries] == ["PRE210", "PRE401", "PRE401 at type"]


def test_a_ledger_that_cannot_be_written_is_left_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(ConfigurationError, match="cannot be written: No space left"):
        add(path, known("PRE302"), [NO_EXPIRY], TODAY)
    assert path.read_text() == TEXT
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("until", "said"),
    [
        (date(2026, 7, 2), "active"),
        (date(2026, 7, 1), "expires in 30 days"),
        (date(2026, 6, 2), "expires in 1 day"),
        (TODAY, "expires today"),
        (date(2026, 5, 30), "expired 2 days ago"),
    ],
)
def test_a_state_says_how_long_an_entry_lasts(until: date, said: str) -> None:
    assert state(known("PRE302", until=until), TODAY) == said


def test_the_list_has_a_line_for_each_entry() -> None:
    ledger = Ledger((known("PRE302"), known("PRE401", "type", reason="one\nmore", until=TODAY)))
    assert list(listing(ledger, TODAY)) == [
        "active         PRE302          final-without-expiry: agreed (team-cce, CCE-7, until 2026-12-31)",
        "expires today  PRE401 at type  filter-unsound: one\\nmore (team-cce, CCE-7, until 2026-06-01)",
    ]
