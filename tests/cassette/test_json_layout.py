"""The layout of a cassette: what was written is found again without parsing, and nothing but JSON is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pytest_cce_precheck.cassette.format import Failure, Origin, Recording, dumps, loads
from pytest_cce_precheck.cassette.json_layout import HEAD, Part, split, written
from pytest_cce_precheck.wire.exchange import Headers, Request, Response

ORIGIN = Origin("test", datetime(2026, 11, 23, tzinfo=UTC), "https://cce.example")
REQUEST = Request("GET", "https://cce.example", "/x")


def parts_of(*outcomes: Any) -> list[Part]:
    parts = split_text(dumps(ORIGIN, [Recording(REQUEST, outcome) for outcome in outcomes], redacted=True))
    assert parts is not None
    return parts


def split_text(text: str) -> list[Part] | None:
    return split(text.encode(), text.index(HEAD) + len(HEAD))


def answer(body: bytes) -> Response:
    return Response(200, Headers([("Content-Type", "application/json")]), body)


COMPACT = '{"items":[{"a":"x\\\\n  }","b":{"json":1,"style":"x"}}],"text":"é \\"body\\":{"}'.encode()


def test_a_compact_body_is_given_as_its_bytes_and_not_parsed() -> None:
    [part] = parts_of(answer(COMPACT))
    data, body = part.read_outcome(as_written=True)
    assert body == COMPACT
    assert "body" not in data["response"]
    data, body = part.read_outcome(as_written=False)
    assert body is None
    assert data["response"]["body"]["json"]["text"] == 'é "body":{'


@pytest.mark.parametrize("body", [b"[]", b"{}", b"1", b'"a  b"', b'{"style":"x"}', b'[{"style":["x"]}]', b'"\\ud800"'])
def test_so_is_whatever_else_is_compact(body: bytes) -> None:
    [part] = parts_of(answer(body))
    assert part.read_outcome(as_written=True)[1] == body


@pytest.mark.parametrize("body", [b'{"a": [1, 2]}', b'{"a":[1,2]}\n', b"<html>", b"\xff", b""])
def test_a_body_of_another_spelling_is_parsed(body: bytes) -> None:
    [part] = parts_of(answer(body))
    assert part.read_outcome(as_written=True)[1] is None
    assert loads(dumps(ORIGIN, [Recording(REQUEST, answer(body))]), "a.json").outcome(0)[0] == answer(body)


def test_recordings_are_told_apart_whatever_came_of_them() -> None:
    outcomes = [answer(COMPACT), Failure("timeout", 'no\n    },\n    {\n "response":{'), answer(b"")]
    text = dumps(ORIGIN, [Recording(REQUEST, outcome) for outcome in outcomes], redacted=True)
    assert [each.outcome for each in loads(text, "a.json")] == outcomes


def test_what_has_another_layout_is_not_split() -> None:
    text = dumps(ORIGIN, [Recording(REQUEST, answer(COMPACT))])
    assert split_text(text) is not None
    for other in (text.rstrip("\n"), text.replace('"request":{\n', '"request": {\n'), HEAD):
        assert split_text(other) is None


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_of_jsons_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        written({"a": number})


def test_half_of_a_surrogate_pair_is_written_as_an_escape_and_all_else_as_it_is() -> None:
    assert written({"a": "é\ud800b"}) == '{\n  "a":"é\\ud800b"\n}\n'
