"""A run keeps to its budget and its permissions, and says what it could not judge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.time_limit import judging_within
from pytest_cce_precheck.simulator.pipeline import Fault
from pytest_cce_precheck.simulator.refusals import INTERNAL_ERROR, refuse
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite import authentication, bad_creation, creation, filters, isolation, transport
from pytest_cce_precheck.suite.budget import number_of_probes
from pytest_cce_precheck.suite.checks import CHECKS, inspect
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Response, TransportError
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.pipeline import Call
    from pytest_cce_precheck.wire.exchange import Exchange, Request


class Recorder(InProcessTransport):
    """Remembers every request; stands for a network that is down where told so."""

    def __init__(self, simulator: Simulator, *, down: bool = False) -> None:
        super().__init__(simulator)
        self.sent: list[Request] = []
        self.down = down

    def send(self, request: Request) -> Exchange:
        self.sent.append(request)
        if self.down:
            raise TransportError("unreachable", "no connection", request)
        return super().send(request)


def run_of(
    simulator: Simulator, *, down: bool = False, credentials: Credentials | None = None, **settings: object
) -> tuple[Inspection, Recorder]:
    recorder = Recorder(simulator, down=down)
    client = PrecheckClient(
        recorder,
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        credentials=credentials or simulator.credentials,
    )
    given = Settings(wait=simulator.clock.advance, **settings)  # type: ignore[arg-type]
    return Inspection(client, given), recorder


@pytest.mark.parametrize("budget", [30, 60, 250])
@pytest.mark.parametrize("variation", ["busy-cluster", "throttled", "no-tasks"])
def test_a_run_never_sends_more_than_its_budget(budget: int, variation: str) -> None:
    run, recorder = run_of(Simulator(variations=[variation]), budget=budget, allow_writes=True)
    inspect(run)
    assert len(recorder.sent) == run.budget.sent <= budget


@pytest.mark.parametrize("budget", [30, 60, 250, 1000])
def test_a_run_without_permission_to_write_sends_nothing_but_reads(budget: int) -> None:
    run, recorder = run_of(Simulator(), budget=budget)
    inspect(run)
    assert {request.method for request in recorder.sent} <= {"GET", "HEAD"}


def test_what_may_not_be_written_is_not_asked_for_and_not_passed() -> None:
    run, recorder = run_of(Simulator())
    for check in (
        creation.created_tasks_are_found_and_finish,
        bad_creation.bad_create_requests_are_refused,
        isolation.other_methods_are_not_answered_as_get,
    ):
        assert run.run(check) == ()
    assert recorder.sent == []
    assert run.progress().judged == len(run.results.inconclusive) == 0
    assert len(run.results.not_asked) == 3
    assert all("--cce-allow-writes" in reason for reason in run.results.not_asked)


def test_an_endpoint_that_is_down_is_one_finding_and_is_not_tried_for_every_check() -> None:
    run, recorder = run_of(Simulator(), down=True)
    inspect(run)
    assert [finding.code for finding in run.results.findings] == ["PRE101"]
    assert len(recorder.sent) <= 3
    assert len(run.results.inconclusive) == len(CHECKS) - 1


def test_a_throttled_question_is_asked_again_and_the_retries_are_counted() -> None:
    run, _ = run_of(Simulator(variations=["throttled"]))
    assert run.run(filters.each_filter_value_selects_exactly_its_tasks) == ()
    assert run.budget.retried > 0


def test_the_number_of_ways_to_spoil_credentials_is_known_before_they_are_tried() -> None:
    own = Simulator().credentials
    kinds = (own, replace(own, token=None), replace(own, access_key=None, secret_key=None))
    for credentials in kinds:
        run, _ = run_of(Simulator(), credentials=credentials)
        probes = list(authentication._probes(run))
        assert len(probes) == number_of_probes(credentials)
        assert len({probe.what for probe in probes}) == len(probes)


def test_an_unknown_access_key_is_tried_with_the_right_security_token_since_one_thing_is_wrong_at_a_time() -> None:
    run, _ = run_of(Simulator())
    run.lists.opening()
    run.client.credentials = replace(run.client.credentials, security_token=Secret("of the keys"))
    [probe] = [each for each in authentication._probes(run) if each.what.startswith("an unknown access key and")]
    assert probe.request.headers["X-Security-Token"] == "of the keys"


@pytest.mark.parametrize("code", ["PRE601", "PRE602", "PRE603", "PRE604", "PRE605"])
def test_each_kind_of_bad_credentials_is_tried_with_filters_and_without_and_the_filter_is_named(code: str) -> None:
    run, recorder = run_of(Simulator())
    probes = [probe for probe in authentication._probes(run) if probe.code == code]
    assert {bool(probe.request.query) for probe in probes} == {True, False}
    for probe in probes:
        [*names] = {name for name, _ in probe.request.params}
        assert len(names) != 1 or names[0] in probe.what or "signature of another value" in probe.what
    # with both kinds of credentials, the default budget leaves out what tells least
    run.run(authentication.bad_credentials_are_refused)
    sent = {(request.query, request.headers.get("X-Forwarded-For")) for request in recorder.sent}
    assert {("", None), ("type=addonStatic", None)} < sent
    assert any(query.startswith("task_id=") and address == "127.0.0.1" for query, address in sent)


def test_another_cluster_is_needed_to_check_isolation_and_its_absence_is_told() -> None:
    alone, _ = run_of(Simulator())
    inspect(alone)
    assert any("--cce-other-cluster-id" in reason for reason in alone.results.not_asked)
    simulator = Simulator()
    near = Neighbours(simulator.other_cluster_id, simulator.foreign_project_id, simulator.foreign_cluster_id)
    run, _ = run_of(simulator, neighbours=near)
    inspect(run)
    assert not any("--cce-other" in each or "--cce-foreign" in each for each in run.results.not_asked)


def test_simultaneous_queries_ask_the_other_cluster_too_and_no_more_requests_are_sent() -> None:
    check = transport.simultaneous_questions_are_answered_each_for_itself
    alone, sent_alone = run_of(Simulator())
    simulator = Simulator()
    both, sent = run_of(simulator, neighbours=Neighbours(simulator.other_cluster_id))
    assert alone.run(check) == both.run(check) == ()
    assert len(sent.sent) == len(sent_alone.sent)
    there = [request for request in sent.sent if simulator.other_cluster_id in request.path]
    # a service that answers equal questions at once must see that the clusters differ
    assert [request.query for request in there] == ["type=addonUpgrade"]
    assert [request.query for request in sent.sent if request not in there].count("type=addonUpgrade") == 2


def test_a_throttled_list_of_the_other_cluster_is_no_finding() -> None:
    def throttled(call: Call, answer: Response | None) -> Response | None:
        other = call.ids.other_cluster_id in call.request.path
        headers = Headers([("Retry-After", "1")])
        return replace(refuse(INTERNAL_ERROR), status=429, headers=headers) if other else answer

    fault = Fault(name="throttled", summary="Throttled.", category="http", codes=("PRE113",), before=throttled)
    simulator = Simulator(faults=[fault])
    run, _ = run_of(simulator, neighbours=Neighbours(simulator.other_cluster_id))
    findings = run.run(transport.simultaneous_questions_are_answered_each_for_itself)
    assert "PRE113" not in {finding.code for finding in findings}
    assert any("the other cluster's list: 429" in why for why in run.progress().inconclusive)


def test_a_list_of_both_clusters_at_once_that_mixes_them_up_is_found() -> None:
    simulator = Simulator(faults=["other-connections-read-the-cluster-before"])
    run, _ = run_of(simulator, neighbours=Neighbours(simulator.other_cluster_id))
    findings = run.run(transport.simultaneous_questions_are_answered_each_for_itself)
    assert "PRE610" in {finding.code for finding in findings}


def test_queries_with_huge_answers_get_a_bracket_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "_MOST_BYTES", 1)
    run, recorder = run_of(Simulator(), budget=250)
    assert run.run(filters.each_filter_value_selects_exactly_its_tasks) == ()
    queries = [request.query for request in recorder.sent]
    # an unfiltered list follows each query, so that no more than one answer waits for it
    assert all(not query for query in queries[::2])
    assert run.results.judged == sum(map(bool, queries)) == 8
    assert run.results.inconclusive[0].endswith("not asked, this check's share of the budget is used up")


def test_the_end_of_the_time_while_an_answer_is_judged_cuts_the_check_short() -> None:
    run, _ = run_of(Simulator(), budget=60)
    with judging_within(lambda: 0.0):
        assert run.run(filters.the_unfiltered_list_meets_the_contract) == ()
    [why] = run.progress().cut_short
    assert "the time of the run ended while an answer was judged (--cce-run-time)" in why


def test_a_run_with_two_kinds_of_credentials_uses_each_for_half_of_its_queries() -> None:
    run, recorder = run_of(Simulator())
    run.run(filters.each_filter_value_selects_exactly_its_tasks)
    kinds: dict[str, set[bool]] = {}
    for request in recorder.sent:
        kinds.setdefault(request.query, set()).add(TOKEN_HEADER in request.headers)
    assert kinds[""] == {False}
    # the same kind each time, and in a rerun
    assert all(len(each) == 1 for each in kinds.values())
    by_token = [query for query, each in kinds.items() if True in each]
    assert 0.3 < len(by_token) / len(kinds) < 0.7
