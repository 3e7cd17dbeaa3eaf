"""What a run may send, by method and path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.errors import WriteRefusedError
from pytest_cce_precheck.explore.classes import unknown_value
from pytest_cce_precheck.transport.guard import WriteGuard
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import TOKEN_PATH, create_path, list_path

if TYPE_CHECKING:
    from collections.abc import Callable

    Permits = Callable[..., bool]

PROJECT, CLUSTER = "9a0b", "f7-28b4"
CREATE, LIST = create_path(PROJECT, CLUSTER), list_path(PROJECT, CLUSTER)
MADE_UP = list_path(PROJECT, unknown_value(CLUSTER))
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
READING = ("GET", "HEAD", "OPTIONS")


def guard(*, writes: bool = False, destructive: bool = False) -> WriteGuard:
    return WriteGuard(PROJECT, CLUSTER, writes=writes, destructive=destructive)


def permits(given: WriteGuard, method: str, path: str, **headers: str) -> bool:
    try:
        given.check(method, path, Headers(headers))
    except WriteRefusedError:
        return False
    return True


def answered(status: int, path: str = MADE_UP, query: str = "") -> Exchange:
    return Exchange(Request("GET", "https://cce.example", path, query), Response(status))


@pytest.mark.parametrize("path", [CREATE, LIST, MADE_UP, "/"])
def test_reads_are_always_permitted(path: str) -> None:
    for given in (guard(), guard(writes=True), guard(writes=True, destructive=True)):
        assert all(permits(given, method, path) for method in READING)


@pytest.mark.parametrize("path", [CREATE, LIST, MADE_UP, "/"])
@pytest.mark.parametrize("method", [*CHANGING, "get", "delete", "TRACE", "CONNECT", "PROPPATCH", ""])
def test_nothing_else_is_permitted_without_permission(method: str, path: str) -> None:
    for given in (guard(), guard(destructive=True)):
        given.observe(answered(404))
        assert not permits(given, method, path)


def test_to_ask_for_a_token_is_no_write() -> None:
    assert permits(guard(), "POST", TOKEN_PATH)
    assert not any(permits(guard(), method, TOKEN_PATH) for method in ("PUT", "PATCH", "DELETE"))
    assert not permits(guard(), "POST", TOKEN_PATH + "/")


def test_permission_to_write_is_for_the_create_call_of_the_cluster_alone() -> None:
    assert permits(guard(writes=True), "POST", CREATE)
    others = (create_path(PROJECT, "another"), create_path("another", CLUSTER), CREATE + "/", LIST, MADE_UP)
    assert not any(permits(guard(writes=True), "POST", path) for path in others)
    assert not any(permits(guard(writes=True), method, CREATE) for method in ("PUT", "PATCH", "DELETE", "post"))


@pytest.mark.parametrize("status", [400, 404])
def test_other_methods_are_permitted_on_a_made_up_cluster_once_it_was_answered_as_unknown(status: int) -> None:
    given = guard(writes=True)
    assert not any(permits(given, method, MADE_UP) for method in CHANGING)
    given.observe(answered(status))
    assert all(permits(given, method, MADE_UP) for method in CHANGING)
    assert not any(permits(given, method, LIST) for method in CHANGING)


@pytest.mark.parametrize("status", [200, 204, 302, 401, 403, 405, 429, 500, 503])
def test_another_answer_takes_the_permission_back(status: int) -> None:
    given = guard(writes=True)
    given.observe(answered(404))
    given.observe(answered(status))
    assert not any(permits(given, method, MADE_UP) for method in CHANGING)


def test_an_answer_to_another_method_says_nothing_of_a_made_up_cluster() -> None:
    given = guard(writes=True)
    given.observe(Exchange(Request("HEAD", "https://cce.example", MADE_UP), Response(404)))
    assert not permits(given, "PUT", MADE_UP)


def test_a_cluster_that_has_an_answer_of_its_own_is_not_made_up() -> None:
    given = guard(writes=True)
    for path in (LIST, list_path(PROJECT, "another"), list_path(PROJECT, CLUSTER[:3])):
        given.observe(answered(404, path))
        assert not any(permits(given, method, path) for method in CHANGING)


def test_permission_to_destroy_is_for_the_two_paths_of_the_cluster_alone() -> None:
    given = guard(writes=True, destructive=True)
    assert all(permits(given, method, path) for method in CHANGING for path in (CREATE, LIST))
    cluster, other = CREATE.removesuffix("/addons/precheck"), list_path(PROJECT, "another")
    others = ("/", MADE_UP, cluster, f"{cluster}/nodes/n", f"{LIST}/t", other, list_path("another", CLUSTER))
    assert not any(permits(given, method, path) for method in CHANGING for path in others)


def test_a_body_does_not_hide_another_request_in_a_read() -> None:
    for given in (guard(), guard(writes=True)):
        with pytest.raises(WriteRefusedError, match="with a body"):
            given.check("GET", LIST, has_body=True)
        given.check("GET", LIST, has_body=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("Content-Length", "51"), (" Content-Length ", "10"), ("transfer-encoding", "chunked"), ("Content-Length", "X")],
)
def test_a_read_whose_body_is_sent_after_its_head_is_refused_too(name: str, value: str) -> None:
    assert not permits(guard(writes=True), "GET", LIST, **{name: value})
    assert permits(guard(), "GET", LIST, **{"Content-Length": " 00 "})


@pytest.mark.parametrize(
    "name",
    [
        *(
            "X-HTTP-Method-Override",
            "x-http-method",
            "X-METHOD-OVERRIDE",
            "X_HTTP_METHOD_OVERRIDE",
            "X-Override-Method",
        ),
        *("X-Original-Method", "X-Forwarded-Method", "HTTP-Method-Override", "X-Original-URL", "x_rewrite_url"),
        *("X.HTTP.Method.Override", "X-HTTP--Method__Override"),
    ],
)
def test_a_header_does_not_turn_a_read_into_something_else(name: str) -> None:
    assert not permits(guard(), "GET", LIST, **{name: "DELETE"})
    assert not permits(guard(writes=True), "POST", CREATE, **{name: "DELETE"})
    assert permits(guard(writes=True, destructive=True), "GET", LIST, **{name: "DELETE"})


@pytest.mark.parametrize("name", ["Access-Control-Request-Method", "X-Methodology", "X-Url", "Accept"])
def test_other_headers_are_part_of_a_read(name: str) -> None:
    assert permits(guard(), "OPTIONS", LIST, **{name: "DELETE"})


@pytest.mark.parametrize(
    "query",
    [
        *("_method=DELETE", "type=addonStatic&_METHOD=put", "%5Fmethod=DELETE", "type=x;_method=DELETE", "_method"),
        *("X-HTTP-Method-Override=DELETE", "x_http_method=DELETE", "$httpMethod=DELETE", "+_method=DELETE"),
        *(".method=DELETE", "[method=DELETE", "_method[]=DELETE", "_method%00=DELETE", "_httpMethod=DELETE"),
    ],
)
def test_a_parameter_does_not_turn_a_read_into_something_else(query: str) -> None:
    assert not permits(guard(), "GET", f"{LIST}?{query}")
    assert not permits(guard(writes=True), "POST", f"{CREATE}?{query}")
    assert permits(guard(writes=True, destructive=True), "GET", f"{LIST}?{query}")


@pytest.mark.parametrize("query", ["", "type=_method", "method=x", "task_id=_method%3DDELETE", "a%26_method=DELETE"])
def test_other_parameters_are_part_of_a_read(query: str) -> None:
    assert permits(guard(), "GET", f"{LIST}?{query}")


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "Application/X-WWW-Form-URLEncoded; charset=utf-8", "multipart/form-data"],
)
def test_a_form_may_hold_another_method_and_is_no_create_request(kind: str) -> None:
    given = guard(writes=True)
    with pytest.raises(WriteRefusedError) as refused:
        given.check("POST", CREATE, {"content-Type": kind}, has_body=True)
    assert str(refused.value).startswith(f"POST {CREATE} with a form ({kind}) was not sent: ")
    given.check("POST", CREATE, {"Content-Type": "application/json; charset=utf-8"}, has_body=True)
    guard(writes=True, destructive=True).check("POST", CREATE, {"Content-Type": kind}, has_body=True)


def test_a_read_without_a_body_has_no_fields_of_a_form() -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    guard().check("GET", LIST, kind)
    with pytest.raises(WriteRefusedError, match=f"^GET {LIST} with a body was not sent"):
        guard().check("GET", LIST, kind, has_body=True)


@pytest.mark.parametrize(
    ("writes", "method", "message"),
    [
        (False, "POST", f"POST {CREATE} was not sent: this run may only read; --cce-allow-writes lets it create"),
        (True, "PUT", f"PUT {CREATE} was not sent: --cce-allow-writes permits reads and the create call"),
    ],
)
def test_a_refusal_names_the_request_and_the_option(*, writes: bool, method: str, message: str) -> None:
    with pytest.raises(WriteRefusedError) as refused:
        guard(writes=writes).check(method, CREATE)
    assert str(refused.value).startswith(message)
    assert ("--cce-allow-destructive" in str(refused.value)) == writes
