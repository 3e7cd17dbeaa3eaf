"""Whatever a service sends, the rules find or stay silent: they never fail themselves."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.filters import Bracket, CountMeaning, Unlisted, acceptable_statuses, judge_selection
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.explore.classes import MATCHING, UNKNOWN
from pytest_cce_precheck.explore.queries import FilterValue, select
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.text import describe
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Response
from pytest_cce_precheck.wire.vocabulary import Filter
from tests.contract.answers import (
    HEADERS,
    Document,
    answer_to,
    answered,
    created,
    creation,
    judge_series,
    listing,
    task,
)

# what services send where something else belongs
ODD = (
    None, True, 0, -1, 1.5, 10**30, "", " ", "x" * 300, "\ud800", "\x00\x1b[2J", "Init", "2025-08-05T17:10:44Z",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", [], [None], [[]], {}, {"items": None}, {"metadata": 1},
)  # fmt: skip
STEPS = (
    ("kind",), ("pageInfo",), ("pageInfo", "currentCount"), ("items",), ("items", 0), ("items", 3, "metadata"),
    ("items", 3, "spec"), ("items", 3, "status"), ("items", 3, "status", "status"), ("items", 3, "status", "riskList"),
    ("items", 3, "status", "riskList", 0), ("items", 3, "status", "riskList", 0, "status"),
    *(("items", 3, "metadata", name) for name in task()["metadata"]),
)  # fmt: skip
ORDER, MADE = creation()
CREATE_STEPS = (
    ("spec",), ("spec", "addonList"), ("spec", "addonList", 0), ("status",), ("status", "items"),
    ("status", "items", 0), ("status", "items", 0, "metadata"), ("status", "items", 0, "spec"),
    ("status", "items", 0, "status"),
    ("status", "items", 0, "metadata", "type"), ("status", "items", 0, "metadata", "addonInstanceID"),
    ("status", "items", 0, "status", "riskList"), ("status", "items", 0, "status", "riskList", 0),
)  # fmt: skip
ORDER_STEPS = (
    ("spec",), ("spec", "clusterID"), ("spec", "addonList"), ("spec", "addonList", 0),
    *(("spec", "addonList", 1, name) for name in ("addonTemplateName", "addonInstanceID", "type", "targetVersion")),
)  # fmt: skip


def put(document: Document, steps: tuple[Any, ...], value: Any) -> Document:
    changed = copy.deepcopy(document)
    node: Any = changed
    for step in steps[:-1]:
        node = node[step]
    node[steps[-1]] = value
    return changed


def told(exchange: Exchange) -> list[str]:
    """Judge and write out, as a run does; give the codes."""
    findings = check(exchange)
    text = describe(findings, Redactor(()), kind=None)
    assert all(line.isprintable() for line in text.splitlines())
    for group in causes(findings):
        json.dumps(group.finding.to_dict())
    assert all(finding.code in rules() for finding in findings)
    return [finding.code for finding in findings]


@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: ".".join(map(str, steps)))
def test_an_odd_value_anywhere_in_a_list_is_judged(steps: tuple[Any, ...]) -> None:
    for value in ODD:
        told(answered(put(listing(), steps, value)))


@pytest.mark.parametrize("steps", CREATE_STEPS, ids=lambda steps: ".".join(map(str, steps)))
def test_an_odd_value_anywhere_in_a_create_answer_is_judged(steps: tuple[Any, ...]) -> None:
    for value in ODD:
        told(created(put(MADE, steps, value), ORDER))


@pytest.mark.parametrize("steps", ORDER_STEPS, ids=lambda steps: ".".join(map(str, steps)))
def test_the_answer_to_an_odd_create_request_is_judged(steps: tuple[Any, ...]) -> None:
    for value in ODD:
        order = put(ORDER, steps, value)
        told(created(MADE, order))
        told(created({**MADE, "spec": order["spec"]}, order))


def test_a_create_request_is_compared_with_its_answer_even_where_a_null_is_left_out() -> None:
    order = put(ORDER, ("spec", "extra"), None)
    assert "PRE320" in told(created(MADE, order))
    assert told(created({**MADE, "spec": order["spec"]}, order)).count("PRE320") == 0


JSON = st.recursive(
    st.sampled_from(ODD[:15]) | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["kind", "apiVersion", "pageInfo", "items", "metadata", "status", "spec", "riskList", "errorCode", "error_msg", "x"]
)
DOCUMENTS = st.dictionaries(
    NAMES, st.recursive(JSON, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)
)


@given(document=DOCUMENTS, status=st.sampled_from([200, 201, 204, 302, 400, 404, 429, 500, 503, 299, 600]))
def test_any_object_is_judged_whatever_it_answers(document: Document, status: int) -> None:
    told(answered(document, status=status))
    told(created(document, ORDER, status))


@given(body=st.binary(max_size=60))
@example(body=b'{"items": 1e999}')
@example(body=b'{"pageInfo": {"currentCount": 1' + b"0" * 5000 + b"}}")
@example(body=b'{"a": "\\ud800"}')
def test_any_body_is_judged(body: bytes) -> None:
    told(answered(body))
    told(answered(body, status=404))


@pytest.mark.parametrize("name", ["Content-Type", "Retry-After", "Date", "Location", "X-Request-Id"])
@pytest.mark.parametrize(
    "value",
    ["", ";", ";;=", "application/json;charset", "\x00", "é", "0", "-1", "9" * 400, "Tue, 99 Foo 2025 99:99:99 GMT",
     "Tue, 05 Aug 99999 12:00:00 GMT", "Tue, 05 Aug 0000 12:00:00 GMT", "Tue, 05 Aug 2025 12:00:00 +9999", "a, b"],
)  # fmt: skip
def test_any_header_is_judged(name: str, value: str) -> None:
    others = [pair for pair in HEADERS if pair[0] != name]
    for status in (200, 301, 429):
        told(answered(listing(), status=status, headers=[*others, (name, value)]))


def test_a_status_that_http_does_not_know_is_judged() -> None:
    for status in (99, 0, 299, 418, 499, 599, 700, 999):
        told(answered(listing(), status=status))


def lists(change: Any) -> Any:
    answer, _ = judge(answered(change))
    assert answer is not None
    return answer


@pytest.mark.parametrize("steps", STEPS[4:], ids=lambda steps: ".".join(map(str, steps)))
def test_odd_values_do_not_break_the_relations_between_answers(steps: tuple[Any, ...]) -> None:
    for value in ODD:
        plain, odd = answer_to(listing()), lists(put(listing(), steps, value))
        for answers in ((plain, odd), (odd, plain), (odd, odd)):
            judge_series([*answers, *answers])
            for shown in (plain, odd):
                bracket = Bracket(*answers)
                for value_class in (MATCHING, UNKNOWN):
                    question = select([FilterValue(Filter.TYPE, "addonStatic", value_class)])
                    judge_selection(question, shown, bracket)
                    acceptable_statuses(question, bracket)
                    Unlisted().judge(question, shown, bracket)
                CountMeaning().judge(shown, bracket)


def test_an_exchange_without_anything_is_judged() -> None:
    request = answered(listing()).request
    assert told(Exchange(request, Response(200))) == ["PRE106"]
    assert told(Exchange(request, Response(200, Headers([("Server", "x")])))) == ["PRE105", "PRE190", "PRE106"]
