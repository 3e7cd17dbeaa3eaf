"""What the answers of one run have in common, in numbers of tasks: what drift is told by.

A shape (`shape`) counts how often a field was there in the answers at hand. Here each task counts once, however often
it was listed, and an optional field is counted apart for each type and state of task: which tasks a cluster happens to
have is no trait of the service. Deviations are written straight before (`dialects` tells of them).
"""

from __future__ import annotations

import marshal
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.deviations import normalise
from pytest_cce_precheck.contract.documented import CALLS, TYPES, documented, kind_of
from pytest_cce_precheck.contract.schema import member
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.redaction.secret_patterns import looks_like_secret
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import TaskState, TaskType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cce_precheck.contract.documented import Documented
    from pytest_cce_precheck.wire.exchange import Exchange

Share = tuple[int, int]
"""How many objects have a field, and how many objects there are."""

ALL: Final = "all"
"""The circumstances of what is no task and no risk."""
MOST_NAMES: Final = 100
"""So many fields that no document names are kept of one kind of answer."""
LONGEST: Final = 64
"""No longer name or word is kept whole."""
MOST_TASKS: Final = 250
"""Of more tasks in one answer, not every one is looked at: the rules of the contract do so."""
MOST_WORDS: Final = 32
NO_TIME: Final = "none"
"""The resolution of a text that is no timestamp."""
_ODD: Final = "other"
_ITEMS: Final = (".items[*]", ".riskList[*]")


@dataclass(frozen=True)
class Trait:
    """What was seen at one field.

    ``words`` are its values where the documents name all of them, ``fractions`` counts the tasks by the resolution of
    their timestamp (0 whole seconds, 1 milli-, 2 micro-, 3 nanoseconds, or none), ``there`` says how many had the
    field; of a field that may be absent, by the circumstances: the type and state of the task.
    """

    types: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    fractions: Mapping[str, int] = field(default_factory=dict)
    there: Mapping[str, Share] = field(default_factory=dict)


@dataclass(frozen=True)
class Traits:
    """What was seen of one kind of answer: the number of objects at each path, by circumstances, and each field."""

    objects: Mapping[str, Mapping[str, int]]
    fields: Mapping[str, Trait]


class Observer:
    """Takes in the answers of a run, and gives what they have in common."""

    def __init__(self) -> None:
        self.answers = 0
        self._kinds: dict[str, _Kind] = {}
        self._known: set[int] = set()

    def take(self, exchange: Exchange) -> bool:
        """Take in one answer, and tell whether it was another than those before.

        What is no JSON, or of a kind that no document describes, is left alone.
        """
        if exchange.request.method not in CALLS:
            return False
        try:
            document = exchange.document
        except BodyError:
            return False
        kind = kind_of(exchange, document)
        described = documented(kind)
        if not described:
            return False
        self.answers += 1
        seen = hash((kind, exchange.response.body))
        if seen in self._known:
            return False
        self._known.add(seen)
        if isinstance(document, dict) and exchange.status < 300:
            document, _ = normalise(document, "create" if exchange.request.method == "POST" else "list")
        self._kinds.setdefault(kind, _Kind(described)).walk(document, "$", seen, ALL)
        return True

    @property
    def traits(self) -> dict[str, Traits]:
        """The traits of each kind of answer."""
        return {kind: self._kinds[kind].traits for kind in sorted(self._kinds)}


def sample(tasks: Sequence[Any]) -> Sequence[Any]:
    """Return the tasks of an answer that are looked at: all, or of very many some from everywhere."""
    return tasks[:: len(tasks) // MOST_TASKS + 1]


def merge_traits(one: Mapping[str, Traits], other: Mapping[str, Traits]) -> dict[str, Traits]:
    """Return what two processes saw in the same run; they may have seen the same tasks, so no number is added up."""
    return {
        kind: _both(one[kind], other[kind]) if kind in one and kind in other else one.get(kind) or other[kind]
        for kind in sorted({*one, *other})
    }


def share_of(path: str, traits: Traits) -> Mapping[str, Share]:
    """Return how many objects have a field, by circumstances; of a field that was never there too."""
    trait = traits.fields.get(path)
    if trait is not None:
        return trait.there
    objects = traits.objects.get(parent_of(path), {})
    return {about: (0, number) for about, number in objects.items()}


def parent_of(path: str) -> str:
    """Return the path of the object that a field is in."""
    return path[: path.rindex("[" if path.endswith('"]') else ".")]


def larger(one: Mapping[str, Share], other: Mapping[str, Share]) -> dict[str, Share]:
    """Return for all circumstances the share that rests on more; of two alike, that of ``other``."""
    return {
        about: max(other.get(about, (0, 0)), one.get(about, (0, 0)), key=lambda share: share[1])
        for about in sorted({*one, *other})
    }


def most(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return the larger number of each."""
    return {key: max(one.get(key, 0), other.get(key, 0)) for key in sorted({*one, *other})}


def _both(one: Traits, other: Traits) -> Traits:
    objects = {
        path: most(one.objects.get(path, {}), other.objects.get(path, {}))
        for path in sorted({*one.objects, *other.objects})
    }
    fields = {}
    for path in sorted({*one.fields, *other.fields}):
        a, b = one.fields.get(path, Trait()), other.fields.get(path, Trait())
        fields[path] = Trait(
            tuple(sorted({*a.types, *b.types})),
            tuple(sorted({*a.words, *b.words})[:MOST_WORDS]),
            most(a.fractions, b.fractions),
            _both_shares(share_of(path, one), share_of(path, other)),
        )
    return Traits(objects, fields)


def _both_shares(one: Mapping[str, Share], other: Mapping[str, Share]) -> dict[str, Share]:
    shares = {}
    for about in sorted({*one, *other}):
        (a, of_a), (b, of_b) = one.get(about, (0, 0)), other.get(about, (0, 0))
        # one may have seen the tasks that have it, the other those that lack it
        have, lack = max(a, b), max(of_a - a, of_b - b)
        shares[about] = (have, have + lack)
    return shares


# ---- collecting


@dataclass
class _Seen:
    types: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    fractions: dict[str, set[object]] = field(default_factory=lambda: defaultdict(set))
    there: dict[str, set[object]] = field(default_factory=lambda: defaultdict(set))
    lacking: set[object] = field(default_factory=set)


class _Kind:
    """The answers of one kind; ``owner`` is the task that is counted, ``about`` its circumstances."""

    def __init__(self, described: Mapping[str, Documented]) -> None:
        self._described = described
        self._objects: dict[str, dict[str, set[object]]] = defaultdict(lambda: defaultdict(set))
        self._fields: dict[str, _Seen] = defaultdict(_Seen)
        self._unnamed: set[str] = set()
        self._tasks: set[int] = set()

    def walk(self, value: Any, path: str, owner: object, about: str) -> None:
        """Take in what is at ``path``, and what the documents name in it."""
        entry = self._described[path]
        self._take(value, path, entry, owner)
        if isinstance(value, list) and f"{path}[*]" in self._described:
            for each in sample(value):
                self._element(each, f"{path}[*]", owner, about)
        elif isinstance(value, dict) and not entry.free:
            self._objects[path][about].add(owner)
            for name, inner in entry.fields.items():
                self._count(inner, value, name, owner, about)
                if name in value:
                    self.walk(value[name], inner, owner, about)
            self._unnamed_fields(value.keys() - entry.fields.keys(), value, path, owner, about)

    def _element(self, value: Any, path: str, owner: object, about: str) -> None:
        if not isinstance(value, dict) or not path.endswith(_ITEMS):
            self.walk(value, path, owner, about)
        elif path.endswith(_ITEMS[0]):
            content = hash(marshal.dumps(value))
            if content not in self._tasks:
                self._tasks.add(content)
                self.walk(value, path, _text(value, "metadata", "taskID") or content, _circumstances(value))
        else:
            self.walk(value, path, owner, _word(value.get("status"), TaskState))

    def _take(self, value: Any, path: str, entry: Documented, owner: object) -> None:
        seen = self._fields[path]
        seen.types.add(TYPES[type(value)])
        if not isinstance(value, str):
            return
        if entry.words and len(seen.words) < MOST_WORDS:
            seen.words.add(value if value in entry.words else _harmless(value))
        if entry.time:
            seen.fractions[_resolution(value)].add(owner)

    def _count(self, inner: str, value: Mapping[str, Any], name: str, owner: object, about: str) -> None:
        required = self._described[inner].required
        if name in value:
            self._fields[inner].there[ALL if required else about].add(owner)
        elif required:
            self._fields[inner].lacking.add(owner)

    def _unnamed_fields(
        self, names: Iterable[str], value: Mapping[str, Any], path: str, owner: object, about: str
    ) -> None:
        for name in names:
            inner = path + member(name)
            if inner not in self._unnamed:
                if len(self._unnamed) >= MOST_NAMES or len(name) > LONGEST or any(looks_like_secret(name)):
                    continue
                self._unnamed.add(inner)
            self._fields[inner].types.add(TYPES[type(value[name])])
            self._fields[inner].there[about].add(owner)

    @property
    def traits(self) -> Traits:
        objects = {path: {about: len(all_) for about, all_ in sorted(by.items())} for path, by in self._objects.items()}
        fields = {path: self._trait(path, seen) for path, seen in self._fields.items()}
        return Traits(dict(sorted(objects.items())), dict(sorted(fields.items())))

    def _trait(self, path: str, seen: _Seen) -> Trait:
        return Trait(
            tuple(sorted(seen.types)),
            tuple(sorted(seen.words)),
            {resolution: len(owners) for resolution, owners in sorted(seen.fractions.items())},
            self._there(path, seen),
        )

    def _there(self, path: str, seen: _Seen) -> dict[str, Share]:
        described = self._described.get(path)
        if path == "$" or path.endswith("[*]"):
            return {}
        if described is not None and described.required:
            # one answer without it is one too many, whatever the others of the same task have
            return {ALL: (len(seen.there[ALL] - seen.lacking), len(seen.there[ALL] | seen.lacking))}
        objects = self._objects[parent_of(path)]
        return {about: (len(seen.there[about]), len(objects[about])) for about in sorted(objects)}


def _resolution(text: str) -> str:
    try:
        # a writer that leaves out zeros at the end stays within one resolution mostly
        return str(-(-parse_timestamp(text).digits // 3))
    except ValueError:
        return NO_TIME


def _harmless(word: str) -> str:
    return "***" if any(looks_like_secret(word)) else word[:LONGEST]


def _circumstances(task: Mapping[str, Any]) -> str:
    return f"{_word(_text(task, 'metadata', 'type'), TaskType)} {_word(_text(task, 'status', 'status'), TaskState)}"


def _word(value: object, known: type[TaskType | TaskState]) -> str:
    return str(value) if isinstance(value, str) and value in set(known) else _ODD


def _text(task: Mapping[str, Any], part: str, name: str) -> str | None:
    inner = task.get(part)
    value = inner.get(name) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else None
