"""What the HTML report shows of a record beside its lists: computed here, only laid out in the page."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pytest_cce_precheck.contract.documented import fields_of
from pytest_cce_precheck.contract.rules import find_rule
from pytest_cce_precheck.explore.classes import ABSENT
from pytest_cce_precheck.explore.plan import MAIN_CLASSES
from pytest_cce_precheck.report.language import in_language
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState, TaskType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.report.record import RunRecord

ODD: Final = "odd"
"""All classes of values that are not among the main ones, such as a prefix, quotes or another letter case."""
_CLASSES: Final = (*MAIN_CLASSES, ODD)
_SLOWEST: Final = 5
_SENT: Final = 3000
_WIDTH: Final = 1000.0
_AGAIN: Final = "sent again"
_FIELD: Final = re.compile(r"list (?P<path>\S+) \((?P<type>\w+), (?P<state>\w+)\)")
# what gives these rules something to judge
_NEEDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("PRE610",), "--cce-other-cluster-id"),
    **dict.fromkeys(("PRE611",), "--cce-foreign-project-id, --cce-foreign-cluster-id"),
    **dict.fromkeys(("PRE603", "PRE604", "PRE605"), "HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK"),
    **dict.fromkeys(("PRE602",), "CCE_AUTH_TOKEN"),
    **dict.fromkeys(
        ("PRE117", "PRE214", "PRE320", "PRE321", "PRE322", "PRE323", "PRE324", "PRE507", "PRE508", "PRE510", "PRE609"),
        "--cce-allow-writes",
    ),
}


@dataclass(frozen=True)
class Matrix:
    """Two filters: for each class of the one (a row) and of the other, how many answers were judged and were red."""

    rows: str
    columns: str
    classes: tuple[str, ...]
    cells: Sequence[Sequence[tuple[int, int]]]


def matrices(record: RunRecord) -> list[Matrix]:
    """Return what was judged of the classes of each two filters, whatever the third one was; none if nothing was."""
    if not record.combinations:
        return []
    found = []
    for one, other in combinations(map(str, Filter), 2):
        counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for each in record.combinations:
            classes = each["classes"]
            total = counts[_main(classes.get(one)), _main(classes.get(other))]
            total[0] += each["judged"]
            total[1] += each["red"]
        cells = [[(counts[row, column][0], counts[row, column][1]) for column in _CLASSES] for row in _CLASSES]
        found.append(Matrix(one, other, _CLASSES, cells))
    return found


def _main(value_class: str | None) -> str:
    return ABSENT if value_class is None else value_class if value_class in MAIN_CLASSES else ODD


@dataclass(frozen=True)
class FieldRow:
    """A field of a list answer; ``seen`` has for each type and state in how many of how many tasks, empty outside."""

    name: str
    depth: int
    times: int
    seen: tuple[tuple[int, int], ...] = ()


COLUMNS: Final = tuple(product(map(str, TaskType), map(str, TaskState)))
"""The types and states that `contract_tree` counts tasks by."""


def contract_tree(record: RunRecord) -> list[FieldRow]:
    """Return every documented field of the list answer in its place, with how often the run saw it."""
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
        if path == "$":
            continue
        depth, name = path.count("."), path.rpartition(".")[2]
        counts = by_path.get(path, {})
        if path.startswith("$.items[*].") and not path.endswith("[*]"):
            seen = tuple((counts.get(column, 0), tasks[column]) for column in COLUMNS)
            rows.append(FieldRow(name, depth, sum(counts.values()), seen))
        elif not path.endswith("[*]"):
            rows.append(FieldRow(name, depth, times.get(f"list {path}", 0)))
    return rows


@dataclass(frozen=True)
class Timeline:
    """The course of a run as shapes, 1000 wide: ``marks`` are requests, ``spans`` the states of tasks."""

    seconds: float
    again: int
    lost: int
    kinds: tuple[str, ...]
    marks: Sequence[tuple[float, float, int, str]]
    spans: Sequence[tuple[float, float, int, str]]
    tasks: tuple[str, ...]
    left_out: int
    row: ClassVar[int] = 14
    """The height of a row."""

    @property
    def height(self) -> int:
        """The height of all rows."""
        return self.row * (len(self.kinds) + len(self.tasks) + 1)


def timeline(record: RunRecord) -> Timeline | None:
    """Return the requests by kind over the time of the run, and the tasks' lives below; None if nothing was sent."""
    sent = record.timeline[:_SENT]
    if not sent:
        return None
    end = max([each["at"] + each["took"] for each in sent])
    scale = _WIDTH / max(end, 0.001)
    kinds = tuple(dict.fromkeys(each["kind"] or _AGAIN for each in sent))
    marks = [
        (each["at"] * scale, max(each["took"] * scale, 1.0), kinds.index(each["kind"] or _AGAIN), _look(each))
        for each in sent
    ]
    spans = []
    for row, life in enumerate(record.lives):
        ends = [at for at, _ in life["states"][1:]] + [end]
        for (at, state), until in zip(life["states"], ends, strict=True):
            spans.append((at * scale, max((until - at) * scale, 1.0), len(kinds) + row, str(state)))
    return Timeline(
        seconds=end,
        again=sum(not each["kind"] for each in sent),
        lost=sum(each["status"] == 0 for each in sent),
        kinds=kinds,
        marks=marks,
        spans=spans,
        tasks=tuple(life["task"] for life in record.lives),
        left_out=len(record.timeline) - len(sent),
    )


def _look(sent: Mapping[str, Any]) -> str:
    return "lost" if sent["status"] == 0 else "again" if not sent["kind"] else "ok"


def slowest(record: RunRecord) -> Iterator[tuple[str, int, list[Mapping[str, Any]]]]:
    """Yield each kind of query with its number of answers and the slowest of them, the most frequent kind first."""
    by_kind: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in record.timeline:
        if each["kind"]:
            by_kind[each["kind"]].append(each)
    for kind, sent in sorted(by_kind.items(), key=lambda item: -len(item[1])):
        yield kind, len(sent), sorted(sent, key=lambda each: -each["took"])[:_SLOWEST]


@dataclass(frozen=True)
class OpenRule:
    """A rule without a verdict, with its title in Chinese too; ``asked`` if the answers had nothing for it to judge.

    ``option`` is what may change that.
    """

    code: str
    title: str
    zh: str
    asked: bool
    option: str


def open_rules(record: RunRecord) -> list[OpenRule]:
    """Return the rules without a verdict; without an option if only the service can give them something to judge."""
    if "rules" not in record.proved:
        return []
    proved = record.proved["rules"]
    return [
        OpenRule(code, find_rule(code).title, in_language(find_rule(code), "zh")["fact"], asked, _NEEDS.get(code, ""))
        for codes, asked in ((proved.nothing, True), (proved.not_asked, False))
        for code in codes
    ]
