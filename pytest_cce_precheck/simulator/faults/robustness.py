"""Inputs that make the service fail, and connections that do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.simulator.faults.tools import asked_only
from pytest_cce_precheck.simulator.http1 import format_response
from pytest_cce_precheck.simulator.pipeline import Call, Fault, Hook, NoAnswer
from pytest_cce_precheck.simulator.refusals import internal_error, refuse
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.errors import TransportReason

_fault = partial(Fault, category="robustness")
_fails = partial(_fault, codes=("PRE103",))
_silent = partial(_fault, codes=("PRE101",))


def _values(call: Call) -> list[str]:
    return [value for _, value in call.question.params]


def _any_value(condition: Callable[[str], bool]) -> Callable[[Call], bool]:
    return lambda call: any(map(condition, _values(call)))


def _five_hundred(condition: Callable[[Call], bool]) -> Hook[Response | None]:
    return lambda call, answer: refuse(internal_error()) if condition(call) else answer


def _break(condition: Callable[[Call], bool], reason: TransportReason, partial_answer: Any = None) -> Hook[Response]:
    def hook(call: Call, response: Response) -> Response:
        if condition(call):
            raise NoAnswer(reason, partial_answer(response) if partial_answer else b"")
        return response

    return hook


def _finished(error: Response, response: Response) -> Response:
    """Put an error in the place of an answer, under the headers that every answer has."""
    return Response(error.status, response.headers, error.body)


def _declared(response: Response, more: int) -> Response:
    length = ("Content-Length", str(len(response.body) + more))
    return Response(response.status, Headers((*response.headers.pairs, length)), response.body)


def _half(response: Response) -> bytes:
    return format_response(_declared(response, 0), close=False)[: -len(response.body) // 2]


def _ten_short(response: Response) -> bytes:
    return format_response(_declared(response, 10), close=False)


def _is_list(call: Call) -> bool:
    return call.route is not None and call.route.call == "list"


def _combined(call: Call) -> bool:
    return len(call.question.filters) > 1


FAULTS: Final = (
    _fails(
        name="fails-on-long-values",
        subtle=True,
        summary="500 on a value of more than 255 characters.",
        before=_five_hundred(_any_value(lambda value: len(value) > 255)),
    ),
    _fails(
        name="fails-on-non-ascii",
        subtle=True,
        summary="500 on a value with a character that is not ASCII.",
        before=_five_hundred(_any_value(lambda value: not value.isascii())),
    ),
    _fails(
        name="fails-on-quotes",
        subtle=True,
        summary="500 on a value with a quote.",
        before=_five_hundred(_any_value(lambda value: "'" in value)),
    ),
    _fails(
        name="fails-on-percent-signs",
        subtle=True,
        summary="500 on a value with a percent sign (a format string).",
        before=_five_hundred(_any_value(lambda value: "%" in value)),
    ),
    _fails(
        name="fails-on-empty-values",
        subtle=True,
        summary="500 on a parameter without a value.",
        before=_five_hundred(_any_value(lambda value: value == "")),
    ),
    _fails(
        name="fails-on-unknown-types",
        summary="500 on a type that is not documented.",
        before=_five_hundred(
            lambda call: any(v not in set(TaskType) for v in call.question.values.get(Filter.TYPE, ()))
        ),
    ),
    _fails(
        name="fails-on-unknown-ids",
        summary="500 on a `task_id` that no task has (a null that nobody expected).",
        respond=lambda call, response: (
            _finished(refuse(internal_error()), response)
            if response.status == 200 and asked_only(call, Filter.TASK_ID) and b'"items":[]' in response.body
            else response
        ),
    ),
    _fails(
        name="fails-on-line-breaks",
        subtle=True,
        summary="500 on a value with a line break.",
        before=_five_hundred(_any_value(lambda value: "\n" in value or "\r" in value)),
    ),
    _fails(
        name="fails-on-three-filters",
        subtle=True,
        summary="500 where all three filters are given.",
        before=_five_hundred(lambda call: asked_only(call, *Filter)),
    ),
    _fails(
        name="fails-every-ninth-time",
        subtle=True,
        summary="500 on each ninth call.",
        before=_five_hundred(lambda call: call.number % 9 == 0),
    ),
    _fails(
        name="fails-on-repeated-parameters",
        subtle=True,
        summary="500 where a parameter stands twice.",
        before=_five_hundred(lambda call: len({name for name, _ in call.question.params}) < len(call.question.params)),
    ),
    _silent(
        name="closes-without-an-answer",
        summary="Every connection is closed without an answer.",
        respond=_break(_is_list, "connection-lost"),
    ),
    _silent(
        name="closes-on-combinations",
        subtle=True,
        summary="The connection is closed where several filters are given.",
        respond=_break(_combined, "connection-lost"),
    ),
    _silent(
        name="closes-on-long-values",
        subtle=True,
        summary="The connection is closed on a value of more than 255 characters.",
        respond=_break(_any_value(lambda value: len(value) > 255), "connection-lost"),
    ),
    _silent(
        name="never-answers-under-instance",
        subtle=True,
        summary="A question with `addon_instance_id` alone is never answered.",
        respond=_break(lambda call: asked_only(call, Filter.ADDON_INSTANCE_ID), "timeout"),
    ),
    _silent(
        name="never-answers",
        summary="No list call is ever answered.",
        respond=_break(_is_list, "timeout"),
    ),
    _silent(
        name="answers-half",
        summary="The connection breaks half way through each body.",
        respond=_break(_is_list, "truncated", _half),
    ),
    _silent(
        name="content-length-too-large",
        subtle=True,
        summary="Answers to `type` declare ten bytes more than they have.",
        respond=_break(lambda call: asked_only(call, Filter.TYPE), "truncated", _ten_short),
    ),
    _silent(
        name="answers-in-another-protocol",
        summary="What comes back is no HTTP.",
        respond=_break(_is_list, "not-http", lambda _: b"\x15\x03\x03\x00\x02\x02\x46"),
    ),
    _silent(
        name="every-eighth-connection-breaks",
        subtle=True,
        summary="Each eighth call loses its connection.",
        respond=_break(lambda call: call.number % 8 == 0, "connection-lost"),
    ),
)
