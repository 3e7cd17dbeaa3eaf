"""What all tests of a run recorded, added up: for the section at its end, the report file, and CI."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck._files import write
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.clock import skew_of
from pytest_cce_precheck.report.files import writer_for
from pytest_cce_precheck.report.github import tell_github
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.section import lines
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from _pytest.terminal import TerminalReporter

    from pytest_cce_precheck.config import Config
    from pytest_cce_precheck.targets import NamedTarget

Recorded = tuple[str, str, str]


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
    examples: dict[str, dict[str, int]] = field(default_factory=dict)
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
        elif name == "cce_examples":
            self.examples[nodeid] = data
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
        self.times[identity] += data["times"]
        known = self.findings.setdefault(identity, {**data, "test": nodeid})
        if target and target not in known.setdefault("targets", []):
            known["targets"].append(target)

    @staticmethod
    def _identity(data: Mapping[str, Any]) -> tuple[str, ...]:
        return (data["verdict"], *as_finding(data).identity)

    @property
    def looked_at_nothing(self) -> list[str]:
        """The hypothesis tests that saw answers, and in none of them a task."""
        return sorted(nodeid for nodeid, counts in self.examples.items() if not counts["listed"])

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
            "examples": [{"test": nodeid, **counts} for nodeid, counts in sorted(self.examples.items())],
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
        terminal.write_line(one_line(line))
    if config.report is not None:
        write_report(Path(config.report), summary)
        terminal.write_line(f"report written to {config.report}")
    for line in tell_github(summary.to_dict(), os.environ):
        terminal.write_line(line)


def write_report(path: Path, summary: Summary) -> None:
    """Write the report file; raises `ConfigurationError` if that is not possible, and the old one stays as it was."""
    text = writer_for(path)(summary.to_dict())
    # half a character, which JSON can hold, cannot stand in a file
    write(path, text.encode("utf-8", "backslashreplace"), f"--cce-report={path}")
