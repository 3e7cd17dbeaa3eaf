"""The bodies of the suite's create requests: good ones for what is listed, awkward ones, and bad ones."""

from __future__ import annotations

import copy
from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_cce_precheck.contract.answer import Answer, AnsweredTask

# a version that nobody asks for: tasks with it were made by this run, whoever else works in the cluster
MARK: Final = "0.0.0-precheck-probe"
LIKE_A_NUMBER: Final = "1.10"
"""A version that is another one if it is read as a number."""
# what services change that escape, trim, normalise or expand texts, read numbers and words in them, have one type for
# all numbers, or leave out what is empty
AWKWARD: Final = {
    "text": " <a href=\"x\">&amp; 'q' \\ %s ${HOME} {{ .Values }} 1e3 ",
    "words": ["null", "true", "007", "1.10", "", "yes", "off", "~", "12:30"],
    "letters": "e\u0301 \u00e9 \u63d2\u4ef6 \U0001f9e9 \u2028 \u200f",
    "lines": "a\r\nb\tc",
    "times": ["2025-08-13", "2025-08-13T11:24:37.5+08:00"],
    "nested": {"": {"a.b": [{"c": [[1], {}]}], "null": None}},
    "numbers": [1, "1", -1, 0, "0", 1.5, 1e-07, 1e21, 2**53],
    "words of JSON": [True, "true", 1, False, "false", 0, None, "null"],
    "long": "0123456789" * 30,
    "snake_case": {"kebab-case": 1, "PascalCase": 2, "camelCase": 3, "UPPER": 4, "upper": 5},
    "places": {"0": "a", "1": "b"},
    "\u540d \u00e9": {"e\u0301": 1, " ": 2},
    "deep": [[[[[[[[[[[[0]]]]]]]]]]]],
    "number": 10_000_000,
    "part": 0.1,
    "word": "yes",
    "version": "1.10",
    "day": "2025-08-13",
    "zero": 0,
    "yes": True,
    "no": False,
    "nothing": None,
    "empty text": "",
    "empty list": [],
    "empty object": {},
}


def models_of(answer: Answer | None) -> list[AnsweredTask]:
    """Return a task of each add-on instance that is known with its template, the oldest first.

    Before these, one whose id has capital letters: if it is stored in lower case, it is another one. Then one with the
    name of the first: whoever keeps tasks by that name mixes them up. The newest may be somebody else's, who takes the
    instance away again.
    """
    by_instance: dict[str, AnsweredTask] = {}
    for task in answer.tasks if answer else ():
        instance = task.value_of(Filter.ADDON_INSTANCE_ID)
        if instance and task.metadata.get("addonTemplateName"):
            by_instance.setdefault(instance, task)
    names = Counter(map(_name, by_instance.values()))

    def order(instance: str) -> tuple[bool, bool, float]:
        task = by_instance[instance]
        # `islower` is false of digits alone
        return instance != instance.lower(), names[_name(task)] > 1, -(task.created.seconds if task.created else inf)

    ordered = [by_instance[instance] for instance in sorted(by_instance, key=order, reverse=True)]
    return sorted(ordered, key=lambda task: task is not ordered[0] and _name(task) != _name(ordered[0]))


def _name(task: AnsweredTask) -> object:
    # a task without one is its own namesake alone
    return task.metadata.get("addonInstanceName") or id(task)


def addon_for(task: AnsweredTask, kind: TaskType, version: str | None = None) -> dict[str, Any]:
    """Return an entry of ``addonList`` that asks for a check of the task's instance."""
    addon = {
        "addonTemplateName": task.metadata["addonTemplateName"],
        "addonInstanceID": task.value_of(Filter.ADDON_INSTANCE_ID),
        "type": str(kind),
        "values": {},
    }
    if kind is TaskType.UPGRADE:
        addon["targetVersion"] = version or _listed_version(task)
    return addon


def awkward_version(task: AnsweredTask) -> str:
    """Return a version that services change which shorten one, leave out its build, or read it as a number."""
    return f"{_listed_version(task)}-rc.1+probe.10"


def _listed_version(task: AnsweredTask) -> str:
    return task.spec.get("addonTargetVersion") or "1.0.1"


def body_of(cluster_id: str, addons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the body of a create request (C: the call that creates check tasks)."""
    return {
        "kind": KIND,
        "apiVersion": API_VERSION,
        "spec": {"clusterID": cluster_id, "addonList": [*addons]},
    }


def bad_bodies(good: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield bodies that break the contract, each with its mistake in words, the most telling first."""

    def changed(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, Any]:
        body = copy.deepcopy(good)
        change(body, body["spec"]["addonList"][0])
        return body

    half_good = changed(lambda body, addon: body["spec"]["addonList"].append({**addon, "targetVersion": None}))
    yield "a good add-on and one for an upgrade to null", half_good
    yield "the type addonUpgrade and no targetVersion", changed(lambda _, addon: addon.pop("targetVersion"))
    yield "an unknown type", changed(lambda _, addon: addon.update(type="addonUnknown"))
    yield "no type", changed(lambda _, addon: addon.pop("type"))
    yield "another kind", changed(lambda body, _: body.update(kind="Cluster"))
    yield "another apiVersion", changed(lambda body, _: body.update(apiVersion="v1"))
    yield "a body that is not JSON", b'{"kind": "AddonCheck",'
    yield "no addonInstanceID", changed(lambda _, addon: addon.pop("addonInstanceID"))
    yield "no addonTemplateName", changed(lambda _, addon: addon.pop("addonTemplateName"))
    yield "no clusterID", changed(lambda body, _: body["spec"].pop("clusterID"))
    yield "no kind", changed(lambda body, _: body.pop("kind"))
    yield "no apiVersion", changed(lambda body, _: body.pop("apiVersion"))
    yield "no spec", changed(lambda body, _: body.pop("spec"))
    yield "a number as addonInstanceID", changed(lambda _, addon: addon.update(addonInstanceID=5))
    yield "an array as body", [good]
