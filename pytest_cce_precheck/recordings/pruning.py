"""``cce-precheck cassettes prune``: the cassettes that no test claims any more."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.cassette.files import sweep
from pytest_cce_precheck.claims import claims
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.recordings.found import cassettes_in

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        self.claimed: set[str] = set()
        self.refusal: ConfigurationError | None = None

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self.items.append(item)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_collection_finish(self) -> None:
        try:
            self.claimed = {_plain(name) for name in claims(self.items)}
        except ConfigurationError as error:
            self.refusal = error


@dataclass(frozen=True)
class Pruning:
    """What a folder holds: the cassettes that no test claims, those that one does, and what is left alone."""

    unclaimed: tuple[Path, ...]
    claimed: int
    tests: int
    left_alone: tuple[str, ...]


def pruning(folder: Path, arguments: Sequence[str]) -> Pruning:
    """Say which cassettes no test claims that pytest collects with ``arguments``; nothing is deleted.

    Raises `ConfigurationError` where that cannot be known for sure.
    """
    found = cassettes_in(folder)
    left_alone = [f"{each.path} is a link" for each in found if each.path.is_symlink()]
    ours = [each for each in found if not each.path.is_symlink()]
    left_alone += [each.problem for each in ours if each.cassette is None]
    cassettes = [each for each in ours if each.cassette is not None]
    if not cassettes:
        raise ConfigurationError(f"{folder} holds no cassettes, so there is nothing to prune")
    collected = _collected(arguments)
    unclaimed = tuple(each.path for each in cassettes if _plain(each.name) not in collected.claimed)
    return Pruning(unclaimed, len(cassettes) - len(unclaimed), len(collected.items), tuple(left_alone))


def delete(unclaimed: Sequence[Path], folder: Path) -> None:
    """Delete files, what killed recordings left, and the folders that are empty then, but for ``folder``.

    Raises `ConfigurationError` where one cannot be deleted.
    """
    sweep(folder)
    for path in unclaimed:
        try:
            path.unlink()
            for parent in path.relative_to(folder).parents[:-1]:
                # what is not empty stays
                with contextlib.suppress(OSError):
                    (folder / parent).rmdir()
        except OSError as error:
            raise ConfigurationError(f"cannot delete {path}: {error.strerror}") from None


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
    return collector


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return "; ".join(errors or lines[-1:]) or "pytest says nothing"


def _plain(name: Any) -> str:
    """Give a cassette's name as file systems compare it that do not tell upper from lower case."""
    path = PurePosixPath(str(name).replace(os.sep, "/")).as_posix()
    return path.removesuffix(_SUFFIX).lower()
