"""Bodies that are not the JSON they should be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.simulator.hooks import (
    INSTANCE,
    TASK_ID,
    always,
    every,
    filtered,
    in_each,
    on_list,
    only,
    with_body,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.hooks import Condition
    from pytest_cce_precheck.simulator.pipeline import Hook


def _body(change: Callable[[bytes], bytes], condition: Condition = always) -> Hook[Any]:
    return on_list(lambda response: with_body(response, change(response.body)), condition)


def _text(change: Callable[[str], str], condition: Condition = always) -> Hook[Any]:
    return _body(lambda body: change(body.decode()).encode(), condition)


def _latin_1(body: bytes) -> bytes:
    return body.decode().replace('"message":"', '"message":"é: ').encode("latin-1", "replace")


def _mark_messages(item: Any) -> None:
    for risk in item["status"].get("riskList") or ():
        if "message" in risk:
            risk["message"] += "\x00"


HOOKS: Final[HookTable] = {
    "document": {
        "line-breaks-not-escaped": in_each(_mark_messages),
    },
    "respond": {
        "byte-order-mark": _body(lambda body: b"\xef\xbb\xbf" + body),
        "body-in-latin-1": _body(_latin_1),
        "body-in-utf-16": _body(lambda body: body.decode().encode("utf-16"), only(INSTANCE)),
        "kind-written-twice": _text(lambda text: '{"kind":"AddonCheck",' + text[1:]),
        "task-id-written-twice": _text(lambda text: text.replace('"taskID":', '"taskID":"","taskID":')),
        "count-is-nan-when-nothing-matches": _text(
            lambda text: text.replace('"currentCount":0}', '"currentCount":NaN}')
        ),
        "trailing-comma": _text(lambda text: text.replace("}]}", "},]}")),
        "python-instead-of-json": _text(lambda text: repr(json.loads(text))),
        "body-cut-under-a-filter": _body(lambda body: body[: len(body) // 2], filtered),
        "body-empty-under-task-id": _body(lambda _: b"", only(TASK_ID)),
        "body-written-twice": every(6, _body(lambda body: body + body)),
        "line-breaks-not-escaped": _body(lambda body: body.replace(b"\\u0000", b"\n")),
        "padding-before-the-body": _text(lambda text: ")]}',\n" + text, filtered),
        "html-on-success": _body(lambda _: b"<html><body>Maintenance</body></html>"),
    },
}
