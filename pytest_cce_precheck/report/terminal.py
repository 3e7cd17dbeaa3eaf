"""The lines that the end of a run prints: the verdict, what was checked, what failed, what is unspecified."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import columns_of, count_of, padded
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.clock import in_words
from pytest_cce_precheck.contract.replica_lag import may_be_replicas
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.report.language import in_language, line_in, reason_in, table
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.report.verdict import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.report.record import RecordedCause, ResponseTimes, RunRecord, TargetResult

_SHOWN: Final = 5
_SHOWN_TASKS: Final = 10
_SHOWN_CAUSES: Final = 50
_IN_THE_REPORT: Final = ", in --cce-report=FILE.json"


def lines(record: RunRecord) -> Iterable[str]:
    """Return the lines of the section of a run, harmless for a terminal: any of its texts may be a service's."""
    # in English in any language: programs read it
    yield one_line(record.headline)
    if record.language == "zh":
        yield from map(one_line, _headline_in_chinese(record))
    yield from (one_line(line_in(line, record.language)) for line in _lines(record))


def _lines(record: RunRecord) -> Iterable[str]:
    yield record.how_asked
    for name, target in record.targets.items():
        yield from _target_lines(name, target, record.mode)
    yield from _where_lines(record)
    yield from _cassette_lines(record.cassettes, datetime.now(UTC))
    yield from _example_lines(record.examples)
    for cause in record.causes[:_SHOWN_CAUSES]:
        yield from _cause_lines(cause, record)
    if len(record.causes) > _SHOWN_CAUSES:
        yield f"  … and {len(record.causes) - _SHOWN_CAUSES} more causes{_IN_THE_REPORT}"
    for finding in record.of_verdict("accepted"):
        yield f"  accepted: {finding['code']} {finding['message']} - {finding['reason']}"
    for finding in record.of_verdict("caught"):
        yield f"  not counted, its test did not fail: {finding['code']} {finding['message']}"
    yield from _shown_lines(record)
    yield from _observation_lines(record)
    for title, acceptances in (("unused", record.acceptances_never_met), ("expired", record.acceptances_expired)):
        yield from (f"  {title} acceptance: {each}" for each in acceptances)
    for name, target in record.targets.items():
        yield from _created_lines(name, target.created)
        yield from _times_lines(name, target.response_times, record.language)
    yield from _coverage_lines(record)


def _headline_in_chinese(record: RunRecord) -> Iterable[str]:
    words, reason = table("page/words.toml"), reason_in(record.reason, "zh")
    title = [words[record.verdict][1]] if record.suite or record.verdict != "incomplete" else []
    said = [*title, *([reason] if reason != record.reason else [])]
    if said:
        yield words["colon"][1].join(said)


def _first(texts: Sequence[str], most: int = _SHOWN, rest: str = "") -> Iterable[str]:
    """Yield the first of some lines, and count the others."""
    yield from texts[:most]
    if len(texts) > most:
        indent = " " * (len(texts[0]) - len(texts[0].lstrip()))
        yield f"{indent}… and {len(texts) - most} more{rest}"


def _target_lines(name: str, target: TargetResult, mode: str) -> Iterable[str]:
    facts = []
    if target.tokens_renewed:
        facts.append(f"{count_of(target.tokens_renewed, 'token')} renewed")
    if target.clock_skew is not None:
        facts.append(in_words(target.clock_skew))
    if 0 < target.seconds_behind <= target.lag:
        facts.append(
            f"replicas lagged by up to {target.seconds_behind:.1f} s, of the {target.lag} s allowed for (--cce-lag)"
        )
    elif target.seconds_behind > target.lag and Mode(mode).is_real:
        facts.append(may_be_replicas(target.seconds_behind))
    if not name:
        yield from (f"  {each}" for each in facts)
    else:
        retried = f" ({target.retried} retries)" if target.retried else ""
        called = f"{target.service}, cluster {target.cluster}: {count_of(target.requests, 'request')}{retried}"
        yield f"  {name}: {'; '.join([called, *facts])}"
        yield f"    {TITLES[target.verdict]}: {target.reason}"


def _where_lines(record: RunRecord) -> Iterable[str]:
    names = [test.nodeid for test in record.tests if test.on_simulator]
    if names:
        ran = f"{count_of(len(names), 'test')} ran on the simulator, not on {record.service}"
        more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield f"  {ran}: {', '.join(names[:_SHOWN])}{more}"
    if record.recorded:
        yield f"  {count_of(len(record.recorded), 'cassette')} written"
    why = "not recorded, because it failed for another reason than an answer"
    yield from _first([f"  {why}: {nodeid}" for nodeid in record.not_recorded])


def _cassette_lines(cassettes: Sequence[Mapping[str, Any]], now: datetime) -> Iterable[str]:
    if not cassettes:
        return
    oldest, name = min((datetime.fromisoformat(each["recorded_at"]), each["name"]) for each in cassettes)
    days = (now - oldest).days
    age = "today" if days < 1 else f"{count_of(days, 'day')} ago ({name})"
    endpoints = ", ".join(sorted({each["endpoint"] for each in cassettes}))
    yield f"  {count_of(len(cassettes), 'cassette')} of {endpoints}, the oldest recorded {age}"
    left = [each for each in cassettes if each["unused"]]
    if left:
        unused, recordings = (sum(each[key] for each in cassettes) for key in ("unused", "recordings"))
        others = f" and {len(left) - 1} more" if len(left) > 1 else ""
        was = "were" if unused > 1 else "was"
        yield f"  {unused} of their {recordings} recordings {was} not used ({left[0]['name']}{others})"
    classes = {name for each in cassettes for name in each["classes"]}
    if classes:
        yield f"  the cassettes drawn from cover {len(classes)} classes of filter values"


def _example_lines(examples: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if examples:
        listed, number = (sum(each[key] for each in examples) for key in ("listed", "examples"))
        yield f"  {listed} of {count_of(number, 'example')} listed a task"
    without = [each["test"] for each in examples if not each["listed"]]
    yield from _first([f"  no example listed a task, so none was checked: {test}" for test in without])


def _cause_lines(cause: RecordedCause, record: RunRecord) -> Iterable[str]:
    where = "" if cause.targets == ("",) else f" (on {', '.join(cause.targets)})"
    code = cause.finding["code"]
    yield f"  {code} {line_in(cause.finding['message'], record.language)}{where}"
    if record.language == "zh":
        yield "    {fact}。{expected}".format(**in_language(rules()[code], record.language))
    if cause.consequences:
        codes = ", ".join(dict.fromkeys(cause.consequences))
        yield f"    and {len(cause.consequences)} more that follow from it ({codes})"
    if "rerun" in cause.finding:
        yield f"    ask again: {record.command_to_ask_again(cause.finding['rerun'])}"


def _shown_lines(record: RunRecord) -> Iterable[str]:
    # with --cce-fail-on=never the errors are among the causes already
    left_out = "error" if record.fail_on == "never" else ""
    shown = [finding for finding in record.of_verdict("shown") if finding["severity"] != left_out]
    for (code, severity), number in sorted(Counter((each["code"], each["severity"]) for each in shown).items()):
        times = f" ({number})" if number > 1 else ""
        yield f"  {severity}: {code} {in_language(rules()[code], record.language)['fact']}{times}"


def _observation_lines(record: RunRecord) -> Iterable[str]:
    for question, behaviours in record.observations.items():
        yield f"  unspecified by the contract: {question} is answered with {' or '.join(behaviours)}"


def _created_lines(name: str, created: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if created:
        number = "1 task, which stays" if len(created) == 1 else f"{len(created)} tasks, which stay"
        yield f"  created {f'on {name} ' if name else ''}{number} listed until expired:"
    tasks = ["    {task_id} ({type}, instance {instance_id})".format(**each) for each in created]
    yield from _first(tasks, _SHOWN_TASKS, _IN_THE_REPORT)


def _times_lines(name: str, times: Sequence[ResponseTimes], language: Language) -> Iterable[str]:
    if times:
        whose = f" of {name}" if name else ""
        yield f"  response times{whose} in seconds (median, 95%, 99%, longest; retries not counted):"
    # the columns are those of the translated kinds, which are of another width
    kinds = [line_in(each.kind, language) for each in times]
    width = max(map(columns_of, kinds), default=0)
    for each, kind in zip(times, kinds, strict=True):
        shown = "  ".join(f"{value:.3f}" for value in (each.median, each.p95, each.p99, each.longest))
        yield f"    {padded(kind, width)}  {shown}  of {count_of(each.answers, 'answer')}"


def _coverage_lines(record: RunRecord) -> Iterable[str]:
    if any(each.times for each in record.proved.values()):
        yield f"  proved: {', '.join(f'{each.ratio} {kind}' for kind, each in record.proved.items())}"
        yield from (f"    required and not proved: {each}" for each in record.not_proved)
    not_reached = record.classes_not_reached
    if record.classes_reached:
        complete = all(check.state != "not-judged" for check in record.checks)
        why = "others are beyond --cce-budget" if complete else "others were not"
        rest = f"{', '.join(not_reached[:4])}{', …' if len(not_reached) > 4 else ''}"
        beyond = f"; {len(not_reached)} {why}: {rest}" if not_reached else ""
        yield f"  {len(record.classes_reached)} classes of filter values reached{beyond}"
    for each in record.not_asked_for:
        yield f"  not asked for: {each}"
    if record.inconclusive:
        yield f"  inconclusive, neither passed nor failed: {len(record.inconclusive)}"
        yield from _first([f"    {each}" for each in record.inconclusive])
