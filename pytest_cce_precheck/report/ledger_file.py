"""The ledger's file: entries are added as text, so that comments and order stay, and every addition is read back."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck import _files
from pytest_cce_precheck._text import count_of
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
# the header of an entry, with the comments right above it
_HEADS: Final = re.compile(r"(?m)^(?:[ \t]*#.*\r?\n)*[ \t]*\[\[[ \t]*known[ \t]*\]\]")


def add(path: Path, entry: Known, findings: Sequence[Finding], today: date) -> None:
    """Write an entry below the others, to a new file if there is none.

    ``findings`` are those of the entry's code in the report. Raises `ConfigurationError` if the file has such an entry
    already, if the entry matches no finding, or only findings that other entries cover, and if the file could not be
    read afterwards.
    """
    text = ""
    with suppress(MissingFileError):
        text = _files.read_text(path, f"the ledger {path}")
    ledger = Ledger.parse(text, str(path))
    for number, other in enumerate(ledger.entries, 1):
        if (other.code, other.where) == (entry.code, entry.where):
            raise ConfigurationError(
                f"{path} has {entry.title} already, as entry {number} ({state(other, today)}): change that entry"
            )
    matching = [finding for finding in findings if entry.matches(finding)]
    if not matching:
        places = sorted({place for finding in findings for place in (*finding.subject, finding.path) if place})
        raise ConfigurationError(
            f"no finding of the report is {entry.title}; the report has it at {' or '.join(places) or 'no place'}"
        )
    covering = ledger.apply(matching, today)
    if not covering.rest:
        other = covering.known[0][1]
        raise ConfigurationError(f"{path} covers {entry.title} already, by the entry {other.title}: nothing is added")
    _files.write(path, appended(text, entry, str(path)).encode(), f"the ledger {path}")


def following(entry: Known, findings: Sequence[Finding]) -> list[Known]:
    """Return entries for the findings that follow from those that ``entry`` matches, each with a place if possible."""
    added: list[Known] = []
    for cause in causes(findings):
        for finding in cause.consequences if entry.matches(cause.finding) else ():
            if not any(each.matches(finding) for each in (entry, *added)):
                reason = f"follows from {entry.title}: {entry.reason}"
                added.append(_at_its_place(finding, entry, reason))
    return added


def for_all(findings: Sequence[Finding], entry: Known, known: Ledger, today: date) -> list[Known]:
    """Return entries for all findings that a ledger does not cover, each at a place if possible.

    ``entry`` has the reason, owner and day of each.
    """
    added: list[Known] = []
    for cause in causes(findings):
        for finding in (cause.finding, *cause.consequences):
            if known.apply([finding], today).rest and not any(each.matches(finding) for each in added):
                added.append(_at_its_place(finding, entry, entry.reason))
    return added


def prune(path: Path, today: date, seen: Sequence[Finding] | None = None) -> list[Known]:
    """Remove the entries that have expired, and those that match nothing of what was ``seen``; return them.

    Each goes with the comment right above it. Raises `ConfigurationError` if the file could not be read afterwards.
    """
    text = _files.read_text(path, f"the ledger {path}")
    ledger = Ledger.parse(text, str(path))
    removed = [
        entry
        for entry in ledger.entries
        if entry.expired(today) or (seen is not None and not any(map(entry.matches, seen)))
    ]
    starts = [found.start() for found in _HEADS.finditer(text)]
    blocks = [text[start:end] for start, end in zip(starts, [*starts, len(text)][1:], strict=True)]
    kept = [entry for entry in ledger.entries if entry not in removed]
    left = text[: min(starts, default=len(text))]
    if len(blocks) == len(ledger.entries):
        left += "".join(block for entry, block in zip(ledger.entries, blocks, strict=True) if entry in kept)
    if Ledger.parse(left, str(path)).entries != tuple(kept):
        raise ConfigurationError(f"{path} cannot be pruned: write each entry under a [[known]] of its own")
    if removed:
        _files.write(path, left.encode(), f"the ledger {path}")
    return removed


def _at_its_place(finding: Finding, entry: Known, reason: str) -> Known:
    # the same filter if the finding is about it, otherwise the first place that an entry can name
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
    """Return a ledger's text with one more entry; raises `ConfigurationError` if it would be read as anything else."""
    end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text else end if text.endswith("\n") else end * 2
    lines = ["[[known]]"]
    for key in KEYS:
        value = getattr(entry, key)
        if value:
            # TOML has JSON's escapes, and forbids one character more
            text_of = json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
            lines.append(f"{key} = {value if isinstance(value, date) else text_of}")
    added = text + gap + end.join([*lines, ""])
    expected = Ledger((*Ledger.parse(text, name).entries, entry))
    with suppress(ConfigurationError, UnicodeEncodeError):
        if Ledger.parse(added.encode().decode(), name) == expected:
            return added
    raise ConfigurationError(
        f"{name} could not be read with the new entry {entry.title}: write each entry under [[known]], as text without"
        " half surrogate pairs"
    )


def state(entry: Known, today: date) -> str:
    """Return whether an entry is in force: ``active``, ``expires in n days`` in its last month, ``expired``.

    >>> entry = Known.checked("PRE302", "agreed", date(2027, 1, 31), owner="team")
    >>> state(entry, date(2026, 1, 1)), state(entry, date(2027, 1, 30)), state(entry, date(2027, 2, 1))
    ('active', 'expires in 1 day', 'expired 1 day ago')
    """
    days = _SOON + 1 if entry.until is None else (entry.until - today).days
    if days > _SOON:
        return "active"
    if days < 0:
        return f"expired {count_of(-days, 'day')} ago"
    return f"expires in {count_of(days, 'day')}" if days else "expires today"


def listing(ledger: Ledger, today: date) -> Iterator[str]:
    """Yield a line for each entry: state, code and place, reason with owner, ticket and last day."""
    states = [state(entry, today) for entry in ledger.entries]
    widths = [max(map(len, column), default=0) for column in (states, [entry.title for entry in ledger.entries])]
    for now, entry in zip(states, ledger.entries, strict=True):
        yield one_line(f"{now:<{widths[0]}}  {entry.title:<{widths[1]}}  {find_rule(entry.code).name}: {entry.said}")
