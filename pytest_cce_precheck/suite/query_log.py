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
            name: [query_from_data(data) for data in questions] for name, questions in (recorded or {}).items()
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

    def up_to(self, query: str, number: int) -> tuple[Query, ...]:
        """Return a query that was asked, with those planned just before it; none if it is not known here."""
        for asked in reversed(self._questions.values()):
            for place, question in enumerate(asked):
                if question.query == query:
                    return tuple(asked[max(place + 1 - number, 0) : place + 1])
        return ()

    def as_data(self) -> dict[str, Any]:
        """Return what the cassette keeps."""
        return {name: list(map(query_as_data, asked)) for name, asked in self._questions.items()}


def query_as_data(query: Query) -> dict[str, Any]:
    """Return a query in the types that JSON has."""
    return {**asdict(query), "statuses": sorted(query.statuses)}


def query_from_data(data: Mapping[str, Any]) -> Query:
    """Return the query of what `query_as_data` returned."""
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
