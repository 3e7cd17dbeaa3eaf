"""Which tests a fault concerns: what they asked without it is asked again, of a simulator that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.challenge.differences import Difference, difference
from pytest_cce_precheck.challenge.notes import Notes, replayed

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from pytest_cce_precheck.challenge.notes import Answered


class Asked:
    """What each test asked, in the run without faults, and the answers that it got."""

    def __init__(self, notes: Mapping[Hashable, Sequence[Notes]]) -> None:
        self._notes = {test: [each for each in found if each.asked] for test, found in notes.items()}
        self._answers: dict[Any, list[list[Answered]]] = {
            test: [replayed(each) for each in found] for test, found in self._notes.items() if found
        }

    @property
    def tests(self) -> list[Any]:
        """The tests that asked for something."""
        return list(self._answers)

    def changed_by(self, name: str) -> tuple[Difference | None, list[Any], list[Any]]:
        """Return what a fault or variation changes first, the tests that it concerns, and those that have to notice.

        These are the tests that get an answer which every client has to notice; if there is none, all that it concerns.
        """
        found: dict[Any, Difference] = {}
        for test, answers in self._answers.items():
            differences = [
                each
                for notes, before in zip(self._notes[test], answers, strict=True)
                if (each := difference(before, replayed(notes, name))) is not None
            ]
            if differences:
                found[test] = next((each for each in differences if each.assertion), differences[0])
        telling = [test for test, each in found.items() if each.assertion]
        first = found[telling[0]] if telling else next(iter(found.values()), None)
        return first, list(found), telling or list(found)
