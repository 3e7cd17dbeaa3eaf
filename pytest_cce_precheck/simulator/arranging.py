"""Tasks that somebody arranges: made from a few words or from a document of the list answer, and listed as given."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from types import EllipsisType
from typing import Any, Final

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.addons import VERSIONS, RiskKind, risks_of
from pytest_cce_precheck.simulator.rendering import MESSAGES, status_document, timestamp
from pytest_cce_precheck.simulator.state import Instance, Moment, Pace, SimulatedRisk, Task, Timetable, leaving, new_id
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import RiskLevel, TaskState, TaskType

Document = dict[str, Any]
Risk = Sequence[str] | Mapping[str, Any]
"""``(name, level)``, perhaps with a state and a message; or a CheckTaskRisk."""
When = datetime | str

PACE: Final = Pace(waits=3600.0, runs=3600.0)
"""An unfinished task does not change for an hour of the clock, unless it is told to."""
_AGE: Final = timedelta(hours=1)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_RISK_FIELDS: Final = ("riskName", "level", "status", "message")


@dataclass(frozen=True, kw_only=True)
class TaskFields:
    """What may be said of a task: what is left out (``...``) gets a sensible value, None leaves the field out.

    ``risks`` are `Risk`s; without a state, the risks of a Failed task are found. ``outcome`` is how an unfinished task
    ends, after ``waits`` seconds in Init and ``runs`` seconds in Running.
    """

    template: str = "coredns"
    type: str | EllipsisType = ...
    state: str = "Success"
    risks: Sequence[Risk] | EllipsisType | None = ...
    id: str | EllipsisType = ...
    instance_id: str | EllipsisType | None = ...
    instance_name: str | EllipsisType | None = ...
    target_version: str | EllipsisType | None = ...
    message: str | EllipsisType | None = ...
    created: When | EllipsisType = ...
    expires: When | EllipsisType | None = ...
    outcome: str | None = None
    waits: float = PACE.waits
    runs: float = PACE.runs


@dataclass(frozen=True, slots=True)
class ArrangedTask(Task):
    """A task that is listed as ``given`` until it changes its state at ``changes``."""

    given: Mapping[str, Any]
    changes: datetime
    final: TaskState
    until: datetime

    @property
    def outcome(self) -> TaskState:
        """The final state."""
        return self.final

    @property
    def leaves(self) -> datetime:
        """When the task is no longer listed."""
        return self.until

    def document(self, now: datetime) -> Document:
        """Return the AddonCheckTask at ``now``."""
        document = copy.deepcopy(dict(self.given))
        if now >= self.changes:
            document["status"] = status_document(self, now)
            if self.state(now).final:
                document["metadata"]["expireTimeStamp"] = timestamp(self.expires)
        return document


def refuse_unknown(what: str, value: object, known: type[StrEnum]) -> None:
    """Raise `ConfigurationError` for a value that is not documented."""
    if value not in set(known):
        near = did_you_mean(value, known) if isinstance(value, str) else ""
        raise ConfigurationError(f"{what} {value!r} is unknown: expected {', '.join(known)}{near}")


def document_of(fields: TaskFields, instances: Sequence[Instance], now: datetime, rng: Random) -> Document:
    """Return the AddonCheckTask of what is said of a task, with sensible values for the rest."""
    known = next((each for each in instances if each.template == fields.template), None)
    upgrade = isinstance(fields.target_version, str) and fields.target_version
    kind = _or(fields.type, str(TaskType.UPGRADE if upgrade else TaskType.STATIC))
    created = _when(_or(fields.created, now - _AGE))
    expires = (instant(created) or now) + timedelta(seconds=PACE.kept)
    is_final = fields.state in (TaskState.FAILED, TaskState.SUCCESS)
    metadata = {
        "type": kind,
        "taskID": _or(fields.id, new_id(rng)),
        "addonTemplateName": fields.template,
        "addonInstanceName": _or(fields.instance_name, f"cceaddon-{fields.template}"),
        "addonInstanceID": _or(fields.instance_id, known.id if known else new_id(rng)),
        "createTimeStamp": created,
        "expireTimeStamp": _when(_or(fields.expires, expires if is_final else None)),
    }
    versions = VERSIONS.get(fields.template, ())
    target = _or(fields.target_version, versions[-1] if versions and kind == TaskType.UPGRADE else None)
    risks = _or(fields.risks, _usual_risks(fields))
    status = {
        "status": fields.state,
        "message": _or(fields.message, MESSAGES.get(fields.state, "")),  # type: ignore[call-overload]  # any text
        "riskList": None if risks is None else [_risk_document(each, fields) for each in risks],
    }
    document = {"metadata": _said(metadata), "spec": target and {"addonTargetVersion": target}, "status": _said(status)}
    return _said(document)


def _or(given: Any, usual: Any) -> Any:
    return usual if given is ... else given


def _said(fields: Mapping[str, Any]) -> Document:
    return {name: value for name, value in fields.items() if value is not None}


def _when(given: When | None) -> str | None:
    return timestamp(Moment(given)) if isinstance(given, datetime) else given


def _usual_risks(fields: TaskFields) -> list[Risk]:
    # of a task that failed, the first risk is found, the others are not
    found = fields.state == TaskState.FAILED
    return [
        (kind.name, str(kind.level), *([str(TaskState.SUCCESS)] if found and place else []))
        for place, kind in enumerate(risks_of(fields.template))
    ]


def _risk_document(risk: Any, fields: TaskFields) -> Document:
    if isinstance(risk, Mapping):
        document = dict(risk)
        unknown = next((name for name in document if name not in _RISK_FIELDS), None)
        if unknown is not None:
            raise ConfigurationError(f"a risk has no field {unknown!r}: expected {', '.join(_RISK_FIELDS)}")
    elif isinstance(risk, Sequence) and not isinstance(risk, str) and 1 <= len(risk) <= len(_RISK_FIELDS):
        document = dict(zip(_RISK_FIELDS, risk, strict=False))
    else:
        document = {"riskName": risk}
    if not isinstance(document.get("riskName"), str):
        raise ConfigurationError(f"the risk {risk!r} has no name: expected (name, level), such as {_SAMPLE}")
    name = document["riskName"]
    if document.get("level") is None:
        raise ConfigurationError(f"the risk {name!r} has no level: expected (name, level), such as {_SAMPLE}")
    document.setdefault("status", fields.state)
    if "message" not in document and document["status"] in (TaskState.FAILED, TaskState.SUCCESS):
        kind = next((each for each in risks_of(fields.template) if each.name == name), _ANY)
        document["message"] = _remark(kind, document["status"])
    return document


def _remark(kind: RiskKind, state: str) -> str:
    return kind.found if state == TaskState.FAILED else kind.clear


_SAMPLE: Final = '("AddonValidate", "Fatal")'
_ANY: Final = RiskKind("", RiskLevel.FATAL, "the risk was found", "the risk was not found")


def filled(document: Mapping[str, Any], instances: Sequence[Instance], now: datetime, rng: Random) -> Document:
    """Return an AddonCheckTask of a file with sensible values for the required fields that it does not have.

    A complete one stays as it is, whatever optional fields it does without.
    """
    metadata, status = (_object(document.get(name)) for name in ("metadata", "status"))
    state = status.get("status", TaskState.SUCCESS)
    said = {"template": metadata.get("addonTemplateName"), "type": metadata.get("type"), "state": state}
    texts: dict[str, Any] = {name: each for name, each in said.items() if isinstance(each, str)}
    fields = TaskFields(**texts)
    usual = document_of(fields, instances, now, rng)
    needed = ["type", "taskID", "addonTemplateName", "createTimeStamp"]
    needed += ["expireTimeStamp"] if state in (TaskState.FAILED, TaskState.SUCCESS) else []
    missing = {name: usual["metadata"][name] for name in needed if name not in metadata}
    if "expireTimeStamp" in missing and (created := instant(metadata.get("createTimeStamp"))) is not None:
        missing["expireTimeStamp"] = _when(created + timedelta(seconds=PACE.kept))
    return {
        **document,
        "metadata": {**metadata, **missing},
        "status": {"status": state, "message": usual["status"]["message"], **status},
    }


def arranged(document: Document, instances: Sequence[Instance], now: datetime, fields: TaskFields) -> ArrangedTask:
    """Return the task of an AddonCheckTask, which is listed as it is until the clock changes its state."""
    metadata, status = (_object(document.get(name)) for name in ("metadata", "status"))
    state = status.get("status")
    template = str(metadata.get("addonTemplateName", ""))
    instance_id = str(metadata.get("addonInstanceID", ""))
    instance = next((each for each in instances if each.id == instance_id), None)
    created = min(instant(metadata.get("createTimeStamp")) or now, now)
    begins, changes = created, _NEVER
    ends = created
    if state == TaskState.INIT:
        begins = changes = now + timedelta(seconds=fields.waits)
        ends = begins + timedelta(seconds=fields.runs)
    elif state == TaskState.RUNNING:
        ends = changes = now + timedelta(seconds=fields.runs)
    timetable = Timetable(begins, ends)
    final = TaskState(fields.outcome or (state if state == TaskState.FAILED else TaskState.SUCCESS))
    expires = instant(metadata.get("expireTimeStamp"))
    expiry = Moment(expires or ends + timedelta(seconds=PACE.kept))
    return ArrangedTask(
        id=str(metadata.get("taskID", "")),
        # with an asked-for fault, any text
        type=metadata.get("type", ""),
        instance=instance or Instance(instance_id, str(metadata.get("addonInstanceName", "")), template, ()),
        created=Moment(created),
        target_version=_object(document.get("spec")).get("addonTargetVersion"),
        risks=tuple(_risks(status.get("riskList"), timetable, final)),
        timetable=timetable,
        expires=expiry,
        given=document,
        changes=changes,
        final=final,
        # a service may still list a task that has expired
        until=leaving(expiry) if leaving(expiry) > now else _NEVER,
    )


def _risks(listed: Any, timetable: Timetable, final: TaskState) -> list[SimulatedRisk]:
    found = []
    for each in listed if isinstance(listed, list) else ():
        risk = _object(each)
        if risk.get("level") in set(RiskLevel) and isinstance(risk.get("riskName"), str):
            given = risk.get("status")
            outcome = given if given in (TaskState.FAILED, TaskState.SUCCESS) else final
            words = str(risk.get("message") or _remark(_ANY, outcome))
            level = RiskLevel(risk["level"])
            found.append(SimulatedRisk(risk["riskName"], level, TaskState(outcome), words, timetable))
    return found


def instant(text: Any) -> datetime | None:
    """Return the instant of a timestamp in UTC, None if it is not one."""
    try:
        return parse_timestamp(text).datetime.astimezone(UTC) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
