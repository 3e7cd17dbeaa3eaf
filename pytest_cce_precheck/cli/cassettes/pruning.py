"""``cce-precheck cassettes prune``: the cassettes that no test claims any more."""

from __future__ import annotations

import contextlib
import glob
import io
import os
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck._files import remove, sweep
from pytest_cce_precheck.cassette.files import cassettes
from pytest_cce_precheck.cli.cassettes.found import cassettes_in
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.markers import cassettes_by_test

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SUFFIX: Final = ".json"
# the mode decides nothing about what is collected, and this one refuses no setting
_COLLECTING: Final = (
    *("--collect-only", "-q", "--cce-mode=simulate"),
    # a warning, such as that our own modules are loaded already, must not keep a test from being collected
    *("-W", "ignore"),
    # without it, what failed last alone would be collected with --lf
    *("-p", "no:cacheprovider"),
)


class _Collector:
    """Sees what pytest collects, what is deselected too: who does not run today has a cassette all the same."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []
        self.skipped: list[str] = []
        self.missed: list[str] = []
        self.claimed: set[str] = set()
        self.refusal: ConfigurationError | None = None
        self._seen: set[str] = set()

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        self._seen.add(os.path.realpath(collector.path))

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self.items.append(item)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        config = session.config
        self.missed = [argument for argument in config.args if "::" in argument]
        missed = (path for path in _test_files(config) if os.path.realpath(path) not in self._seen)
        self.missed += [os.path.relpath(path) for path in missed]
        try:
            self.claimed = {_plain(name) for name in cassettes_by_test(self.items)}
        except ConfigurationError as error:
            self.refusal = error


@dataclass(frozen=True)
class Pruning:
    """What a folder holds: the cassettes that no test claims, those that one does, and what is left alone.

    With each unclaimed cassette is the status of its file when it was looked at.
    """

    unclaimed: Mapping[Path, os.stat_result]
    claimed: int
    tests: int
    left_alone: tuple[str, ...]


def pruning(folder: Path, arguments: Sequence[str]) -> Pruning:
    """Return which cassettes no test claims that pytest collects with ``arguments``; nothing is deleted.

    Raises `ConfigurationError` if that cannot be known for sure.
    """
    # before anything else: whatever is recorded from now on differs from it
    seen = dict(_looked_at(folder))
    found = [each for each in cassettes_in(folder) if each.path in seen]
    left_alone = [f"{each.path} is a link" for each in found if each.path.is_symlink()]
    ours = [each for each in found if not each.path.is_symlink()]
    left_alone += [each.problem for each in ours if each.cassette is None]
    whole = [each for each in ours if each.cassette is not None]
    if not whole:
        raise ConfigurationError(f"{folder} holds no cassettes, so there is nothing to prune")
    collected = _collected(arguments)
    unclaimed = {each.path: seen[each.path] for each in whole if _plain(each.name) not in collected.claimed}
    if len(unclaimed) == len(whole):
        raise ConfigurationError(
            f"the {len(collected.items)} tests that pytest collects claim none of the cassettes of {folder}, so they"
            " are not those that record there: name these after --, or delete the folder by hand"
        )
    return Pruning(unclaimed, len(whole) - len(unclaimed), len(collected.items), tuple(left_alone))


def delete(unclaimed: Mapping[Path, os.stat_result], folder: Path) -> list[Path]:
    """Delete files, what killed recordings left, and the folders that are empty then, except ``folder``.

    Return those that stay, since they were recorded anew meanwhile. Raises `ConfigurationError` if one cannot be
    deleted.
    """
    sweep(folder)
    stay = []
    for path, seen in unclaimed.items():
        try:
            if not remove(path, seen):
                stay.append(path)
            for parent in path.relative_to(folder).parents[:-1]:
                # what is not empty stays
                with contextlib.suppress(OSError):
                    (folder / parent).rmdir()
        except OSError as error:
            raise ConfigurationError(f"cannot delete {path}: {error.strerror}") from None
    return stay


def _looked_at(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in cassettes(folder):
        # one that vanishes meanwhile needs no deleting
        with contextlib.suppress(FileNotFoundError):
            yield path, path.lstat()


def _collected(arguments: Sequence[str]) -> _Collector:
    collector, output = _Collector(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = pytest.main([*_COLLECTING, *arguments], plugins=[collector])
    if collector.refusal is not None:
        raise collector.refusal
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise ConfigurationError(
            f"the tests cannot be collected, so which cassettes they use is not known: {_reason(output.getvalue())}"
        )
    if collector.skipped:
        raise ConfigurationError(
            f"{', '.join(collector.skipped)} is skipped as a whole, so which cassettes its tests use is not known:"
            " prune where it is not skipped"
        )
    if not collector.claimed:
        number = len(collector.items)
        found = f"{number} tests, none of which uses a cassette" if number else "no test here"
        raise ConfigurationError(
            f"pytest collects {found}, so every cassette would be unclaimed: name the tests that record them after --"
        )
    if collector.missed:
        first, number = collector.missed[0], len(collector.missed)
        what = f"of {first} not every test is" if "::" in first else f"{_named(first, number)} not"
        raise ConfigurationError(
            f"{what} collected, so which cassettes are used there is not known: let pytest collect every test of the"
            " project (testpaths in its settings says where they are)"
        )
    return collector


def _named(first: str, number: int) -> str:
    return f"{first} is" if number == 1 else f"{first} and {number - 1} more files of tests are"


def _test_files(config: pytest.Config) -> Iterator[Path]:
    """Return every file that pytest would take for one of tests, where the project keeps them."""
    places = [found for each in config.getini("testpaths") for found in glob.glob(each, root_dir=config.rootpath)]
    for place in places or [""]:
        start = config.rootpath / place
        if start.is_file():
            yield start
        for folder, folders, files in os.walk(start):
            folders[:] = sorted(each for each in folders if _is_looked_into(Path(folder, each), config))
            paths = (Path(folder, name) for name in sorted(files) if name.endswith(".py"))
            yield from (path for path in paths if any(map(path.match, config.getini("python_files"))))


def _is_looked_into(folder: Path, config: pytest.Config) -> bool:
    is_environment = (folder / "pyvenv.cfg").exists() or (folder / "conda-meta").exists()
    return not is_environment and not any(fnmatch(folder.name, each) for each in config.getini("norecursedirs"))


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # of wrong usage, pytest says what it is after how it should be used
    errors = [line for line in lines if "): error: " in line] or [line for line in lines if line.startswith("ERROR")]
    return "; ".join(errors or lines[-1:]) or "pytest says nothing"


def _plain(name: Any) -> str:
    """Return a cassette's name as file systems compare it that do not tell upper from lower case."""
    path = PurePosixPath(str(name).replace(os.sep, "/")).as_posix()
    return path.removesuffix(_SUFFIX).lower()
