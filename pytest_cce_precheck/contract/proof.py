"""How much a run proved: how often each rule had something to judge, and what of the documents its answers showed.

A rule is *asked* if an answer came that it applies to, and *judged* if that answer held what it is about: a rule about
risks judges nothing in an answer without any.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from pytest_cce_precheck.contract import occasions
from pytest_cce_precheck.contract.answer import Answer
from pytest_cce_precheck.contract.documented import CALLS, fields_of, present_paths
from pytest_cce_precheck.contract.envelope import PASSING, THROTTLED, is_gateway_error
from pytest_cce_precheck.contract.filters import Bracket, Query
from pytest_cce_precheck.contract.occasions import Occasion
from pytest_cce_precheck.contract.rules import Kind, rules
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.exchange import Exchange
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState, TaskType

# about recordings, limits that the user sets, and several runs: the answers of one run prove nothing of them
_ELSEWHERE: Final = frozenset({"PRE123", "PRE120", "PRE520", "PRE521", "PRE522"})
_OF_SDKS: Final = "PRE7"
_ERRORS: Final = ("400", "401", "403", "404", "429", "500")
STATUSES: Final = tuple(
    f"{call} {status}" for call, success in (("list", "200"), ("create", "201")) for status in (success, *_ERRORS)
)
"""The documented statuses, with their calls."""
_TASK: Final = "$.items[*]"
_CREATED: Final = "$.status.items[*]"
_EXPIRY: Final = f"{_TASK}.metadata.expireTimeStamp"
# D: the target version of the upgrade; an inspection has none
_OF_UPGRADES: Final = frozenset({f"{_TASK}.spec", f"{_TASK}.spec.addonTargetVersion"})


@cache
def provable_rules() -> tuple[str, ...]:
    """Return the codes that answers of a service can prove: violations and deviations, no observations."""
    return tuple(
        rule.code
        for rule in rules().values()
        if rule.kind is not Kind.OBSERVATION and rule.code < _OF_SDKS and rule.code not in _ELSEWHERE
    )


@cache
def provable_fields() -> tuple[str, ...]:
    """Return each documented field of an answer; one of a task once for each type and state that may have it."""
    found = []
    for path in fields_of("list_answer"):
        if not path.startswith(f"{_TASK}."):
            found += [f"list {path}"] if path not in ("$", _TASK) else []
            continue
        if path.endswith("[*]"):
            continue
        for kind in TaskType if path not in _OF_UPGRADES else (TaskType.UPGRADE,):
            found += [_in_state(path, kind, state) for state in TaskState if state.final or path != _EXPIRY]
    found += [f"create {path}" for path in fields_of("create_answer") if path != "$" and _CREATED not in path]
    for form in ("error_cce", "error_gateway"):
        found += [f"error {path}" for path in fields_of(form) if path != "$"]
    return tuple(found)


def _in_state(path: str, kind: str, state: str) -> str:
    return f"list {path} ({kind}, {state})"


@dataclass(frozen=True)
class Place:
    """What a run was given: its cluster, another one of the same project, and its credentials."""

    project_id: str
    cluster_id: str
    other_cluster_id: str | None
    credentials: Credentials


@dataclass
class Proof:
    """Counts what answers prove; a rule that was asked and had nothing to judge has the count 0."""

    rules: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    _created: set[str] = field(default_factory=set)
    _refused: bool = False
    _paths: dict[Any, tuple[str, ...]] = field(default_factory=dict)

    def take(self) -> dict[str, dict[str, int]]:
        """Return what was counted since the last call."""
        counters = {"rules": self.rules, "statuses": self.statuses, "fields": self.fields}
        taken = {name: dict(counter) for name, counter in counters.items()}
        for counter in counters.values():
            counter.clear()
        return taken

    def see(self, exchange: Exchange, place: Place | None = None, *, as_is: bool = False) -> None:
        """Count what one answer proves; without a ``place``, nothing about clusters and credentials.

        ``as_is`` says that the request may have other credentials than the run's own.
        """
        status, method = exchange.status, exchange.request.method
        if status in PASSING - {THROTTLED}:
            # it may come from any machine
            return
        self._count(occasions.of_envelope(exchange))
        created = occasions.creates(exchange)
        name = f"{CALLS.get(method)} {status}"
        if name in STATUSES and created == (method == "POST"):
            self.statuses[name] += 1
        if status >= 400:
            form = "error_gateway" if is_gateway_error(occasions.document_of(exchange)) else "error_cce"
            self._count_fields("error", occasions.document_of(exchange), form)
        elif status < 300 and (created or method == "GET"):
            self._see_answer(exchange, created=created)
        if created:
            self._count(occasions.of_create_request(exchange))
            self._refused |= status >= 400
        if place is not None:
            self._count(occasions.of_place(exchange, place.project_id, place.cluster_id, place.other_cluster_id))
            if as_is:
                self._count(occasions.of_credentials(exchange, place.credentials))

    def see_finding(self, code: str) -> None:
        """Count a rule that reports something: it had something to judge."""
        self.rules[code] = self.rules[code] or 1

    def see_selection(self, query: Query, answer: Answer, bracket: Bracket) -> None:
        """Count what the answer to a query proves with the lists around it."""
        self._count(occasions.of_selection(query, answer, bracket))

    def see_series(self, earlier: Answer | None, answer: Answer, *, complete: bool) -> None:
        """Count what an answer proves with an unfiltered list before it."""
        if earlier is not None:
            self._count(occasions.of_series(earlier, answer, complete=complete))
            if complete:
                self._count([("PRE510", True)] if self._refused else [])
                self._refused = False

    def _count(self, occasions: Iterable[Occasion]) -> None:
        for code, has_something in occasions:
            self.rules[code] += has_something

    def _see_answer(self, exchange: Exchange, *, created: bool) -> None:
        document = occasions.document_of(exchange)
        items = document.get("items")
        if created:
            status = document.get("status")
            items = status.get("items") if isinstance(status, dict) else None
            self._count_fields("create", {**document, "status": {"items": []}} if items else document, "create_answer")
        else:
            self._count_fields("list", {**document, "items": []} if items else document, "list_answer")
        numbers, shapes = occasions.shapes_of(items)
        self._count(occasions.of_answer(exchange, shapes.values(), numbers.total()))
        if created:
            self._created |= set(re.findall(r'"taskID": *"([^"]+)"', exchange.response.body.decode("utf-8", "replace")))
            return
        if self._created and any(n == Filter.TASK_ID and v in self._created for n, v in exchange.request.params):
            self._count([("PRE507", True)])
        for key, shape in shapes.items():
            if key not in self._paths:
                found = present_paths(shape.task, fields_of("list_answer"), _TASK)
                self._paths[key] = tuple({_in_state(path, shape.type, shape.state) for path in found})
            for name in self._paths[key]:
                self.fields[name] += numbers[key]

    def _count_fields(self, what: str, document: Any, schema: str) -> None:
        self.fields.update(f"{what} {path}" for path in present_paths(document, fields_of(schema)))
