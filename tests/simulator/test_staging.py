"""Staging: as hard to test as a shared service, with every answer right; each ingredient really happens."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path

import pytest

from pytest_cce_precheck.contract.envelope import PASSING
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.clock import START, ManualClock
from pytest_cce_precheck.simulator.delivery import Reset, SlowResponse, parts
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.staging.profiles import (
    PROFILES,
    Connections,
    Outages,
    Throttle,
)
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.wire.credentials import Secret
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from tests.simulator.stagings import ask_iam, errors_of, only

WALL = datetime(2025, 8, 13, 12, 0, tzinfo=UTC)
BETWEEN = 0.1
ASKS = 250


def questions(caller):
    """Return a round of requests, good and bad ones, by both kinds of credentials."""
    state, simulator = caller.simulator.state, caller.simulator
    task = state.clusters[simulator.cluster_id].tasks[0]
    plain = [
        caller.request(query)
        for query in ("", "type=addonStatic", f"task_id={task.id}", f"addon_instance_id={task.instance.id}")
    ]
    odd = [caller.request("type=bogus"), caller.request("", method="DELETE"), caller.request(cluster="nowhere")]
    other = caller.request(cluster=simulator.other_cluster_id)
    order = replace(
        caller.request(method="POST"),
        path=caller.request().path.removesuffix("/tasks"),
        body=json.dumps(caller.order(caller.entry(), caller.entry(1, "addonUpgrade"))).encode(),
    )
    return [*plain, caller.request(), *odd, other, order], [caller.request(), caller.request("type=addonUpgrade")]


def inspect(caller, asks=ASKS, hurried=0):
    """Send requests, the first ones without a pause and each with a valid token; return the answers."""
    answers, lost = [], []
    token, number = None, 0
    signed, by_token = [], []
    while number < asks:
        if not signed:
            signed, by_token = questions(caller)
        request = signed.pop()
        request = caller.with_token(request, token) if number % 2 else caller.signed(request)
        if number % 20 == 7:
            request = caller.with_token(by_token[0], "SIMULATED-TOKEN-wrong")
        number += 1
        caller.simulator.clock.advance(BETWEEN if number > hurried else 0)
        try:
            response = caller.send(request)
        except NoAnswer as failure:
            lost.append(failure)
            continue
        answers.append(Exchange(request, response))
        if response.status == 401 and response.document.get("error_code") == "APIG.0307":
            token = ask_iam(caller).headers["X-Subject-Token"]
    return answers, lost


# ---- every profile


@pytest.mark.parametrize("name", PROFILES)
def test_every_single_answer_of_every_profile_conforms(name, staging):
    answers, lost = inspect(staging(name))
    judged = [exchange for exchange in answers if exchange.status not in PASSING]
    assert [(exchange.status, errors_of(exchange)) for exchange in judged if errors_of(exchange)] == []
    assert {200, 201, 400, 401, 404, 405} <= {exchange.status for exchange in judged}
    assert len(judged) > ASKS * 0.5
    assert len(judged) + len(lost) + sum(each.status in PASSING for each in answers) == ASKS


INGREDIENTS = {
    "calm": set(),
    "busy": {"others' tasks"},
    "lagging": {"others' tasks", "from a replica that is behind"},
    "throttled": {"throttled", "throttled by chance"},
    "flaky": {"outage 502", "outage 503", "outage 504", "dropped", "reset", "slow", "dripping"},
    "expiring": {"token expired", "token call"},
    "skewed": set(),
}
INGREDIENTS["hostile"] = set().union(*INGREDIENTS.values())
INGREDIENTS["locking"] = {"key locked"}


@pytest.mark.parametrize("name", PROFILES)
def test_each_ingredient_of_a_profile_happens_and_no_other(name, staging):
    caller = staging(name)
    inspect(caller, asks=800, hurried=300)
    keys = replace(caller.simulator.credentials, secret_key=Secret("wrong"))
    for _ in range(7):
        with suppress(NoAnswer):
            caller.send(caller.signed(caller.request(), credentials=keys))
    assert set(caller.simulator.happened) - {"passed"} == INGREDIENTS[name]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_the_same_for_a_seed_and_a_clock(name, staging):
    def run(seed):
        answers, lost = inspect(staging(name, seed=seed), asks=150)
        return [(each.status, each.response.headers.pairs, each.response.body) for each in answers], len(lost)

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_calm_is_the_plain_simulator(staging, call, script):
    assert script(staging("calm")) == script(call(clock=ManualClock(), wall=lambda: WALL))


@pytest.mark.parametrize("name", ["busy", "hostile"])
def test_a_profile_can_be_combined_with_a_fault_and_a_variation(name, staging):
    caller = staging(name, faults=["page-info-missing"], variations=["items-by-state"])
    answers, _ = inspect(caller, asks=100)
    lists = [each for each in answers if each.status == 200]
    assert lists
    assert all("pageInfo" not in each.document for each in lists)
    assert caller.simulator.describe()["variations"] == ["items-by-state"]


def test_no_fault_is_hidden_by_the_gateway(staging, script):
    profile = only()
    plain = script(staging(profile))
    refusing = [fault.name for fault in FAULTS.values() if fault.category in ("authentication", "errors")]
    assert [name for name in refusing if script(staging(profile, faults=[name])) == plain] == []


def test_it_describes_itself(staging):
    facts = staging("expiring").simulator.describe()
    assert facts["staging"] == "expiring"
    assert facts["iam_path"] == "/v3/auth/tokens"
    assert "iam_user" not in staging("busy").simulator.describe()
    with pytest.raises(ConfigurationError, match=r"there is no staging profile 'hostle'; did you mean hostile\?"):
        Staging("hostle")
    with pytest.raises(ConfigurationError, match="there are calm, busy, lagging"):
        Staging("???")


def test_every_profile_is_documented_and_no_other():
    page = (Path(__file__).parents[2] / "docs" / "staging.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z]+)` \| (.*) \|$", page, re.MULTILINE))
    assert rows == {profile.name: profile.summary for profile in PROFILES.values()}


# ---- others at work


def test_others_create_tasks_that_start_finish_and_expire_at_a_rate(staging):
    caller = staging("busy")
    simulator, clock = caller.simulator, caller.simulator.clock
    caller.ask()
    before = simulator.happened["others' tasks"]
    states, seen, gone = Counter(), {}, 0
    for _ in range(600):
        clock.advance(0.5)
        listed = {item["metadata"]["taskID"]: item["status"]["status"] for item in caller.items()}
        gone += len(seen.keys() - listed.keys())
        states.update((seen.get(key), state) for key, state in listed.items() if seen.get(key) != state)
        seen = listed
    rate = (simulator.happened["others' tasks"] - before) / (clock.now() - START).total_seconds()
    assert 0.6 < rate < 0.8
    assert gone > 100
    assert min(states[change] for change in ((None, "Init"), ("Init", "Running"), ("Running", "Success"))) > 50
    assert {before for before, _ in states} == {None, "Init", "Running"}


def test_others_have_been_at_work_before_the_first_question(staging):
    assert len(staging("busy").items()) > 20


def test_others_work_faster_on_a_larger_time_scale(staging):
    def made(scale):
        caller = staging("busy", time_scale=scale)
        caller.ask()
        before = caller.simulator.happened["others' tasks"]
        for _ in range(60):
            caller.simulator.clock.advance(1)
            caller.ask()
        return caller.simulator.happened["others' tasks"] - before

    assert 5 < made(10) / made(1) < 20


def test_others_leave_the_askers_tasks_alone(staging):
    caller = staging("busy")
    created = caller.create(caller.order(caller.entry(), caller.entry(1, "addonUpgrade"))).document
    ids = {item["metadata"]["taskID"] for item in created["status"]["items"]}
    for _ in range(300):
        caller.simulator.clock.advance(1)
        assert ids <= set(caller.ids())


def test_what_others_do_does_not_depend_on_who_asks(staging):
    often, seldom = staging("busy"), staging("busy")
    for _ in range(100):
        often.simulator.clock.advance(0.99)
        often.ask()
    seldom.simulator.clock.advance((often.simulator.clock.now() - START).total_seconds())
    assert often.ask().body == seldom.ask().body


def test_a_service_that_nobody_asked_for_a_day_does_not_make_up_for_it(staging):
    caller = staging("busy")
    caller.ask()
    caller.simulator.clock.advance(24 * 3600)
    caller.ask()
    assert caller.simulator.happened["others' tasks"] < 200


# ---- replicas


def test_a_created_task_is_missing_on_a_replica_until_that_catches_up(staging):
    caller = staging(only(replicas=(0.0, 3.0)))
    created = caller.create(caller.order(caller.entry())).document["status"]["items"][0]["metadata"]["taskID"]
    seen = [created in caller.ids() for _ in range(40)]
    assert {True, False} == set(seen)
    caller.simulator.clock.advance(3)
    assert all(created in caller.ids() for _ in range(40))


def test_each_answer_shows_the_state_as_it_was_at_one_moment_of_the_last_seconds(staging):
    caller = staging("lagging")
    simulator = caller.simulator
    behind = set()
    for _ in range(200):
        simulator.clock.advance(0.7)
        now = simulator.clock.now()
        answer = caller.ask()
        assert parsedate_to_datetime(answer.headers["Date"]) == now.replace(microsecond=0)
        moments = {now - timedelta(seconds=now.timestamp() % each) if each else now for each in (0, 0.9, 2.3, 4.0)}
        fitting = [each for each in moments if states(answer.document) == states_at(simulator, each)]
        assert fitting
        behind.add(now - max(fitting))
    assert timedelta() in behind
    assert timedelta(seconds=1) < max(behind) < timedelta(seconds=4)


def states(document):
    return {item["metadata"]["taskID"]: item["status"]["status"] for item in document["items"]}


def states_at(simulator, moment):
    tasks = simulator.state.tasks_of(simulator.cluster_id, moment)
    return {task.id: str(task.state(moment)) for task in tasks if task.created.at <= moment}


def test_a_refusal_by_a_replica_has_the_present_date(staging):
    caller = staging(only(replicas=(50.0,)))
    answer = caller.ask("type=bogus")
    assert (answer.status, parsedate_to_datetime(answer.headers["Date"])) == (400, START)
    assert caller.simulator.happened["from a replica that is behind"] == 1


# ---- throttling


def test_a_burst_passes_and_what_comes_faster_is_throttled_until_it_waits(staging):
    caller = staging(only(throttle=Throttle(rate=2.0, burst=5, at_random=0.0)))
    statuses = [caller.ask().status for _ in range(8)]
    assert statuses == [200] * 5 + [429] * 3
    caller.simulator.clock.advance(float(retry_after(caller.ask(), caller.simulator.clock.now())))
    assert caller.ask().status == 200


def retry_after(answer, now):
    value = answer.headers["Retry-After"]
    return int(value) if value.isdigit() else (parsedate_to_datetime(value) - now).total_seconds()


def test_a_429_comes_in_both_envelopes_and_says_when_in_seconds_or_as_a_date(staging):
    caller = staging(only(throttle=Throttle(at_random=0.5)))
    kinds = set()
    for _ in range(100):
        now, answer = caller.simulator.clock.now(), caller.ask()
        if answer.status == 429:
            assert errors_of(Exchange(caller.request(), answer)) == []
            assert 1 <= retry_after(answer, now) < 2
            kinds.add(("error_code" in answer.document, answer.headers["Retry-After"].isdigit()))
    assert len(kinds) == 4


# ---- outages and connections


def test_an_outage_ends_and_the_next_one_keeps_its_distance(staging):
    caller = staging(only(outages=Outages(chance=0.2, longest=0.75, apart=1.5)))
    clock, bad = caller.simulator.clock, []
    for _ in range(2000):
        now = clock.now()
        if caller.ask().status != 200:
            bad.append(now)
    breaks = [(end, start) for end, start in pairwise(bad) if start - end > timedelta(seconds=0.5)]
    starts, ends = [bad[0], *(start for _, start in breaks)], [*(end for end, _ in breaks), bad[-1]]
    assert len(starts) > 3
    assert all(end - start <= timedelta(seconds=0.75) for start, end in zip(starts, ends, strict=True))
    assert all(start - end >= timedelta(seconds=1.5) for end, start in breaks)


def test_an_outage_answers_with_json_or_with_a_page(staging):
    caller = staging(only(outages=Outages(chance=1.0, longest=0.3, apart=0.0)))
    kinds = {(answer.status, answer.headers["Content-Type"]) for answer in (caller.ask() for _ in range(300))}
    assert kinds == {(status, kind) for status in (502, 503, 504) for kind in ("text/html", "application/json")}


@pytest.mark.parametrize("profile", [
    only(outages=Outages(chance=1.0, apart=0.0)),
    only(connections=Connections(dropped=1.0)),
])  # fmt: skip
def test_a_create_whose_answer_does_not_come_through_may_have_worked(staging, profile):
    caller = staging(profile)
    tasks = caller.simulator.state.clusters[caller.simulator.cluster_id].tasks
    made = set()
    for _ in range(40):
        before = len(tasks)
        with suppress(NoAnswer):
            assert caller.create(caller.order(caller.entry())).status >= 500
        made.add(len(tasks) - before)
    assert made == {0, 1}


def test_a_reset_comes_in_the_middle_of_the_body(staging):
    caller = staging(only(connections=Connections(reset=1.0, dropped=0.0)))
    with pytest.raises(Reset) as caught:
        caller.ask()
    head, _, body = caught.value.partial.partition(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(body) == length // 2


def test_a_slow_answer_takes_its_time_by_a_clock_that_stands(staging):
    caller = staging(only(connections=Connections(dropped=0.0, reset=0.0, slow=1.0, longest=2.0)))
    before = caller.simulator.clock.now()
    answer = caller.ask()
    assert isinstance(answer, SlowResponse)
    assert 0.2 <= answer.elapsed <= 2.0
    assert caller.simulator.clock.now() - before == timedelta(seconds=answer.elapsed)


def test_what_drips_goes_out_in_parts_that_make_up_the_answer():
    whole = Response(200, Headers([("Content-Length", "25")]), b"0123456789012345678901234")
    assert list(parts(whole, close=False)) == [(0.0, b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n" + whole.body)]
    late = list(parts(SlowResponse(200, whole.headers, whole.body, elapsed=2.0), close=False))
    assert [seconds for seconds, _ in late] == [2.0]
    drips = list(parts(SlowResponse(200, whole.headers, whole.body, elapsed=3.0, drips=2.0), close=True))
    assert [seconds for seconds, _ in drips] == sorted({seconds for seconds, _ in drips})
    assert (drips[0][0], drips[-1][0]) == (1.0, 3.0)
    assert len(drips) == 10
    joined = b"".join(data for _, data in drips)
    assert joined == b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\nConnection: close\r\n\r\n" + whole.body
    empty = list(parts(SlowResponse(204, elapsed=1.0, drips=1.0), close=False))
    assert empty == [(0.0, b"HTTP/1.1 204 No Content\r\n\r\n")]


def test_a_staging_is_a_simulator():
    staging = Staging("busy")
    assert isinstance(staging, Simulator)
    assert staging.handle(Request("HEAD", staging.endpoint, "/")).body == b""
