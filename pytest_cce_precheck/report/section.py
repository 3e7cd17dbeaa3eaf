"""The section at the end of a run, for a person: what was checked, what failed, what is open."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.clock import in_words, skew_of
from pytest_cce_precheck.contract.replica_lag import may_be_replicas
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.report.conclusion import TITLES
from pytest_cce_precheck.report.record import how_asked, number_of
from pytest_cce_precheck.report.text import headline, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cce_precheck.contract.causes import Cause
    from pytest_cce_precheck.report.record import Place, RunRecord

_SHOWN_INCONCLUSIVE: Final = 5
_SHOWN_CREATED: Final = 10
_SHOWN_CAUSES: Final = 50


def lines(record: RunRecord) -> Iterable[str]:
    """Write the section for a person: the verdict, what was checked, what failed, what is open."""
    yield one_line(record.headline)
    yield how_asked(record.to_dict())
    for name, place in record.places.items():
        yield from _place_lines(name, place, record.mode)
    yield from _simulated_lines(record)
    yield from _recorded_lines(record.recorded)
    yield from _cassette_lines(list(record.cassettes.values()), datetime.now(UTC))
    yield from _example_lines(record)
    yield from _cause_lines(record.causes)
    for finding in record.of_verdict("accepted"):
        yield f"  accepted: {finding['code']} {one_line(finding['message'])} - {one_line(finding['reason'])}"
    for finding in record.of_verdict("caught"):
        yield f"  not counted, its test did not fail: {finding['code']} {one_line(finding['message'])}"
    yield from _shown_lines(record)
    for question, behaviours in sorted(record.observations.items()):
        yield f"  left open by the contract: {question} is answered with {' or '.join(sorted(behaviours))}"
    for title, places in (("accepted but never met", record.unmet), ("accepted no longer", record.expired)):
        if places:
            yield f"  {title}: {', '.join(places)}"
    yield from _created_lines(record.places)
    yield from _how_far(record)


def _shown_lines(record: RunRecord) -> Iterable[str]:
    # with --cce-fail-on=never the errors are named as causes already
    named = record.breaking
    notes = Counter(
        (finding["code"], finding["severity"]) for finding in record.of_verdict("shown") if finding not in named
    )
    for (code, severity), number in sorted(notes.items()):
        times = f" ({number})" if number > 1 else ""
        yield f"  {severity}: {code} {rules()[code].title}{times}"


def _simulated_lines(record: RunRecord) -> Iterable[str]:
    """Name the tests that used the simulator although the run is not simulated."""
    names = [test.nodeid for test in record.tests if test.on_simulator]
    if names:
        more = f", and {len(names) - _SHOWN_INCONCLUSIVE} more" if len(names) > _SHOWN_INCONCLUSIVE else ""
        yield (
            f"  {number_of(len(names), 'test')} ran on the simulator, not on {record.service}:"
            f" {', '.join(map(one_line, names[:_SHOWN_INCONCLUSIVE]))}{more}"
        )


def _cause_lines(groups: Sequence[tuple[Cause, Sequence[str]]]) -> Iterable[str]:
    for group, at in groups[:_SHOWN_CAUSES]:
        yield f"  {headline(group.finding)}" + (f" (on {', '.join(at)})" if at != [""] else "")
        if group.consequences:
            codes = ", ".join(dict.fromkeys(each.code for each in group.consequences))
            yield f"    and {len(group.consequences)} more that follow from it ({codes})"
    if len(groups) > _SHOWN_CAUSES:
        yield f"  … and {len(groups) - _SHOWN_CAUSES} more causes, in --cce-report=FILE.json"


def _place_lines(name: str, place: Place, mode: str) -> Iterable[str]:
    told = []
    if place.renewed:
        told.append(f"{number_of(place.renewed, 'token')} renewed")
    skew = skew_of(place.ahead)
    if skew is not None:
        told.append(in_words(skew))
    if 0 < place.behind <= place.lag:
        told.append(f"replicas lagged by up to {place.behind:.1f} s, of the {place.lag} s allowed for (--cce-lag)")
    elif place.behind > place.lag and Mode(mode).is_real:
        told.append(may_be_replicas(place.behind))
    if not name:
        yield from (f"  {each}" for each in told)
    else:
        retried = f" ({place.retried} retries)" if place.retried else ""
        where = f"{place.service}, cluster {place.cluster}: {number_of(place.requests, 'request')}{retried}"
        yield f"  {name}: {'; '.join([where, *told])}"
        yield f"    {TITLES[place.verdict]}: {one_line(place.reason)}"


def _created_lines(places: Mapping[str, Place]) -> Iterable[str]:
    for name, place in places.items():
        number = len(place.created)
        if number:
            tasks = "1 task, which stays" if number == 1 else f"{number} tasks, which stay"
            yield f"  created {f'on {name} ' if name else ''}{tasks} listed until expired:"
            yield from (
                f"    {one_line(each['task_id'])} ({one_line(each['type'])}, instance {one_line(each['instance_id'])})"
                for each in place.created[:_SHOWN_CREATED]
            )
        if number > _SHOWN_CREATED:
            yield f"    … and {number - _SHOWN_CREATED} more, in --cce-report=FILE.json"


def _recorded_lines(recorded: Mapping[str, str]) -> Iterable[str]:
    """Say how many cassettes were written, and which tests left theirs as it was."""
    left = [nodeid for nodeid, what in recorded.items() if what == "left"]
    written = len(recorded) - len(left)
    if written:
        yield f"  {number_of(written, 'cassette')} written"
    for nodeid in left[:_SHOWN_INCONCLUSIVE]:
        yield f"  not recorded, since it failed, and not for an answer: {nodeid}"
    if len(left) > _SHOWN_INCONCLUSIVE:
        yield f"  … and {len(left) - _SHOWN_INCONCLUSIVE} more"


def _cassette_lines(cassettes: Sequence[Mapping[str, Any]], now: datetime) -> Iterable[str]:
    """Say how old the recordings are, and what of them nobody asked for."""
    if not cassettes:
        return
    recorded = sorted((datetime.fromisoformat(each["recorded_at"]), each["name"]) for each in cassettes)
    oldest, name = recorded[0]
    days = (now - oldest).days
    age = "today" if days < 1 else f"{number_of(days, 'day')} ago ({name})"
    endpoints = ", ".join(sorted({each["endpoint"] for each in cassettes}))
    yield f"  {number_of(len(cassettes), 'cassette')} of {endpoints}, the oldest recorded {age}"
    left = [each for each in cassettes if each["unused"]]
    if left:
        unused, where = sum(each["unused"] for each in left), left[0]["name"]
        others = f" and {len(left) - 1} more" if len(left) > 1 else ""
        yield (
            f"  {unused} of their {sum(each['recordings'] for each in cassettes)} recordings"
            f" {'were' if unused > 1 else 'was'} not used ({where}{others})"
        )
    classes = {name for each in cassettes for name in each["classes"]}
    if classes:
        yield f"  what was drawn from covers {len(classes)} classes of filter values"


def _example_lines(record: RunRecord) -> Iterable[str]:
    """Write how many examples of hypothesis tests listed a task, and which test has seen none."""
    counts = record.examples.values()
    if counts:
        listed, number = sum(each["listed"] for each in counts), sum(each["examples"] for each in counts)
        yield f"  {listed} of {number_of(number, 'example')} listed a task"
    nothing = record.looked_at_nothing
    for nodeid in nothing[:_SHOWN_INCONCLUSIVE]:
        yield f"  no example listed a task, so it has looked at none: {nodeid}"
    if len(nothing) > _SHOWN_INCONCLUSIVE:
        yield f"  … and {len(nothing) - _SHOWN_INCONCLUSIVE} more"


def _how_far(record: RunRecord) -> Iterable[str]:
    not_reached = sorted(record.not_reached - record.reached)
    if record.reached:
        rest = f"{', '.join(not_reached[:4])}{', …' if len(not_reached) > 4 else ''}"
        complete = all(check.state != "not-judged" for check in record.checks)
        why = "others are beyond --cce-budget" if complete else "others were not"
        beyond = f"; {len(not_reached)} {why}: {rest}" if not_reached else ""
        yield f"  {len(record.reached)} classes of filter values reached{beyond}"
    for each in record.not_asked:
        yield f"  not asked for: {one_line(each)}"
    if record.inconclusive:
        yield f"  inconclusive, neither passed nor failed: {len(record.inconclusive)}"
        yield from (f"    {each}" for each in record.inconclusive[:_SHOWN_INCONCLUSIVE])
        if len(record.inconclusive) > _SHOWN_INCONCLUSIVE:
            yield f"    … and {len(record.inconclusive) - _SHOWN_INCONCLUSIVE} more"
