"""The markers ``cce`` and ``cce_allow`` of a test, and its cassette."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.cassette.files import file_name, is_usable
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.settings import config_key, uses_the_plugin
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.states import arranged_simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_cce_precheck.config.targets import NamedTarget

T = TypeVar("T")

SIGNATURE: Final = "mode=None, cassette=None, faults=(), repeats=False, tasks=None"
refusal_key: Final = pytest.StashKey[str]()
"""Why no test that uses the plugin can run; set on a worker of xdist, which would seem to crash if it stopped."""


@dataclass(frozen=True)
class CceMarker:
    """The arguments of ``@pytest.mark.cce(...)``."""

    mode: Mode | None = None
    cassette: str | None = None
    faults: tuple[str, ...] = ()
    repeats: bool = False
    tasks: tuple[Mapping[str, Any], ...] | None = None


def marker_of(item: pytest.Item) -> CceMarker:
    """Return the arguments of a test's marker ``cce``; raises `ConfigurationError` if this run cannot use them."""
    marker = item.get_closest_marker("cce")
    if marker is None:
        return CceMarker()
    (node, _), *others = item.iter_markers_with_node("cce")
    if any(other is node for other, _ in others):
        # pytest would use one of them and ignore the others
        raise ConfigurationError(
            "two markers @pytest.mark.cce(...) in one place: write one with the arguments of both, such as"
            ' @pytest.mark.cce(mode="simulate", faults=[...])'
        )
    read, mode = _read(marker), item.config.stash[config_key].mode
    if read.faults and not (read.mode or mode).is_simulated:
        raise ConfigurationError(
            f"@pytest.mark.cce(faults={[*read.faults]}): only the simulator has faults, and this run is in mode {mode}:"
            ' add mode="simulate"'
        )
    if read.tasks is not None and not (read.mode or mode).is_simulated:
        raise ConfigurationError(
            f"@pytest.mark.cce(tasks=[…]): only the simulator's tasks can be arranged, and this run is in mode {mode}:"
            ' add mode="simulate"'
        )
    return read


def _read(marker: pytest.Mark) -> CceMarker:
    def cce(
        mode: Any = None, cassette: Any = None, faults: Any = (), repeats: Any = False, tasks: Any = None
    ) -> CceMarker:
        if mode not in (None, *Mode):
            raise ConfigurationError(f"@pytest.mark.cce(mode={mode!r}): expected one of {', '.join(Mode)}")
        mode = None if mode is None else Mode(mode)
        if cassette is not None and not (isinstance(cassette, str) and cassette):
            raise ConfigurationError(f"@pytest.mark.cce(cassette={cassette!r}): expected the name of a file")
        if cassette is not None and not is_usable(cassette):
            raise ConfigurationError(
                f"@pytest.mark.cce(cassette={cassette!r}): expected a name within the folder of the cassettes, without"
                " '..' and not absolute"
            )
        if not isinstance(faults, list | tuple | set) or not all(isinstance(name, str) for name in faults):
            raise ConfigurationError(f"@pytest.mark.cce(faults={faults!r}): expected a list of names")
        if faults and mode is not None and not mode.is_simulated:
            raise ConfigurationError(
                f"@pytest.mark.cce(mode={mode.value!r}, faults={faults!r}): only the simulator has faults, so expected"
                ' mode="simulate"'
            )
        unknown = next((name for name in faults if name not in FAULTS), None)
        if unknown is not None:
            raise ConfigurationError(
                f"@pytest.mark.cce(faults=…): there is no fault {unknown!r}{did_you_mean(unknown, FAULTS)};"
                " cce-precheck faults lists them"
            )
        if not isinstance(repeats, bool):
            raise ConfigurationError(f"@pytest.mark.cce(repeats={repeats!r}): expected True or False")
        return CceMarker(mode, cassette, tuple(faults), repeats, _tasks(tasks, mode))

    return called(cce, marker, SIGNATURE)


def _tasks(tasks: Any, mode: Mode | None) -> tuple[Mapping[str, Any], ...] | None:
    if tasks is None:
        return None
    if not isinstance(tasks, list | tuple) or not all(isinstance(each, Mapping) for each in tasks):
        raise ConfigurationError(
            f"@pytest.mark.cce(tasks={tasks!r}): expected a list of dicts, each with the arguments of"
            ' cce_simulator.add_task, such as [{"template": "coredns", "state": "Failed"}]'
        )
    if mode is not None and not mode.is_simulated:
        raise ConfigurationError(
            f"@pytest.mark.cce(mode={mode.value!r}, tasks=[…]): only the simulator's tasks can be arranged, so expected"
            ' mode="simulate"'
        )
    try:
        arranged_simulator(tasks)
    except ConfigurationError as error:
        raise ConfigurationError(f"@pytest.mark.cce(tasks=[…]): {error}") from None
    return tuple(tasks)


def acceptance_of(marker: pytest.Mark) -> Acceptance:
    """Return what ``@pytest.mark.cce_allow(code, reason=…, until=None)`` accepts; raises `ConfigurationError`."""

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
            # the marker of a module or a class is the same for each of its tests
            which = (id(marker), marker is closest)
            if marker.name in ("cce", "cce_allow") and which not in seen:
                seen.add(which)
                # only the closest applies, so only that one has to suit the mode of the run
                other = acceptance_of if marker.name == "cce_allow" else _read
                read: Callable[[], object] = partial(marker_of, item) if marker is closest else partial(other, marker)
                try:
                    read()
                except ConfigurationError as error:
                    wrong.setdefault(str(error), []).append(item.nodeid)
    if wrong:
        raise ConfigurationError(
            "\n".join(
                f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {message}"
                for message, names in wrong.items()
            )
        )


def called(signature: Callable[..., T], marker: pytest.Mark, expected: str) -> T:
    """Call a function that has the documented signature of a marker with the marker's arguments."""
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
    """Return a test's id without the group that ``--dist loadgroup`` appends to it."""
    return f"{item.parent.nodeid}::{item.name}" if item.parent is not None else item.nodeid


def cassette_name(item: pytest.Item, marker: CceMarker) -> str:
    """Return the name of a test's cassette: the one in its marker, or one made from its module and its own name."""
    if marker.cassette is not None:
        return marker.cassette
    module = getattr(getattr(item, "module", None), "__name__", None)
    place, _, test = test_id(item).partition("::")
    return file_name(module or place, test or item.name)


def cassettes_by_test(items: Iterable[pytest.Item]) -> Mapping[str, str]:
    """Return the test of each cassette; raises `ConfigurationError` if two tests would record the same.

    Some file systems ignore case, so names that differ in case alone are the same.
    """
    cassettes: dict[str, str] = {}
    recorded: dict[str, str] = {}
    for item in items:
        if uses_the_plugin(item):
            marker = marker_of(item)
            name = str(PurePosixPath(cassette_name(item, marker))).removesuffix(".json")
            cassettes.setdefault(name, item.nodeid)
            # tests that only replay may share one
            may_record = marker.mode is None or marker.mode.records
            other = recorded.setdefault(name.lower(), item.nodeid) if may_record else item.nodeid
            if other != item.nodeid:
                raise ConfigurationError(
                    f"two tests would record the cassette {name}.json: {other} and {item.nodeid};"
                    " give one of them another (cce(cassette=...))"
                )
    return cassettes


def over_targets(metafunc: pytest.Metafunc, targets: tuple[NamedTarget, ...]) -> None:
    """Run a test once for each target; to pytest-xdist each target is a group."""
    grouped = metafunc.config.pluginmanager.hasplugin("xdist")
    parameters = [
        pytest.param(target, id=target.name, marks=pytest.mark.xdist_group(target.name) if grouped else ())
        for target in targets
    ]
    if "_cce_target" not in metafunc.fixturenames:
        # a test with the marker alone names no fixture of ours
        metafunc.fixturenames.append("_cce_target")
    metafunc.parametrize("_cce_target", parameters, indirect=True, scope="session")
