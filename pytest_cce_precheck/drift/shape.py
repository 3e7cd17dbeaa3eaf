"""The shape of many answers: which fields, how often, of which types and words; and what changed between two shapes.

A rule judges one answer by the documents. A shape shows what a service does where these leave it a choice, so that
a change is seen which breaks no rule, or which the answers of one day did not show.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.contract.documented import CALLS, TYPES, documented, kind_of
from pytest_cce_precheck.contract.schema import member
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_cce_precheck.contract.documented import Documented
    from pytest_cce_precheck.wire.exchange import Exchange

Grade = Literal["error", "warning", "note"]

# fields that hold one of a few words, documented or not; if a field has more words than this, none is kept
_WORDS: Final = frozenset({"kind", "apiVersion", "type", "status", "level", "state", "phase", "severity"})
_MOST_WORDS: Final = 32
_LONGEST_WORD: Final = 64


@dataclass
class Facts:
    """What was seen at one path.

    ``parent`` is the path of the object that it is a field of, None if it is not a field. ``seen`` counts how often it
    was there, ``objects`` how often as an object. ``words`` are its values if it holds one of few; ``digits`` the
    numbers of fractional digits of its timestamps; ``lengths`` is ``empty``, ``filled`` or both for an array.
    """

    parent: str | None
    seen: int = 0
    objects: int = 0
    types: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    digits: set[int] = field(default_factory=set)
    lengths: set[str] = field(default_factory=set)

    def take(self, name: str | None, value: Any) -> None:
        """Add one value of the field ``name``."""
        self.seen += 1
        self.types.add(TYPES[type(value)])
        if isinstance(value, dict):
            self.objects += 1
        elif isinstance(value, list):
            self.lengths.add("filled" if value else "empty")
        elif isinstance(value, str):
            # most texts are not timestamps, and every one is looked at
            if value[4:5] == "-":
                self.digits |= _digits(value)
            if name in _WORDS and len(self.words) <= _MOST_WORDS:
                self.words.add(value[:_LONGEST_WORD])


@dataclass(frozen=True)
class Shape:
    """What ``documents`` answers of one kind have in common; ``paths`` have ``[*]`` for the places of an array."""

    about: str
    documents: int
    paths: Mapping[str, Facts]

    def presence(self, path: str, parent: str) -> tuple[int, int]:
        """Return how many of the objects at ``parent`` have the field at ``path``, and how many objects there are."""
        owner, there = self.paths.get(parent), self.paths.get(path)
        return there.seen if there else 0, owner.objects if owner else 0

    def __str__(self) -> str:
        """Return how many answers there are."""
        return count_of(self.documents, "answer")


@dataclass(frozen=True)
class Change:
    """One difference of two shapes; ``about`` is the kind of answer, ``old`` and ``new`` are in words."""

    grade: Grade
    about: str
    path: str
    what: str
    old: str
    new: str

    def to_dict(self) -> dict[str, str]:
        """Return what machines read."""
        return asdict(self)


def shapes_of(exchanges: Iterable[Exchange]) -> dict[str, Shape]:
    """Return the shape of each kind of answer: a call's successes, and its errors by status and envelope.

    Only GET and POST are calls; a body that is not JSON has no shape.
    """
    documents: dict[str, list[Any]] = defaultdict(list)
    for exchange in exchanges:
        if exchange.request.method in CALLS:
            try:
                document = exchange.document
            except BodyError:
                continue
            documents[kind_of(exchange, document)].append(document)
    return {about: shape_of(documents[about], about) for about in sorted(documents)}


def shape_of(documents: Iterable[Any], about: str = "list 200") -> Shape:
    """Return the shape of parsed answers of one kind.

    >>> sorted(shape_of([{"items": []}, {"items": [{"taskID": "t"}]}]).paths["$.items"].lengths)
    ['empty', 'filled']
    """
    waiting: list[tuple[str, str | None, str | None, Any]] = [("$", None, None, document) for document in documents]
    number = len(waiting)
    paths: dict[str, Facts] = {}
    while waiting:
        path, parent, name, value = waiting.pop()
        if path not in paths:
            paths[path] = Facts(parent)
        paths[path].take(name, value)
        if isinstance(value, dict):
            waiting += [(path + member(key), path, key, child) for key, child in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[*]", None, None, child) for child in value]
    return Shape(about, number, paths)


def changes(old: Shape, new: Shape) -> tuple[Change, ...]:
    """Return what has changed in ``new``, by path; nothing about fields that one of the two had no chance to show."""
    described = documented(old.about)
    free = tuple(f"{path}{step}" for path, entry in described.items() if entry.free for step in ".[")
    return tuple(
        Change(grade, old.about, path, *words)
        for path in sorted({*old.paths, *new.paths})
        if not path.startswith(free)
        for grade, *words in _changes_at(path, old, new, described)
    )


def changes_between(old: Mapping[str, Shape], new: Mapping[str, Shape]) -> tuple[Change, ...]:
    """Return the changes of all kinds of answers that both have, and which kinds one of them lacks."""
    found: list[Change] = []
    for about in sorted({*old, *new}):
        if about not in new:
            found.append(Change("note", about, "$", "no longer among the answers", str(old[about]), "none"))
        elif about not in old:
            found.append(Change("note", about, "$", "not among the answers before", "none", str(new[about])))
        else:
            found += changes(old[about], new[about])
    return tuple(found)


def how_often(have: int, of: int) -> str:
    """Return ``never``, ``sometimes`` or ``always``."""
    return "never" if not have else "always" if have == of else "sometimes"


def _digits(text: str) -> set[int]:
    try:
        return {parse_timestamp(text).digits}
    except ValueError:
        return set()


def _changes_at(
    path: str, old: Shape, new: Shape, described: Mapping[str, Documented]
) -> Iterator[tuple[Grade, str, str, str]]:
    yield from _presence_change(path, old, new, described)
    if path not in old.paths or path not in new.paths:
        return
    before, now = old.paths[path], new.paths[path]
    if now.types - before.types:
        grade: Grade = "error" if path in described else "warning"
        yield grade, "its type has changed", _listed(before.types), _listed(now.types)
    elif before.types != now.types:
        yield "note", "a type is no longer seen", _listed(before.types), _listed(now.types)
    if 0 < len(before.words) <= _MOST_WORDS and 0 < len(now.words) <= _MOST_WORDS:
        for word in sorted(now.words - before.words):
            yield "warning", "a new value", _listed(before.words), word
        for word in sorted(before.words - now.words):
            yield "note", "a value is no longer seen", word, _listed(now.words)
    # seconds, milli-, micro- or nanoseconds: a writer that leaves out zeros at the end mostly stays within one of them
    earlier, later = ({-(-each // 3) for each in facts.digits} for facts in (before, now))
    if earlier and later and earlier != later:
        digits = f"{_listed(before.digits)} digits", f"{_listed(now.digits)} digits"
        yield "warning" if later - earlier else "note", "the fractional digits of its timestamps have changed", *digits
    if before.lengths and now.lengths and before.lengths != now.lengths:
        yield "note", "whether the array is empty has changed", _listed(before.lengths), _listed(now.lengths)


def _presence_change(
    path: str, old: Shape, new: Shape, described: Mapping[str, Documented]
) -> Iterator[tuple[Grade, str, str, str]]:
    parent = (old.paths.get(path) or new.paths[path]).parent
    if parent is None:
        return
    (had, before), (has, now) = old.presence(path, parent), new.presence(path, parent)
    # a documented field may have been there unseen; what is inside a new field is reported with that field
    if not now or (not before and (path in described or parent not in described)):
        return
    earlier, later = how_often(had, before), how_often(has, now)
    if earlier == later:
        return
    required = path in described and described[path].required
    grade: Grade = "error" if required else "warning"
    if not had:
        grade = "note"
        what = "a documented field that was not there" if path in described else "a new undocumented field"
    elif not has:
        what = f"a {'required ' if required else ''}field is gone"
    elif required and later == "sometimes":
        what = "a required field is missing at times"
    else:
        what, grade = "it is present more or less often", "warning"
    yield grade, what, f"{earlier} ({had} of {before})", f"{later} ({has} of {now})"


def _listed(values: Iterable[str] | Iterable[int]) -> str:
    return ", ".join(map(str, sorted(values)))
