"""Answers held against the unfiltered lists around them: a right one is never flagged, a wrong one always."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.contract.filters import (
    EVERYTHING,
    NOTHING,
    Bracket,
    CountMeaning,
    Query,
    Selection,
    Unlisted,
    acceptable_statuses,
    judge_selection,
    satisfies,
    unsound,
)
from pytest_cce_precheck.explore.classes import EMPTY, MATCHING, UNKNOWN
from pytest_cce_precheck.explore.queries import FilterValue, select
from pytest_cce_precheck.wire.timestamps import format_timestamp, parse_timestamp
from pytest_cce_precheck.wire.vocabulary import Filter
from tests.contract.answers import Document, answer_to, listing, task

STATIC, UPGRADE = "addonStatic", "addonUpgrade"


def world() -> list[Document]:
    states = ("Init", "Running", "Failed", "Success")
    return [task(number, states[number % 4], (STATIC, UPGRADE)[number % 2], number % 3) for number in range(8)]


def of_type(kind: str, tasks: list[Document]) -> list[Document]:
    return [each for each in tasks if each["metadata"]["type"] == kind]


def bracket(before: list[Document], after: list[Document] | None = None) -> Bracket:
    return Bracket(answer_to(listing(before)), answer_to(listing(before if after is None else after)))


def found(question: Query, shown: list[Document], around: Bracket) -> list[str]:
    answer = answer_to(listing(shown), question.query or "x=1")
    return sorted({finding.code for finding in judge_selection(question, answer, around).findings})


BY_TYPE = select([FilterValue(Filter.TYPE, STATIC, MATCHING)])


def test_exactly_the_matching_tasks_in_any_order_are_right() -> None:
    assert found(BY_TYPE, of_type(STATIC, world())[::-1], bracket(world())) == []


def test_a_task_of_another_type_makes_the_filter_unsound() -> None:
    assert found(BY_TYPE, [*of_type(STATIC, world()), of_type(UPGRADE, world())[0]], bracket(world())) == ["PRE401"]


def test_a_task_left_out_makes_the_filter_incomplete() -> None:
    assert found(BY_TYPE, of_type(STATIC, world())[1:], bracket(world())) == ["PRE402"]


SELECTIONS = st.lists(
    st.lists(
        st.tuples(st.just(Filter.TYPE), st.sampled_from([STATIC, UPGRADE, "x"]))
        | st.tuples(
            st.just(Filter.ADDON_INSTANCE_ID),
            st.sampled_from([task(n)["metadata"]["addonInstanceID"] for n in range(3)]),
        )
        | st.tuples(st.just(Filter.TASK_ID), st.sampled_from([task(n)["metadata"]["taskID"] for n in range(9)])),
        max_size=3,
    ).map(tuple),
    max_size=3,
).map(tuple)


@given(SELECTIONS)
def test_the_tasks_that_a_selection_selects_are_found_without_looking_at_each(selection: Selection) -> None:
    around = bracket(world())
    expected = [key for key, each in around.present.items() if satisfies(each, selection)]
    assert list(around.selected(selection)) == expected


def test_another_content_of_the_same_task_is_told_field_by_field() -> None:
    shown = copy.deepcopy(of_type(STATIC, world()))
    shown[0]["status"]["message"] = "stale"
    answer = answer_to(listing(shown), BY_TYPE.query)
    [finding] = judge_selection(BY_TYPE, answer, bracket(world())).findings
    assert finding.code == "PRE403"
    assert "message" in finding.message


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda task: task["status"].pop("riskList"), "PRE416"),
        (lambda task: [risk.pop("message") for risk in task["status"]["riskList"]], "PRE416"),
        (lambda task: task["metadata"].pop("addonInstanceName"), "PRE416"),
        (lambda task: task["status"].update(riskList=[]), "PRE403"),
        (lambda task: task["metadata"].update(addonInstanceName="another"), "PRE403"),
        (lambda task: task["metadata"].pop("expireTimeStamp"), "PRE416"),
    ],
    ids=["no riskList", "no message of risks", "no name", "an empty riskList", "another name", "no expiry"],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_an_optional_field_in_one_answer_alone_is_no_violation_and_another_value_is(
    change: Callable[[Document], object], code: str, *, swapped: bool
) -> None:
    listed, shown = [task(1, "Failed", STATIC)], [task(1, "Failed", STATIC)]
    change((listed if swapped else shown)[0])
    answer = answer_to(listing(shown), BY_TYPE.query)
    assert [each.code for each in judge_selection(BY_TYPE, answer, bracket(listed)).findings] == [code]


def test_an_expiry_that_moves_all_the_time_is_not_compared_with_the_lists_and_the_rest_is() -> None:
    before, after, shown = (copy.deepcopy([task(1, "Failed", STATIC)]) for _ in range(3))
    for day, each in (("01", before), ("02", shown), ("03", after)):
        each[0]["metadata"]["expireTimeStamp"] = f"2027-01-{day}T00:00:00Z"
    around = Bracket(answer_to(listing(before)), answer_to(listing(after)))
    assert found(BY_TYPE, shown, around) == []
    shown[0]["status"]["message"] = "another"
    assert len(found(BY_TYPE, shown, around)) == 1


def test_the_same_moment_at_another_offset_is_the_same_content_and_another_moment_is_not() -> None:
    shown = copy.deepcopy(of_type(STATIC, world()))
    metadata = shown[0]["metadata"]
    moment = parse_timestamp(metadata["createTimeStamp"])
    metadata["createTimeStamp"] = format_timestamp(replace(moment, offset_minutes=moment.offset_minutes + 90))
    assert found(BY_TYPE, shown, bracket(world())) == []
    metadata["createTimeStamp"] = format_timestamp(replace(moment, seconds=moment.seconds + 1))
    [finding] = judge_selection(BY_TYPE, answer_to(listing(shown), BY_TYPE.query), bracket(world())).findings
    assert (finding.code, metadata["createTimeStamp"] in finding.message) == ("PRE403", True)


def test_risks_in_another_order_and_unknown_fields_are_the_same_content() -> None:
    shown = copy.deepcopy(of_type(STATIC, world()))
    shown[0]["status"]["riskList"].reverse()
    shown[0]["metadata"]["servedBy"] = "replica-2"
    assert found(BY_TYPE, shown, bracket(world())) == []


def test_two_filters_that_select_more_than_their_intersection_break_the_combination() -> None:
    both = select(
        [FilterValue(Filter.TYPE, STATIC, MATCHING), FilterValue(Filter.ADDON_INSTANCE_ID, instance(0), MATCHING)]
    )
    right = [each for each in of_type(STATIC, world()) if each["metadata"]["addonInstanceID"] == instance(0)]
    assert found(both, right, bracket(world())) == []
    assert found(both, of_type(STATIC, world()), bracket(world())) == ["PRE404"]
    assert found(both, [], bracket(world())) == ["PRE404"]


def instance(number: int) -> str:
    return str(task(instance=number)["metadata"]["addonInstanceID"])


def test_an_unknown_value_selects_nothing_and_may_be_refused() -> None:
    unknown = select([FilterValue(Filter.TASK_ID, "0a1b2c3d-0000-4000-8000-0000000000ff", UNKNOWN)])
    assert found(unknown, [], bracket(world())) == []
    assert found(unknown, world()[:1], bracket(world())) == ["PRE406"]
    assert acceptable_statuses(unknown, bracket(world())) == {200, 404}
    unknown_type = select([FilterValue(Filter.TYPE, "addonUnknown", UNKNOWN)])
    assert acceptable_statuses(unknown_type, bracket(world())) == {200, 400}


def test_an_id_that_exists_may_not_be_refused_and_one_that_does_not_match_may_be_a_404() -> None:
    key = world()[0]["metadata"]["taskID"]
    assert acceptable_statuses(select([FilterValue(Filter.TASK_ID, key, MATCHING)]), bracket(world())) == {200}
    crossed = select([FilterValue(Filter.TYPE, UPGRADE, MATCHING), FilterValue(Filter.TASK_ID, key, MATCHING)])
    assert acceptable_statuses(crossed, bracket(world())) == {200, 404}


def test_an_empty_value_means_no_filter_or_nothing_but_nothing_between() -> None:
    empty = select([FilterValue(Filter.TYPE, "", EMPTY)])
    assert found(empty, world(), bracket(world())) == []
    assert found(empty, [], bracket(world())) == []
    assert found(empty, of_type(STATIC, world()), bracket(world())) == ["PRE412"]


def test_a_task_that_no_unfiltered_list_shows_is_hidden_from_them() -> None:
    assert found(BY_TYPE, [*of_type(STATIC, world()), task(99, kind=STATIC)], bracket(world())) == ["PRE405"]


def test_in_a_busy_cluster_a_hidden_task_is_proven_by_its_second_sight() -> None:
    busy = bracket(world(), world()[1:])
    later = bracket(world()[1:], world()[2:])
    shown = [*of_type(STATIC, world()), task(99, kind=STATIC)]
    assert found(BY_TYPE, shown, busy) == []
    unlisted, answer = Unlisted(), answer_to(listing(shown), BY_TYPE.query)
    assert unlisted.judge(BY_TYPE, answer, busy) == []
    assert {finding.code for finding in unlisted.judge(BY_TYPE, answer, later)} == {"PRE405"}


@given(
    removed=st.sets(st.integers(0, 7), max_size=3),
    added=st.integers(0, 3),
    changed=st.sets(st.integers(0, 7), max_size=3),
    seen=st.integers(0, 255),
    kind=st.sampled_from([STATIC, UPGRADE]),
)
def test_a_right_answer_is_never_flagged_whatever_others_did_meanwhile(
    removed: set[int], added: int, changed: set[int], seen: int, kind: str
) -> None:
    """Each foreign change happens before or after the answer was made, as the bits of ``seen`` say."""
    before = world()
    late = copy.deepcopy(before)
    for number in changed:
        late[number]["status"]["message"] = "moved on"
    fresh = [task(50 + number, "Init", kind) for number in range(added)]
    after = [each for number, each in enumerate(late) if number not in removed] + fresh
    shown = []
    for number in range(8):
        happened = bool(seen & 1 << number)
        if not (number in removed and happened):
            shown.append(late[number] if happened else before[number])
    shown += fresh[: seen % (added + 1)]
    question = select([FilterValue(Filter.TYPE, kind, MATCHING)])
    assert found(question, of_type(kind, shown), bracket(before, after)) == []


@given(
    fault=st.sampled_from(["dropped", "added", "altered"]),
    which=st.integers(0, 7),
    gone=st.integers(0, 7),
    kind=st.sampled_from([STATIC, UPGRADE]),
)
def test_any_single_fault_in_a_stable_task_is_always_flagged(fault: str, which: int, gone: int, kind: str) -> None:
    tasks = world()
    own, other = of_type(kind, tasks), [each for each in tasks if each["metadata"]["type"] != kind]
    hit = own[which % 4] if fault != "added" else other[which % 4]
    others = [each for each in tasks if each is not hit]
    # somebody else's task leaves meanwhile, another one than the faulty answer is about
    around = bracket(tasks, [each for each in tasks if each is not others[gone % 7]])
    shown = copy.deepcopy(own)
    if fault == "dropped":
        del shown[which % 4]
    elif fault == "added":
        shown.append(hit)
    else:
        shown[which % 4]["status"]["riskList"] = []
    expected = {"dropped": "PRE402", "added": "PRE401", "altered": "PRE403"}[fault]
    assert expected in found(select([FilterValue(Filter.TYPE, kind, MATCHING)]), shown, around)


@pytest.mark.parametrize("counts", [(4, 4), (8, 8)])
def test_the_count_may_be_of_the_matching_or_of_all_tasks(counts: tuple[int, int]) -> None:
    meaning, around = CountMeaning(), bracket(world())
    for kind, count in zip((STATIC, UPGRADE), counts, strict=True):
        answer = answer_to(listing(of_type(kind, world()), count=count), f"type={kind}")
        assert meaning.judge(answer, around) == []


def test_the_count_must_not_be_something_else_or_change_its_meaning() -> None:
    around, shown = bracket(world()), of_type(STATIC, world())
    [finding] = CountMeaning().judge(answer_to(listing(shown, count=6), "type=addonStatic"), around)
    assert finding.code == "PRE310"
    meaning = CountMeaning()
    assert meaning.judge(answer_to(listing(shown, count=4), "type=addonStatic"), around) == []
    [finding] = meaning.judge(answer_to(listing(shown, count=8), "type=addonStatic"), around)
    assert "matching" in finding.message
    assert (finding.code, finding.path) == ("PRE310", "$.pageInfo.currentCount")
    assert len(finding.exchanges) == 2


def test_a_count_that_fits_no_meaning_is_told_with_what_would() -> None:
    shown, all_of_it = of_type(STATIC, world()), world()
    [finding] = CountMeaning().judge(answer_to(listing(shown, count=6), "type=addonStatic"), bracket(all_of_it))
    assert finding.message == "currentCount is 6: neither the 4 that match nor all 8 tasks of the cluster"
    [finding] = CountMeaning().judge(
        answer_to(listing(shown, count=5), "type=addonStatic"), bracket(all_of_it, all_of_it[:-1])
    )
    assert finding.message == "currentCount is 5: neither the 4 that match nor all of the 7 to 8 tasks of the cluster"
    assert (finding.path, len(finding.exchanges)) == ("$.pageInfo.currentCount", 2)


def test_what_is_shown_too_much_and_what_is_left_out_is_told_with_its_values() -> None:
    around, others = bracket(world()), of_type(UPGRADE, world())
    ids = [each["metadata"]["taskID"] for each in others]
    answer = answer_to(listing(others), BY_TYPE.query)
    extra, missing = judge_selection(BY_TYPE, answer, around).findings
    assert extra.message == (f"?type=addonStatic wrongly shows 4 tasks, {ids[0]} first (type addonUpgrade)")
    assert (extra.code, extra.path, extra.subject) == ("PRE401", "$.items[0]", ("type",))
    assert dict(extra.evidence) == {
        "question": "?type=addonStatic",
        "must select": "4 of the 8 tasks that both unfiltered lists show",
        "shows": ", ".join(ids),
    }
    assert (missing.code, missing.path) == ("PRE402", "")
    assert missing.message.startswith("?type=addonStatic wrongly leaves out 4 tasks, ")
    assert missing.evidence[2][0] == "leaves out"
    assert extra.exchanges == (answer.exchange, around.before.exchange, around.after.exchange)


def test_what_the_unfiltered_list_leaves_out_is_told_without_values() -> None:
    unfiltered = Query("", (EVERYTHING,))
    [finding] = judge_selection(unfiltered, answer_to(listing(world()[1:])), bracket(world())).findings
    assert finding.message == f"the unfiltered list wrongly leaves out task {world()[0]['metadata']['taskID']}"


def test_a_question_of_which_nothing_more_is_said_may_be_answered_with_200_alone() -> None:
    assert acceptable_statuses(Query("", (EVERYTHING,)), bracket(world())) == {200}
    assert Query("", (EVERYTHING,)).classes == ()


def test_every_task_is_part_of_everything_and_none_of_nothing() -> None:
    [first, *_] = bracket(world()).present.values()
    assert satisfies(first, EVERYTHING)
    assert not satisfies(first, NOTHING)


def test_an_answer_that_is_unsound_by_itself_is_told_with_its_value() -> None:
    [finding] = unsound(answer_to(listing(of_type(UPGRADE, world())[:1]), "type=addonStatic"))
    name = world()[1]["metadata"]["taskID"]
    assert finding.message == f"?type=addonStatic wrongly shows task {name} (type addonUpgrade)"
    assert (finding.path, finding.subject) == ("$.items[0]", ("type",))
