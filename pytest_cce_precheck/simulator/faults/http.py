"""Status, headers and methods that are not those of the answer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.faults.tools import asked_only, filtered, on_read
from pytest_cce_precheck.simulator.pipeline import Call, Fault, Hook
from pytest_cce_precheck.simulator.refusals import JSON, Refusal, unauthorized
from pytest_cce_precheck.simulator.routing import Route
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, Filter

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.simulator.world import Task


_fault = partial(Fault, category="HTTP")


def _typed(content_type: str | None) -> Callable[[Response], Response]:
    def change(response: Response) -> Response:
        headers = response.headers.without("Content-Type")
        if content_type is not None:
            headers = headers.replacing("Content-Type", content_type)
        return Response(response.status, headers, response.body)

    return change


def _redirect(where: str) -> Callable[[Response], Response]:
    def change(response: Response) -> Response:
        headers = response.headers.without("Content-Type").replacing("Location", where)
        return Response(302, headers)

    return change


def _wants_json_content(call: Call, refusal: Refusal | None) -> Refusal | None:
    if call.request.headers.get("Content-Type") == JSON:
        return refusal
    return Refusal("content-type", 415, "CCE.03415001", "Unsupported media type.")


def _reads_names_as_spelt(call: Call, refusal: Refusal | None) -> Refusal | None:
    names = {name for name, _ in call.request.headers.pairs}
    return refusal if names & {TOKEN_HEADER, "Authorization"} else unauthorized("no-credentials")


def _nothing_found(response: Response) -> bool:
    return b'"items":[]' in response.body


def _no_content(response: Response) -> Response:
    if not _nothing_found(response):
        return response
    return Response(204, response.headers.without("Content-Type"))


def _inject(*filters: Filter) -> Hook[Response]:
    """Write the filters' values into a header as they are, line breaks and all."""

    def hook(call: Call, response: Response) -> Response:
        pairs = list(response.headers.pairs)
        for name, value in call.question.given:
            lines = value.splitlines() if name in filters else []
            pairs += [("X-Filter", lines[0])] if lines else []
            for line in lines[1:]:
                header, colon, content = line.partition(":")
                pairs += [(header.strip(), content.strip())] if colon and header.strip() else []
        return Response(response.status, Headers(pairs), response.body)

    return hook


def _method_as_get(*methods: str) -> Hook[Route | Refusal]:
    def hook(call: Call, route: Route | Refusal) -> Route | Refusal:
        wrong = isinstance(route, Refusal) and route.reason == "method"
        if wrong and call.request.method in methods and call.request.path.endswith("/tasks"):
            return Route("list", call.places.project_id, call.places.cluster_id)
        return route

    return hook


def _delete_all(call: Call, route: Route | Refusal) -> Route | Refusal:
    answered = _method_as_get("DELETE")(call, route)
    if answered is not route:
        for task in call.world.tasks_of(call.places.cluster_id, call.now)[-1:]:
            call.world.remove(call.places.cluster_id, task.id)
    return answered


def _again(call: Call, tasks: list[Task]) -> list[Task]:
    if call.request.method != "PUT" or not tasks:
        return tasks
    task = call.world.make(tasks[0].instance, tasks[0].type, tasks[0].target_version, call.now)
    call.world.add(call.places.cluster_id, task)
    return [*tasks, task]


def _status(status: int) -> Callable[[Response], Response]:
    return lambda response: replace(response, status=status)


_EVER: Final[Callable[[Call], bool]] = lambda _: True  # noqa: E731  a condition among others

FAULTS: Final = (
    _fault(
        name="content-type-is-text",
        codes=("PRE105",),
        summary="List answers are text/plain.",
        respond=on_read(_EVER, _typed("text/plain; charset=utf-8")),
    ),
    _fault(
        name="content-type-is-html-for-task-id",
        codes=("PRE105",),
        subtle=True,
        summary="Answers to `task_id` are called text/html.",
        respond=on_read(lambda call: asked_only(call, Filter.TASK_ID), _typed("text/html")),
    ),
    _fault(
        name="content-type-missing",
        codes=("PRE105",),
        summary="List answers have no Content-Type.",
        respond=on_read(_EVER, _typed(None)),
    ),
    _fault(
        name="content-type-says-latin-1",
        codes=("PRE105",),
        subtle=True,
        summary="Content-Type declares the charset iso-8859-1.",
        respond=on_read(_EVER, _typed("application/json; charset=iso-8859-1")),
    ),
    _fault(
        name="redirect-to-another-host",
        codes=("PRE104",),
        summary="The list is redirected to another host.",
        respond=on_read(_EVER, _redirect("https://elsewhere.example/tasks")),
    ),
    _fault(
        name="filters-redirect-to-a-slash",
        codes=("PRE104",),
        subtle=True,
        summary="A filtered question is redirected to the path with a slash, without the query.",
        respond=on_read(filtered, _redirect("tasks/")),
    ),
    _fault(
        name="refusal-redirects-to-login",
        codes=("PRE104", "PRE606"),
        subtle=True,
        summary="A request that is not authorized is redirected to a login page.",
        respond=lambda _, response: (
            _redirect("https://auth.example/login")(response) if response.status == 401 else response
        ),
    ),
    _fault(
        name="no-content-when-nothing-matches",
        codes=("PRE102", "PRE106"),
        subtle=True,
        summary="204 where no task matches.",
        respond=on_read(_EVER, _no_content),
    ),
    _fault(
        name="accepted-instead-of-ok",
        codes=("PRE102",),
        summary="List answers have status 202.",
        respond=on_read(_EVER, _status(202)),
    ),
    _fault(
        name="partial-content-under-type",
        codes=("PRE102",),
        subtle=True,
        summary="Answers to `type` have status 206.",
        respond=on_read(lambda call: asked_only(call, Filter.TYPE), _status(206)),
    ),
    _fault(
        name="header-injected-by-any-filter",
        codes=("PRE112",),
        summary="The filters' values are copied into a header with their line breaks.",
        respond=_inject(*Filter),
    ),
    _fault(
        name="header-injected-by-task-id",
        codes=("PRE112",),
        subtle=True,
        summary="`task_id` is copied into a header with its line breaks.",
        respond=_inject(Filter.TASK_ID),
    ),
    _fault(
        name="post-answers-as-get",
        codes=("PRE609",),
        summary="POST to the list's path is answered with the list.",
        route=_method_as_get("POST"),
    ),
    _fault(
        name="every-method-answers-as-get",
        codes=("PRE609",),
        summary="PUT, PATCH, DELETE and POST are answered with the list.",
        route=_method_as_get("POST", "PUT", "PATCH", "DELETE"),
    ),
    _fault(
        name="patch-answers-as-get",
        codes=("PRE609",),
        subtle=True,
        summary="PATCH is answered with the list.",
        route=_method_as_get("PATCH"),
    ),
    _fault(
        name="delete-removes-a-task",
        category="safety",
        codes=("PRE609", "PRE505"),
        summary="DELETE on the list's path removes the newest task and shows the rest.",
        route=_delete_all,
    ),
    _fault(
        name="put-makes-a-task",
        category="safety",
        codes=("PRE609", "PRE509"),
        subtle=True,
        summary="PUT on the list's path makes a task and shows the list.",
        route=_method_as_get("PUT"),
        observe=_again,
    ),
    _fault(
        name="read-needs-a-json-content-type",
        codes=("PRE414",),
        subtle=True,
        summary="A read whose Content-Type is not exactly application/json is refused with 415.",
        check=_wants_json_content,
    ),
    _fault(
        name="header-names-have-a-case",
        codes=("PRE414",),
        subtle=True,
        summary="Credentials under header names in lower case are not seen.",
        authorize=_reads_names_as_spelt,
    ),
)
