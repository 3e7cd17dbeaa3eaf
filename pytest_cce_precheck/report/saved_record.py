"""The record of a run, made again from its JSON report; several, such as those of shards, are merged to one."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.proved import Proved
from pytest_cce_precheck.report.record import ResponseTimes, RunRecord, ShippedCheck, TargetResult, TestResult
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.verdict import conclude

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cce_precheck.report.saved import SavedReport

Loaded = TypeVar("Loaded")

# from the best to the worst
_STATES: Final = ("judged", "not-asked-for", "not-judged")
# of two records, what is added, and what is united
_LISTS: Final = (
    *("tests", "checks", "findings", "combinations", "timeline", "lives", "cassettes", "examples"),
    "classes_not_reached",
)
_SETS: Final = ("acceptances_expired", "acceptances_never_met", "inconclusive", "classes_reached", "recorded")
_SUMS: Final = ("requests", "tried", "retried", "answered", "tokens_renewed", "created")


def record_of(report: SavedReport) -> RunRecord:
    """Return the record that a report was written from; raises `ConfigurationError` if the report is not complete."""
    document = report.document
    try:
        given = document.get("targets")
        targets = {each["name"]: _target(each) for each in given} if given else {"": _target(document)}
        record = RunRecord(
            **{
                **_known(RunRecord, document),
                "targets": targets,
                "started": datetime.fromisoformat(document["started"]).astimezone(UTC),
                "tests": tuple(_of(TestResult, each) for each in document["tests"]),
                "checks": tuple(_of(ShippedCheck, each) for each in document["checks"]),
                "proved": {kind: _of(Proved, each) for kind, each in document["proved"].items()},
                "observations": {name: tuple(each) for name, each in document["observations"].items()},
            }
        )
        return conclude_again(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{report.name} is not a complete report of a run: {error!r}") from None


def conclude_again(record: RunRecord) -> RunRecord:
    """Return a record with its causes; its verdict, reason and headline stay."""
    concluded = conclude(record, "", record.exit_status)
    return replace(record, causes=concluded.causes, warnings=concluded.warnings)


def merged(reports: Sequence[SavedReport]) -> RunRecord:
    """Return one record of several runs: of shards of one suite, or of several targets.

    Runs without a file of targets that asked different services are named by their files. Raises `ConfigurationError`
    if the runs were in different modes.
    """
    records = [record_of(each) for each in reports]
    modes = sorted({record.mode for record in records})
    if len(modes) > 1:
        raise ConfigurationError(f"runs in mode {' and '.join(modes)} cannot be merged to one: give those of one mode")
    plain = {(each.service, each.cluster) for record in records if (each := record.targets.get("")) is not None}
    if len(plain) > 1 or (plain and any("" not in record.targets for record in records)):
        names = [Path(report.name).stem for report in reports]
        names = names if len(set(names)) == len(names) else [report.name for report in reports]
        records = [_named(record, name) for record, name in zip(records, names, strict=True)]
    record = reduce(_joined, records)
    # that a shard alone was incomplete is no failure; that it was interrupted, or a test failed, is one
    failed = any(test.outcome in ("failed", "error") for test in record.tests)
    return conclude(record, "", max([int(failed), *(each.exit_status for each in records if each.exit_status > 1)]))


def _known(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: tuple(each) if isinstance(each, list) else each for name, each in data.items() if name in names}


def _of(kind: type[Loaded], data: Mapping[str, Any]) -> Loaded:
    return kind(**_known(kind, data))


def _target(data: Mapping[str, Any]) -> TargetResult:
    times = tuple(_of(ResponseTimes, each) for each in data["response_times"])
    return TargetResult(**{**_known(TargetResult, data), "response_times": times})


def _named(record: RunRecord, name: str) -> RunRecord:
    if "" not in record.targets:
        return record
    return replace(
        record,
        targets={name: record.targets[""]},
        tests=tuple(replace(each, target=name) for each in record.tests),
        checks=tuple(replace(each, target=name) for each in record.checks),
        findings=tuple({**each, "targets": [name]} for each in record.findings),
    )


def _joined(one: RunRecord, other: RunRecord) -> RunRecord:
    both: dict[str, Any] = {name: (*getattr(one, name), *getattr(other, name)) for name in (*_LISTS, *_SETS)}
    both |= {name: tuple(dict.fromkeys(both[name])) for name in _SETS}
    best: dict[tuple[str, str], ShippedCheck] = {}
    for check in sorted((*one.checks, *other.checks), key=lambda check: -_STATES.index(check.state)):
        best[check.name, check.target] = check
    return replace(
        one,
        targets={**one.targets, **{name: _both(one.targets.get(name), each) for name, each in other.targets.items()}},
        started=min(one.started, other.started),
        duration=one.duration + other.duration,
        suite=one.suite or other.suite,
        settings={**other.settings, **one.settings},
        accepted={**one.accepted, **other.accepted},
        proved={kind: _both_proved(each, other.proved.get(kind)) for kind, each in one.proved.items()},
        observations={
            each: tuple(sorted({*one.observations.get(each, ()), *other.observations.get(each, ())}))
            for each in sorted({*one.observations, *other.observations})
        },
        runs=one.runs or other.runs,
        **{
            **both,
            "checks": tuple(best[each] for each in dict.fromkeys((c.name, c.target) for c in both["checks"])),
            "findings": tuple(merged_findings(both["findings"])),
            "combinations": summed_combinations(both["combinations"]),
            "classes_not_reached": tuple(sorted({*both["classes_not_reached"]} - {*both["classes_reached"]})),
        },
    )


def _both(one: TargetResult | None, other: TargetResult) -> TargetResult:
    if one is None:
        return other
    sums: dict[str, Any] = {name: getattr(one, name) + getattr(other, name) for name in _SUMS}
    return replace(
        one,
        listed=one.listed or other.listed,
        refused=one.refused if other.refused else None,
        seconds_behind=max(one.seconds_behind, other.seconds_behind),
        # percentiles of two runs do not add up
        response_times=one.response_times or other.response_times,
        not_asked_for=tuple(each for each in one.not_asked_for if each in other.not_asked_for),
        **sums,
    )


def merged_findings(findings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Merge findings that say the same: how often they were made, and on which targets."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for data in findings:
        # one fact may fail in one test and be accepted in another
        merged = found.setdefault((data["verdict"], *as_finding(data).identity), {**data, "times": 0})
        merged["times"] += data["times"]
        if "targets" in data:
            merged["targets"] = list(dict.fromkeys((*merged.get("targets", ()), *data["targets"])))
    return list(found.values())


def summed_combinations(combinations: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Add up how often the same classes were asked together, sorted by them."""
    found: dict[tuple[tuple[str, str], ...], list[int]] = defaultdict(lambda: [0, 0])
    for data in combinations:
        total = found[tuple(sorted(data["classes"].items()))]
        total[0] += data["judged"]
        total[1] += data["red"]
    return tuple(
        {"classes": dict(classes), "judged": judged, "red": red} for classes, (judged, red) in sorted(found.items())
    )


def _both_proved(one: Proved, other: Proved | None) -> Proved:
    if other is None:
        return one
    times = Counter(one.times) + Counter(other.times)
    nothing = [name for name in dict.fromkeys((*one.nothing, *other.nothing)) if name not in times]
    left = [name for name in dict.fromkeys((*one.not_asked, *other.not_asked)) if name not in times]
    return Proved(dict(times), tuple(nothing), tuple(name for name in left if name not in nothing))
