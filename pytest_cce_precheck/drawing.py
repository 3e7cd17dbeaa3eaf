"""What a hypothesis test may draw in the run's mode; the fixture ``cce_filters``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.errors import CassetteMissingError, ConfigurationError
from pytest_cce_precheck.explore.classes import known_values
from pytest_cce_precheck.explore.questions import Asked
from pytest_cce_precheck.explore.recorded import recorded_questions
from pytest_cce_precheck.explore.strategies import filters
from pytest_cce_precheck.recordings.coverage import covered_classes, named_classes
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cce_precheck.cassette.matching import Playback
    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.harness import Harness


_DRAWN: Final = "drawn"


class Filters:
    """Gives strategies of filter combinations: of any, or on replay of those that the test's cassette holds."""

    def __init__(self, harness: Harness, client: PrecheckClient) -> None:
        self._harness = harness
        self._client = client
        self._known: Mapping[Filter, Sequence[str]] | None = None
        self._replayed: tuple[Playback, tuple[tuple[Asked, ...], ...]] | None = None

    def __call__(self, *, at_least: int = 0) -> st.SearchStrategy[tuple[Asked, ...]]:
        """Give a strategy to draw from within a test; ``at_least`` so many filters are given.

        Values are made from what the unfiltered list shows, which is read once a session. Raises
        `CassetteMissingError` where nothing fitting was recorded, `ConfigurationError` where the list cannot be read.
        """
        if self._harness.config.mode == "replay":
            fitting = [asked for asked in self._recorded() if len(asked) >= at_least]
            if not fitting:
                raise CassetteMissingError(
                    f"no list call with at least {at_least} filters was recorded for this test; record it"
                    " (--cce-mode=record)"
                )
            return st.sampled_from(fitting)
        if self._known is None:
            answer, findings = judge(self._client.list_tasks())
            if answer is None:
                reason = findings[0].message if findings else "it is no list"
                raise ConfigurationError(f"there is nothing to draw from, the unfiltered list is not usable: {reason}")
            self._known = known_values(answer.tasks)
        drawn = filters(self._known, at_least=at_least)
        return drawn.map(self._noted) if self._harness.config.mode == "record" else drawn

    def _noted(self, asked: tuple[Asked, ...]) -> tuple[Asked, ...]:
        # what a test makes of it and asks too was not drawn, and what would be made of that was not recorded
        test = self._harness.test
        note = [[str(each.name), each.value, each.value_class] for each in asked]
        if test is not None and note not in test.notes.setdefault(_DRAWN, []):
            test.notes[_DRAWN].append(note)
        return asked

    def _recorded(self) -> tuple[tuple[Asked, ...], ...]:
        if self._harness.test is None or self._harness.test.playback is None:
            return ()
        playback = self._harness.test.playback
        if self._replayed is None or self._replayed[0] is not playback:
            found = [recording.exchange for recording in playback.cassette]
            exchanges = [each for each in found if each is not None]
            noted = self._harness.test.notes.get(_DRAWN)
            drawn = recorded_questions(exchanges) if noted is None else tuple(map(_as_drawn, noted))
            self._replayed = playback, drawn
            self._harness.test.classes = named_classes(covered_classes(exchanges))
        return self._replayed[1]


def _as_drawn(note: Sequence[Any]) -> tuple[Asked, ...]:
    return tuple(Asked(Filter(name), value, value_class) for name, value, value_class in note)
