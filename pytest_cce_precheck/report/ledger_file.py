"""The ledger's file: entries are added as text, so that comments and order stay, and every write is read back."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck import _files
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.ledger import KEYS, Known, Ledger
from pytest_cce_precheck.contract.rules import find_rule
from pytest_cce_precheck.errors import ConfigurationError, MissingFileError
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_cce_precheck.contract.findings import Finding

_SOON: Final = 30


def add(path: Path, entry: Known, findings: Sequence[Finding], today: date) -> None:
    """Write an entry below the others; the file is made where there is none.

    ``findings`` are those of the entry's code in the report. Raises `ConfigurationError` if the entry is there
    already, is about none of them or about nothing that the others do not cover, and where the file would not read.
    """
    text = _read(path)
    ledger = Ledger.parse(text, str(path))
    for number, other in enumerate(ledger.entries, 1):
        if (other.code, other.where) == (entry.code, entry.where):
            raise ConfigurationError(
                f"{path} has {entry.title} already, as entry {number} ({state(other, today)}): change that one"
            )
    about = [finding for finding in findings if entry.matches(finding)]
    if not about:
        places = sorted({place for finding in findings for place in (*finding.subject, finding.path) if place})
        raise ConfigurationError(
            f"no finding of the report is {entry.title}; there it is at {' or '.join(places) or 'no place'}"
        )
    if not ledger.apply(about, today).rest:
        [_, other] = ledger.apply(about, today).known[0]
        raise ConfigurationError(f"{path} covers {entry.title} already, by the entry {other.title}: nothing is added")
    _files.write(path, appended(text, entry, str(path)).encode(), f"the ledger {path}")


def following(entry: Known, findings: Sequence[Finding]) -> list[Known]:
    """Return entries for what follows, among ``findings``, from those that ``entry`` is about, in as narrow a place."""
    added: list[Known] = []
    for group in causes(findings):
        for finding in group.consequences if entry.matches(group.finding) else ():
            if not any(each.matches(finding) for each in (entry, *added)):
                added.append(_following(entry, finding))
    return added


def _following(entry: Known, finding: Finding) -> Known:
    reason = f"follows from {entry.title}: {entry.reason}"
    # the same filter where it is about that, else the first place that an entry can name
    for where in (entry.where, *finding.subject, ""):
        with suppress(ConfigurationError):
            known = Known.checked(
                finding.code, reason, entry.until or date.max, owner=entry.owner, where=where, since=entry.since,
                ticket=entry.ticket,
            )  # fmt: skip
            if where and known.matches(finding):
                break
    return known


def appended(text: str, entry: Known, name: str) -> str:
    """Return a ledger's text with one more entry; raises `ConfigurationError` if it would not read as that."""
    end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text else end if text.endswith("\n") else end * 2
    added = text + gap + end.join([*_table(entry), ""])
    expected = Ledger((*Ledger.parse(text, name).entries, entry))
    try:
        whole = Ledger.parse(added.encode().decode(), name) == expected
    except (ConfigurationError, UnicodeEncodeError):
        whole = False
    if not whole:
        raise ConfigurationError(
            f"{name} would not read as its entries and {entry.title}: write each entry under [[known]], as text"
            " without half characters"
        )
    return added


def state(entry: Known, today: date) -> str:
    """Say whether an entry is in force: ``active``, ``expires in n days`` in its last month, ``expired``.

    >>> entry = Known.checked("PRE302", "agreed", date(2027, 1, 31), owner="team")
    >>> state(entry, date(2026, 1, 1)), state(entry, date(2027, 1, 30)), state(entry, date(2027, 2, 1))
    ('active', 'expires in 1 day', 'expired 1 day ago')
    """
    if entry.until is None:
        return "active"
    days = (entry.until - today).days
    if days < 0:
        return f"expired {_days(-days)} ago"
    if days == 0:
        return "expires today"
    return f"expires in {_days(days)}" if days <= _SOON else "active"


def listing(ledger: Ledger, today: date) -> Iterator[str]:
    """Write a line for each entry: state, code and place, reason with owner, ticket and day."""
    states = [state(entry, today) for entry in ledger.entries]
    widths = [max(map(len, column), default=0) for column in (states, [entry.title for entry in ledger.entries])]
    for said, entry in zip(states, ledger.entries, strict=True):
        yield one_line(f"{said:<{widths[0]}}  {entry.title:<{widths[1]}}  {find_rule(entry.code).name}: {entry.said}")


def _days(number: int) -> str:
    return f"{number} day{'s' if number != 1 else ''}"


def _table(entry: Known) -> Iterator[str]:
    yield "[[known]]"
    for key in KEYS:
        value = getattr(entry, key)
        if value:
            yield f"{key} = {value.isoformat() if isinstance(value, date) else _basic_string(value)}"


def _basic_string(text: str) -> str:
    # TOML escapes as JSON does, and forbids one character more
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(path: Path) -> str:
    try:
        return _files.read_text(path, f"the ledger {path}")
    except MissingFileError:
        return ""
