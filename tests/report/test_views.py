"""What the page shows of a record: classes asked together, fields, the course of the run, open rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from pytest_cce_precheck.contract.rules import Kind, rules
from pytest_cce_precheck.report.proved import Proved
from pytest_cce_precheck.report.record import RunRecord, TargetResult
from pytest_cce_precheck.report.views import contract_tree, matrices, open_rules, slowest, timeline
from pytest_cce_precheck.suite.checks import inspect
from pytest_cce_precheck.suite.filters import (
    each_filter_value_selects_exactly_its_tasks,
    filters_together_select_what_satisfies_all,
)
from pytest_cce_precheck.suite.selftest import inspection_of

EMPTY: Final = RunRecord("live", {"": TargetResult("https://cce.example")})


def sent(at: float, took: float, kind: str = "type", status: int = 200) -> dict[str, Any]:
    return {"at": at, "took": took, "kind": kind, "status": status, "asked": f"GET {at}", "target": ""}


def test_a_record_of_nothing_shows_nothing() -> None:
    assert (matrices(EMPTY), contract_tree(EMPTY), timeline(EMPTY), list(slowest(EMPTY)), open_rules(EMPTY)) == (
        [], [], None, [], []
    )  # fmt: skip


def test_answers_are_counted_by_the_classes_of_each_two_filters() -> None:
    asked = (
        {"classes": {"type": "matching", "task_id": "prefix"}, "judged": 3, "red": 1},
        {"classes": {"type": "matching", "task_id": "quotes", "addon_instance_id": "matching"}, "judged": 2, "red": 0},
        {"classes": {}, "judged": 1, "red": 0},
    )
    found = {(each["rows"], each["columns"]): each for each in matrices(replace(EMPTY, combinations=asked))}
    of_ids = found["type", "task_id"]
    matching, absent, odd = (of_ids["classes"].index(name) for name in ("matching", "absent", "odd"))
    assert of_ids["cells"][matching][odd] == (5, 1)
    assert of_ids["cells"][absent][absent] == (1, 0)
    assert of_ids["cells"][odd][odd] == (0, 0)
    assert found["type", "addon_instance_id"]["cells"][matching][matching] == (2, 0)


def test_the_checks_count_each_judged_answer_and_the_wrong_ones() -> None:
    for faults, is_red in (((), False), (("type-filter-ignored",), True)):
        run = inspection_of(faults)
        for check in (each_filter_value_selects_exactly_its_tasks, filters_together_select_what_satisfies_all):
            run.run(check)
        counted = run.progress().combinations
        assert sum(judged for judged, _ in counted.values()) > 40
        assert any(red for _, red in counted.values()) is is_red


def test_a_field_is_counted_by_type_and_state_and_shown_if_it_was_never_seen() -> None:
    fields = Proved(
        {
            "list $.kind": 4,
            "list $.items[*].metadata.taskID (addonStatic, Init)": 6,
            "list $.items[*].metadata.type (addonStatic, Init)": 2,
        },
        (),
        (),
    )
    rows = {row["name"]: row for row in contract_tree(replace(EMPTY, proved={"fields": fields}))}
    assert (rows["kind"]["times"], rows["taskID"]["seen"][0], rows["type"]["seen"][0]) == (4, (6, 6), (2, 6))
    assert (rows["expireTimeStamp"]["times"], rows["riskName"]["times"]) == (0, 0)
    assert rows["riskName"]["depth"] > rows["riskList"]["depth"] > rows["kind"]["depth"]


def test_the_timeline_fits_its_width_and_counts_what_was_lost() -> None:
    lives = ({"task": "t", "target": "", "states": [[0.5, "Init"], [1.0, "Success"]]},)
    requests = (sent(0.0, 0.2), sent(1.0, 0.1, "", 503), sent(1.5, 0.5, "", 0))
    shown = timeline(replace(EMPTY, timeline=requests, lives=lives))
    assert shown is not None
    assert (shown["seconds"], shown["again"], shown["lost"], shown["kinds"]) == (2.0, 2, 1, ("type", "sent again"))
    assert [look for *_, look in shown["marks"]] == ["ok", "again", "lost"]
    assert [(round(x), round(width), state) for x, width, _, state in shown["spans"]] == [
        (250, 250, "Init"), (500, 500, "Success")
    ]  # fmt: skip


def test_the_slowest_five_of_each_kind_are_shown() -> None:
    requests = (*(sent(n, n / 10) for n in range(1, 9)), sent(9, 0.1, "task_id"), sent(10, 9.0, "", 503))
    shown = {kind: (number, [each["took"] for each in found]) for kind, number, found in slowest(
        replace(EMPTY, timeline=requests)
    )}  # fmt: skip
    assert shown == {"type": (8, [0.8, 0.7, 0.6, 0.5, 0.4]), "task_id": (1, [0.1])}


def test_what_only_writes_can_prove_names_the_option_for_them() -> None:
    proofs = []
    for writes in (True, False):
        run = inspection_of()
        run.settings = replace(run.settings, allow_writes=writes)
        proofs.append({code for code, number in inspect(run).results.proof.rules.items() if number})
    for code in proofs[0] - proofs[1]:
        [rule] = open_rules(replace(EMPTY, proved={"rules": Proved({}, (), (code,))}))
        assert rule["option"] == "--cce-allow-writes" or rules()[code].kind is Kind.OBSERVATION, code


@pytest.mark.parametrize(
    ("code", "option"),
    [
        ("PRE610", "--cce-other-cluster-id"),
        ("PRE611", "--cce-foreign-project-id, --cce-foreign-cluster-id"),
        ("PRE604", "HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK"),
        ("PRE609", "--cce-allow-writes"),
        ("PRE324", "--cce-allow-writes"),
        ("PRE204", ""),
        ("PRE110", ""),
    ],
)
def test_an_open_rule_names_what_changes_it(code: str, option: str) -> None:
    for asked in (True, False):
        proved = Proved({}, (code,) if asked else (), () if asked else (code,))
        [rule] = open_rules(replace(EMPTY, proved={"rules": proved}))
        assert (rule["code"], rule["title"], rule["asked"], rule["option"]) == (
            code,
            rules()[code].title,
            asked,
            option,
        )
