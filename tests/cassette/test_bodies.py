"""A body in a cassette can be read where that is possible, and always gives back its very bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck.cassette.bodies import as_bytes, as_data
from pytest_cce_precheck.wire.body import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable


def written_by_go(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


STYLES: dict[str, Callable[[Any], str]] = {
    "compact": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "spaced": lambda value: json.dumps(value, ensure_ascii=False),
    "compact ascii": lambda value: json.dumps(value, separators=(",", ":")),
    "spaced ascii": json.dumps,
    "compact html": written_by_go,
    "indent 2": lambda value: json.dumps(value, ensure_ascii=False, indent=2),
    "indent 4": lambda value: json.dumps(value, ensure_ascii=False, indent=4),
}
# in every style it looks different
TELLING = {"été": [1, "<b> & more"]}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def from_a_file(body: bytes) -> bytes:
    """Return what is left of ``body`` when a file has held it."""
    text = json.dumps(as_data(body), indent=2, ensure_ascii=False)
    return as_bytes(json.loads(text))


@given(st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode))
@example(b"\r\n\x00\x7f\xc2\x85\xe2\x80\xa8")
@example(b'\xef\xbb\xbf{"a":1}')
def test_any_bytes_come_back(body: bytes) -> None:
    assert from_a_file(body) == body


@given(documents, st.sampled_from(sorted(STYLES)), st.sampled_from(["", "\n"]))
def test_json_comes_back_as_it_was_spelt_and_is_kept_as_json(value: Any, style: str, end: str) -> None:
    body = (STYLES[style](value) + end).encode()
    assert "json" in as_data(body)
    assert from_a_file(body) == body


@pytest.mark.parametrize("end", ["", " line"])
@pytest.mark.parametrize("style", STYLES)
def test_the_style_is_named_unless_it_is_the_usual_one(style: str, end: str) -> None:
    body = (STYLES[style](TELLING) + ("\n" if end else "")).encode()
    named = {} if style + end == "compact" else {"style": style + end}
    assert as_data(body) == {"json": TELLING, **named}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{ "kind": "AddonCheck" }', id="blanks of its own"),
        pytest.param('{"level":1.50}', id="a number that would be written otherwise"),
        pytest.param('{"level":1E5}', id="an exponent"),
        pytest.param('{"a":1,"a":2}', id="a key twice"),
        pytest.param('{"a":NaN}', id="no JSON number"),
        pytest.param('{"a":"\\uD83D\\uDE00"}', id="an escape in capitals"),
        pytest.param('{"a":"\\/"}', id="an escape that is not needed"),
        pytest.param('{"kind":"AddonCh', id="cut off"),
        pytest.param("\ufeff{}", id="a byte order mark"),
        pytest.param("<html>\r\n</html>", id="HTML"),
        pytest.param("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), id="too deep to read"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_json_would_not_give_back_is_kept_as_text(body: str) -> None:
    assert as_data(body.encode()) == {"text": body}
    assert from_a_file(body.encode()) == body.encode()


def test_what_is_no_text_is_kept_as_base64() -> None:
    assert as_data(b"\x1f\x8b\xff") == {"base64": "H4v/"}


@pytest.mark.parametrize("body", [b'{"a":"\\ud800"}', b'["\\udc00\\ud800"]', b'{"a": "x\\ud83d"}', b'{"\\ud800":1}\n'])
def test_half_a_character_stays_the_escape_that_it_was(body: bytes) -> None:
    assert "json" in as_data(body)
    assert as_bytes(as_data(body)) == body


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "a body has one of json, text and base64"),
        ({"text": 5}, "a body has one of json, text and base64"),
        ({"base64": "H4v/?"}, "its Base64 cannot be read"),
        ({"base64": "H4v"}, "its Base64 cannot be read"),
        ({"json": {}, "style": "pretty"}, "style is one of compact, spaced, compact ascii, .* or without"),
        ({"json": {}, "style": ""}, "style is one of "),
    ],
)
def test_what_gives_no_body_is_said(data: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        as_bytes(data)
