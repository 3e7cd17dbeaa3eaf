"""What HTTP itself requires of an answer: each breach is found, and nothing that it permits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.http_rules import EntityTags, head_is_as_long_as_get, partial_content
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response

PATH = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"
JSON = ("Content-Type", "application/json")
GOOD = b'{"kind":"AddonCheck","apiVersion":"v3","pageInfo":{"currentCount":0},"items":[]}'
REFUSED = b'{"errorCode":"CCE.01405001","errorMessage":"Method not allowed."}'


def answer(
    *headers: tuple[str, str], status: int = 200, body: bytes = GOOD, method: str = "GET", sent: tuple[str, ...] = ()
) -> Exchange:
    request = Request(method, "https://cce.example", PATH, headers=Headers((name, "x" * 9) for name in sent))
    return Exchange(request, Response(status, Headers((JSON, *headers)), body))


def codes(exchange: Exchange) -> set[str]:
    return {finding.code for finding in check(exchange)} & {f"PRE1{number}" for number in (14, 15, 16, 17, 18, 19)}


@pytest.mark.parametrize(
    ("method", "surplus", "found"),
    [
        ("GET", b"{}", ["the answer to GET with status 200: at least 2 octets follow its body"]),
        (
            "HEAD",
            GOOD,
            ["the answer to HEAD with status 200: at least 80 octets follow its head, and it must have no body"],
        ),
        # an empty line after a body is ignored by clients, and nobody looked at a recorded answer
        ("GET", b"\r\n", []),
        ("GET", b"", []),
        ("GET", None, []),
    ],
)
def test_what_follows_an_answer_is_found(method: str, surplus: bytes | None, found: list[str]) -> None:
    exchange = answer(method=method)
    exchange = replace(exchange, response=replace(exchange.response, surplus=surplus))
    assert [each.message for each in check(exchange) if each.code == "PRE125"] == found


@pytest.mark.parametrize(
    ("asked", "said", "expected"),
    [("close", "keep-alive", {"PRE115"}), ("close", "close", set()), ("keep-alive", "keep-alive", set())],
)
def test_a_connection_ends_if_the_request_says_so(asked: str, said: str, expected: set[str]) -> None:
    exchange = answer(("Connection", said))
    request = exchange.request.with_headers(Headers([("Connection", asked)]))
    assert codes(replace(exchange, request=request)) == expected


@pytest.mark.parametrize(
    ("exchange", "code"),
    [
        (answer(("content-type", "text/plain")), "PRE114"),
        (answer(("Date", "Fri, 02 Jan 2026 12:00:00 GMT"), ("Date", "Fri, 02 Jan 2026 12:00:01 GMT")), "PRE114"),
        (answer(("Transfer-Encoding", "chunked"), ("Content-Length", "9")), "PRE115"),
        (answer(("Content-Length", "-1")), "PRE115"),
        (answer(("Content-Length", "0"), status=204, body=b""), "PRE115"),
        (answer(("Location", "a\x00b")), "PRE116"),
        (answer(("X-Trace ", "7")), "PRE116"),
        (answer(("X-Trace", "a\r\n b")), "PRE116"),
        (answer(("X(Trace)", "7")), "PRE116"),
        (answer(("Date", "2026-01-02T12:00:00Z")), "PRE116"),
        (answer(("Date", "Fri, 02 Jan 2026 12:00:00 +0000")), "PRE116"),
        (answer(("Last-Modified", "yesterday")), "PRE116"),
        (
            answer(("Date", "Fri, 02 Jan 2026 12:00:00 GMT"), ("Last-Modified", "Fri, 02 Jan 2026 12:00:01 GMT")),
            "PRE116",
        ),
        (answer(("ETag", "abc")), "PRE116"),
        (answer(("Age", "-3")), "PRE116"),
        (answer(status=405, body=REFUSED, method="PUT"), "PRE117"),
        (answer(("Allow", "GET, PUT"), status=405, body=REFUSED, method="PUT"), "PRE117"),
        (answer(("Age", "7"), sent=("Authorization",)), "PRE119"),
        (answer(("Age", "7"), ("Cache-Control", "private, max-age=60"), sent=("Authorization",)), "PRE119"),
    ],
)
def test_what_http_excludes_is_found(exchange: Exchange, code: str) -> None:
    assert codes(exchange) == {code}


@pytest.mark.parametrize("changed", ["Fri, 99 Jan 2026 12:00:00 GMT", "Fri, 02 Jan 2026 99:00:00 GMT"])
def test_a_day_that_there_is_not_is_later_than_nothing(changed: str) -> None:
    assert codes(answer(("Date", "Fri, 02 Jan 2026 12:00:00 GMT"), ("Last-Modified", changed))) == set()


@pytest.mark.parametrize(
    "exchange",
    [
        answer(),
        # the same value again: a recipient cannot take the wrong one
        answer(("Content-Type", "application/json")),
        # lists may be split into lines
        answer(("Vary", "Accept"), ("Vary", "Origin"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
        answer(("Transfer-Encoding", "chunked")),
        answer(
            ("Date", "Fri, 02 Jan 2026 12:00:00 GMT"),
            ("ETag", 'W/"x-1"'),
            ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ),
        answer(("ETag", '""'), ("Age", "0"), ("Content-Length", "81")),
        # recipients take a wrong Expires for the past
        answer(("Expires", "0"), ("X-Filter", "tab\tand é")),
        answer(("Allow", "GET, HEAD"), status=405, body=REFUSED, method="PUT"),
        answer(("Age", "7"), ("Cache-Control", "public, max-age=60"), sent=("Authorization",)),
        answer(("Age", "0"), sent=("Authorization",)),
        # for X-Auth-Token no document says what a cache may do
        answer(("Age", "7"), sent=("X-Auth-Token",)),
    ],
)
def test_what_http_permits_is_not_flagged(exchange: Exchange) -> None:
    assert codes(exchange) == set()


def test_a_captured_body_without_headers_is_not_judged() -> None:
    exchange = Exchange(Request("PUT", "https://cce.example", PATH), Response(405, body=REFUSED))
    assert codes(exchange) == set()


@pytest.mark.parametrize(
    ("value", "body", "found"),
    [
        ("bytes 0-9/81", GOOD[:10], 0),
        (f"bytes 0-{len(GOOD) - 1}/*", GOOD, 0),
        ("bytes 0-9/81", GOOD[:5], 1),
        (None, GOOD[:10], 1),
        ("0-9", GOOD[:10], 1),
    ],
)
def test_a_part_says_what_it_is(value: str | None, body: bytes, found: int) -> None:
    headers = [("Content-Range", value)] if value else []
    assert [each.code for each in partial_content(answer(*headers, status=206, body=body))] == ["PRE121"] * found


@pytest.mark.parametrize(
    ("head", "before", "after", "found"),
    [
        ("81", "81", "81", 0),
        ("2", "81", "81", 1),
        # what changes meanwhile, is compressed or has no length is not compared
        ("2", "81", "90", 0),
        (None, "81", "81", 0),
        ("2", None, None, 0),
    ],
)
def test_head_has_the_length_of_get(head: str | None, before: str | None, after: str | None, found: int) -> None:
    def of(length: str | None, method: str = "GET") -> Exchange:
        return answer(*([("Content-Length", length)] if length else []), method=method)

    findings = list(head_is_as_long_as_get(of(head, "HEAD"), (of(before), of(after))))
    assert [each.code for each in findings] == ["PRE122"] * found


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ('"1"', '"1"', ["PRE126"]),
        ('"1"', '"2"', []),
        # a weak tag may stay when little changes
        ('W/"1"', 'W/"1"', []),
    ],
)
def test_a_strong_entity_tag_belongs_to_one_answer(first: str, second: str, found: list[str]) -> None:
    tags = EntityTags()
    assert list(tags.observe(answer(("ETag", first)))) == []
    assert list(tags.observe(answer(("ETag", first)))) == []
    changed = answer(("ETag", second), body=GOOD.replace(b"0", b"1"))
    assert [finding.code for finding in tags.observe(changed)] == found


def test_entity_tags_are_those_of_an_address() -> None:
    tags = EntityTags()
    plain, filtered = answer(("ETag", '"1"')), answer(("ETag", '"1"'), body=b"{}")
    filtered = replace(filtered, request=replace(filtered.request, query="type=addonStatic"))
    assert list(tags.observe(plain)) == list(tags.observe(filtered)) == []
