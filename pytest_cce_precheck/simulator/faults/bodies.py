"""Bodies that are not the JSON they should be."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.faults.tools import asked_only, body_of, every, filtered, on_read
from pytest_cce_precheck.simulator.pipeline import Call, Document, Fault
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.wire.exchange import Response


_json = partial(Fault, category="HTTP", codes=("PRE106",))


def _text(change: Callable[[str], str]) -> Callable[[Response], Response]:
    return lambda response: body_of(response, change(response.body.decode()).encode())


def _latin(response: Response) -> Response:
    text = response.body.decode().replace('"message":"', '"message":"é: ')
    return body_of(response, text.encode("latin-1", "replace"))


def _single_quotes(response: Response) -> Response:
    return body_of(response, repr(json.loads(response.body)).encode())


def _in_error_message(_call: Call, document: Document) -> Document:
    for item in document["items"]:
        for risk in item["status"].get("riskList") or ():
            if "message" in risk:
                risk["message"] += "\x00"
    return document


def _raw_line_break(response: Response) -> Response:
    return body_of(response, response.body.replace(b"\\u0000", b"\n"))


def _half(response: Response) -> Response:
    return body_of(response, response.body[: len(response.body) // 2])


def _twice_written(response: Response) -> Response:
    return body_of(response, response.body + response.body)


_EVER: Final[Callable[[Call], bool]] = lambda _: True  # noqa: E731  a condition among others

FAULTS: Final = (
    _json(
        name="byte-order-mark",
        summary="Bodies start with a byte order mark.",
        respond=on_read(_EVER, lambda response: body_of(response, b"\xef\xbb\xbf" + response.body)),
    ),
    _json(
        name="body-in-latin-1",
        summary="Bodies are encoded in Latin-1.",
        respond=on_read(_EVER, _latin),
    ),
    _json(
        name="body-in-utf-16",
        subtle=True,
        summary="Answers to `addon_instance_id` are encoded in UTF-16.",
        respond=on_read(
            lambda call: asked_only(call, Filter.ADDON_INSTANCE_ID),
            lambda response: body_of(response, response.body.decode().encode("utf-16")),
        ),
    ),
    _json(
        name="kind-written-twice",
        subtle=True,
        summary="The key `kind` stands twice in the body.",
        respond=on_read(_EVER, _text(lambda text: '{"kind":"AddonCheck",' + text[1:])),
    ),
    _json(
        name="task-id-written-twice",
        subtle=True,
        summary="The key `taskID` stands twice in each task.",
        respond=on_read(_EVER, _text(lambda text: text.replace('"taskID":', '"taskID":"","taskID":'))),
    ),
    _json(
        name="count-is-nan-when-nothing-matches",
        subtle=True,
        summary="`currentCount` is NaN where nothing matches.",
        respond=on_read(_EVER, _text(lambda text: text.replace('"currentCount":0}', '"currentCount":NaN}'))),
    ),
    _json(
        name="trailing-comma",
        summary="A comma stands after the last item.",
        respond=on_read(_EVER, _text(lambda text: text.replace("}]}", "},]}"))),
    ),
    _json(
        name="python-instead-of-json",
        summary="The body is Python's spelling: single quotes.",
        respond=on_read(_EVER, _single_quotes),
    ),
    _json(
        name="body-cut-under-a-filter",
        subtle=True,
        summary="A filtered answer's body ends half way, with a length that fits.",
        respond=on_read(filtered, _half),
    ),
    _json(
        name="body-empty-under-task-id",
        subtle=True,
        summary="Answers to `task_id` have an empty body.",
        respond=on_read(lambda call: asked_only(call, Filter.TASK_ID), lambda response: body_of(response, b"")),
    ),
    _json(
        name="body-written-twice",
        subtle=True,
        summary="Every sixth body is written twice.",
        respond=every(6, "written twice", on_read(_EVER, _twice_written)),
    ),
    _json(
        name="line-breaks-not-escaped",
        subtle=True,
        summary="A line break in a risk's message is not escaped.",
        document=_in_error_message,
        respond=on_read(_EVER, _raw_line_break),
    ),
    _json(
        name="padding-before-the-body",
        subtle=True,
        summary="Anti-hijacking text stands before the JSON of filtered answers.",
        respond=on_read(filtered, _text(lambda text: ")]}',\n" + text)),
    ),
    _json(
        name="html-on-success",
        summary="A maintenance page with status 200 is called JSON.",
        respond=on_read(_EVER, lambda response: body_of(response, b"<html><body>Maintenance</body></html>")),
    ),
)
