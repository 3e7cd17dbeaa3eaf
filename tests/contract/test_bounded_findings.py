"""However much is wrong in an answer, what is said of it has a bound, is true, and costs in proportion."""

from __future__ import annotations

import cProfile
import json
import pstats
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.contract import breaches
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.findings import Finding, gathered
from pytest_cce_precheck.contract.ledger import Known
from pytest_cce_precheck.contract.schema import schema_errors
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.text import describe, properties
from pytest_cce_precheck.suite.authentication import refusal_findings
from tests.contract.answers import HEADERS, answered, listing, risk, task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_cce_precheck.wire.exchange import Exchange

    Hostile = Callable[[int], Exchange]

REDACTOR = Redactor(["a-made-up-secret"])


def timed(number: int, **changes: str) -> dict[str, Any]:
    item = task(number)
    item["metadata"].update(changes)
    return item


def with_risks(number: int) -> dict[str, Any]:
    item = task()
    item["status"]["riskList"] = [risk("Failed")] * number
    return item


def deep(number: int) -> bytes:
    return b'{"items": ' + b"[" * number + b"]" * number + b"}"


HOSTILE: dict[str, Hostile] = {
    "items that are no objects": lambda n: answered(listing([1] * n)),  # type: ignore[list-item]
    "items without anything": lambda n: answered(listing([{}] * n)),
    "bad timestamps": lambda n: answered(listing([timed(i, createTimeStamp="yesterday") for i in range(n)])),
    "one id for all": lambda n: answered(listing([task(1)] * n)),
    "each id twice": lambda n: answered(listing([task(i // 2) for i in range(n)])),
    "other tasks than asked for": lambda n: answered(listing([task(i) for i in range(n)]), query="type=addonUpgrade"),
    "risks of another state": lambda n: answered(listing([with_risks(n)])),
    "unknown fields": lambda n: answered({**{f"field{i}": 1 for i in range(n)}, **listing([{}] * (n // 4))}),
    "a long field name": lambda n: answered({**listing(), "x" * 100 * n: 1}),
    "a long type": lambda n: answered(listing([timed(1, type="y" * 100 * n)])),
    "a long id, twice": lambda n: answered(listing([timed(1, taskID="z" * 100 * n)] * 2)),
    "a long timestamp": lambda n: answered(listing([timed(1, createTimeStamp="9" * 100 * n)])),
    "deep nesting": lambda n: answered(deep(n)),
    "no JSON": lambda n: answered(b"<html>" + b"x" * 100 * n),
    "a long error": lambda n: answered({"errorCode": "CCE." + "1" * 100 * n, "errorMessage": {}}, status=400),
    "an error in a success": lambda n: answered({"errorCode": "c", "errorMessage": "x" * 100 * n}),
    "a redirect": lambda n: answered({}, status=302, headers=[("Location", "/" + "x " * 50 * n)]),
    "long headers": lambda n: answered(listing(), headers=[("Content-Type", "q" * n * 50), ("X-Request-Id", "r" * n)]),
}

hostile = pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)


def said(exchange: Exchange) -> str:
    findings = check(exchange)
    texts = [describe(findings, REDACTOR, kind="token"), *(text for _, text in properties(findings))]
    return "\n".join([*texts, json.dumps([each.to_dict() for each in findings])])


def calls(run: Callable[[], object]) -> int:
    profile = cProfile.Profile()
    profile.runcall(run)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@hostile
def test_what_is_said_of_an_answer_does_not_grow_with_it(make: Hostile) -> None:
    small, large = said(make(400)), said(make(800))
    assert len(large) < 16_000
    # the numbers in it have more digits, and what is named first may have a longer name
    assert abs(len(large) - len(small)) < 300


@hostile
def test_twice_as_much_that_is_wrong_takes_twice_as_many_steps(make: Hostile) -> None:
    exchanges = make(200), make(400)
    said(make(3))
    first, second = (calls(lambda exchange=exchange: said(exchange)) for exchange in exchanges)  # type: ignore[misc]
    assert second < 2.2 * first


def test_a_fact_is_one_finding_with_samples_and_the_number_of_times() -> None:
    exchange = answered(listing([timed(i, createTimeStamp="yesterday") for i in range(2000)]))
    [finding] = check(exchange)
    assert (finding.code, finding.times, len(finding.samples)) == ("PRE204", 2000, 3)
    assert finding.path == "$.items[*].metadata.createTimeStamp"
    assert finding.samples[2] == f"$.items[2].metadata.createTimeStamp: {finding.message}"
    text = describe([finding], REDACTOR, kind=None)
    assert "  seen      2,000 times, such as:\n    $.items[0].metadata.createTimeStamp: " in text
    assert "\n    … and 1,997 more\n" in text
    assert finding.to_dict()["times"] == 2000


def test_what_stands_in_one_place_is_said_as_it_was() -> None:
    [finding] = check(answered(listing([task(1), timed(2, createTimeStamp="yesterday")])))
    assert (finding.path, finding.times, finding.samples) == ("$.items[1].metadata.createTimeStamp", 1, ())
    assert "seen" not in describe([finding], REDACTOR, kind=None)


def test_of_three_places_none_is_left_out() -> None:
    [finding] = check(answered(listing([timed(i, createTimeStamp="yesterday") for i in range(3)])))
    text = describe([finding], REDACTOR, kind=None)
    assert text.count("yesterday") >= 3
    assert "more" not in text.partition("contract")[0]


def test_each_place_of_another_kind_is_a_finding_of_its_own() -> None:
    items = [{}, {"metadata": {}}] * 500
    found = {(each.code, each.path): each.times for each in check(answered(listing(items)))}
    assert found["PRE201", "$.items[*].metadata"] == 500
    assert found["PRE201", "$.items[*].metadata.taskID"] == 500
    assert found["PRE201", "$.items[*].status"] == 1000


def test_findings_may_be_gathered_again_and_the_numbers_add_up() -> None:
    findings = [Finding("PRE301", f"fact {number}", f"$.items[{number}].x") for number in range(10)]
    halves = [*gathered(findings[:5]), *gathered(findings[5:])]
    [whole] = gathered(halves)
    assert (whole.times, whole.samples) == (10, tuple(f"$.items[{n}].x: fact {n}" for n in range(3)))
    assert gathered([whole]) == [whole]
    [other] = gathered([Finding("PRE610", "a", "$.items[0]", ("list",)), Finding("PRE610", "b", "$.x", ("list",))])
    assert (other.path, other.samples) == ("", ("$.items[0]: a", "$.x: b"))


def test_what_is_accepted_in_one_place_hides_no_other_place() -> None:
    known = Known.checked("PRE204", "a reason", date(2030, 1, 1), owner="me", where="$.items[0].metadata.*")
    bad = [timed(i, createTimeStamp="yesterday") for i in range(2)]
    [one], [two] = check(answered(listing(bad[:1]))), check(answered(listing(bad)))
    assert known.matches(one)
    assert not known.matches(two)
    assert Known.checked("PRE204", "r", date(2030, 1, 1), owner="me", where="$.items[*].metadata.*").matches(two)


def test_no_text_of_a_finding_is_longer_than_it_may_be() -> None:
    long = "a b" * 100_000
    evidence = tuple((str(number), long) for number in range(1000))
    finding = Finding("PRE301", long, long, tuple(f"{n}{long}" for n in range(1000)), evidence, samples=(long,) * 9)
    assert len(json.dumps(finding.to_dict(), ensure_ascii=False)) < 15_000
    assert finding.message.startswith("a ba b")
    assert "… (300,000 characters) …" in finding.message
    assert finding.subject[-1] == "and 981 more"
    assert len(finding.subject) == 20
    assert (len(finding.evidence), len(finding.samples)) == (12, 3)
    assert len(finding.path) <= 200
    assert max(len(text) for _, text in finding.evidence) <= 600
    again = as_finding(finding.to_dict())
    assert (again.message, again.subject, again.path) == (finding.message, finding.subject, finding.path)
    assert again.identity == finding.identity


@pytest.mark.parametrize("before", range(380, 420))
def test_half_of_a_secret_is_not_left_where_a_message_is_cut(before: int) -> None:
    secret = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    for text in (f"{'x ' * (before // 2)}{secret}{' x' * 1000}", f"{'x ' * 1000}{secret}{' x' * (before // 4)}"):
        shown = Redactor([secret]).text(Finding("PRE301", text).message)
        assert not [n for n in range(len(secret) - 4) if secret[n : n + 5] in shown]


def test_half_of_a_secret_is_not_left_where_a_value_is_cut() -> None:
    secret = "".join(f"{number:03}x" for number in range(40))
    [finding, *_] = check(answered(listing([timed(1, type=f"token {secret}")])))
    assert finding.code == "PRE203"
    assert not [n for n in range(len(secret) - 4) if secret[n : n + 5] in finding.message]


def test_the_breaches_of_a_schema_are_found_one_by_one() -> None:
    class Counted(list[Any]):
        looked_at = 0

        def __iter__(self) -> Iterator[Any]:
            for each in super().__iter__():
                self.looked_at += 1
                yield each

    items = Counted([1] * 5000)
    first = list(islice(schema_errors({**listing([]), "items": items}, "list_answer"), 3))
    assert [error.path for error in first] == ["$.items[0]", "$.items[1]", "$.items[2]"]
    assert items.looked_at < 2500


def test_the_fields_of_an_object_are_counted_once_however_many_breaches_it_holds() -> None:
    compared = 0

    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)  # type: ignore[arg-type]

        __hash__ = str.__hash__

    fields = {Name(f"field{number}"): 1 for number in range(500)}
    assert len(list(schema_errors({**fields, **listing([{}] * 200)}, "list_answer"))) == 400
    assert compared < 5000


def test_causes_are_found_in_proportion_to_the_findings() -> None:
    def of(number: int) -> list[Finding]:
        kinds = ("PRE201", "PRE401", "PRE404", "PRE504", "PRE520")
        return [
            Finding(kinds[n % 5], f"fact {n}", f"$.field{n}", ("type", f"word{n}") if n % 5 in (1, 2, 3) else ())
            for n in range(number)
        ]

    first, second = calls(lambda: causes(of(1000))), calls(lambda: causes(of(2000)))
    assert second < 2.3 * first
    assert sum(1 + len(group.consequences) for group in causes(of(1000))) == 1000


def test_of_many_causes_the_first_are_described_and_the_rest_counted() -> None:
    findings = [Finding("PRE504", f"fact {number}", subject=(f"field{number}",)) for number in range(500)]
    text = describe(findings, REDACTOR, kind=None)
    assert len(text) < 8000
    assert text.endswith("… and 490 more causes (PRE504)")


def test_a_refusal_is_searched_for_some_of_many_tasks() -> None:
    class Many(list[str]):
        def __iter__(self) -> Iterator[str]:
            raise AssertionError("all of them were looked for")

    known = Many(f"task-{number:06}" for number in range(100_000))
    refusal = answered({"errorCode": "CCE.01401001", "errorMessage": "task-000007"}, status=401)
    assert "PRE607" in [each.code for each in refusal_findings(refusal, "PRE601", "no credentials", known)]


def test_a_request_id_is_no_longer_than_ids_are() -> None:
    headers = [*(pair for pair in HEADERS if pair[0] != "X-Request-Id"), ("X-Request-Id", "r" * 50_000)]
    [finding] = check(answered(listing([timed(1, createTimeStamp="x")]), headers=headers))
    assert len(str(finding.to_dict()["exchanges"])) < 500


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_command_check_says_no_more_of_a_large_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: tuple[str, ...]
) -> None:
    file = tmp_path / "body.json"
    file.write_text(json.dumps(listing([timed(i, createTimeStamp="yesterday", owner="me") for i in range(1000)])))
    assert main(["check", *form, str(file)]) == 1
    text = capsys.readouterr().out
    assert len(text) < 4000
    assert ("1,000 times" in text) != bool(form)


@pytest.mark.parametrize("item", [1, {}, {"metadata": 1}, {"owner": "me"}], ids=str)
def test_of_very_many_wrong_items_only_some_are_described_and_one_of_another_kind_all_the_same(item: Any) -> None:
    bad = task(1)
    bad["status"]["status"] = "Lost"
    items = [*[item] * 60_000, bad]
    with pytest.MonkeyPatch.context() as patch:
        described: list[object] = []
        patch.setattr(breaches, "_message", lambda error: described.append(error) or "wrong")
        found = check(answered(listing(items)))
    assert 10_000 < len(described) <= 3 * 10_000
    assert {each.path: each.times for each in found}["$.items[60000].status.status"] == 1
    assert {each.evidence[0][1][:8] for each in found if each.code[:4] == "PRE2" and each.evidence} == {"at least"}


def test_of_very_many_wrong_risks_in_many_tasks_only_some_are_described() -> None:
    items = [task(number) for number in range(100)]
    for each in items:
        each["status"]["riskList"] = [1] * 1000
    assert len(list(schema_errors(listing(items), "list_answer"))) == 50_000


def test_more_breaches_than_are_sorted_are_found_all_the_same() -> None:
    assert len(list(schema_errors({**listing([]), "items": [1] * 1_500}, "list_answer"))) == 1_500
