"""Read a body as strict JSON: UTF-8, no duplicate keys, no NaN, bounded in size and depth (RFC 8259)."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from itertools import chain
from typing import Any, Final, NoReturn

from pytest_cce_precheck._text import excerpt
from pytest_cce_precheck.errors import BodyError

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_DEPTH: Final = 100
# of a parsed document, exactly these: to ask for subclasses of each value would take twice as long
_CONTAINERS: Final = frozenset({dict, list})

# what can be left of a token, from the place where the parser stopped, if the text ends within it
_CUT_TOKEN: Final = re.compile(r"\s*|t|tru?|f|fals?|fa|n|nul?|-|\.|[eE][+-]?|\\?u[0-9a-fA-F]{0,4}")


def parse_json(body: bytes) -> Any:
    """Parse ``body``; raise `BodyError` that says what is wrong and where.

    >>> parse_json(b'{"kind": "AddonCheck"}')
    {'kind': 'AddonCheck'}
    >>> parse_json(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    pytest_cce_precheck.errors.BodyError: the key "a" occurs twice in one object
    """
    if not body.strip():
        raise BodyError("empty", "the body is empty; JSON was expected")
    if len(body) > MAX_BYTES:
        raise BodyError("too-large", f"the body has {len(body):,} bytes; at most {MAX_BYTES:,} are read")
    if body.startswith(codecs.BOM_UTF8):
        raise BodyError("bom", "the body starts with a byte order mark, which RFC 8259 (8.1) does not allow")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _decode_error(body, error) from None
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # an integer of thousands of digits
        raise BodyError("not-json", f"a number cannot be read: {error}") from None
    if _deeper_than(document, MAX_DEPTH):
        raise _too_deep()
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise BodyError("duplicate-key", f'the key "{twice}" occurs twice in one object')
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise BodyError("not-json", f"{name} is not a JSON number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _decode_error(body: bytes, error: UnicodeDecodeError) -> BodyError:
    if error.reason == "unexpected end of data":
        return BodyError("truncated", f"the JSON ends too early, within a character, after {len(body)} bytes")
    return BodyError("not-utf8", f"the body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}")


def _syntax_error(text: str, error: json.JSONDecodeError) -> BodyError:
    if text.lstrip().startswith("<"):
        return BodyError("html", f"the body is HTML or XML, not JSON: it starts with {excerpt(text.strip(), 0, 40)!r}")
    if error.msg.startswith("Unterminated string") or _CUT_TOKEN.fullmatch(text, error.pos):
        return BodyError("truncated", f"the JSON ends too early, after {len(text)} characters ({error.msg})")
    where = f"line {error.lineno} column {error.colno}, near {excerpt(text, error.pos, 20)!r}"
    return BodyError("not-json", f"the body is not JSON: {error.msg} at {where}")


def _too_deep() -> BodyError:
    return BodyError("too-deep", f"the JSON nests deeper than {MAX_DEPTH} levels")


def _deeper_than(document: Any, limit: int) -> bool:
    level = [document] if type(document) in _CONTAINERS else []
    while level and limit:
        children = chain.from_iterable(node.values() if type(node) is dict else node for node in level)
        level = [child for child in children if type(child) in _CONTAINERS]
        limit -= 1
    return bool(level)
