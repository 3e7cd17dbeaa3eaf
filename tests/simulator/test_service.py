"""The plain simulator: authentication, paths, filters, errors, the create call, determinism, threads."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from pytest_cce_precheck.simulator.clock import START
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import create_path


def error_of(response):
    document = response.document
    assert set(document) == {"errorCode", "errorMessage"}
    assert document["errorCode"][6:9] == str(response.status) or response.status == 400
    return response.status, document["errorCode"]


# ---- the list


def test_the_list_has_the_documented_form(caller):
    document = caller.ask().document
    assert list(document) == ["kind", "apiVersion", "pageInfo", "items"]
    assert (document["kind"], document["apiVersion"]) == ("AddonCheck", "v3")
    assert document["pageInfo"] == {"currentCount": 12}
    for item in document["items"]:
        metadata, status = item["metadata"], item["status"]
        assert parse_timestamp(metadata["createTimeStamp"]).offset_minutes == 480
        assert re.search(r"\.\d{9}\+08:00$", metadata["createTimeStamp"])
        assert ("expireTimeStamp" in metadata) == (status["status"] in ("Failed", "Success"))
        assert ("spec" in item) == (metadata["type"] == "addonUpgrade")
        for risk in status["riskList"]:
            assert ("message" in risk) == (risk["status"] in ("Failed", "Success"))


def test_an_answer_has_date_content_type_length_and_request_id(caller):
    response = caller.ask()
    assert parsedate_to_datetime(response.headers["Date"]) == START
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Content-Length"] == str(len(response.body))
    assert response.headers["X-Request-Id"] != caller.ask().headers["X-Request-Id"]


def test_the_same_seed_gives_the_same_bytes(call, script):
    assert script(call(seed=5)) == script(call(seed=5))
    assert script(call(seed=5)) != script(call(seed=6))


def test_reading_changes_nothing(caller):
    first = caller.ask().body
    for query in ("type=addonStatic", "task_id=x", "", "foo=bar"):
        caller.ask(query)
    assert caller.ask().body == first


def test_types_partition_the_list(caller):
    static, upgrade = caller.ids("type=addonStatic"), caller.ids("type=addonUpgrade")
    assert sorted(static + upgrade) == sorted(caller.ids())
    assert len(static) == len(upgrade) == 6


def test_every_task_is_found_by_its_id_type_and_instance(caller):
    for item in caller.items():
        metadata = item["metadata"]
        pairs = [("task_id", metadata["taskID"]), ("type", metadata["type"])]
        pairs.append(("addon_instance_id", metadata["addonInstanceID"]))
        assert caller.ask_for(*pairs).document["items"] == [item]
        assert caller.ask_for(*reversed(pairs)).document["items"] == [item]
        by_instance = caller.ask_for(pairs[2]).document["items"]
        assert item in by_instance
        assert len(by_instance) == 3


def test_the_count_is_that_of_the_matches(caller):
    assert caller.ask("type=addonStatic").document["pageInfo"] == {"currentCount": 6}


def test_filters_that_contradict_each_other_select_nothing(caller):
    first, *_, last = caller.items()
    pairs = ("task_id", first["metadata"]["taskID"]), ("addon_instance_id", last["metadata"]["addonInstanceID"])
    assert caller.ask_for(*pairs).document["items"] == []


@pytest.mark.parametrize("name", ["task_id", "addon_instance_id"])
def test_values_like_an_id_select_nothing(caller, name):
    metadata = caller.items()[0]["metadata"]
    known = metadata["taskID" if name == "task_id" else "addonInstanceID"]
    likes = (known.upper(), known[:8], f"{known} ", f"{known}x", f"{known[:8]}%", "*", "é", "x" * 8000, "' OR ''='")
    for value in likes:
        assert caller.ask_for((name, value)).document["items"] == [], value


@pytest.mark.parametrize("value", ["bogus", "addonstatic", "addon", "addonStatic,addonUpgrade", "%", "é"])
def test_an_unknown_type_is_refused(caller, value):
    assert error_of(caller.ask_for(("type", value))) == (400, "CCE.03400001")


def test_an_empty_value_is_no_filter(caller):
    everything = caller.ids()
    for query in ("type=", "task_id", "addon_instance_id=&type="):
        assert caller.ids(query) == everything


def test_unknown_parameters_and_other_spellings_of_names_are_ignored(caller):
    everything = caller.ids()
    for query in ("limit=1", "Type=addonStatic", "TASK_ID=x", "offset=5&marker=x", "&&"):
        assert caller.ids(query) == everything


def test_a_repeated_filter_names_several_values(caller):
    first, second, *_ = caller.ids()
    assert caller.ids(f"task_id={first}&task_id={second}") == [first, second]
    assert caller.ids(f"task_id={first}&task_id={first}") == [first]
    assert caller.ids("type=addonStatic&type=addonUpgrade") == caller.ids()


def test_percent_encoding_makes_no_difference(caller):
    first = caller.ids()[0]
    assert caller.ids(f"%74ask_id={first.replace('-', '%2d')}") == [first]
    assert caller.ids("type=addon%53tatic") == caller.ids("type=addonStatic")
    assert caller.ids("task_id=%FF%FE") == []


def test_each_cluster_has_its_own_tasks(caller):
    simulator = caller.simulator
    other = caller.ids(cluster=simulator.other_cluster_id)
    assert len(other) == 5
    assert not set(other) & set(caller.ids())
    assert caller.ids(f"task_id={other[0]}") == []
    assert caller.ids(cluster=simulator.empty_cluster_id) == []


# ---- the create call


def test_created_tasks_are_in_init_and_the_spec_is_as_sent(caller):
    order = caller.order(caller.entry(0), caller.entry(1, "addonUpgrade"))
    response = caller.create(order)
    assert response.status == 201
    document = response.document
    assert list(document) == ["kind", "apiVersion", "spec", "status"]
    assert document["spec"] == order["spec"]
    for entry, item in zip(order["spec"]["addonList"], document["status"]["items"], strict=True):
        assert item["metadata"]["type"] == entry["type"]
        assert item["metadata"]["addonInstanceID"] == entry["addonInstanceID"]
        assert item["metadata"]["addonTemplateName"] == entry["addonTemplateName"]
        assert item.get("spec", {}).get("addonTargetVersion") == entry.get("targetVersion")
        assert item["status"]["status"] == "Init"
        assert all(risk["status"] == "Init" and "message" not in risk for risk in item["status"]["riskList"])


def test_a_created_task_moves_on_by_the_clock_finishes_expires_and_leaves(caller):
    clock = caller.simulator.clock
    item = caller.create(caller.order(caller.entry(0))).document["status"]["items"][0]
    task_id = item["metadata"]["taskID"]

    def shown():
        return caller.items(f"task_id={task_id}")[0]

    assert shown() == item
    clock.advance(2.5)
    running = shown()
    assert running["status"]["status"] == "Running"
    assert "expireTimeStamp" not in running["metadata"]
    clock.advance(3)
    final = shown()
    assert final["status"]["status"] in ("Failed", "Success")
    expires = parse_timestamp(final["metadata"]["expireTimeStamp"]).datetime
    assert timedelta(hours=24) <= expires - START < timedelta(hours=24, seconds=6)
    clock.advance(24 * 3600 - 2)
    assert shown() == final
    clock.advance(3)
    assert caller.ids(f"task_id={task_id}") == []


def test_created_tasks_end_both_ways(caller):
    for _ in range(8):
        caller.create(caller.order(caller.entry(0)))
    caller.simulator.clock.advance(10)
    assert {item["status"]["status"] for item in caller.items()[12:]} == {"Failed", "Success"}


def test_a_created_task_is_found_by_every_filter(caller):
    item = caller.create(caller.order(caller.entry(2, "addonUpgrade"))).document["status"]["items"][0]
    metadata = item["metadata"]
    for pair in (("type", metadata["type"]), ("addon_instance_id", metadata["addonInstanceID"])):
        assert item in caller.ask_for(pair).document["items"]
    assert caller.ask().document["pageInfo"]["currentCount"] == 13


def without(entry, name):
    return {key: value for key, value in entry.items() if key != name}


@pytest.mark.parametrize(("bad", "status"), [
    (lambda c: b"{", 400),
    (lambda c: b"", 400),
    (lambda c: [], 400),
    (lambda c: c.order(c.entry(), kind="Addon"), 400),
    (lambda c: c.order(c.entry(), apiVersion="v1"), 400),
    (lambda c: without(c.order(c.entry()), "spec"), 400),
    (lambda c: c.order(c.entry(), spec=[]), 400),
    (lambda c: c.order(c.entry(), spec={"clusterID": c.simulator.other_cluster_id, "addonList": [c.entry()]}), 400),
    (lambda c: c.order(), 400),
    (lambda c: c.order("coredns"), 400),
    (lambda c: c.order(without(c.entry(), "addonTemplateName")), 400),
    (lambda c: c.order(without(c.entry(), "addonInstanceID")), 400),
    (lambda c: c.order(without(c.entry(), "type")), 400),
    (lambda c: c.order(c.entry(type="addonOther")), 400),
    (lambda c: c.order(without(c.entry(type="addonUpgrade"), "targetVersion")), 400),
    (lambda c: c.order(c.entry(type="addonUpgrade", targetVersion="")), 400),
    (lambda c: c.order(c.entry(type="addonUpgrade", targetVersion=1)), 400),
    (lambda c: c.order(c.entry(values=[])), 400),
    (lambda c: c.order(c.entry(addonTemplateName="npd")), 400),
    (lambda c: c.order(c.entry(addonInstanceID="nobody")), 404),
    (lambda c: c.order(c.entry(), c.entry(addonInstanceID="nobody")), 404),
])  # fmt: skip
def test_a_bad_order_is_refused_and_makes_nothing(caller, bad, status):
    response = caller.create(bad(caller))
    assert error_of(response)[0] == status
    assert len(caller.ids()) == 12


def test_a_create_needs_credentials_and_an_own_cluster(caller):
    simulator = caller.simulator
    body = json.dumps(caller.order(caller.entry())).encode()
    path = create_path(simulator.project_id, simulator.cluster_id)
    request = replace(caller.request(method="POST"), path=path, body=body)
    assert caller.send(request).status == 401
    assert caller.send(caller.signed(request)).status == 201
    elsewhere = replace(request, path=create_path(simulator.project_id, "nowhere"))
    assert caller.send(caller.with_token(elsewhere)).status == 404


# ---- threads and odd input


def test_threads_do_not_disturb_each_other(caller):
    wanted = {query: caller.ask(query).body for query in ("", "type=addonStatic", "type=addonUpgrade", "task_id=x")}
    queries = list(wanted) * 50
    with ThreadPoolExecutor(8) as pool:
        bodies = pool.map(lambda query: caller.ask(query).body, queries)
        assert all(body == wanted[query] for query, body in zip(queries, bodies, strict=True))


def test_threads_create_each_task_once(caller):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: caller.create(caller.order(caller.entry())), range(40)))
    assert len(set(caller.ids())) == 12 + 40


@pytest.mark.parametrize("query", ["&", "=", "%", "%zz", "type", "a=b;c=d", "task_id=%00", "task_id=\udc80", "\u2028"])
def test_odd_queries_are_answered(caller, query):
    assert caller.ask(query).status in (200, 400)


def test_an_odd_header_is_no_credential(caller):
    request = caller.request()
    for value in ("\udc80", "é\x00", " "):
        assert caller.send(request.with_headers(Headers([("X-Auth-Token", value)]))).status == 401
    assert caller.send(Request("", "", "", "")).status == 401


def test_the_same_request_asked_again_follows_the_state_and_the_real_time(call):
    real = [datetime(2025, 8, 13, 12, 0, tzinfo=UTC)]
    caller = call(wall=lambda: real[0])
    request = caller.signed(caller.request("type=addonStatic"))
    first, second = caller.send(request), caller.send(request)
    assert first.body == second.body
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    caller.create(caller.order(caller.entry()))
    assert len(caller.send(request).document["items"]) == 7
    caller.simulator.clock.advance(2.5)
    assert caller.send(request).document["items"][-1]["status"]["status"] == "Running"
    real[0] += timedelta(minutes=16)
    assert caller.send(request).status == 401


# ---- room


def test_a_cluster_has_so_many_tasks_and_no_more(caller, monkeypatch):
    monkeypatch.setattr("pytest_cce_precheck.simulator.creation.MOST_TASKS", 14)
    entry = caller.entry()
    # of two entries, none is taken if there is no room for both
    assert caller.create(caller.order(entry)).status == 201
    refused = caller.create(caller.order(entry, entry))
    assert error_of(refused) == (400, "CCE.03400001")
    assert "a cluster must not have more than 14 check tasks" in refused.document["errorMessage"]
    assert caller.create(caller.order(entry)).status == 201
    assert caller.create(caller.order(entry)).status == 400
    assert len(caller.ask().document["items"]) == 14


def test_tasks_that_are_no_longer_listed_make_room(caller, monkeypatch):
    monkeypatch.setattr("pytest_cce_precheck.simulator.creation.MOST_TASKS", 12)
    assert caller.create(caller.order(caller.entry())).status == 400
    caller.simulator.clock.advance(400 * 24 * 3600)
    assert caller.create(caller.order(caller.entry())).status == 201
    assert len(caller.simulator.state.clusters[caller.simulator.cluster_id].tasks) == 1
