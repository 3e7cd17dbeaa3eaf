"""The section at the end of a run, and the report file."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.clock import in_words, skew_of
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.contract.settling import may_be_replicas
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.files import writer_for
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.text import headline, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from _pytest.terminal import TerminalReporter

    from pytest_cce_precheck.config import Config

Recorded = tuple[str, str, str]
_SHOWN_INCONCLUSIVE = 5


@dataclass
class Summary:
    """What all tests of a run recorded, whichever worker ran them."""

    mode: str
    service: str
    seed: int = 0
    findings: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    times: Counter[tuple[str, ...]] = field(default_factory=Counter)
    allowed: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    met: set[tuple[str, str]] = field(default_factory=set)
    accepted: dict[str, str] = field(default_factory=dict)
    unmet: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    requests: int = 0
    retried: int = 0
    inconclusive: list[str] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    not_reached: set[str] = field(default_factory=set)
    observations: dict[str, set[str]] = field(default_factory=dict)
    cassettes: dict[str, dict[str, Any]] = field(default_factory=dict)
    ahead: list[float] = field(default_factory=list)
    renewed: int = 0
    lag: int = 0
    behind: float = 0.0
    judged: int = 0

    def take(self, nodeid: str, name: str, value: str) -> None:
        """Take in one recorded property."""
        if name == "cce_mode":
            return
        data = json.loads(value)
        if name == "cce_cassette":
            self.cassettes[data["name"]] = data
        elif name == "cce_live":
            self.ahead += data["ahead"]
            self.renewed += data["renewed"]
        elif name == "cce_allowed":
            self.allowed[nodeid, data["code"]] = data
        elif name == "cce_accepted":
            self.met.add((nodeid, data["code"]))
            self.accepted[data["code"]] = data["reason"]
        elif name == "cce_finding":
            # one fact may fail in one test and be accepted in another
            identity = self._identity(data)
            self.times[identity] += 1
            self.findings.setdefault(identity, {**data, "test": nodeid})
        else:
            self.requests += data["requests"]
            self.retried += data["retried"]
            self.judged += data["judged"]
            self.inconclusive += data["inconclusive"]
            self.behind = max(self.behind, data["behind"])
            self.reached |= set(data["reached"])
            self.not_reached |= set(data["not_reached"])
            for question, behaviours in data["observations"].items():
                self.observations.setdefault(question, set()).update(behaviours)

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
            "service": self.service,
            "seed": self.seed,
            "requests": self.requests,
            "retried": self.retried,
            "tokens_renewed": self.renewed,
            "clock_skew": skew_of(self.ahead),
            "seconds_behind": self.behind,
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
            "cassettes": [self.cassettes[name] for name in sorted(self.cassettes)],
        }


def collect(recorded: Iterable[Recorded], config: Config) -> Summary:
    """Add up what the tests recorded."""
    service = {"simulate": "the embedded service", "replay": "recorded answers"}.get(config.mode, str(config.service))
    summary = Summary(config.mode, service, config.seed, lag=config.lag)
    for nodeid, name, value in recorded:
        summary.take(nodeid, name, value)
    _sort_out(summary, [Acceptance.parse(text) for text in config.accept], datetime.now(UTC).date())
    return summary


def _sort_out(summary: Summary, wanted: Iterable[Acceptance], today: date) -> None:
    """Tell which acceptances ended, and which were never met."""
    places = [(each, "", each.code in summary.accepted) for each in wanted]
    for place, data in summary.allowed.items():
        each = Acceptance.of(data["code"], data["reason"], data["until"])
        places.append((each, f" in {place[0]}", place in summary.met))
    for each, where, met in places:
        if each.until is not None and today > each.until:
            summary.expired.append(f"{each.code} ({each.reason}) until {each.until}{where}")
        elif not met:
            summary.unmet.append(f"{each.code} ({each.reason}){where}")


def summarise(recorded: Iterable[Recorded], config: Config, terminal: TerminalReporter) -> None:
    """Print the section, and write the report file where one is asked for."""
    summary = collect(recorded, config)
    terminal.section("cce-precheck", sep="=")
    for line in lines(summary):
        terminal.write_line(line)
    if config.report is not None:
        write_report(Path(config.report), summary)
        terminal.write_line(f"report written to {config.report}")


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
    yield from _live_lines(summary)
    yield from _cassette_lines(list(summary.cassettes.values()), datetime.now(UTC))
    groups = causes([as_finding(data) for data in summary.of_verdict("failing")])
    for group in groups:
        yield f"  {headline(group.finding)}"
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
    yield from _how_far(summary)
    if summary.requests:
        broken = f"the contract does not hold: {len(groups)} cause{'s' if len(groups) != 1 else ''}"
        held = "the contract holds, as far as it was checked" if summary.judged else "no answer could be judged"
        yield broken if groups else held


def _live_lines(summary: Summary) -> Iterable[str]:
    if summary.renewed:
        yield f"  {summary.renewed} token{'s' if summary.renewed > 1 else ''} renewed"
    skew = skew_of(summary.ahead)
    if skew is not None:
        yield f"  {in_words(skew)}"
    if 0 < summary.behind <= summary.lag:
        yield f"  replicas lagged by up to {summary.behind:.1f} s, of the {summary.lag} s allowed for (--cce-lag)"
    elif summary.behind > summary.lag and summary.mode in ("live", "record"):
        yield f"  {may_be_replicas(summary.behind)}"


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
        unused = sum(each["unused"] for each in left)
        yield f"  {unused} of their {sum(each['recordings'] for each in cassettes)} recordings were not asked for"


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
