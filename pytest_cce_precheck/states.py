"""The simulator with states that one can arrange: what would break the contract is refused with the rule's code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck import _files
from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.rules import Kind, find_rule
from pytest_cce_precheck.errors import BodyError, ConfigurationError
from pytest_cce_precheck.simulator import service
from pytest_cce_precheck.simulator.arranging import TaskFields, arranged, document_of, filled, instant, refuse_unknown
from pytest_cce_precheck.simulator.own_answers import Lost, OwnAnswer, own_response, refuse_odd_question
from pytest_cce_precheck.simulator.rendering import task_document
from pytest_cce_precheck.simulator.state import Instance
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.dates import http_date
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, REQUEST_ID_HEADER, TaskState, TaskType, list_path

if TYPE_CHECKING:
    import os

    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.simulator.arranging import ArrangedTask, Document

_NAMES: Final = tuple(each.name for each in fields(TaskFields))
_OF_A_TASK: Final = ("metadata", "spec", "status")
_LARGEST: Final = 4 * 1024 * 1024


class Simulator(service.Simulator):
    """A stand-in for the service whose `handle` answers requests; thread-safe, and deterministic with a `ManualClock`.

    ``faults`` and ``variations`` are names in `FAULTS` and `VARIATIONS`, or objects; ``tasks`` is the size
    of the main cluster's list. Tasks change by ``clock``, by default one that stands still until it is advanced;
    the dates of signatures are checked against ``wall``, the real time. The ids are attributes; the
    credentials must not be able to read what is ``foreign_…``.

    `add_task`, `clear`, `load` and `advance` arrange the main cluster's tasks, `answer` gives an answer of one's own.

    >>> simulator = Simulator()
    >>> simulator.clear()
    >>> simulator.add_task(template="coredns", state="Failed", risks=[("AddonValidate", "Fatal")])["status"]["status"]
    'Failed'
    """

    def add_task(self, *, breaks: Sequence[str] = (), **said: Any) -> Document:
        """List one more task and return its AddonCheckTask; what is not said gets a sensible value.

        ``said`` are `TaskFields`: template, type, state, risks, id, instance_id, instance_name, target_version,
        message, created, expires, outcome, waits, runs. ``breaks`` names the rules that the task is to break. Raises
        `ConfigurationError` if something is unknown, or would break a rule that is not named.
        """
        given = _fields(said, strict=not breaks)
        with self._lock:
            cluster, now = self.state.clusters[self.cluster_id], self.clock.now()
            document = document_of(given, cluster.instances, now, self.state.rng)
            same = [task_document(each, now) for each in cluster.tasks if each.id == document["metadata"]["taskID"]]
            self._refuse_broken("add_task", [*same, document], breaks)
            self._add(arranged(document, cluster.instances, now, given))
        return document

    def clear(self) -> None:
        """List no task any more."""
        with self._lock:
            self.state.clear(self.cluster_id)

    def advance(self, seconds: float | timedelta) -> None:
        """Advance the clock, so that tasks progress and expire."""
        self.clock.advance(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)

    def load(self, state: str | os.PathLike[str] | Mapping[str, Any], *, breaks: Sequence[str] = ()) -> None:
        """List the tasks of a state in place of all others: a file, or its document (``schemas/state.json``).

        A captured list answer is a state. Its tasks are listed as they are; required fields that are missing get a
        sensible value, unless the state is to break a rule. The clock starts at the last creation.
        Raises `ConfigurationError` if the file is unusable, or would break a rule that ``breaks`` does not name.
        """
        name = "the state" if isinstance(state, Mapping) else f"the state file {_files.shown(Path(state))}"
        document = state if isinstance(state, Mapping) else _document(Path(state), name)
        given = list(_tasks(document, name))
        with self._lock:
            times = [found for each in given if (found := _created(each)) is not None]
            if times:
                self.clock.start(max(times).replace(microsecond=0) + timedelta(seconds=1))
            cluster, now = self.state.clusters[self.cluster_id], self.clock.now()
            tasks = given if breaks else [filled(each, cluster.instances, now, self.state.rng) for each in given]
            self._refuse_broken(name, tasks, breaks)
            self.state.clear(self.cluster_id)
            for each in tasks:
                self._add(arranged(dict(each), cluster.instances, now, TaskFields()))

    def answer(
        self,
        *,
        method: str = "GET",
        type: str | None = None,
        task_id: str | None = None,
        addon_instance_id: str | None = None,
        status: int = 200,
        body: Any = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        delay: float = 0.0,
        lost: Lost | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer one question of an authenticated client so; every other is the simulator's to answer.

        The question is the list call with exactly these filters, or with ``method="POST"`` the create call. ``body`` is
        bytes, text, the path of a captured body, or what is written as JSON; the answer comes ``delay`` seconds late,
        or the connection is ``lost``: "connection-lost" or "timeout". It is given ``times`` times, None for each time.
        A test in which nobody asks the question fails.
        """
        filters = {"type": type, "task_id": task_id, "addon_instance_id": addon_instance_id}
        asked = {name: value for name, value in filters.items() if value is not None}
        refuse_odd_question(method, asked, times)
        response = own_response(status, body, headers, delay, lost)
        with self._lock:
            self._own_answers.add(OwnAnswer(method, asked, response, times))

    @property
    def unused_answers(self) -> list[str]:
        """The answers of one's own whose question nobody has asked, in words."""
        return self._own_answers.unused

    def _add(self, task: ArrangedTask) -> None:
        cluster, instance = self.state.clusters[self.cluster_id], task.instance
        if instance.id and cluster.instance(instance.id) is None:
            cluster.instances += (Instance(instance.id, instance.name, instance.template, instance.versions),)
        self.state.add(self.cluster_id, task)

    def _refuse_broken(self, place: str, tasks: Sequence[Mapping[str, Any]], breaks: Sequence[str]) -> None:
        """Raise `ConfigurationError` unless a list of the tasks breaks exactly the rules that are named."""
        if isinstance(breaks, str):
            raise ConfigurationError(f"{place}: breaks={breaks!r}: expected a list of codes, such as [{breaks!r}]")
        permitted = {find_rule(each).code for each in breaks}
        answer = {"kind": KIND, "apiVersion": API_VERSION, "pageInfo": {"currentCount": len(tasks)}, "items": tasks}
        request = Request("GET", self.endpoint, list_path(self.project_id, self.cluster_id))
        headers = (("Content-Type", "application/json"), ("Date", http_date(self.clock.now())))
        try:
            body = json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass")
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{place}: a task cannot be written as JSON: {error}") from None
        response = Response(200, Headers((*headers, (REQUEST_ID_HEADER, "arranged"))), body)
        found: dict[str, Finding] = {}
        for finding in check(Exchange(request, response)):
            if finding.rule.kind is not Kind.OBSERVATION:
                found.setdefault(finding.code, finding)
        for code, finding in found.items():
            if code not in permitted:
                raise ConfigurationError(
                    f"{place}: {code} {finding.rule.name}: {finding.message}; to list it all the same:"
                    f" breaks={json.dumps([*breaks, code])}"
                )
        unbroken = sorted(permitted - found.keys())
        if unbroken:
            raise ConfigurationError(f"{place}: breaks={list(breaks)!r}: nothing here breaks {', '.join(unbroken)}")


def arranged_simulator(
    tasks: Iterable[Mapping[str, Any]] | None, kind: type[Simulator] = Simulator, **settings: Any
) -> Simulator:
    """Return a simulator that lists exactly these tasks, each as the arguments of `Simulator.add_task`.

    If they are None, it lists those of its seed.
    """
    simulator = kind(**settings)
    if tasks is not None:
        simulator.clear()
        for each in tasks:
            simulator.add_task(**each)
    return simulator


def _fields(said: Mapping[str, Any], *, strict: bool) -> TaskFields:
    unknown = next((name for name in said if name not in _NAMES), None)
    if unknown is not None:
        near = did_you_mean(unknown, _NAMES) or f": expected some of {', '.join((*_NAMES, 'breaks'))}"
        raise ConfigurationError(f"add_task: a task has no {unknown!r}{near}")
    given = TaskFields(**said)
    if strict:
        refuse_unknown("add_task: the state", given.state, TaskState)
        if given.type is not ...:
            refuse_unknown("add_task: the type", given.type, TaskType)
    if given.outcome is not None and given.outcome not in (TaskState.FAILED, TaskState.SUCCESS):
        raise ConfigurationError(f"add_task: the outcome {given.outcome!r} is unknown: expected Failed or Success")
    for name in ("waits", "runs"):
        seconds = getattr(given, name)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 10**9:
            raise ConfigurationError(f"add_task: {name}={seconds!r}: expected a number of seconds")
    if isinstance(given.risks, str | Mapping) or not isinstance(given.risks, Sequence | None | type(...)):
        raise ConfigurationError(f"add_task: risks={given.risks!r}: expected a list of (name, level)")
    return given


def _document(path: Path, name: str) -> Mapping[str, Any]:
    try:
        document = parse_json(_files.read_bytes(path, name, limit=_LARGEST))
    except BodyError as error:
        raise ConfigurationError(
            f"{name} is not valid JSON: {error.detail}; expected the form of a list answer (schemas/state.json)"
        ) from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{name} is not a JSON object: expected the form of a list answer, with items")
    return document


def _tasks(document: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    items = document.get("items")
    if not isinstance(items, list):
        raise ConfigurationError(f"{name} has no array items: expected the form of a list answer (schemas/state.json)")
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            raise ConfigurationError(f"{name}: items[{place}] is not a JSON object: expected an AddonCheckTask")
        odd = next((part for part in _OF_A_TASK if not isinstance(item.get(part, {}), dict)), None)
        if odd is not None:
            raise ConfigurationError(f"{name}: items[{place}].{odd} is not a JSON object")
        yield item


def _created(task: Mapping[str, Any]) -> Any:
    return instant(task.get("metadata", {}).get("createTimeStamp"))
