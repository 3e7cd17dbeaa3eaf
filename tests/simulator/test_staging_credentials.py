"""Staging: tokens that expire, clocks that differ, and keys that are locked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from pytest_cce_precheck.simulator.clock import START
from pytest_cce_precheck.simulator.staging.profiles import Lock, TokenLife
from pytest_cce_precheck.wire.credentials import Secret
from pytest_cce_precheck.wire.exchange import Exchange, Request
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from tests.simulator.conftest import WALL
from tests.simulator.stagings import ask_iam, errors_of, only

# ---- tokens


@pytest.mark.parametrize(("life", "good"), [(TokenLife(seconds=9, requests=1000), 9), (TokenLife(1000, 4), 4)])
def test_a_token_expires_and_a_new_one_is_good(staging, life, good):
    caller = staging(only(tokens=life))
    statuses = []
    for _ in range(good + 3):
        statuses.append(caller.ask().status)
        caller.simulator.clock.advance(0.99)
    assert statuses == [200] * good + [401] * 3
    refusal = caller.ask()
    assert refusal.document["error_code"] == "APIG.0307"
    assert errors_of(Exchange(caller.with_token(caller.request()), refusal)) == []
    answer = ask_iam(caller)
    token = answer.headers["X-Subject-Token"]
    assert answer.status == 201
    assert caller.send(caller.with_token(caller.request(), token)).status == 200
    assert caller.ask().status == 401
    assert caller.send(caller.signed(caller.request())).status == 200


def test_a_token_says_when_it_expires(staging):
    caller = staging(only(tokens=TokenLife(seconds=30)))
    document = ask_iam(caller).document["token"]
    assert parse_timestamp(document["expires_at"]).seconds - parse_timestamp(document["issued_at"]).seconds == 30
    assert document["project"]["id"] == caller.simulator.project_id


def test_the_first_token_begins_with_its_first_use(staging):
    caller = staging(only(tokens=TokenLife(seconds=30)))
    caller.simulator.clock.advance(3600)
    assert caller.ask().status == 200


@pytest.mark.parametrize(("changes", "status"), [
    ({"user": {"password": "wrong"}}, 401),
    ({"user": {"name": "nobody"}}, 401),
    ({"user": {"domain": {"name": "nowhere"}}}, 401),
    ({"identity": {"methods": ["totp"], "password": {"user": {"name": "", "password": "", "domain": {"name": ""}}}}},
     401),
    ({"scope": {"project": {"id": "another"}}}, 403),
    ({"scope": {}}, 400),
    ({"identity": {}}, 400),
    ({"identity": []}, 400),
])  # fmt: skip
def test_nobody_else_gets_a_token(staging, changes, status):
    answer = ask_iam(staging("expiring"), **changes)
    assert (answer.status, answer.document["error"]["code"]) == (status, status)
    assert "X-Subject-Token" not in answer.headers


def test_the_token_call_takes_json_by_post_alone(staging):
    caller = staging("expiring")
    request = Request("GET", caller.simulator.endpoint, "/v3/auth/tokens")
    assert caller.send(request).status == 405
    assert caller.send(replace(request, method="POST", body=b"{")).status == 400
    assert caller.send(replace(request, method="HEAD")).body == b""


# ---- clocks and keys


def test_a_skewed_service_dates_everything_by_its_own_clock(staging):
    caller = staging("skewed")
    assert parsedate_to_datetime(caller.ask().headers["Date"]) == START + timedelta(seconds=412)
    created = caller.create(caller.order(caller.entry())).document["status"]["items"][0]["metadata"]
    made = parse_timestamp(created["createTimeStamp"]).seconds
    assert 412 <= made - START.timestamp() < 413


@pytest.mark.parametrize(("skew", "age", "status"), [(412, 0, 200), (412, 480, 200), (412, 500, 401), (1000, 0, 401)])
def test_a_signature_is_as_old_as_the_services_clock_says(staging, skew, age, status):
    caller = staging(only(skew=float(skew)))
    answer = caller.send(caller.signed(caller.request(), now=WALL - timedelta(seconds=age)))
    assert answer.status == status
    if status == 401:
        assert answer.document["error_code"] == "APIG.0301"
        assert answer.document["request_id"] == answer.headers["X-Request-Id"]


def test_the_gateway_says_what_is_wrong_with_credentials(staging):
    caller = staging("busy")
    asked = [
        caller.request(),
        caller.with_token(caller.request(), "wrong"),
        replace(caller.signed(caller.request()), query="type=addonStatic"),
    ]
    told = [caller.send(request).document["error_msg"].partition(": ")[2] for request in asked]
    assert told == ["x-auth-token not found", "decrypt token fail", "verify aksk signature fail"]


def test_a_key_that_is_refused_too_often_in_a_row_is_locked_for_a_while(staging):
    caller = staging(only(lock=Lock(failures=5, seconds=300.0)))
    keys = caller.simulator.credentials
    good = caller.signed(caller.request())
    bad = caller.signed(caller.request(), credentials=replace(keys, secret_key=Secret("wrong")))
    for request in (bad, bad, bad, bad, bad, good, bad, bad, bad, bad, bad):
        caller.send(request)
    assert caller.send(good).status == 200
    for _ in range(6):
        caller.send(bad)
    refusal = caller.send(good)
    assert (refusal.status, refusal.document["error_code"]) == (401, "APIG.0301")
    assert "AK access failed" in refusal.document["error_msg"]
    assert caller.ask().status == 200
    caller.simulator.clock.advance(300)
    assert caller.send(good).status == 200
    assert caller.simulator.happened["key locked"] == 1
