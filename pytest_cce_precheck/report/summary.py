"""The section at the end of a run, and the report file."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.causes import Cause, causes
from pytest_cce_precheck.contract.clock import in_words, skew_of
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.contract.settling import may_be_replicas
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.files import writer_for
from pytest_cce_precheck.report.github import tell_github
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.text import headline, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from _pytest.terminal import TerminalReporter

    from pytest_cce_precheck.config import Config
    from pytest_cce_precheck.targets import NamedTarget

Recorded = tuple[str, str, str]
_SHOWN_INCONCLUSIVE = 5
_SHOWN_CREATED = 10


@dataclass
class Place:
    """What became known of one service: how much was asked, how its clock goes, what was made there."""

    service: str
    cluster: str = ""
    lag: int = 0
    behind: float = 0.0
    requests: int = 0
    retried: int = 0
    ahead: list[float] = field(default_factory=list)
    renewed: int = 0
    created: list[dict[str, Any]] = field(default_factory=list)

    def take(self, live: Mapping[str, Any]) -> None:
        """Take in what a test has learnt of it."""
        self.ahead += live["ahead"]
        self.renewed += live["renewed"]
        self.created += live["created"]

    def to_dict(self) -> dict[str, Any]:
        """Give what the report file holds of it."""
        return {
            "service": self.service,
            "requests": self.requests,
            "retried": self.retried,
            "tokens_renewed": self.renewed,
            "clock_skew": skew_of(self.ahead),
            "seconds_behind": self.behind,
            "created": self.created,
        }


@dataclass
class Summary:
    """What all tests of a run recorded, whichever worker ran them.

    ``places`` has each target by its name; a run without a file of targets has one, whose name is empty.
    """

    mode: str
    places: dict[str, Place]
    seed: int = 0
    findings: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    times: Counter[tuple[str, ...]] = field(default_factory=Counter)
    allowed: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    met: set[tuple[str, str]] = field(default_factory=set)
    met_at: set[tuple[str, str]] = field(default_factory=set)
    accepted: dict[str, str] = field(default_factory=dict)
    unmet: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    inconclusive: list[str] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    not_reached: set[str] = field(default_factory=set)
    observations: dict[str, set[str]] = field(default_factory=dict)
    cassettes: dict[str, dict[str, Any]] = field(default_factory=dict)
    recorded: dict[str, str] = field(default_factory=dict)
    judged: int = 0

    @property
    def service(self) -> str:
        """What was asked, in words."""
        several = len(self.places) > 1
        return f"{len(self.places)} targets" if several else next(iter(self.places.values())).service

    @property
    def requests(self) -> int:
        """How many requests were sent, retries too."""
        return sum(place.requests for place in self.places.values())

    @property
    def retried(self) -> int:
        """How many of them were retries."""
        return sum(place.retried for place in self.places.values())

    def take(self, nodeid: str, name: str, value: str, target: str = "") -> None:
        """Take in one recorded property of a test, which asked ``target``."""
        if name in ("cce_mode", "cce_target"):
            return
        if name == "cce_recorded":
            self.recorded[nodeid] = value
            return
        data = json.loads(value)
        # what the end of a run found beside the tests is no target's
        place = self.places.get(target) or Place(self.service)
        if name == "cce_cassette":
            self.cassettes[data["name"]] = data
        elif name == "cce_live":
            place.take(data)
        elif name == "cce_allowed":
            self.allowed[nodeid, data["code"]] = data
        elif name == "cce_accepted":
            self.met.add((nodeid, data["code"]))
            self.met_at.add((target, data["code"]))
            self.accepted[data["code"]] = data["reason"]
        elif name == "cce_finding":
            self._take_finding(nodeid, data, target)
        else:
            place.requests += data["requests"]
            place.retried += data["retried"]
            place.behind = max(place.behind, data["behind"])
            self.judged += data["judged"]
            self.inconclusive += [f"{target}: {each}" if target else each for each in data["inconclusive"]]
            self.reached |= set(data["reached"])
            self.not_reached |= set(data["not_reached"])
            for question, behaviours in data["observations"].items():
                self.observations.setdefault(question, set()).update(behaviours)

    def _take_finding(self, nodeid: str, data: dict[str, Any], target: str) -> None:
        # one fact may fail in one test and be accepted in another
        identity = self._identity(data)
        self.times[identity] += 1
        known = self.findings.setdefault(identity, {**data, "test": nodeid})
        if target and target not in known.setdefault("targets", []):
            known["targets"].append(target)

    @staticmethod
    def _identity(data: Mapping[str, Any]) -> tuple[str, ...]:
        return (data["verdict"], *as_finding(data).identity)

    def of_verdict(self, verdict: str) -> list[dict[str, Any]]:
        """Give the findings of one verdict, in the order of their codes."""
        chosen = [finding for finding in self.findings.values() if finding["verdict"] == verdict]
        return sorted(chosen, key=lambda finding: (finding["code"], finding["message"]))

    def to_dict(self) -> dict[str, Any]:
        """Give what the report file holds."""
        return {
            "tool": "pytest-cce-precheck",
            "mode": self.mode,
            "seed": self.seed,
            **self._asked(),
            "findings": [
                {**finding, "times": self.times[self._identity(finding)]}
                for verdict in ("failing", "shown", "accepted")
                for finding in self.of_verdict(verdict)
            ],
            "accepted": self.accepted,
            "acceptances_never_met": self.unmet,
            "acceptances_expired": self.expired,
            "inconclusive": self.inconclusive,
            "classes_reached": sorted(self.reached),
            "classes_not_reached": sorted(self.not_reached - self.reached),
            "observations": {question: sorted(seen) for question, seen in sorted(self.observations.items())},
            "recorded": sorted(nodeid for nodeid, what in self.recorded.items() if what == "kept"),
            "cassettes": [self.cassettes[name] for name in sorted(self.cassettes)],
        }

    def _asked(self) -> dict[str, Any]:
        """Give what was asked, in all and of each target where there are any."""
        if "" in self.places:
            return self.places[""].to_dict()
        targets = [{"name": name, "cluster": each.cluster, **each.to_dict()} for name, each in self.places.items()]
        return {"service": self.service, "requests": self.requests, "retried": self.retried, "targets": targets}


def collect(recorded: Iterable[Recorded], config: Config, targets: Iterable[NamedTarget] = ()) -> Summary:
    """Add up what the tests recorded."""
    configs = {target.name: target.config for target in targets} or {"": config}
    places = {name: Place(_service(each), each.cluster_id or "", each.lag) for name, each in configs.items()}
    summary = Summary(config.mode, places, config.seed)
    properties = list(recorded)
    asked = {nodeid: value for nodeid, name, value in properties if name == "cce_target"}
    for nodeid, name, value in properties:
        summary.take(nodeid, name, value, asked.get(nodeid, ""))
    wanted = [(name, Acceptance.parse(text)) for name, each in configs.items() for text in each.accept]
    _sort_out(summary, wanted, datetime.now(UTC).date())
    return summary


def _service(config: Config) -> str:
    return {"simulate": "the embedded service", "replay": "recorded answers"}.get(config.mode, str(config.service))


def _sort_out(summary: Summary, wanted: Iterable[tuple[str, Acceptance]], today: date) -> None:
    """Tell which acceptances ended, and which were never met."""
    places = [(each, f" on {at}" if at else "", (at, each.code) in summary.met_at) for at, each in wanted]
    for place, data in summary.allowed.items():
        each = Acceptance.of(data["code"], data["reason"], data["until"])
        places.append((each, f" in {place[0]}", place in summary.met))
    for each, where, met in places:
        if each.until is not None and today > each.until:
            summary.expired.append(f"{each.code} ({each.reason}) until {each.until}{where}")
        elif not met:
            summary.unmet.append(f"{each.code} ({each.reason}){where}")


def summarise(
    recorded: Iterable[Recorded], config: Config, terminal: TerminalReporter, targets: Iterable[NamedTarget] = ()
) -> None:
    """Print the section, and write the report file where one is asked for."""
    summary = collect(recorded, config, targets)
    terminal.section("cce-precheck", sep="=")
    for line in lines(summary):
        terminal.write_line(line)
    if config.report is not None:
        write_report(Path(config.report), summary)
        terminal.write_line(f"report written to {config.report}")
    for line in tell_github(summary.to_dict(), os.environ):
        terminal.write_line(line)


def write_report(path: Path, summary: Summary) -> None:
    """Write the report file; raises `ConfigurationError` where that cannot be."""
    text = writer_for(path)(summary.to_dict())
    try:
        # half a character, which JSON can hold, cannot stand in a file
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigurationError(f"--cce-report={path} cannot be written: {error.strerror}") from None


def lines(summary: Summary) -> Iterable[str]:
    """Write the section for a person: what was checked, what failed, what is open."""
    simulated = "" if summary.mode in ("live", "record") else " (no real service was contacted)"
    retried = f", {summary.retried} of them retries" if summary.retried else ""
    yield f"mode {summary.mode}: {summary.service}{simulated}" + (
        f", {summary.requests} requests{retried}, seed {summary.seed}" if summary.requests else ""
    )
    for name, place in summary.places.items():
        yield from _place_lines(name, place, summary.mode)
    yield from _recorded_lines(summary.recorded)
    yield from _cassette_lines(list(summary.cassettes.values()), datetime.now(UTC))
    groups = _groups(summary)
    for group, at in groups:
        yield f"  {headline(group.finding)}" + (f" (on {', '.join(at)})" if at != [""] else "")
        if group.consequences:
            codes = ", ".join(dict.fromkeys(each.code for each in group.consequences))
            yield f"    and {len(group.consequences)} more that follow from it ({codes})"
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
        broken = f"the contract does not hold: {len(groups)} cause{'s' if len(groups) != 1 else ''}"
        but = " and but for what was accepted" if summary.of_verdict("accepted") else ""
        held = f"the contract holds, as far as it was checked{but}" if summary.judged else "no answer could be judged"
        yield broken if groups else held


def _groups(summary: Summary) -> list[tuple[Cause, list[str]]]:
    """Give each cause with the targets that show it; what it explains, it explains on its own target."""
    failing = summary.of_verdict("failing")
    found: dict[tuple[str, ...], tuple[Cause, list[str]]] = {}
    for name in dict.fromkeys((*summary.places, "")):
        for group in causes([as_finding(data) for data in failing if name in data.get("targets", [""])]):
            found.setdefault(group.finding.identity, (group, []))[1].append(name)
    return list(found.values())


def _place_lines(name: str, place: Place, mode: str) -> Iterable[str]:
    told = []
    if place.renewed:
        told.append(f"{place.renewed} token{'s' if place.renewed > 1 else ''} renewed")
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
        where = f"{place.service}, cluster {place.cluster}: {place.requests} requests{retried}"
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
        yield f"  {written} cassette{'s' if written > 1 else ''} written"
    for nodeid in left[:_SHOWN_INCONCLUSIVE]:
        yield f"  not recorded, since it did not come to its end: {nodeid}"
    if len(left) > _SHOWN_INCONCLUSIVE:
        yield f"  … and {len(left) - _SHOWN_INCONCLUSIVE} more"


def _cassette_lines(cassettes: Sequence[Mapping[str, Any]], now: datetime) -> Iterable[str]:
    """Say how old the recordings are, and what of them nobody asked for."""
    if not cassettes:
        return
    recorded = sorted((datetime.fromisoformat(each["recorded_at"]), each["name"]) for each in cassettes)
    oldest, name = recorded[0]
    days = (now - oldest).days
    age = "today" if days < 1 else f"{days} day{'s' if days > 1 else ''} ago ({name})"
    endpoints = ", ".join(sorted({each["endpoint"] for each in cassettes}))
    number = len(cassettes)
    yield f"  {number} cassette{'s' if number > 1 else ''} of {endpoints}, the oldest recorded {age}"
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
