"""The endpoint's own words: values, parameters, paths and headers, as the vendor's pages spell them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from urllib.parse import quote

KIND: Final = "AddonCheck"
API_VERSION: Final = "v3"


class TaskType(StrEnum):
    """``metadata.type``, and the values that the ``type`` filter knows."""

    STATIC = "addonStatic"
    UPGRADE = "addonUpgrade"


class TaskState(StrEnum):
    """``status.status`` of a task, and ``status`` of each of its risks."""

    INIT = "Init"
    RUNNING = "Running"
    FAILED = "Failed"
    SUCCESS = "Success"

    @property
    def final(self) -> bool:
        """Whether the task is finished: ``Failed`` (risks found) or ``Success`` (none found)."""
        return self in _FINAL


_FINAL: Final = frozenset({TaskState.FAILED, TaskState.SUCCESS})


class RiskLevel(StrEnum):
    """``level`` of a risk: a ``Warning`` may be skipped, a ``Fatal`` may not."""

    WARNING = "Warning"
    FATAL = "Fatal"


class Filter(StrEnum):
    """The three query parameters of the list call."""

    TYPE = "type"
    TASK_ID = "task_id"
    ADDON_INSTANCE_ID = "addon_instance_id"

    @property
    def field(self) -> str:
        """The field of a task's ``metadata`` that the filter selects by."""
        return _FIELD_OF[self]


_FIELD_OF: Final = {Filter.TYPE: "type", Filter.TASK_ID: "taskID", Filter.ADDON_INSTANCE_ID: "addonInstanceID"}

TOKEN_HEADER: Final = "X-Auth-Token"  # noqa: S105  a header's name, not a secret
SECURITY_TOKEN_HEADER: Final = "X-Security-Token"  # noqa: S105  as above
CREDENTIAL_HEADERS: Final = frozenset({"authorization", TOKEN_HEADER.lower(), SECURITY_TOKEN_HEADER.lower()})
"""The headers, in lower case, that authenticate a request."""
FRAMING_HEADERS: Final = ("Content-Encoding", "Transfer-Encoding", "Content-Length")
"""The headers that describe how a body was sent, not the body itself."""
PROJECT_HEADER: Final = "X-Project-Id"
DATE_HEADER: Final = "X-Sdk-Date"
REQUEST_ID_HEADER: Final = "X-Request-Id"
TEST_HEADER: Final = "X-Cce-Test"
"""The header that names the test of a request to our own proxy; it is not passed on."""
TOKEN_PATH: Final = "/v3/auth/tokens"  # noqa: S105  a path
"""IAM's call that issues a token (POST)."""


def create_path(project_id: str, cluster_id: str) -> str:
    """Return the path of the create call (POST).

    >>> create_path("p", "c")
    '/api/v3/projects/p/clusters/c/addons/precheck'
    """
    project, cluster = quote(project_id, safe=""), quote(cluster_id, safe="")
    return f"/api/v3/projects/{project}/clusters/{cluster}/addons/precheck"


def list_path(project_id: str, cluster_id: str) -> str:
    """Return the path of the list call (GET); ids are percent-encoded.

    >>> list_path("p", "a/b")
    '/api/v3/projects/p/clusters/a%2Fb/addons/precheck/tasks'
    """
    return create_path(project_id, cluster_id) + "/tasks"
