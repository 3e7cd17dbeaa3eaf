"""A body in a cassette: as JSON if that reproduces its bytes, else as text, else as Base64."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from pytest_cce_precheck._text import with_escaped_halves
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire.body import parse_json

# how JSON libraries write: which separators, which characters escaped
_COMPACT: Final[dict[str, Any]] = {"separators": (",", ":"), "ensure_ascii": False}
_SPACED: Final[dict[str, Any]] = {"ensure_ascii": False}
_STYLES: Final[dict[str, dict[str, Any]]] = {
    "compact": _COMPACT,
    "spaced": _SPACED,
    "compact ascii": {**_COMPACT, "ensure_ascii": True},
    "spaced ascii": {"ensure_ascii": True},
    "compact html": _COMPACT,  # as Go's encoding/json writes
    "indent 2": {**_SPACED, "indent": 2},
    "indent 4": {**_SPACED, "indent": 4},
}
_HTML: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_END_OF_LINE: Final = " line"


def as_data(body: bytes) -> dict[str, Any]:
    """Return what a cassette keeps of ``body``; `as_bytes` returns the same bytes again.

    >>> as_data(b'{"kind":"AddonCheck"}'), as_data(b'{ "kind": 1.50 }')
    ({'json': {'kind': 'AddonCheck'}}, {'text': '{ "kind": 1.50 }'})
    """
    try:
        document = parse_json(body)
    except BodyError:
        return _as_text(body)
    for style in _STYLES:
        for end in ("", _END_OF_LINE):
            data: dict[str, Any] = {"json": document}
            if style + end != "compact":
                data["style"] = style + end
            if as_bytes(data) == body:
                return data
    return _as_text(body)


def as_bytes(data: dict[str, Any]) -> bytes:
    """Return the body again; raises ValueError if ``data`` is not one of the three forms.

    >>> as_bytes({"json": {"kind": "AddonCheck"}, "style": "spaced line"})
    b'{"kind": "AddonCheck"}\\n'
    """
    if "json" in data:
        return _written(data["json"], str(data.get("style", "compact")))
    if isinstance(data.get("text"), str):
        return str(data["text"]).encode()
    if isinstance(data.get("base64"), str):
        try:
            return base64.b64decode(data["base64"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"its Base64 cannot be read: {error}") from None
    raise ValueError("a body has one of json, text and base64")


def _as_text(body: bytes) -> dict[str, Any]:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _written(document: Any, style: str) -> bytes:
    name, line, _ = style.partition(_END_OF_LINE)
    if name not in _STYLES:
        raise ValueError(f"a JSON body's style is one of {', '.join(_STYLES)}, each with{_END_OF_LINE} or without")
    text = json.dumps(document, **_STYLES[name]) + ("\n" if line else "")
    if name.endswith("html"):
        text = text.translate(_HTML)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return with_escaped_halves(text).encode()
