"""What the answers of one run have in common, in numbers of tasks: drift is found by comparing it between runs.

Each task counts once, however often it was listed, and an optional field is counted separately for each type and state
of a task: which tasks a cluster happens to have is no trait of the service. Deviations are normalised first
(`deviation_counts` counts them).
"""

from __future__ import annotations

import marshal
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_cce_precheck._secret_patterns import looks_like_secret
from pytest_cce_precheck.contract.answer import AnsweredTask
from pytest_cce_precheck.contract.deviations import normalise
from pytest_cce_precheck.contract.documented import CALLS, TYPES, Documented, documented, kind_of
from pytest_cce_precheck.contract.schema import member
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire.exchange import Exchange
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import TaskState, TaskType

Share = tuple[int, int]
"""How many objects have a field, and how many objects there are."""

ALL: Final = "all"
"""The circumstances of what is neither a task nor a risk."""
MOST_NAMES: Final = 100
"""The most undocumented fields that are kept of one kind of answer."""
LONGEST: Final = 64
"""No longer name or word is kept whole."""
MOST_TASKS: Final = 250
"""Of an answer with more tasks, some are left out: the rules of the contract look at all of them."""
MOST_WORDS: Final = 32
NO_TIME: Final = "none"
"""The resolution of a text that is not a timestamp."""


@dataclass(frozen=True)
class Trait:
    """What was seen of one field.

    ``words`` are its values if the documents list all of them, ``fractions`` counts the tasks by the resolution of
    their timestamp (0 whole seconds, 1 milli-, 2 micro-, 3 nanoseconds, or none), ``there`` is how many had the field:
    if it may be absent, for each of the circumstances, the type and state of a task.
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
    """Collects what the answers of a run have in common."""

    def __init__(self) -> None:
        self.answers = 0
        self._kinds: dict[str, _Kind] = {}
        self._seen: set[int] = set()

    def take(self, exchange: Exchange) -> bool:
        """Add one answer, and return whether it differs from those before.

        An answer that is not JSON, or of a kind that no document describes, is ignored.
        """
        kind, document = parsed(exchange) or ("", None)
        described = documented(kind) if kind else {}
        if not described:
            return False
        self.answers += 1
        content = hash((kind, exchange.response.body))
        if content in self._seen:
            return False
        self._seen.add(content)
        if isinstance(document, dict) and exchange.status < 300:
            document, _ = normalise(document, "create" if exchange.request.method == "POST" else "list")
        self._kinds.setdefault(kind, _Kind(described)).walk(document, "$", content, ALL)
        return True

    @property
    def traits(self) -> dict[str, Traits]:
        """The traits of each kind of answer."""
        return {kind: self._kinds[kind].traits for kind in sorted(self._kinds)}


def parsed(exchange: Exchange) -> tuple[str, Any] | None:
    """Return the kind of an answer and its body; None if it is not that of a call, or not JSON."""
    if exchange.request.method not in CALLS:
        return None
    try:
        document = exchange.document
    except BodyError:
        return None
    return kind_of(exchange, document), document


def sample(tasks: Sequence[Any]) -> Sequence[Any]:
    """Return the tasks of an answer that are looked at: all, or if they are very many, some from everywhere."""
    return tasks[:: len(tasks) // MOST_TASKS + 1]


def merge_traits(one: Mapping[str, Traits], other: Mapping[str, Traits]) -> dict[str, Traits]:
    """Return what two processes saw in the same run; they may have seen the same tasks, so no number is added up."""
    return {
        kind: _merged(one[kind], other[kind]) if kind in one and kind in other else one.get(kind) or other[kind]
        for kind in sorted({*one, *other})
    }


def share_of(path: str, traits: Traits) -> Mapping[str, Share]:
    """Return how many objects have a field, by circumstances, also if none has it."""
    if path in traits.fields:
        return traits.fields[path].there
    return {about: (0, number) for about, number in traits.objects.get(parent_of(path), {}).items()}


def parent_of(path: str) -> str:
    """Return the path of the object that a field is in."""
    return path[: path.rindex("[" if path.endswith('"]') else ".")]


def larger(one: Mapping[str, Share], other: Mapping[str, Share]) -> dict[str, Share]:
    """Return for all circumstances the share that rests on more objects, that of ``other`` if both rest on as many."""
    return {
        about: max(other.get(about, (0, 0)), one.get(about, (0, 0)), key=lambda share: share[1])
        for about in sorted({*one, *other})
    }


def most(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return the larger number of each."""
    return {key: max(one.get(key, 0), other.get(key, 0)) for key in sorted({*one, *other})}


def most_objects(one: Traits, other: Traits) -> dict[str, dict[str, int]]:
    """Return the larger number of objects at each path."""
    paths = sorted({*one.objects, *other.objects})
    return {path: most(one.objects.get(path, {}), other.objects.get(path, {})) for path in paths}


def _merged(one: Traits, other: Traits) -> Traits:
    fields = {}
    for path in sorted({*one.fields, *other.fields}):
        a, b = one.fields.get(path, Trait()), other.fields.get(path, Trait())
        fields[path] = Trait(
            tuple(sorted({*a.types, *b.types})),
            tuple(sorted({*a.words, *b.words})[:MOST_WORDS]),
            most(a.fractions, b.fractions),
            _merged_shares(share_of(path, one), share_of(path, other)),
        )
    return Traits(most_objects(one, other), fields)


def _merged_shares(one: Mapping[str, Share], other: Mapping[str, Share]) -> dict[str, Share]:
    shares = {}
    for about in sorted({*one, *other}):
        (a, of_a), (b, of_b) = one.get(about, (0, 0)), other.get(about, (0, 0))
        # one may have seen the tasks that have it, the other those that lack it
        have, lack = max(a, b), max(of_a - a, of_b - b)
        shares[about] = (have, have + lack)
    return shares


# ---- collecting


@dataclass
class _SeenField:
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
        self._fields: dict[str, _SeenField] = defaultdict(_SeenField)
        self._undocumented: set[str] = set()
        self._tasks: set[int] = set()

    def walk(self, value: Any, path: str, owner: object, about: str) -> None:
        """Add what is at ``path``, and the documented fields in it."""
        entry, seen = self._described[path], self._fields[path]
        seen.types.add(TYPES[type(value)])
        if isinstance(value, str):
            if entry.words and len(seen.words) < MOST_WORDS:
                is_secret = value not in entry.words and any(looks_like_secret(value))
                seen.words.add("***" if is_secret else value if value in entry.words else value[:LONGEST])
            if entry.time:
                seen.fractions[_resolution(value)].add(owner)
        elif isinstance(value, list) and f"{path}[*]" in self._described:
            for element in sample(value):
                self._element(element, f"{path}[*]", owner, about)
        elif isinstance(value, dict) and not entry.free:
            self._objects[path][about].add(owner)
            self._documented_fields(value, entry, owner, about)
            for name in value.keys() - entry.fields.keys():
                self._undocumented_field(name, value[name], path + member(name), owner, about)

    def _documented_fields(self, value: Mapping[str, Any], entry: Documented, owner: object, about: str) -> None:
        for name, path in entry.fields.items():
            required = self._described[path].required
            if name in value:
                self._fields[path].there[ALL if required else about].add(owner)
                self.walk(value[name], path, owner, about)
            elif required:
                self._fields[path].lacking.add(owner)

    def _element(self, value: Any, path: str, owner: object, about: str) -> None:
        if isinstance(value, dict) and path.endswith(".items[*]"):
            content = hash(marshal.dumps(value))
            if content in self._tasks:
                return
            self._tasks.add(content)
            task = AnsweredTask(path, value)
            owner, about = task.id or content, f"{_word(task.metadata.get('type'), TaskType)} {task.state or 'other'}"
        elif isinstance(value, dict) and path.endswith(".riskList[*]"):
            about = _word(value.get("status"), TaskState)
        self.walk(value, path, owner, about)

    def _undocumented_field(self, name: str, value: Any, path: str, owner: object, about: str) -> None:
        if path not in self._undocumented:
            if len(self._undocumented) >= MOST_NAMES or len(name) > LONGEST or any(looks_like_secret(name)):
                return
            self._undocumented.add(path)
        self._fields[path].types.add(TYPES[type(value)])
        self._fields[path].there[about].add(owner)

    @property
    def traits(self) -> Traits:
        objects = {
            path: {about: len(owners) for about, owners in sorted(self._objects[path].items())}
            for path in sorted(self._objects)
        }
        return Traits(objects, {path: self._trait(path, seen) for path, seen in sorted(self._fields.items())})

    def _trait(self, path: str, seen: _SeenField) -> Trait:
        return Trait(
            tuple(sorted(seen.types)),
            tuple(sorted(seen.words)),
            {resolution: len(owners) for resolution, owners in sorted(seen.fractions.items())},
            self._there(path, seen),
        )

    def _there(self, path: str, seen: _SeenField) -> dict[str, Share]:
        if path == "$" or path.endswith("[*]"):
            return {}
        if path in self._described and self._described[path].required:
            # one answer without it is one too many, even if others show the same task with it
            return {ALL: (len(seen.there[ALL] - seen.lacking), len(seen.there[ALL] | seen.lacking))}
        objects = self._objects[parent_of(path)]
        return {about: (len(seen.there[about]), len(objects[about])) for about in sorted(objects)}


def _resolution(text: str) -> str:
    try:
        # a writer that leaves out zeros at the end mostly stays within one resolution
        return str(-(-parse_timestamp(text).digits // 3))
    except ValueError:
        return NO_TIME


def _word(value: object, known: type[TaskType | TaskState]) -> str:
    return str(value) if isinstance(value, str) and value in set(known) else "other"
