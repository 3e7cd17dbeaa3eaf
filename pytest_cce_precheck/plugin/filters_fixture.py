"""What a hypothesis test draws filters from, in each mode; the fixture ``cce_filters``."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.errors import CassetteMissingError, ConfigurationError
from pytest_cce_precheck.explore.classes import values_of
from pytest_cce_precheck.explore.coverage import covered_classes, named_classes
from pytest_cce_precheck.explore.queries import FilterValue
from pytest_cce_precheck.explore.recorded import questions_that_list, recorded_questions, weighted
from pytest_cce_precheck.explore.strategies import Wanted, filters_wanted
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.plugin.session import Harness
    from pytest_cce_precheck.wire.exchange import Exchange

    Strategy = st.SearchStrategy[tuple[FilterValue, ...]]


_DRAWN: Final = "drawn"


class Filters:
    """Returns strategies of filter combinations: of any, or on replay of those that the test's cassette contains."""

    def __init__(self, harness: Harness, client: PrecheckClient) -> None:
        self._harness = harness
        self._client = client
        self._source: object = None
        self._make: Callable[[Wanted], Strategy] | None = None

    def __call__(self, **wanted: Any) -> Strategy:
        """Return a strategy of combinations, to draw from within a test.

        ``wanted`` are the arguments of `Wanted.of`: ``at_least`` and ``at_most`` so many filters, ``existing`` values
        only, or values of some ``classes``, and ``weights`` of combinations. Values are made from the tasks of the
        service; a real one is asked for its unfiltered list once a session. Raises `CassetteMissingError` if nothing
        suitable was recorded, `ConfigurationError` if nothing is as wanted or the list is unusable.
        """
        # within a test the strategy stays the same, whatever the test does to the service: hypothesis relies on it
        source = self._client if self._harness.config.mode.is_real else self._harness.test
        if self._make is None or source is not self._source:
            self._make, self._source = cache(self._maker()), source
        return self._make(Wanted.of(**wanted))

    def _maker(self) -> Callable[[Wanted], Strategy]:
        mode = self._harness.config.mode
        if mode.replays:
            return _recorded(*self._recordings())
        tasks = self._harness.mode.known_tasks()
        if tasks is None:
            tasks = self._read()

        def make(wanted: Wanted) -> Strategy:
            drawn = filters_wanted(wanted, None, tasks)
            return drawn.map(self._noted) if mode.records else drawn

        return make

    def _read(self) -> list[dict[Filter, str]]:
        test = self._harness.test
        with test.aside() if test is not None else nullcontext():
            answer, findings = judge(self._client.list_tasks())
        if answer is None:
            reason = findings[0].message if findings else "it is not a list"
            raise ConfigurationError(f"there are no filters to draw, since the unfiltered list is unusable: {reason}")
        return values_of(answer.tasks)

    def _noted(self, asked: tuple[FilterValue, ...]) -> tuple[FilterValue, ...]:
        # the replay draws only these: for calls that the test derives from a drawn one, nothing else was recorded
        test = self._harness.test
        note = [[str(each.name), each.value, each.value_class] for each in asked]
        if test is not None and note not in test.notes.setdefault(_DRAWN, []):
            test.notes[_DRAWN].append(note)
        return asked

    def _recordings(self) -> tuple[Sequence[tuple[FilterValue, ...]], Sequence[Exchange]]:
        """Return the combinations to draw from the test's cassette, the simplest first, and its exchanges."""
        test = self._harness.test
        if test is None or test.playback is None:
            return (), ()
        found = [recording.exchange for recording in test.playback.cassette]
        exchanges = [each for each in found if each is not None]
        test.classes = named_classes(covered_classes(exchanges))
        noted = test.notes.get(_DRAWN)
        drawn = recorded_questions(exchanges) if noted is None else tuple(map(_as_drawn, noted))
        return sorted(drawn, key=len), exchanges


def _recorded(drawn: Sequence[tuple[FilterValue, ...]], exchanges: Sequence[Exchange]) -> Callable[[Wanted], Strategy]:
    listing = questions_that_list(exchanges)

    def make(wanted: Wanted) -> Strategy:
        fitting = [asked for asked in drawn if wanted.takes(asked)]
        if not fitting:
            kind = " of these classes" if wanted.existing or wanted.classes is not None else ""
            raise CassetteMissingError(
                f"no list call with at least {wanted.at_least} filters{kind} was recorded for this test; record it"
                " (--cce-mode=record)"
            )
        return st.sampled_from(weighted(fitting, listing))

    return make


def _as_drawn(note: Sequence[Any]) -> tuple[FilterValue, ...]:
    return tuple(FilterValue(Filter(name), value, value_class) for name, value, value_class in note)
