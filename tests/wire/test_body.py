from __future__ import annotations

import codecs
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire import body as body_module
from pytest_cce_precheck.wire.body import MAX_BYTES, MAX_DEPTH, parse_json

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def reason_of(body: bytes) -> str:
    with pytest.raises(BodyError) as caught:
        parse_json(body)
    assert str(caught.value) == caught.value.detail
    return caught.value.reason


@given(documents, st.booleans(), st.sampled_from([None, 2]))
def test_every_json_document_is_read_as_it_was_written(document: Any, ascii_only: bool, indent: int | None) -> None:
    assert (
        parse_json(json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass"))
        == document
    )


@given(
    st.lists(documents, min_size=1) | st.dictionaries(st.text(), documents, min_size=1),
    st.booleans(),
    st.data(),
)
def test_a_document_cut_anywhere_is_truncated(document: Any, ascii_only: bool, data: st.DataObject) -> None:
    whole = json.dumps(document, ensure_ascii=ascii_only).encode()
    assert reason_of(whole[: data.draw(st.integers(1, len(whole) - 1))]) == "truncated"


@given(st.binary(max_size=60))
def test_any_octets_are_read_or_refused_as_a_bad_body(body: bytes) -> None:
    with contextlib.suppress(BodyError):
        parse_json(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (codecs.BOM_UTF8 + b"{}", "bom"),
        ("{}".encode("utf-16"), "not-utf8"),
        ('{"a": "é"}'.encode("latin-1"), "not-utf8"),
        (b'{"a": "\xed\xa0\x80"}', "not-utf8"),
        (b'{"items": [', "truncated"),
        (b'{"kind": "AddonCh', "truncated"),
        (b'{"kind": "caf\xc3', "truncated"),
        (b'{"a": tru', "truncated"),
        (b"<!DOCTYPE html><p>502", "html"),
        (b"  <html><body>Bad gateway", "html"),
        (b'<?xml version="1.0"?><Error/>', "html"),
        (b'{"a": 1, "b": 2, "a": 1}', "duplicate-key"),
        (b'{"x": [{"a": 1, "a": 2}]}', "duplicate-key"),
        (b'{"a": 1, "\\u0061": 2}', "duplicate-key"),
        (b'{"a": NaN}', "not-json"),
        (b"[Infinity]", "not-json"),
        (b"[-Infinity]", "not-json"),
        (b"{'a': 1}", "not-json"),
        (b'{"a": 1,}', "not-json"),
        (b"[1] [2]", "not-json"),
        (b"[01]", "not-json"),
        (b'["a\nb"]', "not-json"),
        (b"tru", "truncated"),
        (b"None", "not-json"),
        (b"upstream connect error", "not-json"),
        (b"[" + b"9" * 5000 + b"]", "not-json"),
        (b"[" * 10_000 + b"]" * 10_000, "too-deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too-deep"),
    ],
)
def test_a_bad_body_is_refused_by_name(body: bytes, reason: str) -> None:
    assert reason_of(body) == reason


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_depth_limit_is_exact(opening: bytes, closing: bytes) -> None:
    def nested(depth: int) -> bytes:
        return opening * (depth - 1) + (b"[]" if opening == b"[" else b"{}") + closing * (depth - 1)

    parse_json(nested(MAX_DEPTH))
    assert reason_of(nested(MAX_DEPTH + 1)) == "too-deep"


def test_a_wide_document_is_not_a_deep_one() -> None:
    assert len(parse_json(b"[" + b",".join([b"{}"] * 1000) + b"]")) == 1000


def test_brackets_within_strings_are_not_nesting() -> None:
    assert parse_json(json.dumps("[" * 1000).encode()) == "[" * 1000


def test_the_size_limit_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MAX_BYTES", 6)
    assert parse_json(b"[1234]") == [1234]
    assert reason_of(b"[12345]") == "too-large"


def test_the_size_limit_stands_before_all_parsing() -> None:
    assert reason_of(b"[" * (MAX_BYTES + 1)) == "too-large"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": 1, "a": 2}', 'the key "a" occurs twice in one object'),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[\xff]", "the body is not UTF-8: byte 1 is 0xff"),
        (b"[1, x]", "the body is not JSON: Expecting value at line 1 column 5, near 'x]'"),
        (b"<p>Bad gateway", "the body is HTML or XML, not JSON: it starts with '<p>Bad gateway'"),
        (b'"\xe2\x82', "the JSON ends too early, within a character, after 3 bytes"),
    ],
)
def test_a_message_says_what_is_wrong_and_where(body: bytes, message: str) -> None:
    with pytest.raises(BodyError) as caught:
        parse_json(body)
    assert str(caught.value) == message
