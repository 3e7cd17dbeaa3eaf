"""``cce-precheck snapshot``: show, compare and accept what runs saw of a service's answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.cli.output import put_out, say
from pytest_cce_precheck.cli.printing import print_text
from pytest_cce_precheck.drift.memory import remember
from pytest_cce_precheck.drift.snapshot import dumps, read, write
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_cce_precheck.drift.comparison import Drift
    from pytest_cce_precheck.drift.memory import TargetMemory
    from pytest_cce_precheck.drift.snapshot import Snapshot, SnapshotTarget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``snapshot``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", help="show what is known of each target, and the changes that runs report")
    accept = actions.add_parser("accept", help="accept the changes that runs report: later runs report them no more")
    diff = actions.add_parser("diff", help="show what differs in another snapshot; status 1 if that is an error")
    for each in (show, accept):
        each.add_argument("path", metavar="PATH", help="what --cce-snapshot has written")
    diff.add_argument("old", metavar="OLD", help="a snapshot")
    diff.add_argument("new", metavar="NEW", help="a snapshot")
    for each in (show, diff):
        each.add_argument("--json", action="store_true", help="print JSON")
    for each, run in ((show, _show), (accept, _accept), (diff, _diff)):
        each.set_defaults(run=run)


def _show(options: argparse.Namespace) -> int:
    snapshot = _read(Path(options.path))
    if options.json:
        print_text(dumps(snapshot))
    else:
        say((one_line(line) for target in sorted(snapshot) for line in _known(target, snapshot[target])), options)
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
    for change, pending in sorted(memory.pending.items()):
        yield f"  reported since {pending.since}{', accepted' if pending.accepted else ''}: {change}"


def _accept(options: argparse.Namespace) -> int:
    path = Path(options.path)
    snapshot = _read(path)
    changes = [(target, key) for target, memory in sorted(snapshot.items()) for key in sorted(memory.pending)]
    accepted = {
        target: replace(memory, pending={key: replace(each, accepted=True) for key, each in memory.pending.items()})
        for target, memory in snapshot.items()
    }
    write(path, dumps(accepted))
    say((f"accepted: {one_line(str(key))} ({target.name})" for target, key in changes), options)
    say([f"{count_of(len(changes), 'change')} accepted; the next run takes them as known"], options)
    return 0


def _diff(options: argparse.Namespace) -> int:
    old, new = _read(Path(options.old)), _read(Path(options.new))
    both = sorted(old.keys() & new.keys())
    if not both:
        raise ConfigurationError(
            f"{options.old} and {options.new} have no target in common, so nothing can be compared"
        )
    found = {target: _between(old[target], new[target]) for target in both}
    document, lines = [], []
    for target, drifts in found.items():
        lines.append(target.name + ("" if drifts else ": the answers have the same shape"))
        for drift in drifts:
            shown = {name: getattr(drift, name) for name in ("grade", "code", "path", "said")}
            document.append({"target": target.name, **shown})
            lines.append(f"  {drift.grade}: {drift.said}")
    put_out(options, document, map(one_line, lines))
    return int(any(drift.grade == "error" for drifts in found.values() for drift in drifts))


def _between(old: TargetMemory, new: TargetMemory) -> tuple[Drift, ...]:
    counts = {key: record.counts for key, record in new.deviations.items()}
    return remember(replace(old, pending={}), new.answers, counts, new.last).drifts


def _read(path: Path) -> Snapshot:
    if not path.exists():
        raise ConfigurationError(f"there is no snapshot {path}; pytest --cce-snapshot={path} begins one")
    return read(path)
