"""What a list request means that somebody else made up: the query that the contract judges its answer by."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.explore.classes import EMPTY, MATCHING
from pytest_cce_precheck.explore.queries import FilterValue, select
from pytest_cce_precheck.redaction.pseudonyms import folded
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Container

    from pytest_cce_precheck.contract.filters import Query
    from pytest_cce_precheck.wire.exchange import Request

# a value that no task has, whatever it looks like: it may be refused as every odd one
_UNKNOWN: Final = "captured"
_FOLDED: Final = frozenset(map(folded, Filter))


def query_of(request: Request, known: Container[tuple[str, str]]) -> Query | None:
    """Return what a list request asks for, None if no source says what it means; ``known`` are filters with values.

    A filter that is given twice, or in another spelling of its name, may mean several things.
    """
    given = Counter(name for name, _ in request.params)
    asked, undocumented = [], []
    for name, value in request.params:
        if name not in set(Filter):
            undocumented.append(name)
        elif "\ufffd" in value or given[name] > 1:
            return None
        else:
            value_class = EMPTY if not value else MATCHING if (name, value) in known else _UNKNOWN
            asked.append(FilterValue(Filter(name), value, value_class))
    if any(folded(name.partition("[")[0]) in _FOLDED for name in undocumented):
        return None
    query = select(asked, query=request.query)
    if len(asked) == 1 and asked[0].value_class == _UNKNOWN:
        # a task may have come with this value, and gone
        query = replace(query, meanings=((((asked[0].name, asked[0].value),),),))
    if undocumented:
        # no source says whether it is ignored or refused
        query = replace(query, statuses=query.statuses | {400}, code="PRE409")
    return query
