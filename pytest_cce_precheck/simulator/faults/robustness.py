"""Inputs that make the service fail, and connections that do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.hooks import INSTANCE, TASK_ID, TYPE, each, on_status, only, refuse_with, when
from pytest_cce_precheck.simulator.http1 import format_response
from pytest_cce_precheck.simulator.pipeline import Call, Hook, NoAnswer
from pytest_cce_precheck.simulator.refusals import internal_error, refuse
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.errors import TransportReason
    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.hooks import Condition


def _any_value(condition: Callable[[str], bool]) -> Condition:
    return lambda call: any(condition(value) for _, value in call.query.params)


_LONG: Final = _any_value(lambda value: len(value) > 255)


def _unknown_type(call: Call) -> bool:
    return not set(TaskType).issuperset(call.query.values.get(TYPE, ()))


def _is_list(call: Call) -> bool:
    return call.route is not None and call.route.call == "list"


def _several_filters(call: Call) -> bool:
    return len(call.query.filters) > 1


def _fail(condition: Condition) -> Hook[Response | None]:
    return refuse_with(internal_error(), condition)


def _fail_if_empty(response: Response) -> Response:
    """Put an error in place of an empty list, under the headers that every answer has."""
    error = refuse(internal_error())
    return replace(error, headers=response.headers) if b'"items":[]' in response.body else response


def _break(
    condition: Condition, reason: TransportReason, partial: Callable[[Response], bytes] = lambda _: b""
) -> Hook[Response]:
    def hook(call: Call, response: Response) -> Response:
        if condition(call):
            raise NoAnswer(reason, partial(response))
        return response

    return hook


def _declaring(response: Response, length: int) -> bytes:
    headers = Headers((*response.headers.pairs, ("Content-Length", str(length))))
    return format_response(replace(response, headers=headers), close=False)


def _half(response: Response) -> bytes:
    return _declaring(response, len(response.body))[: -len(response.body) // 2]


HOOKS: Final[HookTable] = {
    "before": {
        "fails-on-long-values": _fail(_LONG),
        "fails-on-non-ascii": _fail(_any_value(lambda value: not value.isascii())),
        "fails-on-quotes": _fail(_any_value(lambda value: "'" in value)),
        "fails-on-percent-signs": _fail(_any_value(lambda value: "%" in value)),
        "fails-on-empty-values": _fail(_any_value(lambda value: value == "")),
        "fails-on-unknown-types": _fail(_unknown_type),
        "fails-on-line-breaks": _fail(_any_value(lambda value: "\n" in value or "\r" in value)),
        "fails-on-three-filters": _fail(only(*Filter)),
        "fails-on-repeated-parameters": _fail(
            lambda call: len({name for name, _ in call.query.params}) < len(call.query.params)
        ),
    },
    "respond": {
        "fails-on-unknown-ids": when(only(TASK_ID), on_status(200, _fail_if_empty)),
        "closes-without-an-answer": _break(_is_list, "connection-lost"),
        "closes-on-combinations": _break(_several_filters, "connection-lost"),
        "closes-on-long-values": _break(_LONG, "connection-lost"),
        "never-answers-under-instance": _break(only(INSTANCE), "timeout"),
        "never-answers": _break(_is_list, "timeout"),
        "answers-half": _break(_is_list, "truncated", _half),
        "content-length-too-large": _break(
            only(TYPE), "truncated", lambda response: _declaring(response, len(response.body) + 10)
        ),
        "answers-in-another-protocol": _break(_is_list, "not-http", lambda _: b"\x15\x03\x03\x00\x02\x02\x46"),
        "every-eighth-connection-breaks": _break(each(8), "connection-lost"),
    },
}
