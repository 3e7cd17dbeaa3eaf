"""Variations: each follows the contract, and the busy cluster follows the life cycle."""

from __future__ import annotations

import gzip
import json
import re
from email.utils import parsedate_to_datetime

import pytest

from pytest_cce_precheck.simulator.variations import HOOKS, VARIATIONS
from pytest_cce_precheck.wire.exchange import Headers
from pytest_cce_precheck.wire.timestamps import parse_timestamp


def test_every_name_has_hooks_and_every_hook_has_a_name():
    assert {name for named in HOOKS.values() for name in named} == set(VARIATIONS)


def test_names_are_kebab_case_and_have_a_sentence():
    assert len(VARIATIONS) >= 20
    for variation in VARIATIONS.values():
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", variation.name)
        assert variation.summary.endswith(".")


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_variation_answers_everything_in_json(name, call, script):
    caller = call(variations=[name])
    if name == "no-tasks":
        assert caller.items() == []
        return
    if name == "many-tasks":
        assert len(caller.items("type=addonStatic")) == 1000
        return
    for status, headers, body in script(caller):
        assert status in (200, 201, 206, 304, 400, 401, 403, 404, 405, 409, 426, 429, 500, 503)
        # the answer to HEAD has no body, 206 a part of it
        if status in (206, 304) or not body:
            continue
        assert Headers(headers)["Content-Type"].startswith("application/json")
        assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize("name", sorted(set(VARIATIONS) - {"no-tasks"}))
def test_a_variation_differs_from_the_plain_simulator(name, call, script):
    caller = call(variations=[name])
    plain = call(tasks={"one-task": 1, "many-tasks": 2000}.get(name, 12))
    if name in ("one-task", "many-tasks"):
        assert caller.items() == plain.items()
    elif name == "gzip":
        accepts = Headers([("Accept-Encoding", "gzip, deflate")])
        request = caller.with_token(caller.request())
        response = caller.send(request.with_headers(Headers((*request.headers.pairs, *accepts.pairs))))
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(response.body) == plain.ask().body
    else:
        assert script(caller) != script(plain)


@pytest.mark.parametrize(("name", "query", "status", "found"), [
    ("unknown-type-matches-nothing", "type=bogus", 200, 0),
    ("unknown-ids-404", "task_id=nobody", 404, None),
    ("unknown-ids-404", "addon_instance_id=nobody", 404, None),
    ("unknown-ids-404", "type=addonStatic", 200, 6),
    ("empty-value-matches-nothing", "type=", 200, 0),
    ("empty-value-400", "task_id=", 400, None),
    ("malformed-ids-400", "task_id=nobody", 400, None),
    ("malformed-ids-400", "task_id=8ca259cc-553b-11e9-926f-0255ac101a31", 200, 0),
    ("static-tasks-only", "type=addonUpgrade", 200, 0),
    ("upgrade-tasks-only", "", 200, 12),
    ("one-task", "", 200, 1),
    ("no-tasks", "type=addonStatic", 200, 0),
])  # fmt: skip
def test_what_the_contract_leaves_open_is_varied(call, name, query, status, found):
    response = call(variations=[name]).ask(query)
    assert response.status == status
    assert found is None or len(response.document["items"]) == found


def test_the_count_can_be_that_of_the_cluster(call):
    document = call(variations=["count-of-the-cluster"]).ask("type=addonStatic").document
    assert (document["pageInfo"]["currentCount"], len(document["items"])) == (12, 6)


def test_the_gateway_s_errors_have_its_form(call):
    caller = call(variations=["gateway-errors"])
    response = caller.send(caller.request())
    assert response.status == 401
    assert set(response.document) == {"error_code", "error_msg", "request_id"}
    assert response.document["request_id"] == response.headers["X-Request-Id"]


def test_variations_can_be_combined(call):
    caller = call(variations=["unknown-fields", "timestamps-in-utc", "items-shuffled", "count-of-the-cluster"])
    items = caller.items("type=addonStatic")
    assert len(items) == 6
    assert all(item["metadata"]["createTimeStamp"].endswith("Z") for item in items)


def test_a_busy_cluster_throttles_each_fifth_call(call):
    caller = call(variations=["busy-cluster"])
    statuses = [caller.ask().status for _ in range(20)]
    assert statuses == [200, 200, 200, 200, 429] * 4


def test_a_busy_cluster_follows_the_life_cycle(call):
    caller = call(variations=["busy-cluster"])
    seen, gone = {}, set()
    states = {"Init": 0, "Running": 1, "Failed": 2, "Success": 2}
    for _ in range(400):
        response = caller.ask()
        if response.status == 429:
            assert response.headers["Retry-After"] == "1"
            continue
        now = parsedate_to_datetime(response.headers["Date"]).timestamp()
        listed = {item["metadata"]["taskID"]: item for item in response.document["items"]}
        assert not gone & set(listed)
        for task_id, before in seen.items():
            after = listed.get(task_id)
            expires = before["metadata"].get("expireTimeStamp")
            if after is None:
                assert expires is None or parse_timestamp(expires).seconds <= now
                gone.add(task_id)
            elif expires:
                assert after == before
            else:
                assert states[after["status"]["status"]] >= states[before["status"]["status"]]
                assert after["metadata"]["createTimeStamp"] == before["metadata"]["createTimeStamp"]
        for task_id, item in listed.items():
            created = parse_timestamp(item["metadata"]["createTimeStamp"]).seconds
            assert created <= now, task_id
        seen = listed
    assert len(gone) > 30
    assert len(seen) > 12


def test_a_busy_cluster_comes_from_the_seed(call):
    first, again, other = (call(variations=["busy-cluster"], seed=seed) for seed in (1, 1, 2))
    assert [first.ask().body for _ in range(20)] == [again.ask().body for _ in range(20)]
    assert first.ask().body != other.ask().body
