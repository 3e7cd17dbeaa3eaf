"""``cce-precheck cassettes prune``: find the cassettes that no test uses any more, and delete them."""

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
from pytest_cce_precheck.cli.cassettes.folder import cassettes_in
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.markers import cassettes_by_test

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SUFFIX: Final = ".json"
# every mode collects the same tests, and this one refuses no setting
_COLLECTING: Final = (
    *("--collect-only", "-q", "--cce-mode=simulate"),
    # a warning, such as that our own modules are loaded already, must not become an error
    *("-W", "ignore"),
    # with the cache, --lf would collect the tests that failed last only
    *("-p", "no:cacheprovider"),
)


class _Collector:
    """Collects the tests that pytest finds, deselected ones included: these have cassettes too."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []
        self.skipped: list[str] = []
        self.missed: list[str] = []
        self.used: set[str] = set()
        self.refusal: ConfigurationError | None = None
        self.root = Path()
        self._seen: set[str] = set()

    def uncollected_file(self, test: str) -> str:
        """Return the file of a test's id if there is such a file and pytest did not look into it."""
        name = test.partition("::")[0]
        path = self.root / name
        return name if name and path.is_file() and os.path.realpath(path) not in self._seen else ""

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        self._seen.add(os.path.realpath(collector.path))

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self.items.append(item)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        config = session.config
        self.root = config.rootpath
        unseen = (path for path in _test_files(config) if os.path.realpath(path) not in self._seen)
        self.missed = [argument for argument in config.args if "::" in argument] + list(map(os.path.relpath, unseen))
        try:
            self.used = {_plain(name) for name in cassettes_by_test(self.items)}
        except ConfigurationError as error:
            self.refusal = error


@dataclass(frozen=True)
class Pruning:
    """The unused cassettes of a folder, how many others are used by how many tests, and what is left alone.

    Each unused cassette has the status of its file before the tests were collected.
    """

    unused: Mapping[Path, os.stat_result]
    used: int
    tests: int
    left_alone: tuple[str, ...]


def pruning(folder: Path, arguments: Sequence[str]) -> Pruning:
    """Return the cassettes that no test uses, of those that pytest collects with ``arguments``; delete nothing.

    Raises `ConfigurationError` if that cannot be known for sure.
    """
    seen = {}
    for path in cassettes(folder):
        # a file that has been deleted since need not be deleted
        with contextlib.suppress(FileNotFoundError):
            # taken before anything else: a cassette that is recorded from now on has another
            seen[path] = path.lstat()
    found = [each for each in cassettes_in(folder) if each.path in seen]
    left_alone = [f"{each.path} is a link" for each in found if each.path.is_symlink()]
    ours = [each for each in found if not each.path.is_symlink()]
    left_alone += [each.problem for each in ours if each.cassette is None]
    valid = [each for each in ours if each.cassette is not None]
    if not valid:
        raise ConfigurationError(f"{folder} holds no cassettes, so there is nothing to prune")
    collected = _collected(arguments)
    unused = {each.path: seen[each.path] for each in valid if _plain(each.name) not in collected.used}
    recorders = {each.path: each.cassette.origin.test for each in valid if each.cassette is not None}
    for path in unused:
        recorder = collected.uncollected_file(recorders[path] or "")
        if recorder:
            raise ConfigurationError(
                f"{path} was recorded by a test of {recorder}, which is not collected, so whether it is used is not"
                " known: let pytest collect every test of the project (testpaths in its settings, or after --)"
            )
    if len(unused) == len(valid):
        raise ConfigurationError(
            f"the {len(collected.items)} tests that pytest collects use none of the cassettes of {folder}, so they"
            " are not those that record there: name these after --, or delete the folder by hand"
        )
    return Pruning(unused, len(valid) - len(unused), len(collected.items), tuple(left_alone))


def delete(unused: Mapping[Path, os.stat_result], folder: Path) -> list[Path]:
    """Delete files, what killed recordings left, and the folders that are empty then, except ``folder``.

    Return the files that were kept because they have been recorded again. Raises `ConfigurationError` if one cannot be
    deleted.
    """
    sweep(folder)
    kept = []
    for path, seen in unused.items():
        try:
            if not remove(path, seen):
                kept.append(path)
            for parent in path.relative_to(folder).parents[:-1]:
                # a folder that is not empty is kept
                with contextlib.suppress(OSError):
                    (folder / parent).rmdir()
        except OSError as error:
            raise ConfigurationError(f"cannot delete {path}: {error.strerror}") from None
    return kept


def _collected(arguments: Sequence[str]) -> _Collector:
    collector, output = _Collector(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = pytest.main([*_COLLECTING, *arguments], plugins=[collector])
    if collector.refusal is not None:
        raise collector.refusal
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise ConfigurationError(
            f"the tests cannot be collected, so the cassettes that they use are not known: {_reason(output.getvalue())}"
        )
    if collector.skipped:
        raise ConfigurationError(
            f"{', '.join(collector.skipped)} is skipped as a whole, so the cassettes that its tests use are not known:"
            " run this where it is not skipped"
        )
    if not collector.used:
        number = len(collector.items)
        found = f"{number} tests, none of which uses a cassette" if number else "no test here"
        raise ConfigurationError(
            f"pytest collects {found}, so every cassette would be unused: name the tests that record them after --"
        )
    if collector.missed:
        first, more = collector.missed[0], len(collector.missed) - 1
        what = f"{first} and {more} more files of tests are" if more else f"{first} is"
        what = f"not every test of {first} is" if "::" in first else f"{what} not"
        raise ConfigurationError(
            f"{what} collected, so the cassettes that are used there are not known: let pytest collect every test of"
            " the project (the setting testpaths names their folders)"
        )
    return collector


def _test_files(config: pytest.Config) -> Iterator[Path]:
    """Yield every file in the project's folders of tests that has the name of a test file."""
    places = [found for each in config.getini("testpaths") for found in glob.glob(each, root_dir=config.rootpath)]
    for place in places or [""]:
        start = config.rootpath / place
        if start.is_file():
            yield start
        for folder, folders, files in os.walk(start):
            folders[:] = sorted(each for each in folders if _is_searched(Path(folder, each), config))
            paths = (Path(folder, name) for name in sorted(files) if name.endswith(".py"))
            yield from (path for path in paths if any(map(path.match, config.getini("python_files"))))


def _is_searched(folder: Path, config: pytest.Config) -> bool:
    is_environment = (folder / "pyvenv.cfg").exists() or (folder / "conda-meta").exists()
    return not is_environment and not any(fnmatch(folder.name, each) for each in config.getini("norecursedirs"))


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # after wrong usage, pytest prints the right usage and then the error
    errors = [line for line in lines if "): error: " in line] or [line for line in lines if line.startswith("ERROR")]
    return "; ".join(errors or lines[-1:]) or "pytest says nothing"


def _plain(name: Any) -> str:
    """Return a cassette's name as a file system compares it that ignores case."""
    path = PurePosixPath(str(name).replace(os.sep, "/")).as_posix()
    return path.removesuffix(_SUFFIX).lower()
