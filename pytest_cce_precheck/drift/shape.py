"""The shape of many answers: which fields, how often, of which types and words; and what changed between two shapes.

A rule judges one answer against the documents. A shape tells what a service does where these leave it a choice, so that
a change is seen which breaks no rule, or which the answers of one day did not show.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck.contract.documented import CALLS, TYPES, documented, kind_of
from pytest_cce_precheck.contract.schema import member
from pytest_cce_precheck.errors import BodyError, ConfigurationError
from pytest_cce_precheck.wire.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_cce_precheck.contract.documented import Documented
    from pytest_cce_precheck.wire.exchange import Exchange

Grade = Literal["error", "warning", "note"]
_Changed = tuple[Grade, str, str, str]

# fields that hold one of a few words, documented or not; of what has more words than this, none is kept
_WORDS: Final = frozenset({"kind", "apiVersion", "type", "status", "level", "state", "phase", "severity"})
_MOST_WORDS: Final = 32
_LONGEST_WORD: Final = 64


@dataclass(frozen=True)
class Facts:
    """What was seen at one path.

    ``parent`` is the path of the object that it is a field of, None for what is no field. ``seen`` counts how often it
    was there, ``objects`` how often as an object. ``values`` are its words, where it holds one of few; ``digits`` the
    numbers of fractional digits of its timestamps; ``lengths`` is ``empty``, ``filled`` or both for an array.
    """

    parent: str | None
    seen: int
    objects: int = 0
    types: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    digits: tuple[int, ...] = ()
    lengths: tuple[str, ...] = ()


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

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it; the same answers give the same, in whatever order."""
        paths = {path: _without_empty(asdict(self.paths[path])) for path in sorted(self.paths)}
        return {"about": self.about, "documents": self.documents, "paths": paths}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Shape:
        """Read what `to_dict` gave; raises `ConfigurationError`."""
        try:
            paths = {path: Facts(**{"parent": None, **_as_tuples(facts)}) for path, facts in data["paths"].items()}
            return cls(data["about"], data["documents"], paths)
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"this is no shape of answers: {error}") from None


@dataclass(frozen=True)
class Change:
    """One difference of two shapes; ``about`` names the call and the status, ``old`` and ``new`` are in words."""

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

    Only GET and POST are calls; a body that is no JSON has no shape.
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

    >>> shape_of([{"items": []}, {"items": [{"taskID": "t"}]}]).paths["$.items"].lengths
    ('empty', 'filled')
    """
    places: dict[str, _Place] = {}
    number = 0
    for document in documents:
        number += 1
        _collect(document, places)
    return Shape(about, number, {path: place.facts for path, place in places.items()})


def changes(old: Shape, new: Shape) -> tuple[Change, ...]:
    """Return what is otherwise in ``new``, by path; of what one of the two did not get to see, nothing is told."""
    described = documented(old.about)
    found: list[Change] = []
    for path in sorted({*old.paths, *new.paths}):
        if not any(path.startswith((f"{free}.", f"{free}[")) for free, entry in described.items() if entry.free):
            found += _changes_at(path, old, new, described)
    return tuple(found)


def changes_between(old: Mapping[str, Shape], new: Mapping[str, Shape]) -> tuple[Change, ...]:
    """Return the changes of all kinds of answers that both have, and say which kinds one of them lacks."""
    found: list[Change] = []
    for about in sorted({*old, *new}):
        if about not in new:
            found.append(Change("note", about, "$", "no longer among the answers", _documents(old[about]), "none"))
        elif about not in old:
            found.append(Change("note", about, "$", "not among the answers before", "none", _documents(new[about])))
        else:
            found += changes(old[about], new[about])
    return tuple(found)


# ---- collecting


@dataclass
class _Place:
    parent: str | None
    seen: int = 0
    objects: int = 0
    types: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    digits: set[int] = field(default_factory=set)
    lengths: set[str] = field(default_factory=set)

    def take(self, name: str | None, value: Any) -> None:
        self.seen += 1
        self.types.add(TYPES[type(value)])
        if isinstance(value, dict):
            self.objects += 1
        elif isinstance(value, list):
            self.lengths.add("filled" if value else "empty")
        elif isinstance(value, str):
            self.digits |= _digits(value)
            if name in _WORDS and len(self.values) <= _MOST_WORDS:
                self.values.add(value[:_LONGEST_WORD])

    @property
    def facts(self) -> Facts:
        values = () if len(self.values) > _MOST_WORDS else tuple(sorted(self.values))
        return Facts(
            self.parent,
            self.seen,
            self.objects,
            tuple(sorted(self.types)),
            values,
            tuple(sorted(self.digits)),
            tuple(sorted(self.lengths)),
        )


def _collect(document: Any, places: dict[str, _Place]) -> None:
    waiting: list[tuple[str, str | None, str | None, Any]] = [("$", None, None, document)]
    while waiting:
        path, parent, name, value = waiting.pop()
        if path not in places:
            places[path] = _Place(parent)
        places[path].take(name, value)
        if isinstance(value, dict):
            waiting += [(path + member(key), path, key, child) for key, child in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[*]", None, None, child) for child in value]


def _digits(text: str) -> set[int]:
    # most texts are no timestamps, and this is asked of every one
    if text[4:5] != "-":
        return set()
    try:
        return {parse_timestamp(text).digits}
    except ValueError:
        return set()


def _without_empty(facts: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in facts.items() if value not in ((), 0, None)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


def _as_tuples(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}


# ---- comparing


def _changes_at(path: str, old: Shape, new: Shape, described: Mapping[str, Documented]) -> Iterator[Change]:
    change = _presence_change(path, old, new, described)
    if change is not None:
        yield change
    before, now = old.paths.get(path), new.paths.get(path)
    if before is not None and now is not None:
        for look in (_type_change, _value_changes, _fraction_change, _length_change):
            for grade, what, earlier, later in look(before, now, described.get(path)):
                yield Change(grade, old.about, path, what, earlier, later)


def _type_change(before: Facts, now: Facts, documented: Documented | None) -> Iterator[_Changed]:
    if set(now.types) - set(before.types):
        grade: Grade = "error" if documented else "warning"
        yield grade, "its type is another", _listed(before.types), _listed(now.types)
    elif before.types != now.types:
        yield "note", "a type is seen no longer", _listed(before.types), _listed(now.types)


def _value_changes(before: Facts, now: Facts, _: Documented | None) -> Iterator[_Changed]:
    if before.values and now.values:
        for word in sorted(set(now.values) - set(before.values)):
            yield "warning", "a new value", _listed(before.values), word
        for word in sorted(set(before.values) - set(now.values)):
            yield "note", "a value is seen no longer", word, _listed(now.values)


def _fraction_change(before: Facts, now: Facts, _: Documented | None) -> Iterator[_Changed]:
    earlier, later = ({_resolution(each) for each in facts.digits} for facts in (before, now))
    if earlier and later and earlier != later:
        grade: Grade = "warning" if later - earlier else "note"
        yield grade, "its timestamps have other fractions", _in_digits(before.digits), _in_digits(now.digits)


def _length_change(before: Facts, now: Facts, _: Documented | None) -> Iterator[_Changed]:
    if before.lengths and now.lengths and before.lengths != now.lengths:
        yield "note", "the array is otherwise empty or filled", _listed(before.lengths), _listed(now.lengths)


def _presence_change(path: str, old: Shape, new: Shape, described: Mapping[str, Documented]) -> Change | None:
    parent = (old.paths.get(path) or new.paths[path]).parent
    if parent is None:
        return None
    (had, before), (has, now) = old.presence(path, parent), new.presence(path, parent)
    # what is documented may have been there unseen; of what is within a new field, that field tells
    if not now or (not before and (path in described or parent not in described)):
        return None
    earlier, later = _how_often(had, before), _how_often(has, now)
    if earlier == later:
        return None
    required = path in described and described[path].required
    if not had:
        what = "a documented field that was not there" if path in described else "a new field that no document names"
        grade: Grade = "note"
    elif not has:
        what, grade = ("a required field is gone", "error") if required else ("a field is gone", "warning")
    elif required and later == "sometimes":
        what, grade = "a required field is missing at times", "error"
    else:
        what, grade = "it is there more or less often", "warning"
    return Change(grade, old.about, path, what, f"{earlier} ({had} of {before})", f"{later} ({has} of {now})")


def _how_often(have: int, of: int) -> str:
    return "never" if not have else "always" if have == of else "sometimes"


def _resolution(digits: int) -> int:
    # seconds, milli-, micro- or nanoseconds: a writer that leaves out the zeros at the end stays within one mostly
    return -(-digits // 3)


def _in_digits(digits: Iterable[int]) -> str:
    return f"{_listed(digits)} digits"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def _documents(shape: Shape) -> str:
    return f"{shape.documents} answer{'s' if shape.documents != 1 else ''}"
