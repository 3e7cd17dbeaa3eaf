"""What a hypothesis test may draw in the run's mode; the fixture ``cce_filters``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.errors import CassetteMissingError, ConfigurationError
from pytest_cce_precheck.explore.classes import known_values
from pytest_cce_precheck.explore.recorded import recorded_questions
from pytest_cce_precheck.explore.strategies import filters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cce_precheck.cassette.matching import Playback
    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.explore.questions import Asked
    from pytest_cce_precheck.harness import Harness
    from pytest_cce_precheck.wire.vocabulary import Filter


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
        return filters(self._known, at_least=at_least)

    def _recorded(self) -> tuple[tuple[Asked, ...], ...]:
        playback = self._harness.test.playback if self._harness.test else None
        if playback is None:
            return ()
        if self._replayed is None or self._replayed[0] is not playback:
            exchanges = [recording.exchange for recording in playback.cassette]
            self._replayed = playback, recorded_questions(each for each in exchanges if each is not None)
        return self._replayed[1]
