"""The equivalence classes of the filters' values: a service is expected to treat all values of a class alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from pytest_cce_precheck.contract.answer import AnsweredTask

ABSENT: Final = "absent"
MATCHING: Final = "matching"
OTHER: Final = "existing, not matching"
UNKNOWN: Final = "unknown"
EMPTY: Final = "empty"

_DIGITS: Final = "0123456789abcdef"


@dataclass(frozen=True)
class Unselective:
    """A class of values that no task has; ``make`` returns one made from a real value, None if it cannot.

    ``tier`` orders the classes by how often services get them wrong: 1 is sent first.
    """

    name: str
    make: Callable[[str], str | None]
    tier: int


def unknown_value(value: str, known: Container[str] = ()) -> str:
    """Return a value of the same shape that is not among ``known``, so that there is no other reason to refuse it."""
    places = [index for index, character in enumerate(value) if character in _DIGITS]
    respelt = (value[:index] + digit + value[index + 1 :] for index in reversed(places) for digit in _DIGITS)
    longer = (value + "0" * number for number in count(1))
    return next(each for each in chain(respelt, longer) if each != value and each not in known)


def _one_wild(wild: str) -> Callable[[str], str | None]:
    return lambda value: value[: len(value) // 2] + wild + value[len(value) // 2 + 1 :]


def _widened(value: str) -> str:
    # the full-width form of an ASCII letter lies this far above it
    return chr(ord(value[0]) + 0xFEE0) + value[1:]


def _everything_odd(value: str) -> str:
    """Return one value with everything that services stumble over; each part has a class of its own too."""
    return f"{value}插é' OR '1'='1\r\nX-Precheck-Probe: injected{'%' * 1500}"


ID_CLASSES: Final[tuple[Unselective, ...]] = (
    Unselective(UNKNOWN, unknown_value, 1),
    Unselective("everything odd", _everything_odd, 1),
    Unselective("other case", str.swapcase, 1),
    Unselective("prefix", lambda value: value[: max(1, len(value) // 2)], 1),
    Unselective("wildcard %", lambda _: "%", 1),
    Unselective("quote", lambda value: f"{value}' OR '1'='1", 2),
    Unselective("suffix", lambda value: value[len(value) // 2 :], 3),
    Unselective("longer", lambda value: value + "0", 3),
    Unselective("blank after", lambda value: value + " ", 2),
    Unselective("wildcard *", lambda _: "*", 2),
    Unselective("long", lambda value: (value * 100)[:2000], 2),
    Unselective("non-ASCII", lambda value: "插件é-" + value, 2),
    Unselective("wide letters", _widened, 3),
    Unselective("infix", lambda value: value[len(value) // 4 : len(value) // 4 + max(3, len(value) // 3)], 4),
    Unselective("blank before", lambda value: " " + value, 4),
    Unselective("one letter wild _", _one_wild("_"), 3),
    Unselective("regular expression", lambda _: ".*", 3),
    Unselective("one letter wild .", _one_wild("."), 4),
    Unselective("one letter wild ?", _one_wild("?"), 4),
    Unselective("path", lambda value: f"../{value}", 4),
    Unselective("null byte", lambda value: value + "\x00", 3),
    Unselective("line break", lambda value: value + "\r\nX-Precheck-Probe: injected", 2),
    Unselective("markup", lambda _: "<b>\"'{{7*7}}${7*7}", 4),
    Unselective("null", lambda _: "null", 4),
    Unselective("number", lambda _: "0", 4),
    Unselective("comment", lambda value: f"{value}' OR 1=1 -- ", 3),
)

TYPE_CLASSES: Final[tuple[Unselective, ...]] = (
    Unselective(UNKNOWN, lambda _: "addonUnknown", 1),
    Unselective("other case", str.lower, 1),
    Unselective("prefix", lambda _: "addon", 1),
    Unselective("quote", lambda value: f"{value}' OR '1'='1", 2),
    Unselective("wildcard *", lambda _: "*", 2),
    Unselective("blank after", lambda value: value + " ", 2),
    Unselective("long", lambda value: (value * 200)[:2000], 2),
    Unselective("non-ASCII", lambda value: value + "é插", 2),
    Unselective("upper case", str.upper, 4),
    Unselective("wildcard %", lambda _: "%", 3),
    Unselective("list", lambda _: ",".join(TaskType), 2),
    Unselective("wide letters", _widened, 3),
    Unselective("longer", lambda value: value + "s", 4),
    Unselective("suffix", lambda value: value.removeprefix("addon"), 4),
    Unselective("blank before", lambda value: " " + value, 4),
    Unselective("all", lambda _: "all", 4),
    Unselective("null", lambda _: "null", 4),
    Unselective("null byte", lambda value: value + "\x00", 4),
    Unselective("line break", lambda value: value + "\r\nX-Precheck-Probe: injected", 4),
    Unselective("regular expression", lambda _: ".*", 4),
    Unselective("number", lambda _: "0", 4),
    Unselective("markup", lambda _: "<b>\"'{{7*7}}${7*7}", 4),
)

CLASSES: Final = {
    Filter.TYPE: TYPE_CLASSES,
    Filter.TASK_ID: ID_CLASSES,
    Filter.ADDON_INSTANCE_ID: ID_CLASSES,
}

# a value that is not a well-formed id may be refused so; a well-formed unknown one may only be a 404
MALFORMED: Final = frozenset({400, 404, 414, 431})


def refusals(name: Filter, value_class: str) -> frozenset[int]:
    """Return the statuses that a value of this class may be refused with, instead of selecting nothing.

    An unknown type may be a 400, an unknown id a 404; a text that is not a well-formed id may be refused as such.
    """
    if value_class in ("long", "line break", "null byte", "everything odd"):
        return MALFORMED if name is not Filter.TYPE else frozenset({400, 414, 431})
    if name is Filter.TYPE:
        return frozenset({400})
    return frozenset({404}) if value_class == UNKNOWN else MALFORMED


def known_values(tasks: Iterable[AnsweredTask]) -> dict[Filter, tuple[str, ...]]:
    """Return the values that the tasks have, in the order of the list, and always both documented types."""
    listed = values_of(tasks)
    values = {name: tuple(dict.fromkeys(each[name] for each in listed if name in each)) for name in Filter}
    values[Filter.TYPE] = tuple(TaskType)
    return values


def values_of(tasks: Iterable[AnsweredTask]) -> list[dict[Filter, str]]:
    """Return for each task the values that select it; a value that it does not have is left out."""
    return [{name: value for name in Filter if (value := task.value_of(name))} for task in tasks]
