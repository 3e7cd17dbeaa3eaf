"""The ledger: known findings, each accepted with an owner and a last day, and perhaps in one place only."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from pytest_cce_precheck._files import read_text
from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.wire.vocabulary import Filter

LEDGER_FILE: Final = "cce-known.toml"
NEEDED: Final = ("code", "reason", "owner", "until")
KEYS: Final = ("code", "where", "reason", "owner", "until", "since", "ticket")
_DAYS: Final = ("until", "since")
_STEP: Final = r'\.\*|\.[^\W\d]\w*|\[\*\]|\[\d+\]|\["[^"]*"\]'
_PATH: Final = re.compile(rf"\$(?:{_STEP})*")
# a finding about every task has [*] in its own path
_WILD: Final = {"[*]": r"\[(?:\d+|\*)\]", ".*": r"(?:\.\w+|\[\"[^\"]*\"\])"}
_HEADER: Final = re.compile(r"^[ \t]*\[\[[ \t]*(?:known|\"known\"|'known')[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True)
class Known(Acceptance):
    """An accepted code that somebody answers for; ``where`` narrows it to a place.

    That is a JSON path (``$.items[*].status.riskList``; ``[*]`` is any index, ``.*`` any field), or what the finding
    is about: a filter (``task_id``), a field, or a filter and another word (``type: a Range``).
    """

    where: str
    owner: str
    since: date | None
    ticket: str

    @classmethod
    def checked(
        cls, code: str, reason: str, until: date, *, owner: str, where: str = "", since: date | None = None,
        ticket: str = "",
    ) -> Known:  # fmt: skip
        """Check the values and return an entry; raises `ConfigurationError` that names what is wrong."""
        accepted = Acceptance.of(code, reason, until)
        if not owner.strip():
            raise ConfigurationError(f"accepting {accepted.code} needs an owner: who sees to it that it ends?")
        if since is not None and since > until:
            raise ConfigurationError(f"since {since} is after until {until}: expected an earlier day")
        return cls(accepted.code, accepted.reason, until, _checked_place(where.strip()), owner.strip(), since, ticket)

    @property
    def title(self) -> str:
        """The code, and the place if it is narrowed to one."""
        return f"{self.code} at {self.where}" if self.where else self.code

    @property
    def said(self) -> str:
        """The reason, with who answers for it, the ticket and the last day."""
        return f"{self.reason} ({', '.join(filter(None, [self.owner, self.ticket, f'until {self.until}']))})"

    def matches(self, finding: Finding) -> bool:
        """Whether this is about ``finding``, expired or not."""
        return finding.code == self.code and (not self.where or _is_at(self.where, finding))


@dataclass(frozen=True)
class LedgerResult:
    """Findings sorted by a ledger: those that it accepts, and the rest; its expired entries, and the unused ones."""

    known: tuple[tuple[Finding, Known], ...]
    rest: tuple[Finding, ...]
    expired: tuple[Known, ...]
    unused: tuple[Known, ...]


@dataclass(frozen=True)
class Ledger:
    """The entries, in the order of the file."""

    entries: tuple[Known, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """Load a ledger file; raises `ConfigurationError` that names the file, the entry and the line."""
        return cls.parse(read_text(path, f"the ledger {path}"), str(path))

    @classmethod
    def parse(cls, text: str, name: str = LEDGER_FILE) -> Ledger:
        """Parse a ledger's text; ``name`` is its name in messages."""
        try:
            document = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigurationError(f"{name} is not valid TOML: {error}") from None
        for key in document:
            if key != "known":
                raise ConfigurationError(
                    f"{name} has the unknown key {key!r}; expected [[known]] tables{did_you_mean(key, ['known'])}"
                )
        tables = document.get("known", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise ConfigurationError(f"{name}: known is not a list of tables; write each entry under [[known]]")
        entries: list[Known] = []
        for table, place in zip(tables, _places(text, name, len(tables)), strict=True):
            try:
                entry = _entry(table)
                for number, other in enumerate(entries, 1):
                    if (other.code, other.where) == (entry.code, entry.where):
                        raise ConfigurationError(
                            f"{entry.title} is known from entry {number} already: keep one of the two"
                        )
            except ConfigurationError as error:
                raise ConfigurationError(f"{place}: {error}") from None
            entries.append(entry)
        return cls(tuple(entries))

    def apply(self, findings: Iterable[Finding], today: date) -> LedgerResult:
        """Sort findings by the entries; if several cover one, the first counts."""
        known, rest = [], []
        used: set[Known] = set()
        for finding in findings:
            matching = [entry for entry in self.entries if entry.matches(finding)]
            used.update(matching)
            covering = next((entry for entry in matching if not entry.expired(today)), None)
            if covering is not None:
                known.append((finding, covering))
            else:
                rest.append(finding)
        expired = tuple(entry for entry in self.entries if entry.expired(today))
        unused = tuple(entry for entry in self.entries if entry not in {*used, *expired})
        return LedgerResult(tuple(known), tuple(rest), expired, unused)


def find_ledger(given: str | None, root: Path) -> Path | None:
    """Return the ledger's file: the one ``given``, from ``root``, else ``cce-known.toml`` there if it exists."""
    path = root / (given or LEDGER_FILE)
    # a file of this name that cannot be read must not be ignored
    return path if given or os.path.lexists(path) else None


def known_failures(given: str | None, root: Path) -> tuple[Known, ...]:
    """Return the entries of the ledger that `find_ledger` finds; none if there is no file."""
    path = find_ledger(given, root)
    return Ledger.read(path).entries if path else ()


def _places(text: str, name: str, number: int) -> Iterator[str]:
    lines = [text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)]
    # with a header in a comment or a string, or entries written as one array, no line is better than a wrong one
    known = len(lines) == number
    yield from (f"{name}, entry {n + 1}" + (f" (line {lines[n]})" if known else "") for n in range(number))


def _entry(table: Mapping[str, Any]) -> Known:
    for key in table:
        if key not in KEYS:
            raise ConfigurationError(
                f"unknown key {key!r}; an entry may have {', '.join(KEYS)}{did_you_mean(key, KEYS)}"
            )
    missing = [key for key in NEEDED if key not in table]
    if missing:
        raise ConfigurationError(f"{' and '.join(missing)} missing; an entry needs {', '.join(NEEDED)}")
    values: dict[str, Any] = {key: day(value, key) if key in _DAYS else value for key, value in table.items()}
    for key, value in values.items():
        if key not in _DAYS and not isinstance(value, str):
            raise ConfigurationError(f"{key} is {value!r}: expected a text")
    return Known.checked(**values)


def day(value: Any, name: str) -> date:
    """Return a date, given as such or as YYYY-MM-DD; raises `ConfigurationError`."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ConfigurationError(f"{name} is {str(value)!r}: expected a day as YYYY-MM-DD")


def _checked_place(where: str) -> str:
    if where.startswith("$"):
        if not _PATH.fullmatch(where):
            raise ConfigurationError(
                f'where {where!r} is not a JSON path: expected $ and steps such as .items, [*], [3], .* or ["a b"]'
            )
    elif where.startswith((".", "[")) or "[*]" in where:
        raise ConfigurationError(f"where {where!r} is not a JSON path: one starts with $, as in $.items[*].status")
    name, colon, _ = where.partition(": ")
    if colon and not where.startswith("$") and name not in set(Filter):
        filters = [str(each) for each in Filter]
        hint = f"expected one of {', '.join(filters)}{did_you_mean(name, filters)}"
        raise ConfigurationError(f"where {where!r}: {name!r} is not a filter; {hint}")
    return where


def _is_at(where: str, finding: Finding) -> bool:
    if where.startswith("$"):
        steps = (_WILD.get(step, re.escape(step)) for step in re.findall(_STEP, where))
        return re.fullmatch(r"\$" + "".join(steps), finding.path) is not None
    name, colon, rest = where.partition(": ")
    return where in finding.subject or (bool(colon) and {name, rest} <= set(finding.subject))
