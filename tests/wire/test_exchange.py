from __future__ import annotations

import pickle
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire import vocabulary
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response, encode_query
from pytest_cce_precheck.wire.vocabulary import Filter, RiskLevel, TaskState, TaskType, create_path, list_path

# an encoder refuses half of a surrogate pair
texts = st.text(st.characters(exclude_categories=["Cs"]))


def request(**changes: Any) -> Request:
    return Request(**{"method": "GET", "endpoint": "https://cce.test", "path": "/api", **changes})


def test_header_names_match_in_any_case() -> None:
    headers = Headers([("Content-Type", "application/json")])
    assert headers["content-type"] == headers["CONTENT-TYPE"] == "application/json"
    assert "cOnTeNt-TyPe" in headers
    assert "Content" not in headers
    assert headers.get("Retry-After") is None
    with pytest.raises(KeyError):
        headers["Retry-After"]


def test_repeated_headers_are_joined_in_order_and_kept_as_they_were() -> None:
    pairs = (("Via", "a"), ("Date", "d"), ("via", "b"))
    headers = Headers(pairs)
    assert headers["VIA"] == "a, b"
    assert headers.pairs == pairs
    assert list(headers) == ["via", "date"]
    assert len(headers) == 2


def test_headers_are_made_of_pairs_of_a_mapping_or_of_other_headers() -> None:
    pairs = (("A", "1"), ("a", "2"))
    assert Headers({"A": "1"}).pairs == (("A", "1"),)
    assert Headers(Headers(pairs)).pairs == pairs
    assert Headers(iter(pairs)).pairs == pairs
    assert Headers().pairs == ()


def test_headers_that_say_the_same_are_equal_and_hash_alike() -> None:
    one, other = Headers([("A", "1"), ("B", "2")]), Headers([("b", "2"), ("a", "1")])
    assert one == other
    assert hash(one) == hash(other)
    assert one != Headers([("A", "1")])


def test_replacing_a_header_leaves_one_of_that_name_and_the_original_as_it_was() -> None:
    headers = Headers([("A", "1"), ("a", "2"), ("B", "3")])
    assert headers.replacing("a", "4").pairs == (("B", "3"), ("a", "4"))
    assert headers.without("A").pairs == (("B", "3"),)
    assert headers.without("C") == headers
    assert headers.pairs == (("A", "1"), ("a", "2"), ("B", "3"))


def test_the_repr_of_headers_and_of_all_that_holds_them_shows_no_value() -> None:
    sent = request(headers=Headers({"X-Auth-Token": "s3cr3t"}))
    exchange = Exchange(sent, Response(200, Headers({"Set-Cookie": "s3cr3t"}), b"s3cr3t"))
    assert repr(sent.headers) == "Headers(X-Auth-Token)"
    assert "s3cr3t" not in repr(exchange)


def test_a_target_has_a_question_mark_only_before_a_query() -> None:
    assert request().url == "https://cce.test/api"
    assert request(query="type=x").target == "/api?type=x"
    assert request(query="type=x").url == "https://cce.test/api?type=x"


@given(st.lists(st.tuples(texts, texts)))
def test_an_encoded_query_decodes_to_its_parameters(params: list[tuple[str, str]]) -> None:
    query = encode_query(params)
    assert list(request(query=query).params) == params
    assert query.isascii()
    assert not set(query) & set(" +/#?'\"<>")


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("", ()),
        ("type=", (("type", ""),)),
        ("type", (("type", ""),)),
        ("type=a&type=b", (("type", "a"), ("type", "b"))),
        ("a=1&&b=2", (("a", "1"), ("b", "2"))),
        ("a=b+c", (("a", "b c"),)),
        ("a=b%2Bc", (("a", "b+c"),)),
        ("a=b=c", (("a", "b=c"),)),
        ("a=1;b=2", (("a", "1;b=2"),)),
        ("a=%ff", (("a", "�"),)),
        ("a=%zz", (("a", "%zz"),)),
    ],
)
def test_any_query_is_decoded_as_forms_are(query: str, params: tuple[tuple[str, str], ...]) -> None:
    assert request(query=query).params == params


def test_a_request_hashes_and_compares_by_value_and_survives_pickling() -> None:
    one = request(headers=Headers({"A": "1"}))
    assert one == request(headers=Headers({"a": "1"}))
    assert len({one, request(headers=Headers({"a": "1"}))}) == 1
    assert one.params == ()
    assert pickle.loads(pickle.dumps(one)) == one


def test_other_headers_leave_the_request_as_it_was() -> None:
    one = request(query="type=x", body=b"b")
    other = one.with_headers(Headers({"A": "1"}))
    assert not one.headers
    assert (other.query, other.body, other.headers["a"]) == ("type=x", b"b", "1")


def test_an_exchange_gives_the_answer_of_its_response() -> None:
    exchange = Exchange(request(), Response(200, Headers({"x-request-id": "r1"}), b'{"kind": "AddonCheck"}'))
    assert exchange.status == 200
    assert exchange.document == {"kind": "AddonCheck"}
    assert exchange.document is exchange.document
    assert exchange.request_id == "r1"
    assert Exchange(request(), Response(200)).request_id is None


def test_a_response_without_json_says_so_when_asked_and_not_before() -> None:
    response = Response(502, body=b"<html>")
    for _ in range(2):
        with pytest.raises(BodyError):
            _ = response.document


def test_the_finished_states_are_failed_and_success() -> None:
    assert {state for state in TaskState if state.final} == {"Failed", "Success"}


def test_each_filter_names_the_field_that_it_selects_by() -> None:
    fields = {"type": "type", "task_id": "taskID", "addon_instance_id": "addonInstanceID"}
    assert {str(name): name.field for name in Filter} == fields


def test_words_of_the_vocabulary_are_the_text_on_the_wire() -> None:
    assert f"{TaskType.STATIC}" == "addonStatic"
    assert f"{TaskType.UPGRADE}" == "addonUpgrade"
    assert [str(state) for state in TaskState] == ["Init", "Running", "Failed", "Success"]
    assert [str(level) for level in RiskLevel] == ["Warning", "Fatal"]
    assert (vocabulary.KIND, vocabulary.API_VERSION) == ("AddonCheck", "v3")


def test_headers_are_named_as_the_vendor_names_them() -> None:
    assert (vocabulary.TOKEN_HEADER, vocabulary.SECURITY_TOKEN_HEADER) == ("X-Auth-Token", "X-Security-Token")
    assert (vocabulary.PROJECT_HEADER, vocabulary.DATE_HEADER) == ("X-Project-Id", "X-Sdk-Date")
    assert vocabulary.REQUEST_ID_HEADER == "X-Request-Id"
    assert {"authorization", "x-auth-token", "x-security-token"} == vocabulary.CREDENTIAL_HEADERS


@given(texts, texts)
def test_ids_in_a_path_never_leave_their_segment(project: str, cluster: str) -> None:
    path = list_path(project, cluster)
    assert path == create_path(project, cluster) + "/tasks"
    assert urlsplit(f"https://cce.test{path}").path == path
    segments = [unquote(segment) for segment in path.split("/")]
    start, middle, end = ["", "api", "v3", "projects"], "clusters", ["addons", "precheck", "tasks"]
    assert segments == [*start, project, middle, cluster, *end]


def test_half_of_a_surrogate_pair_is_sent_as_its_octets() -> None:
    assert encode_query([("task_id", "a\ud800")]) == "task_id=a%ED%A0%80"


def test_a_response_of_which_nothing_more_is_said_has_no_headers_and_no_body() -> None:
    assert Response(204) == Response(204, Headers(), b"", 0.0)
