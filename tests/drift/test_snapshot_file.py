"""The snapshot file: the same bytes for the same content, whole or not at all, and one clear word where it is none."""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from pytest_cce_precheck import _files
from pytest_cce_precheck.drift import snapshot
from pytest_cce_precheck.drift.comparison import ChangeKey
from pytest_cce_precheck.drift.deviation_counts import DeviationCounter
from pytest_cce_precheck.drift.memory import PendingChange, TargetMemory, remember
from pytest_cce_precheck.drift.snapshot import MOST_TARGETS, SnapshotTarget, dumps, loads, prepare, read, write
from pytest_cce_precheck.drift.traits import Observer
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.schema_files import SNAPSHOT, load_schema
from tests.cassette.test_files import unprivileged
from tests.contract.answers import answered, created, creation, listing, task
from tests.contract.documents import drop, put
from tests.schemas import schema_names

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = load_schema(SNAPSHOT)
VALIDATOR = Draft202012Validator(SCHEMA)
HERE = SnapshotTarget("live", "https://cce.example", "c")
FIRST = date(2026, 11, 1)


def memory(*nights: list[Any]) -> TargetMemory:
    asked, answer = creation()
    known: TargetMemory | None = None
    for day, documents in enumerate(nights):
        observer, listener = Observer(), DeviationCounter()
        for exchange in (*map(answered, documents), created(answer, asked)):
            observer.take(exchange)
            listener.take(exchange)
        known = remember(known, observer.traits, listener.counts, FIRST + timedelta(day)).memory
    assert known is not None
    return known


def everything() -> TargetMemory:
    """Return what has everything that a snapshot can hold: deviations on both sides, changes that are being told."""
    many = [task(number) for number in range(12)]
    plain, other = listing(many), listing([drop(each, "metadata", "expireTimeStamp") for each in many])
    return memory([plain], [plain], [put(other, "pageInfo", "currentCount", "12")])


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        prepare(path)
    return str(raised.value)


# ---- what is written


def test_it_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    known = {HERE: everything(), SnapshotTarget("simulate", "the simulator"): memory([listing()])}
    write(tmp_path / "s.json", dumps(known))
    assert read(tmp_path / "s.json") == known
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]


def test_a_file_that_calls_the_simulator_by_its_former_name_is_still_compared_with_it(tmp_path: Path) -> None:
    text = dumps({SnapshotTarget("simulate", "the simulator"): memory([listing()])})
    (tmp_path / "s.json").write_text(text.replace("the simulator", "the embedded service"), "utf-8")
    assert [target.endpoint for target in read(tmp_path / "s.json")] == ["the simulator"]


@pytest.mark.parametrize(
    ("kind", "path", "aspect"),
    [
        ("list 200", "$.kind", "type"),
        ("list 401 (CCE)", '$.items[*].metadata["a \\"b\\" ] c"].d', "word a b"),
        ("list 200", "$", "presence"),
        ("create", "", "deviation final-without-expiry"),
    ],
)
def test_what_a_change_is_about_is_read_again_from_its_text(kind: str, path: str, aspect: str) -> None:
    key = ChangeKey(kind, path, aspect)
    changed = TargetMemory(FIRST, FIRST, {}, {}, {key: PendingChange(FIRST, FIRST)})
    assert list(loads(dumps({HERE: changed}), "s.json")[HERE].pending) == [key]


def test_the_same_content_gives_the_same_bytes() -> None:
    two = {HERE: everything(), SnapshotTarget("live", "https://cce.example", "b"): everything()}
    assert dumps(two) == dumps(dict(reversed(two.items())))
    assert dumps(loads(dumps(two), "s.json")) == dumps(two)


def test_a_field_is_a_line_so_that_a_difference_can_be_read() -> None:
    lines = dumps({HERE: everything()}).splitlines()
    assert '            "$.pageInfo": {"types": ["object"], "there": {"all": [1, 1]}},' in lines
    assert max(map(len, lines)) < 250


def test_it_stays_small(tmp_path: Path) -> None:
    tasks = [task(number, state) for number, state in enumerate(["Init", "Running", "Failed", "Success"] * 500)]
    assert len(dumps({HERE: memory([listing(tasks)])})) < 16_000


def test_of_too_many_targets_those_are_kept_that_were_asked_last() -> None:
    known = memory([listing()])
    many = {
        SnapshotTarget("live", f"https://{number}.example"): TargetMemory(
            FIRST, FIRST + timedelta(number), known.answers, known.deviations, {}
        )
        for number in range(MOST_TARGETS + 5)
    }
    kept = loads(dumps(many), "s.json")
    assert len(kept) == MOST_TARGETS
    assert SnapshotTarget("live", "https://4.example") not in kept


# ---- its schema


def test_the_schema_is_valid_and_no_part_of_the_contract() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "https://pytest-cce-precheck.example/schemas/snapshot.json"
    assert SNAPSHOT not in schema_names()
    for example in SCHEMA["examples"]:
        VALIDATOR.validate(example)
        assert loads(json.dumps(example), "s.json")


def test_what_is_written_meets_it_and_has_every_property() -> None:
    document = json.loads(dumps({HERE: everything()}))
    VALIDATOR.validate(document)
    [target] = document["targets"]
    assert target.keys() == SCHEMA["properties"]["targets"]["items"]["properties"].keys()
    used = {name for each in target["answers"]["list 200"]["fields"].values() for name in each}
    assert used == SCHEMA["$defs"]["field"]["properties"].keys()
    assert target["told"]
    days = {name for each in target["deviations"].values() for name in each}
    assert days == SCHEMA["$defs"]["deviation"]["properties"].keys()


def test_everything_that_it_names_is_described() -> None:
    def named(node: Any) -> list[tuple[str, Any]]:
        if not isinstance(node, dict):
            return []
        own = list(node.get("properties", {}).items()) if isinstance(node.get("properties"), dict) else []
        return [*own, *(each for name, child in node.items() if name != "examples" for each in named(child))]

    assert [name for name, part in named(SCHEMA) if not part.get("description")] == []


TARGET = ("targets", 0)
FIELD = (*TARGET, "answers", "list 200", "fields", "$.kind")


@pytest.mark.parametrize(
    "change",
    [
        (*TARGET, "first", "yesterday"),
        (*TARGET, "first", "2026-13-40"),
        (*TARGET, "mode", "staging"),
        (*TARGET, "answers", []),
        (*TARGET, "comment", "x"),
        (*TARGET, "deviations", {"PRE302": {"shown": 1, "plain": 0}}),
        (*TARGET, "deviations", {"PRE302 list": {"shown": -1, "plain": 0}}),
        (*TARGET, "told", {"x": {"since": "2026-11-01"}}),
        (*FIELD, "types", ["text"]),
        (*FIELD, "there", {"all": [1]}),
        (*FIELD, "there", {"all": [1, 2, 3]}),
        (*FIELD, "words", "v3"),
        ("targets", {}),
    ],
    ids=lambda change: " ".join(map(str, change[-2:])),
)
def test_a_mistake_is_found_and_its_place_named(tmp_path: Path, change: tuple[Any, ...]) -> None:
    document = put(json.loads(dumps({HERE: everything()})), *change)
    (tmp_path / "s.json").write_text(json.dumps(document))
    message = refusal(tmp_path / "s.json")
    assert message.startswith(f"{tmp_path}/s.json is not a snapshot: ")
    assert "delete it and begin anew" in message


# ---- what is no snapshot


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a snapshot: Expecting value"),
        (b"{", "is not a snapshot: Expecting property name"),
        (dumps({HERE: everything()}).encode()[:-400], "is not a snapshot: "),
        (b"\xff\xfe", "cannot be read: byte 0 is not UTF-8"),
        (b"[]", 'is not a snapshot: it has no "snapshot": 1; name another file'),
        (b'{"cassette": 1}', 'is not a snapshot: it has no "snapshot": 1; name another file'),
        (b'{"snapshot": 2}', "is a snapshot of version 2, and this is a tool for version 1"),
        (b'{"snapshot": "1"}', "is a snapshot of version '1', and this is"),
        (b'{"snapshot": 1}', "is not a snapshot: at $.targets, 'targets' is a required property"),
        (b"[" * 100_000, "is not a snapshot: "),
    ],
    ids=["empty", "cut", "truncated", "bytes", "list", "cassette", "newer", "text", "bare", "deep"],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "s.json").write_bytes(content)
    assert message in refusal(tmp_path / "s.json")
    assert (tmp_path / "s.json").read_bytes() == content


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert "folder cannot be read: it is a directory; expected a regular file" in refusal(tmp_path / "folder")
    assert "there is no folder" in refusal(tmp_path / "nowhere" / "s.json")
    assert read(tmp_path / "nothing.json") == {}


def test_a_link_is_read_and_stays_one(tmp_path: Path) -> None:
    write(tmp_path / "s.json", dumps({}))
    (tmp_path / "link").symlink_to("s.json")
    prepare(tmp_path / "link")
    assert read(tmp_path / "link") == {}
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "s.json").read_text() == "new"


def test_a_file_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "LARGEST", 10)
    (tmp_path / "s.json").write_text("[1,2,3,4,5,6]")
    assert "it has 13 bytes; expected a regular file of at most 10 bytes" in refusal(tmp_path / "s.json")


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    with unprivileged(folder):
        assert "closed/s.json cannot be read: Permission denied" in refusal(folder / "s.json")


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(_files, "_write_whole", read_only)
    message = f"the snapshot {tmp_path}/s.json cannot be written: Read-only file system"
    assert refusal(tmp_path / "s.json") == message


def test_a_snapshot_that_cannot_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "s.json", "old")

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match=r"the snapshot .*s.json cannot be written: No space left on device"):
        write(tmp_path / "s.json", "new")
    assert (tmp_path / "s.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
