"""What the HTML report shows of a record beside its lists: computed here, only laid out in the page."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.documented import fields_of
from pytest_cce_precheck.contract.rules import find_rule
from pytest_cce_precheck.explore.classes import ABSENT
from pytest_cce_precheck.explore.plan import MAIN_CLASSES
from pytest_cce_precheck.report.language import in_language
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState, TaskType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cce_precheck.report.record import RunRecord

ODD: Final = "odd"
"""All classes of values that are not among the main ones, such as a prefix, quotes or another letter case."""
_CLASSES: Final = (*MAIN_CLASSES, ODD)
_SLOWEST: Final = 5
_SENT: Final = 3000
_WIDTH: Final = 1000.0
_HEIGHT: Final = 14
_AGAIN: Final = "sent again"
_FIELD: Final = re.compile(r"list (?P<path>\S+) \((?P<type>\w+), (?P<state>\w+)\)")
# what gives these rules something to judge
_NEEDS: Final[Mapping[str, str]] = {
    "PRE610": "--cce-other-cluster-id",
    "PRE611": "--cce-foreign-project-id, --cce-foreign-cluster-id",
    "PRE602": "CCE_AUTH_TOKEN",
    **dict.fromkeys(("PRE603", "PRE604", "PRE605"), "HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK"),
    **dict.fromkeys(
        ("PRE117", "PRE214", "PRE320", "PRE321", "PRE322", "PRE323", "PRE324", "PRE507", "PRE508", "PRE510", "PRE609"),
        "--cce-allow-writes",
    ),
}


COLUMNS: Final = tuple(product(map(str, TaskType), map(str, TaskState)))
"""The types and states that `contract_tree` counts tasks by."""

View = dict[str, Any]


def matrices(record: RunRecord) -> list[View]:
    """Return what was judged of the classes of each two filters, whatever the third one was; none if nothing was.

    Each has ``cells``: for each class of the one filter (``rows``) and of the other (``columns``), how many answers
    were judged and how many were red.
    """
    found = []
    for one, other in combinations(map(str, Filter), 2) if record.combinations else ():
        counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for each in record.combinations:
            total = counts[_main(each["classes"].get(one)), _main(each["classes"].get(other))]
            total[0] += each["judged"]
            total[1] += each["red"]
        cells = [[tuple(counts[row, column]) for column in _CLASSES] for row in _CLASSES]
        found.append({"rows": one, "columns": other, "classes": _CLASSES, "cells": cells})
    return found


def _main(value_class: str | None) -> str:
    return ABSENT if value_class is None else value_class if value_class in MAIN_CLASSES else ODD


def contract_tree(record: RunRecord) -> list[View]:
    """Return every documented field of the list answer in its place, with how often (``times``) the run saw it.

    Of a field of a task, ``seen`` has for each of `COLUMNS` in how many tasks it was, and how many tasks there were.
    """
    if "fields" not in record.proved:
        return []
    times = record.proved["fields"].times
    by_path: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for name, number in times.items():
        if found := _FIELD.fullmatch(name):
            by_path[found["path"]][found["type"], found["state"]] = number
    tasks = {column: max((counts.get(column, 0) for counts in by_path.values()), default=0) for column in COLUMNS}
    rows = []
    for path in fields_of("list_answer"):
        if path == "$" or path.endswith("[*]"):
            continue
        counts, of_task = by_path.get(path, {}), path.startswith("$.items[*].")
        rows.append(
            {
                "name": path.rpartition(".")[2],
                "depth": path.count("."),
                "times": sum(counts.values()) if of_task else times.get(f"list {path}", 0),
                "seen": [(counts.get(column, 0), tasks[column]) for column in COLUMNS] if of_task else [],
            }
        )
    return rows


def timeline(record: RunRecord) -> View | None:
    """Return the requests by kind over the time of the run, and the tasks' lives below; None if nothing was sent.

    The shapes are 1000 wide: ``marks`` are requests, ``spans`` the states of tasks.
    """
    sent = record.timeline[:_SENT]
    if not sent:
        return None
    end = max(each["at"] + each["took"] for each in sent)
    scale = _WIDTH / max(end, 0.001)
    kinds = tuple(dict.fromkeys(each["kind"] or _AGAIN for each in sent))
    spans = []
    for row, life in enumerate(record.lives, len(kinds)):
        ends = [at for at, _ in life["states"][1:]] + [end]
        for (at, state), until in zip(life["states"], ends, strict=True):
            spans.append((at * scale, max((until - at) * scale, 1.0), row, str(state)))
    return {
        "seconds": end,
        "again": sum(not each["kind"] for each in sent),
        "lost": sum(each["status"] == 0 for each in sent),
        "kinds": kinds,
        "marks": [
            (
                each["at"] * scale,
                max(each["took"] * scale, 1.0),
                kinds.index(each["kind"] or _AGAIN),
                "lost" if each["status"] == 0 else "ok" if each["kind"] else "again",
            )
            for each in sent
        ],
        "spans": spans,
        "tasks": [life["task"] for life in record.lives],
        "left_out": len(record.timeline) - len(sent),
        "row": _HEIGHT,
        "height": _HEIGHT * (len(kinds) + len(record.lives) + 1),
    }


def slowest(record: RunRecord) -> Iterator[tuple[str, int, list[Mapping[str, Any]]]]:
    """Yield each kind of query with its number of answers and the slowest of them, the most frequent kind first."""
    by_kind: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in record.timeline:
        if each["kind"]:
            by_kind[each["kind"]].append(each)
    for kind, sent in sorted(by_kind.items(), key=lambda item: -len(item[1])):
        yield kind, len(sent), sorted(sent, key=lambda each: -each["took"])[:_SLOWEST]


def open_rules(record: RunRecord) -> list[View]:
    """Return the rules without a verdict, ``asked`` if the answers had nothing for them to judge.

    ``option`` is what may change that; empty if only the service can.
    """
    if "rules" not in record.proved:
        return []
    proved = record.proved["rules"]
    return [
        {
            "code": code,
            "title": find_rule(code).title,
            "zh": in_language(find_rule(code), "zh")["fact"],
            "asked": asked,
            "option": _NEEDS.get(code, ""),
        }
        for codes, asked in ((proved.nothing, True), (proved.not_asked, False))
        for code in codes
    ]
