"""Spellings, orders and repetitions of one question that get different answers."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.faults.tools import (
    asked,
    every,
    filtered,
    from_the,
    lose,
    recount,
    select_only,
    select_without,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Fault
from pytest_cce_precheck.simulator.selection import ListQuery, select
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.world import Task


_fault = partial(Fault, category="combination", codes=("PRE404",))

_TYPE: Final = Filter.TYPE

_ID: Final = Filter.TASK_ID

_ENCODED_LETTER: Final = re.compile(r"%(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")


def _valued(call: Call) -> list[tuple[Filter, str]]:
    return [(name, value) for name, value in call.question.given if value]


def _repeated(call: Call) -> bool:
    pairs = _valued(call)
    return len(set(pairs)) < len(pairs)


def _unknown_parameters(call: Call) -> dict[str, str]:
    known = {str(name).lower() for name in Filter}
    return {name: value for name, value in call.question.params if name.lower() not in known}


def _page(call: Call, tasks: list[Task]) -> list[Task]:
    limit = next((v for n, v in _unknown_parameters(call).items() if n in ("limit", "page_size", "size")), "")
    return tasks[: int(limit)] if limit.isascii() and limit.isdigit() else tasks


def _offset(call: Call, tasks: list[Task]) -> list[Task]:
    offset = next((v for n, v in _unknown_parameters(call).items() if n in ("offset", "marker", "page")), "")
    return tasks[int(offset) :] if offset.isascii() and offset.isdigit() else tasks


def _raw_values(call: Call) -> list[str]:
    return [field.partition("=")[2] for field in call.request.query.split("&")]


def _type_counts_when_first(call: Call, tasks: list[Task]) -> list[Task]:
    names = [name for name, _ in _valued(call)]
    return select_without(call, _TYPE) if _TYPE in names[1:] and names[0] is not _TYPE else tasks


def _sorted_only(call: Call, tasks: list[Task]) -> list[Task]:
    names = [str(name) for name, _ in _valued(call)]
    return tasks if names == sorted(names) else select_only(call, _valued(call)[:1])


def _other_case(call: Call) -> dict[str, str]:
    known = {str(name) for name in Filter}
    return {n.lower(): v for n, v in call.question.params if n not in known and n.lower() in known}


def _empty_given(call: Call, name: Filter) -> bool:
    return (name, "") in call.question.given and not asked(call, name)


def _keep(call: Call, document: Document) -> Document:
    call.memory["answered"] = copy.deepcopy(document)
    return document


def _previous(call: Call, document: Document) -> Document:
    previous = call.memory.get("answered")
    _keep(call, document)
    if filtered(call) and call.count("questions") % 5 == 0 and previous is not None:
        return copy.deepcopy(previous)
    return document


def _from_a_new_caller(call: Call) -> bool:
    """Whether a request came by another connection (or thread) than the one before it."""
    previous = call.memory.get("caller", call.caller)
    call.memory["caller"] = call.caller
    return bool(previous != call.caller)


def _answer_of_another_connection(call: Call, document: Document) -> Document:
    previous = call.memory.get("answer")
    call.memory["answer"] = copy.deepcopy(document)
    mixed_up = _from_a_new_caller(call) and filtered(call) and previous is not None
    return copy.deepcopy(previous) if mixed_up and previous is not None else document


def _until_an_empty_part(call: Call, tasks: list[Task]) -> list[Task]:
    kept, separator, _ = call.request.query.lstrip("&").partition("&&")
    counted = ListQuery(replace(call.request, query=kept).params)
    return select(call.listed, counted) if separator else tasks


def _one_item_less(_call: Call, document: Document) -> Document:
    document["items"] = document["items"][:-1]
    return recount(document)


FAULTS: Final = (
    _fault(
        name="type-counts-only-when-first",
        codes=("PRE407",),
        subtle=True,
        summary="`type` is ignored where another filter stands before it.",
        select=_type_counts_when_first,
    ),
    _fault(
        name="parameters-must-be-sorted",
        codes=("PRE407", "PRE404"),
        subtle=True,
        summary="Parameters that are not in alphabetical order lose all but the first.",
        select=_sorted_only,
    ),
    _fault(
        name="repeated-parameter-selects-nothing",
        codes=("PRE408",),
        subtle=True,
        summary="The same parameter twice is joined with a comma, and matches nothing.",
        select=lambda call, tasks: [] if _repeated(call) else tasks,
    ),
    _fault(
        name="repeated-parameter-is-dropped",
        codes=("PRE408",),
        subtle=True,
        summary="A parameter that stands twice is no filter.",
        select=lambda call, tasks: list(call.listed) if _repeated(call) else tasks,
    ),
    _fault(
        name="limit-honoured",
        codes=("PRE409",),
        subtle=True,
        summary="An undocumented `limit` cuts the list.",
        select=_page,
    ),
    _fault(
        name="offset-honoured",
        codes=("PRE409",),
        subtle=True,
        summary="An undocumented `offset` skips tasks.",
        select=_offset,
    ),
    _fault(
        name="unknown-parameter-selects-nothing",
        codes=("PRE409",),
        summary="Any parameter that is not documented empties the answer.",
        select=lambda call, tasks: [] if _unknown_parameters(call) else tasks,
    ),
    _fault(
        name="unknown-parameter-drops-the-filters",
        codes=("PRE409",),
        subtle=True,
        summary="Beside a parameter that is not documented, filters are ignored.",
        select=lambda call, tasks: list(call.listed) if _unknown_parameters(call) else tasks,
    ),
    _fault(
        name="encoded-letters-not-decoded",
        codes=("PRE410",),
        subtle=True,
        summary="A value with a percent-encoded letter or digit matches nothing.",
        select=lambda call, tasks: [] if any(map(_ENCODED_LETTER.search, _raw_values(call))) else tasks,
    ),
    _fault(
        name="values-decoded-twice",
        codes=("PRE410", "PRE406"),
        subtle=True,
        summary="A value with any percent-encoding selects the whole list.",
        select=lambda call, tasks: (
            list(call.listed) if tasks and any("%" in raw for raw in _raw_values(call)) else tasks
        ),
    ),
    _fault(
        name="empty-part-ends-the-query",
        codes=("PRE410",),
        subtle=True,
        summary="What follows `&&` in the query is not read.",
        select=_until_an_empty_part,
    ),
    _fault(
        name="new-connection-gets-the-previous-answer",
        codes=("PRE415", "PRE411"),
        subtle=True,
        summary="A filtered first question of a connection gets the answer to another connection's.",
        document=_answer_of_another_connection,
    ),
    _fault(
        name="new-connection-loses-its-filters",
        codes=("PRE415", "PRE411"),
        subtle=True,
        summary="The first question of a connection is answered as if it had no filter.",
        select=lambda call, tasks: list(call.listed) if _from_a_new_caller(call) else tasks,
    ),
    _fault(
        name="fifth-answer-is-the-previous-one",
        codes=("PRE411", "PRE401", "PRE402"),
        summary="Each fifth filtered question gets the answer to the one before (state leaks).",
        document=_previous,
    ),
    _fault(
        name="fifth-answer-lacks-a-task",
        codes=("PRE411", "PRE506", "PRE402"),
        subtle=True,
        summary="Each fifth answer lacks its last task (a replica that lags).",
        document=every(5, "answers", _one_item_less),
    ),
    _fault(
        name="second-of-equal-questions-differs",
        codes=("PRE411",),
        subtle=True,
        summary="A filtered question that was asked before gets one task less.",
        select=lambda call, tasks: (
            lose(tasks[-1], tasks)
            if tasks and call.question.filters and call.count(f"asked {call.request.query}") % 2 == 0
            else tasks
        ),
    ),
    _fault(
        name="empty-value-selects-the-first",
        codes=("PRE412",),
        subtle=True,
        summary="An empty `task_id` selects one task.",
        select=lambda call, tasks: tasks[:1] if _empty_given(call, _ID) else tasks,
    ),
    _fault(
        name="empty-type-means-static",
        codes=("PRE412",),
        subtle=True,
        summary="An empty `type` is the zero value: addonStatic.",
        select=lambda call, tasks: (
            [t for t in tasks if t.type is TaskType.STATIC] if _empty_given(call, _TYPE) else tasks
        ),
    ),
    _fault(
        name="other-case-of-a-name-inverts",
        codes=("PRE413",),
        subtle=True,
        summary="`Type=addonStatic` selects the upgrade tasks.",
        select=lambda call, tasks: (
            [t for t in tasks if t.type != _other_case(call)["type"]] if "type" in _other_case(call) else tasks
        ),
    ),
    _fault(
        name="other-case-of-a-name-selects-one",
        codes=("PRE413",),
        subtle=True,
        summary="A filter whose name is in another case selects the newest task only.",
        select=lambda call, tasks: tasks[-1:] if _other_case(call) else tasks,
    ),
    _fault(
        name="answers-shrink-after-twenty",
        codes=("PRE505", "PRE506", "PRE411"),
        subtle=True,
        summary="From the 20th answer on, the last task is missing (a cache that was cut off).",
        document=from_the(20, "answered so far", _one_item_less),
    ),
)
