"""``cce-precheck snapshot``: what each of its commands prints, and the status that it ends with."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.drift.memory import remember
from pytest_cce_precheck.drift.snapshot import dumps, read, write
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from pytest_cce_precheck.drift.comparison import Drift
    from pytest_cce_precheck.drift.memory import TargetMemory
    from pytest_cce_precheck.drift.snapshot import Snapshot, SnapshotTarget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of ``snapshot``."""
    actions = parser.add_subparsers(required=True, dest="action", metavar="ACTION")
    show = actions.add_parser("show", help="show what is known of each target, and which changes are being told")
    accept = actions.add_parser("accept", help="take the changes that are being told as known from now on")
    for each in (show, accept):
        each.add_argument("path", metavar="PATH", help="what --cce-snapshot has written")
    diff = actions.add_parser("diff", help="show what is otherwise in another snapshot; 1 where that is an error")
    diff.add_argument("old", metavar="OLD", help="a snapshot")
    diff.add_argument("new", metavar="NEW", help="a snapshot")
    for each in (show, diff):
        each.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Run ``cce-precheck snapshot …``; return 1 if ``diff`` finds an error."""
    return _ACTIONS[options.action](options)


def _show(options: argparse.Namespace) -> int:
    snapshot = _read(Path(options.path))
    if options.json:
        sys.stdout.write(dumps(snapshot))
    else:
        sys.stdout.writelines(
            f"{one_line(line)}\n" for target in sorted(snapshot) for line in _known(target, snapshot[target])
        )
    return 0


def _known(target: SnapshotTarget, memory: TargetMemory) -> Iterator[str]:
    days = f"on {memory.first}" if memory.first == memory.last else f"from {memory.first} to {memory.last}"
    yield f"{target.name}: asked {days}"
    for kind, traits in sorted(memory.answers.items()):
        tasks = max((sum(by.values()) for path, by in traits.objects.items() if path.endswith(".items[*]")), default=0)
        yield f"  {kind}: {len(traits.fields)} fields" + (f" of {tasks} tasks" if tasks else "")
    for key, voice in sorted(memory.deviations.items()):
        seen = [
            f"{word} from {days[0]} to {days[1]}"
            for word, days in (("shown", voice.shown), ("not shown", voice.plain))
            if days
        ]
        yield f"  {key.call} {key.code} {key.name}: {', '.join(seen)}"
    for change, told in sorted(memory.pending.items()):
        yield f"  told since {told.since}{', accepted' if told.accepted else ''}: {change}"


def _accept(options: argparse.Namespace) -> int:
    path = Path(options.path)
    snapshot = _read(path)
    told = [(target, key) for target, memory in sorted(snapshot.items()) for key in sorted(memory.pending)]
    accepted = {
        target: replace(memory, pending={key: replace(each, accepted=True) for key, each in memory.pending.items()})
        for target, memory in snapshot.items()
    }
    write(path, dumps(accepted))
    sys.stdout.writelines(f"accepted: {one_line(str(key))} ({target.name})\n" for target, key in told)
    number = len(told)
    sys.stdout.write(f"{number} change{'s' if number != 1 else ''} accepted; the next run takes them as known\n")
    return 0


def _diff(options: argparse.Namespace) -> int:
    old, new = _read(Path(options.old)), _read(Path(options.new))
    both = sorted(old.keys() & new.keys())
    if not both:
        raise ConfigurationError(
            f"{options.old} and {options.new} have no target in common, so nothing can be compared"
        )
    found = {target: _between(old[target], new[target]) for target in both}
    if options.json:
        listed = [
            {"target": target.name, "grade": drift.grade, "code": drift.code, "path": drift.path, "said": drift.said}
            for target, drifts in found.items()
            for drift in drifts
        ]
        sys.stdout.write(json.dumps(listed, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{one_line(line)}\n" for target in both for line in _otherwise(target, found[target]))
    return int(any(drift.grade == "error" for drifts in found.values() for drift in drifts))


def _between(old: TargetMemory, new: TargetMemory) -> tuple[Drift, ...]:
    counts = {key: record.counts for key, record in new.deviations.items()}
    outcome = remember(replace(old, pending={}), new.answers, counts, new.last)
    return outcome.drifts


def _otherwise(target: SnapshotTarget, drifts: tuple[Drift, ...]) -> Iterator[str]:
    yield f"{target.name}: {'' if drifts else 'the answers have the same shape'}".rstrip(": ")
    yield from (f"  {drift.grade}: {drift.said}" for drift in drifts)


def _read(path: Path) -> Snapshot:
    if not path.exists():
        raise ConfigurationError(f"there is no snapshot {path}; --cce-snapshot={path} begins one")
    return read(path)


_ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "show": _show,
    "accept": _accept,
    "diff": _diff,
}
