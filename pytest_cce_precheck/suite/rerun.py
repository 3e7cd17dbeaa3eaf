"""Ask again what showed one cause: its own queries in brackets, or the small check that found it, and nothing else."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.proof import provable_rules
from pytest_cce_precheck.contract.rules import Severity, rules
from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.explore.classes import MATCHING
from pytest_cce_precheck.explore.plan import covering_plan
from pytest_cce_precheck.suite import authentication, exploration, filters, isolation, transport
from pytest_cce_precheck.suite.checks import CHECKS
from pytest_cce_precheck.suite.query_log import query_as_data, query_from_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType

    from pytest_cce_precheck.contract.filters import Query
    from pytest_cce_precheck.suite.inspection import Check, Inspection
    from pytest_cce_precheck.wire.vocabulary import Filter

Outcome = Literal["FIXED", "STILL", "CHANGED", "UNDECIDED"]

MOST: Final = 15
"""How many requests one cause may cost."""
# queries before the one that showed it: a cache may need them
_BEFORE: Final = 3
_ALIKE: Final = 3
# one list in ten may be wrong
_LISTS: Final = 12
# all that may be planned
_WHOLE_PLAN: Final = 400
_LOST: Final = "PRE101"
# a request that always fails; it costs several tries each time
_FAILS: Final = frozenset({"PRE103", "PRE113"})
# what requests of other checks before or in between may have caused: that a rerun without them is clean proves nothing
_CAUSED_BY_OTHERS: Final = frozenset({"PRE415", "PRE505", "PRE506", "PRE509"})
# of these, a judged query or check is proof enough; others may have had nothing to judge
_JUDGED_BY_ASKING: Final = ("PRE4", "PRE6")
# small enough that each check fits into MOST
_SHARES: Final[Mapping[str, int]] = {"authentication": 8, "isolation": 18, "methods": 4, "transport": 15, "creation": 0}
_LIST: Final = filters.the_unfiltered_list_meets_the_contract.__name__


def _of_modules(*modules: ModuleType) -> dict[str, Check]:
    return {each.__name__: each for each in CHECKS if each.__module__ in {module.__name__ for module in modules}}


_WHOLE: Final = _of_modules(authentication, isolation, transport)
_UNKNOWN: Final = "its finding does not name the request that showed it in full"
_OF_QUERIES: Final = _of_modules(filters, exploration)


@dataclass(frozen=True)
class KeptCause:
    """What is needed to ask for one cause again: the finding, the check that found it, and the queries that it asked.

    The last of ``queries`` showed it; without any, the unfiltered lists or the whole check are repeated.
    """

    finding: Finding
    check: str
    queries: tuple[Query, ...] = ()

    @property
    def why_not(self) -> str:
        """Why requests alone cannot repeat it, empty if they can."""
        if self.check in _WHOLE or self.check in _OF_QUERIES:
            return ""
        return "it needs tasks that are created and followed, which a rerun does not do" if self.check else _UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """Return what a file keeps."""
        data = self.finding.to_dict()
        kept = {name: data[name] for name in ("code", "message", "path", "subject", "evidence")}
        return {"check": self.check, "finding": kept, "queries": [query_as_data(each) for each in self.queries]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> KeptCause:
        """Parse what `to_dict` returned, of a valid file; raises ValueError if a code is unknown."""
        found, queries = data["finding"], data["queries"]
        named = {"finding": found, **{f"queries[{number}]": query for number, query in enumerate(queries)}}
        for place, each in named.items():
            if each["code"] and each["code"] not in rules():
                raise ValueError(f"at $.notes.failure.{place}.code, {each['code']!r} is unknown")
        evidence = tuple((label, text) for label, text in found["evidence"])
        finding = Finding(found["code"], found["message"], found["path"], tuple(found["subject"]), evidence)
        return cls(finding, data["check"], tuple(map(query_from_data, queries)))


@dataclass(frozen=True)
class Rerun:
    """How a cause was found again, or not; ``why`` is the reason in words. ``reached`` is whether anybody answered."""

    outcome: Outcome
    why: str
    requests: int = 0
    reached: bool = True


def cause_id(code: str, identity: Iterable[str], target: str = "") -> str:
    """Return the short name of a cause on a target, the same in every run."""
    text = "\0".join((*identity, target)).encode("utf-8", "backslashreplace")
    return f"{code}-{hashlib.sha256(text).hexdigest()[:6]}"


def keep(run: Inspection, finding: Finding, check: str) -> KeptCause:
    """Return what is needed to ask for a finding again that a check of this run has made."""
    if check in _WHOLE and not _is_of_the_list(run, finding):
        return KeptCause(finding, check)
    if check not in _OF_QUERIES and check not in _WHOLE:
        return KeptCause(finding, check)
    # an answer that never came has no exchange: the message names the request
    target = finding.exchanges[0].request.target if finding.exchanges else finding.message
    if "?" not in target:
        return KeptCause(finding, _LIST)
    number = 1 if finding.code in _FAILS else _BEFORE + 1
    asked = run.query_log.up_to(target.partition("?")[2].partition(" ")[0], number)
    return KeptCause(finding, check if asked else "", asked)


def _is_of_the_list(run: Inspection, finding: Finding) -> bool:
    """Whether a finding is about the unfiltered list, which any check may read."""
    first = finding.exchanges[0] if finding.exchanges else None
    if first is None or first.request.method != "GET" or not first.status < 300:
        return False
    return first.request.target == run.client.list_request().target and not finding.code.startswith("PRE6")


def rerun(run: Inspection, kept: KeptCause, others: Sequence[Finding] = ()) -> Rerun:
    """Ask for one cause again, with a new ``run``; findings that ``others`` explain are not its own."""
    if kept.why_not:
        return Rerun("UNDECIDED", kept.why_not)
    run.budget.limit = MOST
    run.shares = replace(run.shares, **_SHARES)
    run.again = " ".join((kept.finding.message, *(text for _, text in kept.finding.evidence)))
    gone: list[str] = []

    def asked_again(run: Inspection) -> None:
        _repeat(run, kept, gone)

    with suppress(CcePrecheckError):
        run.run(asked_again)
    return replace(_outcome(run, kept, others, gone), requests=run.budget.sent)


def _repeat(run: Inspection, kept: KeptCause, gone: list[str]) -> None:
    if kept.check in _WHOLE:
        _WHOLE[kept.check](run)
        return
    opening = run.lists.opening()
    if not kept.queries:
        while opening is not None and run.budget.sent < _LISTS and not run.results.times(kept.finding):
            run.results.judged += 1
            opening = run.lists.read()
        return
    if opening is None:
        return
    wanted = kept.queries[-1]
    alike = [
        planned.question
        for planned in covering_plan(opening.tasks, questions=_WHOLE_PLAN, seed=run.settings.seed).asked
        if _kind(planned.question) == _kind(wanted) and planned.question.query != wanted.query
    ]
    gone += [
        f"{name} {value}"
        for name, value in _values_of_tasks(wanted)
        if not any(task.value_of(name) == value for task in opening.tasks)
    ]
    # what fails only the second time is asked twice
    more = [] if kept.finding.code in _FAILS else [*alike[:_ALIKE], wanted]
    cost = run.budget.sent
    filters.ask_in_brackets(run, [*kept.queries, *more], spare=run.budget.left)
    cost = run.budget.sent - cost
    # one answer in five may be wrong
    while 0 < cost <= run.budget.left and not run.results.findings and kept.finding.code not in _FAILS:
        filters.ask_in_brackets(run, [*kept.queries, *more], spare=run.budget.left)


def _kind(query: Query) -> tuple[object, ...]:
    return query.classes, query.code, query.about, len(query.meanings)


def _values_of_tasks(query: Query) -> set[tuple[Filter, str]]:
    """Return the values that some task must have, so that a right answer can be told from a wrong one."""
    real = {name for name, value_class in query.classes if value_class == MATCHING}
    return {pair for conjunction in query.meanings[0] for pair in conjunction if pair[0] in real}


def _outcome(run: Inspection, kept: KeptCause, others: Sequence[Finding], gone: Sequence[str]) -> Rerun:
    own, results = kept.finding, run.results
    found = [finding for finding in results.findings if finding.severity is Severity.ERROR]
    same = [
        finding
        for finding in results.findings
        if finding.identity == own.identity or (own.code in _FAILS and finding.code in _FAILS)
    ]
    if same:
        return Rerun("STILL", same[0].message)
    if own.code == _LOST and run.sender.answers and run.sender.last_loss is not None:
        # the suite reports losses only if there are many
        return Rerun("STILL", run.sender.last_loss.detail)
    if run.sender.stopped or not run.sender.answers:
        return Rerun("UNDECIDED", run.sender.stopped or "the endpoint does not answer", reached=False)
    known = {finding.identity for finding in others}
    explained = {
        each.identity
        for cause in causes([*others, *found])
        if cause.finding.identity in known
        for each in (cause.finding, *cause.consequences)
    }
    new = [finding for finding in found if finding.identity not in explained]
    if new:
        first = causes(new)[0].finding
        return Rerun("CHANGED", f"{first.code} {first.message}")
    why = _why_undecided(run, kept, gone)
    return (
        Rerun("UNDECIDED", why) if why else Rerun("FIXED", f"not seen again in {count_of(run.budget.sent, 'request')}")
    )


def _why_undecided(run: Inspection, kept: KeptCause, gone: Sequence[str]) -> str:
    results, code = run.results, kept.finding.code
    if gone:
        return f"no task has {gone[0]} any more, so the answer proves nothing: run the whole suite"
    if results.inconclusive:
        return results.inconclusive[0].removeprefix("test_asked_again: ")
    if code in _CAUSED_BY_OTHERS:
        return "not seen again, but other requests may have caused it: run the whole suite"
    if isolation.OTHER_CLUSTER in kept.finding.subject:
        return "not seen again, but it may show now and then, and there is room to ask once: run the whole suite"
    if not results.judged:
        return (results.not_asked or ["nothing could be judged"])[0].removeprefix("test_asked_again: ")
    by_asking = kept.check in _WHOLE or code.startswith(_JUDGED_BY_ASKING)
    if not by_asking and code in provable_rules() and not results.proof.rules[code]:
        return f"no answer had anything that {code} is about: run the whole suite"
    return ""
