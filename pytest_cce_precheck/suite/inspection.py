"""One run against one cluster: its settings, its parts, and the checks that run on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_cce_precheck.config.options import LEAST_BUDGET
from pytest_cce_precheck.contract.filters import CountMeaning, Query, Unlisted
from pytest_cce_precheck.contract.lifecycle import TaskHistory
from pytest_cce_precheck.contract.proof import Proof
from pytest_cce_precheck.contract.replica_lag import ReplicaLag
from pytest_cce_precheck.contract.rules import Kind
from pytest_cce_precheck.errors import BudgetExhaustedError
from pytest_cce_precheck.explore.classes import unknown_value
from pytest_cce_precheck.explore.plan import Family, Plan, covering_plan, groups_of
from pytest_cce_precheck.explore.queries import SYNTHETIC
from pytest_cce_precheck.suite.budget import Budget, Shares, number_of_probes
from pytest_cce_precheck.suite.lists import TaskLists
from pytest_cce_precheck.suite.query_log import QueryLog
from pytest_cce_precheck.suite.results import Progress, Results
from pytest_cce_precheck.suite.run_settings import Settings
from pytest_cce_precheck.suite.sender import RunStoppedError, Sender
from pytest_cce_precheck.wire.exchange import TransportError
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.explore.groups import Group
    from pytest_cce_precheck.wire.exchange import Request

Probed = TypeVar("Probed")
# with fewer queries, the most telling ones are asked one by one
_JOINED_FROM: Final = 70


class Inspection:
    """One run. Its checks send with ``sender``, read lists with ``lists``, and report to ``results``.

    ``left_open`` are queries for the cluster's own values that no answer was judged in full for, ``proved`` the texts
    of queries that a joined one was asked in place of, ``joined_refused`` whether the service refuses all of those,
    ``created`` is the number of tasks that the run has created or may have, ``accepted`` a create request as it was
    accepted. ``again`` is the message of the one
    finding that a rerun asks for.
    """

    def __init__(
        self,
        client: PrecheckClient,
        settings: Settings | None = None,
        sender: type[Sender] = Sender,
        proof: Proof | None = None,
    ) -> None:
        self.client = client
        self.settings = settings or Settings()
        self.budget = Budget(self.settings.budget)
        self.shares = Shares.of(
            max(self.settings.budget - self.settings.kept_back, min(self.settings.budget, LEAST_BUDGET)),
            writes=self.settings.allow_writes,
            probes=number_of_probes(client.credentials),
            # whoever knows how far replicas are behind knows a shared service
            rough=self.settings.lag > 0,
        )
        self.lag = ReplicaLag(self.settings.lag, self.settings.now)
        self.results = Results(self.lag, self.settings.replicas, proof=proof or Proof())
        history = TaskHistory()
        self.sender = sender(client, self.settings, self.budget, self.results, history)
        self.lists = TaskLists(client, self.sender, self.results, history)
        self.count_meaning = CountMeaning()
        self.unlisted = Unlisted()
        self.left_open: tuple[Query, ...] = ()
        self.created = 0
        self.accepted: Request | None = None
        self.again = ""
        self.query_log = QueryLog()
        self.proved: set[str] = set()
        self.joined_refused = False
        self._joined = 0
        self._asked_for: set[tuple[Filter, str]] = set()
        self._plan: Plan | None = None
        self._families: set[Family] = set()

    def begin(self, query_log: QueryLog) -> None:
        """Begin a test whose cassette must be enough for itself: what earlier tests have read is read again."""
        self.query_log = query_log
        self.lists.latest = None

    def run(self, check: Check) -> tuple[Finding, ...]:
        """Run one check and return the findings that are new with it.

        An answer that never came is a finding. A check that the end of the budget cuts short is inconclusive.
        """
        results, sender = self.results, self.sender
        results.check = f"test_{check.__name__}"
        earlier = len(results.findings)
        if sender.stopped:
            results.end_early(f"not tried, {sender.stopped}")
            return ()
        try:
            check(self)
        except RunStoppedError as stop:
            if all(finding.kind is Kind.OBSERVATION for finding in results.findings[earlier:]):
                results.end_early(str(stop))
        except (TransportError, BudgetExhaustedError) as error:
            lost = error if isinstance(error, TransportError) else sender.last_loss
            # that the run ends is no excuse for an endpoint that has never answered
            if lost is None or (lost is not error and sender.answers):
                results.end_early(str(error))
            else:
                sender.report_end(lost)
        return results.findings[earlier:]

    def progress(self) -> Progress:
        """Return how far the run has come."""
        results = self.results
        # a plan that was made anew may hold queries of a check that has ended
        beyond = self._plan.classes_beyond(results.reached | self._asked_for) if self._plan is not None else ()
        return Progress(
            requests=self.budget.sent,
            retried=self.budget.retried,
            judged=results.judged,
            inconclusive=tuple(results.inconclusive),
            not_asked=tuple(results.not_asked),
            cut_short=tuple(results.cut_short),
            reached=frozenset(results.reached),
            not_reached=frozenset(pair for query in beyond for pair in query.classes),
            observations={question: frozenset(seen) for question, seen in results.observations.items()},
            behind=self.lag.behind,
            combinations=dict(results.combinations),
            lives=self.lists.changed_lives(),
        )

    def chosen(self, probes: Sequence[Probed], number: int, name: Callable[[Probed], str]) -> Sequence[Probed]:
        """Return the first ``number`` of probes; in a rerun, those up to the one that its finding names."""
        named = [place for place, probe in enumerate(probes) if self.again and name(probe) in self.again]
        # "no credentials" is the beginning of others
        last = max(named, key=lambda place: len(name(probes[place])), default=number - 1)
        return probes[max(last + 1 - number, 0) : last + 1]

    def unknown_id(self, real: str) -> str:
        """Return an id of the same shape that nothing has."""
        latest = self.lists.latest
        return unknown_value(real or SYNTHETIC[Filter.TASK_ID], latest.by_id if latest else ())

    def queries(self, family: Family) -> Sequence[Query]:
        """Return the run's queries of one family; none if the unfiltered list cannot be read.

        They are planned from what the first unfiltered list shows; on replay they are those that were recorded.
        """
        answer = self.lists.opening()
        if answer is None:
            return ()
        if self._plan is None and not self.query_log.replaying:
            self._plan = covering_plan(
                answer.tasks,
                questions=max(
                    self.shares.questions - self._joined - self.budget.retries_beyond(self.shares.retries), 0
                ),
                seed=self.settings.seed,
                answered=self.proved,
                repeated=not self.joined_refused,
            )
        self._families.add(family)
        plan = self._plan
        queries = self.query_log.questions(family, lambda: plan.family(family) if plan is not None else ())
        self._asked_for.update(pair for query in queries for pair in query.classes)
        return queries

    def classes_beyond(self) -> Sequence[Query]:
        """Return queries for the classes of values that the plan has no room for, one each; first ask what it has."""
        if "unknown" not in self._families:
            return ()
        if self._plan is None and not self.query_log.replaying:
            self.queries("unknown")
        plan, reached = self._plan, self.results.reached
        return self.query_log.questions("beyond", lambda: plan.classes_beyond(reached) if plan is not None else ())

    def groups(self, family: Family) -> Sequence[Group]:
        """Return the joined queries of a family; none on replay, or if the budget is too small for all classes."""
        answer = self.lists.opening()
        if answer is None or self.query_log.replaying or self.shares.questions < _JOINED_FROM:
            return ()
        if self.joined_refused and family == "combinations":
            return ()
        return groups_of(answer.tasks, family, seed=self.settings.seed)

    def answered_joined(self, number: int) -> None:
        """Plan anew after a number of requests for joined queries: what they have proved is not asked again."""
        self._joined += number
        self._plan = None


Check = Callable[[Inspection], None]
