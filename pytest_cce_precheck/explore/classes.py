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
NIL: Final = "nil"

_DIGITS: Final = "0123456789abcdef"


@dataclass(frozen=True)
class Unselective:
    """A class of values that no task has; ``make`` returns one made from a real value, None if it cannot.

    ``tier`` orders the classes by how often services get them wrong: 1 is sent first. A ``joined`` class can be asked
    for together with others (`explore.groups`): a service that takes such a value for the real one does so by itself,
    whatever is beside it. It is made from a value that is ``of`` a kind, if there is one.
    """

    name: str
    make: Callable[[str], str | None]
    tier: int
    joined: bool = False
    of: Callable[[str], bool] | None = None


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


def _accented(value: str) -> str | None:
    # in the middle: what is before and behind it is long enough to be known as parts of an id
    middle = len(value) // 2
    place = next((index for index in (*range(middle, len(value)), *range(middle)) if value[index].isalpha()), None)
    return None if place is None else value[: place + 1] + "\u0301" + value[place + 1 :]


def _respelt(spelling: str) -> Callable[[str], str | None]:
    """Make values by a format string, such as ``{} `` for a blank behind the value."""
    return lambda value: spelling.format(value)


def _without_hyphens(value: str) -> str | None:
    return value.replace("-", "") if "-" in value else None


def _encoded(value: str) -> str:
    return "".join(f"%{byte:02X}" for byte in value.encode())


def _with_underscores(value: str) -> str:
    """Return the spelling of an enumeration's constants: ``ADDON_STATIC``."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in value).upper()


def _with_separators(value: str) -> str:
    """Return a value that holds the real one for whoever splits it, compares only its beginning or end, or searches it.

    Whichever of these characters it is split at, one part is the real value, the first or the last one at the ends.
    """
    return f"{value}&x,{value},x {value} x|{value}|x;{value};x/{value}"


def _everything_odd(value: str) -> str:
    """Return one value with everything that services stumble over; each part has a class of its own too."""
    return f"{value}插é\U0001f600' OR '1'='1\r\nX-Precheck-Probe: injected<b>{{{{7*7}}}}{'%' * 1500}"


# what is around a value, or instead of one of its letters, and is lost on the way by trimming, unquoting, decoding,
# normalising, or by a comparison of the database that does not see it
_LOST_ON_THE_WAY: Final[tuple[Unselective, ...]] = (
    Unselective("blank after", _respelt("{} "), 2, joined=True),
    Unselective("non-ASCII", _respelt("{}插é"), 2, joined=True),
    Unselective("null byte", _respelt("{}\x00"), 2, joined=True),
)
# of ids, which are seldom checked against a list of what there is
_LOST_FROM_IDS: Final[tuple[Unselective, ...]] = (
    Unselective("wide letters", _widened, 3, joined=True),
    Unselective("blank before", _respelt(" {}"), 3, joined=True),
    Unselective("long", lambda value: (value * 100)[:2000], 2, joined=True),
    Unselective("line break", _respelt("{}\r\nX-Precheck-Probe: injected"), 2, joined=True),
    Unselective("without hyphens", _without_hyphens, 2, joined=True),
    Unselective("accent", _accented, 3, joined=True),
    Unselective("percent-encoded", _encoded, 2, joined=True),
    Unselective("leading zero", _respelt("0{}"), 4, joined=True, of=str.isdecimal),
    Unselective("braces", _respelt("{{{}}}"), 4, joined=True),
    Unselective("invisible letter", _respelt("{}\u200b"), 4, joined=True),
    Unselective("tab after", _respelt("{}\t"), 4, joined=True),
    Unselective("quoted", _respelt('"{}"'), 4, joined=True),
    Unselective("dot after", _respelt("{}."), 4, joined=True),
    Unselective("slash after", _respelt("{}/"), 4, joined=True),
    Unselective("path", _respelt("./{}"), 4, joined=True),
    Unselective("markup", _respelt("<b>{}</b>{{{{7*7}}}}${{7*7}}"), 4, joined=True),
)

ID_CLASSES: Final[tuple[Unselective, ...]] = (
    Unselective(UNKNOWN, unknown_value, 1),
    Unselective("everything odd", _everything_odd, 1),
    Unselective("other case", str.swapcase, 1),
    Unselective("prefix", lambda value: value[: max(1, len(value) // 2)], 1),
    Unselective("wildcard %", lambda _: "%", 1),
    Unselective("quote", _respelt("{}' OR '1'='1"), 2),
    Unselective("wildcard *", lambda _: "*", 3),
    Unselective("suffix", lambda value: value[len(value) // 2 :], 3, joined=True),
    Unselective("with separators", _with_separators, 2, joined=True),
    Unselective("one letter wild _", _one_wild("_"), 3, joined=True),
    Unselective("null", lambda _: "null", 3),
    # a database that compares it as a number takes every text without digits before it for the same
    Unselective("number", lambda _: "0", 2),
    Unselective(NIL, lambda _: "00000000-0000-0000-0000-000000000000", 3),
    *_LOST_ON_THE_WAY,
    *_LOST_FROM_IDS,
)

TYPE_CLASSES: Final[tuple[Unselective, ...]] = (
    Unselective(UNKNOWN, lambda _: "addonUnknown", 1),
    Unselective("other case", str.lower, 1),
    Unselective("prefix", lambda _: "addon", 1),
    Unselective("quote", _respelt("{}' OR '1'='1"), 2),
    Unselective("wildcard *", lambda _: "*", 2),
    Unselective("everything odd", _everything_odd, 2),
    Unselective("list", lambda _: ",".join(TaskType), 2),
    Unselective("wildcard %", lambda _: "%", 3),
    Unselective("all", lambda _: "all", 3),
    Unselective("null", lambda _: "null", 4),
    Unselective("number", lambda _: "0", 4),
    *_LOST_ON_THE_WAY,
    Unselective("longer", _respelt("{}s"), 4, joined=True),
    Unselective("underscores", _with_underscores, 2, joined=True),
)

CLASSES: Final = {
    Filter.TYPE: TYPE_CLASSES,
    # a service that reads one id so reads the other so too
    Filter.TASK_ID: ID_CLASSES,
    Filter.ADDON_INSTANCE_ID: (*ID_CLASSES, Unselective("blank", lambda _: " ", 3)),
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
    return [{name: value for name, value in task.values.items() if value} for task in tasks]
