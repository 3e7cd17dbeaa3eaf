"""The section at the end of a run, for a person: what was checked, what failed, what is open."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.causes import Cause, causes
from pytest_cce_precheck.contract.clock import in_words, skew_of
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.contract.settling import may_be_replicas
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.text import headline, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cce_precheck.report.summary import Place, Summary

_SHOWN_INCONCLUSIVE: Final = 5
_SHOWN_CREATED: Final = 10
_SHOWN_CAUSES: Final = 50


def lines(summary: Summary) -> Iterable[str]:
    """Write the section for a person: what was checked, what failed, what is open."""
    simulated = "" if summary.mode in ("live", "record") else " (no real service was contacted)"
    retried = f", {summary.retried} of them retries" if summary.retried else ""
    yield f"mode {summary.mode}: {summary.service}{simulated}" + (
        f", {_number(summary.requests, 'request')}{retried}, seed {summary.seed}" if summary.requests else ""
    )
    for name, place in summary.places.items():
        yield from _place_lines(name, place, summary.mode)
    yield from _recorded_lines(summary.recorded)
    yield from _cassette_lines(list(summary.cassettes.values()), datetime.now(UTC))
    yield from _example_lines(summary)
    groups = _groups(summary)
    yield from _cause_lines(groups)
    for finding in summary.of_verdict("accepted"):
        yield f"  accepted: {finding['code']} {one_line(finding['message'])} - {one_line(finding['reason'])}"
    notes = Counter((finding["code"], finding["severity"]) for finding in summary.of_verdict("shown"))
    for (code, severity), number in sorted(notes.items()):
        times = f" ({number})" if number > 1 else ""
        yield f"  {severity}: {code} {rules()[code].title}{times}"
    for question, behaviours in sorted(summary.observations.items()):
        yield f"  left open by the contract: {question} is answered with {' or '.join(sorted(behaviours))}"
    for title, places in (("accepted but never met", summary.unmet), ("accepted no longer", summary.expired)):
        if places:
            yield f"  {title}: {', '.join(places)}"
    yield from _created_lines(summary.places)
    yield from _how_far(summary)
    if summary.requests:
        broken = f"the contract does not hold: {_number(len(groups), 'cause')}"
        but = " and but for what was accepted" if summary.of_verdict("accepted") else ""
        held = f"the contract holds, as far as it was checked{but}" if summary.judged else "no answer could be judged"
        yield broken if groups else held


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _groups(summary: Summary) -> list[tuple[Cause, list[str]]]:
    """Give each cause with the targets that show it; what it explains, it explains on its own target."""
    failing = summary.of_verdict("failing")
    found: dict[tuple[str, ...], tuple[Cause, list[str]]] = {}
    for name in dict.fromkeys((*summary.places, "")):
        for group in causes([as_finding(data) for data in failing if name in data.get("targets", [""])]):
            found.setdefault(group.finding.identity, (group, []))[1].append(name)
    return list(found.values())


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
        told.append(f"{_number(place.renewed, 'token')} renewed")
    skew = skew_of(place.ahead)
    if skew is not None:
        told.append(in_words(skew))
    if 0 < place.behind <= place.lag:
        told.append(f"replicas lagged by up to {place.behind:.1f} s, of the {place.lag} s allowed for (--cce-lag)")
    elif place.behind > place.lag and mode in ("live", "record"):
        told.append(may_be_replicas(place.behind))
    if not name:
        yield from (f"  {each}" for each in told)
    else:
        retried = f" ({place.retried} retries)" if place.retried else ""
        where = f"{place.service}, cluster {place.cluster}: {_number(place.requests, 'request')}{retried}"
        yield f"  {name}: {'; '.join([where, *told])}"


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
        yield f"  {_number(written, 'cassette')} written"
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
    age = "today" if days < 1 else f"{_number(days, 'day')} ago ({name})"
    endpoints = ", ".join(sorted({each["endpoint"] for each in cassettes}))
    yield f"  {_number(len(cassettes), 'cassette')} of {endpoints}, the oldest recorded {age}"
    left = [each for each in cassettes if each["unused"]]
    if left:
        unused, where = sum(each["unused"] for each in left), left[0]["name"]
        others = f" and {len(left) - 1} more" if len(left) > 1 else ""
        yield (
            f"  {unused} of their {sum(each['recordings'] for each in cassettes)} recordings"
            f" {'were' if unused > 1 else 'was'} not asked for ({where}{others})"
        )
    classes = {name for each in cassettes for name in each["classes"]}
    if classes:
        yield f"  what was drawn from covers {len(classes)} classes of filter values"


def _example_lines(summary: Summary) -> Iterable[str]:
    """Write how many examples of hypothesis tests listed a task, and which test has seen none."""
    counts = summary.examples.values()
    if counts:
        listed, number = sum(each["listed"] for each in counts), sum(each["examples"] for each in counts)
        yield f"  {listed} of {_number(number, 'example')} listed a task"
    nothing = summary.looked_at_nothing
    for nodeid in nothing[:_SHOWN_INCONCLUSIVE]:
        yield f"  no example listed a task, so it has looked at none: {nodeid}"
    if len(nothing) > _SHOWN_INCONCLUSIVE:
        yield f"  … and {len(nothing) - _SHOWN_INCONCLUSIVE} more"


def _how_far(summary: Summary) -> Iterable[str]:
    not_reached = sorted(summary.not_reached - summary.reached)
    if summary.reached:
        rest = f"{', '.join(not_reached[:4])}{', …' if len(not_reached) > 4 else ''}"
        beyond = f"; {len(not_reached)} rarer ones are beyond --cce-budget: {rest}" if not_reached else ""
        yield f"  {len(summary.reached)} classes of filter values reached{beyond}"
    if summary.inconclusive:
        yield f"  inconclusive, neither passed nor failed: {len(summary.inconclusive)}"
        yield from (f"    {each}" for each in summary.inconclusive[:_SHOWN_INCONCLUSIVE])
        if len(summary.inconclusive) > _SHOWN_INCONCLUSIVE:
            yield f"    … and {len(summary.inconclusive) - _SHOWN_INCONCLUSIVE} more"
