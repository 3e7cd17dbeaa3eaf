"""Faults: each changes an answer, and none breaks the simulator itself."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.faults import FAULTS, TABLES
from pytest_cce_precheck.simulator.pipeline import Fault, _catalogue
from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.wire.credentials import Secret

CATEGORIES = {
    "schema",
    "soundness",
    "completeness",
    "combination",
    "invariants",
    "count",
    "isolation",
    "authentication",
    "errors",
    "HTTP",
    "life cycle",
    "safety",
    "robustness",
}


@pytest.fixture(scope="module")
def healthy():
    """The plain simulator's answers to the script, once."""
    return cache(lambda script, call: script(call()))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_an_answer(name, call, script, healthy):
    assert script(call(faults=[name])) != healthy(script, call)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_works_in_a_busy_cluster(name, call):
    caller = call(faults=[name], variations=["busy-cluster"])
    known = caller.simulator.state.tasks_of(caller.simulator.cluster_id, caller.simulator.clock.now())[5]
    for query in ("", "type=addonStatic", f"task_id={known.id}", f"addon_instance_id={known.instance.id}") * 2:
        with suppress(NoAnswer):
            caller.ask(query)
            caller.ask(f"{query}&type=addonUpgrade")
    with suppress(NoAnswer):
        caller.create(caller.order(caller.entry(0)))


def test_names_are_unique_kebab_case_facts():
    assert len(FAULTS) == sum(map(len, _catalogue()["faults"].values()))
    assert [name for name in FAULTS if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", name)] == []


def test_every_name_has_hooks_and_every_hook_has_a_name():
    hooks = [(stage, name) for table in TABLES for stage, named in table.items() for name in named]
    assert len(set(hooks)) == len(hooks)
    assert {name for _, name in hooks} == set(FAULTS)


def test_every_fault_has_a_known_category_codes_and_a_sentence():
    for fault in FAULTS.values():
        assert fault.category in CATEGORIES, fault.name
        assert fault.codes, fault.name
        assert all(re.fullmatch(r"PRE[1-6]\d\d", code) for code in fault.codes), fault.name
        assert re.fullmatch(r"[A-Z`0-9].*[.]", fault.summary), fault.name


def test_every_category_has_faults_and_a_third_of_them_is_subtle():
    assert {fault.category for fault in FAULTS.values()} == CATEGORIES
    assert sum(fault.subtle for fault in FAULTS.values()) * 3 >= len(FAULTS)


def test_every_code_of_the_exploring_checks_has_a_fault():
    best = {fault.codes[0] for fault in FAULTS.values()}
    expected = {f"PRE1{number:02}" for number in range(1, 14)}
    expected |= {f"PRE20{number}" for number in range(1, 8)} | {f"PRE21{number}" for number in range(5)}
    expected |= {f"PRE30{number}" for number in range(1, 10)}
    expected |= {"PRE310", "PRE311", "PRE320", "PRE321", "PRE322", "PRE323", "PRE324"}
    expected |= {f"PRE4{number:02}" for number in range(1, 16)}
    expected |= {f"PRE5{number:02}" for number in range(1, 11)}
    expected |= {f"PRE6{number:02}" for number in range(1, 12)}
    assert expected - best == set()


def test_a_mistyped_fault_is_refused_with_a_near_match():
    with pytest.raises(ConfigurationError, match="no fault 'type-filter-ignord'; did you mean type-filter-ignored"):
        Simulator(faults=["type-filter-ignord"])


def test_faults_can_be_combined(call, script):
    names = list(FAULTS)
    for place in range(0, len(names) - 40, 40):
        some = [names[place], names[place + 17], names[place + 39]]
        if not any(name in ("always-throttled",) for name in some):
            script(call(faults=some))


def test_a_fault_changes_nothing_in_a_document_that_another_has_broken(call):
    caller = call(faults=["items-null-when-nothing-matches", "expiry-on-every-task"])
    assert caller.ask("task_id=unknown").document["items"] is None


def test_a_fault_of_expiry_times_leaves_tasks_without_one_alone(call):
    items = call(faults=["expiry-loses-its-offset"]).items()
    assert {item["status"]["status"] for item in items if "expireTimeStamp" not in item["metadata"]} == {
        "Init",
        "Running",
    }


@pytest.mark.parametrize("faults", [[], ["type-filter-ignored"], ["kind-missing"]])
def test_an_error_of_a_fault_is_not_hidden_by_other_faults(call, faults):
    def select(call, tasks):
        raise KeyError("an error of the fault")

    own = Fault(name="own", summary="Fails.", category="soundness", codes=("PRE401",), select=select)
    with pytest.raises(KeyError, match="an error of the fault"):
        call(faults=[*faults, own]).ask("type=addonStatic")


SELECTING = {"PRE401", "PRE402", "PRE404", "PRE406", "PRE407", "PRE408", "PRE409", "PRE410", "PRE412", "PRE413"}


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.codes[0] in SELECTING])
def test_a_fault_of_the_filters_leaves_the_unfiltered_list_alone(name, call, caller):
    assert call(faults=[name]).ids() == caller.ids()


def test_or_for_and_selects_what_either_filter_selects(call):
    caller = call(faults=["or-for-and"])
    first, second, *_ = caller.ids()
    assert caller.ids(f"task_id={second}&task_id={first}") == [first, second]
    static = caller.ids("type=addonStatic")
    last = caller.ids("type=addonUpgrade")[-1]
    assert set(caller.ids(f"type=addonStatic&task_id={last}")) == {*static, last}


def test_a_combination_loses_one_task_and_single_filters_none(call, caller):
    broken = call(faults=["one-task-lost-under-type-and-instance"])
    metadata = caller.items()[0]["metadata"]
    by_type, by_instance = f"type={metadata['type']}", f"addon_instance_id={metadata['addonInstanceID']}"
    assert broken.ids(by_type) == caller.ids(by_type)
    assert broken.ids(by_instance) == caller.ids(by_instance)
    both = caller.ids(f"{by_type}&{by_instance}")
    assert broken.ids(f"{by_type}&{by_instance}") == both[1:] != both


def test_a_query_that_is_not_signed_can_be_changed_and_nothing_else_can(call):
    caller = call(faults=["query-not-signed"])
    signed = caller.signed(caller.request("type=addonStatic"))
    assert caller.send(signed).status == 200
    assert caller.send(replace(signed, query="type=addonUpgrade")).status == 200
    elsewhere = caller.request(cluster=caller.simulator.other_cluster_id).path
    assert caller.send(replace(signed, path=elsewhere)).status == 401
    wrong = replace(caller.simulator.credentials, secret_key=Secret("wrong"))
    assert caller.send(caller.signed(caller.request(), credentials=wrong)).status == 401


def test_an_old_date_is_accepted_only_with_a_right_signature(call):
    caller = call(faults=["any-date-accepted"])
    old = caller.signed(caller.request("type=addonStatic"), now=datetime(2001, 1, 1, tzinfo=UTC))
    assert caller.send(old).status == 200
    assert caller.send(replace(old, query="")).status == 401


def test_a_finished_task_that_vanishes_was_seen_and_is_hours_from_its_expiry(call):
    caller = call(faults=["finished-task-vanishes-early"])
    first, *_, last = [caller.items() for _ in range(5)]
    (lost,) = [item for item in first if item not in last]
    assert lost["metadata"]["expireTimeStamp"] > "2025-08-14"


def test_a_refused_create_that_makes_a_task_is_refused_all_the_same(call):
    caller = call(faults=["refused-create-makes-a-task"])
    assert caller.create(caller.order(caller.entry(), kind="x")).status == 400
    assert len(caller.ids()) == 13


def test_reads_that_add_tasks_add_them_for_good(call):
    caller = call(faults=["reads-add-tasks"])
    assert [len(caller.ids()) for _ in range(7)] == [12, 12, 13, 13, 13, 14, 14]


def test_only_the_first_question_of_a_connection_loses_its_filters(call):
    caller = call(faults=["new-connection-loses-its-filters"])
    assert len(caller.ids("type=addonStatic")) == 6
    caller.connection = 2
    assert len(caller.ids("type=addonStatic")) == 12
    assert len(caller.ids("type=addonStatic")) == 6
