"""Random clusters that others change meanwhile: a right answer is never flagged, a wrong one always."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.filters import Bracket, CountMeaning, Unlisted, acceptable_statuses, judge_selection
from pytest_cce_precheck.explore.classes import EMPTY, MATCHING, values_of
from pytest_cce_precheck.explore.queries import FilterValue, select
from pytest_cce_precheck.explore.strategies import filters
from pytest_cce_precheck.wire.vocabulary import Filter
from tests.contract.answers import HEADERS, Document, answer_to, answered, judge_series, listing, task

if TYPE_CHECKING:
    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.filters import Query

KINDS = ("addonStatic", "addonUpgrade")
STATES = ("Init", "Running", "Failed", "Success")


@dataclass(frozen=True)
class Life:
    """A task at three moments: the list before, the answer, the list after; None if it is not there."""

    number: int
    kind: str
    instance: int
    states: tuple[str | None, str | None, str | None]

    def at(self, moment: int) -> Document | None:
        state = self.states[moment]
        return None if state is None else task(self.number, state, self.kind, self.instance)


@st.composite
def lives(draw: st.DrawFn) -> list[Life]:
    """Tasks that come, move on and, when they are finished, go; none does all of it between two lists."""
    drawn = []
    for number in range(draw(st.integers(1, 8))):
        final = draw(st.sampled_from(["Failed", "Success"]))
        path = ["Init", "Running", final]
        places = sorted(draw(st.lists(st.integers(0, 2), min_size=3, max_size=3)))
        states: list[str | None] = [path[place] for place in places]
        comes = draw(st.sampled_from([0, 0, 0, 1, 2]))
        states[:comes] = [None] * comes
        if not comes and draw(st.sampled_from([False, False, True])):
            gone = draw(st.integers(1, 2))
            states = [final if each is not None else None for each in states[:gone]] + [None] * (3 - gone)
        kind, instance = draw(st.sampled_from(KINDS)), draw(st.integers(0, 2))
        drawn.append(Life(number, kind, instance, (states[0], states[1], states[2])))
    return drawn


def shown(world: list[Life], moment: int) -> list[Document]:
    return [document for life in world if (document := life.at(moment)) is not None]


def bracket(world: list[Life]) -> Bracket:
    return Bracket(answer_to(listing(shown(world, 0))), answer_to(listing(shown(world, 2))))


def satisfied(document: Document, asked: tuple[FilterValue, ...]) -> bool:
    return all(document["metadata"].get(item.name.field) == item.value for item in asked)


def drawn_filters(data: st.DataObject, world: list[Life]) -> tuple[FilterValue, ...]:
    tasks = values_of(answer_to(listing(shown(world, 0))).tasks)
    asked = data.draw(filters(tasks=tasks, at_least=1), label="filters")
    # a value that is made up may by chance be that of a task to come
    ever = {
        value for moment in range(3) for document in shown(world, moment) for value in document["metadata"].values()
    }
    assume(not any(item.value in ever and item.value_class != MATCHING for item in asked))
    return asked


def reply(question: Query, items: list[Document], count: int) -> Answer:
    answer = answer_to(json.loads(json.dumps(listing(items, count=count))), question.query)
    assert not [each for each in check(answer.exchange) if each.severity != "note"]
    return answer  # type: ignore[no-any-return]


@settings(max_examples=200)
@given(world=lives(), data=st.data())
def test_a_right_answer_is_never_flagged(world: list[Life], data: st.DataObject) -> None:
    asked = drawn_filters(data, world)
    question, around = select(asked), bracket(world)
    now = shown(world, 1)
    # an empty value may mean no filter or nothing
    meant = tuple(item for item in asked if item.value_class != EMPTY)
    right = [document for document in now if satisfied(document, meant)]
    if len(meant) != len(asked) and data.draw(st.booleans(), label="nothing"):
        right = []
    data.draw(st.randoms(use_true_random=False)).shuffle(right)
    answer = reply(question, right, data.draw(st.sampled_from([len(right), max(len(now), len(right))]), label="count"))
    assert judge_selection(question, answer, around).findings == ()
    assert Unlisted().judge(question, answer, around) == []
    assert CountMeaning().judge(answer, around) == []
    ids = [item for item in meant if item.name is not Filter.TYPE]
    if not right and ids and len(meant) == len(asked):
        assert 404 in acceptable_statuses(question, around)


@settings(max_examples=200)
@given(world=lives(), data=st.data(), kind=st.sampled_from(KINDS), fault=st.sampled_from(["drop", "add", "alter"]))
def test_any_single_fault_in_a_task_that_nobody_changed_is_flagged(
    world: list[Life], data: st.DataObject, kind: str, fault: str
) -> None:
    hit = task(100, "Running", kind, 1)
    world = [*world, Life(100, kind, 1, ("Running", "Running", "Running"))]
    if fault == "add":
        asked = drawn_filters(data, world)
        assume(not satisfied(hit, asked) and all(item.value_class != EMPTY for item in asked))
    else:
        names = data.draw(st.sets(st.sampled_from(Filter), min_size=1), label="names")
        asked = tuple(FilterValue(name, hit["metadata"][name.field], MATCHING) for name in Filter if name in names)
    wrong = [document for document in shown(world, 1) if satisfied(document, asked) and document != hit]
    if fault == "add":
        wrong.append(hit)
    elif fault == "alter":
        wrong.append(copy.deepcopy(hit))
        wrong[-1]["status"]["message"] += " "
    question = select(asked)
    answer = answer_to(listing(wrong), question.query)
    codes = {finding.code for finding in judge_selection(question, answer, bracket(world)).findings}
    plain = {"drop": "PRE402", "add": "PRE401", "alter": "PRE403"}[fault]
    assert codes == {plain if fault == "alter" else question.code or ("PRE404" if len(asked) > 1 else plain)}


def test_an_id_that_came_or_went_meanwhile_may_be_refused_and_one_that_stayed_may_not() -> None:
    """The service knew the task when one of the lists was read, and perhaps not when it was asked."""
    staying = Life(1, "addonStatic", 1, ("Running", "Running", "Success"))
    for states in (("Success", "Success", None), (None, "Init", "Init")):
        passing = Life(2, "addonUpgrade", 2, states)
        around = bracket([staying, passing])
        for life, statuses in ((passing, {200, 404}), (staying, {200})):
            for name, field in ((Filter.TASK_ID, "taskID"), (Filter.ADDON_INSTANCE_ID, "addonInstanceID")):
                value = task(life.number, "Init", life.kind, life.instance)["metadata"][field]
                question = select([FilterValue(name, value, MATCHING)])
                assert acceptable_statuses(question, around) == statuses


# ---- series without a clock


def without_date(document: Document) -> Any:
    exchange = answered(document, headers=[pair for pair in HEADERS if pair[0] != "Date"])
    answer = answer_to(document)
    return type(answer)(exchange, "list", exchange.document)


def test_without_a_date_nobody_knows_whether_a_task_left_before_its_expiry() -> None:
    done, other = task(1), task(2, "Running")
    dated = [answer_to(listing(tasks)) for tasks in ([done, other], [other])]
    assert [each.code for each in judge_series(dated)] == ["PRE505"]
    undated = [without_date(listing(tasks)) for tasks in ([done, other], [other])]
    assert judge_series(undated) == []
