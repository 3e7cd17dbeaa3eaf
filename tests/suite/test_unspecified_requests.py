"""How credentials and headers are sent may differ where the contract leaves it open, and that never fails a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite import (
    authentication,
    filters,
    transport,
)
from pytest_cce_precheck.suite.checks import CHECKS, inspect
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.signing import CONTENT_HASH_HEADER
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER
from tests.suite.runs import alarms, refusal, run_of

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("first", [2, 3, 40, 61])
def test_credentials_that_end_during_a_run_stop_it_and_break_nothing(first: int, status: int) -> None:
    run = run_of(lambda _, number, __: refusal(status) if number >= first else None)
    inspect(run)
    assert alarms(run) == []
    assert any("the credentials have ended: they were accepted" in each for each in run.results.cut_short)
    assert len(run.client._transport.sent) < first + 40  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [2, 5, 30])
def test_one_refusal_of_good_credentials_among_answers_is_a_violation(number: int) -> None:
    run = run_of(lambda _, count, __: refusal(401) if count == number else None)
    for check in CHECKS[:4]:
        run.run(check)
    assert alarms(run) == ["PRE102"]


@pytest.mark.parametrize(("kind", "codes"), [("ak/sk", []), ("token", ["PRE102"])])
def test_how_bytes_that_are_not_utf_8_are_signed_is_unspecified(kind: str, codes: list[str]) -> None:
    run = run_of(lambda request, *_: refusal(401) if request.query == "type=%FF%FE" else None, kind=kind)
    run.run(filters.the_unfiltered_list_meets_the_contract)
    run.run(filters.the_same_question_in_other_words_has_the_same_answer)
    sent = [request.query for request in run.client._transport.sent]  # type: ignore[attr-defined]
    assert "type=%FF%FE" in sent
    assert alarms(run) == codes


def is_unclear(query: str) -> bool:
    names = [part.partition("=")[0] for part in query.split("&")]
    return "" in names or len(names) > len(set(names))


@pytest.mark.parametrize(("kind", "codes"), [("ak/sk", []), ("token", ["PRE102"])])
def test_how_empty_parts_and_repeated_names_are_signed_is_unspecified(kind: str, codes: list[str]) -> None:
    run = run_of(lambda request, *_: refusal(401) if request.query and is_unclear(request.query) else None, kind=kind)
    run.run(filters.the_unfiltered_list_meets_the_contract)
    run.run(filters.the_same_question_in_other_words_has_the_same_answer)
    sent = [request.query for request in run.client._transport.sent]  # type: ignore[attr-defined]
    assert any("&&" in query for query in sent)
    assert sorted(set(alarms(run))) == codes


def test_the_token_asks_what_no_source_says_how_to_sign() -> None:
    run = run_of(kind="both")
    run.run(filters.the_same_question_in_other_words_has_the_same_answer)
    sent = run.client._transport.sent  # type: ignore[attr-defined]
    unclear = [request for request in sent if request.query and is_unclear(request.query)]
    assert unclear
    assert [request.query for request in unclear if TOKEN_HEADER not in request.headers] == []


@pytest.mark.parametrize("canonical", [sorted, lambda pairs: sorted(pairs, key=lambda pair: pair.partition("=")[0])])
def test_how_the_parameters_of_a_signature_are_sorted_is_unspecified(
    canonical: Callable[[list[str]], list[str]],
) -> None:
    """No source says whether names are sorted, names with their values, or the whole texts."""

    def refuse(request: Request, *_: object) -> Response | None:
        pairs = [pair for pair in request.query.split("&") if pair]
        ours = sorted(pairs, key=lambda pair: pair.partition("=")[::2])
        return refusal(401) if "Authorization" in request.headers and canonical(pairs) != ours else None

    run = run_of(refuse, kind="ak/sk")
    for check in CHECKS[:5]:
        run.run(check)
    assert alarms(run) == []


@pytest.mark.parametrize(
    ("refused", "codes"),
    [("SDK-HMAC-SHA256 ", []), ("Bearer ", ["PRE606"]), ("", ["PRE606"])],
    ids=["one that says nothing", "another scheme", "none"],
)
def test_an_authorization_that_cannot_be_read_may_be_no_request_and_others_are_wrong_credentials(
    refused: str, codes: list[str]
) -> None:
    def answers(request: Request, *_: object) -> Response | None:
        sent = request.headers.get("Authorization", "")
        is_meant = sent.startswith(refused) if refused else not sent and "X-Auth-Token" not in request.headers
        return refusal(400) if is_meant and "Signature" not in sent else None

    run = run_of(answers)
    run.run(authentication.bad_credentials_are_refused)
    assert sorted(set(alarms(run))) == codes


def test_a_bad_token_is_refused_beside_good_requests_too() -> None:
    run = run_of(simulator=Simulator(faults=["any-token-accepted"]))
    run.run(transport.simultaneous_questions_are_answered_each_for_itself)
    assert alarms(run) == ["PRE602"]
    assert "a made-up token beside good requests" in run.results.findings[0].message


def test_a_gateway_that_fails_beside_good_requests_says_nothing_about_a_token() -> None:
    page = Response(504, Headers([("Content-Type", "text/html")]), b"<html>504 Gateway Time-out</html>")
    token = Simulator().credentials.token
    assert token is not None
    run = run_of(lambda request, *_: None if request.headers.get("X-Auth-Token") == token.reveal() else page)
    run.run(transport.simultaneous_questions_are_answered_each_for_itself)
    assert alarms(run) == []


def test_a_service_that_knows_no_unsigned_payload_breaks_nothing() -> None:
    """No source says how the SDKs sign a request whose content type is not JSON."""
    run = run_of(lambda request, *_: refusal(401) if CONTENT_HASH_HEADER in request.headers else None, kind="ak/sk")
    run.run(transport.request_headers_do_not_change_the_answer)
    sent = [request.headers.get("Content-Type", "") for request in run.client._transport.sent]  # type: ignore[attr-defined]
    assert any(each.startswith("application/x-www-form") for each in sent)
    assert alarms(run) == []


@pytest.mark.parametrize("kind", ["ak/sk", "token"])
@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (lambda request: refusal(415) if "Content-Type" not in request.headers else None, ["PRE414"]),
        (lambda request: refusal(500) if "X-Language" in request.headers else None, ["PRE103"]),
        # RFC 9110, 12.5.4 and 5.1: an unknown language may be refused, and so may an unknown header
        (lambda request: refusal(406) if "Accept-Language" in request.headers else None, []),
        (lambda request: refusal(400) if "Via" in request.headers else None, []),
        (lambda request: refusal(400) if "X-Language" in request.headers else None, []),
    ],
    ids=["no Content-Type", "an unknown language", "not acceptable", "an unknown header", "any X-Language"],
)
def test_headers_that_a_client_may_send_or_not_change_nothing(
    answer: Callable[[Request], Response | None], codes: list[str], kind: str
) -> None:
    run = run_of(lambda request, *_: answer(request), kind=kind)
    run.run(transport.request_headers_do_not_change_the_answer)
    assert alarms(run) == codes


def test_a_gateway_that_takes_conditions_away_breaks_nothing() -> None:
    def without_conditions(request: Request, *_: object) -> Response | None:
        signed = request.headers.get("Authorization", "").lower()
        return refusal(401) if "if-none-match" in signed or "range" in signed else None

    run = run_of(without_conditions, kind="ak/sk")
    run.run(transport.request_headers_do_not_change_the_answer)
    sent = [request.headers for request in run.client._transport.sent]  # type: ignore[attr-defined]
    assert any("If-None-Match" in each for each in sent)
    assert any("Range" in each for each in sent)
    assert alarms(run) == []


def test_a_server_need_not_talk_old_http_and_is_asked_for_chinese_texts_in_newer() -> None:
    run = run_of(lambda request, *_: refusal(426) if request.version == "1.0" else None)
    run.run(transport.request_headers_do_not_change_the_answer)
    assert alarms(run) == []
    assert run.results.observations["a request in HTTP/1.0"] == {"426"}
    chinese = [each.version for each in run.client._transport.sent if "zh-CN" in each.headers.values()]  # type: ignore[attr-defined]
    assert chinese == ["1.0", "1.1"]


def test_a_token_beside_keys_that_ends_during_a_run_leaves_the_rest_to_the_keys() -> None:
    sent: list[Request] = []

    def answer(request: Request, *_: object) -> Response | None:
        sent.extend([request] * (TOKEN_HEADER in request.headers))
        return refusal(401) if TOKEN_HEADER in request.headers and len(sent) > 3 else None

    run = run_of(answer, kind="both")
    run.run(filters.each_filter_value_selects_exactly_its_tasks)
    assert alarms(run) == []
    assert any("the token was refused with 401" in each for each in run.results.inconclusive)
    assert run.results.cut_short == []


@pytest.mark.parametrize(("refuses", "codes"), [(lambda _: True, []), (lambda each: bool(each.query), ["PRE102"])])
def test_a_token_beside_keys_may_have_ended_but_is_not_refused_for_filters_alone(
    refuses: Callable[[Request], bool], codes: list[str]
) -> None:
    def answer(request: Request, *_: object) -> Response | None:
        by_token = TOKEN_HEADER in request.headers and "Authorization" not in request.headers
        return refusal(401) if by_token and refuses(request) else None

    run = run_of(answer, kind="both")
    run.run(filters.each_filter_value_selects_exactly_its_tasks)
    assert sorted({*alarms(run)}) == codes
    # it has let nobody in, and who gives a token and keys wants both looked at
    assert any("the token was refused with 401" in each for each in run.results.cut_short) == (not codes)
    by_token = [each for each in run.client._transport.sent if TOKEN_HEADER in each.headers]  # type: ignore[attr-defined]
    assert len(by_token) == 2 or codes
