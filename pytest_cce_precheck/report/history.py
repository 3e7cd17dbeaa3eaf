"""The result of each check in each run, in an SQLite file that several runs may write to at once.

It shows how reliable each check is: how often it had a verdict, and how often the same.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck._files import refuse_odd
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Result = Literal["passed", "failed", "inconclusive", "skipped"]

VERSION: Final = 1
KEPT: Final = 10_000
# "CCEh": SQLite's header names the application that a file belongs to
_APPLICATION: Final = 0x43434568
_SECONDS: Final = 30.0
_TABLE: Final = """
CREATE TABLE outcome (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, at TEXT NOT NULL, test TEXT NOT NULL, mode TEXT NOT NULL,
    endpoint TEXT NOT NULL, cluster TEXT NOT NULL, result TEXT NOT NULL, codes TEXT NOT NULL,
    requests INTEGER, retried INTEGER, seconds REAL NOT NULL
)
"""
_INDEX: Final = "CREATE INDEX outcome_of_test ON outcome (test, id)"


@dataclass(frozen=True)
class CheckOutcome:
    """The result of one check in one run.

    ``at`` is when the run began (ISO 8601, UTC), ``codes`` are those that failed the check, separated by blanks;
    ``requests`` and ``retried`` are None if they were not counted.
    """

    run: str
    at: str
    test: str
    mode: str
    endpoint: str
    cluster: str
    result: Result
    codes: str
    requests: int | None
    retried: int | None
    seconds: float


_COLUMNS: Final = ", ".join(field.name for field in fields(CheckOutcome))
_MARKS: Final = ", ".join("?" for _ in fields(CheckOutcome))


def prepare(path: Path) -> None:
    """Create the file if it is missing; raises `ConfigurationError` if a run could not write its outcomes there."""
    with _opened(path) as connection:
        _create(connection)


def append(path: Path, outcomes: Iterable[CheckOutcome]) -> None:
    """Write the outcomes of a run, all or none; of each test only the newest `KEPT` are kept."""
    rows = list(outcomes)
    tests = sorted({row.test for row in rows})
    with _opened(path) as connection:
        _create(connection)
        # commits, or rolls back if an exception is raised
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                f"INSERT INTO outcome ({_COLUMNS}) VALUES ({_MARKS})",  # noqa: S608  our own columns
                map(astuple, rows),
            )
            connection.executemany(
                "DELETE FROM outcome WHERE test = ? AND id <="
                " (SELECT id FROM outcome WHERE test = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                [(test, test, KEPT) for test in tests],
            )


def latest(path: Path, last: int) -> tuple[CheckOutcome, ...]:
    """Return the newest ``last`` outcomes of each test on each target, the oldest first, without skipped tests.

    Raises `ConfigurationError` if there is no history.
    """
    if not path.exists():
        raise ConfigurationError(f"there is no history {path}; pytest --cce-history={path} begins one")
    with _opened(path) as connection:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM (SELECT *, row_number() OVER"  # noqa: S608  our own columns
            " (PARTITION BY test, mode, endpoint, cluster ORDER BY id DESC) AS age"
            " FROM outcome WHERE result != 'skipped') WHERE age <= ? ORDER BY id",
            (last,),
        )
        return tuple(CheckOutcome(*row) for row in rows)


def latest_runs(path: Path, last: int) -> tuple[dict[str, Any], ...]:
    """Return the newest ``last`` runs of all, the oldest first: when, and how many tests had which result."""
    with _opened(path) as connection:
        rows = connection.execute(
            "SELECT run, min(at), count(*), sum(result = 'failed'), sum(result = 'inconclusive') FROM outcome"
            " WHERE result != 'skipped' GROUP BY run ORDER BY max(id) DESC LIMIT ?",
            (last,),
        )
        names = ("run", "at", "tests", "failed", "inconclusive")
        return tuple(dict(zip(names, row, strict=True)) for row in rows)[::-1]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    refuse_odd(path, f"the history {path}")
    if not path.parent.is_dir():
        raise ConfigurationError(f"the history {path} cannot be written: there is no folder {path.parent}")
    try:
        new = not path.exists() or not path.stat().st_size
        with closing(sqlite3.connect(path, timeout=_SECONDS, isolation_level=None)) as connection:
            if not new:
                _refuse_foreign(connection, path)
            yield connection
    except (OSError, sqlite3.DatabaseError) as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
            raise ConfigurationError(f"{path} is not a history, nor an SQLite file at all: name another file") from None
        raise ConfigurationError(f"the history {path} cannot be used: {error}") from None


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION:
        raise ConfigurationError(f"{path} is another program's SQLite file, not a history: name another file")
    if version != VERSION:
        raise ConfigurationError(
            f"the history {path} has version {version}, expected {VERSION}: upgrade this tool, or begin another file"
        )


def _create(connection: sqlite3.Connection) -> None:
    """Create the table if the file is new; another run may be about to do the same."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            connection.execute(_TABLE)
            connection.execute(_INDEX)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # this needs the file alone and does not always wait for it; the next run will do it
            if error.sqlite_errorname != "SQLITE_BUSY":
                raise


_ROW: Final = "  {runs:>5} {failed:>7} {inconclusive:>9} {flips:>6} {decided:>9} {agreeing:>6}  {last:<12} {test}"
_TARGET: Final = ("mode", "endpoint", "cluster")


def reliability(path: Path, *, last: int = 50) -> list[dict[str, Any]]:
    """Judge each check on each target by its ``last`` runs, the least reliable first; skipped runs do not count.

    ``flips`` counts how often a verdict differed from the one before it; runs without a verdict in between do not
    count. ``decided`` is the share of runs with a verdict, ``agreeing`` the share of these with the most frequent
    verdict, and ``reliability`` the share of all runs with that verdict. The last two are None without any verdict.
    Raises `ConfigurationError` if there is no history.
    """
    groups: dict[tuple[str, ...], list[CheckOutcome]] = {}
    for outcome in latest(path, last):
        groups.setdefault((outcome.test, outcome.mode, outcome.endpoint, outcome.cluster), []).append(outcome)
    judged = []
    for about, group in groups.items():
        verdicts = [outcome.result for outcome in group if outcome.result in ("passed", "failed")]
        majority = max(Counter(verdicts).values(), default=0)
        judged.append(
            {
                **dict(zip(("test", *_TARGET), about, strict=True)),
                "runs": len(group),
                "failed": verdicts.count("failed"),
                "inconclusive": sum(outcome.result == "inconclusive" for outcome in group),
                "flips": sum(one != other for one, other in pairwise(verdicts)),
                "decided": len(verdicts) / len(group),
                "agreeing": majority / len(verdicts) if verdicts else None,
                "reliability": majority / len(group) if verdicts else None,
                "last": group[-1].result,
                "last_at": group[-1].at,
                "codes": sorted({code for outcome in group for code in outcome.codes.split()}),
            }
        )
    return sorted(judged, key=lambda each: (each["reliability"] or 0, -each["flips"], each["test"], each["mode"]))


def as_table(judged: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table for each target, with a row for each check."""
    if not judged:
        yield "the history holds no run yet"
    target = itemgetter(*_TARGET)
    for (mode, endpoint, cluster), rows in groupby(sorted(judged, key=target), key=target):
        yield one_line(f"{mode}: {endpoint}" + (f", cluster {cluster}" if cluster else ""))
        yield f"  {'runs':>5} {'failed':>7} {'inconcl.':>9} {'flips':>6} {'verdicts':>9} {'agree':>6}  last"
        for row in rows:
            shares = {name: _percent(row[name]) for name in ("decided", "agreeing")}
            codes = f" ({', '.join(row['codes'])})" if row["codes"] else ""
            yield one_line(_ROW.format(**{**row, **shares}) + codes)


def _percent(share: float | None) -> str:
    # 99.9 % is not shown as 100 %
    return "-" if share is None else f"{min(round(share * 100), 99 if share < 1 else 100)}%"
