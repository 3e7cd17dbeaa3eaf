"""Which tests have to do with us, what their marker says, and which cassette is whose."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.cassette.files import file_name, is_usable
from pytest_cce_precheck.config.options import MODES
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.settings import config_key
from pytest_cce_precheck.simulator.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_cce_precheck.config.targets import NamedTarget

T = TypeVar("T")

refusal_key: Final = pytest.StashKey[str]()
"""Why no test of ours can run, where that cannot stop the run: a worker of xdist would only seem to crash."""


@dataclass(frozen=True)
class CceMarker:
    """What ``@pytest.mark.cce(...)`` says."""

    mode: str | None = None
    cassette: str | None = None
    faults: tuple[str, ...] = ()
    repeats: bool = False


def marker_of(item: pytest.Item) -> CceMarker:
    """Read a test's marker ``cce``; raises `ConfigurationError` if it cannot be used in this run."""
    marker = item.get_closest_marker("cce")
    if marker is None:
        return CceMarker()
    read, mode = _read(marker), item.config.stash[config_key].mode
    if read.faults and (read.mode or mode) != "simulate":
        raise ConfigurationError(
            f"@pytest.mark.cce(faults={[*read.faults]}): only the simulator has faults, and this run is in mode {mode}:"
            ' add mode="simulate"'
        )
    return read


def _read(marker: pytest.Mark) -> CceMarker:
    def cce(mode: Any = None, cassette: Any = None, faults: Any = (), repeats: Any = False) -> CceMarker:
        if mode not in (None, *MODES):
            raise ConfigurationError(f"@pytest.mark.cce(mode={mode!r}): expected one of {', '.join(MODES)}")
        if cassette is not None and not (isinstance(cassette, str) and cassette):
            raise ConfigurationError(f"@pytest.mark.cce(cassette={cassette!r}): expected the name of a file")
        if cassette is not None and not is_usable(cassette):
            raise ConfigurationError(
                f"@pytest.mark.cce(cassette={cassette!r}): expected a name within the folder of the cassettes, without"
                " '..' and not absolute"
            )
        if not isinstance(faults, list | tuple | set) or not all(isinstance(name, str) for name in faults):
            raise ConfigurationError(f"@pytest.mark.cce(faults={faults!r}): expected a list of names")
        if faults and mode not in (None, "simulate"):
            raise ConfigurationError(
                f"@pytest.mark.cce(mode={mode!r}, faults={faults!r}): faults work in the simulator only, so"
                " expected no other mode than simulate"
            )
        for name in faults:
            if name not in FAULTS:
                near = did_you_mean(name, FAULTS)
                raise ConfigurationError(
                    f"@pytest.mark.cce(faults=…): there is no fault {name!r}{near}; cce-precheck faults lists them"
                )
        if not isinstance(repeats, bool):
            raise ConfigurationError(f"@pytest.mark.cce(repeats={repeats!r}): expected True or False")
        return CceMarker(mode, cassette, tuple(faults), repeats)

    return called(cce, marker, "mode=None, cassette=None, faults=(), repeats=False")


def acceptance_of(marker: pytest.Mark) -> Acceptance:
    """Read ``@pytest.mark.cce_allow(code, reason=…, until=None)``; raises `ConfigurationError`."""

    def cce_allow(code: Any, *, reason: Any, until: Any = None) -> Acceptance:
        if not isinstance(code, str):
            raise ConfigurationError(f"@pytest.mark.cce_allow({code!r}): expected a code, or the name of its rule")
        if reason is not None and not isinstance(reason, str):
            raise ConfigurationError(f"@pytest.mark.cce_allow(reason={reason!r}): expected a text")
        if until is not None and type(until) not in (str, date):
            raise ConfigurationError(f"@pytest.mark.cce_allow(until={until!r}): expected a day as YYYY-MM-DD")
        return Acceptance.of(code, reason or "", until)

    return called(cce_allow, marker, "code, reason=…, until=None")


def refuse_wrong_markers(items: Iterable[pytest.Item]) -> None:
    """Raise one `ConfigurationError` for all markers with wrong arguments, each with the first test that has it."""
    seen: set[tuple[int, bool]] = set()
    wrong: dict[str, list[str]] = {}
    for item in items:
        closest = item.get_closest_marker("cce")
        for marker in item.iter_markers():
            # that of a module or a class is the same for each of its tests
            which = (id(marker), marker is closest)
            if marker.name in ("cce", "cce_allow") and which not in seen:
                seen.add(which)
                # only the closest is in force, and so has to suit the run
                other = acceptance_of if marker.name == "cce_allow" else _read
                read: Callable[[], object] = partial(marker_of, item) if marker is closest else partial(other, marker)
                try:
                    read()
                except ConfigurationError as error:
                    wrong.setdefault(str(error), []).append(item.nodeid)
    if wrong:
        told = [
            f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {message}"
            for message, names in wrong.items()
        ]
        raise ConfigurationError("\n".join(told))


def called(signature: Callable[..., T], marker: pytest.Mark, expected: str) -> T:
    """Call what has a marker's documented signature with what the marker was given."""
    known = inspect.signature(signature).parameters
    for word in marker.kwargs:
        if word not in known:
            raise ConfigurationError(
                f"@pytest.mark.{marker.name}: unexpected argument {word!r}: expected ({expected})"
                f"{did_you_mean(word, known)}"
            )
    try:
        inspect.signature(signature).bind(*marker.args, **marker.kwargs)
    except TypeError as error:
        raise ConfigurationError(f"@pytest.mark.{marker.name}: {error}; expected ({expected})") from None
    return signature(*marker.args, **marker.kwargs)


def test_id(item: pytest.Item) -> str:
    """Return a test's id without the group that ``--dist loadgroup`` writes behind it."""
    return f"{item.parent.nodeid}::{item.name}" if item.parent is not None else item.nodeid


def cassette_name(item: pytest.Item, marker: CceMarker) -> str:
    """Return the cassette of a test: the one that its marker names, or one after module and test."""
    if marker.cassette is not None:
        return marker.cassette
    module = getattr(getattr(item, "module", None), "__name__", None)
    place, _, test = test_id(item).partition("::")
    return file_name(module or place, test or item.name)


def cassettes_by_test(items: Iterable[pytest.Item]) -> Mapping[str, str]:
    """Return each cassette that a test may use, and the test; raises `ConfigurationError` if two would record one.

    Where names differ in case alone, some file systems hold one file.
    """
    claimed: dict[str, str] = {}
    recorded: dict[str, str] = {}
    for item in items:
        if is_concerned(item):
            marker = marker_of(item)
            name = str(PurePosixPath(cassette_name(item, marker))).removesuffix(".json")
            claimed.setdefault(name, item.nodeid)
            # those that only replay may share one
            other = recorded.setdefault(name.lower(), item.nodeid) if marker.mode in (None, "record") else item.nodeid
            if other != item.nodeid:
                raise ConfigurationError(
                    f"two tests would record the cassette {name}.json: {other} and {item.nodeid};"
                    " give one of them another (cce(cassette=...))"
                )
    return claimed


def is_concerned(item: pytest.Item) -> bool:
    """Tell whether a test has to do with us: by the marker ``cce``, or by a fixture of ours."""
    names = getattr(item, "fixturenames", ())
    return any(name.startswith(("cce_", "_cce_h")) for name in names) or item.get_closest_marker("cce") is not None


def over_targets(metafunc: pytest.Metafunc, targets: tuple[NamedTarget, ...]) -> None:
    """Run a test once for each target; to pytest-xdist each target is a group."""
    grouped = metafunc.config.pluginmanager.hasplugin("xdist")
    parameters = [
        pytest.param(target, id=target.name, marks=pytest.mark.xdist_group(target.name) if grouped else ())
        for target in targets
    ]
    if "_cce_target" not in metafunc.fixturenames:
        # by the marker alone a test is ours without naming a fixture
        metafunc.fixturenames.append("_cce_target")
    metafunc.parametrize("_cce_target", parameters, indirect=True, scope="session")
