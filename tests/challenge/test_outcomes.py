"""What became of each fault, as a verdict, a score, a table, and as data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_cce_precheck.challenge.differences import Difference
from pytest_cce_precheck.challenge.outcomes import Score, Trial, chosen, trial_of
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS

COUNT = Difference("GET …/tasks", "$.pageInfo.currentCount", "12", "11", "assert it")
WRITTEN = Difference("GET …/tasks", "headers", "", "")
KILLED = Trial("count-one-short", COUNT, ["test_a"], ["test_a"])
SURVIVED = Trial("kind-missing", COUNT, ["test_a", "test_b", "test_c"])
NOT_RUN = Trial("items-object", ran=False)
BRITTLE = Trial("items-shuffled", COUNT, ["test_a", "test_b"], ["test_b"])


@pytest.mark.parametrize(
    ("trial", "verdict"),
    [
        (KILLED, "killed"),
        (SURVIVED, "survived"),
        (NOT_RUN, "not run"),
        (BRITTLE, "brittle"),
        (Trial("count-one-short"), "not applicable"),
        (Trial("count-one-short", COUNT, ["test_a"], hung="test_a"), "killed"),
        (Trial("gzip", COUNT, ["test_a"]), "tolerated"),
        (Trial("gzip"), "not applicable"),
        # nobody has to notice it, and somebody did
        (Trial("byte-order-mark", WRITTEN, ["test_a"]), "not applicable"),
        (Trial("byte-order-mark", WRITTEN, ["test_a"], ["test_a"]), "killed"),
    ],
)
def test_the_verdict_follows_from_what_changed_and_who_failed(trial: Trial, verdict: str) -> None:
    assert trial.verdict == verdict


def test_the_score_counts_the_faults_that_were_killed_among_those_that_change_an_answer() -> None:
    score = Score([KILLED, SURVIVED, BRITTLE, Trial("items-object")], 3, 2, 1.0)
    assert score.percent == 50
    assert score.reaches(50)
    assert not score.reaches(50.1)


def test_a_score_of_a_part_reaches_nothing() -> None:
    assert not Score([KILLED, NOT_RUN], 3, 2, 1.0).reaches(1)


def test_without_a_fault_that_changes_an_answer_there_is_no_score() -> None:
    score = Score([Trial("count-one-short")], 3, 2, 1.0)
    assert score.percent is None
    assert not score.reaches(1)
    assert list(score.lines())[-1] == "score         none: no fault that was run changes an answer that a test got"


def test_the_table_counts_each_kind_and_names_each_survivor_and_each_brittle_test() -> None:
    text = "\n".join(Score([KILLED, SURVIVED, NOT_RUN, BRITTLE], 5, 3, 61.4).lines())
    assert text == (
        "                  killed  survived  not applicable\n"
        "count                  1         0               0\n"
        "schema                 0         1               0\n"
        "all faults             1         1               0\n"
        "\n"
        f"survived  kind-missing: {FAULTS['kind-missing'].summary}\n"
        "    request  GET …/tasks\n"
        "    at       $.pageInfo.currentCount\n"
        "    before   12\n"
        "    after    11\n"
        "    seen by  test_a, test_b and 1 more\n"
        "    notice   assert it\n"
        "\n"
        f"brittle   items-shuffled: {VARIATIONS['items-shuffled'].summary}\n"
        "    request  GET …/tasks\n"
        "    at       $.pageInfo.currentCount\n"
        "    before   12\n"
        "    after    11\n"
        "    fails    test_b\n"
        "\n"
        "variations    0 change an answer and no test fails; tests are brittle on 1\n"
        "tests         3 of 5 ask the simulator for something\n"
        "time          61 s\n"
        "not run       1 fault: the time was over (--time)\n"
        "score         50 %: 1 of 2 faults that change an answer are killed"
    )


def test_survivors_that_change_the_same_place_are_shown_together() -> None:
    names = ("task-id-empty-in-one-task", "template-name-empty-in-one-task", "items-object", "count-one-short")
    places = ("$.items[2].metadata", "$.items[11].metadata", "$.items", "$.items[0].metadata")
    trials = [Trial(name, replace(COUNT, at=at), ["test_a"]) for name, at in zip(names, places, strict=True)]
    lines = list(Score(trials, 1, 1, 1.0).lines())
    assert [line.split(":")[0] for line in lines if line.startswith(("survived", "    also"))] == [
        "survived  task-id-empty-in-one-task",
        "    also     template-name-empty-in-one-task, count-one-short",
        "survived  items-object",
    ]


def test_a_trial_is_the_same_after_it_was_written_as_json() -> None:
    data = Score([KILLED], 1, 1, 1.0).data
    [trial] = json.loads(json.dumps(data))["trials"]
    assert trial["difference"]["at"] == "$.pageInfo.currentCount"
    fields = {"name": trial["name"], "difference": trial["difference"], "failed": trial["noticed_by"]}
    assert trial_of(fields).data == {**KILLED.data, "seen_by": []}


def test_names_are_chosen_by_pattern_or_by_kind_in_the_order_of_the_catalogue() -> None:
    assert chosen(["kind-*", "count-one-short"]) == [
        *("kind-missing", "kind-in-lower-case", "count-one-short", "kind-written-twice")
    ]
    assert chosen(["count"]) == [name for name, fault in FAULTS.items() if fault.category == "count"]
    assert chosen(["variation"]) == list(VARIATIONS)


def test_by_default_all_are_chosen_but_the_variations_that_only_have_other_tasks() -> None:
    left_out = {*FAULTS, *VARIATIONS} - set(chosen([]))
    assert left_out == {"no-tasks", "one-task", "many-tasks", "static-tasks-only", "upgrade-tasks-only"}


def test_a_pattern_that_chooses_nothing_is_refused_with_its_near_matches() -> None:
    with pytest.raises(ConfigurationError, match=r"--faults 'kind-mising' is no fault.*; did you mean kind-missing"):
        chosen(["kind-mising"])
