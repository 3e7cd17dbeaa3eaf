"""The snapshot file: versioned JSON of what runs saw of each target, byte-stable, without bodies, bounded in size."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from pytest_cce_precheck import _files
from pytest_cce_precheck.drift.dialects import DeviationCounts, DeviationRecord
from pytest_cce_precheck.drift.memory import PendingChange, TargetMemory
from pytest_cce_precheck.drift.traits import Trait, Traits
from pytest_cce_precheck.errors import ConfigurationError, MissingFileError
from pytest_cce_precheck.schema_files import SNAPSHOT, load_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION: Final = 1
LARGEST: Final = 16 * 1024 * 1024
MOST_TARGETS: Final = 200
"""Of more targets, those are kept that were asked last."""
_LEVELS: Final = 6


@dataclass(frozen=True, order=True)
class SnapshotTarget:
    """What is asked: a cluster of a service, in a mode; ``cluster`` is empty where a mode has no such thing.

    ``label`` is what a run calls it; it is not kept.
    """

    mode: str
    endpoint: str
    cluster: str = ""
    label: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.label or f"{self.mode}: {self.endpoint}" + (f", cluster {self.cluster}" if self.cluster else "")


Snapshot = dict[SnapshotTarget, TargetMemory]


def prepare(path: Path) -> None:
    """Make sure that a run can read and write a snapshot here; raises `ConfigurationError` if it could not."""
    read(path)
    if not path.parent.is_dir():
        raise ConfigurationError(f"the snapshot {path} cannot be: there is no folder {path.parent}")
    _files.prepare(path, f"the snapshot {path}")


def read(path: Path) -> Snapshot:
    """Read a snapshot, an empty one if there is no file; raises `ConfigurationError` that says what is wrong."""
    try:
        text = _files.read_text(path, f"the snapshot {path}", limit=LARGEST, way_out="name another file")
    except MissingFileError:
        return {}
    return loads(text, str(path))


def loads(text: str, name: str) -> Snapshot:
    """Read a snapshot's text; ``name`` is for messages. Raises `ConfigurationError`."""
    way_out = "take an earlier one from your version control or your CI's cache, or delete it and begin anew"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{name} is no snapshot: {error}; {way_out}") from None
    if not isinstance(document, dict) or "snapshot" not in document:
        raise ConfigurationError(f'{name} is no snapshot: it has no "snapshot": {VERSION}; name another file')
    if document["snapshot"] != VERSION:
        raise ConfigurationError(
            f"{name} is a snapshot of version {document['snapshot']!r}, and this is a tool for version {VERSION}:"
            " install a newer pytest-cce-precheck, or begin another file"
        )
    wrong = best_match(Draft202012Validator(load_schema(SNAPSHOT)).iter_errors(document))
    try:
        if wrong is None:
            return {_target(each): _memory(each) for each in document["targets"]}
    except ValueError as error:
        raise ConfigurationError(f"{name} is no snapshot: {error}; {way_out}") from None
    raise ConfigurationError(f"{name} is no snapshot: at {wrong.json_path}, {wrong.message[:200]}; {way_out}")


def dumps(snapshot: Mapping[SnapshotTarget, TargetMemory]) -> str:
    """Write a snapshot: the same content gives the same bytes."""
    latest = sorted(snapshot, key=lambda target: (snapshot[target].last, target), reverse=True)[:MOST_TARGETS]
    targets = [_as_data(target, snapshot[target]) for target in sorted(latest)]
    return _laid_out({"snapshot": VERSION, "targets": targets}, _LEVELS) + "\n"


def write(path: Path, text: str) -> None:
    """Put a snapshot's text in place, whole or not at all; raises `ConfigurationError`."""
    _files.write(path, text.encode(), f"the snapshot {path}")


def traits_as_data(answers: Mapping[str, Traits]) -> dict[str, Any]:
    """Return the traits of answers as JSON has them."""
    return {
        kind: {
            "objects": each.objects,
            "fields": {path: _without_empty(asdict(trait)) for path, trait in each.fields.items()},
        }
        for kind, each in sorted(answers.items())
    }


def as_traits(data: Mapping[str, Any]) -> dict[str, Traits]:
    """Read what `traits_as_data` gave."""
    return {
        kind: Traits(each["objects"], {path: _trait(trait) for path, trait in each["fields"].items()})
        for kind, each in data.items()
    }


def spoken_as_data(spoken: Mapping[str, DeviationCounts]) -> dict[str, Any]:
    """Return what was heard of deviations as JSON has it."""
    return {key: list(astuple(each)) for key, each in sorted(spoken.items())}


def as_spoken(data: Mapping[str, Any]) -> dict[str, DeviationCounts]:
    """Read what `spoken_as_data` gave."""
    return {key: DeviationCounts(*each) for key, each in data.items()}


def _as_data(target: SnapshotTarget, memory: TargetMemory) -> dict[str, Any]:
    return {
        "mode": target.mode,
        "endpoint": target.endpoint,
        "cluster": target.cluster,
        "first": str(memory.first),
        "last": str(memory.last),
        "answers": traits_as_data(memory.answers),
        "deviations": {key: _voice_as_data(voice) for key, voice in sorted(memory.voices.items())},
        "told": {
            key: {"since": str(told.since), "last": str(told.last), "accepted": told.accepted}
            for key, told in sorted(memory.told.items())
        },
    }


def _voice_as_data(voice: DeviationRecord) -> dict[str, Any]:
    days = {"shown_on": voice.shown, "plain_on": voice.plain}
    return {
        "shown": voice.spoken.shown,
        "plain": voice.spoken.plain,
        **{name: [str(day) for day in both] for name, both in days.items() if both},
    }


def _without_empty(trait: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in trait.items() if value}


def _target(data: Mapping[str, Any]) -> SnapshotTarget:
    return SnapshotTarget(data["mode"], data["endpoint"], data["cluster"])


def _memory(data: Mapping[str, Any]) -> TargetMemory:
    return TargetMemory(
        date.fromisoformat(data["first"]),
        date.fromisoformat(data["last"]),
        as_traits(data["answers"]),
        {key: _voice(voice) for key, voice in data["deviations"].items()},
        {
            key: PendingChange(date.fromisoformat(told["since"]), date.fromisoformat(told["last"]), told["accepted"])
            for key, told in data["told"].items()
        },
    )


def _voice(data: Mapping[str, Any]) -> DeviationRecord:
    spoken = DeviationCounts(data["shown"], data["plain"])
    return DeviationRecord(spoken, _two_days(data.get("shown_on")), _two_days(data.get("plain_on")))


def _two_days(days: list[str] | None) -> tuple[date, date] | None:
    return (date.fromisoformat(days[0]), date.fromisoformat(days[1])) if days else None


def _trait(data: Mapping[str, Any]) -> Trait:
    there = {about: (have, of) for about, (have, of) in data.get("there", {}).items()}
    return Trait(tuple(data.get("types", ())), tuple(data.get("words", ())), data.get("fractions", {}), there)


def _laid_out(value: Any, levels: int, indent: str = "") -> str:
    """Write JSON, a field of the answers a line."""
    inner = indent + "  "
    if levels and isinstance(value, dict) and any(isinstance(each, dict | list) for each in value.values()):
        members = (f"{inner}{json.dumps(name)}: {_laid_out(each, levels - 1, inner)}" for name, each in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if levels and isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return "[\n" + ",\n".join(inner + _laid_out(each, levels - 1, inner) for each in value) + f"\n{indent}]"
    return json.dumps(value)
