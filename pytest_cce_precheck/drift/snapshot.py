"""The snapshot file: versioned JSON of what runs saw of each target, byte-stable, without bodies, bounded in size."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, astuple, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from pytest_cce_precheck import _files
from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.drift.comparison import ChangeKey
from pytest_cce_precheck.drift.deviation_counts import DeviationCounts, DeviationKey, DeviationRecord
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
"""If there are more targets, those that were asked last are kept."""
_LEVELS: Final = 6
# what files of release 0.1 call the simulator
_RENAMED: Final = {"the embedded service": "the simulator"}
# "list 200 $.items[*].metadata.type word x", or "list deviation final-without-expiry"; a name in a path may hold blanks
_FIELD: Final = re.compile(r"([^$]+) (\$(?:\.\w+|\[\*\]|\[\"(?:[^\"\\]|\\.)*\"\])*) (.+)", re.DOTALL)


@dataclass(frozen=True, order=True)
class SnapshotTarget:
    """A cluster of a service, in a mode; ``cluster`` is empty if the mode has none.

    ``label`` is its name in a run; it is not stored.
    """

    mode: str
    endpoint: str
    cluster: str = ""
    label: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """Its name for people."""
        return self.label or f"{self.mode}: {self.endpoint}" + (f", cluster {self.cluster}" if self.cluster else "")


Snapshot = dict[SnapshotTarget, TargetMemory]


def prepare(path: Path) -> None:
    """Check that a run can read and write a snapshot here; raises `ConfigurationError` if it could not."""
    read(path)
    if not path.parent.is_dir():
        raise ConfigurationError(f"the snapshot {path} cannot be written: there is no folder {path.parent}")
    _files.prepare(path, f"the snapshot {path}")


def read(path: Path) -> Snapshot:
    """Load a snapshot, an empty one if there is no file; raises `ConfigurationError` that says what is wrong."""
    try:
        text = _files.read_text(path, f"the snapshot {path}", limit=LARGEST, way_out="name another file")
    except MissingFileError:
        return {}
    return loads(text, str(path))


def loads(text: str, name: str) -> Snapshot:
    """Parse a snapshot's text; ``name`` is for messages. Raises `ConfigurationError`."""
    way_out = "take an earlier one from your version control or your CI's cache, or delete it and begin anew"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{name} is not a snapshot: {error}; {way_out}") from None
    if not isinstance(document, dict) or "snapshot" not in document:
        raise ConfigurationError(f'{name} is not a snapshot: it has no "snapshot": {VERSION}; name another file')
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
        raise ConfigurationError(f"{name} is not a snapshot: {error}; {way_out}") from None
    raise ConfigurationError(
        f"{name} is not a snapshot: at {wrong.json_path}, {shortened(wrong.message, 200)}; {way_out}"
    )


def dumps(snapshot: Mapping[SnapshotTarget, TargetMemory]) -> str:
    """Render a snapshot: the same content gives the same bytes."""
    latest = sorted(snapshot, key=lambda target: (snapshot[target].last, target), reverse=True)[:MOST_TARGETS]
    targets = [_as_data(target, snapshot[target]) for target in sorted(latest)]
    return _laid_out({"snapshot": VERSION, "targets": targets}, _LEVELS) + "\n"


def write(path: Path, text: str) -> None:
    """Write a snapshot's text to its file, whole or not at all; raises `ConfigurationError`."""
    _files.write(path, text.encode(), f"the snapshot {path}")


def traits_as_data(answers: Mapping[str, Traits]) -> dict[str, Any]:
    """Return the traits of answers as JSON has them."""
    return {
        kind: {
            "objects": each.objects,
            "fields": {
                path: {name: value for name, value in asdict(trait).items() if value}
                for path, trait in each.fields.items()
            },
        }
        for kind, each in sorted(answers.items())
    }


def traits_from_data(data: Mapping[str, Any]) -> dict[str, Traits]:
    """Parse what `traits_as_data` returned."""
    return {
        kind: Traits(each["objects"], {path: _trait(trait) for path, trait in each["fields"].items()})
        for kind, each in data.items()
    }


def _trait(data: Mapping[str, Any]) -> Trait:
    there = {about: (have, of) for about, (have, of) in data.get("there", {}).items()}
    return Trait(tuple(data.get("types", ())), tuple(data.get("words", ())), data.get("fractions", {}), there)


def counts_as_data(counts: Mapping[DeviationKey, DeviationCounts]) -> dict[str, Any]:
    """Return the counts of deviations as JSON has them."""
    return {" ".join(key): list(astuple(each)) for key, each in sorted(counts.items())}


def counts_from_data(data: Mapping[str, Any]) -> dict[DeviationKey, DeviationCounts]:
    """Parse what `counts_as_data` returned."""
    return {DeviationKey(*key.split(" ")): DeviationCounts(*each) for key, each in data.items()}


def _as_data(target: SnapshotTarget, memory: TargetMemory) -> dict[str, Any]:
    return {
        "mode": target.mode,
        "endpoint": target.endpoint,
        "cluster": target.cluster,
        "first": memory.first,
        "last": memory.last,
        "answers": traits_as_data(memory.answers),
        "deviations": {
            " ".join(key): {
                "shown": record.counts.shown,
                "plain": record.counts.plain,
                **({"shown_on": list(record.shown)} if record.shown else {}),
                **({"plain_on": list(record.plain)} if record.plain else {}),
            }
            for key, record in sorted(memory.deviations.items())
        },
        "told": {str(key): asdict(memory.pending[key]) for key in sorted(memory.pending, key=str)},
    }


def _target(data: Mapping[str, Any]) -> SnapshotTarget:
    return SnapshotTarget(data["mode"], _RENAMED.get(data["endpoint"], data["endpoint"]), data["cluster"])


def _memory(data: Mapping[str, Any]) -> TargetMemory:
    day = date.fromisoformat

    def days(name: str, record: Mapping[str, Any]) -> tuple[date, date] | None:
        return (day(record[name][0]), day(record[name][1])) if record.get(name) else None

    return TargetMemory(
        day(data["first"]),
        day(data["last"]),
        traits_from_data(data["answers"]),
        {
            DeviationKey(*key.split(" ")): DeviationRecord(
                DeviationCounts(each["shown"], each["plain"]), days("shown_on", each), days("plain_on", each)
            )
            for key, each in data["deviations"].items()
        },
        {
            _change_key(key): PendingChange(day(change["since"]), day(change["last"]), change["accepted"])
            for key, change in data["told"].items()
        },
    )


def _change_key(text: str) -> ChangeKey:
    if match := _FIELD.fullmatch(text):
        return ChangeKey(*match.groups())
    call, _, aspect = text.partition(" ")
    return ChangeKey(call, "", aspect)


def _laid_out(value: Any, levels: int, indent: str = "") -> str:
    """Render JSON with a line for each field of the answers."""
    inner = indent + "  "
    if levels and isinstance(value, dict) and any(isinstance(each, dict | list) for each in value.values()):
        members = (f"{inner}{json.dumps(name)}: {_laid_out(each, levels - 1, inner)}" for name, each in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if levels and isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return "[\n" + ",\n".join(inner + _laid_out(each, levels - 1, inner) for each in value) + f"\n{indent}]"
    return json.dumps(value, default=str)
