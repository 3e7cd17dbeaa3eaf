"""The queries of a recorded test of the suite: its replay asks the same ones, whatever would be planned today."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.filters import Query
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DRAWN: Final = "drawn"


class QueryLog:
    """The queries that one test asks, by the name of what plans them.

    ``recorded`` holds those that were asked when the test was recorded: they are asked again, and no others.
    """

    def __init__(self, recorded: Mapping[str, Any] | None = None) -> None:
        self.replaying = recorded is not None
        self._questions = {
            name: [_question(data) for data in questions] for name, questions in (recorded or {}).items()
        }

    def questions(self, name: str, planned: Callable[[], Sequence[Query]]) -> Sequence[Query]:
        """Return the recorded queries, or else those that are ``planned``, and keep them."""
        if not self.replaying:
            self._questions[name] = list(planned())
        return tuple(self._questions.get(name, ()))

    def drawn(self, question: Query) -> None:
        """Keep a query that was drawn, not planned."""
        if not self.replaying:
            self._questions.setdefault(DRAWN, []).append(question)

    def as_data(self) -> dict[str, Any]:
        """Return what the cassette keeps."""
        return {
            name: [{**asdict(question), "statuses": sorted(question.statuses)} for question in asked]
            for name, asked in self._questions.items()
        }


def _question(data: Mapping[str, Any]) -> Query:
    return Query(
        query=data["query"],
        meanings=tuple(
            tuple(tuple((Filter(name), value) for name, value in conjunction) for conjunction in selection)
            for selection in data["meanings"]
        ),
        statuses=frozenset(data["statuses"]),
        code=data["code"],
        about=tuple(data["about"]),
        classes=tuple((Filter(name), value_class) for name, value_class in data["classes"]),
    )
